// The MessagePack of headers: exactly the values that the pre-scan lets pass, each in the one form that it lets pass. Two hundred
// lines less than a general codec and ten times smaller in a page; a general one, set up to do the same, is compared with it
// in test/wire/fuzz.test.ts (docs/adr/0006). Not here: whether bytes are acceptable (prescan.ts, always before `read`).
import { utf8Decode, utf8Encode } from '../crypto/utf8.js';

/** Grows by doubling; a header has 80 KiB at most. */
class Writer {
  #bytes = new Uint8Array(512);
  #at = 0;

  /** Room for `length` more bytes; where they start. */
  #reserve(length: number): number {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return start;
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }
  /** Big-endian. */
  uint(value: number, width: number): void {
    const start = this.#reserve(width);
    for (let i = 0; i < width; i++) this.#bytes[start + i] = Math.floor(value / 256 ** (width - 1 - i)) % 256;
  }
  double(value: number): void {
    const start = this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(start, value);
  }
  set(bytes: Uint8Array): void {
    const start = this.#reserve(bytes.length);
    this.#bytes.set(bytes, start);
  }
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }
}

/** A lead byte and a count in the shortest of up to three widths. */
function counted(out: Writer, count: number, leads: readonly [number | undefined, number | undefined, number]): void {
  const width = leads[0] !== undefined && count < 0x100 ? 1 : leads[1] !== undefined && count < 0x10000 ? 2 : 4;
  out.byte(leads[width >> 1] ?? 0); // 1 → 0, 2 → 1, 4 → 2
  out.uint(count, width);
}

function write(out: Writer, value: unknown): void {
  if (typeof value === 'number') number(out, value);
  else if (typeof value === 'boolean') out.byte(value ? 0xc3 : 0xc2);
  else if (typeof value === 'string') {
    const bytes = utf8Encode(value);
    if (bytes.length < 0x20) out.byte(0xa0 | bytes.length);
    else counted(out, bytes.length, [0xd9, 0xda, 0xdb]);
    out.set(bytes);
  } else if (value instanceof Uint8Array) {
    counted(out, value.length, [0xc4, 0xc5, 0xc6]);
    out.set(value);
  } else if (Array.isArray(value)) {
    if (value.length < 0x10) out.byte(0x90 | value.length);
    else counted(out, value.length, [undefined, 0xdc, 0xdd]);
    for (const item of value) write(out, item);
  } else if (typeof value === 'object' && value !== null) map(out, Object.entries(value));
  else throw new TypeError(`a header holds no ${typeof value}`);
}

function map(out: Writer, entries: readonly (readonly [string, unknown])[]): void {
  if (entries.length < 0x10) out.byte(0x80 | entries.length);
  else counted(out, entries.length, [undefined, 0xde, 0xdf]);
  for (const [name, item] of entries) {
    write(out, name);
    write(out, item);
  }
}

function number(out: Writer, value: number): void {
  // −0 is an integer to Number.isInteger and would come back as 0: as a double it is refused by the reader, so it never leaves.
  const isCount = Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff && !Object.is(value, -0);
  if (isCount && value < 0x80) out.byte(value);
  else if (isCount) counted(out, value, [0xcc, 0xcd, 0xce]);
  else {
    out.byte(0xcb);
    out.double(value);
  }
}

/** New bytes. Map keys in the order of the object. @throws TypeError on what no header holds (nil, functions), a bug of the caller */
export function packValue(value: unknown): Uint8Array {
  const out = new Writer();
  write(out, value);
  return out.finish();
}

/** Reads what the pre-scan has passed; byte strings are copies. On other bytes the result means nothing. @throws RangeError there, at best */
export function unpackScanned(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const uint = (width: number): number => {
    at += width;
    return width === 1 ? view.getUint8(at - 1) : width === 2 ? view.getUint16(at - 2) : view.getUint32(at - 4);
  };
  const cut = (length: number): Uint8Array => {
    at += length;
    if (at > bytes.length) throw new RangeError('a length beyond the end');
    return bytes.slice(at - length, at);
  };
  const text = (length: number): string => utf8Decode(cut(length)) ?? '';
  const array = (count: number): unknown[] => Array.from({ length: count }, read);
  const map = (count: number): object => {
    const out: Record<string, unknown> = {};
    // The pre-scan passes letters and digits only, a letter first, at most 31: there is no `__proto__` among such names.
    for (let i = 0; i < count; i++) out[text(uint(1) & 0x1f)] = read();
    return out;
  };
  function read(): unknown {
    const lead = uint(1);
    if (lead < 0x80) return lead;
    if (lead < 0x90) return map(lead & 0x0f);
    if (lead < 0xa0) return array(lead & 0x0f);
    if (lead < 0xc0) return text(lead & 0x1f);
    switch (lead) {
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xcb:
        at += 8;
        return view.getFloat64(at - 8);
      case 0xdc:
        return array(uint(2));
      case 0xde:
        return map(uint(2));
    }
    const width = 1 << (lead & 3);
    if (lead <= 0xc6) return cut(uint(width)); // c4 c5 c6
    if (lead <= 0xce) return uint(width); // cc cd ce
    return text(uint(1 << (lead - 0xd9))); // d9 da db
  }
  return read();
}
