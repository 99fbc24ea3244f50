// The few vector operations that attacks are written in. Results are new arrays, sums are float64.
// Not here: the fast kernels of the coordinator (server/aggregate); attacks may be slow.

/** c·x, rounded once to float32. */
export function scale(x: Float32Array, c: number): Float32Array {
  return x.map((value) => c * value);
}

/** x − y. */
export function subtract(x: Float32Array, y: Float32Array): Float32Array {
  return x.map((value, i) => value - (y[i] ?? 0));
}

/** Coordinate-wise mean of at least one row. @throws RangeError on none */
export function mean(rows: readonly Float32Array[]): Float32Array {
  const [first] = rows;
  if (first === undefined) throw new RangeError('the mean of no vectors');
  const sum = new Float64Array(first.length);
  for (const row of rows) for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (row[i] ?? 0);
  return Float32Array.from(sum, (total) => total / rows.length);
}

/** L2 norm. */
export function norm(x: Float32Array): number {
  let square = 0;
  for (const value of x) square += value * value;
  return Math.sqrt(square);
}
