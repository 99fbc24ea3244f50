// Schemas of the round messages, in the order of the phases. The keys stand in the order in which they are written on the wire.
// Shape only: whether a rank is a member, sets are nested or a threshold is met is asked where the roster is known (round/,
// participant/). Not here: session and chain (schemas-session.ts), the table of all (schemas.ts).

import { MAX_GROUP, MAX_GROUPS, MAX_OPEN_COHORT } from '../limits.js';
import * as v from '../schema.js';
import * as f from './fields.js';
import { chainRecord, runRef } from './schemas-session.js';

const keyEntry = v.strictObject({ rank: f.rank, channel: f.key, mask: f.key, signature: f.signature });
const shareBox = v.strictObject({ to: f.rank, box: f.box, hashB: f.hash, hashS: f.hash });
const sharePacket = v.strictObject({
  from: f.rank,
  box: f.box,
  hashB: f.hash,
  hashS: f.hash,
  commitB: f.hash,
  root: f.hash,
  path: f.merklePath,
  signature: f.signature,
});
const exclusion = v.strictObject({ rank: f.rank, code: f.errorCode });
const setSignature = v.strictObject({ rank: f.rank, signature: f.signature });
const opened = v.variant('type', [
  v.strictObject({ of: f.rank, type: v.literal('b'), share: f.share, salt: f.salt }),
  v.strictObject({ of: f.rank, type: v.literal('s'), share: f.share, salt: f.salt }),
]);
const HAVE_ORDER = ['keys', 'shares', 'masked'] as const;
const byRank = (one: { readonly rank: number }): number => one.rank;

export const clientRoundSchemas = {
  keys: v.strictObject({ run: runRef, channel: f.key, mask: f.key, signature: f.signature }),
  shares: v.strictObject({
    run: runRef,
    commitB: f.hash,
    boxes: f.ascending(shareBox, MAX_GROUP - 1, (one) => one.to),
    own: v.strictObject({ hashB: f.hash, hashS: f.hash }),
    signature: f.signature,
  }),
  complaint: v.strictObject({ run: runRef, dealers: f.someRanks, signature: f.signature }),
  masked: v.pipe(
    v.strictObject({ run: runRef, chunks: f.chunkHashes, bytes: f.vectorBytes, u2: f.ranks, signature: f.signature }),
    v.check((m) => f.countsItsChunks(m)),
  ),
  plain: v.pipe(
    v.strictObject({
      run: runRef,
      chunks: f.chunkHashes,
      bytes: f.vectorBytes,
      weight: f.weight,
      signature: f.signature,
    }),
    v.check((m) => f.countsItsChunks(m)),
  ),
  inputChunk: v.strictObject({ run: runRef, index: f.chunkIndex, section: f.sectionBytes }),
  sketch: v.strictObject({ run: runRef, signature: f.signature, section: f.sectionBytes }),
  consistent: v.strictObject({ run: runRef, signature: f.signature }),
  unmask: v.strictObject({ run: runRef, opened: f.ascending(opened, MAX_GROUP, (one) => one.of) }),
};

export const coordinatorRoundSchemas = {
  announce: v.pipe(
    v.strictObject({
      run: runRef,
      task: f.taskId,
      config: f.configText,
      model: f.hash,
      head: f.hash,
      groupIds: f.groupIds,
      groupRoots: f.bytesBy(f.HASH_BYTES, 1, MAX_GROUPS),
      roster: f.bytesBy(f.KEY_BYTES, 1, MAX_OPEN_COHORT),
      commitNonce: f.hash,
      deadlineMs: f.waitMs,
      clip: f.counter,
      signature: f.signature,
    }),
    v.check((m) => m.groupRoots.length === f.HASH_BYTES * m.groupIds.length),
  ),
  keyBook: v.strictObject({ run: runRef, entries: f.ascending(keyEntry, MAX_GROUP, byRank) }),
  shareBook: v.strictObject({ run: runRef, packets: f.ascending(sharePacket, MAX_GROUP - 1, (one) => one.from) }),
  inputTaken: v.strictObject({ run: runRef }),
  sketchRequest: v.strictObject({ run: runRef, nonce: f.nonce, u3: f.ranks }),
  survivors: v.strictObject({
    run: runRef,
    u3: f.ranks,
    u4: f.ranks,
    excluded: f.ascending(exclusion, MAX_GROUP, byRank),
  }),
  unmaskRequest: v.strictObject({ run: runRef, signatures: f.ascending(setSignature, MAX_GROUP, byRank) }),
  outcome: v.strictObject({ run: runRef, record: chainRecord }),
  abort: v.strictObject({ run: runRef, code: f.errorCode, culprits: f.rosterRanks, retryAfterMs: f.waitMs }),
  resume: v.strictObject({
    run: runRef,
    have: v.pipe(
      v.array(v.picklist(HAVE_ORDER)),
      // In the order of the phases, none twice.
      v.check((have) => have.join() === HAVE_ORDER.filter((one) => have.includes(one)).join()),
    ),
    chunks: f.chunkIndices,
  }),
  credit: v.strictObject({ run: runRef, chunks: f.chunkIndices }),
};
