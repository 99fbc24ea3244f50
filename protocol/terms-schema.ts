// Reads the canonical text of a task's settings that an announcement carries. Strict: unknown keys are refused, and so is what a
// clause would read that is not there, so that a client never agrees to a setting it does not understand.
// Not here: whether the values make sense together (terms.ts deriveTerms).

import type { Clauses } from './clauses/clauses.js';
import { SottoError } from './errors.js';
import { MAX_DIMENSION, MAX_TASK_ID } from './limits.js';
import type { OptimizerSpec } from './optimizer/spec.js';
import type { RuleSpec } from './rule.js';
import * as v from './schema.js';
import { count, positive, window } from './task-fields.js';
import type { Json, TaskConfig } from './terms.js';

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
const taskId = v.pipe(
  v.string(),
  v.maxLength(MAX_TASK_ID),
  v.regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits and dashes'),
);
const fedAvg: v.Schema<OptimizerSpec> = v.strictObject({ name: v.literal('fedavg'), learningRate: positive });
const plainMean: v.Schema<RuleSpec> = v.strictObject({ name: v.literal('mean') });
/** One list of what a setting may say, for the reader and for the checker: the clause's. Without it, what every client knows. */
const byClause = <T>(
  clause: { problem(given: unknown): { readonly text: string } | undefined } | undefined,
  otherwise: v.Schema<T>,
): v.Schema<T> =>
  clause === undefined
    ? otherwise
    : v.custom<T>(
        (given) => clause.problem(given) === undefined,
        (given) => clause.problem(given)?.text ?? '',
      );
const none = v.literal('none');
const noneOr = <T>(clause: { readonly schema: v.Schema<T> } | undefined): v.Schema<'none' | T> =>
  clause === undefined ? none : v.union([none, clause.schema]);

const schemaOf = (clauses: Clauses): v.Schema<TaskConfig> =>
  v.strictObject({
    protocol: v.literal('sotto/1'),
    task: taskId,
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
    integrity: noneOr(clauses.sketches),
    privacy: noneOr(clauses.noise),
    rule: byClause(clauses.rules, plainMean),
    optimizer: byClause(clauses.optimizers, fedAvg),
    training: jsonObject,
    windows: v.strictObject({ keys: window, shares: window, masked: window, consistency: window, unmask: window }),
  });

/** @throws SottoError CONFIG_INVALID with the path of the first field that is wrong */
export function parseTerms(text: string, clauses: Clauses): TaskConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SottoError('CONFIG_INVALID', 'the task settings are no JSON');
  }
  const result = schemaOf(clauses)(value);
  if (!(result instanceof v.Problem)) return result;
  const field = result.field ?? '(root)';
  throw new SottoError('CONFIG_INVALID', `task setting ${field}: ${result.text}`, { field });
}
