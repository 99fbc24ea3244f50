// Who is in a published aggregate, told from the aggregate alone: compares it with what the recorded survivors sent, in arithmetic of its
// own. Without noise that is their updates; with noise the whole numbers that each of them has masked, its share of noise included.
// Not here: the log that names survivors and aggregates (check-log.ts).

import { nativeKeystream } from '../../protocol/native/index.js';
import { gridStep, signed } from '../../protocol/secagg/encode.js';
import type { MaskWork } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { encodeInput } from '../../protocol/secagg/noised.js';
import type { CommittedRound, SumCheck } from './check-log.js';
import { isOneHot } from './check-log.js';
import type { Settings } from './ops.js';
import { updateOf } from './tasks.js';

/** One input before its masks, in units of the update. */
export type MaskedInput = Float64Array;

/** By `round.attempt client`. */
export const inputName = (round: number, attempt: number, client: number): string => `${round}.${attempt} ${client}`;

/** The numbers that `work` is about to mask: the same work gives the same ones. */
export function inputOf(work: MaskWork, update: Float32Array): MaskedInput {
  const words = runStreaming(encodeInput(work, update), work.prg, nativeKeystream);
  const step = gridStep(work.encoding);
  return Float64Array.from(words, (word) => signed(word, work.encoding.ring) * step);
}

/** Sums are of whole numbers; what is compared was divided in float64 and rounded to float32 at most three times. */
const ROUNDING = 2e-6;

export function sumCheckOf(
  settings: Settings,
  inputs: ReadonlyMap<string, MaskedInput>,
  indexOf: (client: string) => number,
): SumCheck {
  const { task } = settings;
  const sent = ({ round, attempt }: CommittedRound, client: string): ArrayLike<number> | undefined =>
    task === 'noise' ? inputs.get(inputName(round, attempt, indexOf(client))) : updateOf(settings, indexOf(client));
  return (round, vector) => {
    const members = round.groups.flatMap(({ survivors }) => survivors);
    const indices = members.map(indexOf);
    if (new Set(indices).size !== indices.length || indices.includes(-1)) return false;
    if (task === 'plain' || task === 'chunks') return isOneHot(vector, indices);
    const rows = round.groups.map(({ survivors }) => survivors.map((client) => sent(round, client)));
    if (rows.flat().includes(undefined)) return false;
    const expected = combined(settings, rows as ArrayLike<number>[][], vector.length);
    return vector.every(
      (value, i) => Math.abs(value - (expected[i] ?? Number.NaN)) <= ROUNDING * Math.max(1, Math.abs(value)),
    );
  };
}

function combined({ task, faulty }: Settings, groups: readonly ArrayLike<number>[][], length: number): number[] {
  const at = (row: ArrayLike<number>, i: number): number => row[i] ?? Number.NaN;
  const mean = (rows: readonly ArrayLike<number>[], i: number): number =>
    rows.reduce((sum, row) => sum + at(row, i), 0) / rows.length;
  return Array.from({ length }, (_, i) => {
    if (task !== 'median' && task !== 'trimmed mean') return mean(groups.flat(), i);
    const sorted = groups.map((rows) => mean(rows, i)).sort((a, b) => a - b);
    const cut = task === 'median' ? Math.floor((sorted.length - 1) / 2) : faulty;
    const kept = sorted.slice(cut, sorted.length - cut);
    return kept.reduce((sum, value) => sum + value, 0) / kept.length;
  });
}
