// What both implementations of Ed25519 refuse before they verify. Without it noble and OpenSSL would differ on crafted
// signatures, and a roster that half of the clients accept splits a round. Only public bytes pass here; nothing is
// constant-time. Not here: the signature equation (portable.ts, native/).
//
// Stricter than RFC 8032 §5.1.7: low-order A and R are refused (a low-order key signs any message), encodings with y ≥ p
// or with x = 0 and the sign bit set are refused (§5.1.3 steps 1 and 4 ask for it; the reference code of many libraries
// does not do it), and the equation is the one without the cofactor, [S]B = R + [k]A, which §5.1.7 allows and OpenSSL uses.
import { fromHex } from '../ids.js';

const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
/** p = 2^255 − 19, little-endian. */
const P = fromHex(`ed${'ff'.repeat(30)}7f`);
/** L = 2^252 + 27742317777372353535851937790883648493, the order of B, little-endian (RFC 8032 §5.1). */
const L = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
/** y of the eight points whose order divides 8, little-endian, sign bit cleared: 1, −1, 0, and the two of order 8. */
const LOW_ORDER_Y = [
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '00'.repeat(32),
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
].map(fromHex);

/** Little-endian a < b, both 32 bytes. */
function below(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Whether 32 bytes may be the encoding of a point we accept: y < p, not of low order. (On the curve? The equation asks that.) */
export function isAcceptablePoint(encoded: Uint8Array): boolean {
  if (encoded.length !== KEY_BYTES) return false;
  const y = encoded.slice();
  y[KEY_BYTES - 1] = (y[KEY_BYTES - 1] ?? 0) & 0x7f;
  return below(y, P) && !LOW_ORDER_Y.some((low) => low.every((byte, i) => byte === y[i]));
}

/** Whether key and signature have the right lengths, canonical S < L, and acceptable A and R. */
export function isAcceptableSignature(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    signature.length === SIGNATURE_BYTES &&
    isAcceptablePoint(publicKey) &&
    isAcceptablePoint(signature.subarray(0, 32)) &&
    below(signature.subarray(32), L)
  );
}
