// Reads the canonical text of a task's settings that an announcement carries. Strict: unknown keys are refused, so that a client
// never agrees to a setting it does not understand. Not here: whether the values make sense together (task.ts deriveTask).

import { SottoError } from './errors.js';
import { MAX_DIMENSION, MAX_TASK_ID } from './limits.js';
import { type RuleSpec, ruleProblem } from './rule.js';
import * as v from './schema.js';
import { filtersSchema } from './selection-schema.js';
import type { Json, TaskConfig } from './task.js';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const positive = v.pipe(v.number(), v.finite(), v.minValue(Number.MIN_VALUE));
const finite = v.pipe(v.number(), v.finite());
const window = v.strictObject({
  count: v.strictObject({ min: count, max: count }),
  time: v.strictObject({ min: finite, max: finite }),
});
/** What a trainer is told. Its meaning is the trainer's; here only that it is plain, finite and not nested without end. */
const jsonObject = v.custom<{ readonly [key: string]: Json }>(
  (x) => typeof x === 'object' && x !== null && !Array.isArray(x) && isJson(x, MAX_JSON_DEPTH),
  'must be an object of plain values',
);
const MAX_JSON_DEPTH = 16;
function isJson(x: unknown, depth: number): boolean {
  if (typeof x === 'number') return Number.isFinite(x);
  if (typeof x !== 'object' || x === null) return x === null || typeof x === 'string' || typeof x === 'boolean';
  // A key `__proto__` would become a prototype in the first copy.
  return depth > 0 && !Object.hasOwn(x, '__proto__') && Object.values(x).every((one) => isJson(one, depth - 1));
}
const adaptive = { learningRate: positive, beta1: finite, tau: positive };

/** What every placement of noise says. Whether the numbers make a promise is asked by privacy/provision.ts. */
const claim = {
  noiseMultiplier: finite,
  clipSteps: count,
  rotation: v.picklist(['none', 'hadamard']),
  neighbours: v.picklist(['add-or-remove', 'replace-one']),
  budget: v.strictObject({ epsilon: finite, delta: finite }),
};

export const taskIdSchema = v.pipe(
  v.string(),
  v.maxLength(MAX_TASK_ID),
  v.regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits and dashes'),
);
/** One list of what a rule may say, for the reader and for the checker: rule.ts. */
const ruleSchema = v.custom<RuleSpec>(
  (given) => ruleProblem(given) === undefined,
  (given) => ruleProblem(given)?.text ?? '',
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
  profile: v.picklist(['open', 'cohort', 'sketch', 'grouped']),
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
  integrity: v.union([
    v.literal('none'),
    v.strictObject({
      kind: v.literal('sketch'),
      rows: count,
      securityBits: count,
      malicious: count,
      exclusions: count,
      dropouts: count,
      selection: filtersSchema,
      window,
    }),
  ]),
  privacy: v.union([
    v.literal('none'),
    v.strictObject({
      placement: v.literal('distributed'),
      noise: v.picklist(['discrete-gaussian', 'skellam']),
      losses: count,
      noiseless: count,
      clipping: v.variant('by', [
        v.strictObject({ by: v.literal('fixed') }),
        v.strictObject({
          by: v.literal('quantile'),
          quantile: finite,
          learningRate: positive,
          bitDeviation: positive,
          least: positive,
          most: positive,
        }),
      ]),
      ...claim,
    }),
    v.strictObject({ placement: v.literal('central'), ...claim }),
  ]),
  rule: ruleSchema,
  optimizer: optimizerSchema,
  training: jsonObject,
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
  const result = taskSchema(value);
  if (!(result instanceof v.Problem)) return result;
  const field = result.field ?? '(root)';
  throw new SottoError('CONFIG_INVALID', `task setting ${field}: ${result.text}`, { field });
}
