// An audit log for others: a folder with `log.jsonl` (a header, one line for each event, the signed head) and `blobs/<hash>`.
// What lies in it is public to every client anyway: names, hashes, signatures, aggregates and models. Not here: the verdict (verify.ts).

import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type AuditEvent, eventText, parseEvent, type SignedHead } from '../../protocol/audit/event.js';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, fromHex, type Hash, isHex32, toHex } from '../../protocol/ids.js';
import { makeDirectory } from '../data/layout.js';
import type { Store } from '../store/types.js';

export const EXPORT_FORMAT = 'sotto-audit/1';
/** In the folder of an export. */
export const LOG_FILE = 'log.jsonl';

export interface AuditExport {
  readonly coordinator: ClientId;
  /** In the order of the file, nothing checked. @throws AUDIT_INVALID for a line that is no event, with its number */
  readonly events: AsyncIterable<AuditEvent>;
  /** Behind the last event; `undefined` before all events were read, and where the file ends without one. */
  readonly head: () => SignedHead | undefined;
  /** Share of the events' bytes that was read so far, 0 to 1. Left out where nobody counts. */
  readonly read?: () => number;
  /** Not hashed. `undefined` where it is not in the folder. */
  readonly blob: (hash: Hash) => Uint8Array | undefined;
}

/** @param directory must be empty or not there yet @throws AUDIT_INVALID where it holds an export; STORE_CORRUPT, STORE_BLOB, STORE_WRITE */
export function exportAudit(store: Store, coordinator: ClientId, directory: string): { events: number; blobs: number } {
  const path = join(directory, LOG_FILE);
  if (existsSync(path)) throw new SottoError('AUDIT_INVALID', `${path} exists; export to a new folder`, { file: path });
  makeDirectory(join(directory, 'blobs'));
  const head = store.head();
  const file = openSync(path, 'wx', 0o644);
  let events = 0;
  try {
    writeSync(file, `${JSON.stringify({ format: EXPORT_FORMAT, coordinator })}\n`);
    for (const event of store.events(1)) {
      writeSync(file, `${eventText(event)}\n`);
      events++;
    }
    if (head !== undefined) {
      const { seq, hash, signature } = head;
      writeSync(file, `${JSON.stringify({ head: { seq, hash, signature: toHex(signature) } })}\n`);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const names = store.blobs();
  for (const name of names) writeFileSync(join(directory, 'blobs', name), store.blob(name));
  return { events, blobs: names.length };
}

/** @throws AUDIT_INVALID where the folder is no export */
export async function openExport(directory: string): Promise<AuditExport> {
  const path = join(directory, LOG_FILE);
  if (!existsSync(path)) {
    throw new SottoError(
      'AUDIT_INVALID',
      `${directory} holds no ${LOG_FILE}; give the folder that \`sotto export\` wrote (a data directory has to be exported first)`,
      { directory },
    );
  }
  const input = createReadStream(path, 'utf8');
  const bytes = Math.max(1, statSync(path).size);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  const first = await lines.next();
  const header = objectOf(first.done ? '' : first.value);
  const { format, coordinator } = header ?? {};
  if (format !== EXPORT_FORMAT || typeof coordinator !== 'string' || !isHex32(coordinator)) {
    throw new SottoError('AUDIT_INVALID', `${path} does not start as ${EXPORT_FORMAT} does`, { file: path });
  }
  let head: SignedHead | undefined;
  async function* events(): AsyncIterable<AuditEvent> {
    for (let number = 2; ; number++) {
      const { done, value: line } = await lines.next();
      if (done) return;
      const event = parseEvent(line);
      if (event !== undefined && head === undefined) {
        yield event;
        continue;
      }
      if (event === undefined && head === undefined) head = headOf(line);
      else
        throw new SottoError('AUDIT_INVALID', `${path}:${number}: something stands behind the head`, { line: number });
      if (head === undefined)
        throw new SottoError('AUDIT_INVALID', `${path}:${number}: this line is neither an event nor the head`, {
          line: number,
        });
    }
  }
  return {
    coordinator: coordinator as ClientId,
    events: events(),
    head: () => head,
    read: () => input.bytesRead / bytes,
    blob: (hash) => {
      const file = join(directory, 'blobs', hash);
      return existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined;
    },
  };
}

function headOf(line: string): SignedHead | undefined {
  const { head } = objectOf(line) ?? {};
  if (typeof head !== 'object' || head === null) return undefined;
  const { seq, hash, signature } = head as Readonly<Record<string, unknown>>;
  if (!Number.isSafeInteger(seq) || typeof hash !== 'string' || !isHex32(hash)) return undefined;
  if (typeof signature !== 'string' || !/^[0-9a-f]{128}$/.test(signature)) return undefined;
  return { seq: seq as number, hash: hash as Hash, signature: fromHex(signature) };
}

function objectOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
