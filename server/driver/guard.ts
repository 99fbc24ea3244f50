// The guard over messages that do not come to an end (operations.md 3.2): bytes since the last complete message, for each socket and in
// all. ws buffers them outside the V8 heap and has no clock. One timer for all sockets; every socket's own bytes are looked at as they
// come. Not here: how fast is fast enough (pace.ts), complete messages (connection.ts), HTTP before the upgrade (listener.ts).

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Millis } from '../../protocol/ids.js';
import { MAX_INCOMPLETE_BYTES, MAX_STRANGER_BYTES } from '../../protocol/limits.js';
import type { Clock } from './clock.js';
import { OwnTime, type Pace, spare, tooSlow } from './pace.js';

/** Between two looks. Only a wake-up of ours that is late shows that we wait for a processor, so it is not too seldom. */
const LOOK_MS: Millis = 100;

/**
 * Part of the memory for unfinished messages: of 512 MiB enough for 200 full ones, and what reads and ws's own lists take on top of it is as
 * much again.
 */
const UNFINISHED = 1 / 8;

/** Its bytes are those since the last complete message. */
interface Watched extends Pace {
  readonly known: () => boolean;
  readonly cut: () => void;
  /** Nothing more of it counts. */
  gone: boolean;
}

export class Guard {
  readonly #clock: Clock;
  /** Those with an unfinished message, in the order in which these began. */
  readonly #unfinished = new Set<Watched>();
  readonly #most: number;
  readonly #busy: () => Millis;
  readonly #own: OwnTime;
  #cancel: () => void = () => {};

  /**
   * @param budget of the process's memory, bytes: unfinished messages may have an eighth of it
   * @param busy time that this process has been busy so far
   */
  constructor(clock: Clock, budget: number = Number.POSITIVE_INFINITY, busy: () => Millis = () => 0) {
    this.#clock = clock;
    this.#most = Math.min(MAX_INCOMPLETE_BYTES, budget * UNFINISHED);
    this.#busy = busy;
    this.#own = new OwnTime(LOOK_MS, clock.now(), busy());
    this.#again();
  }

  /** @param known whether it has proven who it is  @param cut called at most once, without a closing handshake */
  watch(socket: WebSocket, stream: Duplex, known: () => boolean, cut: () => void): void {
    const one: Watched = { known, cut, gone: false, bytes: 0, since: 0, credit: 0 };
    // Before those who read: a read may be given back when they are done with it.
    stream.prependListener('data', (chunk: Buffer) => {
      if (one.gone) return;
      if (one.bytes === 0) {
        one.since = this.#clock.now();
        one.credit = 0;
        this.#unfinished.add(one);
      }
      one.bytes += chunk.length;
      if (one.bytes > MAX_STRANGER_BYTES && !known()) this.#cut(one);
    });
    const complete = (): void => {
      one.bytes = 0;
      this.#unfinished.delete(one);
    };
    // What came behind the end of this message in the same segment goes uncounted: at most what one read takes, 64 KiB.
    for (const event of ['message', 'ping', 'pong'] as const) socket.on(event, complete);
    socket.on('close', () => this.#forget(one));
  }

  stop(): void {
    this.#cancel();
  }

  #again(): void {
    this.#cancel = this.#clock.at(this.#clock.now() + LOOK_MS, () => {
      this.#look(this.#clock.now());
      this.#again();
    });
  }

  #look(now: Millis): void {
    const own = this.#own.look(now, this.#busy());
    let total = 0;
    for (const one of this.#unfinished) {
      spare(one, own, now);
      if (tooSlow(one, now)) this.#cut(one);
      else total += one.bytes;
    }
    for (const one of [...this.#unfinished].reverse()) {
      if (total <= this.#most) return;
      total -= one.bytes;
      this.#cut(one);
    }
  }

  #forget(one: Watched): void {
    one.gone = true;
    this.#unfinished.delete(one);
  }

  #cut(one: Watched): void {
    this.#forget(one);
    one.cut();
  }
}
