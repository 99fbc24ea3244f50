// Whether this device wants to take part now: the host's own rule (idle, on mains, on Wi-Fi, at night), asked before each connection,
// each round, and while the client waits in the pool. Not here: what follows from a no (federated-client.ts).
import type { Millis } from '../protocol/ids.js';
import type { Timers } from './timers.js';

export interface AvailabilityOptions {
  /** Whether to take part now. A rejection counts as no. Default: always. */
  readonly available?: () => boolean | Promise<boolean>;
  /** How long after a no, and how often in the pool, it is asked again, ms. Default: 60,000. */
  readonly recheckMs?: Millis;
}
const RECHECK_MS = 60_000;

export class Availability {
  readonly recheckMs: Millis;
  readonly #ask: AvailabilityOptions['available'];
  readonly #timers: Timers;
  #cancel = (): void => undefined;

  constructor({ available, recheckMs = RECHECK_MS }: AvailabilityOptions, timers: Timers) {
    this.#ask = available;
    this.#timers = timers;
    this.recheckMs = recheckMs;
  }

  /** At once, not later, where there is no rule. */
  now(): boolean | Promise<boolean> {
    if (this.#ask === undefined) return true;
    return (async () => this.#ask?.() ?? true)().catch(() => false);
  }

  /** Asks every `recheckMs` until `end` is called or the answer is no, which calls `lost`, once. */
  watch(lost: () => void): void {
    this.end();
    if (this.#ask === undefined) return;
    let ended = false;
    const again = (): void => {
      const cancel = this.#timers.after(this.recheckMs, async () => {
        const yes = await this.now();
        if (ended) return;
        if (yes) again();
        else lost();
      });
      this.#cancel = () => {
        ended = true;
        cancel();
      };
    };
    again();
  }

  end(): void {
    this.#cancel();
  }
}
