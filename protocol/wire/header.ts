// The header of a frame: plain objects to MessagePack and back. The decoder only ever sees what the pre-scan has passed.
// Not here: frames (frame.ts), which fields exist (schemas.ts), anything signed (crypto/enc.ts; nothing is signed over these bytes).

import { packValue, unpackScanned } from './msgpack.js';
import { type PrescanFault, prescan } from './prescan.js';

/** Object with fields in the order they are to be written. The result is new and the caller's. */
export const encodeHeader = (fields: object): Uint8Array => packValue(fields);

export type HeaderResult = { readonly ok: true; readonly fields: unknown } | ({ readonly ok: false } & PrescanFault);

/** Pre-scan, then decode. Never throws. Byte strings in the result are copies: `bytes` is free for other use afterwards. */
export function decodeHeader(bytes: Uint8Array): HeaderResult {
  const fault = prescan(bytes);
  return fault === undefined ? { ok: true, fields: unpackScanned(bytes) } : { ok: false, ...fault };
}
