// R2 and R3 at the client: the shares dealt to it are checked and kept, bad dealers complained about; then the update is masked, once.
// Not here: the arithmetic (secagg/mask.ts), the upload (the driver).

import { complaintStatement, maskedStatement, sharesStatement, slices } from '../context.js';
import { type Asking, agree, sign, verify } from '../crypto/asking.js';
import { verifyMerkle } from '../crypto/merkle.js';
import type { Rank } from '../ids.js';
import type { ClientWorkResult, NoiseDraw, PairMask } from '../secagg/jobs.js';
import { pairMaskKeyOf, selfMaskKey } from '../secagg/keys.js';
import { openBox, shareLeaf } from '../secagg/shares.js';
import { vectorHash } from '../wire/chunks.js';
import type { Complaint, Masked, ShareBook, SharePacket } from '../wire/messages.js';
import { debit } from './accounts.js';
import { end, stopBy } from './ending.js';
import type { AskingStep, In, Joined } from './state.js';
import type { ParticipantEffect } from './types.js';

export function* onShareBook(s: In<'shares'>, book: ShareBook): AskingStep {
  const { joined, u1 } = s;
  const { primitives, gctx, rank, derived, run, identity } = joined;
  const bad: Rank[] = [];
  for (const packet of book.packets) {
    const forged = yield* forgery(s, packet);
    if (forged !== undefined) return stopBy(s, 'GUARD_SHARES', forged);
    const key = s.openKeys.get(packet.from)?.exposeSecret();
    const held = key && openBox(primitives, gctx, packet.from, rank, key, packet);
    if (held === undefined) bad.push(packet.from);
    else s.held.set(packet.from, held);
  }
  const u2 = [...book.packets.map(({ from }) => from), rank].sort((a, b) => a - b);
  if (u2.length < derived.threshold)
    return stopBy(s, 'GUARD_SHARES', `${u2.length} dealers are below the threshold ${derived.threshold}`);
  if (new Set(u2).size !== u2.length || u2.some((dealer) => !u1.includes(dealer)))
    return stopBy(s, 'GUARD_SHARES', 'a dealer appears twice, or never sent keys');
  const complaints: Complaint[] = [];
  if (bad.length > 0) {
    const signature = yield* sign(identity, complaintStatement(gctx, rank, bad));
    complaints.push({ kind: 'complaint', run, dealers: bad, signature });
  }
  const effects = complaints.map((message): ParticipantEffect => ({ type: 'send', message }));
  const { training, openKeys, ...rest } = s;
  for (const key of openKeys.values()) key.wipe();
  const next: In<'training'> = { ...rest, phase: 'training', u2, complaints };
  if (training.state === 'running') return { state: next, effects };
  const step = yield* startMasking(next, training.examples);
  return { state: step.state, effects: [...effects, ...step.effects] };
}

/** The coordinator's fault: the dealer signed neither this box nor these hashes for this client. Own boxes reflected end here too. */
function* forgery({ joined, u1 }: In<'shares'>, packet: SharePacket): Asking<string | undefined> {
  const { primitives, gctx, roster, rank } = joined;
  const dealer = roster[packet.from];
  if (dealer === undefined || packet.from === rank) return `a box is said to be from rank ${packet.from}`;
  const statement = sharesStatement(gctx, packet.from, packet.commitB, packet.root);
  if (!(yield* verify(dealer, statement, packet.signature)))
    return `the shares of rank ${packet.from} are not signed by it`;
  const leaf = shareLeaf(packet.hashB, packet.hashS, packet.box);
  if (!verifyMerkle(primitives, packet.root, u1.length, u1.indexOf(rank), leaf, slices(packet.path, 32)))
    return `the box from rank ${packet.from} is not the one it signed for this client`;
  return undefined;
}

/** Weight of an update, (0, 1]; undefined where there is nothing to weigh. */
function weightOf({ config }: Joined, examples: number): number | undefined {
  const { weighting } = config.encoding;
  if (weighting.by === 'uniform') return 1;
  const weight = Math.min(1, examples / weighting.maxExamples);
  return weight > 0 ? weight : undefined;
}

/** A share of the noise, of this input alone. Its key comes from the CSPRNG, in simulations too. */
function noiseOf({ config, derived: { noise }, rng }: Joined): { readonly noise?: NoiseDraw } {
  const { privacy } = config;
  if (noise === 'none' || privacy === 'none' || privacy.placement === 'central') return {};
  return {
    noise: { from: privacy.noise, variance: noise.localVariance, bitVariance: noise.bitVariance, key: rng(32) },
  };
}

/** The one place that starts masking: reached once per run (guard 6), since no phase leads back here. */
export function* startMasking(s: In<'training'>, examples: number): AskingStep {
  const { primitives, gctx, rank, config } = s.joined;
  const weight = weightOf(s.joined, examples);
  if (weight === undefined) return end(s, 'left', 'TRAIN_SHAPE');
  const pairs: PairMask[] = [];
  for (const peer of s.u2) {
    if (peer === rank) continue;
    const publicKey = s.peers.get(peer)?.mask;
    const shared = publicKey && (yield* agree(s.mask.exposeSecret(), publicKey));
    if (publicKey === undefined || shared === undefined)
      return stopBy(s, 'GUARD_KEYS', `the mask key of rank ${peer} is missing or of low order`);
    const own = { rank, publicKey: s.keys.mask };
    const key = pairMaskKeyOf(primitives, gctx, shared, own, { rank: peer, publicKey });
    pairs.push({ key, sign: peer > rank ? 1 : -1 });
  }
  const work = {
    type: 'mask',
    encoding: s.joined.encoding,
    prg: config.prg,
    weight,
    roundingKey: s.joined.rounding(32),
    ...noiseOf(s.joined),
    selfKey: selfMaskKey(primitives, gctx, s.b.exposeSecret(), rank),
    pairs,
  } as const;
  const { mask, b, ...rest } = s;
  mask.wipe();
  b.wipe();
  const keep = config.integrity === 'none' ? 'nothing' : work;
  return { state: { ...rest, phase: 'masking', keep }, effects: [{ type: 'compute', work }] };
}

export function* onMaskedComputed(s: In<'masking'>, result: ClientWorkResult): AskingStep {
  if (!result.ok) return end(s, 'left', result.code);
  const { joined, u2 } = s;
  const { primitives, gctx, rank, run, identity } = joined;
  const statement = maskedStatement(gctx, rank, vectorHash(primitives, result.bytes, result.chunks), u2);
  const masked: Masked = {
    kind: 'masked',
    run,
    chunks: result.chunks,
    bytes: result.bytes,
    u2,
    signature: yield* sign(identity, statement),
  };
  const guard = { ...joined.guard, contributed: joined.guard.contributed + 1 };
  const spent = debit({ ...joined, guard }, (accounts) => accounts.beforeInput({ ...joined, guard }));
  return {
    state: { ...s, phase: 'masked', masked, joined: spent.joined },
    effects: [
      // Counted before it leaves: a round that aborts after R3 is still a round this client contributed to (guard 8).
      { type: 'persist', guard },
      ...spent.effects,
      { type: 'send', message: masked },
      { type: 'upload', run, chunks: allChunks(result.chunks) },
    ],
  };
}
export const allChunks = (hashes: Uint8Array): number[] => Array.from({ length: hashes.length / 32 }, (_, i) => i);
