// How long a vector may be after stochastic rounding to integers: the sensitivities that integer noise is priced with
// (Kairouz, Liu, Steinke 2021, Proposition 22). Not here: the rounding and the exact norm check that makes these true.

export interface Sensitivity {
  readonly l2: number;
  readonly l1: number;
}

/**
 * Δ₂ = min(c + √d, √(c² + d/4 + √(2 ln(1/β))·(c + √d/2))), Δ₁ = Δ₂·min(√d, Δ₂), in grid steps.
 * @param scaledClip c, the clipping norm in grid steps @param beta a rounding is drawn again with at most this probability; 0: never
 */
export function roundedSensitivity(scaledClip: number, dimension: number, beta: number): Sensitivity {
  const root = Math.sqrt(dimension);
  const slack = Math.sqrt(2 * Math.log(1 / beta)) * (scaledClip + root / 2);
  const l2 = Math.min(scaledClip + root, Math.sqrt(scaledClip ** 2 + dimension / 4 + slack));
  return { l2, l1: l2 * Math.min(root, l2) };
}
