// A stopped coordinator's data directory goes on under another key: the hand-over becomes the last event that the old key signs over, and
// only once that is durable the new key signs anything. Cut off anywhere it can be run again. Not here: the hand-over's bytes
// (protocol/chain/hand-over.ts), what starts and clients make of it (audit/coordinator-keys.ts, client/hand-over.ts).

import { makeHandOver } from '../../protocol/chain/hand-over.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, fromHex } from '../../protocol/ids.js';
import { MAX_HAND_OVERS } from '../../protocol/limits.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { newestLink } from '../audit/chain-store.js';
import {
  coordinatorOf,
  HAND_OVER_EVENT,
  type HandOverFact,
  handOverFact,
  handOversOf,
} from '../audit/coordinator-keys.js';
import { AuditLog } from '../audit/log.js';
import { takeBackup } from './backups.js';
import { readMarker, writeMarker } from './layout.js';
import { type OpenedData, openData } from './open.js';

export interface HandOverSetup {
  readonly directory: string;
  /** The coordinator's of now. */
  readonly identity: Identity;
  readonly next: Identity;
  /** Enrolment tokens that were signed before: good until their date, or for nobody from now on. */
  readonly tokens: HandOverFact['tokens'];
  /** Default: the system's. */
  readonly wallClock?: () => number;
}
export interface HandedOver extends HandOverFact {
  /** Verified, and the first that is signed by the new key: the ones before it are of no more use. */
  readonly backup: string;
}

/**
 * @throws STORE_LOCKED while it runs; STORE_MISSING where there is no data directory; STORE_FORMAT where it is of neither key; CONFIG_INVALID
 *   where both keys are one, nothing was signed yet, or the key has changed too often; what opening and writing throw
 */
export async function handOver(setup: HandOverSetup): Promise<HandedOver> {
  const { directory, identity, next } = setup;
  const marker = readMarker(directory);
  if (marker === undefined)
    throw new SottoError(
      'STORE_MISSING',
      `${directory} is no data directory of a coordinator; give the dataDir of its settings`,
      { directory },
    );
  if (identity.id === next.id)
    throw new SottoError(
      'CONFIG_INVALID',
      'the next key is the one that the coordinator has; name another file for it',
    );
  if (marker.coordinator !== next.id) {
    await give(setup);
    writeMarker(directory, next.id, [...(marker.formerly ?? []), marker.coordinator]);
  }
  return take(setup);
}

/** By the old key. Does nothing where it was done before. */
async function give(setup: HandOverSetup): Promise<void> {
  const { directory, identity, next, tokens } = setup;
  let opened: OpenedData;
  try {
    opened = await open(directory, identity);
  } catch (error) {
    if (error instanceof SottoError && error.details.handedTo === next.id) return;
    throw error;
  }
  try {
    const log = logOf(opened, identity, setup);
    const task = log.rows.get('task') as { readonly task: string } | undefined;
    const head = newestLink(log);
    if (task === undefined || head === undefined)
      throw new SottoError(
        'CONFIG_INVALID',
        `${directory} holds no model yet, so nothing was signed that clients know; make a new directory with the new key`,
      );
    const before = handOversOf(log.rows);
    const had = before.find(({ from }) => from === next.id);
    if (had !== undefined)
      throw new SottoError('CONFIG_INVALID', `${next.id} was the key of this coordinator before; make another`);
    if (before.length >= MAX_HAND_OVERS)
      throw new SottoError('CONFIG_INVALID', `the key has changed ${before.length} times; start a new task`);
    const at = { round: head.record.round, head: fromHex(head.hash) };
    const body = handOverFact(task.task, makeHandOver(nativePrimitives, task.task, identity, next, at), tokens);
    await log.record([{ type: HAND_OVER_EVENT, body }]);
  } finally {
    await opened.close();
  }
}

/** By the new key: proves on the spot that it can go on, and that a backup is there which it can go back to. */
async function take(setup: HandOverSetup): Promise<HandedOver> {
  const { directory, identity, next } = setup;
  const opened = await open(directory, next);
  try {
    const log = logOf(opened, next, setup);
    const last = handOversOf(log.rows).at(-1);
    if (last === undefined || coordinatorOf(log.rows) !== next.id || last.from !== identity.id)
      throw new SottoError(
        'STORE_FORMAT',
        `${directory} was not handed over from ${identity.id} to ${next.id}, it is of ${coordinatorOf(log.rows)}; name the identity files that belong to it`,
        { directory },
      );
    await log.checkpoint();
    return { ...last, backup: await takeBackup(directory, opened.store, next.id as ClientId) };
  } finally {
    await opened.close();
  }
}

const open = (directory: string, identity: Identity): Promise<OpenedData> =>
  openData({ directory, identity, limitBytes: Number.MAX_SAFE_INTEGER });

const logOf = ({ store }: OpenedData, identity: Identity, { wallClock = Date.now }: HandOverSetup): AuditLog =>
  new AuditLog({ store, identity, primitives: nativePrimitives, wallClock });
