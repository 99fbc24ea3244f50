// The child that reads a database before the coordinator does: all its pages without lmdb, then what it needs with lmdb. It may die of
// what it finds; its parent says so (check.ts). Reads only, but for a transaction that lmdb takes back. Not here: what is done about it (doctor.ts).

import { statSync } from 'node:fs';
import { canonicalJson, type Json } from '../../protocol/canonical-json.js';
import { utf8Decode } from '../../protocol/crypto/utf8.js';
import { type ClientId, type Hash, isHex32, publicKeyOf } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { replay } from '../audit/project.js';
import { lmdbBackend } from '../store/lmdb-backend.js';
import { walkPages } from '../store/lmdb-walk.js';
import { compareDigest } from '../store/row-digest.js';
import { OWN_ROWS } from '../store/rows.js';
import { verifyBackend } from '../store/store.js';
import type { Backend } from '../store/types.js';
import type { CheckDeath, CheckRequest, CheckResult } from './check.js';
import { currentBlobs, keptAggregates } from './current.js';
import { dataFileOf } from './layout.js';
import { isSalvageable, type Row, type Salvage } from './salvage.js';

process.once('message', (message) => {
  void check(message as CheckRequest)
    .catch((error: unknown) => ({ died: error instanceof Error ? error.message : String(error) }))
    .then((result) => process.send?.(result, () => process.disconnect()));
});

async function check({ database, coordinator: expected, depth }: CheckRequest): Promise<CheckResult | CheckDeath> {
  const { size } = statSync(dataFileOf(database));
  const walk = walkPages(dataFileOf(database));
  const fault = walk?.fault;
  if (fault !== undefined) {
    const told: CheckDeath = { died: fault.text, fault };
    if (depth === 'recent') return told;
    // The rest may kill this process, and may still say something against somebody.
    process.send?.(told);
  }
  // What was committed and not flushed may be torn after a power cut. lmdb takes it back only where it may write, else it would read it.
  const backend = lmdbBackend({ path: database, readOnly: walk?.takesBack !== true });
  const { leastFileBytes } = backend;
  const none = {
    head: { seq: 0, hash: '0'.repeat(64) as Hash },
    from: 1,
    events: 0,
    blobs: 0,
    badBlobs: [],
    rows: 'none' as const,
  };
  // Pages behind the end of the file cannot be read without being killed; the report says so instead.
  if (walk === undefined && size < leastFileBytes) {
    const coordinator = expected === 'as logged' ? NOBODY : expected;
    return {
      coordinator,
      report: none,
      fileBytes: size,
      leastFileBytes,
      badCurrent: [],
      badRows: [],
      round: 0,
      held: {},
    };
  }
  const coordinator = expected === 'as logged' ? namedIn(backend) : expected;
  // Of before there was a digest: its rows are compared with its events once, and those must hold for that.
  // Where they do not match it, nothing that they say is a place to begin at.
  const replays = depth === 'all' || compareDigest(nativePrimitives, backend.rows('')) !== 'match';
  const from = replays ? 1 : checkpointOf(backend);
  const names = depth === 'all' ? allBlobs(backend) : namedBy(backend, currentBlobs);
  const report = verifyBackend(backend, nativePrimitives, publicKeyOf(coordinator), from, names);
  const badRows = replays && report.firstBadEvent === undefined ? differing(backend, report.head.seq) : [];
  const current = new Set(namedBy(backend, currentBlobs));
  const badCurrent = report.badBlobs.filter((name) => current.has(name));
  const progress = parse(backend.row('campaign')) as { readonly round?: Json; readonly lastRound?: Json } | undefined;
  const round = Math.max(wholeNumber(progress?.round), wholeNumber(progress?.lastRound));
  const held = depth === 'all' ? heldBy(backend) : {};
  await backend.close();
  return {
    ...(fault && { fault }),
    coordinator,
    report,
    fileBytes: size,
    leastFileBytes,
    badCurrent,
    badRows,
    round,
    held,
  };
}

const NOBODY = '0'.repeat(64) as ClientId;

/** Whom the newest hand-over names, or the first event where there is none. @throws Error where it says nobody */
function namedIn(backend: Backend): ClientId {
  const handOvers = parse(backend.row('hand-overs')) as readonly { readonly to?: Json }[] | undefined;
  const heir = handOvers?.at(-1)?.to;
  if (typeof heir === 'string' && isHex32(heir)) return heir as ClientId;
  const first = parse(backend.event(1)) as { readonly body?: { readonly coordinator?: Json } } | undefined;
  const name = first?.body?.coordinator;
  if (typeof name !== 'string' || !isHex32(name)) throw new Error('its first event names no coordinator');
  return name as ClientId;
}

/** `undefined` for what is none: a damaged row must not keep this process from saying which one it is. */
const parse = (bytes: Uint8Array | undefined): Json | undefined => {
  try {
    return bytes === undefined ? undefined : (JSON.parse(utf8Decode(bytes) ?? '') as Json);
  } catch {
    return undefined;
  }
};

/** The rows that say which blobs the newest model is made of. */
function rowsOf(backend: Backend): (key: string) => Json | undefined {
  return (key) => parse(backend.row(key));
}

/** Those that are there, and those that should be. */
function allBlobs(backend: Backend): Hash[] {
  return [...new Set([...backend.blobs(), ...namedBy(backend, currentBlobs), ...namedBy(backend, keptAggregates)])];
}

/** None where the rows that name them are damaged: that is said of the rows. */
function namedBy(backend: Backend, which: typeof currentBlobs): readonly Hash[] {
  try {
    return which(rowsOf(backend)).filter((name) => typeof name === 'string' && isHex32(name));
  } catch {
    return [];
  }
}

function checkpointOf(backend: Backend): number {
  return wholeNumber((parse(backend.row('checkpoint')) as { readonly seq?: Json } | undefined)?.seq) || 1;
}

const wholeNumber = (value: Json | undefined): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;

/** Rows about clients and tokens, as far as they can be read. */
function heldBy(backend: Backend): Salvage {
  const held: Record<string, Row> = {};
  for (const [key, bytes] of backend.rows('')) {
    if (!isSalvageable(key)) continue;
    const row = parse(bytes);
    if (typeof row === 'object' && row !== null && !Array.isArray(row)) held[key] = row as Row;
  }
  return held;
}

/** Rows that are not what the events make of them, and those that are missing or too many. */
function differing(backend: Backend, last: number): string[] {
  const rows = replay(stored(backend, last));
  const bad = backend
    .rows('')
    .filter(([key]) => !OWN_ROWS.includes(key))
    .flatMap(([key, bytes]) => {
      const expected = rows.get(key);
      rows.delete(key);
      return expected !== undefined && canonicalJson(expected) === utf8Decode(bytes) ? [] : [key];
    });
  return [...bad, ...rows.keys()];
}

function* stored(backend: Backend, last: number) {
  for (let seq = 1; seq <= last; seq++) {
    // verifyBackend has read all of them
    yield JSON.parse(utf8Decode(backend.event(seq) ?? new Uint8Array(0)) ?? '') as {
      readonly type: string;
      readonly seq: number;
      readonly body: unknown;
    };
  }
}
