// Numbers for people. Not here: JSON, where numbers stay numbers.

/** 0.9312 → "93.1 %". */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Of a duration in seconds. */
export const seconds = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} s`;

/** Of a number of bytes, in decimal units. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** ε rounded up: a spend is never told smaller than it is. */
export const spent = (epsilon: number, digits: number): string =>
  (Math.ceil(epsilon * 10 ** digits) / 10 ** digits).toFixed(digits);
