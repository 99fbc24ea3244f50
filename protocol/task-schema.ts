// Reads the canonical text of a task's settings that an announcement carries. Strict: unknown keys are refused, so that a client
// never agrees to a setting it does not understand. Not here: whether the values make sense together (task.ts deriveTask).

import * as v from 'valibot';
import { SottoError } from './errors.js';
import { MAX_DIMENSION, MAX_PRE_STEPS, MAX_RULE_STEPS, MAX_TASK_ID } from './limits.js';
import { CLIPPING_STARTS, MEDIAN_STARTS, NEIGHBOURS } from './rule.js';
import type { Json, TaskConfig } from './task.js';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const positive = v.pipe(v.number(), v.finite(), v.minValue(Number.MIN_VALUE));
const finite = v.pipe(v.number(), v.finite());
const window = v.strictObject({
  count: v.strictObject({ min: count, max: count }),
  time: v.strictObject({ min: finite, max: finite }),
});
const json: v.GenericSchema<Json> = v.lazy(() =>
  v.union([v.null_(), v.boolean(), finite, v.string(), v.array(json), v.record(v.string(), json)]),
);
const adaptive = { learningRate: positive, beta1: finite, tau: positive };

export const taskIdSchema = v.pipe(
  v.string(),
  v.maxLength(MAX_TASK_ID),
  v.regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits and dashes'),
);
const faulty = { faulty: count };
const steps = v.pipe(count, v.minValue(1), v.maxValue(MAX_RULE_STEPS));
const atLeastOne = v.pipe(count, v.minValue(1));
export const preSchema = v.variant('name', [
  v.strictObject({ name: v.literal('clip'), norm: positive }),
  v.strictObject({ name: v.literal('arc') }),
  v.strictObject({ name: v.literal('nnm') }),
  v.strictObject({ name: v.literal('bucketing'), size: atLeastOne }),
]);
/** Absent, never empty: one meaning, one canonical text. */
const pre = { pre: v.optional(v.pipe(v.array(preSchema), v.minLength(1), v.maxLength(MAX_PRE_STEPS))) };
const krum = { ...faulty, neighbours: v.picklist(NEIGHBOURS), force: v.boolean(), ...pre };
export const ruleSchema = v.variant('name', [
  v.strictObject({ name: v.literal('mean'), ...pre }),
  v.strictObject({ name: v.literal('median'), ...faulty, ...pre }),
  v.strictObject({ name: v.literal('trimmed-mean'), ...faulty, ...pre }),
  v.strictObject({ name: v.literal('meamed'), ...faulty, ...pre }),
  v.strictObject({
    name: v.literal('geometric-median'),
    ...faulty,
    nu: positive,
    steps,
    start: v.picklist(MEDIAN_STARTS),
    ...pre,
  }),
  v.strictObject({
    name: v.literal('centred-clipping'),
    ...faulty,
    tau: positive,
    steps,
    start: v.picklist(CLIPPING_STARTS),
    ...pre,
  }),
  v.strictObject({ name: v.literal('krum'), ...krum }),
  v.strictObject({ name: v.literal('multi-krum'), ...krum, keep: atLeastOne }),
  v.strictObject({ name: v.literal('bulyan'), ...faulty, ...pre }),
]);
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
export const optimizerSchema = v.variant('name', [
  v.strictObject({ name: v.literal('fedavg'), learningRate: positive }),
  v.strictObject({ name: v.literal('fedavgm'), learningRate: positive, momentum: finite }),
  v.strictObject({ name: v.literal('fedadagrad'), ...adaptive }),
  v.strictObject({ name: v.literal('fedyogi'), ...adaptive, beta2: finite }),
  v.strictObject({ name: v.literal('fedadam'), ...adaptive, beta2: finite }),
]);
export const taskSchema = v.strictObject({
  protocol: v.literal('sotto/1'),
  task: taskIdSchema,
  profile: v.picklist(['open', 'cohort', 'grouped']),
  trust: v.picklist(['standard', 'trusted']),
  dimension: v.pipe(count, v.minValue(1), v.maxValue(MAX_DIMENSION)),
  group: v.strictObject({ size: count, count, colluders: count }),
  encoding: v.strictObject({
    clipNorm: positive,
    range: positive,
    bits: count,
    weighting: v.variant('by', [
      v.strictObject({ by: v.literal('uniform') }),
      v.strictObject({ by: v.literal('examples'), maxExamples: v.pipe(count, v.minValue(1)) }),
    ]),
  }),
  prg: v.picklist(['aes256ctr', 'chacha20']),
  integrity: v.literal('none'),
  rule: ruleSchema,
  optimizer: optimizerSchema,
  training: v.record(v.string(), json),
  windows: v.strictObject({ keys: window, shares: window, masked: window, consistency: window, unmask: window }),
});

/** @throws SottoError CONFIG_INVALID with the path of the first field that is wrong */
export function parseTask(text: string): TaskConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SottoError('CONFIG_INVALID', 'the task settings are no JSON');
  }
  const result = v.safeParse(taskSchema, value);
  if (result.success) return result.output as TaskConfig;
  const [issue] = result.issues;
  const field = v.getDotPath(issue) ?? '(root)';
  throw new SottoError('CONFIG_INVALID', `task setting ${field}: ${issue.message}`, { field });
}
