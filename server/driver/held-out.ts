// What each group does to the model on data of the coordinator's own: loss and recall after the plain mean of all groups against the
// plain mean of all others. Whatever the rule of the task makes of the groups: a rule that cuts a group off would hide it.
// Not here: judging the gains (monitor/groups.ts), the data and the model (the caller's `evaluate`).

import type { RoundResult } from '../../protocol/round/types.js';
import type { Encoding } from '../../protocol/secagg/jobs.js';
import type { Engine } from '../engine/types.js';
import type { GroupObservation } from '../monitor/index.js';
import type { Evaluation } from './options.js';

export type Gains = ReadonlyMap<number, Pick<GroupObservation, 'heldOutGain' | 'recallGain'>>;

/** Fewer groups than this say nothing about each other (monitor/groups.ts). */
const MIN_GROUPS = 3;

/** The updates to compare: entry 0 of all groups, entry i + 1 of all but the i-th. `undefined` where there is nothing to compare. */
export async function leaveOneOut(
  engine: Engine,
  encoding: Encoding,
  { groups }: RoundResult,
): Promise<readonly Float32Array<ArrayBuffer>[] | undefined> {
  if (groups.length < MIN_GROUPS || groups.some(({ source }) => source.type === 'rows')) return undefined;
  const means: Float32Array<ArrayBuffer>[] = [];
  for (const left of [undefined, ...groups]) {
    const mean = await engine.aggregate({
      encoding,
      rule: { name: 'mean' },
      groups: groups.filter((group) => group !== left),
      state: [],
      seed: [0, 0, 0, 0],
    });
    if (!mean.ok) return undefined;
    means.push(mean.aggregate);
  }
  return means;
}

/** @param before weights that the round started from @param means of `leaveOneOut`, groups in the order of the result */
export async function gainsOf(
  { groups }: RoundResult,
  before: Float32Array,
  means: readonly Float32Array[],
  evaluate: (weights: Float32Array<ArrayBuffer>) => Promise<Evaluation>,
): Promise<Gains> {
  const evaluations: Evaluation[] = [];
  for (const mean of means) evaluations.push(await evaluate(before.map((weight, i) => weight + (mean[i] ?? 0))));
  const [all, ...without] = evaluations;
  if (all === undefined) return new Map();
  return new Map(
    groups.flatMap(({ group }, i) => {
      const one = without[i];
      if (one === undefined) return [];
      const heldOutGain = one.loss - all.loss;
      const recallGain = largestMove(one.recalls, all.recalls);
      return [[group, { heldOutGain, ...(recallGain !== undefined && { recallGain }) }] as const];
    }),
  );
}

/** after − before of the class that moves most; classes without examples do not move. */
function largestMove(before: readonly number[] = [], after: readonly number[] = []): number | undefined {
  return after
    .map((recall, c) => recall - (before[c] ?? Number.NaN))
    .filter(Number.isFinite)
    .reduce<number | undefined>(
      (most, move) => (Math.abs(move) > Math.abs(most ?? 0) ? move : (most ?? move)),
      undefined,
    );
}
