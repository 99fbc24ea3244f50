// The ledger store of Node: one file per (coordinator, task), one line per entry, appended and synced before `append` resolves.
// Each line carries the hash of all before it, so that a line which is changed, dropped or exchanged is found. Not here: what an
// entry means (protocol/privacy/ledger.ts).
//
// A crash while a line is written leaves a last line without its end. Nobody was told that it is durable and no message has left
// on its strength, so it is cut off by the next append; where it is whole but for the line feed, it counts. A file that is cut
// back at the end of a line, say by restoring an old backup, cannot be told from an older one: see docs/privacy.md.

import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';
import { isRepeated, type LedgerStore } from '../ledger-store.js';
import { syncDirectory } from './durable-file.js';

const FORMAT = 'sotto-ledger/1';

interface Contents {
  readonly entries: readonly LedgerEntry[];
  /** Hash of the last line: the next one continues it. */
  readonly hash: string;
  /** Length of the good part; what follows is torn. */
  readonly bytes: number;
  /** What must precede the next line: the header of a new file, the line feed that a crash left out, or nothing. */
  readonly before: string;
}

/** @param directory one per identity; made if it is not there, readable by its owner only */
export function fileLedgers(directory: string): LedgerStore {
  const queues = new Map<string, Promise<unknown>>();
  const pathOf = (coordinator: ClientId, task: string): string =>
    join(directory, `ledger-${coordinator.slice(0, 16)}-${sha256(`${coordinator} ${task}`).slice(0, 24)}.jsonl`);
  /** One after the other for each file. */
  const queued = <T>(path: string, work: () => Promise<T>): Promise<T> => {
    const turn = (queues.get(path) ?? Promise.resolve()).then(work, work);
    queues.set(
      path,
      turn.catch(() => undefined),
    );
    return turn;
  };
  return {
    load: (coordinator, task) => {
      const path = pathOf(coordinator, task);
      return queued(path, async () => (await read(path, coordinator, task)).entries);
    },
    append: (coordinator, task, entry) => {
      const path = pathOf(coordinator, task);
      return queued(path, async () => {
        // Read anew each time: another process may have gone on, and one line a round is little.
        const contents = await read(path, coordinator, task);
        await write(path, contents, isRepeated(contents.entries.at(-1), entry) ? '' : line(contents.hash, entry).text);
      });
    },
  };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** `{"entry":…,"hash":…}` and a line feed; the hash is over the one before and the entry. */
function line(previous: string, entry: LedgerEntry): { text: string; hash: string } {
  const json = JSON.stringify(entry);
  const hash = sha256(`${previous} ${json}`);
  return { text: `{"entry":${json},"hash":"${hash}"}\n`, hash };
}

const headerOf = (coordinator: ClientId, task: string): string =>
  `${JSON.stringify({ format: FORMAT, coordinator, task })}\n`;

async function read(path: string, coordinator: ClientId, task: string): Promise<Contents> {
  const text = await textOf(path);
  const header = headerOf(coordinator, task);
  // A crash before the header was whole: nothing has been written yet.
  if (header.startsWith(text) && text !== header)
    return { entries: [], hash: sha256(header), bytes: 0, before: header };
  return parsed(path, text, header, `is no ledger of task ${task} at this coordinator`);
}

function parsed(path: string, text: string, header: string, otherwise: string): Contents {
  if (!text.startsWith(header)) throw corrupt(path, otherwise);
  const lines = text.slice(header.length).split('\n');
  // What follows the last line feed: nothing, or a line that a crash cut short.
  const rest = lines.pop() ?? '';
  let hash = sha256(header);
  let bytes = Buffer.byteLength(header);
  const entries: LedgerEntry[] = [];
  for (const [i, given] of lines.entries()) {
    const next = continued(hash, given);
    if (next === undefined) throw corrupt(path, `does not fit its hash in line ${i + 2}`);
    entries.push(next.entry);
    hash = next.hash;
    bytes += Buffer.byteLength(given) + 1;
  }
  const whole = continued(hash, rest);
  if (whole === undefined) return { entries, hash, bytes, before: '' };
  return { entries: [...entries, whole.entry], hash: whole.hash, bytes: bytes + Buffer.byteLength(rest), before: '\n' };
}

export interface LedgerFile {
  readonly coordinator: ClientId;
  readonly task: string;
  readonly entries: readonly LedgerEntry[];
}

/** What a file of this store says, whoever's it is; for people who look at it. @throws STORE_CORRUPT */
export function parseLedgerFile(path: string, text: string): LedgerFile {
  const header = text.slice(0, text.indexOf('\n') + 1);
  let first: { readonly format?: unknown; readonly coordinator?: unknown; readonly task?: unknown };
  try {
    first = JSON.parse(header);
  } catch {
    throw corrupt(path, 'is no ledger of a client');
  }
  const { format, coordinator, task } = first;
  if (format !== FORMAT || typeof coordinator !== 'string' || typeof task !== 'string')
    throw corrupt(path, `is not of format ${FORMAT}`);
  return {
    coordinator: coordinator as ClientId,
    task,
    entries: parsed(path, text, headerOf(coordinator as ClientId, task), 'does not start as a ledger does').entries,
  };
}

/** Nothing where there is no file. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw corrupt(path, `cannot be read (${(error as Error).message})`);
  }
}

/** The entry of a line that continues the chain; undefined for any other text. */
function continued(previous: string, text: string): { entry: LedgerEntry; hash: string } | undefined {
  let entry: LedgerEntry;
  try {
    entry = (JSON.parse(text) as { entry: LedgerEntry }).entry;
  } catch {
    return undefined;
  }
  if (typeof entry !== 'object' || entry === null || !isEntry(entry)) return undefined;
  const { text: expected, hash } = line(previous, entry);
  return `${text}\n` === expected ? { entry, hash } : undefined;
}

const isEntry = ({ type, id, events }: LedgerEntry): boolean =>
  (type === 'reserved' || type === 'settled') && typeof id === 'string' && Array.isArray(events);

/** Cuts off what is torn, appends, syncs. */
async function write(path: string, { bytes, before }: Contents, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'a', 0o600);
    try {
      await file.truncate(bytes);
      await file.writeFile(before + text);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncDirectory(dirname(path));
  } catch (error) {
    throw new SottoError('STORE_WRITE', `${path} could not be written: ${(error as Error).message}`);
  }
}

const corrupt = (path: string, what: string): SottoError =>
  new SottoError(
    'STORE_CORRUPT',
    `${path} ${what}. It says what this client has told about its data, so it is not replaced: restore it from a backup, or move it away and leave the task for good`,
  );
