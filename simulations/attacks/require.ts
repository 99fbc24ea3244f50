// Checks of the numbers an attack is made with. RangeErrors here become CONFIG_INVALID in spec.ts.

export function requirePositive(field: string, value: number): void {
  if (!(Number.isFinite(value) && value > 0)) throw new RangeError(`${field} is ${value}; it must be a number above 0`);
}

/** @throws RangeError unless 0 < value ≤ 1 */
export function requireShare(field: string, value: number): void {
  if (!(value > 0 && value <= 1)) throw new RangeError(`${field} is ${value}; it must be above 0 and at most 1`);
}

/** @throws RangeError unless a whole number of at least `least` */
export function requireCount(field: string, value: number, least = 0): void {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new RangeError(`${field} is ${value}; it must be a whole number of at least ${least}`);
  }
}
