// Writes that fail under a running coordinator with real clients: the n-th commit or flush of real lmdb, at the seam of the store; and
// a file system that is really full. Not here: damage to files that nobody has open (damage.ts).

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { weightsFromBytes } from '../../../protocol/chain/model.js';
import { SottoError } from '../../../protocol/errors.js';
import type { Hash } from '../../../protocol/ids.js';
import type { OpenPlace } from '../../../server/audit/durable.js';
import { markData, openData } from '../../../server/data/open.js';
import type { Head, Store, StoreFaults } from '../../../server/store/types.js';
import { checkLog } from '../../../simulations/world/check-log.js';
import { identityNumber } from '../kill/setting.js';
import { CLIENTS, clientsOf, DIMENSION, type SeenModels, startOn } from './setting.js';

export interface Fault {
  readonly name: string;
  readonly faults: StoreFaults;
}

const failing = (code: 'ENOSPC' | 'EIO', call: string): Error =>
  Object.assign(new Error(`${code}: ${code === 'ENOSPC' ? 'no space left on device' : 'i/o error'}, ${call}`), {
    code,
  });

/** The n-th commit never reaches the disk, or is there and its flush fails. */
export function faultAt(n: number, where: 'commit' | 'flush', code: 'ENOSPC' | 'EIO'): Fault {
  const call = where === 'commit' ? 'write' : 'fdatasync';
  const fail = (now: number): void => {
    if (now === n) throw failing(code, call);
  };
  return {
    name: `${code} at ${where} ${n}`,
    faults: where === 'commit' ? { beforeCommit: fail } : { beforeFlush: fail },
  };
}

export interface Lived {
  readonly code: string | undefined;
  readonly text: string;
  readonly heads: readonly (readonly [number, string])[];
  readonly models: readonly (readonly [number, readonly string[]])[];
}

/** A campaign until it ends, or the store fails. */
export async function liveOnce(directory: string, seed: number, rounds: number, faults?: StoreFaults): Promise<Lived> {
  const heads = new Map<number, string>();
  const models: SeenModels = new Map();
  let code: string | undefined;
  let text = '';
  try {
    await live(
      directory,
      seed,
      rounds,
      placeWith(faults, (head) => heads.set(head.seq, head.hash)),
      models,
    );
  } catch (error) {
    code = error instanceof SottoError ? error.code : 'none';
    text = error instanceof Error ? error.message : String(error);
  }
  return { code, text, heads: [...heads], models: [...models].map(([round, names]) => [round, [...names]]) };
}

/** The disk is good again: the same directory goes on, with nothing missing of what was promised. @returns what does not hold */
export async function goOn(directory: string, seed: number, rounds: number, before: Lived): Promise<string[]> {
  const wrong: string[] = [];
  if (before.code === 'none') wrong.push(`ended without a code: ${before.text}`);
  if (before.code !== undefined && !/free space|raise it/.test(before.text))
    wrong.push(`no remedy in "${before.text}"`);
  const heads = new Map(before.heads);
  const models: SeenModels = new Map(before.models.map(([round, names]) => [round, new Set(names)]));
  await live(
    directory,
    seed,
    rounds,
    placeWith(undefined, (head) => heads.set(head.seq, head.hash)),
    models,
  );
  const data = await openData({ directory, identity: identityNumber(seed, -1), limitBytes: 2 ** 40 });
  const report = data.store.verify();
  if (report.firstBadEvent !== undefined) wrong.push(`event ${report.firstBadEvent.seq}: ${report.firstBadEvent.text}`);
  if (report.badBlobs.length > 0) wrong.push(`${report.badBlobs.length} bad blobs`);
  if (report.rows !== 'match') wrong.push('the rows do not have their digest');
  const index = new Map(Array.from({ length: CLIENTS }, (_, i) => [identityNumber(seed, i).id as string, i]));
  const { says } = checkLog(
    [...data.store.events(1)],
    { heads, models, joined: new Set() },
    (hash) =>
      data.store.hasBlob(hash as Hash) ? weightsFromBytes(data.store.blob(hash as Hash), DIMENSION) : undefined,
    (client) => index.get(client) ?? -1,
  );
  await data.close();
  return [...wrong, ...says];
}

/** @throws what the coordinator ends with */
async function live(
  directory: string,
  seed: number,
  rounds: number,
  openPlace: OpenPlace,
  models: SeenModels,
): Promise<void> {
  const coordinator = await startOn({ directory, seed, rounds, openData: openPlace });
  const clients = clientsOf(coordinator, seed, models);
  const ends = clients.map((client) => client.run().catch(() => undefined));
  try {
    await coordinator.done;
  } finally {
    const patience = setTimeout(() => void Promise.all(clients.map((client) => client.stop())), 2_000);
    await coordinator.stop('the life is over');
    await Promise.all(ends);
    clearTimeout(patience);
  }
}

/** The directory with lmdb, as ever, but with faults, and with an ear for what was promised to be durable. */
function placeWith(faults: StoreFaults | undefined, acknowledged: (head: Head) => void): OpenPlace {
  return async (options) => {
    const { store, close } = await openData({ ...options, ...(faults && { faults }) });
    const commit = store.commit.bind(store);
    const observed: Store = Object.assign(store, {
      commit: async (write: Parameters<Store['commit']>[0]) => {
        const head = await commit(write);
        acknowledged(head);
        return head;
      },
    });
    return {
      store: observed,
      restored: undefined,
      begun: () => markData(options.directory, options.identity),
      backup: async () => {},
      close,
    };
  };
}

/** A file system of so many KiB in memory; `undefined` where this process may not mount one. */
export function smallDisk(path: string, kibibytes: number): { grow(): void; end(): void } | undefined {
  mkdirSync(path, { recursive: true });
  const mount = (...args: string[]): boolean => spawnSync('mount', args, { stdio: 'ignore' }).status === 0;
  if (!mount('-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'sotto-bar', path)) return undefined;
  return {
    grow: () => void mount('-o', `remount,size=${kibibytes * 16}k`, path),
    end: () => void spawnSync('umount', [path], { stdio: 'ignore' }),
  };
}
