// Links over WebSocket: the browser's, a worker's, Deno's or Bun's global one, or one that is handed in (`ws` in
// client/node). Only what all of them share is used. Not here: options of one of them, such as deflate.
import { SottoError } from '../../protocol/errors.js';
import { SUBPROTOCOL } from '../../protocol/wire/types.js';
import type { Timers } from '../timers.js';
import type { Link, LinkHandlers, Transport } from './transport.js';

/** The part of the WebSocket interface that we use. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: { readonly message?: unknown }) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}
export interface WebSocketOptions {
  /** Must offer the sub-protocol of sotto/1 (SUBPROTOCOL of protocol/wire/types). */
  readonly open: (url: string) => WebSocketLike;
  readonly timers: Timers;
  /** Subscribes to the peer's pings where the implementation shows them. */
  readonly onPing?: (socket: WebSocketLike, heard: () => void) => void;
}

const OPEN = 1;
/** First wait between two looks at `bufferedAmount`, which has no event; doubles up to the second. */
const POLL_MS = { first: 1, last: 32 };
/** RFC 6455 §5.5: a control frame holds 125 bytes, two are the code. */
const MAX_REASON = 123;

/** @throws TRANSPORT_UNAVAILABLE where the runtime has no global WebSocket (Node below 22): use sotto/client's Node entry, or hand one in */
export function globalWebSocket(url: string): WebSocketLike {
  if (typeof globalThis.WebSocket !== 'function') {
    throw new SottoError(
      'TRANSPORT_UNAVAILABLE',
      'this runtime has no global WebSocket; pass a transport made by webSocketTransport',
    );
  }
  return new globalThis.WebSocket(url, SUBPROTOCOL) as WebSocketLike;
}

export function webSocketTransport({ open, timers, onPing }: WebSocketOptions): Transport {
  return {
    connect(url, handlers) {
      const socket = open(url);
      const link = new SocketLink(socket, handlers, timers, onPing !== undefined);
      onPing?.(socket, () => link.heard());
      return link;
    },
  };
}

class SocketLink implements Link {
  readonly hearsPings: boolean;
  readonly #socket: WebSocketLike;
  readonly #timers: Timers;
  /** `undefined` once `closed` was called: nothing comes after it. */
  #handlers: LinkHandlers | undefined;

  constructor(socket: WebSocketLike, handlers: LinkHandlers, timers: Timers, hearsPings: boolean) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#timers = timers;
    this.hearsPings = hearsPings;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.#handlers?.opened();
    // A text message is no frame: the empty array fails to decode, with the right code.
    socket.onmessage = ({ data }) =>
      this.#handlers?.frame(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0));
    // Why a connection could not be made: `ws` says it here, browsers say nothing. A close always follows.
    let failure = '';
    socket.onerror = ({ message }) => {
      if (typeof message === 'string') failure = message;
    };
    socket.onclose = ({ code, reason }) => this.#end(code, reason || failure);
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  heard(): void {
    this.#handlers?.heard();
  }

  send(frame: Uint8Array): void {
    if (this.#handlers !== undefined && this.#socket.readyState === OPEN) {
      this.#socket.send(frame as Uint8Array<ArrayBuffer>);
    }
  }

  drained(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (wait: number): void => {
        if (this.#handlers === undefined || this.#socket.bufferedAmount <= bytes) {
          resolve();
          return;
        }
        this.#timers.after(wait, () => look(Math.min(2 * wait, POLL_MS.last)));
      };
      look(POLL_MS.first);
    });
  }

  /** Does not wait for the peer's close frame: a half-open peer would never send it. */
  close(code: number, reason: string): void {
    if (this.#handlers === undefined) return;
    const text = reason.slice(0, MAX_REASON);
    queueMicrotask(() => this.#end(code, text));
    try {
      this.#socket.close(code, text);
    } catch {
      // `ws` throws where the connection is not up yet; it is closed by then
    }
  }

  #end(code: number, reason: string): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.closed({ code, reason });
  }
}
