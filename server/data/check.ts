// Looks at a database before anybody opens it, in a child process: a truncated file or a flipped page header kills whoever reads
// it (SIGBUS, SIGSEGV), and that must not be the coordinator. Not here: what the child does (check-process.ts).

import { fork } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { STORE_CHECK_MS } from '../../protocol/limits.js';
import type { Walk } from '../store/lmdb-walk.js';
import type { StoreReport } from '../store/types.js';
import { dataFileOf } from './layout.js';
import type { Salvage } from './salvage.js';

export interface CheckRequest {
  /** Directory of data.mdb. */
  readonly database: string;
  /** Who must have signed it; `as logged`: whom the log itself names, for whoever has nothing else to go by. */
  readonly coordinator: ClientId | 'as logged';
  /** `recent`: the chain since the last checkpoint, the digest of the rows, and the blobs of the newest model. `all`: everything from event 1. */
  readonly depth: 'recent' | 'all';
}
/** A page of the file that is not what its place asks for. */
export type PageFault = NonNullable<Walk['fault']>;

export interface CheckResult {
  /** Something could be read all the same; looked at with `all` alone. */
  readonly fault?: PageFault;
  readonly coordinator: ClientId;
  readonly report: StoreReport;
  /** Bytes of data.mdb, and the least that its pages need, where they could not be looked at one by one. */
  readonly fileBytes: number;
  readonly leastFileBytes: number;
  /** Blobs without which nothing can go on, of those that are bad: the newest model or its optimiser state. */
  readonly badCurrent: readonly Hash[];
  /** The newest round that was announced, by its row; 0 where none was, or the row cannot be read. */
  readonly round: number;
  /** Rows that differ from what the events make of them; looked at with `all`, and where the store has no digest of its rows yet. */
  readonly badRows: readonly string[];
  /** What the rows say against clients and of tokens; looked at with `all` alone. Believed only where it is stricter (salvage.ts). */
  readonly held: Salvage;
}

/** How the child ended when it gave no result, or on which page it stopped. */
export interface CheckDeath {
  readonly died: string;
  readonly fault?: PageFault;
}

/** Never throws for damage: that is a value. @throws STORE_MISSING where there is no file, or an empty one */
export async function checkDatabase(request: CheckRequest): Promise<CheckResult | CheckDeath> {
  const file = dataFileOf(request.database);
  if (!existsSync(file) || statSync(file).size === 0) {
    throw new SottoError(
      'STORE_MISSING',
      `${file} is ${existsSync(file) ? 'empty' : 'gone'}; a new store is never made in its place: restore it with sotto doctor <data directory> --restore`,
      { file },
    );
  }
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(new URL('./check-process.js', import.meta.url)), [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [],
      serialization: 'json',
      // A page that is damaged may send lmdb round in circles.
      timeout: STORE_CHECK_MS,
      killSignal: 'SIGKILL',
    });
    // A bad page is told at once, and again with what could be read beside it.
    let result: CheckResult | CheckDeath | undefined;
    child.on('message', (message) => {
      const told = message as CheckResult | CheckDeath;
      if (result === undefined || !('died' in told)) result = told;
    });
    child.on('error', (error) => resolve({ died: error.message }));
    child.on('exit', (code, signal) =>
      resolve(result ?? { died: signal === null ? `exit code ${code}` : `killed by ${signal}` }),
    );
    child.send(request);
  });
}

/** What is wrong, for people; `undefined` for a sound store. Old blobs that are bad do not count: they are named and not served. */
export function verdictOf(result: CheckResult | CheckDeath): string | undefined {
  if (result.fault !== undefined)
    return `the database is damaged: page ${result.fault.page} of data.mdb is bad, ${result.fault.text}`;
  if ('died' in result) return `the database cannot be read (the process that tried ended: ${result.died})`;
  const { report, fileBytes, leastFileBytes, badCurrent, badRows } = result;
  if (fileBytes < leastFileBytes)
    return `the database is cut short: it has ${fileBytes} bytes, its pages need ${leastFileBytes}`;
  if (report.firstBadEvent !== undefined)
    return `event ${report.firstBadEvent.seq} of the audit log is bad: ${report.firstBadEvent.text}`;
  if (badRows.length > 0) {
    const more = badRows.length > 1 ? ` (and ${badRows.length - 1} more)` : '';
    return `state row ${badRows[0]}${more} is not what the audit log makes of it`;
  }
  if (report.rows === 'differ')
    return 'the state rows do not match their digest (`sotto doctor` compares them with the events and names those that are damaged, and can restore)';
  // Last, since it is rows that say which blobs it is.
  if (badCurrent.length > 0) return `the newest model cannot be used: blob ${badCurrent[0]} is missing or damaged`;
  return undefined;
}
