// The field of 256 elements of FIPS 197 §4.2, modulus x^8 + x^4 + x^3 + x + 1. Its elements here are secret bytes, so there
// are no tables indexed by them and no branches on them. Not here: what it is for (shamir.ts).

/** a·b. FIPS 197 §4.2: {57}·{83} = {c1}. Same work for every input. */
export function gfMul(a: number, b: number): number {
  let product = 0;
  let power = a;
  for (let i = 0; i < 8; i++) {
    product ^= power & -((b >>> i) & 1);
    power = ((power << 1) ^ (0x11b & -(power >>> 7))) & 0xff;
  }
  return product;
}

/** a^254, which is 1/a, and 0 for 0. FIPS 197 §5.1.1. */
export function gfInverse(a: number): number {
  let result = 1;
  for (let i = 0; i < 7; i++) {
    a = gfMul(a, a);
    result = gfMul(result, a);
  }
  return result;
}

/**
 * Multiplies four field elements, packed in a 32-bit word, by one: a quarter of the work of `gfMul`, no carries between
 * the bytes. `by` is public in Shamir (an abscissa or a Lagrange coefficient), and is still not branched on.
 */
export function gfMulWord(word: number, by: number): number {
  let product = 0;
  let power = word;
  for (let i = 0; i < 8; i++) {
    product ^= power & -((by >>> i) & 1);
    power = ((power & 0x7f7f7f7f) << 1) ^ (((power >>> 7) & 0x01010101) * 0x1b);
  }
  return product;
}
