// Collects what happens in a round, over all its attempts, into its report. Pure bookkeeping.
// Not here: deciding anything, and who reads the reports.

import type { ErrorCode } from '../../protocol/errors.js';
import { type ClientId, type Hash, hashOf, type Millis } from '../../protocol/ids.js';
import type { RoundFact, RoundResult } from '../../protocol/round/types.js';
import type { ClientPhase } from '../../protocol/task.js';
import type { Selection, StageReport } from '../aggregate/index.js';
import type { RoundPrivacy } from '../campaign/budget.js';
import type { Team } from '../campaign/types.js';
import type { Link } from '../chain/store.js';
import type { Traffic } from './connection.js';
import type { Membership } from './membership.js';
import type { RoundReport } from './options.js';
import type { Unwatched } from './watch.js';

type Dropped = RoundReport['dropped'][number];
type Excluded = RoundReport['excluded'][number];

export class Reporter {
  readonly #traffic: Traffic;
  readonly #dropped = new Map<string, Dropped>();
  readonly #excluded = new Map<ClientId, Excluded>();
  #selection: 'none' | Selection = 'none';
  #why: Membership['why'] = new Map();
  readonly #phases = new Map<number, ClientPhase>();
  #groups: readonly Team[] = [];
  #startedAt: Millis = 0;
  #counted = { up: 0, down: 0 };

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
  }

  attempt(attempt: number, groups: readonly Team[], now: Millis): void {
    if (attempt === 1) {
      this.#dropped.clear();
      this.#excluded.clear();
      this.#startedAt = now;
    }
    this.#groups = groups;
    this.#phases.clear();
    this.#selection = 'none';
    this.#why = new Map();
  }

  decided({ selection, why }: Membership): void {
    this.#selection = selection;
    this.#why = why;
  }

  fact(fact: RoundFact): void {
    switch (fact.type) {
      case 'dropped':
        this.#dropped.set(`${fact.client} ${fact.phase}`, { client: fact.client, phase: fact.phase });
        return;
      case 'excluded':
        this.#exclude(fact.client, fact.phase, fact.code);
        return;
      case 'phase': {
        const phase = waitingPhase(fact.phase);
        if (phase !== undefined) this.#phases.set(fact.group, phase);
        return;
      }
      default:
        fact satisfies never;
    }
  }

  /** A member broke the protocol outside the round machine: its connection is closed, which the machine sees as a dropout. */
  offence(client: ClientId, code: ErrorCode): void {
    const team = this.#groups.find(({ members }) => members.includes(client));
    if (team === undefined) return;
    this.#exclude(client, this.#phases.get(team.id) ?? 'keys', code);
  }

  #exclude(client: ClientId, phase: ClientPhase, code: ErrorCode): void {
    const why = code === 'SKETCH_OUTLIER' ? this.#why.get(client) : undefined;
    this.#excluded.set(client, { client, phase, code, ...(why !== undefined && { why }) });
  }

  committed(
    link: Link,
    attempts: number,
    result: RoundResult,
    rule: readonly StageReport[],
    privacy: 'none' | RoundPrivacy,
    now: Millis,
  ): Unwatched {
    return {
      ...this.#common(link.record.round, attempts, hashOf(link.record.modelAfter), now),
      outcome: { type: 'committed' },
      survivors: result.groups.flatMap(({ survivors }) => survivors),
      voidedGroups: result.voided.map(({ group, failure }) => ({ group, code: failure.code, text: failure.text })),
      rule,
      privacy,
    };
  }

  void(round: number, attempts: number, code: ErrorCode, text: string, modelHash: Hash, now: Millis): Unwatched {
    return {
      ...this.#common(round, attempts, modelHash, now),
      outcome: { type: 'void', code, text },
      survivors: [],
      voidedGroups: [],
      rule: [],
      privacy: 'none',
    };
  }

  #common(round: number, attempts: number, modelHash: Hash, now: Millis) {
    const { up, down } = this.#traffic;
    const bytes = { bytesUp: up - this.#counted.up, bytesDown: down - this.#counted.down };
    this.#counted = { up, down };
    return {
      round,
      attempts,
      cohort: this.#groups.flatMap(({ members }) => members),
      groups: this.#groups,
      // Who was excluded did not leave by itself: its closed connection is our doing.
      dropped: [...this.#dropped.values()].filter(({ client }) => !this.#excluded.has(client)),
      excluded: [...this.#excluded.values()],
      seconds: (now - this.#startedAt) / 1_000,
      ...bytes,
      selection: this.#selection,
      modelHash,
    };
  }
}

const WAITING = [
  'keys',
  'shares',
  'masked',
  'sketch',
  'consistency',
  'unmask',
] as const satisfies readonly ClientPhase[];
const waitingPhase = (phase: string): ClientPhase | undefined => WAITING.find((one) => one === phase);
