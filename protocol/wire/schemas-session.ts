// Schemas of the session, blob and chain messages. The keys stand in the order in which they are written on the wire.
// Not here: the round (schemas-round.ts), the table of all (schemas.ts).

import { MAX_CHAIN_RECORDS, MAX_TASKS } from '../limits.js';
import * as v from '../schema.js';
import * as f from './fields.js';

export const runRef = v.strictObject({ round: f.counter, attempt: f.counter, group: f.groupId });

/** A genesis has nothing before it; an update and a roll-back have everything. */
export const chainRecord = v.pipe(
  v.strictObject({
    task: f.taskId,
    type: v.picklist(['genesis', 'update', 'rollback']),
    round: f.counter,
    attempt: f.counter,
    previous: f.hashOrEmpty,
    config: f.hash,
    modelBefore: f.hashOrEmpty,
    aggregate: f.hashOrEmpty,
    modelAfter: f.hash,
    optimizerAfter: f.hashOrEmpty,
    step: f.counter,
    transcript: f.hashOrEmpty,
    clip: f.counter,
    fraction: f.counter,
    signature: f.signature,
  }),
  v.check((r) =>
    r.type === 'genesis'
      ? r.previous.length === 0 && r.aggregate.length === 0
      : [r.previous, r.aggregate, r.modelBefore, r.transcript].every((h) => h.length === f.HASH_BYTES),
  ),
);

export const sessionSchemas = {
  hello: v.strictObject({ client: f.key, nonce: f.nonce, agent: f.text, token: v.exactOptional(f.word) }),
  challenge: v.strictObject({
    coordinator: f.key,
    nonce: f.nonce,
    signature: f.signature,
    handOvers: v.exactOptional(f.handOvers),
  }),
  proof: v.strictObject({ signature: f.signature }),
  welcome: v.strictObject({ tasks: v.pipe(v.array(f.taskId), v.maxLength(MAX_TASKS)), pingMs: f.waitMs }),
  checkIn: v.strictObject({ task: f.taskId, head: f.hashOrEmpty }),
  accepted: v.strictObject({ task: f.taskId, round: f.counter }),
  rejected: v.strictObject({ code: f.errorCode, retryAfterMs: f.waitMs }),
  fault: v.strictObject({ code: f.errorCode, text: f.text, run: v.exactOptional(runRef) }),
  leave: v.strictObject({ reason: f.text }),
  finished: v.strictObject({ task: f.taskId, rounds: f.counter, model: f.hash }),
};

export const blobSchemas = {
  want: v.strictObject({ blob: f.hash }),
  blobHead: v.pipe(
    v.strictObject({ blob: f.hash, bytes: f.vectorBytes, chunks: f.chunkHashes }),
    v.check((m) => f.countsItsChunks(m)),
  ),
  blobChunk: v.strictObject({ blob: f.hash, index: f.chunkIndex, section: f.sectionBytes }),
  wantChain: v.strictObject({ task: f.taskId, after: f.hashOrEmpty }),
  chain: v.strictObject({
    task: f.taskId,
    records: v.pipe(v.array(chainRecord), v.maxLength(MAX_CHAIN_RECORDS)),
    complete: v.boolean(),
  }),
};
