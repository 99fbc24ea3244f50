// The keys that a coordinator has had, from its log: the event that moves it to another one, the row, and what a third party checks. The
// first key is in event 1; each later one follows from a hand-over that both have signed, at the record where the model chain stood.
// Not here: the hand-over's bytes (protocol/chain/hand-over.ts), making one (data/hand-over.ts).

import type { Json } from '../../protocol/canonical-json.js';
import { askHandOver, type HandOver } from '../../protocol/chain/hand-over.js';
import { answered } from '../../protocol/crypto/asking.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import {
  type ClientId,
  clientId,
  fromHex,
  type Hash,
  hashOf,
  isHex32,
  publicKeyOf,
  toHex,
} from '../../protocol/ids.js';
import type { EventBodies, Fact } from './events.js';
import type { Rows } from './project.js';

export type HandOverFact = EventBodies['coordinator-rotated'];
export const HAND_OVER_EVENT = 'coordinator-rotated';

export const handOverFact = (task: string, one: HandOver, tokens: HandOverFact['tokens']): HandOverFact => ({
  task,
  from: clientId(one.from),
  to: clientId(one.to),
  round: one.round,
  head: hashOf(one.head),
  given: toHex(one.given),
  taken: toHex(one.taken),
  tokens,
});

/** `undefined` for a body that is none. Nothing is verified. Never throws. */
export function handOverOf(body: { readonly [field: string]: Json }): HandOver | undefined {
  const { from, to, round, head, given, taken } = body;
  const isHex = (text: Json | undefined, digits: number): text is string =>
    typeof text === 'string' && text.length === digits && /^[0-9a-f]*$/.test(text);
  if (!isHex(from, 64) || !isHex(to, 64) || !isHex(head, 64) || !isHex(given, 128) || !isHex(taken, 128))
    return undefined;
  if (typeof round !== 'number' || !Number.isSafeInteger(round) || round < 0) return undefined;
  return {
    from: fromHex(from),
    to: fromHex(to),
    round,
    head: fromHex(head),
    given: fromHex(given),
    taken: fromHex(taken),
  };
}

/** In order. */
export const handOversOf = (rows: Rows): readonly HandOverFact[] =>
  (rows.get('hand-overs') as readonly HandOverFact[] | undefined) ?? [];

/** Whose the log is now; `undefined` for an empty one. */
export function coordinatorOf(rows: Rows): ClientId | undefined {
  const task = rows.get('task') as { readonly coordinator: string } | undefined;
  return (handOversOf(rows).at(-1)?.to ?? task?.coordinator) as ClientId | undefined;
}

export interface KnownKeys {
  /** All that this coordinator has had, the first one first. */
  readonly all: readonly Uint8Array[];
  /** Whose enrolment tokens are taken. */
  readonly ofTokens: readonly Uint8Array[];
}
/** @param own without a log there is but this one */
export function knownKeys(handOvers: readonly HandOverFact[], own: Uint8Array): KnownKeys {
  const voided = handOvers.map(({ tokens }) => tokens).lastIndexOf('void');
  const keys = handOvers.map(({ from }) => fromHex(from));
  return { all: [...keys, own], ofTokens: [...keys.slice(voided + 1), own] };
}

/** What a third party finds out, event by event. */
export class CoordinatorKeys {
  readonly #primitives: Primitives;
  readonly #problem: (text: string) => void;
  #task = '';
  #newest: { readonly round: number; readonly hash: Hash } | undefined;
  readonly #ids: ClientId[];
  #all: Uint8Array[];

  /** @param named by the header of the log: counts until event 1 has named the first */
  constructor(primitives: Primitives, named: ClientId, problem: (text: string) => void) {
    this.#primitives = primitives;
    this.#problem = problem;
    this.#ids = [named];
    this.#all = [publicKeyOf(named)];
  }

  /** In force: signs what comes now. */
  get current(): Uint8Array {
    return this.#all.at(-1) ?? new Uint8Array(0);
  }

  get all(): readonly Uint8Array[] {
    return this.#all;
  }

  get ids(): readonly ClientId[] {
    return this.#ids;
  }

  /** Before it: the event itself is still signed over by the old key. */
  take(fact: Fact, at: number): void {
    if (fact.type === 'task-created' && at === 1 && isHex32(fact.body.coordinator)) {
      this.#task = fact.body.task;
      this.#ids[0] = fact.body.coordinator as ClientId;
      this.#all = [fromHex(fact.body.coordinator)];
    }
    if (fact.type === 'model-recorded') {
      const { round } = fact.body.record as { readonly round: number };
      this.#newest = { round, hash: fact.body.hash as Hash };
    }
    if (fact.type === HAND_OVER_EVENT) this.#handedOver(fact.body, at);
  }

  #handedOver(body: HandOverFact, at: number): void {
    const { from, to, round, head } = body;
    const bad = (text: string): void => this.#problem(`event ${at} hands over from ${from} to ${to}: ${text}`);
    const handOver = handOverOf(body);
    const wrong = this.#wrong(body, handOver);
    if (wrong !== undefined) bad(wrong);
    if (wrong !== undefined || handOver === undefined) return;
    if (this.#newest?.hash !== head || this.#newest.round !== round)
      bad(`it names record ${head} of round ${round}, and the chain was at another one`);
    this.#ids.push(to as ClientId);
    this.#all.push(handOver.to);
  }

  /** For which nobody follows it. */
  #wrong({ from, to }: HandOverFact, handOver: HandOver | undefined): string | undefined {
    if (handOver === undefined) return 'it makes no sense';
    if (from !== this.#ids.at(-1))
      return this.#ids.includes(from as ClientId)
        ? 'the old key had been given up before'
        : 'the old key was never the one of this coordinator';
    if (this.#ids.includes(to as ClientId)) return 'the new key had been given up before';
    if (!answered(askHandOver(this.#task, handOver), this.#primitives)) return 'it is not signed by both keys';
    return undefined;
  }
}
