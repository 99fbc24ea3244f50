// The public facts of a finished round as one hash: sets, refusals and void groups. It stands in the signed chain record.
// Not here: anything that a client sent beside its name; the hash reveals no update.

import { enc } from '../crypto/enc.js';
import { LABELS } from '../crypto/labels.js';
import type { Primitives } from '../crypto/primitives.js';
import { type Hash, hashOf } from '../ids.js';
import type { DoneState, FailedState } from './group-state.js';

export function transcriptOf(primitives: Primitives, done: readonly DoneState[], voided: readonly FailedState[]): Hash {
  const refusals = ({ refused }: DoneState | FailedState) =>
    [...refused].sort(([a], [b]) => a - b).map(([rank, code]) => [rank, code]);
  const exclusions = ({ excluded }: DoneState) => excluded.map(({ rank, code }) => [rank, code]);
  return hashOf(
    primitives.sha256(
      enc(
        LABELS.transcript,
        done.map((g) => [g.setup.run.group, g.setup.gctx, g.sets.u2, g.sets.u3, g.sets.u4, exclusions(g), refusals(g)]),
        voided.map((g) => [
          g.setup.run.group,
          g.setup.gctx,
          g.failure.code,
          g.failure.culprits.map(({ client, code }) => [client, code]),
          refusals(g),
        ]),
      ),
    ),
  );
}
