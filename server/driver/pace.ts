// Whether a message that has begun comes fast enough, and how much of the time that passes is the coordinator's own: while it computes, or
// waits for a processor, what peers send lies unread, and that is nobody's slowness. Pure. Not here: sockets and timers (guard.ts).

import type { Millis } from '../../protocol/ids.js';
import { LEAST_BYTES_PER_SECOND, MAX_MESSAGE_CREDIT_MS, MAX_MESSAGE_MS, SLOW_AFTER_MS } from '../../protocol/limits.js';

/** A message, from its first byte on. */
export interface Pace {
  bytes: number;
  /** When the first of them came, later by the time in which nothing at all could be read. */
  since: Millis;
  /** Time since then in which we were busy now and then. */
  credit: Millis;
}

/** Of the time between two looks. */
export interface Own {
  /** We were woken so much later than asked: nothing was read meanwhile. */
  readonly late: Millis;
  /** Beyond that, the event loop had something to do. It read as well, only less. */
  readonly busy: Millis;
}

export class OwnTime {
  readonly #lookMs: Millis;
  #at: Millis;
  #busyAt: Millis;

  /** @param lookMs between two looks, as they are asked for @param busy time that the process has been busy so far */
  constructor(lookMs: Millis, now: Millis, busy: Millis) {
    this.#lookMs = lookMs;
    this.#at = now;
    this.#busyAt = busy;
  }

  /** Since the last look. */
  look(now: Millis, busy: Millis): Own {
    const passed = Math.max(0, now - this.#at);
    const late = Math.max(0, passed - this.#lookMs);
    const own = { late, busy: Math.max(0, Math.min(busy - this.#busyAt, passed) - late) };
    this.#at = now;
    this.#busyAt = busy;
    return own;
  }
}

/** Takes our own time off. The credit for being busy ends: a flood keeps us busy as long as it likes. */
export function spare(pace: Pace, { late, busy }: Own, now: Millis): void {
  pace.since = Math.min(now, pace.since + late);
  pace.credit = Math.min(pace.credit + busy, MAX_MESSAGE_CREDIT_MS);
}

export function tooSlow({ bytes, since, credit }: Pace, now: Millis): boolean {
  const ms = now - since - credit;
  return ms >= MAX_MESSAGE_MS || (ms >= SLOW_AFTER_MS && bytes * 1_000 < LEAST_BYTES_PER_SECOND * ms);
}
