// Frames that encodeFrame would refuse to make, for tests of the decoder. Not here: legal messages (examples.ts, arbitraries.ts).

import { readFileSync } from 'node:fs';
import { decodeFrame, MAGIC, PREFIX_BYTES, WIRE_VERSION, type WireFault } from '../../protocol/wire/frame.js';
import { encodeHeader } from '../../protocol/wire/header.js';
import type { Message, MessageKind } from '../../protocol/wire/messages.js';
import { TYPE_BYTES } from '../../protocol/wire/types.js';

/** A frame of this kind round a header that nobody has checked: fields in the order given, or bytes as they are. */
export function rawFrame(
  kind: MessageKind,
  header: object | Uint8Array,
  behind: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = header instanceof Uint8Array ? header : encodeHeader(header);
  const out = new Uint8Array(PREFIX_BYTES + bytes.length + behind.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(4, WIRE_VERSION);
  view.setUint8(5, TYPE_BYTES[kind]);
  view.setUint32(8, bytes.length);
  out.set(bytes, PREFIX_BYTES);
  out.set(behind, PREFIX_BYTES + bytes.length);
  return out;
}

/** The header fields of a message as they are on the wire: no kind, the section as its length. */
export function wireFields(message: Message): Record<string, unknown> {
  const { kind: _, ...rest } = message;
  return 'section' in message ? { ...rest, section: message.section.length } : rest;
}

/** Padding and section of a message whose header has this length. */
export function sectionOf(message: Message, headerBytes: number): Uint8Array {
  if (!('section' in message)) return new Uint8Array(0);
  const end = PREFIX_BYTES + headerBytes;
  const padding = Math.ceil(end / 8) * 8 - end;
  const out = new Uint8Array(padding + message.section.length);
  out.set(message.section, padding);
  return out;
}

/** A frame of the message with other fields, otherwise well-formed. */
export function frameWith(message: Message, fields: Record<string, unknown>): Uint8Array {
  const header = encodeHeader(fields);
  return rawFrame(message.kind, header, sectionOf(message, header.length));
}

/** @throws Error if the frame is accepted */
export function refusal(frame: Uint8Array): WireFault {
  const result = decodeFrame(frame);
  if (result.ok) throw new Error(`accepted as ${result.message.kind}`);
  return result;
}

/** Bytes of annotated hex: everything behind a # is a note. */
export const parseHex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replace(/#.*/g, '').replace(/\s+/g, ''), 'hex'));

export const readText = (path: string): string => readFileSync(path, 'utf8');
