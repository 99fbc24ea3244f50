// What carries frames: one ordered, reliable connection to the coordinator. Sockets are websocket.ts, a pair in memory is
// memory.ts; simulations put faults between the two. Not here: what is in a frame, or when to connect again.

/** What happens to a link. `closed` comes exactly once, also for a link that never opened; nothing comes after it. */
export interface LinkHandlers {
  opened(): void;
  /** One frame. The bytes belong to the receiver. */
  frame(bytes: Uint8Array): void;
  /** The peer is there: a ping came. Only where `hearsPings`. */
  heard(): void;
  closed(why: LinkClosed): void;
}
/** A close code of RFC 6455 §7.4 or the range 4000-4999; 1006 where the peer vanished. */
export interface LinkClosed {
  readonly code: number;
  readonly reason: string;
}

export interface Link {
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedBytes: number;
  /** Whether pings of the coordinator reach `heard`. Browsers answer them without telling the page. */
  readonly hearsPings: boolean;
  /** Takes the array over. Does nothing on a link that is not open. */
  send(frame: Uint8Array): void;
  /** Resolves when at most `bytes` are buffered, or the link has closed. */
  drained(bytes: number): Promise<void>;
  /** `closed` follows soon with the same code, whatever the peer does. */
  close(code: number, reason: string): void;
}

export interface Transport {
  connect(url: string, handlers: LinkHandlers): Link;
}

/** Close codes that this client gives; their meaning is the coordinator's. Browsers allow only 1000 and 3000-4999, so no 1002 and 1008. */
export const CLOSE = {
  /** Bye: `stop()`. */
  done: 1000,
  /** The coordinator broke the protocol. */
  protocol: 4422,
  /** The coordinator is not the pinned one, or refused us. */
  auth: 4401,
  /** No answer in time. */
  timeout: 4008,
} as const;
