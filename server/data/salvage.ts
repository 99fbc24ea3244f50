// What a damaged database still says against somebody: bans, revocations, quarantines, suspicion, tokens that were used. A restore must not
// forget it, and takes nothing else from there: which of the rows are sound nobody knows, so they are believed only where they are stricter than the backup.
// Pure. Not here: reading rows (check-process.ts), what a start makes of them (audit/project.ts).

import type { Json } from '../../protocol/canonical-json.js';

export type Row = { readonly [field: string]: Json };
/** Rows by key that replace or add to those of the backup; fields that are not named stay. */
export type Salvage = { readonly [key: string]: Row };

const PREFIXES = ['client/', 'token/', 'monitor/'];
export const isSalvageable = (key: string): boolean => PREFIXES.some((prefix) => key.startsWith(prefix));

/** @param from of the damaged database @param over of the backup */
export function stricter(from: Salvage, over: Salvage): Salvage {
  const found: Record<string, Row> = {};
  for (const [key, row] of Object.entries(from)) {
    const before = over[key] ?? {};
    const change = key.startsWith('monitor/') ? ledger(row, before) : fields(row, before);
    if (change !== undefined && Object.keys(change).length > 0) found[key] = change;
  }
  return found;
}

const number = (value: Json | undefined): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;

function fields(row: Row, before: Row): Row {
  const change: Record<string, Json> = {};
  for (const name of ['revoked', 'banned']) if (row[name] === true && before[name] !== true) change[name] = true;
  if (typeof row.blamed === 'string' && before.blamed === undefined) change.blamed = row.blamed;
  for (const name of ['quarantinedUntil', 'used'])
    if (number(row[name]) > number(before[name])) change[name] = number(row[name]);
  return change;
}

/** The monitor's memory of a client is one thing: it is taken whole, where it is of more suspicion. */
function ledger(row: Row, before: Row): Row | undefined {
  const worth = ({ suspicion, quarantines, banned }: Row): number =>
    (typeof suspicion === 'number' && Number.isFinite(suspicion) ? suspicion : 0) +
    1_000 * number(quarantines) +
    (banned === true ? 1e9 : 0);
  const whole = Array.isArray(row.findings) && Array.isArray(row.left) && typeof row.suspicion === 'number';
  return whole && worth(row) > worth(before) ? row : undefined;
}
