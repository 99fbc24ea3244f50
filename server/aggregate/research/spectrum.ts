// Spectra of a few rows in many dimensions: eigenpairs of small symmetric matrices, and inner products of centred rows from their
// pairwise distances, so that no covariance of model size is ever made. Not here: the rules that filter by them (caf.ts, dnc.ts,
// subsets.ts).

/** A sweep rotates every pair once; convergence is quadratic, and a dozen is more than any size here takes. */
const MAX_SWEEPS = 60;
/** Off-diagonal weight, relative to all of the matrix, below which nothing changes any more. */
const STILL = 1e-30;

export interface Eigenpair {
  readonly value: number;
  /** Unit length; its sign, and its direction where the eigenvalue is not simple, mean nothing. */
  readonly vector: Float64Array;
}

/**
 * The largest eigenvalue of a symmetric n × n matrix and its vector, by cyclic Jacobi rotations (Golub and Van Loan, 4th ed.,
 * §8.5.3). A direct method: one power step from a random vector would make every rule on top of it another rule (robustness.md,
 * trap 11). O(n³) a sweep.
 * @param matrix row by row; not changed
 */
export function largestEigenpair(matrix: Float64Array, n: number): Eigenpair {
  const a = Float64Array.from(matrix);
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const total = a.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < MAX_SWEEPS && offDiagonal(a, n) > STILL * total; sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
  }
  let best = 0;
  // safe: indices below n, here and in the helpers.
  for (let i = 1; i < n; i++) if (a[i * n + i]! > a[best * n + best]!) best = i;
  return { value: a[best * n + best]!, vector: Float64Array.from({ length: n }, (_, i) => vectors[i * n + best]!) };
}

function offDiagonal(a: Float64Array, n: number): number {
  let sum = 0;
  for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) sum += 2 * a[p * n + q]! ** 2;
  return sum;
}

/** Makes the entry (p, q) zero. */
function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const off = a[p * n + q]!;
  if (off === 0) return;
  // safe: p and q are below n.
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * off);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q, c, s);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k, c, s);
  for (let k = 0; k < n; k++) turn(vectors, k * n + p, k * n + q, c, s);
  a[p * n + q] = a[q * n + p] = 0;
}

function turn(values: Float64Array, i: number, j: number, c: number, s: number): void {
  // safe: both are places of an n × n matrix.
  const [x, y] = [values[i]!, values[j]!];
  values[i] = c * x - s * y;
  values[j] = s * x + c * y;
}

/**
 * ⟨x_i − μ, x_j − μ⟩ for all i and j, μ = Σ w_i x_i: −½(D_ij − a_i − a_j + b) with D the squared distances, a_i = Σ_k w_k D_ik and
 * b = Σ_i w_i a_i (Torgerson 1952, with weights). Rows of weight 0 count for nothing, however far they are; among the rest one that is
 * 10^8 times farther than the others costs the others' products their digits.
 * @param square n × n squared distances.  @param weights sum 1
 */
export function centredProducts(square: Float64Array, weights: readonly number[]): Float64Array {
  const n = weights.length;
  const away = weights.map((_, i) => {
    let sum = 0;
    // safe: indices below n, here and below.
    for (let k = 0; k < n; k++) if (weights[k]! > 0) sum += weights[k]! * square[i * n + k]!;
    return sum;
  });
  // safe: away and weights have n entries.
  const spread = away.reduce((sum, value, i) => (weights[i]! > 0 ? sum + weights[i]! * value : sum), 0);
  return Float64Array.from(square, (d, at) => -0.5 * (d - away[Math.floor(at / n)]! - away[at % n]! + spread));
}
