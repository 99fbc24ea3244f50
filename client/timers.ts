// Time for the driver, as a value: real in production, virtual in tests and simulations. Nothing else in client/ reads a
// clock or sets a timer. Not here: deadlines of a round, which are the coordinator's clock alone (protocol.md §4).
import type { Millis } from '../protocol/ids.js';

export interface Timers {
  /** Monotonic; the zero is arbitrary. */
  now(): Millis;
  /** Runs `then` once after `ms`. The returned function cancels it, also when it is too late. */
  after(ms: Millis, then: () => void): () => void;
}

export const systemTimers: Timers = {
  now: () => performance.now(),
  after(ms, then) {
    const handle = setTimeout(then, ms);
    return () => clearTimeout(handle);
  },
};

/** Resolves after `ms`, or at once when the signal aborts: whoever waits looks at the signal itself. */
export function pause(timers: Timers, ms: Millis, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = timers.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
