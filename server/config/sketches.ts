// The settings of verified sketches in a file, what is filled in where it is silent, and the odds where groups are dealt. Not here: whether they fit the group, the
// model and the ring (protocol/sketch/bounds.ts checkSketch), the filters themselves (server/aggregate/selection).

import * as v from 'valibot';
import { SottoError } from '../../protocol/errors.js';
import type { Millis } from '../../protocol/ids.js';
import { MAX_GROUP, MAX_PRE_STEPS } from '../../protocol/limits.js';
import { NEIGHBOURS } from '../../protocol/rule.js';
import { rowsFor, type SketchSpec } from '../../protocol/sketch/bounds.js';
import type { TaskConfig } from '../../protocol/task.js';
import { spoiltProbability } from '../aggregate/index.js';
import { settingError } from './problem.js';
import { choice, listOf, maybe, oneOf, positive, says, settings, whole } from './values.js';

const literal = <const T extends string>(name: T) => v.literal(name, `${name}`);
const CENTRES = ['median', 'trimmed-mean', 'nnm-trimmed-mean'] as const;
const DEADLINE_MS: Millis = 30_000;
const SECURITY_BITS = 20;
/**
 * Out: farther from the centre than this many times the median distance. Measured on MNIST, Dirichlet(1.0) (docs/robustness-results.md):
 * one honest update of 384 lay beyond 2 (at 2.5: local training that blew up), the next at 1.93; so near 2 a matrix decides. Sign flips
 * ×3 lie at 2.7 and more, reversed labels at 2.3 and more from the fourth round on.
 */
const FACTOR = 2.25;
/** Rows beyond those that security needs buy a smaller slack (docs/verified-sketches.md §3): 6.6 at 24, 2.5 at 96, 2.0 at 255, a = 0. */
const WANTED_ROWS = 96;
/** Odds of a bad deal of groups beyond which a task is refused. */
const BAD_DEAL = 0.01;

const faulty = says('Bad clients among those that sent a sketch, f; 2f below their number.', whole(0, MAX_GROUP));
const centre = says('Where the honest sketches are thought to lie, coordinate by coordinate.', oneOf(CENTRES));

export const sketchSettings = settings({
  malicious: says(
    'Clients of one group that may lie and still be accepted, a. They shift the sum by at most a times the clipping norm times a slack of 2.5 to 5.6 with 96 rows, 7 to 10 with the fewest.',
    whole(0, MAX_GROUP),
  ),
  exclusions: maybe(
    'malicious and half of what is left',
    says(
      'Clients of one group that may be left out; with `dropouts` at most what the group can lose.',
      whole(0, MAX_GROUP),
    ),
  ),
  dropouts: maybe('what is left', says('Clients of one group that may drop out beside.', whole(0, MAX_GROUP))),
  securityBits: maybe(
    '20',
    says('A lie passes, or an honest client fails, in one round of 2^this at most.', whole(20, 40)),
  ),
  rows: maybe(
    'as many as the model allows, at most 96; never fewer than the bits need',
    says(
      'Random projections of each update, k; a multiple of 3. The model needs 10 · k · n coordinates.',
      whole(12, 366),
    ),
  ),
  deadlineMs: maybe('30000', says('Milliseconds to wait for sketches.', whole(1, 86_400_000))),
  selection: maybe(
    '`distance` from the `median`, 2.25 times the median distance, `faulty` as `malicious`',
    says(
      'What decides over the sketches who is in the sum, from first to last, after the norm bound, which is always on. An empty list leaves that alone.',
      listOf(
        choice('name', [
          settings({
            name: says('Out: farther from the centre than `factor` times the median distance.', literal('distance')),
            faulty,
            centre,
            factor: says('Above 1.', positive()),
          }),
          settings({
            name: says('Out: a cosine to the centre below `least`.', literal('cosine')),
            faulty,
            centre,
            least: says(
              'From −1 to below 1.',
              v.pipe(v.number('a number'), v.minValue(-1, 'at least -1'), v.maxValue(1, 'below 1')),
            ),
          }),
          settings({
            name: says('Out: the f with the highest Krum scores, every round.', literal('multi-krum')),
            faulty,
            neighbours: says('Nearest others that are counted.', oneOf(NEIGHBOURS)),
          }),
        ]),
        0,
        MAX_PRE_STEPS - 1,
      ),
    ),
  ),
});
export type SketchFile = v.InferOutput<typeof sketchSettings>;

/** Where the sketches go. `members`: of all groups together. */
export interface SketchedTask {
  readonly size: number;
  readonly threshold: number;
  readonly members: number;
  readonly dimension: number;
}

/** @throws CONFIG_INVALID where no number of rows gives the bits asked for */
export function fillSketch(file: SketchFile, { size, threshold, members, dimension }: SketchedTask): SketchSpec {
  const spare = Math.max(0, size - threshold);
  const { malicious } = file;
  const exclusions = file.exclusions ?? Math.min(spare, malicious + Math.floor(Math.max(0, spare - malicious) / 2));
  const securityBits = file.securityBits ?? SECURITY_BITS;
  const fewest = rowsFor(securityBits + malicious);
  if (fewest === undefined)
    throw settingError(
      'sketch.securityBits',
      `is ${securityBits}; with ${malicious} malicious clients no number of rows gives ${securityBits + malicious} bits; lower one of the two`,
    );
  // A multiple of 3 with d ≥ 10·k·n. Where not even the fewest fit, the check of the task says so.
  const allowed = 3 * Math.floor(dimension / (10 * members) / 3);
  const rows = file.rows ?? Math.max(fewest, Math.min(WANTED_ROWS, allowed));
  const filters = file.selection ?? [
    { name: 'distance' as const, faulty: malicious, centre: 'median' as const, factor: FACTOR },
  ];
  return {
    kind: 'sketch',
    rows,
    securityBits,
    malicious,
    exclusions,
    dropouts: file.dropouts ?? Math.max(0, spare - exclusions),
    selection: filters.map((filter) =>
      filter.name === 'multi-krum' ? { ...filter, force: false } : { ...filter, centre: { name: filter.centre } },
    ),
    window: {
      count: { min: Math.min(threshold, size), max: size },
      time: { min: 0, max: file.deadlineMs ?? DEADLINE_MS },
    },
  };
}

/**
 * Sketches in dealt groups: that `malicious` holds for each group is a matter of luck, since groups are dealt at random. If as many bad
 * clients as all groups may have together are dealt, more than the rule is ready for may get groups with more of them than can be
 * left out. Not asked of `trusted` tasks, as other floors are not. @throws CONFIG_SKETCH where that is likelier than 1 %
 */
export function checkDeal({ profile, trust, integrity, group, rule }: TaskConfig): void {
  if (profile !== 'grouped' || integrity === 'none' || trust === 'trusted') return;
  const bad = Math.min(integrity.malicious, group.size) * group.count;
  const groups = rule.name === 'mean' ? 0 : rule.faulty;
  const odds = spoiltProbability(group.size * group.count, bad, group.size, { perGroup: integrity.exclusions, groups });
  if (odds <= BAD_DEAL) return;
  const text = `sketch.malicious ${integrity.malicious} makes ${bad} bad clients in ${group.count} groups of ${group.size}; dealt at random, more than ${groups} groups get more than the ${integrity.exclusions} that can be left out with probability ${(100 * odds).toFixed(odds < 0.1 ? 1 : 0)} %, above 1 %; use larger groups (they can lose more), more exclusions, a higher rule.faulty, or fewer malicious`;
  throw new SottoError('CONFIG_SKETCH', text, { field: 'sketch.malicious' });
}
