// Names and branded types of the things the protocol talks about. Not here: their bytes (wire/) or their keys (crypto/).

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** A client: its Ed25519 public key in 64 lower-case hex digits. There is no other identity, so a name cannot be moved to another key. */
export type ClientId = Brand<string, 'ClientId'>;
/** 32-byte SHA-256 output in 64 lower-case hex digits: of a model, an aggregate, a config, a chain record. */
export type Hash = Brand<string, 'Hash'>;
/** A group of a task, 0-based. Groups are fixed for the life of the roster (So et al. 2021: re-drawn groups leak members). */
export type GroupId = number;
/** A member's position in its group's roster of this round, 0-based. Its Shamir abscissa is rank + 1. */
export type Rank = number;
/** A point on, or a length of, the driver's monotonic clock, in milliseconds. The core never reads a clock. */
export type Millis = number;

const HEX = /^[0-9a-f]{64}$/;
export const isHex32 = (text: string): boolean => HEX.test(text);

const digit = (value: number): number => value + (value < 10 ? 48 : 87);
/** What fits into the arguments of a call. */
const DIGITS_AT_ONCE = 4_096;

/** Not added up byte by byte: of such a string V8 keeps every step, a kilobyte for one hash. */
export function toHex(bytes: Uint8Array): string {
  const digits = new Uint8Array(2 * bytes.length);
  bytes.forEach((byte, i) => {
    digits[2 * i] = digit(byte >> 4);
    digits[2 * i + 1] = digit(byte & 15);
  });
  let out = '';
  for (let i = 0; i < digits.length; i += DIGITS_AT_ONCE)
    out += String.fromCharCode(...digits.subarray(i, i + DIGITS_AT_ONCE));
  return out;
}

/** @throws RangeError on an odd length or a character that is no hex digit: callers hand in strings that a schema has checked. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new RangeError('not a hex string');
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

export const clientId = (publicKey: Uint8Array): ClientId => toHex(publicKey) as ClientId;
export const hashOf = (digest: Uint8Array): Hash => toHex(digest) as Hash;
export const publicKeyOf = (id: ClientId): Uint8Array => fromHex(id);
