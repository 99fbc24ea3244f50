// Small things one does with byte arrays. Not here: hex (ids.ts), text (utf8.ts), structure (enc.ts).

/**
 * Whether two arrays hold the same bytes. Reads all of them whatever it meets, so the time depends on the lengths alone
 * (as far as a JavaScript engine lets one say that; the lengths of our secrets are public).
 */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** The parts one after the other, in a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Zeros. What JavaScript cannot promise: copies that an engine or a garbage collector has made. */
export function wipe(...arrays: readonly { fill(value: number): unknown }[]): void {
  for (const array of arrays) array.fill(0);
}
