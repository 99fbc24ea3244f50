// Inputs that a trained model gets wrong: FGSM and PGD, over a gradient that the caller computes. Reports clean, FGSM and PGD accuracy side by
// side; PGD ≤ FGSM ≤ clean, and → 0 as ε grows, or gradients are masked. Not here: any model.

type Vector = Float64Array<ArrayBuffer>;

export interface Box {
  /** Range of an input's values. */
  readonly min: number;
  readonly max: number;
}
const clamp = (value: number, min: number, max: number): number => Math.max(min, Math.min(max, value));

/** x + ε·sign(∇), sign 0 = 0, clamped to the box (Goodfellow et al. 2015). @param gradient of the loss at x */
export const fgsm = (x: ArrayLike<number>, gradient: ArrayLike<number>, epsilon: number, { min, max }: Box): Vector =>
  Float64Array.from(x, (value, i) => clamp(value + epsilon * Math.sign(gradient[i] ?? 0), min, max));

export interface PgdOptions extends Box {
  readonly epsilon: number;
  /** Length of a step, per coordinate. */
  readonly step: number;
  readonly steps: number;
  /** Uniform in [0, 1): starts at random within ε of x. Without it, at x. */
  readonly random?: () => number;
}

/** x ← clamp(Π_{|x−x₀|∞≤ε}(x + a·sign ∇)), `steps` times (Madry et al. 2018; for MNIST ε = 0.3, a = 0.01, 40 steps, random start). */
export function pgd(
  start: ArrayLike<number>,
  gradientAt: (x: Vector) => ArrayLike<number>,
  { epsilon, step, steps, min, max, random }: PgdOptions,
): Vector {
  const near = (value: number, i: number): number => {
    const centre = start[i] ?? 0;
    return clamp(clamp(value, centre - epsilon, centre + epsilon), min, max);
  };
  let x = Float64Array.from(start, (value, i) =>
    random === undefined ? value : near(value + epsilon * (2 * random() - 1), i),
  );
  for (let i = 0; i < steps; i++) {
    const gradient = gradientAt(x);
    x = x.map((value, at) => near(value + step * Math.sign(gradient[at] ?? 0), at));
  }
  return x;
}
