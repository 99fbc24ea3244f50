// Sends incidents to a webhook: JSON by POST, a time limit, retries that back off, the order kept, a bounded queue. The address may
// hold a secret and is never logged; whoever reads a failure gets the host alone. Not here: when there is an incident (playbooks.ts).

import type { Incident } from './playbooks.js';

export interface WebhookSettings {
  /** https:, or http: to a loopback address. */
  readonly url: string;
  /** For the header `authorization`; absent: none. */
  readonly authorization?: string;
}
export type Notice = Incident & { readonly task: string };
export type Sent =
  | { readonly ok: true; readonly tries: number }
  | { readonly ok: false; readonly tries: number; readonly says: string };

export interface Webhook {
  /** Never rejects. */
  send(notice: Notice): Promise<Sent>;
}

const TIMEOUT_MS = 5_000;
/** Waits before the second, third and fourth try. */
const BACK_OFF_MS: readonly number[] = [1_000, 5_000, 30_000];
/** A webhook that is away must not collect incidents without end. */
const MAX_WAITING = 64;

export interface WebhookParts {
  readonly wait?: (ms: number) => Promise<void>;
  readonly fetch?: typeof fetch;
}

const realWait = (ms: number): Promise<void> =>
  new Promise((done) => {
    setTimeout(done, ms).unref();
  });

export function createWebhook(settings: WebhookSettings, parts: WebhookParts = {}): Webhook {
  const { wait = realWait, fetch: send = fetch } = parts;
  let queue: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    async send(notice) {
      if (waiting >= MAX_WAITING) return { ok: false, tries: 0, says: `${MAX_WAITING} incidents wait already` };
      waiting++;
      const sent = queue.then(() => trySend(settings, notice, wait, send));
      queue = sent;
      return sent.finally(() => {
        waiting--;
      });
    },
  };
}

async function trySend(
  settings: WebhookSettings,
  notice: Notice,
  wait: (ms: number) => Promise<void>,
  send: typeof fetch,
): Promise<Sent> {
  const host = new URL(settings.url).host;
  let says = '';
  for (let tries = 1; ; tries++) {
    try {
      const answer = await send(settings.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(settings.authorization && { authorization: settings.authorization }),
        },
        body: JSON.stringify({ type: 'sotto-incident', ...notice }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        // A redirect would carry the incident, and the secret, somewhere else.
        redirect: 'error',
      });
      await answer.body?.cancel();
      if (answer.ok) return { ok: true, tries };
      says = `${host} answered ${answer.status}`;
      // Our fault, and the same the next time.
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429)
        return { ok: false, tries, says };
    } catch (error) {
      // Texts of fetch may repeat the address.
      says =
        error instanceof Error && error.name === 'TimeoutError'
          ? `${host} did not answer in time`
          : `${host} cannot be reached`;
    }
    const pause = BACK_OFF_MS[tries - 1];
    if (pause === undefined) return { ok: false, tries, says };
    await wait(pause);
  }
}
