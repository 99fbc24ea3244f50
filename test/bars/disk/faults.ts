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

export interface Aftermath {
  /** With what the coordinator ended; absent where the campaign went through to its end. */
  readonly code: string | undefined;
  readonly text: string;
  /** What does not hold afterwards. */
  readonly wrong: readonly string[];
  readonly committed: number;
}

/** A campaign until the store fails, and then another one on the same directory. @param mend makes the disk good again */
export async function liveThrough(
  directory: string,
  seed: number,
  rounds: number,
  faults: StoreFaults | undefined,
  mend: () => void = () => {},
): Promise<Aftermath> {
  const heads = new Map<number, string>();
  const models: SeenModels = new Map();
  const wrong: string[] = [];
  let ended: SottoError | undefined;
  const place = placeWith(faults, (head) => heads.set(head.seq, head.hash));
  try {
    await live(directory, seed, rounds, place, models);
  } catch (error) {
    if (error instanceof SottoError) ended = error;
    else wrong.push(`ended without a code: ${String(error)}`);
  }
  if (ended !== undefined && !/free space|raise it/.test(ended.message)) wrong.push(`no remedy in "${ended.message}"`);
  mend();
  // The disk is good again: the same directory goes on, with nothing of it missing.
  await live(
    directory,
    seed,
    rounds + 2,
    placeWith(undefined, (head) => heads.set(head.seq, head.hash)),
    models,
  );
  const data = await openData({ directory, identity: identityNumber(seed, -1), limitBytes: 2 ** 40 });
  const report = data.store.verify();
  if (report.firstBadEvent !== undefined) wrong.push(`event ${report.firstBadEvent.seq}: ${report.firstBadEvent.text}`);
  if (report.badBlobs.length > 0) wrong.push(`${report.badBlobs.length} bad blobs`);
  const index = new Map(Array.from({ length: CLIENTS }, (_, i) => [identityNumber(seed, i).id as string, i]));
  const findings = checkLog(
    [...data.store.events(1)],
    { heads, models, joined: new Set() },
    (hash) =>
      data.store.hasBlob(hash as Hash) ? weightsFromBytes(data.store.blob(hash as Hash), DIMENSION) : undefined,
    (client) => index.get(client) ?? -1,
  );
  await data.close();
  return {
    code: ended?.code,
    text: ended?.message ?? '',
    wrong: [...wrong, ...findings.says],
    committed: findings.committed,
  };
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
