// Does noise, and do batches, look as they are priced? Each check gives a p-value: how likely so much deviation is where all is well, so
// a threshold of 10^-6 is a false-alarm rate of 10^-6. Not here: attacks on what is released (harness.ts).

import { normalCdf } from '../../protocol/privacy/normal.js';
import { twoSided } from './bounds.js';

/**
 * Lower tail of the sample variance about 0 against the variance that was promised. Σx²/σ² is χ²_n for Gaussians and close enough for
 * discrete ones; its cube root is nearly normal (Wilson, Hilferty 1931).
 * @param noise what a release has beside the known sum; a few thousand values
 */
export function varianceTooLow(
  noise: ArrayLike<number>,
  variance: number,
): { readonly ratio: number; readonly pValue: number } {
  const n = noise.length;
  let square = 0;
  for (let i = 0; i < n; i++) square += (noise[i] as number) ** 2;
  const ratio = square / variance / n;
  return { ratio, pValue: normalCdf(wilsonHilferty(ratio, n)) };
}

const wilsonHilferty = (ratio: number, n: number): number =>
  (Math.cbrt(ratio) - (1 - 2 / (9 * n))) / Math.sqrt(2 / (9 * n));

/** The worse half, Bonferroni for two: noise that went twice to one half and never to the other has the right variance on average. */
export function halfTooLow(
  noise: ArrayLike<number>,
  variance: number,
): { readonly ratio: number; readonly pValue: number } {
  const all = Array.from(noise);
  const middle = all.length >> 1;
  const [first, second] = [varianceTooLow(all.slice(0, middle), variance), varianceTooLow(all.slice(middle), variance)];
  const worse = first.pValue < second.pValue ? first : second;
  return { ratio: worse.ratio, pValue: Math.min(1, 2 * worse.pValue) };
}

/** Correlation of the noise of two releases: 0 where each was drawn anew, 1 where one draw entered both. */
export function reusedNoise(
  one: ArrayLike<number>,
  other: ArrayLike<number>,
): { readonly correlation: number; readonly pValue: number } {
  let [product, left, right] = [0, 0, 0];
  for (let i = 0; i < one.length; i++) {
    const [x, y] = [one[i] as number, other[i] as number];
    product += x * y;
    left += x * x;
    right += y * y;
  }
  const correlation = product / Math.sqrt(left * right);
  return { correlation, pValue: twoSided(correlation * Math.sqrt(one.length)) };
}

/**
 * Whether batches are Poisson: their sizes are Bin(n, q), so their spread is that of coins, neither less (batches of one size, whole
 * epochs) nor more. @param sizes of a hundred steps or more
 */
export function notPoisson(
  sizes: readonly number[],
  records: number,
  rate: number,
): { readonly dispersion: number; readonly pValue: number } {
  const [mean, variance] = [records * rate, records * rate * (1 - rate)];
  const dispersion = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / variance / sizes.length;
  return { dispersion, pValue: twoSided(wilsonHilferty(dispersion, sizes.length)) };
}
