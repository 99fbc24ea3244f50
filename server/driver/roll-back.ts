// Signs a step back along the model chain: the model of an earlier round becomes the newest one, with the reason beside it. It takes
// a round number of its own, and resets no counter and no ledger. Not here: whether clients follow (client/chain/roll-back.ts).

import { recordHash, signRecord } from '../../protocol/chain/record.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { utf8Encode } from '../../protocol/crypto/utf8.js';
import { SottoError } from '../../protocol/errors.js';
import { fromHex, hashOf } from '../../protocol/ids.js';
import { isWord } from '../../protocol/wire/fields.js';
import { indexOfRound } from '../chain/find.js';
import { originIn } from '../chain/lineage.js';
import type { ChainStore, Link } from '../chain/store.js';
import { blobOf } from '../engine/combine.js';

export interface RollBack {
  /** The model after this round; 0: the first one. It must still be kept. */
  readonly round: number;
  /** For every client and the audit log: one line, not empty, at most MAX_TEXT characters. */
  readonly reason: string;
}

/**
 * The record whose model would come back.
 * @throws CONFIG_INVALID where there is no such model or it is the newest, or the reason is none; STORE_BLOB where it is no longer kept
 */
export function ancestorOf(store: ChainStore, { round, reason }: RollBack): Link {
  if (!isWord(reason))
    throw bad('rollBack.reason', 'must be one line of 1 to 256 characters, without control characters');
  const ancestor = keptLink(store, round, 'rollBack.round');
  if (ancestor.hash === store.head().hash) throw bad('rollBack.round', `is ${round}, which is the newest model`);
  return ancestor;
}

const bad = (field: string, text: string): SottoError =>
  new SottoError('CONFIG_INVALID', `${field} ${text}`, { field });

/** The record of this round, whose model and what the next round needs with it are kept. @throws CONFIG_INVALID, STORE_BLOB */
export function keptLink(store: ChainStore, round: number, field = 'round'): Link {
  const at = indexOfRound(store, round);
  const ancestor = at === undefined ? undefined : store.at(at);
  if (ancestor === undefined) throw bad(field, `is ${round}, of which there is no model; \`sotto rounds\` lists them`);
  const { modelAfter, optimizerAfter } = ancestor.record;
  // The rule of the next round starts from the aggregate that led to this model.
  const { aggregate } = originIn(store, ancestor).record;
  for (const hash of [modelAfter, optimizerAfter, aggregate]) {
    if (hash.length === 0 || store.blob(hashOf(hash)) !== undefined) continue;
    const text = `the model of round ${round} is no longer kept; choose a newer one, and raise data.keptModels for the next time`;
    throw new SottoError('STORE_BLOB', text, { round, blob: hashOf(hash) });
  }
  return ancestor;
}

/**
 * @param lastRound the last number that was used for a round, over or not
 * @throws what `ancestorOf` throws, and the store
 */
export async function rollBack(
  store: ChainStore,
  identity: Identity,
  primitives: Primitives,
  wanted: RollBack,
  lastRound: number,
): Promise<Link> {
  const ancestor = ancestorOf(store, wanted);
  const head = store.head();
  const { modelAfter, optimizerAfter, step } = ancestor.record;
  const why = blobOf(primitives, utf8Encode(wanted.reason));
  const record = signRecord(primitives, identity, {
    ...head.record,
    type: 'rollback',
    round: Math.max(lastRound, head.record.round) + 1,
    attempt: 0,
    previous: fromHex(head.hash),
    modelBefore: head.record.modelAfter,
    aggregate: why.hash,
    modelAfter,
    optimizerAfter,
    step,
    transcript: fromHex(ancestor.hash),
  });
  const link: Link = { record, hash: hashOf(recordHash(primitives, record)) };
  await store.append(link, [why]);
  return link;
}
