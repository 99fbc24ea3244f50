// From Rényi divergences at several orders to (ε, δ) and back (Canonne, Kamath, Steinke 2020, Proposition 12). Not here: the
// divergences (rdp-sampled.ts, integer-noise.ts), checks of δ (domain.ts).

export interface AtOrder {
  readonly order: number;
}

/**
 * ε = min over α of rdp(α) + ln(1 − 1/α) − ln(δα)/(α − 1), floored at 0; ties go to the lower order.
 * @param rdp one value for each order; +∞ where an order has no bound
 */
export function epsilonOf(
  rdp: ArrayLike<number>,
  orders: readonly number[],
  delta: number,
): AtOrder & { readonly epsilon: number } {
  let best = { epsilon: Infinity, order: orders[0] ?? Number.NaN };
  orders.forEach((order, i) => {
    const value = rdp[i] as number;
    const exact = value + Math.log1p(-1 / order) - Math.log(delta * order) / (order - 1);
    // A divergence of 0 means that nothing was told: the formula, which is for the worst pair, would still ask for a little.
    const epsilon = value === 0 ? 0 : Math.max(0, exact);
    if (epsilon < best.epsilon) best = { epsilon, order };
  });
  return best;
}

/** δ = min over α of min(e^((α−1)(rdp − ε + ln(1 − 1/α)))/α, √(1 − e^−rdp)). @param epsilon ≥ 0 */
export function deltaOf(
  rdp: ArrayLike<number>,
  orders: readonly number[],
  epsilon: number,
): AtOrder & { readonly delta: number } {
  let best = { delta: 1, order: orders[0] ?? Number.NaN };
  orders.forEach((order, i) => {
    const value = rdp[i] as number;
    const tail = Math.exp((order - 1) * (value - epsilon + Math.log1p(-1 / order))) / order;
    const delta = Math.min(tail, Math.sqrt(-Math.expm1(-value)));
    if (delta < best.delta) best = { delta, order };
  });
  return best;
}

/** (ε, δ) for units of `records` related records of one person: (kε, δ(e^(kε) − 1)/(e^ε − 1)) (Dwork, Roth 2014, Theorem 2.2). */
export function groupPrivacy(epsilon: number, delta: number, records: number): { epsilon: number; delta: number } {
  // (e^kε − 1)/(e^ε − 1) tends to k where ε is 0.
  const factor = epsilon === 0 ? records : Math.expm1(records * epsilon) / Math.expm1(epsilon);
  return { epsilon: records * epsilon, delta: Math.min(1, delta * factor) };
}
