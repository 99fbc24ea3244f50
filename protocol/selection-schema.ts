// Reads a selection over sketches from parsed text. Strict: unknown keys are refused. A file of its own, so that clients that know
// no sketches do not carry it. Not here: whether the values make sense together (selection.ts checkSelection).

import * as v from 'valibot';
import { MAX_RULE_STEPS } from './limits.js';
import { NEIGHBOURS } from './rule.js';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const finite = v.pipe(v.number(), v.finite());
const positive = v.pipe(finite, v.minValue(Number.MIN_VALUE));
const faulty = { faulty: count };
const steps = v.pipe(count, v.minValue(1), v.maxValue(MAX_RULE_STEPS));
const centre = v.variant('name', [
  v.strictObject({ name: v.literal('median') }),
  v.strictObject({ name: v.literal('trimmed-mean') }),
  v.strictObject({ name: v.literal('nnm-trimmed-mean') }),
  v.strictObject({ name: v.literal('geometric-median'), nu: positive, steps }),
]);
/** A selection over sketches; the norm bound comes first (selection.ts). */
export const selectionSchema = v.tupleWithRest(
  [v.strictObject({ name: v.literal('norm'), bound: positive, slack: v.pipe(positive, v.minValue(1)) })],
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
);
