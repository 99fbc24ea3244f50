// The store's own rows, whose names start with `!`: signed head, live bytes, digest of all rows. Not here: state rows (audit/).

import type { SignedHead } from '../../protocol/audit/event.js';
import { utf8Decode, utf8Encode } from '../../protocol/crypto/utf8.js';
import { fromHex, type Hash, isHex32, toHex } from '../../protocol/ids.js';

export const HEAD_ROW = '!head';
export const BYTES_ROW = '!bytes';
export const DIGEST_ROW = '!rows';
/** All that there are. */
export const OWN_ROWS: readonly string[] = [HEAD_ROW, BYTES_ROW, DIGEST_ROW];

export const headBytes = ({ seq, hash, signature }: SignedHead): Uint8Array =>
  utf8Encode(JSON.stringify([seq, hash, toHex(signature)]));

/** `undefined` for what is none. */
export function headOf(bytes: Uint8Array): SignedHead | undefined {
  try {
    const [seq, hash, signature] = JSON.parse(utf8Decode(bytes) ?? '') as unknown[];
    if (!Number.isSafeInteger(seq) || typeof hash !== 'string' || !isHex32(hash)) return undefined;
    if (typeof signature !== 'string' || !/^[0-9a-f]{128}$/.test(signature)) return undefined;
    return { seq: seq as number, hash: hash as Hash, signature: fromHex(signature) };
  } catch {
    return undefined;
  }
}

export const numberBytes = (value: number): Uint8Array => utf8Encode(String(value));

export function bytesOf(row: Uint8Array | undefined): number | undefined {
  const value = row === undefined ? Number.NaN : Number(utf8Decode(row));
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
