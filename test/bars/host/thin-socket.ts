// A websocket of a client on a bare TCP socket, for thousands in one process beside the coordinator that is measured: `ws` and node:http
// cost a client 0.3 ms of the same cores for an upgrade. It says what RFC 6455 asks of a client (masked frames, a pong for a ping) and
// takes what our coordinator sends: whole binary messages of at most 64 KiB, pings, a close. Not a test.

import { connect, type Socket } from 'node:net';
import { SUBPROTOCOL } from '../../../protocol/wire/types.js';

export interface ThinEvents {
  /** The upgrade is through. */
  opened(): void;
  message(bytes: Uint8Array): void;
  /** Exactly once. @param code of the close frame, 1006 without one @param status of the HTTP answer, 0 without one */
  closed(code: number, status: number, why: string): void;
}

/** RFC 6455 §1.3: a key and its answer. The key only shows that the server knows websockets. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const END_OF_HEAD = '\r\n\r\n';
/** A mask of zeros would spare the coordinator the work. One for all: there is no proxy here that could be tricked. */
const MASK = [0x5a, 0xc3, 0x17, 0x8e] as const;
const OPCODE = { binary: 2, close: 8, ping: 9, pong: 10 } as const;
const NOTHING = Buffer.alloc(0);
/** Reads of all sockets of the process, one after the other. */
const inbox = Buffer.alloc(64 * 1024);

export class ThinSocket {
  readonly #socket: Socket;
  readonly #events: ThinEvents;
  /** What came of a head or frame that is not complete. */
  #rest: Buffer = NOTHING;
  #status = 0;
  #code = 1_006;
  #why = '';

  /** @param url of a coordinator without TLS: ws://host:port */
  constructor(url: string, events: ThinEvents) {
    this.#events = events;
    const { hostname: host, port } = new URL(url);
    this.#socket = connect({
      host,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: inbox,
        callback: (length) => {
          this.#read(inbox.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.on('connect', () => this.#socket.write(requestFor(host, port), 'latin1'));
    this.#socket.on('error', (error) => {
      this.#why ||= error.message;
    });
    this.#socket.on('end', () => this.#socket.destroy());
    this.#socket.on('close', () => events.closed(this.#code, this.#status, this.#why));
  }

  send(payload: Uint8Array): void {
    this.#socket.write(frameOf(OPCODE.binary, payload));
  }

  cut(): void {
    this.#socket.destroy();
  }

  #give(why: string): void {
    this.#why = why;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes: Buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.#status === 0) bytes = this.#head(bytes);
    if (this.#status !== 0) bytes = this.#frames(bytes);
    // The inbox is used again for the next socket.
    this.#rest = bytes.length === 0 ? NOTHING : Buffer.from(bytes);
  }

  /** @returns what is left */
  #head(bytes: Buffer): Buffer {
    const end = bytes.indexOf(END_OF_HEAD);
    if (end < 0) return bytes;
    const head = bytes.toString('latin1', 0, end);
    this.#status = Number(head.slice(9, 12));
    if (this.#status === 101 && head.includes(ACCEPT)) this.#events.opened();
    else this.#give(this.#status === 101 ? 'no websocket' : '');
    return bytes.subarray(end + END_OF_HEAD.length);
  }

  #frames(all: Buffer): Buffer {
    let bytes = all;
    while (bytes.length >= 2 && !this.#socket.destroyed) {
      const short = (bytes[1] ?? 0) & 127;
      if (short === 127) {
        this.#give('a frame above 64 KiB');
        return NOTHING;
      }
      const from = short === 126 ? 4 : 2;
      if (bytes.length < from) break;
      const length = short === 126 ? bytes.readUInt16BE(2) : short;
      if (bytes.length < from + length) break;
      this.#frame(bytes[0] ?? 0, bytes.subarray(from, from + length));
      bytes = bytes.subarray(from + length);
    }
    return bytes;
  }

  #frame(first: number, payload: Buffer): void {
    // Complete, no reserved bits.
    switch (first ^ 0x80) {
      case OPCODE.binary:
        this.#events.message(payload);
        return;
      case OPCODE.ping:
        this.#socket.write(frameOf(OPCODE.pong, payload));
        return;
      case OPCODE.close:
        this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : 1_005;
        this.#socket.end(frameOf(OPCODE.close, payload.subarray(0, 2)));
        return;
      default:
        this.#give(`a frame that begins with ${first}`);
    }
  }
}

const requestFor = (host: string, port: string): string => {
  const lines = [
    'GET / HTTP/1.1',
    `Host: ${host}:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
  ];
  return lines.join('\r\n') + END_OF_HEAD;
};

/** RFC 6455 §5.2, from a client. */
function frameOf(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const from = (length < 126 ? 2 : 4) + MASK.length;
  const frame = Buffer.allocUnsafe(from + length);
  frame[0] = 0x80 | opcode;
  if (length < 126) frame[1] = 0x80 | length;
  else {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(length, 2); // throws where it is above 64 KiB
  }
  frame.set(MASK, from - MASK.length);
  for (let i = 0; i < length; i++) frame[from + i] = (payload[i] ?? 0) ^ (MASK[i & 3] ?? 0);
  return frame;
}
