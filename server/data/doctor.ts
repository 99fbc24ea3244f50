// `sotto doctor`: looks at a whole data directory from event 1, says what is wrong, and goes back to the newest backup that is
// sound. Nothing is deleted: what was damaged is moved aside. Not here: words for people (server/cli/doctor.ts).

import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { DEFAULT_BACKUP_ROUNDS } from '../../protocol/limits.js';
import { listBackups } from './backups.js';
import { type CheckDeath, type CheckResult, checkDatabase, verdictOf } from './check.js';
import {
  databaseOf,
  dataFileOf,
  type Marker,
  makeDirectory,
  readMarker,
  syncDirectory,
  writeMarker,
} from './layout.js';
import { takeLock } from './lock.js';
import { type Salvage, stricter } from './salvage.js';

export interface Diagnosis {
  readonly directory: string;
  readonly coordinator: ClientId;
  /** `undefined`: nothing that stops a coordinator. */
  readonly wrong: string | undefined;
  readonly firstBadEvent: { readonly seq: number; readonly text: string } | undefined;
  /** All of them; old ones are not served and stop nobody. */
  readonly badBlobs: readonly string[];
  /** State rows that are not what the events make of them. */
  readonly badRows: readonly string[];
  readonly events: number;
  /** Newest first, each as the check found it. */
  readonly backups: readonly { readonly path: string; readonly seq: number; readonly wrong: string | undefined }[];
  /** The marker alone was damaged, and was written anew. */
  readonly rewroteMarker?: boolean;
  /** What was done; absent where nothing was asked for or needed. */
  readonly restored?: {
    readonly from: string;
    readonly seq: number;
    readonly aside: string;
    readonly lastRound: number;
    /** Clients and tokens of which the damaged database said worse than the backup: that stays. */
    readonly salvaged: number;
  };
}

/** What the next start writes into the log; until then the directory remembers it. */
export interface RestoreNote {
  readonly seq: number;
  readonly hash: string;
  /** Rounds up to here may have been announced after the backup was taken: none of their numbers is used again. */
  readonly lastRound: number;
  /** What the damaged database said against clients, and of tokens that were used. */
  readonly salvage?: Salvage;
}
const NOTE = 'restored.json';

/**
 * @throws STORE_LOCKED while somebody works on it; STORE_MISSING where there is no data directory; STORE_CORRUPT where `restore` is asked
 *   for and no backup is sound
 */
export async function diagnose(directory: string, restore: boolean): Promise<Diagnosis> {
  if (!existsSync(directory))
    throw new SottoError('STORE_MISSING', `${directory} does not exist; give the dataDir of the coordinator`, {
      directory,
    });
  const lock = takeLock(directory);
  try {
    const database = databaseOf(directory);
    const marker = markerOf(directory);
    const known = 'coordinator' in marker ? marker.coordinator : 'as logged';
    const result = await checkDatabase({ database, coordinator: known, depth: 'all' }).catch((error: unknown) =>
      gone(error),
    );
    const coordinator = known === 'as logged' ? await coordinatorOf(directory, result) : known;
    const bad = verdictOf(result) ?? emptied(result);
    const wrong = bad ?? ('wrong' in marker ? marker.wrong : undefined);
    const backups = [];
    for (const path of listBackups(directory)) {
      const found = await checkDatabase({ database: path, coordinator, depth: 'all' }).catch((error: unknown) =>
        gone(error),
      );
      const seq = 'died' in found ? 0 : found.report.head.seq;
      const bad = verdictOf(found) ?? emptied(found);
      const formerly = 'coordinator' in marker ? (marker.formerly ?? []) : [];
      const older = bad !== undefined && (await isOf(path, formerly));
      backups.push({ path, seq, found, wrong: older ? OLDER_KEY : bad });
    }
    const told: Diagnosis = {
      directory,
      coordinator,
      wrong,
      firstBadEvent: 'died' in result ? undefined : result.report.firstBadEvent,
      badBlobs: 'died' in result ? [] : result.report.badBlobs,
      badRows: 'died' in result ? [] : result.badRows,
      events: 'died' in result ? 0 : result.report.events,
      backups: backups.map(({ path, seq, wrong: bad }) => ({ path, seq, wrong: bad })),
    };
    if (!restore || wrong === undefined) return told;
    if ('wrong' in marker) writeMarker(directory, coordinator);
    // It was the marker alone: nothing has to be gone back to.
    if (bad === undefined) return { ...told, rewroteMarker: true };
    const good = backups.find((one) => one.wrong === undefined);
    if (good === undefined || 'died' in good.found) {
      const text = `${directory}: ${wrong}; and no backup is sound. Bring one back from elsewhere into ${join(directory, 'backups')}, or give the task a new name and data directory: its clients keep their own counters`;
      throw new SottoError('STORE_CORRUPT', text, { directory });
    }
    const { head } = good.found.report;
    // Where the damaged rows still say how far it was, that; else as far as a backup can be behind.
    const lastRound = Math.max(
      'died' in result ? 0 : result.round,
      good.found.round + ('died' in result || result.round === 0 ? DEFAULT_BACKUP_ROUNDS : 0),
    );
    const salvage = 'died' in result ? {} : stricter(result.held, good.found.held);
    const aside = moveAside(directory, database);
    makeDirectory(database);
    cpSync(dataFileOf(good.path), dataFileOf(database));
    writeFileSync(
      join(directory, NOTE),
      JSON.stringify({
        seq: head.seq,
        hash: head.hash,
        lastRound,
        salvage,
      } satisfies RestoreNote),
    );
    syncDirectory(database);
    syncDirectory(directory);
    return {
      ...told,
      restored: { from: good.path, seq: head.seq, aside, lastRound, salvaged: Object.keys(salvage).length },
    };
  } finally {
    lock.release();
  }
}

/** `undefined`: nothing was restored since the last start. */
export function readRestoreNote(directory: string): RestoreNote | undefined {
  const path = join(directory, NOTE);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RestoreNote) : undefined;
}
/** Once the log says it. */
export const dropRestoreNote = (directory: string): void => rmSync(join(directory, NOTE), { force: true });

/** @throws STORE_MISSING where there is none; STORE_FORMAT of another version */
function markerOf(directory: string): Marker | { readonly wrong: string } {
  let marker: Marker | undefined;
  try {
    marker = readMarker(directory);
  } catch (error) {
    if (error instanceof SottoError && error.code === 'STORE_CORRUPT')
      return { wrong: 'sotto-store.json cannot be read' };
    throw error;
  }
  if (marker !== undefined) return marker;
  const text = `${directory} has no sotto-store.json, so it is no data directory, or one whose first start was cut off; start the coordinator on it`;
  throw new SottoError('STORE_MISSING', text, { directory });
}

/** Whom the log, or the newest backup that can be read, names. Who starts on it must have that identity: nobody is believed. @throws STORE_CORRUPT */
async function coordinatorOf(directory: string, result: CheckResult | CheckDeath): Promise<ClientId> {
  if (!('died' in result) && result.report.head.seq > 0) return result.coordinator;
  for (const path of listBackups(directory)) {
    const found = await checkDatabase({ database: path, coordinator: 'as logged', depth: 'recent' }).catch(gone);
    if (!('died' in found) && found.report.head.seq > 0) return found.coordinator;
  }
  throw new SottoError(
    'STORE_CORRUPT',
    `${directory}: neither sotto-store.json nor the database nor a backup can be read; bring a backup back from elsewhere into ${join(directory, 'backups')}`,
    { directory },
  );
}

const OLDER_KEY =
  'sound, but from before the key of the coordinator changed; to go back to it would undo the hand-over';
/** Whether it is sound, and of one of these. */
async function isOf(database: string, coordinators: readonly ClientId[]): Promise<boolean> {
  for (const coordinator of coordinators) {
    const found = await checkDatabase({ database, coordinator, depth: 'all' }).catch(gone);
    if ((verdictOf(found) ?? emptied(found)) === undefined) return true;
  }
  return false;
}

/** A file that is not there is a finding here, and no reason to stop. */
function gone(error: unknown): CheckDeath {
  if (error instanceof SottoError && error.code === 'STORE_MISSING') return { died: error.message };
  throw error;
}

const emptied = (result: CheckResult | CheckDeath): string | undefined =>
  !('died' in result) && result.report.head.seq === 0 ? 'it holds no event' : undefined;

function moveAside(directory: string, database: string): string {
  const taken = readdirSync(directory).filter((name) => name.startsWith('damaged-')).length;
  const aside = join(directory, `damaged-${taken + 1}`);
  if (existsSync(database)) renameSync(database, aside);
  return basename(aside);
}
