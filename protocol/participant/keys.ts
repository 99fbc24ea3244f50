// R1 at the client: its two keys go out; the key book comes back and is checked; then the shares are dealt (start of R2).
// Not here: what the coordinator checks (round/phases/keys.ts).

import { keysStatement, sharesStatement } from '../context.js';
import { type Asking, agree, agreementPublic, sign, verify } from '../crypto/asking.js';
import { bytesEqual, enc } from '../crypto/enc.js';
import { merkleRoot } from '../crypto/merkle.js';
import { Secret } from '../crypto/secret.js';
import { type Rank, toHex } from '../ids.js';
import { channelKeys, commitToB } from '../secagg/keys.js';
import { deal, shareLeaves } from '../secagg/shares.js';
import type { KeyBook, Keys, Shares } from '../wire/messages.js';
import { stopBy } from './ending.js';
import { type AskingStep, type In, type Joined, type ParticipantStep, stay } from './state.js';

/** Fresh keys for this run, and the message that carries them. */
export function* makeKeys(joined: Joined): Asking<Pick<In<'keys'>, 'channel' | 'mask' | 'keys'>> {
  const { rng, gctx, rank, identity, run } = joined;
  const channel = new Secret(rng(32));
  const mask = new Secret(rng(32));
  const publics = {
    channel: yield* agreementPublic(channel.exposeSecret()),
    mask: yield* agreementPublic(mask.exposeSecret()),
  };
  const signature = yield* sign(identity, keysStatement(gctx, rank, publics.channel, publics.mask));
  return { channel, mask, keys: { kind: 'keys', run, ...publics, signature } };
}

export const bookDigest = (joined: Joined, book: KeyBook): Uint8Array =>
  joined.primitives.sha256(enc(book.entries.map(({ rank, channel, mask }) => [rank, channel, mask])));

export function* onKeyBook(s: In<'keys'>, book: KeyBook): AskingStep {
  const wrong = yield* faultOf(s, book);
  if (wrong !== undefined) return stopBy(s, 'GUARD_KEYS', wrong);
  const { joined } = s;
  const { primitives, gctx, rank, derived, run, identity } = joined;
  const u1 = book.entries.map((entry) => entry.rank);
  const peers = new Map(book.entries.map(({ rank: peer, channel, mask }) => [peer, { channel, mask }]));
  const sealKeys = new Map<Rank, Uint8Array>();
  const openKeys = new Map<Rank, Secret>();
  for (const [peer, { channel }] of peers) {
    if (peer === rank) continue;
    const shared = yield* agree(s.channel.exposeSecret(), channel);
    if (shared === undefined) return stopBy(s, 'GUARD_KEYS', `the channel key of rank ${peer} is of low order`);
    const own = { rank, publicKey: s.keys.channel };
    const keys = channelKeys(primitives, gctx, shared, own, { rank: peer, publicKey: channel });
    sealKeys.set(peer, keys.seal);
    openKeys.set(peer, new Secret(keys.open));
  }
  const b = new Secret(joined.rng(32));
  const secrets = { b: b.exposeSecret(), s: s.mask.exposeSecret() };
  const keyFor = (holder: Rank) => sealKeys.get(holder) as Uint8Array; // safe: all of U1 but this client
  const dealt = deal(primitives, joined.rng, gctx, rank, u1, joined.roster.length, derived.threshold, secrets, keyFor);
  const commitB = commitToB(primitives, gctx, rank, secrets.b);
  const root = merkleRoot(primitives, shareLeaves(u1, rank, dealt));
  const signature = yield* sign(identity, sharesStatement(gctx, rank, commitB, root));
  const shares: Shares = { kind: 'shares', run, commitB, boxes: dealt.boxes, own: dealt.own, signature };
  const { channel, ...rest } = s;
  channel.wipe();
  for (const key of sealKeys.values()) key.fill(0);
  return {
    state: {
      ...rest,
      phase: 'shares',
      openKeys,
      u1,
      peers,
      bookDigest: bookDigest(joined, book),
      b,
      shares,
      held: new Map([[rank, dealt.ownShares]]),
    },
    effects: [{ type: 'send', message: shares }],
  };
}

/** What is wrong with a key book, if anything: guards 3 and 7 of protocol.md §6. */
function* faultOf({ joined, keys }: In<'keys'>, { entries }: KeyBook): Asking<string | undefined> {
  const { gctx, roster, rank, derived, config } = joined;
  if (entries.length < derived.threshold)
    return `${entries.length} members are below the threshold ${derived.threshold}`;
  if (entries.length > config.group.size)
    return `${entries.length} members are more than the ${config.group.size} that the threshold was made for`;
  const seen = new Set<string>();
  for (const entry of entries) {
    const member = roster[entry.rank];
    if (member === undefined) return `rank ${entry.rank} is not in the roster`;
    if (entry.rank === rank && !isOwn(entry, keys)) return 'this client is shown under a key that is not its own';
    if (
      entry.rank !== rank &&
      !(yield* verify(member, keysStatement(gctx, entry.rank, entry.channel, entry.mask), entry.signature))
    )
      return `the keys of rank ${entry.rank} are not signed by it`;
    for (const key of [entry.channel, entry.mask]) {
      if (seen.has(toHex(key))) return `a key of rank ${entry.rank} appears twice`;
      seen.add(toHex(key));
    }
  }
  return entries.some((entry) => entry.rank === rank) ? undefined : 'this client is missing from the key book';
}
const isOwn = (entry: { channel: Uint8Array; mask: Uint8Array }, own: Keys): boolean =>
  bytesEqual(entry.channel, own.channel) && bytesEqual(entry.mask, own.mask);

/** A key book after the first one: the same again is the echo of a reconnect, another one an attack. */
export const onSecondBook = (
  s: In<'shares' | 'training' | 'masking' | 'masked' | 'sketching' | 'sketched' | 'agreed'>,
  book: KeyBook,
): ParticipantStep =>
  bytesEqual(bookDigest(s.joined, book), s.bookDigest)
    ? stay(s)
    : stopBy(s, 'GUARD_KEYS', 'a second, different key book');
