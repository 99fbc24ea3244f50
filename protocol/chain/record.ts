// One link of the signed model chain: what the model was, what was added, what it became (protocol.md §4 R7, §6 guard 5).
// Not here: recomputing the model (model.ts), fetching and storing records (client/chain, server/chain).

import { type Asking, verify } from '../crypto/asking.js';
import { enc } from '../crypto/enc.js';
import type { Identity } from '../crypto/identity.js';
import { LABELS } from '../crypto/labels.js';
import type { Primitives, SymmetricPrimitives } from '../crypto/primitives.js';
import type { ChainRecordBody } from '../wire/messages.js';

export type UnsignedRecord = Omit<ChainRecordBody, 'signature'>;

const statement = (r: UnsignedRecord): Uint8Array =>
  enc(
    LABELS.chainRecord,
    r.task,
    r.type,
    r.round,
    r.attempt,
    r.previous,
    r.config,
    r.modelBefore,
    r.aggregate,
    r.modelAfter,
    r.optimizerAfter,
    r.step,
    r.transcript,
    r.clip,
    r.fraction,
  );

/** Name of a record: SHA-256 over everything but the signature, so that signing twice does not fork the chain. 32 bytes. */
export const recordHash = (primitives: SymmetricPrimitives, record: UnsignedRecord): Uint8Array =>
  primitives.sha256(statement(record));

export const signRecord = (primitives: Primitives, coordinator: Identity, record: UnsignedRecord): ChainRecordBody => ({
  ...record,
  signature: primitives.sign(coordinator.secret.exposeSecret(), statement(record)),
});

/** Whether the pinned coordinator signed exactly this record. Never throws. */
export const verifyRecord = (primitives: Primitives, coordinator: Uint8Array, record: ChainRecordBody): boolean =>
  primitives.verify(coordinator, statement(record), record.signature);

/** The same, where signatures are verified later. */
export const askVerifyRecord = (coordinator: Uint8Array, record: ChainRecordBody): Asking<boolean> =>
  verify(coordinator, statement(record), record.signature);
