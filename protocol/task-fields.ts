// The kinds of field that settings are made of. Not here: which setting has which (task-schema.ts, clauses/).
import * as v from './schema.js';

export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const finite = v.pipe(v.number(), v.finite());
export const positive = v.pipe(finite, v.minValue(Number.MIN_VALUE));
/** When a phase closes. */
export const window = v.strictObject({
  count: v.strictObject({ min: count, max: count }),
  time: v.strictObject({ min: finite, max: finite }),
});
