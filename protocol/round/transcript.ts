// The public facts of a finished round, and their hash, which stands in the signed chain record: sets, refusals and void groups. With the
// facts and the announcement anybody can recompute it. Not here: anything that a client sent beside its name; the hash reveals no update.

import { enc } from '../crypto/enc.js';
import type { SymmetricPrimitives } from '../crypto/primitives.js';
import { RECORD_LABELS } from '../crypto/record-labels.js';
import type { ErrorCode } from '../errors.js';
import { type ClientId, type GroupId, type Hash, hashOf, type Rank } from '../ids.js';
import type { DoneState, FailedState } from './group-state.js';

type Refusal = readonly [rank: Rank, code: ErrorCode];

/** Plain data, in the order in which it is hashed. */
export interface TranscriptFacts {
  readonly done: readonly {
    readonly group: GroupId;
    readonly u2: readonly Rank[];
    readonly u3: readonly Rank[];
    readonly u4: readonly Rank[];
    readonly excluded: readonly Refusal[];
    readonly refused: readonly Refusal[];
  }[];
  readonly voided: readonly {
    readonly group: GroupId;
    readonly code: ErrorCode;
    readonly culprits: readonly (readonly [client: ClientId, code: ErrorCode])[];
    readonly refused: readonly Refusal[];
  }[];
}

export function transcriptFacts(done: readonly DoneState[], voided: readonly FailedState[]): TranscriptFacts {
  const refusals = ({ refused }: DoneState | FailedState) => [...refused].sort(([a], [b]) => a - b);
  return {
    done: done.map((g) => ({
      group: g.setup.run.group,
      ...g.sets,
      excluded: g.excluded.map(({ rank, code }) => [rank, code] as const),
      refused: refusals(g),
    })),
    voided: voided.map((g) => ({
      group: g.setup.run.group,
      code: g.failure.code,
      culprits: g.failure.culprits.map(({ client, code }) => [client, code] as const),
      refused: refusals(g),
    })),
  };
}

/** @param gctxOf the context of a group (context.ts), which binds task, round, model, settings and roster */
export const transcriptHash = (
  primitives: SymmetricPrimitives,
  { done, voided }: TranscriptFacts,
  gctxOf: (group: GroupId) => Uint8Array,
): Hash =>
  hashOf(
    primitives.sha256(
      enc(
        RECORD_LABELS.transcript,
        done.map((g) => [g.group, gctxOf(g.group), g.u2, g.u3, g.u4, g.excluded, g.refused]),
        voided.map((g) => [g.group, gctxOf(g.group), g.code, g.culprits, g.refused]),
      ),
    ),
  );
