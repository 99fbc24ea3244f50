// Bounds on exp(−num/den) as integers over 2^precision, by interval arithmetic on whole numbers: the only exponential on the path
// of exact noise. Not here: what is compared with it (table.ts).

/** Beyond the precision asked for, so that squaring does not eat it. */
const GUARD_BITS = 32;

export interface Bounds {
  readonly low: bigint;
  readonly high: bigint;
}

/**
 * low ≤ 2^precision·exp(−num/den) ≤ high, and high − low is a few units.
 * The argument is halved until it is below ½, the alternating series summed with every truncation counted, and the bounds squared back.
 * @param num ≥ 0 @param den > 0
 */
export function expBounds(num: bigint, den: bigint, precision: number): Bounds {
  let halvings = 0;
  while (num * 2n >= den << BigInt(halvings)) halvings++;
  const work = BigInt(precision + GUARD_BITS + halvings);
  const one = 1n << work;
  const low = (num << work) / (den << BigInt(halvings));
  // exp(−t) falls: its lower bound belongs to the upper bound of t.
  let lower = series(low + 1n, work).low;
  let upper = series(low, work).high;
  for (let i = 0; i < halvings; i++) {
    lower = (lower * lower) >> work;
    upper = ((upper * upper) >> work) + 1n;
  }
  const cut = work - BigInt(precision);
  const high = (upper >> cut) + 1n;
  return { low: lower >> cut, high: high > one >> cut ? one >> cut : high };
}

/** Σ (−t)^n/n! for 0 ≤ t ≤ ½, in units of 2^-work. Each term is short by less than two units, and the rest is below the last one. */
function series(t: bigint, work: bigint): Bounds {
  let term = 1n << work;
  let sum = term;
  let n = 1n;
  for (; term > 0n; n++) {
    term = ((term * t) >> work) / n;
    sum = n % 2n === 0n ? sum + term : sum - term;
  }
  const error = 2n * n + 2n;
  return { low: sum - error > 0n ? sum - error : 0n, high: sum + error };
}
