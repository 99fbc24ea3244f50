// A transport that loses its network at scripted moments: just before the message of a phase would leave, the connection is cut,
// and no new one comes about until the round is over. The client above it is the real one and knows nothing of the script.
// Not here: the script (plan.ts); real losses, which come on top.

import type { Link, LinkHandlers, Transport } from '../../client/transport/transport.js';
import type { ClientPhase } from '../../protocol/task.js';
import { decodeFrame } from '../../protocol/wire/frame.js';
import type { MessageKind } from '../../protocol/wire/messages.js';

/** The first message with which a client answers a phase. */
const PHASE_OF: Partial<Record<MessageKind, ClientPhase>> = {
  keys: 'keys',
  shares: 'shares',
  masked: 'masked',
  plain: 'masked',
  sketch: 'sketch',
  consistent: 'consistency',
  unmask: 'unmask',
};

export interface DroppingOptions {
  readonly inner: Transport;
  /** Phase by round. */
  readonly script: ReadonlyMap<number, ClientPhase>;
  readonly onCut: (round: number, phase: ClientPhase) => void;
}
export interface DroppingTransport extends Transport {
  /** The round is over: connections come about again. */
  release(round: number): void;
}

/** Close code of a scripted loss (range of RFC 6455 §7.4.2 for private use). To the coordinator any close is a loss. */
const CUT = { code: 4900, reason: 'scripted dropout' };

export function droppingTransport({ inner, script, onCut }: DroppingOptions): DroppingTransport {
  /** Rounds whose cut has happened: a second attempt of a round finds the client there. */
  const done = new Set<number>();
  let down: number | undefined;
  let waiting: (() => void)[] = [];
  const connectWhenUp = (connect: () => void): void => {
    if (down === undefined) connect();
    else waiting.push(connect);
  };
  /** Whether this frame is the one not to be sent. */
  const cuts = (frame: Uint8Array): { round: number; phase: ClientPhase } | undefined => {
    const decoded = decodeFrame(frame);
    if (!decoded.ok || !('run' in decoded.message) || decoded.message.run === undefined) return undefined;
    const phase = PHASE_OF[decoded.message.kind];
    const { round } = decoded.message.run;
    return phase !== undefined && script.get(round) === phase && !done.has(round) ? { round, phase } : undefined;
  };

  return {
    connect(url, handlers) {
      return new DroppingLink(
        handlers,
        connectWhenUp,
        (own) => inner.connect(url, own),
        (frame) => {
          const cut = cuts(frame);
          if (cut === undefined) return false;
          done.add(cut.round);
          down = cut.round;
          onCut(cut.round, cut.phase);
          return true;
        },
      );
    },
    release(round) {
      if (down === undefined || down > round) return;
      down = undefined;
      const ready = waiting;
      waiting = [];
      for (const connect of ready) connect();
    },
  };
}

/** Stands for a link that may not exist yet. Once cut it is mute both ways, even while the close is on its way. */
class DroppingLink implements Link {
  #inner: Link | undefined;
  #over = false;
  /** Nothing leaves any more; `closed` comes next. */
  #cut = false;
  readonly #handlers: LinkHandlers;
  readonly #cuts: (frame: Uint8Array) => boolean;

  constructor(
    handlers: LinkHandlers,
    connectWhenUp: (connect: () => void) => void,
    connect: (handlers: LinkHandlers) => Link,
    cuts: (frame: Uint8Array) => boolean,
  ) {
    this.#handlers = handlers;
    this.#cuts = cuts;
    connectWhenUp(() => {
      if (this.#over) return;
      this.#inner = connect({
        opened: () => !this.#over && handlers.opened(),
        frame: (bytes) => !this.#over && handlers.frame(bytes),
        heard: () => !this.#over && handlers.heard(),
        closed: (why) => this.#end(why),
      });
    });
  }

  get bufferedBytes(): number {
    return this.#inner?.bufferedBytes ?? 0;
  }

  get hearsPings(): boolean {
    return this.#inner?.hearsPings ?? false;
  }

  send(frame: Uint8Array): void {
    if (this.#over || this.#cut) return;
    if (this.#cuts(frame)) {
      this.#cut = true;
      this.#inner?.close(CUT.code, CUT.reason);
      // Not from within `send`: a client may not expect its handlers to run there.
      queueMicrotask(() => this.#end(CUT));
    } else this.#inner?.send(frame);
  }

  drained(bytes: number): Promise<void> {
    return this.#inner?.drained(bytes) ?? Promise.resolve();
  }

  close(code: number, reason: string): void {
    if (this.#inner !== undefined) this.#inner.close(code, reason);
    else queueMicrotask(() => this.#end({ code, reason }));
  }

  #end(why: { readonly code: number; readonly reason: string }): void {
    if (this.#over) return;
    this.#over = true;
    this.#handlers.closed(why);
  }
}
