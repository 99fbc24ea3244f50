// The header of a frame: plain objects to MessagePack and back. The decoder only ever sees what the pre-scan has passed.
// Not here: frames (frame.ts), which fields exist (schemas.ts), anything signed (crypto/enc.ts; nothing is signed over these bytes).
//
// msgpackr, set up so that nothing of it but maps, arrays, text, bytes, booleans and numbers is reachable: no records, no
// shared structures, no extensions. The one `new Function` it contains builds readers of records; the pre-scan refuses the
// extension that defines them, so a browser with a Content-Security-Policy without `unsafe-eval` runs this (tested).
// The entry points /pack and /unpack leave out its Node streams and its native string reader.

import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { type PrescanFault, prescan } from './prescan.js';

// `variableMapSize`: shortest map heads, which the pre-scan demands. These two hold scratch memory and no meaning.
const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false });
// `copyBuffers`: byte strings get memory of their own; a view would keep a whole frame alive for the sake of one key.
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });

/** Object with fields in the order they are to be written. The result is new and the caller's. */
export function encodeHeader(fields: object): Uint8Array {
  const pooled: Uint8Array = packr.pack(fields);
  return new Uint8Array(pooled);
}

export type HeaderResult = { readonly ok: true; readonly fields: unknown } | ({ readonly ok: false } & PrescanFault);

/**
 * Pre-scan, then decode. Never throws. Byte strings in the result are copies: `bytes` is free for other use afterwards.
 * @param bytes a plain Uint8Array, not a Buffer: msgpackr would hand out Buffers, whose `slice` shares memory
 */
export function decodeHeader(bytes: Uint8Array): HeaderResult {
  const fault = prescan(bytes);
  if (fault !== undefined) return { ok: false, ...fault };
  try {
    const fields: unknown = unpackr.unpack(bytes);
    return { ok: true, fields };
  } catch {
    // No input is known to come here: the fuzzing test asserts that the pre-scan leaves nothing for msgpackr to refuse.
    return { ok: false, code: 'WIRE_MALFORMED', offset: 0, reason: DECODER_REFUSED };
  }
}

/** The `reason` of a header that the pre-scan passed and msgpackr did not. */
export const DECODER_REFUSED = 'the decoder refused what the pre-scan had passed';
