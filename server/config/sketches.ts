// The settings of verified sketches in a file, and what is filled in where it is silent. Not here: whether they fit the group, the
// model and the ring (protocol/sketch/bounds.ts checkSketch), the filters themselves (server/aggregate/selection).

import * as v from 'valibot';
import type { Millis } from '../../protocol/ids.js';
import { MAX_GROUP, MAX_PRE_STEPS } from '../../protocol/limits.js';
import { NEIGHBOURS } from '../../protocol/rule.js';
import { rowsFor, type SketchSpec } from '../../protocol/sketch/bounds.js';
import { settingError } from './problem.js';
import { choice, listOf, maybe, oneOf, positive, says, settings, whole } from './values.js';

const literal = <const T extends string>(name: T) => v.literal(name, `${name}`);
const CENTRES = ['median', 'trimmed-mean', 'nnm-trimmed-mean'] as const;
const DEADLINE_MS: Millis = 30_000;
const SECURITY_BITS = 20;
/** Out: farther from the centre than this many times the median distance; well beyond what the projection alone does (9 % at k = 64). */
const FACTOR = 2;

const faulty = says('Bad clients among those that sent a sketch, f; 2f below their number.', whole(0, MAX_GROUP));
const centre = says('Where the honest sketches are thought to lie, coordinate by coordinate.', oneOf(CENTRES));

export const sketchSettings = settings({
  malicious: says(
    'Clients of one group that may lie and still be accepted, a. They shift the sum by at most a times the clipping norm times a slack of 7 to 10 with the fewest rows, 2 to 5 with 129.',
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
    'the fewest that give the bits',
    says(
      'Random projections of each update, k; a multiple of 3. The model needs 10 · k · n coordinates.',
      whole(12, 366),
    ),
  ),
  deadlineMs: maybe('30000', says('Milliseconds to wait for sketches.', whole(1, 86_400_000))),
  selection: maybe(
    '`distance` from the `median`, twice the median distance, `faulty` as `malicious`',
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

/** @throws CONFIG_INVALID where no number of rows gives the bits asked for */
export function fillSketch(file: SketchFile, size: number, threshold: number): SketchSpec {
  const spare = Math.max(0, size - threshold);
  const { malicious } = file;
  const exclusions = file.exclusions ?? Math.min(spare, malicious + Math.floor(Math.max(0, spare - malicious) / 2));
  const securityBits = file.securityBits ?? SECURITY_BITS;
  const rows = file.rows ?? rowsFor(securityBits + malicious);
  if (rows === undefined)
    throw settingError(
      'sketch.securityBits',
      `is ${securityBits}; with ${malicious} malicious clients no number of rows gives ${securityBits + malicious} bits; lower one of the two`,
    );
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
