// The coordinator's end of a link in memory, with the part of the `ws` interface that a connection uses (server/driver).
// Not here: sending itself (client/transport/memory.ts), and what the rest of `ws` can do.

import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import type { MemoryPeer } from '../../client/transport/memory.js';

export class MemorySocket extends EventEmitter {
  readonly OPEN = 1;
  readyState: 1 | 2 | 3 = 1;
  /** What was sent has left: delays are the link's own. */
  readonly bufferedAmount = 0;
  readonly url: string;
  readonly closed: Promise<void>;
  readonly #peer: MemoryPeer;

  constructor(peer: MemoryPeer) {
    super();
    this.#peer = peer;
    this.url = peer.url;
    this.closed = new Promise((resolve) => {
      this.once('close', () => resolve());
    });
    peer.onFrame = (frame) => {
      // As bytes in a buffer of their own, which is what `ws` gives.
      if (this.readyState === 1) this.emit('message', Buffer.from(frame.buffer, frame.byteOffset, frame.length), true);
    };
    peer.onClose = ({ code, reason }) => {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.emit('close', code, Buffer.from(reason));
    };
  }

  /** The members that a connection uses are here; the type asks for all. */
  asWebSocket(): WebSocket {
    return this as unknown as WebSocket;
  }

  send(frame: Uint8Array, _options: unknown, sent?: (error?: Error) => void): void {
    if (this.readyState === 1) this.#peer.send(frame);
    queueMicrotask(() => sent?.(this.readyState === 1 ? undefined : new Error('not open')));
  }

  close(code = 1000, reason = ''): void {
    if (this.readyState !== 1) return;
    this.readyState = 2;
    this.#peer.close(code, reason);
  }

  terminate(): void {
    this.close(1006, 'terminated');
  }

  /** A link that has not closed is alive. */
  ping(): void {
    queueMicrotask(() => this.readyState === 1 && this.emit('pong'));
  }
}
