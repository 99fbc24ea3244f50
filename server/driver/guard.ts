// The guard over messages that do not come to an end (operations.md 3.2): bytes since the last complete message, for each socket and in
// all. ws buffers them outside the V8 heap and has no clock. One timer for all sockets; every socket's own bytes are looked at as they
// come. Not here: complete messages (connection.ts), HTTP before the upgrade (listener.ts).

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Millis } from '../../protocol/ids.js';
import {
  LEAST_BYTES_PER_SECOND,
  MAX_INCOMPLETE_BYTES,
  MAX_MESSAGE_MS,
  MAX_STRANGER_BYTES,
  SLOW_AFTER_MS,
} from '../../protocol/limits.js';
import type { Clock } from './clock.js';

/** Between two looks at all sockets. */
const LOOK_MS: Millis = 500;

interface Watched {
  readonly known: () => boolean;
  readonly cut: () => void;
  /** Since the last complete message. */
  bytes: number;
  /** When the first of them came. */
  since: Millis;
}

export class Guard {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #watched = new Set<Watched>();
  readonly #most: number;
  #lookedAt: Millis;
  #cancel: () => void = () => {};

  /** @param budget of the process's memory, bytes: unfinished messages may have a quarter of it */
  constructor(clock: Clock, budget: number = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#most = Math.min(MAX_INCOMPLETE_BYTES, budget / 4);
    this.#lookedAt = clock.now();
    this.#again();
  }

  /** @param known whether it has proven who it is  @param cut called at most once, without a closing handshake */
  watch(socket: WebSocket, stream: Duplex, known: () => boolean, cut: () => void): void {
    const one: Watched = { known, cut, bytes: 0, since: 0 };
    this.#watched.add(one);
    // Before those who read: a read may be given back when they are done with it.
    stream.prependListener('data', (chunk: Buffer) => {
      if (one.bytes === 0) one.since = this.#clock.now();
      one.bytes += chunk.length;
      if (one.bytes > MAX_STRANGER_BYTES && !known()) this.#cut(one);
    });
    const complete = (): void => {
      one.bytes = 0;
    };
    // What came behind the end of this message in the same segment goes uncounted: at most what one read takes, 64 KiB.
    for (const event of ['message', 'ping', 'pong'] as const) socket.on(event, complete);
    socket.on('close', () => this.#watched.delete(one));
  }

  stop(): void {
    this.#cancel();
  }

  #again(): void {
    this.#cancel = this.#clock.at(this.#lookedAt + LOOK_MS, () => {
      this.#look(this.#clock.now());
      this.#again();
    });
  }

  #look(now: Millis): void {
    // When we were busy ourselves, bytes lay unread: that time is nobody's slowness.
    const late = Math.max(0, now - this.#lookedAt - LOOK_MS);
    this.#lookedAt = now;
    let total = 0;
    for (const one of [...this.#watched]) {
      if (one.bytes === 0) continue;
      one.since += late;
      const ms = now - one.since;
      const slow = ms >= SLOW_AFTER_MS && one.bytes * 1_000 < LEAST_BYTES_PER_SECOND * ms;
      if (slow || ms >= MAX_MESSAGE_MS) this.#cut(one);
      else total += one.bytes;
    }
    for (const one of [...this.#watched].reverse()) {
      if (total <= this.#most) return;
      if (one.bytes === 0) continue;
      total -= one.bytes;
      this.#cut(one);
    }
  }

  #cut(one: Watched): void {
    if (this.#watched.delete(one)) one.cut();
  }
}
