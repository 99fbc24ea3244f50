// Every implementation that faces the vectors of this folder. Not here: the vectors.
import { webKeystream } from '../../client/webcrypto.js';
import { portablePrimitives } from '../../protocol/crypto/portable.js';
import { portableKeystream } from '../../protocol/crypto/portable-keystream.js';
import type { OpenKeystream, Primitives } from '../../protocol/crypto/primitives.js';
import { fromHex, toHex } from '../../protocol/ids.js';
import { createNativePrimitives, nativeKeystream } from '../../protocol/native/index.js';

export const PRIMITIVES: readonly (readonly [string, Primitives])[] = [
  ['portable', portablePrimitives],
  ['native', createNativePrimitives('jwk')],
  ['native, secrets read as DER', createNativePrimitives('der')],
];

export const KEYSTREAMS: readonly (readonly [string, OpenKeystream])[] = [
  ['portable', portableKeystream],
  ['native', nativeKeystream],
  ['WebCrypto', webKeystream],
];

/** Hex with spaces and line breaks, as standards print it. */
export const bytes = (hex: string): Uint8Array => fromHex(hex.replace(/\s+/g, ''));
export const hex = (value: Uint8Array | undefined): string | undefined => value && toHex(value);
/** from, from + 1, … to. */
export const range = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** A seeded stream of bytes for tests alone (mulberry32, 32 bits of state): it hides nothing. */
export function testRng(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) & 0xff;
  };
  return (length) => Uint8Array.from({ length }, next);
}

/** RFC 7748 §5.2: X25519 over and over, from the base point; what the last iteration gives. */
export function iterated(crypto: Primitives, times: number): string | undefined {
  let k = bytes(`09${'00'.repeat(31)}`);
  let u = k;
  for (let i = 1; i <= times; i++) {
    const next = crypto.agree(k, u);
    if (next === undefined) throw new Error(`iteration ${i} gave the all-zero value`);
    [k, u] = [next, k];
  }
  return hex(k);
}
export const AFTER_1000 = '684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51';
