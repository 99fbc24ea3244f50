// Gauss-Legendre nodes and weights, for the integrals of the accountants. Not here: what is integrated.

export interface Nodes {
  /** In (−1, 1), ascending. */
  readonly x: Float64Array;
  readonly weight: Float64Array;
}

/** Nodes of the rule with `count` points, by Newton's method on the Legendre recurrence (DLMF 3.5.19, 18.9.1). */
export function legendreNodes(count: number): Nodes {
  const x = new Float64Array(count);
  const weight = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let at = -Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 1;
    for (let step = 0; step < 100; step++) {
      let [previous, value] = [1, at];
      for (let n = 2; n <= count; n++) [previous, value] = [value, ((2 * n - 1) * at * value - (n - 1) * previous) / n];
      slope = (count * (at * value - previous)) / (at * at - 1);
      const change = value / slope;
      at -= change;
      if (Math.abs(change) < 1e-16) break;
    }
    x[i] = at;
    weight[i] = 2 / ((1 - at * at) * slope * slope);
  }
  return { x, weight };
}
