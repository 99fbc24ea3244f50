// A coordinator goes on under another key: the old key gives, the new one takes, and the record of the model chain after which it holds
// is named. Pure. Not here: what a client makes of it (client/hand-over.ts), the event in the log (server/audit/coordinator-keys.ts).
//
//   0    from   32  the old public key
//   32   to     32  the new public key
//   64   round  u32 of the last record that the old key has signed
//   68   head   32  hash of that record
//   100  given  64  by the old key, over enc(label, task, from, to, round, head)
//   164  taken  64  by the new key, over the same: it is held by somebody who wants to take over
//
// Discussion. The round is there beside the hash because rounds only grow along the chain: by its number alone every record says
// which key must have signed it, whoever reads it and wherever that reader has begun.

import { type Asking, verify } from '../crypto/asking.js';
import { bytesEqual, concat } from '../crypto/bytes.js';
import { enc } from '../crypto/enc.js';
import { type Identity, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, signFields } from '../crypto/identity.js';
import type { PublicKeyPrimitives, SymmetricPrimitives } from '../crypto/primitives.js';
import { RECORD_LABELS } from '../crypto/record-labels.js';
import { SottoError } from '../errors.js';
import { clientId, toHex } from '../ids.js';
import { MAX_COUNTER, MAX_HAND_OVERS } from '../limits.js';
import { HAND_OVER_BYTES } from '../wire/fields.js';
import type { ChainRecordBody } from '../wire/messages.js';
import { recordHash } from './record.js';

export interface HandOver {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly round: number;
  readonly head: Uint8Array;
  readonly given: Uint8Array;
  readonly taken: Uint8Array;
}

const ROUND_AT = 2 * PUBLIC_KEY_BYTES;
const HEAD_AT = ROUND_AT + 4;
const GIVEN_AT = HEAD_AT + 32;

const fieldsOf = (task: string, { from, to, round, head }: Omit<HandOver, 'given' | 'taken'>) =>
  [task, from, to, round, head] as const;

/** @param at the newest record of the chain @throws CONFIG_INVALID where both keys are the same */
export function makeHandOver(
  crypto: PublicKeyPrimitives,
  task: string,
  old: Identity,
  next: Identity,
  at: Pick<HandOver, 'round' | 'head'>,
): HandOver {
  if (old.id === next.id)
    throw new SottoError(
      'CONFIG_INVALID',
      'the next key is the one that the coordinator has; name another file for it',
    );
  const plain = { from: old.publicKey, to: next.publicKey, round: at.round, head: at.head };
  const sign = (who: Identity): Uint8Array => signFields(crypto, who, RECORD_LABELS.handOver, ...fieldsOf(task, plain));
  return { ...plain, given: sign(old), taken: sign(next) };
}

export function handOverBytes(handOvers: readonly HandOver[]): Uint8Array {
  return concat(
    ...handOvers.map(({ from, to, round, head, given, taken }) => {
      const number = new Uint8Array(4);
      new DataView(number.buffer).setUint32(0, round);
      return concat(from, to, number, head, given, taken);
    }),
  );
}

/** `undefined` where the bytes are no hand-overs at all. Nothing is verified. Never throws. */
export function parseHandOvers(bytes: Uint8Array): readonly HandOver[] | undefined {
  const count = bytes.length / HAND_OVER_BYTES;
  if (!Number.isInteger(count) || count > MAX_HAND_OVERS) return undefined;
  const found: HandOver[] = [];
  for (let i = 0; i < count; i++) {
    const one = bytes.slice(i * HAND_OVER_BYTES, (i + 1) * HAND_OVER_BYTES);
    const round = new DataView(one.buffer).getUint32(ROUND_AT);
    if (round > MAX_COUNTER) return undefined;
    found.push({
      from: one.subarray(0, PUBLIC_KEY_BYTES),
      to: one.subarray(PUBLIC_KEY_BYTES, ROUND_AT),
      round,
      head: one.subarray(HEAD_AT, GIVEN_AT),
      given: one.subarray(GIVEN_AT, GIVEN_AT + SIGNATURE_BYTES),
      taken: one.subarray(GIVEN_AT + SIGNATURE_BYTES),
    });
  }
  return found;
}

/** Whether both keys have signed it for this task. */
export function* askHandOver(task: string, handOver: HandOver): Asking<boolean> {
  const { from, to, given, taken } = handOver;
  const statement = enc(RECORD_LABELS.handOver, ...fieldsOf(task, handOver));
  return (yield* verify(from, statement, given)) && (yield* verify(to, statement, taken));
}

/** What is wrong with hand-overs one after the other, in plain words: each is signed, follows the one before, and none goes back. */
export function* askLineage(task: string, handOvers: readonly HandOver[]): Asking<string | undefined> {
  const seen = new Set<string>();
  let before: HandOver | undefined;
  for (const one of handOvers) {
    const [from, to] = [clientId(one.from), clientId(one.to)];
    seen.add(from);
    if (before !== undefined && !bytesEqual(before.to, one.from))
      return `${from} hands over, and the key before it had handed over to ${clientId(before.to)}`;
    if (before !== undefined && one.round < before.round) return `the hand-over to ${to} is of an earlier round`;
    if (before !== undefined && one.round === before.round && !bytesEqual(one.head, before.head))
      return `two hand-overs name different records of round ${one.round}`;
    if (seen.has(to)) return `it goes back to ${to}, a key that was given up`;
    if (!(yield* askHandOver(task, one))) return `the hand-over from ${from} to ${to} is not signed by both`;
    before = one;
  }
  return undefined;
}

/** Who must have signed a record. @throws GUARD_MODEL_CHAIN where no key may have, see `signerOf` */
export type SignerOf = (record: ChainRecordBody, before?: ChainRecordBody) => Uint8Array;

/**
 * @param handOvers whose lineage holds; at least one
 * @returns by the number of its round, and that the chain goes through the records that hand-overs name: a record of such a round is that
 *   record, and none follows another one across it
 */
export function signersOf(primitives: SymmetricPrimitives, handOvers: readonly HandOver[]): SignerOf {
  return (record, before) => {
    let key = handOvers[0]?.from;
    for (const { to, round, head } of handOvers) {
      const other =
        round === record.round
          ? !bytesEqual(recordHash(primitives, record), head)
          : before !== undefined && before.round < round && round < record.round;
      if (other)
        throw new SottoError(
          'GUARD_MODEL_CHAIN',
          `the record of round ${record.round} leaves out record ${toHex(head)}, with which the coordinator's key changed`,
        );
      if (round >= record.round) break;
      key = to;
    }
    if (key === undefined) throw new SottoError('INTERNAL', 'a lineage without hand-overs');
    return key;
  };
}
