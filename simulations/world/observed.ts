// What a world's observer knows: what was acknowledged, sent, opened, kept and said, whoever crashed meanwhile. Written down as it
// happens, judged afterwards or at once. Not here: the verdicts on the log (check-log.ts) and on the whole (checks.ts).

import { type Millis, toHex } from '../../protocol/ids.js';
import type { GuardRecord } from '../../protocol/participant/types.js';
import { decodeFrame } from '../../protocol/wire/frame.js';
import type { Message, RunRef } from '../../protocol/wire/messages.js';
import type { MaskedInput } from './accounting.js';
import type { Trained } from './check-decisions.js';
import type { Watcher } from './network.js';

/** Safety: something happened that must never. Liveness: something did not that must. */
export interface Violation {
  readonly kind: string;
  readonly text: string;
  readonly atMs: Millis;
}

export class Observed implements Watcher {
  readonly violations: Violation[] = [];
  /** Heads that were acknowledged. */
  readonly heads = new Map<number, string>();
  /** Models that clients have verified, by round. */
  readonly models = new Map<number, Set<string>>();
  /** Attempts that clients have joined, as `round.attempt`. */
  readonly joined = new Set<string>();
  /** Attempts in which the coordinator asked for sums to be opened, by round. */
  readonly opened = new Map<number, Set<number>>();
  /** What clients were about to mask, in tasks with noise. */
  readonly inputs = new Map<string, MaskedInput>();
  readonly trained: Trained[] = [];
  /** Keys that an operator has revoked, or that their clients have given up. */
  readonly shut = new Set<string>();
  /** A client has refused to spend more than its budget. */
  broke = false;
  /** Rounds that were reported, over all lives of the coordinator. */
  readonly reports = { committed: 0, void: 0 };
  /** Complaints of clients' guards, and blame, while nobody meddles with frames. */
  meddled = false;
  /** The record on a client's disk now. */
  guardOf: (client: number) => GuardRecord | undefined = () => undefined;
  /** Told of what must be paid for before it is sent: an announcement by the coordinator, an input by its client. */
  charged: (by: 'coordinator' | number, run: RunRef) => boolean = () => true;
  readonly #now: () => Millis;
  /** `client round` → attempt, and the shares that it opened. */
  readonly #answers = new Map<string, { readonly run: string; readonly said: string }>();
  readonly #noises = new Set<string>();
  /** `client run peer` → the type of share that was opened. */
  readonly #shares = new Map<string, string>();

  constructor(now: () => Millis) {
    this.#now = now;
  }

  violate(kind: string, text: string): void {
    if (this.violations.length < 20) this.violations.push({ kind, text, atMs: Math.round(this.#now()) });
  }

  model(round: number, hash: string): void {
    this.models.set(round, (this.models.get(round) ?? new Set()).add(hash));
  }

  sent(client: number, way: 'up' | 'down', frame: Uint8Array): Message['kind'] | undefined {
    const decoded = decodeFrame(frame);
    if (!decoded.ok) {
      this.violate('bad frame', `${way} ${client}: ${decoded.reason}`);
      return undefined;
    }
    const { message } = decoded;
    if (way === 'down' && message.kind === 'unmaskRequest') this.#asked(message.run);
    if (way === 'down' && message.kind === 'announce') this.#paid('coordinator', message.run);
    if (way === 'up' && message.kind === 'masked') this.#paid(client, message.run);
    if (way === 'up' && message.kind === 'keys') this.#guarded(client, message.run, false);
    if (way === 'up' && message.kind === 'unmask') {
      this.#guarded(client, message.run, true);
      this.#answered(client, message.run, message.opened);
    }
    return message.kind;
  }

  /** Write before sending: what a guard has to know is on the disk when the message leaves. */
  #guarded(client: number, { round, attempt }: RunRef, answers: boolean): void {
    const guard = this.guardOf(client) ?? { round: 0, attempt: 0, answered: 0 };
    const knows = guard.round > round || (guard.round === round && guard.attempt >= attempt);
    if (!knows || (answers && guard.answered < round))
      this.violate(
        'sent before saved',
        `client ${client} in ${round}.${attempt}, on its disk ${JSON.stringify(guard)}`,
      );
  }

  /** Debits are durable before releases. */
  #paid(by: 'coordinator' | number, run: RunRef): void {
    if (!this.charged(by, run)) this.violate('sent before paid', `${by} in ${run.round}.${run.attempt}`);
  }

  #asked({ round, attempt }: RunRef): void {
    const attempts = this.opened.get(round) ?? new Set();
    this.opened.set(round, attempts.add(attempt));
    if (attempts.size > 1) this.violate('two openings', `round ${round} in attempts ${[...attempts].join(' and ')}`);
  }

  #answered(client: number, run: RunRef, shares: readonly { readonly of: number; readonly type: string }[]): void {
    const name = `${run.round}.${run.attempt}/${run.group}`;
    const said = shares.map(({ of, type }) => `${of}${type}`).join();
    const before = this.#answers.get(`${client} ${run.round}`);
    if (before !== undefined && (before.run !== name || before.said !== said))
      this.violate('two answers', `client ${client} answered ${before.run} and ${name}`);
    this.#answers.set(`${client} ${run.round}`, { run: name, said });
    for (const { of, type } of shares) {
      const key = `${client} ${name} ${of}`;
      const other = this.#shares.get(key);
      if (other !== undefined && other !== type)
        this.violate('both shares', `client ${client} opened both shares of ${of} in ${name}`);
      this.#shares.set(key, type);
    }
  }

  /** One draw enters one sum. */
  noise(client: number, key: Uint8Array): void {
    const name = toHex(key);
    if (this.#noises.has(name)) this.violate('noise used twice', `client ${client}`);
    this.#noises.add(name);
  }

  /** What an honest coordinator never hears from an honest client, unless somebody changes frames on their way. */
  guard(client: number, code: string, text: string): void {
    if (!this.meddled) this.violate('guard', `client ${client}: ${code}, ${text}`);
  }
}
