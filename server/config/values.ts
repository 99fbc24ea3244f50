// The words of which a settings schema is made: each value carries its documentation and says what it must be when it is not.
// Not here: which settings there are (fields.ts), where values come from (load.ts).

import * as v from 'valibot';
import { closest } from './closest.js';

/** Puts the documentation of a setting on its schema. One sentence or two; units and consequences. */
export const says = <S extends v.GenericSchema>(text: string, schema: S) => v.pipe(schema, v.description(text));

/** A setting that may be left out; `absent` says what happens then. The function that fills it in is the loader, or a profile. */
export const maybe = <S extends v.GenericSchema>(absent: string, schema: S) =>
  v.optional(v.pipe(schema, v.metadata({ absent })));

/** A whole number, both ends included. */
export function whole(min: number, max: number) {
  const must = `a whole number from ${plain(min)} to ${plain(max)}`;
  return v.pipe(
    v.number(must),
    v.check((value) => Number.isInteger(value) && value >= min && value <= max, must),
    v.metadata({ must }),
  );
}

/** A finite number above 0. */
export function positive() {
  const must = 'a number above 0';
  return v.pipe(
    v.number(must),
    v.check((value) => Number.isFinite(value) && value > 0, must),
    v.metadata({ must }),
  );
}

/** A finite number, both ends included. */
export function between(min: number, max: number) {
  const must = `a number from ${plain(min)} to ${plain(max)}`;
  return v.pipe(
    v.number(must),
    v.check((value) => value >= min && value <= max, must),
    v.metadata({ must }),
  );
}

/** A number from 0 up to, but not including, 1: a decay rate. */
export function decay() {
  const must = 'a number from 0 to below 1';
  return v.pipe(
    v.number(must),
    v.check((value) => value >= 0 && value < 1, must),
    v.metadata({ must }),
  );
}

/** A text that matches; `must` says the pattern in words. */
export function text(pattern: RegExp, must: string) {
  return v.pipe(
    v.string(must),
    v.check((value) => pattern.test(value), must),
    v.metadata({ must }),
  );
}

export function oneOf<const T extends readonly string[]>(names: T) {
  const must = `one of ${names.join(', ')}`;
  return v.pipe(v.picklist(names, must), v.metadata({ must }));
}

export function listOf<S extends v.GenericSchema>(item: S, min: number, max: number) {
  const { must: each } = v.getMetadata(item) as { must?: string };
  const must = `a list of ${min} to ${max} entries${each ? `, each ${each}` : ''}`;
  return v.pipe(
    v.array(item, must),
    v.check((list) => list.length >= min && list.length <= max, must),
    v.metadata({ must }),
  );
}

/** Settings under settings. An unknown key is refused, and the nearest known one offered. */
export function settings<const E extends v.ObjectEntries>(entries: E) {
  const names = Object.keys(entries);
  return v.strictObject(entries, (issue) => {
    if (issue.expected === 'Object') return `a group of settings (${names.join(', ')})`;
    if (issue.expected !== 'never') return MISSING;
    const near = closest(String(issue.input), names);
    return `${UNKNOWN}${near ? `did you mean ${near}? ` : ''}Known here: ${names.join(', ')}`;
  });
}

/** Several shapes, told apart by the value of `key`. */
export function choice<const K extends string, const O extends v.VariantOptions<K>>(key: K, options: O) {
  const names: string[] = [];
  for (const option of options) {
    const field: unknown = 'entries' in option ? option.entries[key] : undefined;
    if (typeof field === 'object' && field !== null && 'literal' in field) names.push(String(field.literal));
  }
  return v.variant(key, options, (issue) =>
    issue.expected === 'Object' ? `a group of settings that starts with ${key}` : `one of ${names.join(', ')}`,
  );
}

/** How the loader tells a missing or an unknown key from a wrong value. */
export const MISSING = 'missing';
export const UNKNOWN = 'unknown; ';

const plain = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 6 });
