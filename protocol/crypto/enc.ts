// The injective encoding under every signature, hash, associated data and key-derivation info of Sotto (protocol.md §2).
// Not the wire: frames are MessagePack (wire/), and nothing is ever signed over those bytes. There is no decoder, because
// nobody parses this; both sides compute it from values they have checked.
//
//   field  = 01 length(4) bytes            a byte string
//          | 02 length(4) UTF-8            a text
//          | 03 value(8)                   an integer 0 … 2^53 − 1
//          | 04 count(4) field*            a list
//   enc(…fields) = the list of its fields; all numbers big-endian
//
// Every field tells its own end from its first five (or nine) bytes. So no encoding is a proper prefix of another, and
// different values never share one: ('ab','c') and ('a','bc'), 1 and '1', 'a' and ['a'], bytes and text all differ.
import { utf8Encode, utf8Length } from './utf8.js';

export { bytesEqual, concat } from './bytes.js';

/** What can be encoded. There is no null, boolean, float or map on purpose: a format with one way to write a thing. */
export type EncField = Uint8Array | string | number | readonly EncField[];

const BYTES = 1;
const TEXT = 2;
const INTEGER = 3;
const LIST = 4;

/**
 * The bytes of a list of fields. The result is new; the fields are only read.
 * @throws RangeError for a number that is no non-negative safe integer, or a text with a lone surrogate
 */
export function enc(...fields: readonly EncField[]): Uint8Array {
  const out = new Uint8Array(sizeOf(fields));
  write(fields, out, new DataView(out.buffer), 0);
  return out;
}

function sizeOf(field: EncField): number {
  if (typeof field === 'number') return 9;
  if (typeof field === 'string') return 5 + utf8Length(field);
  if (field instanceof Uint8Array) return 5 + field.length;
  let size = 5;
  for (const one of field) size += sizeOf(one);
  return size;
}

function write(field: EncField, out: Uint8Array, view: DataView, at: number): number {
  if (typeof field === 'number') {
    if (!Number.isSafeInteger(field) || field < 0)
      throw new RangeError(`enc: ${field} is no non-negative safe integer`);
    out[at] = INTEGER;
    view.setUint32(at + 1, Math.floor(field / 2 ** 32));
    view.setUint32(at + 5, field >>> 0);
    return at + 9;
  }
  if (typeof field === 'string' || field instanceof Uint8Array) {
    const bytes = typeof field === 'string' ? utf8Encode(field) : field;
    out[at] = typeof field === 'string' ? TEXT : BYTES;
    view.setUint32(at + 1, bytes.length);
    out.set(bytes, at + 5);
    return at + 5 + bytes.length;
  }
  out[at] = LIST;
  view.setUint32(at + 1, field.length);
  let next = at + 5;
  for (const one of field) next = write(one, out, view, next);
  return next;
}
