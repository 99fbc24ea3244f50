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
  readonly script: { get(round: number): ClientPhase | undefined };
  /** In every attempt of a round; else in its first one only. */
  readonly again?: boolean;
  /** A line that holds back everything from the input of a round on, ms; 0: it does not. */
  readonly inputDelayMs?: (round: number) => number;
  readonly onCut: (round: number, phase: ClientPhase) => void;
}
export interface DroppingTransport extends Transport {
  /** The round is over: connections come about again. */
  release(round: number): void;
  /** Cut, and not yet released. */
  readonly down: boolean;
}

/** Close code of a scripted loss (range of RFC 6455 §7.4.2 for private use). To the coordinator any close is a loss. */
const CUT = { code: 4900, reason: 'scripted dropout' };

export function droppingTransport(options: DroppingOptions): DroppingTransport {
  const { inner, script, again = false, inputDelayMs, onCut } = options;
  /** Rounds whose cut has happened: a second attempt of a round finds the client there. */
  const done = new Set<number>();
  let down: number | undefined;
  let waiting: (() => void)[] = [];
  const connectWhenUp = (connect: () => void): void => {
    if (down === undefined) connect();
    else waiting.push(connect);
  };
  /** The phase that this frame answers. */
  const answered = (frame: Uint8Array): { round: number; phase: ClientPhase } | undefined => {
    const decoded = decodeFrame(frame);
    if (!decoded.ok || !('run' in decoded.message) || decoded.message.run === undefined) return undefined;
    const phase = PHASE_OF[decoded.message.kind];
    return phase === undefined ? undefined : { round: decoded.message.run.round, phase };
  };
  const fate = (frame: Uint8Array): Fate => {
    const answer = answered(frame);
    if (answer === undefined) return 'sent';
    const { round, phase } = answer;
    if (script.get(round) === phase && (again || !done.has(round))) {
      done.add(round);
      down = round;
      onCut(round, phase);
      return 'cut';
    }
    const delayMs = phase === 'masked' ? (inputDelayMs?.(round) ?? 0) : 0;
    return delayMs > 0 ? { delayMs } : 'sent';
  };

  return {
    get down() {
      return down !== undefined;
    },
    connect(url, handlers) {
      return new DroppingLink(handlers, connectWhenUp, (own) => inner.connect(url, own), fate);
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

/** What becomes of a frame: it is sent, it is where the line is cut, or it and all behind it wait. */
type Fate = 'sent' | 'cut' | { readonly delayMs: number };

/** Stands for a link that may not exist yet. Once cut it is mute both ways, even while the close is on its way. */
class DroppingLink implements Link {
  #inner: Link | undefined;
  #over = false;
  /** Nothing leaves any more; `closed` comes next. */
  #cut = false;
  readonly #handlers: LinkHandlers;
  readonly #fate: (frame: Uint8Array) => Fate;
  /** Frames that wait, while the line is slow. */
  #held: Uint8Array[] | undefined;

  constructor(
    handlers: LinkHandlers,
    connectWhenUp: (connect: () => void) => void,
    connect: (handlers: LinkHandlers) => Link,
    fate: (frame: Uint8Array) => Fate,
  ) {
    this.#handlers = handlers;
    this.#fate = fate;
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
    if (this.#held !== undefined) {
      this.#held.push(frame.slice());
      return;
    }
    const fate = this.#fate(frame);
    if (fate === 'sent') this.#inner?.send(frame);
    else if (fate === 'cut') {
      this.#cut = true;
      this.#inner?.close(CUT.code, CUT.reason);
      // Not from within `send`: a client may not expect its handlers to run there.
      queueMicrotask(() => this.#end(CUT));
    } else {
      this.#held = [frame.slice()];
      setTimeout(() => this.#flush(), fate.delayMs).unref();
    }
  }

  #flush(): void {
    const frames = this.#held ?? [];
    this.#held = undefined;
    if (!this.#over) for (const frame of frames) this.#inner?.send(frame);
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
