// Which byte of the prefix stands for which kind of message. Append-only: a number is never given a second meaning, and a
// retired kind leaves a hole. Not here: what the kinds carry (messages.ts) or who may send them (round/, participant/).

import type { MessageKind } from './messages.js';

/** The websocket sub-protocol, offered by the client and matched exactly (a `/` is not allowed in that header). */
export const SUBPROTOCOL = 'sotto.v1';

/** 0x01… session, 0x10… blobs and the chain, 0x20… the round in the order of its phases, 0x3e… how an attempt ends or goes on. */
export const TYPE_BYTES = {
  hello: 0x01,
  challenge: 0x02,
  proof: 0x03,
  welcome: 0x04,
  checkIn: 0x05,
  accepted: 0x06,
  rejected: 0x07,
  fault: 0x08,
  leave: 0x09,
  finished: 0x0a,
  want: 0x10,
  blobHead: 0x11,
  blobChunk: 0x12,
  wantChain: 0x13,
  chain: 0x14,
  announce: 0x20,
  keys: 0x21,
  keyBook: 0x22,
  shares: 0x23,
  shareBook: 0x24,
  complaint: 0x25,
  masked: 0x26,
  plain: 0x27,
  inputChunk: 0x28,
  inputTaken: 0x29,
  survivors: 0x2a,
  consistent: 0x2b,
  unmaskRequest: 0x2c,
  unmask: 0x2d,
  outcome: 0x2e,
  sketchRequest: 0x2f,
  sketch: 0x30,
  credit: 0x31,
  abort: 0x3e,
  resume: 0x3f,
} as const satisfies Record<MessageKind, number>;

/** Every kind, in the order of its type byte. */
export const MESSAGE_KINDS = Object.keys(TYPE_BYTES) as readonly MessageKind[];

const BY_BYTE: ReadonlyMap<number, MessageKind> = new Map(MESSAGE_KINDS.map((kind) => [TYPE_BYTES[kind], kind]));

/** The kind that a type byte names, `undefined` for a byte without one. */
export const kindOfByte = (byte: number): MessageKind | undefined => BY_BYTE.get(byte);
