// The arithmetic of one DP-SGD step on plain numbers: factors, the noised sum, the public denominator. Source: Abadi et al. 2016,
// Algorithm 1, with Poisson batches; privacy.md §3.1. Not here: gradients (tape.ts), noise (noise-*.ts), batches (batches.ts).

/** Keeps the factor of a gradient of length 0 finite; smaller than any clipping norm that makes sense. */
const NORM_SLACK = 1e-6;

/** min(1, C ÷ (norm + 1e-6)): with it no record is longer than `clipNorm`. @param norms finite, ≥ 0 */
export function clipFactors(norms: ArrayLike<number>, clipNorm: number): Float64Array {
  return Float64Array.from(norms, (norm) => Math.min(1, clipNorm / (norm + NORM_SLACK)));
}

/** Divides the noised sum by the public denominator, in place. The batch's real size must not get in here. */
export function divide(sum: Float64Array, denominator: number): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) / denominator;
}
