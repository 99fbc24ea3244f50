// A data directory as the coordinator sees it: opened and checked, its audit log, the model chain on it, and where to go on. Looks
// after checkpoints and rotated backups. Not here: the files (data/), what is recorded when (journal.ts and driver/).

import type { Identity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import type { Hash } from '../../protocol/ids.js';
import { DEFAULT_BACKUP_ROUNDS, DEFAULT_KEPT_MODELS, DEFAULT_STORE_BYTES } from '../../protocol/limits.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { Resumed } from '../campaign/types.js';
import { takeBackup } from '../data/backups.js';
import type { Begun } from '../data/begin.js';
import { dropRestoreNote, type RestoreNote, readRestoreNote } from '../data/doctor.js';
import { type DataOptions, markData, openData } from '../data/open.js';
import type { Store, StoreFaults } from '../store/types.js';
import { DurableChainStore } from './chain-store.js';
import { coordinatorOf } from './coordinator-keys.js';
import type { Fact } from './events.js';
import { AuditLog } from './log.js';
import type { Rows } from './project.js';
import { interrupted, resumedOf } from './resume.js';

/** Absent values are the DEFAULT_* of protocol/limits.ts. */
export interface DataSettings {
  readonly directory: string;
  readonly limitBytes?: number;
  /** Models to roll back to; genesis and pinned ones stay besides. */
  readonly keptModels?: number;
  /** Rounds between two backups; 0: none. */
  readonly backupRounds?: number;
}
export interface DurableSetup {
  readonly settings: DataSettings;
  readonly identity: Identity;
  readonly task: string;
  /** Canonical text of the task's settings. */
  readonly config: string;
  readonly version: string;
  readonly wallClock: () => number;
  /** Of what does not stop the coordinator: a damaged old blob, a backup that failed. */
  readonly warn: (fields: object, text: string) => void;
  /** What rounds may have spent that came after the backup which was restored. */
  readonly lost?: (rows: Rows, note: RestoreNote) => readonly Fact[];
  /** For tests. */
  readonly faults?: StoreFaults;
  /** Default: the directory, with lmdb. */
  readonly open?: OpenPlace;
}

/** Where the log lies: a store, opened and checked, with what belongs to its place. */
export interface DataPlace {
  readonly store: Store;
  /** It came back from a backup since the last start, and the log does not say so yet. */
  readonly restored: RestoreNote | undefined;
  /** The first events of this start are durable. */
  begun(): void;
  backup(): Promise<void>;
  /** Closes the store and gives the place back. */
  close(): Promise<void>;
}
/** @throws STORE_* where it cannot be opened, or is not sound */
export type OpenPlace = (options: DataOptions) => Promise<DataPlace>;

export interface Durable {
  readonly log: AuditLog;
  readonly chain: DurableChainStore;
  /** As the rows say by now: a roll-back moves it. */
  readonly resumed: Resumed;
  /** A round is over: signs a checkpoint, takes a backup where one is due. Neither holds the next round up. */
  roundOver(round: number): void;
  /** Says how it ended, waits for backups, closes. */
  close(reason: string): Promise<void>;
}

/**
 * @throws what openData throws; STORE_FORMAT where the directory belongs to another task, or the same with other settings: every
 *   record and every client's policy is bound to them
 */
export async function openDurable(setup: DurableSetup): Promise<Durable> {
  const { settings, identity, wallClock, warn, faults } = setup;
  const { directory, limitBytes = DEFAULT_STORE_BYTES, keptModels = DEFAULT_KEPT_MODELS } = settings;
  checkSettings(settings);
  const data = await (setup.open ?? directoryPlace())({ directory, identity, limitBytes, ...(faults && { faults }) });
  try {
    const log = new AuditLog({ store: data.store, identity, primitives: nativePrimitives, wallClock });
    const { restored } = data;
    await log.record([...(restored ? restoredFacts(log.rows, restored, setup.lost) : []), ...firstFacts(log, setup)]);
    data.begun();
    const damaged = (blob: Hash) =>
      warn({ blob }, `a stored blob is missing or damaged and is not served; run: sotto doctor ${directory}`);
    const chain = new DurableChainStore(log, nativePrimitives, keptModels, damaged);
    const every = settings.backupRounds ?? DEFAULT_BACKUP_ROUNDS;
    let busy: Promise<void> = Promise.resolve();
    const inOrder = (work: () => Promise<void>): void => {
      busy = busy
        .then(work)
        .catch((error: unknown) => warn({ error: String(error) }, 'looking after the store failed'));
    };
    return {
      log,
      chain,
      get resumed() {
        return resumedOf(log.rows);
      },
      roundOver(round) {
        inOrder(() => log.checkpoint());
        if (every > 0 && round % every === 0) inOrder(() => data.backup());
      },
      async close(reason) {
        await busy;
        // A store that has latched says so again; then the log just ends, as after a crash.
        await log
          .record([{ type: 'coordinator-stopped', body: { reason } }])
          .then(() => log.checkpoint())
          .catch(() => undefined);
        await data.close();
      },
    };
  } catch (error) {
    await data.close();
    throw error;
  }
}

/** @param begun of the same directory, by whoever could not wait */
export const directoryPlace =
  (begun?: Begun): OpenPlace =>
  async (options) => {
    const { directory, identity } = options;
    const { store, close } = await openData(options, begun);
    return {
      store,
      close,
      get restored() {
        return readRestoreNote(directory);
      },
      begun() {
        dropRestoreNote(directory);
        markData(directory, identity);
      },
      backup: async () => void (await takeBackup(directory, store, identity.id)),
    };
  };

function restoredFacts(rows: Rows, note: RestoreNote, lost: DurableSetup['lost']): readonly Fact[] {
  const { seq, hash, lastRound, salvage = {} } = note;
  const restored: Fact = { type: 'restored', body: { seq, hash, lastRound, salvage } };
  // Debits first: they are of rounds that were before this moment.
  return [...(lost?.(rows, note) ?? []), restored];
}

function firstFacts(log: AuditLog, { task, config, identity, version, settings }: DurableSetup): readonly Fact[] {
  const started: Fact = { type: 'coordinator-started', body: { version } };
  const known = log.rows.get('task') as { readonly task: string; readonly config: string } | undefined;
  if (known === undefined) {
    return [{ type: 'task-created', body: { task, config, coordinator: identity.id } }, started];
  }
  const { directory } = settings;
  const owner = coordinatorOf(log.rows);
  if (owner !== identity.id) {
    const text = `${directory} was handed over to ${owner}, this identity is ${identity.id}; use the identity file of that key`;
    throw new SottoError('STORE_FORMAT', text, { directory });
  }
  if (known.task !== task) {
    const text = `${directory} holds task ${known.task}, the settings are of ${task}; use another data directory`;
    throw new SottoError('STORE_FORMAT', text, { directory });
  }
  if (known.config !== config) {
    const fields = differingFields(known.config, config);
    const text = `${directory} holds task ${task} with other settings (${fields.join(', ')}); put them back, or give the task another name and data directory`;
    throw new SottoError('STORE_FORMAT', text, { directory, fields });
  }
  return [started, ...interrupted(log.rows)];
}

/** Top-level names, which is where to look. Both texts are canonical. */
function differingFields(before: string, after: string): string[] {
  const [a, b] = [before, after].map((text) => JSON.parse(text) as Record<string, unknown>);
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...names].filter((name) => JSON.stringify(a?.[name]) !== JSON.stringify(b?.[name])).sort();
}

function checkSettings({ limitBytes, keptModels, backupRounds }: DataSettings): void {
  const count = (field: string, value: number | undefined, least: number): void => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
    const text = `data.${field} is ${value}; it must be a whole number of at least ${least}`;
    throw new SottoError('CONFIG_INVALID', text, { field: `data.${field}` });
  };
  count('limitBytes', limitBytes, 1);
  count('keptModels', keptModels, 1);
  count('backupRounds', backupRounds, 0);
}
