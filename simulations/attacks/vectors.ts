// The few vector operations that attacks are written in. Formulas run in float64 and are rounded once, when they are sent.
// Not here: the fast kernels of the coordinator (server/aggregate); attacks may be slow.

export type Row = Float32Array | Float64Array;

/** c·x, rounded once to float32. */
export function scale(x: Row, c: number): Float32Array {
  return Float32Array.from(x, (value) => c * value);
}

/** x − y. */
export function subtract(x: Float32Array, y: Float32Array): Float32Array {
  return x.map((value, i) => value - (y[i] ?? 0));
}

/** Coordinate-wise mean of at least one row, in float64. @throws RangeError on none */
export function mean(rows: readonly Row[]): Float64Array {
  const sum = new Float64Array(dimensionOf(rows));
  for (const row of rows) for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (row[i] ?? 0);
  return sum.map((total) => total / rows.length);
}

/** Coordinate-wise standard deviation with divisor n − 1 (robustness.md, notation); 0 for one row. @throws RangeError on none */
export function deviation(rows: readonly Row[], centre: Row = mean(rows)): Float64Array {
  const squares = new Float64Array(dimensionOf(rows));
  for (const row of rows) {
    for (let i = 0; i < squares.length; i++) squares[i] = (squares[i] ?? 0) + ((row[i] ?? 0) - (centre[i] ?? 0)) ** 2;
  }
  const divisor = Math.max(1, rows.length - 1);
  return squares.map((sum) => Math.sqrt(sum / divisor));
}

/** a + c·b. */
export function along(a: Row, c: number, b: Row): Float64Array {
  return Float64Array.from(a, (value, i) => value + c * (b[i] ?? 0));
}

export function dot(x: Row, y: Row): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] ?? 0) * (y[i] ?? 0);
  return sum;
}

/** ‖x − y‖², from differences. */
export function squaredDistance(x: Row, y: Row): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += ((x[i] ?? 0) - (y[i] ?? 0)) ** 2;
  return sum;
}

/** L2 norm. */
export function norm(x: Row): number {
  return Math.sqrt(dot(x, x));
}

function dimensionOf(rows: readonly Row[]): number {
  const [first] = rows;
  if (first === undefined) throw new RangeError('no vectors to take the mean of');
  return first.length;
}
