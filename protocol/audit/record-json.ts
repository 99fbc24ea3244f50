// A record of the model chain as JSON, for events and rows: bytes become hex. Not here: its meaning (chain/record.ts).

import { fromHex, toHex } from '../ids.js';
import type { Json } from '../terms.js';
import type { ChainRecordBody } from '../wire/messages.js';

type JsonRecord = { readonly [field: string]: Json };

/** Every field of every record, so that none is forgotten here when there is a new one: the compiler compares. */
export const recordToJson = (record: ChainRecordBody): JsonRecord =>
  Object.fromEntries(
    Object.entries(record).map(([field, value]) => [field, value instanceof Uint8Array ? toHex(value) : value]),
  ) as JsonRecord;

const BYTES = [
  'previous',
  'config',
  'modelBefore',
  'aggregate',
  'modelAfter',
  'optimizerAfter',
  'transcript',
  'signature',
] as const;

/** `undefined` where it is no record. Whether the record is right is for its signature and its neighbours to say. */
export function recordFromJson(json: Json): ChainRecordBody | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const fields = json as JsonRecord;
  const out: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(fields)) {
    if (!(BYTES as readonly string[]).includes(field)) out[field] = value;
    else if (typeof value === 'string' && /^([0-9a-f]{2})*$/.test(value)) out[field] = fromHex(value);
    else return undefined;
  }
  return isRecord(out) ? out : undefined;
}

function isRecord(
  value: Readonly<Record<string, unknown>>,
): value is Readonly<Record<string, unknown>> & ChainRecordBody {
  const { type, task } = value;
  const numbers = ['round', 'attempt', 'step', 'clip', 'fraction'].every((field) => Number.isSafeInteger(value[field]));
  const bytes = BYTES.every((field) => value[field] instanceof Uint8Array);
  const known = type === 'genesis' || type === 'update' || type === 'rollback';
  return known && typeof task === 'string' && numbers && bytes;
}
