// A raw TCP end for bar 10: an upgrade request as one likes, then bytes as one likes; what came back, read just far enough. Not a test.

import { connect, type Socket } from 'node:net';

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='; // RFC 6455 §1.3

/** A request head. `undefined` leaves a header out. */
export function request(headers: Readonly<Record<string, string | undefined>> = {}, line = 'GET / HTTP/1.1'): string {
  const all: Record<string, string | undefined> = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': 'sotto.v1',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return `${[line, ...lines].join('\r\n')}\r\n\r\n`;
}

export interface FrameShape {
  readonly fin?: boolean;
  /** Three reserved bits, 0 to 7. */
  readonly rsv?: number;
  readonly opcode: number;
  readonly masked?: boolean;
  readonly payload?: Uint8Array;
  /** In place of the length of the payload, always in 64 bits. */
  readonly claims?: bigint;
}

/** RFC 6455 §5.2. The mask is all zeros: legal, and the payload stays readable. */
export function frame({
  fin = true,
  rsv = 0,
  opcode,
  masked = true,
  payload = new Uint8Array(0),
  claims,
}: FrameShape): Buffer {
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const bit = masked ? 0x80 : 0;
  const length = Buffer.alloc(8);
  if (claims !== undefined) {
    length.writeBigUInt64BE(claims);
    head.push(bit | 127, ...length);
  } else if (payload.length < 126) head.push(bit | payload.length);
  else if (payload.length < 65_536) head.push(bit | 126, payload.length >> 8, payload.length & 255);
  else {
    length.writeBigUInt64BE(BigInt(payload.length));
    head.push(bit | 127, ...length);
  }
  return Buffer.concat([Buffer.from(head), Buffer.alloc(masked ? 4 : 0), payload]);
}

export interface Heard {
  /** Of the HTTP answer; 0 for none. */
  readonly status: number;
  /** Of the close frame; 0 for none. */
  readonly closed: number;
  readonly pong: string;
  /** From our end of the connection, or the other's, to the end of both, ms. */
  readonly freedMs: number;
}

/** @param then sent behind an answer 101; `early`: behind the request, in the same segment */
export function talk(port: number, head: string | Buffer, then: readonly Buffer[], early = false): Promise<Heard> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ port, host: '127.0.0.1' });
    let inbox = Buffer.alloc(0);
    let status = 0;
    let closed = 0;
    let pong = '';
    let endedAt = 0;
    const end = (): void => {
      endedAt ||= performance.now();
      socket.end();
    };
    // A server that says nothing about what it refuses, and waits for more, is left alone after a while.
    const patience = setTimeout(end, 8_000);
    socket.on('connect', () => socket.write(early ? Buffer.concat([Buffer.from(head), ...then]) : head));
    socket.on('error', () => {});
    socket.on('data', (data) => {
      inbox = Buffer.concat([inbox, data]);
      if (status === 0) {
        const at = inbox.indexOf('\r\n\r\n');
        if (at < 0) return;
        status = Number(/^HTTP\/1\.1 (\d{3})/.exec(inbox.toString('latin1'))?.[1] ?? -1);
        inbox = inbox.subarray(at + 4);
        if (status !== 101) return;
        if (!early) for (const bytes of then) socket.write(bytes);
      }
      if (status !== 101) return;
      // Frames of a server are not masked; those that we provoke are shorter than 65,536 bytes.
      while (inbox.length >= 2) {
        const short = (inbox[1] ?? 0) & 127;
        const from = short === 126 ? 4 : 2;
        if (inbox.length < from) return;
        const length = short === 126 ? inbox.readUInt16BE(2) : short;
        if (inbox.length < from + length) return;
        const opcode = (inbox[0] ?? 0) & 15;
        const payload = inbox.subarray(from, from + length);
        if (opcode === 10) pong = payload.toString();
        if (opcode === 8) closed = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
        inbox = inbox.subarray(from + length);
        if (opcode === 8 || (opcode === 10 && then.length === 1)) end();
      }
    });
    socket.on('end', end);
    socket.on('close', () => {
      clearTimeout(patience);
      const freedMs = endedAt === 0 ? 0 : performance.now() - endedAt;
      resolve({ status, closed, pong, freedMs });
    });
  });
}
