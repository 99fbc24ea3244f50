// What attacks are made of: raw sockets from many addresses of the loopback net, upgraded or not, and what became of them. Not a test.
// Not here: the attacks (attacks.ts).

import { connect, type Socket } from 'node:net';
import { frame, request } from '../rfc6455/wire.js';

export interface Target {
  readonly port: number;
  /** Of the coordinator. */
  readonly id: string;
  readonly task: string;
  readonly seed: number;
}
/** What became of the sockets of one attack. */
export interface Fate {
  opened: number;
  /** Told 503, or cut before an answer. */
  refused: number;
  upgraded: number;
  /** By the coordinator, after the upgrade; by close code, 1006 for a cut. */
  readonly closed: Record<string, number>;
  bytesSent: number;
}
export const freshFate = (): Fate => ({ opened: 0, refused: 0, upgraded: 0, closed: {}, bytesSent: 0 });

/** Of the n-th attacker: no more from one than its limits let in, so that it is the other limits that must hold. */
export const addressOf = (n: number, perAddress: number): string => {
  const host = Math.floor(n / perAddress) + 2;
  return `127.${1 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
};

export class Raw {
  readonly socket: Socket;
  readonly gone: Promise<void>;
  #inbox = Buffer.alloc(0);
  #upgraded = false;
  #code = 1006;
  readonly #up: Promise<boolean>;

  /** @param head what is sent at first; the whole upgrade request, or half of one */
  constructor(target: Target, localAddress: string, fate: Fate, head: string = request()) {
    fate.opened++;
    const socket = connect({ port: target.port, host: '127.0.0.1', localAddress });
    this.socket = socket;
    let answered: (up: boolean) => void = () => {};
    this.#up = new Promise((resolve) => {
      answered = resolve;
    });
    socket.on('connect', () => socket.write(head));
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (this.#upgraded) return this.#frames(bytes);
      this.#inbox = Buffer.concat([this.#inbox, bytes]);
      const at = this.#inbox.indexOf('\r\n\r\n');
      if (at < 0) return;
      if (!this.#inbox.toString('latin1').startsWith('HTTP/1.1 101')) return;
      this.#upgraded = true;
      fate.upgraded++;
      answered(true);
    });
    this.gone = new Promise((resolve) => {
      socket.on('close', () => {
        fate.bytesSent += socket.bytesWritten;
        if (this.#upgraded) fate.closed[this.#code] = (fate.closed[this.#code] ?? 0) + 1;
        else fate.refused++;
        answered(false);
        resolve();
      });
    });
  }

  /** Whether it was upgraded. */
  up(): Promise<boolean> {
    return this.#up;
  }

  /** Close codes are told in frames of less than 126 bytes, and come alone: good enough for a count. */
  #frames(bytes: Buffer): void {
    if (bytes[0] === 0x88 && bytes.length >= 4) this.#code = bytes.readUInt16BE(2);
  }

  /** Everything, or until it is gone. */
  async write(bytes: Buffer): Promise<void> {
    if (this.socket.destroyed) return;
    if (this.socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.socket.off('drain', done);
        this.socket.off('close', done);
        resolve();
      };
      this.socket.on('drain', done);
      this.socket.on('close', done);
    });
  }

  end(): void {
    this.socket.destroy();
  }
}

/** The header of a masked frame that claims so many bytes, and some of them. */
export const claim = (claims: number | bigint, sent: number): Buffer =>
  Buffer.concat([frame({ opcode: 2, claims: BigInt(claims) }), Buffer.alloc(sent)]);

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** `count` times, so many at a time. */
export async function crowd(count: number, atOnce: number, work: (n: number) => Promise<void>): Promise<void> {
  let n = 0;
  const one = async (): Promise<void> => {
    while (n < count) await work(n++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, one));
}
