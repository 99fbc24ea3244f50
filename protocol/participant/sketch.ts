// R4 at the client: one challenge per input, ever; then k projections of the update and of each of its masks go out, signed.
// Not here: the arithmetic (sketch/project.ts, run by the driver), what the coordinator makes of it (round/phases/sketch.ts).

import { nonceCommitment, sketchStatement } from '../context.js';
import { sign } from '../crypto/asking.js';
import { bytesEqual } from '../crypto/enc.js';
import { matrixKey } from '../sketch/matrix.js';
import type { SketchRequest } from '../wire/messages.js';
import { debit } from './accounts.js';
import { end, stopBy, wipeMasks } from './ending.js';
import { type AskingStep, type In, type ParticipantStep, stay } from './state.js';
import { isSubset, sameSet } from './unmask.js';

export function onSketchRequest(s: In<'masked'>, { nonce, u3 }: SketchRequest): ParticipantStep {
  const { joined, u2, keep } = s;
  const { config, derived, rank, primitives, ctx } = joined;
  if (config.integrity === 'none' || keep === 'nothing')
    return stopBy(s, 'GUARD_SKETCH', 'the task has no sketches, and one was asked for');
  if (!isSubset(u3, u2)) return stopBy(s, 'GUARD_SKETCH', 'U3 names a member that dealt no shares');
  if (u3.length < derived.threshold)
    return stopBy(s, 'GUARD_SKETCH', `${u3.length} inputs are below the threshold ${derived.threshold}`);
  if (u3.length < derived.survivorFloor)
    return stopBy(s, 'GUARD_PRIVACY', `${u3.length} inputs are below the floor of ${derived.survivorFloor}`);
  if (!bytesEqual(nonceCommitment(primitives, nonce), joined.commitNonce))
    return stopBy(s, 'GUARD_SKETCH', 'the nonce is not the one that was committed to in R0');
  if (!u3.includes(rank)) return end(s, 'contributed', 'ROUND_TOO_LATE');
  const work = {
    type: 'sketch',
    mask: keep,
    matrixKey: matrixKey(primitives, ctx, nonce),
    rows: config.integrity.rows,
  } as const;
  return {
    state: { ...s, phase: 'sketching', keep, challenge: { nonce, u3 } },
    effects: [{ type: 'sketch', work }],
  };
}

export function* onSketched(s: In<'sketching'>, section: Uint8Array): AskingStep {
  const { keep, ...rest } = s;
  const { primitives, gctx, rank, run, identity } = s.joined;
  const statement = sketchStatement(gctx, rank, s.challenge.nonce, primitives.sha256(section));
  const signature = yield* sign(identity, statement);
  wipeMasks(keep);
  const { joined, effects } = debit(s.joined, (accounts) => accounts.beforeSketch(s.joined));
  return {
    state: { ...rest, joined, phase: 'sketched' },
    effects: [...effects, { type: 'send', message: { kind: 'sketch', run, signature, section } }],
  };
}

/** The same challenge again is an echo; another one would reveal k more functionals of the same update. */
export const onSecondRequest = (s: In<'sketching' | 'sketched'>, { nonce, u3 }: SketchRequest): ParticipantStep =>
  bytesEqual(nonce, s.challenge.nonce) && sameSet(u3, s.challenge.u3)
    ? stay(s)
    : stopBy(s, 'GUARD_SKETCH', 'a second, different challenge for one input');
