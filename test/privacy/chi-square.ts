// χ² of integer samples against an exact pmf. Not a test.

/** χ² of samples against the exact pmf, cells of at least 10 expected; as standard normal (Wilson, Hilferty 1931). */
export function chiSquare(samples: Iterable<number>, count: number, pmf: (x: number) => number): number {
  const seen = new Map<number, number>();
  for (const x of samples) seen.set(x, (seen.get(x) ?? 0) + 1);
  let square = 0;
  let cells = 0;
  let [restSeen, restExpected] = [count, count];
  for (let x = 0; count * pmf(x) >= 10; x++)
    for (const at of x === 0 ? [0] : [x, -x]) {
      const expected = count * pmf(at);
      square += ((seen.get(at) ?? 0) - expected) ** 2 / expected;
      restSeen -= seen.get(at) ?? 0;
      restExpected -= expected;
      cells++;
    }
  if (restExpected >= 1) square += (restSeen - restExpected) ** 2 / restExpected;
  const k = restExpected >= 1 ? cells : cells - 1;
  return ((square / k) ** (1 / 3) - (1 - 2 / (9 * k))) / Math.sqrt(2 / (9 * k));
}
/** p = 1e-3 of a standard normal, upper tail. */
export const LIMIT = 3.09;
