// Reads the filters of verified sketches from parsed text. Strict: unknown keys are refused. Not here: whether the values make sense together (selection.ts checkSelection).

import { MAX_PRE_STEPS, MAX_RULE_STEPS } from './limits.js';
import { NEIGHBOURS } from './rule.js';
import * as v from './schema.js';
import { count, finite, positive } from './task-fields.js';

const faulty = { faulty: count };
const steps = v.pipe(count, v.minValue(1), v.maxValue(MAX_RULE_STEPS));
const centre = v.variant('name', [
  v.strictObject({ name: v.literal('median') }),
  v.strictObject({ name: v.literal('trimmed-mean') }),
  v.strictObject({ name: v.literal('nnm-trimmed-mean') }),
  v.strictObject({ name: v.literal('geometric-median'), nu: positive, steps }),
]);
/** Filters over sketches, left to right. The norm bound before them follows from the encoding (sketch/bounds.ts selectionOf). */
export const filtersSchema = v.pipe(
  v.array(
    v.variant('name', [
      v.strictObject({ name: v.literal('distance'), ...faulty, centre, factor: positive }),
      v.strictObject({ name: v.literal('cosine'), ...faulty, centre, least: finite }),
      v.strictObject({
        name: v.literal('multi-krum'),
        ...faulty,
        neighbours: v.picklist(NEIGHBOURS),
        force: v.boolean(),
      }),
    ]),
  ),
  v.maxLength(MAX_PRE_STEPS - 1),
);
