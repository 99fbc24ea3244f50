// Where `sotto models` and `sotto report` find things: a run, an exported audit log, the data directory of a stopped coordinator, or a
// model folder; each by its path, a run by its name too. Not here: what is made of them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SignedHead } from '../../../protocol/audit/event.js';
import { SottoError } from '../../../protocol/errors.js';
import type { ClientId, Hash } from '../../../protocol/ids.js';
import { type AuditExport, openExport } from '../../audit/export.js';
import { readMarker } from '../../data/layout.js';
import { openData } from '../../data/open.js';
import { isModelFolder } from '../../models/index.js';
import { loadIdentityFile } from '../identity-file.js';

export type Found =
  | { readonly kind: 'model'; readonly folder: string }
  | { readonly kind: 'run'; readonly folder: string }
  | { readonly kind: 'export'; readonly folder: string }
  | { readonly kind: 'data'; readonly folder: string };

/** @param runs folder of runs @throws CONFIG_UNREADABLE where it is none of them */
export function findSource(source: string, runs: string): Found {
  for (const folder of [source, join(runs, source)]) {
    if (isModelFolder(folder)) return { kind: 'model', folder };
    if (existsSync(join(folder, 'report.json'))) return { kind: 'run', folder };
    if (existsSync(join(folder, 'log.jsonl'))) return { kind: 'export', folder };
    if (readMarker(folder) !== undefined) return { kind: 'data', folder };
  }
  throw new SottoError(
    'CONFIG_UNREADABLE',
    `${source} is no run, no exported audit log, no data directory and no model, neither here nor in ${runs}/`,
    { file: source },
  );
}

/**
 * Gives `work` a way to open the log from its start, as often as it likes.
 * @param identity file of the coordinator's identity: only a data directory needs it, and its coordinator must be stopped
 * @throws STORE_*, AUDIT_INVALID
 */
export async function withLog<T>(
  { kind, folder }: Found & { readonly kind: 'export' | 'data' },
  identity: string,
  work: (open: () => Promise<AuditExport>) => Promise<T>,
): Promise<T> {
  if (kind === 'export') return work(() => openExport(folder));
  const coordinator = await loadIdentityFile(identity);
  const opened = await openData({ directory: folder, identity: coordinator, limitBytes: Number.MAX_SAFE_INTEGER });
  const { store } = opened;
  try {
    return await work(async () => ({
      coordinator: coordinator.id as ClientId,
      events: (async function* () {
        yield* store.events(1);
      })(),
      head: (): SignedHead | undefined => store.head(),
      blob: (hash: Hash) => (store.hasBlob(hash) ? new Uint8Array(store.blob(hash)) : undefined),
    }));
  } finally {
    await opened.close();
  }
}
