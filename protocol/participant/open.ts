// A client's part in profile `open`: train, clip, send the update in the clear. Policy must allow the profile by name.
// Not here: everything that keeps an update secret.

import { plainStatement } from '../context.js';
import { sign } from '../crypto/asking.js';
import type { ClientWorkResult } from '../secagg/jobs.js';
import { vectorHash } from '../wire/chunks.js';
import type { Plain } from '../wire/messages.js';
import { end } from './ending.js';
import { allChunks } from './shares.js';
import type { AskingStep, In, ParticipantStep } from './state.js';

export function onOpenTrained(s: In<'openTraining'>, examples: number): ParticipantStep {
  const { weighting } = s.joined.config.encoding;
  const weight = weighting.by === 'uniform' ? 1 : Math.min(1, examples / weighting.maxExamples);
  if (!(weight > 0)) return end(s, 'left', 'TRAIN_SHAPE');
  return {
    state: { phase: 'openEncoding', joined: s.joined, weight },
    effects: [{ type: 'compute', work: { type: 'plain', encoding: s.joined.derived.encoding } }],
  };
}

export function* onPlainComputed(s: In<'openEncoding'>, result: ClientWorkResult): AskingStep {
  if (!result.ok) return end(s, 'left', result.code);
  const { joined, weight } = s;
  const { primitives, gctx, rank, run, identity } = joined;
  const statement = plainStatement(gctx, rank, vectorHash(primitives, result.bytes, result.chunks), weight);
  const plain: Plain = {
    kind: 'plain',
    run,
    chunks: result.chunks,
    bytes: result.bytes,
    weight,
    signature: yield* sign(identity, statement),
  };
  const guard = { ...joined.guard, contributed: joined.guard.contributed + 1 };
  return {
    state: { phase: 'openSent', joined: { ...joined, guard }, plain },
    effects: [
      { type: 'persist', guard },
      { type: 'send', message: plain },
      { type: 'upload', run, chunks: allChunks(result.chunks) },
    ],
  };
}
