// Some thousand light clients in one process that stay connected as the real ones do: back-off with jitter, and never earlier than the
// coordinator said. Not a test.

import { Backoff, RECONNECT } from '../../../client/reconnect.js';
import { nativeRng } from '../../../protocol/native/index.js';
import { LightClient } from '../host/light-client.js';
import { identityNumber } from '../kill/setting.js';

export interface FleetPlan {
  readonly url: string;
  readonly task: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}
/** Since the last one. */
export interface FromFleet {
  /** Now. */
  readonly inside: number;
  /** Times that somebody was told when to come back, before or after it was in. */
  readonly told: number;
  /** Tries that came to nothing without such a word, by what was said. */
  readonly failed: Readonly<Record<string, number>>;
}

const TELL_MS = 200;

process.once('disconnect', () => process.exit(0));
process.once('message', (message) => start(message as FleetPlan));

function start({ url, task, seed, from, to }: FleetPlan): void {
  const coordinator = identityNumber(seed, -1).id;
  let inside = 0;
  let told = 0;
  let failed: Record<string, number> = {};

  async function stay(identity: ReturnType<typeof identityNumber>): Promise<never> {
    const backoff = new Backoff(RECONNECT, nativeRng);
    let notBefore = 0;
    // As FederatedClient does.
    const wait = (ms: number): void => {
      told++;
      notBefore = performance.now() + ms + Math.abs(backoff.spread(ms) - ms);
    };
    for (;;) {
      const came = await LightClient.connect({ url, identity, coordinator, task });
      if (came.type === 'in') {
        backoff.reset();
        inside++;
        came.client.heard = (message) => {
          if (message.kind === 'rejected') wait(message.retryAfterMs);
        };
        await new Promise<void>((resolve) => {
          came.client.lost = () => resolve();
        });
        inside--;
      } else if (came.type === 'busy' && came.retryAfterMs !== undefined) wait(came.retryAfterMs);
      else {
        const why = came.type === 'busy' ? '503' : came.text;
        failed[why] = (failed[why] ?? 0) + 1;
      }
      const pause = Math.max(backoff.next() ?? 0, notBefore - performance.now());
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  for (let i = from; i < to; i++) void stay(identityNumber(seed, i));
  setInterval(() => {
    process.send?.({ inside, told, failed } satisfies FromFleet);
    told = 0;
    failed = {};
  }, TELL_MS);
}
