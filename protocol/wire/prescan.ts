// One pass over the bytes of a header before any decoder sees them. What passes is a small, flat, canonical piece of
// MessagePack on which no decoder can block, overflow its stack, allocate at will, or build a type of its own; what does not
// pass is refused with the offset. Why it is needed: no general decoder is safe on hostile bytes (a megabyte of nested or
// empty arrays kills the process or its stack, a map with a million keys blocks it for seconds, extension 0x72 defines
// records even where records are off, a duplicate key silently wins). Not here: which fields a message has (schemas.ts).
//
// Accepted: maps whose keys are distinct names, arrays, UTF-8 text, byte strings, true and false, integers 0 … 2^32 − 1, and
// doubles that are finite and no integers. Each in its shortest form, so that one value has one encoding.
// Stricter than MessagePack: no nil, no negative or 64-bit integer, no float32, no extension, no length longer than needed.

import { MAX_HEADER_DEPTH, MAX_HEADER_ITEMS, MAX_MAP_KEYS } from '../limits.js';

export interface PrescanFault {
  readonly code: 'WIRE_MALFORMED' | 'WIRE_TOO_LARGE';
  /** Relative to the start of the scanned bytes. */
  readonly offset: number;
  /** For the log; the peer is told the code alone. */
  readonly reason: string;
}

interface Scan {
  readonly bytes: Uint8Array;
  at: number;
  items: number;
  /** Where the keys of each open map start: a row of MAX_MAP_KEYS per depth. The only allocation, of constant size. */
  readonly keys: Int32Array;
  fault: PrescanFault | undefined;
}

/** `undefined` where the bytes are exactly one acceptable map. Linear in the length; never throws. */
export function prescan(bytes: Uint8Array): PrescanFault | undefined {
  const keys = new Int32Array((MAX_HEADER_DEPTH + 1) * MAX_MAP_KEYS);
  const s: Scan = { bytes, at: 0, items: 0, keys, fault: undefined };
  const lead = bytes[0];
  if (lead === undefined) return { code: 'WIRE_MALFORMED', offset: 0, reason: 'the header is empty' };
  if (!(lead >= 0x80 && lead < 0x90) && lead !== 0xde) {
    return { code: 'WIRE_MALFORMED', offset: 0, reason: 'the header is no map' };
  }
  if (value(s, 1) && s.at < bytes.length) malformed(s, 'bytes behind the map');
  return s.fault;
}

function refuse(s: Scan, code: PrescanFault['code'], reason: string, offset: number): false {
  s.fault = { code, offset, reason };
  return false;
}
const malformed = (s: Scan, reason: string, offset = s.at): false => refuse(s, 'WIRE_MALFORMED', reason, offset);
const tooLarge = (s: Scan, reason: string, offset = s.at): false => refuse(s, 'WIRE_TOO_LARGE', reason, offset);

/** One value at nesting `depth`; the outermost map has depth 1. The recursion is as deep as MAX_HEADER_DEPTH at most. */
function value(s: Scan, depth: number): boolean {
  const start = s.at;
  const lead = s.bytes[start];
  if (lead === undefined) return malformed(s, 'cut off');
  if (++s.items > MAX_HEADER_ITEMS) return tooLarge(s, 'too many values');
  s.at++;
  if (lead < 0x80) return true;
  if (lead < 0x90) return map(s, depth, lead & 0x0f, start);
  if (lead < 0xa0) return array(s, depth, lead & 0x0f, start);
  if (lead < 0xc0) return text(s, lead & 0x1f);
  switch (lead) {
    case 0xc2: // false
    case 0xc3: // true
      return true;
    case 0xc4:
      return skip(s, uint(s, 1, 0));
    case 0xc5:
      return skip(s, uint(s, 2, 0x100));
    case 0xc6:
      return skip(s, uint(s, 4, 0x10000));
    case 0xcb:
      return double(s);
    case 0xcc:
      return uint(s, 1, 0x80) >= 0;
    case 0xcd:
      return uint(s, 2, 0x100) >= 0;
    case 0xce:
      return uint(s, 4, 0x10000) >= 0;
    case 0xd9:
      return text(s, uint(s, 1, 0x20));
    case 0xda:
      return text(s, uint(s, 2, 0x100));
    case 0xdb:
      return text(s, uint(s, 4, 0x10000));
    case 0xdc:
      return array(s, depth, uint(s, 2, 0x10), start);
    case 0xde:
      return map(s, depth, uint(s, 2, 0x10), start);
    default:
      // c0 nil, c1 never used, c7-c9 and d4-d8 extensions, ca float32, cf and d0-d3 and e0-ff integers that no field has,
      // dd and df: counts above 65,535 that are over the limit anyway.
      return malformed(s, 'a type that no header holds', start);
  }
}

/** A big-endian number of 1, 2 or 4 bytes; −1 with the fault set if it is cut off or fits a shorter form. */
function uint(s: Scan, width: 1 | 2 | 4, least: number): number {
  if (s.bytes.length - s.at < width) {
    malformed(s, 'cut off');
    return -1;
  }
  let n = 0;
  for (let i = 0; i < width; i++) n = n * 256 + (s.bytes[s.at + i] ?? 0);
  if (n < least) {
    malformed(s, 'longer than needed');
    return -1;
  }
  s.at += width;
  return n;
}

/** Passes over `length` bytes; a length of −1 has been refused already. */
function skip(s: Scan, length: number): boolean {
  if (length < 0) return false;
  if (length > s.bytes.length - s.at) return malformed(s, 'cut off');
  s.at += length;
  return true;
}

function double(s: Scan): boolean {
  const start = s.at;
  if (!skip(s, 8)) return false;
  const n = new DataView(s.bytes.buffer, s.bytes.byteOffset + start, 8).getFloat64(0);
  if (!Number.isFinite(n)) return malformed(s, 'a number that is not finite', start);
  return Number.isInteger(n) ? malformed(s, 'an integer as a double', start) : true;
}

function text(s: Scan, length: number): boolean {
  const start = s.at;
  if (!skip(s, length)) return false;
  if (!isUtf8(s.bytes, start, s.at)) return malformed(s, 'text that is not UTF-8', start);
  // A TextDecoder drops a leading byte order mark, so such a text would not come back as it was sent.
  if (s.bytes[start] === 0xef && s.bytes[start + 1] === 0xbb && s.bytes[start + 2] === 0xbf && length >= 3) {
    return malformed(s, 'text with a byte order mark', start);
  }
  return true;
}

function array(s: Scan, depth: number, count: number, start: number): boolean {
  if (count < 0) return false;
  if (depth > MAX_HEADER_DEPTH) return tooLarge(s, 'nested too deep', start);
  if (count > MAX_HEADER_ITEMS) return tooLarge(s, 'too many values', start);
  if (count > s.bytes.length - s.at) return malformed(s, 'cut off', start);
  for (let i = 0; i < count; i++) if (!value(s, depth + 1)) return false;
  return true;
}

function map(s: Scan, depth: number, count: number, start: number): boolean {
  if (count < 0) return false;
  if (depth > MAX_HEADER_DEPTH) return tooLarge(s, 'nested too deep', start);
  if (count > MAX_MAP_KEYS) return tooLarge(s, 'too many keys', start);
  if (2 * count > s.bytes.length - s.at) return malformed(s, 'cut off', start);
  const row = depth * MAX_MAP_KEYS;
  for (let i = 0; i < count; i++) {
    const keyStart = s.at;
    if (!name(s)) return false;
    for (let j = 0; j < i; j++) {
      if (sameBytes(s.bytes, s.keys[row + j] ?? 0, keyStart, s.at)) return malformed(s, 'a map key twice', keyStart);
    }
    s.keys[row + i] = keyStart;
    if (!value(s, depth + 1)) return false;
  }
  return true;
}

/**
 * A key: 1 to 31 ASCII letters and digits, a letter first. All our fields are named so, and objects with such keys alone
 * keep them in the order of writing (JavaScript moves keys like "1" to the front) and have no `__proto__`.
 */
function name(s: Scan): boolean {
  const start = s.at;
  const length = (s.bytes[start] ?? 0) - 0xa0;
  if (length < 1 || length > 31) return malformed(s, 'a map key that is no name');
  if (++s.items > MAX_HEADER_ITEMS) return tooLarge(s, 'too many values');
  s.at++;
  if (!skip(s, length)) return false;
  for (let i = start + 1; i < s.at; i++) {
    const unit = s.bytes[i] ?? 0;
    const isLetter = (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
    const isDigit = unit >= 0x30 && unit <= 0x39;
    if (!isLetter && !(isDigit && i > start + 1)) return malformed(s, 'a map key that is no name', start);
  }
  return true;
}

/** Whether the bytes from `other` on begin with those of `from … to`. Keys tell their own length, so that means equal keys. */
function sameBytes(bytes: Uint8Array, other: number, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[other + i - from] !== bytes[i]) return false;
  return true;
}

/** RFC 3629 §3-4: no overlong form, no surrogate, nothing above U+10FFFF. In place, unlike crypto/utf8.ts, which builds the string. */
export function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; ) {
    const lead = bytes[i++] ?? 0;
    if (lead < 0x80) continue;
    const more =
      lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 0;
    if (more === 0 || i + more > to) return false;
    const second = bytes[i] ?? 0;
    if (lead === 0xe0 && second < 0xa0) return false;
    if (lead === 0xed && second > 0x9f) return false;
    if (lead === 0xf0 && second < 0x90) return false;
    if (lead === 0xf4 && second > 0x8f) return false;
    for (let k = 0; k < more; k++) if (((bytes[i++] ?? 0) & 0xc0) !== 0x80) return false;
  }
  return true;
}
