// A data directory with a history, and copies of it for whoever changes or damages one. Real clients and real lmdb. Not a test.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { memoryGuards } from '../../client/node/index.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { openData } from '../../server/data/open.js';
import { taskOf } from '../protocol/tasks.js';
import { live, type Member } from './life.js';

export const root = mkdtempSync(path(tmpdir(), 'sotto-data-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
export const fresh = (): string => path(root, `d${made++}`);
export const identity = generateIdentity(nativePrimitives, nativeRng);
export const config = taskOf({ size: 4, dimension: 4, optimizer: { name: 'fedavgm', learningRate: 1, momentum: 0 } });
export const newMembers = (count = 4): Member[] =>
  Array.from({ length: count }, () => ({
    identity: generateIdentity(nativePrimitives, nativeRng),
    guards: memoryGuards(),
  }));

export async function read<T>(
  directory: string,
  look: (store: Awaited<ReturnType<typeof openData>>['store']) => T,
): Promise<T> {
  const data = await openData({ directory, identity, limitBytes: 1e9 });
  try {
    return look(data.store);
  } finally {
    await data.close();
  }
}

/** A directory after four rounds, three kept models and two backups. */
export const original = path(root, 'original');
export const members = newMembers();
beforeAll(async () => {
  await live({ directory: original, identity, config, rounds: 4 }, members);
}, 60_000);
export const copied = (): string => {
  const directory = fresh();
  cpSync(original, directory, { recursive: true });
  return directory;
};
