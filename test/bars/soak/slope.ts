// Whether a series rises: least squares with the standard error of the slope. Not here: what is measured (run.ts).

export interface Slope {
  /** Per step. */
  readonly slope: number;
  /** The least that it is with 97.5 % confidence, if the deviations are independent: below zero, nothing is shown to rise. */
  readonly atLeast: number;
  readonly mean: number;
}

/** @param xs steps, e.g. rounds @param ys as many values; at least three of them */
export function slopeOf(xs: readonly number[], ys: readonly number[]): Slope {
  const n = ys.length;
  if (n < 3 || xs.length !== n) throw new RangeError(`a slope needs three points, there are ${n}`);
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / n;
  const [x0, y0] = [mean(xs), mean(ys)];
  let [sxx, sxy] = [0, 0];
  xs.forEach((x, i) => {
    sxx += (x - x0) ** 2;
    sxy += (x - x0) * ((ys[i] ?? 0) - y0);
  });
  const slope = sxy / sxx;
  const rest = xs.reduce((sum, x, i) => sum + ((ys[i] ?? 0) - y0 - slope * (x - x0)) ** 2, 0);
  const error = Math.sqrt(rest / (n - 2) / sxx);
  return { slope, atLeast: slope - 1.96 * error, mean: y0 };
}
