// The guard store of Node: one file per (coordinator, task), one per pinned address, all in one directory.
// Not here: how they become durable (durable-file.ts), what the counters mean (protocol/participant).
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type ClientId, fromHex, isHex32, toHex } from '../../protocol/ids.js';
import type { GuardRecord } from '../../protocol/participant/types.js';
import { type GuardStore, requireForward, requireSamePin } from '../guards.js';
import { ABSENT, corrupt, readDurable, writeDurable } from './durable-file.js';

const GUARD_FORMAT = 'sotto-guard/1';
const PIN_FORMAT = 'sotto-pin/1';

/**
 * @param directory one per identity; made if it is not there. Two processes must not share it: each save looks at what is
 *   there first and refuses to go back, which finds a second process but cannot lock it out.
 */
export function fileGuards(directory: string): GuardStore {
  const guardPath = (coordinator: ClientId, task: string): string =>
    join(directory, `guard-${coordinator.slice(0, 16)}-${short(`${coordinator} ${task}`)}.json`);
  const pinPath = (url: string): string => join(directory, `pin-${short(url)}.json`);
  const load = async (coordinator: ClientId, task: string): Promise<GuardRecord | undefined> => {
    const path = guardPath(coordinator, task);
    const value = await readDurable(path, GUARD_FORMAT);
    if (value === ABSENT) return undefined;
    const { coordinator: of, ...record } = value as { coordinator: string } & GuardRecord;
    if (of !== coordinator || !isGuardRecord(record) || record.task !== task)
      throw corrupt(path, 'holds another record');
    return record;
  };
  const pinned = async (url: string): Promise<Uint8Array | undefined> => {
    const path = pinPath(url);
    const value = await readDurable(path, PIN_FORMAT);
    if (value === ABSENT) return undefined;
    const { url: of, coordinator } = value as { url: unknown; coordinator: unknown };
    if (of !== url || typeof coordinator !== 'string' || !isHex32(coordinator))
      throw corrupt(path, 'holds another pin');
    return fromHex(coordinator);
  };
  return {
    load,
    async save(coordinator, record) {
      requireForward(await load(coordinator, record.task), record);
      const { task, round, attempt, answered, contributed } = record;
      await writeDurable(
        guardPath(coordinator, task),
        GUARD_FORMAT,
        { coordinator, task, round, attempt, answered, contributed },
        'replace',
      );
    },
    pinned,
    async pin(url, coordinator) {
      requireSamePin(url, await pinned(url), coordinator);
      await writeDurable(pinPath(url), PIN_FORMAT, { url, coordinator: toHex(coordinator) }, 'replace');
    },
  };
}

/** Task ids and addresses hold characters that file names may not, and names that differ in case alone. */
const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24);

const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isGuardRecord = (r: GuardRecord): boolean =>
  typeof r.task === 'string' && isCount(r.round) && isCount(r.attempt) && isCount(r.answered) && isCount(r.contributed);
