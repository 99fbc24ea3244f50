// One message to the bytes of one frame and back. The layout:
//
//   0  magic      u32  "SOTO"
//   4  version    u8   1
//   5  type       u8   types.ts
//   6  flags      u16  0
//   8  headerLen  u32  ≤ MAX_HEADER_BYTES
//   12 header     MessagePack, canonical (prescan.ts), fields in the order of the schema
//      and, for the kinds with a section: zero bytes up to a multiple of 8, then the section, up to the end of the frame
//
// All numbers of the prefix are big-endian. Each message has exactly one encoding, and whatever decodes encodes to the same
// bytes again. The bytes of a section are not looked at here; vectors in it are little-endian (PROTOCOL.md).
// Not here: sockets (drivers), which message is allowed when (round/, participant/), splitting vectors (chunks.ts).

import { SottoError } from '../errors.js';
import { CHUNK_BYTES, MAX_FRAME_BYTES, MAX_HEADER_BYTES } from '../limits.js';
import { decodeHeader, encodeHeader } from './header.js';
import type { Message, MessageKind } from './messages.js';
import { checkFields, inSchemaOrder } from './schemas.js';
import { kindOfByte, TYPE_BYTES } from './types.js';

/** "SOTO" */
export const MAGIC = 0x534f544f;
/** Of the frame and all messages in it. Labels carry the same number (crypto/labels.ts). */
export const WIRE_VERSION = 1;
/** Bytes before the header. */
export const PREFIX_BYTES = 12;
/** Sections start at multiples of this, counted from the start of the frame. */
export const ALIGNMENT = 8;

export type WireFaultCode = 'WIRE_MALFORMED' | 'WIRE_VERSION' | 'WIRE_TOO_LARGE' | 'WIRE_UNKNOWN_TYPE' | 'WIRE_SCHEMA';
export interface WireFault {
  readonly ok: false;
  /** All that the peer is told. */
  readonly code: WireFaultCode;
  /** For the log: where in the frame, a fixed text that holds nothing of the input, and the path of the field. */
  readonly reason: string;
  readonly offset?: number;
  readonly field?: string;
}
export type Decoded = { readonly ok: true; readonly message: Message } | WireFault;

const padded = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;

/**
 * The frame of a message. Checks it like a received one: what we would refuse we do not send.
 * @returns new bytes; the section is copied into them
 * @throws SottoError INTERNAL if the message is no legal one: a bug of the caller, never the fault of a peer
 */
export function encodeFrame(message: Message): Uint8Array {
  const { kind, ...rest } = message;
  const section = 'section' in message ? message.section : undefined;
  const checked = checkFields(kind, section === undefined ? rest : { ...rest, section: section.length });
  if (!checked.ok) throw unsendable(kind, checked.field ?? 'fields that do not fit each other');
  const header = encodeHeader(checked.fields);
  if (header.length > MAX_HEADER_BYTES) throw unsendable(kind, 'a header over its limit');
  if (section !== undefined && section.length > CHUNK_BYTES) throw unsendable(kind, 'section');
  const headerEnd = PREFIX_BYTES + header.length;
  const sectionStart = padded(headerEnd);
  const out = new Uint8Array(section === undefined ? headerEnd : sectionStart + section.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(4, WIRE_VERSION);
  view.setUint8(5, TYPE_BYTES[kind]);
  view.setUint32(8, header.length);
  out.set(header, PREFIX_BYTES);
  if (section !== undefined) out.set(section, sectionStart);
  return out;
}

const unsendable = (kind: MessageKind, what: string): SottoError =>
  new SottoError('INTERNAL', `a message ${kind} with a bad ${what} was about to be sent`, { kind, field: what });

/**
 * The message of a frame. Never throws; one frame is exactly one message, without a byte before or behind it.
 *
 * Ownership: a `section` is a view into `bytes`, all other byte strings are copies. Whoever reuses or transfers `bytes`
 * copies the section first. The view need not be aligned in memory (a socket may hand over any offset): `alignedSection`.
 */
export function decodeFrame(bytes: Uint8Array): Decoded {
  // As a plain Uint8Array even if it is a Buffer: `slice` of a Buffer shares memory where the core relies on a copy.
  const frame = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (frame.length > MAX_FRAME_BYTES) return fault('WIRE_TOO_LARGE', 'a frame over its limit');
  if (frame.length < PREFIX_BYTES) return fault('WIRE_MALFORMED', 'cut off', frame.length);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0) !== MAGIC) return fault('WIRE_MALFORMED', 'another magic number', 0);
  if (view.getUint8(4) !== WIRE_VERSION) return fault('WIRE_VERSION', 'another version', 4);
  const kind = kindOfByte(view.getUint8(5));
  if (kind === undefined) return fault('WIRE_UNKNOWN_TYPE', 'no message has this type', 5);
  if (view.getUint16(6) !== 0) return fault('WIRE_MALFORMED', 'unknown flags', 6);
  const headerLength = view.getUint32(8);
  if (headerLength > MAX_HEADER_BYTES) return fault('WIRE_TOO_LARGE', 'a header over its limit', 8);
  const headerEnd = PREFIX_BYTES + headerLength;
  if (headerEnd > frame.length) return fault('WIRE_MALFORMED', 'cut off', 8);

  const header = decodeHeader(frame.subarray(PREFIX_BYTES, headerEnd));
  if (!header.ok) return fault(header.code, header.reason, PREFIX_BYTES + header.offset);
  const checked = checkFields(kind, header.fields);
  if (!checked.ok) return fault('WIRE_SCHEMA', 'a bad field', PREFIX_BYTES, checked.field);
  if (!inSchemaOrder(header.fields, checked.fields)) {
    return fault('WIRE_SCHEMA', 'fields in another order', PREFIX_BYTES);
  }
  if (!('section' in checked.fields)) {
    if (frame.length !== headerEnd) return fault('WIRE_MALFORMED', 'bytes behind the header', headerEnd);
    return { ok: true, message: { kind, ...checked.fields } as Message };
  }
  const section = sectionOf(frame, headerEnd, checked.fields.section as number);
  if (!(section instanceof Uint8Array)) return section;
  return { ok: true, message: { kind, ...checked.fields, section } as Message };
}

function sectionOf(frame: Uint8Array, headerEnd: number, length: number): Uint8Array | WireFault {
  if (length > CHUNK_BYTES) return fault('WIRE_TOO_LARGE', 'a section over its limit', headerEnd, 'section');
  const start = padded(headerEnd);
  if (frame.length !== start + length) {
    return fault('WIRE_MALFORMED', 'a section of another length', headerEnd, 'section');
  }
  for (let i = headerEnd; i < start; i++)
    if (frame[i] !== 0) return fault('WIRE_MALFORMED', 'padding that is not zero', i);
  return frame.subarray(start);
}

function fault(code: WireFaultCode, reason: string, offset?: number, field?: string): WireFault {
  return {
    ok: false,
    code,
    reason,
    ...(offset === undefined ? {} : { offset }),
    ...(field === undefined ? {} : { field }),
  };
}

/**
 * The bytes of a section where a typed array with elements of `unit` bytes may be laid over them: the same view if it is
 * aligned in memory, else a copy. Typed arrays have the byte order of the machine; all that JavaScript runs on today is
 * little-endian, as the wire is, and `new Float32Array(…)` over a section relies on it.
 */
export const alignedSection = (section: Uint8Array, unit: 1 | 2 | 4 | 8): Uint8Array =>
  section.byteOffset % unit === 0 ? section : new Uint8Array(section);
