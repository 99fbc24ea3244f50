// Tail quantiles that the sketch bounds rest on: chi-square (regularised incomplete gamma) and the fair binomial.
// Not here: what they bound (bounds.ts); noise or its accounting (privacy/).

/** ln Γ(x), x > 0; Lanczos approximation (g = 7, n = 9), relative error below 1e-13. */
export function lnGamma(x: number): number {
  const c = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const y = x - 1;
  let sum = c[0] as number;
  for (let i = 1; i < c.length; i++) sum += (c[i] as number) / (y + i);
  const t = y + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** ln P(a, x) and ln Q(a, x), the lower and upper regularised incomplete gamma; series below a + 1, continued fraction above. */
function lnGammaTails(a: number, x: number): { lower: number; upper: number } {
  const front = a * Math.log(x) - x - lnGamma(a);
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = a + 1; term > sum * 1e-17; n++) {
      term *= x / n;
      sum += term;
    }
    const lower = front + Math.log(sum);
    return { lower, upper: Math.log1p(-Math.exp(lower)) };
  }
  // Lentz's method for the continued fraction of Q (DLMF 8.9.2).
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < 10_000; i++) {
    const an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    const delta = d * c;
    h *= delta;
    if (Math.abs(delta - 1) < 1e-16) break;
  }
  const upper = front + Math.log(h);
  return { lower: Math.log1p(-Math.exp(upper)), upper };
}

/** x with P[χ²_k > x] = 2^-bits. */
export const chiSquareUpper = (k: number, bits: number): number =>
  bisect((x) => lnGammaTails(k / 2, x / 2).upper + bits * Math.LN2 < 0, k, 40 * (k + bits));

/** x with P[χ²_k < x] = 2^-bits. */
export const chiSquareLower = (k: number, bits: number): number =>
  bisect((x) => lnGammaTails(k / 2, x / 2).lower + bits * Math.LN2 > 0, 0, k);

/** Largest m with P[Bin(k, ½) < m] ≤ 2^-bits. */
export function binomialLower(k: number, bits: number): number {
  let tail = 0;
  for (let m = 0; m <= k; m++) {
    tail += Math.exp(lnGamma(k + 1) - lnGamma(m + 1) - lnGamma(k - m + 1) - k * Math.LN2);
    if (tail > 2 ** -bits) return m;
  }
  return k;
}

/** The border in [from, to] where `above` turns true. */
function bisect(above: (x: number) => boolean, from: number, to: number): number {
  let [low, high] = [from, to];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (above(middle)) high = middle;
    else low = middle;
  }
  return high;
}
