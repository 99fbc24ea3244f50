// The transcript of each committed round as a third party recomputes it: from the announcement that the log tells and the facts of the round,
// compared with the hash in the signed record of its model, and the facts with who is said to be in the sum. Not here: models
// (verify-chain.ts), the order of events (round-rules.ts).

import { recordFromJson } from '../../protocol/audit/record-json.js';
import { contextOf, groupContextOf, groupRootOf, rosterRootOf } from '../../protocol/context.js';
import type { SymmetricPrimitives } from '../../protocol/crypto/primitives.js';
import { type ClientId, fromHex, type GroupId, type Hash, hashOf, publicKeyOf } from '../../protocol/ids.js';
import { type TranscriptFacts, transcriptHash } from '../../protocol/round/transcript.js';
import { configHash } from '../../protocol/task.js';
import type { CoordinatorKeys } from './coordinator-keys.js';
import type { EventBodies, Fact } from './events.js';

export class Transcripts {
  readonly #primitives: SymmetricPrimitives;
  readonly #coordinator: Pick<CoordinatorKeys, 'current'>;
  readonly #problem: (text: string) => void;
  #task = '';
  #config = new Uint8Array(0);
  #attempt: EventBodies['attempt-started'] | undefined;
  /** Of the record that the running attempt was announced with. */
  #clip = 0;
  /** Of the newest record, and its round. */
  #newest: { readonly round: number; readonly transcript: Hash | undefined; readonly clip: number } | undefined;
  #recomputed = 0;
  #notRecomputed = 0;

  constructor(
    primitives: SymmetricPrimitives,
    coordinator: Pick<CoordinatorKeys, 'current'>,
    problem: (text: string) => void,
  ) {
    this.#primitives = primitives;
    this.#coordinator = coordinator;
    this.#problem = problem;
  }

  take(fact: Fact, at: number): void {
    switch (fact.type) {
      case 'task-created':
        this.#task = fact.body.task;
        this.#config = new Uint8Array(configHash(this.#primitives, fact.body.config));
        return;
      case 'attempt-started':
        this.#attempt = fact.body;
        this.#clip = this.#newest?.clip ?? 0;
        return;
      case 'model-recorded': {
        const record = recordFromJson(fact.body.record);
        if (record === undefined) return;
        const { round, clip, transcript, type } = record;
        this.#newest = { round, clip, transcript: type === 'update' ? hashOf(transcript) : undefined };
        return;
      }
      case 'round-committed':
        this.#committed(fact.body, at);
        return;
      default:
    }
  }

  summary(): { readonly recomputed: number; readonly notRecomputed: number } {
    return { recomputed: this.#recomputed, notRecomputed: this.#notRecomputed };
  }

  /** Its model stands before it, in the same transaction. */
  #committed({ round, groups, transcript }: EventBodies['round-committed'], at: number): void {
    const attempt = this.#attempt;
    const signed = this.#newest?.round === round ? this.#newest.transcript : undefined;
    if (transcript === undefined || attempt?.round !== round || signed === undefined) {
      this.#notRecomputed++;
      return;
    }
    // safe: what is no such thing throws below, and the reader of the log says so
    const facts = transcript.facts as unknown as TranscriptFacts;
    const gctxOf = this.#contexts(attempt, fromHex(transcript.commitNonce));
    if (transcriptHash(this.#primitives, facts, gctxOf) === signed) this.#recomputed++;
    else this.#problem(`event ${at}: the transcript of round ${round} is not the one that its model was signed with`);
    for (const { group, u4 } of facts.done) {
      const members = attempt.groups.find(({ id }) => id === group)?.members ?? [];
      const told = groups.find((one) => one.group === group)?.survivors ?? [];
      if (u4.length !== told.length || u4.some((rank, i) => members[rank] !== told[i]))
        this.#problem(
          `event ${at}: the transcript of round ${round} has other survivors of group ${group} than the log`,
        );
    }
  }

  #contexts(
    { round, attempt, model, groups }: EventBodies['attempt-started'],
    commitNonce: Uint8Array,
  ): (group: GroupId) => Uint8Array {
    const rosters = groups.map(({ id, members }) => ({
      id,
      root: groupRootOf(
        this.#primitives,
        id,
        members.map((one) => publicKeyOf(one as ClientId)),
      ),
    }));
    const ctx = contextOf(this.#primitives, {
      task: this.#task,
      round,
      attempt,
      model: model as Hash,
      config: this.#config,
      rosterRoot: rosterRootOf(
        this.#primitives,
        rosters.map(({ id }) => id),
        rosters.map(({ root }) => root),
      ),
      commitNonce,
      clip: this.#clip,
      coordinator: this.#coordinator.current,
    });
    const roots = new Map(rosters.map(({ id, root }) => [id, root]));
    return (group) => groupContextOf(this.#primitives, ctx, group, roots.get(group) ?? new Uint8Array(0));
  }
}
