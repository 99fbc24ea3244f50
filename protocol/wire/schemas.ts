// The table of all header schemas, one per kind, held to messages.ts by the compiler in both directions.
// Strict objects: a missing, unknown or out-of-range field is refused. Not here: the fields themselves (fields.ts).

import * as v from '../schema.js';
import type { MessageKind, MessageOf } from './messages.js';
import { clientRoundSchemas, coordinatorRoundSchemas } from './schemas-round.js';
import { blobSchemas, sessionSchemas } from './schemas-session.js';

/** What a header carries of a message: all but `kind` (it is the type byte), and of the section its length. */
export type HeaderOf<K extends MessageKind> = {
  [F in keyof MessageOf<K> as Exclude<F, 'kind'>]: F extends 'section' ? number : MessageOf<K>[F];
};

const schemas = {
  ...sessionSchemas,
  ...blobSchemas,
  ...clientRoundSchemas,
  ...coordinatorRoundSchemas,
} satisfies { [K in MessageKind]: v.Schema<HeaderOf<K>> };

type Frozen<T> = T extends Uint8Array | string | number | boolean
  ? T
  : T extends readonly (infer U)[]
    ? readonly Frozen<U>[]
    : { readonly [F in keyof T]: Frozen<T[F]> };
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Differing = {
  [K in MessageKind]: Same<Frozen<v.Output<(typeof schemas)[K]>>, Frozen<HeaderOf<K>>> extends true ? never : K;
}[MessageKind];
/** Names the kinds whose schema and type differ; a compile error unless there are none. */
true satisfies [Differing] extends [never] ? true : Differing;

export type Checked = { readonly ok: true; readonly fields: object } | { readonly ok: false; readonly field?: string };

/**
 * Checks decoded header fields against the schema of a kind. The result has the same values in new objects whose keys are
 * in the order of the schema. On refusal `field` is the path of the first bad one ("run.round"), absent for the whole.
 */
export function checkFields(kind: MessageKind, fields: unknown): Checked {
  const schema: v.Schema<object> = schemas[kind];
  const result = schema(fields);
  if (!(result instanceof v.Problem)) return { ok: true, fields: result };
  return result.field === undefined ? { ok: false } : { ok: false, field: result.field };
}

/**
 * Whether all maps of `raw` have their keys in the order of `checked`, which `checkFields` made from it. With that and the
 * pre-scan each message has exactly one encoding.
 */
export function inSchemaOrder(raw: unknown, checked: unknown): boolean {
  if (typeof raw !== 'object' || raw === null || raw instanceof Uint8Array) return true;
  const other = checked as Record<string, unknown>;
  const entries = Object.entries(raw);
  const names = Object.keys(other);
  return (
    entries.length === names.length &&
    entries.every(([name, one], i) => name === names[i] && inSchemaOrder(one, other[name]))
  );
}
