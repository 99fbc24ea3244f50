// A coordinator that has had other keys: its hand-overs are verified from the pinned key on, and remembered, before anything is said to
// whoever shows them. What this client keeps stays where it is, under the first key. Loaded where a coordinator shows hand-overs, or
// has shown some. Not here: the hand-over itself (protocol/chain/hand-over.ts), the handshake (handshake.ts).

import { askLineage, type HandOver, parseHandOvers, type SignerOf, signersOf } from '../protocol/chain/hand-over.js';
import type { Answerer } from '../protocol/crypto/asking.js';
import { bytesEqual } from '../protocol/crypto/bytes.js';
import type { SymmetricPrimitives } from '../protocol/crypto/primitives.js';
import { SottoError } from '../protocol/errors.js';
import { type ClientId, clientId } from '../protocol/ids.js';
import type { Policy } from '../protocol/participant/types.js';
import { runAsking } from './asking.js';
import type { Emitter } from './emitter.js';
import { type GuardStore, lineageName } from './guards.js';
import type { ClientEvents } from './options.js';

/** Whom this client talks to from now on. */
export interface Trusted {
  readonly key: Uint8Array;
  /** Under which it keeps all that belongs to this coordinator. */
  readonly name: ClientId;
  readonly signerOf: SignerOf;
}
export interface FollowSetup {
  readonly task: string;
  readonly policy: Pick<Policy, 'keyChange'>;
  readonly guards: GuardStore;
  readonly primitives: SymmetricPrimitives;
  readonly answerer: Answerer;
  readonly events: Emitter<ClientEvents>;
}

/** Name of the pin of the key to which one has handed over. */
const heirName = (task: string, key: Uint8Array): string => `${task} after ${clientId(key)}`;

/**
 * @param coordinator who is there, proven; without hand-overs: whom somebody names
 * @param handOvers as shown; absent: nothing is, and what was remembered counts. A key that was given up is not taken again, whoever names it
 * @param pinned `undefined` on first use
 * Rejects with AUTH_HAND_OVER where they do not lead from the pinned key to this one, or may not; with what the store rejects with
 */
export async function follow(
  setup: FollowSetup,
  coordinator: Uint8Array,
  handOvers: Uint8Array | undefined,
  pinned: Uint8Array = coordinator,
): Promise<Trusted> {
  const { task, guards, primitives, answerer, events } = setup;
  let key = coordinator;
  let signerOf: SignerOf = () => key;
  if (handOvers === undefined) {
    for (let next: Uint8Array | undefined = key; next !== undefined; next = await guards.pinned(heirName(task, key)))
      key = next;
  } else {
    const lineage = parseHandOvers(handOvers) ?? [];
    const wrong =
      (await runAsking(askLineage(task, lineage), answerer)) ?? (await problem(setup, lineage, coordinator, pinned));
    if (wrong !== undefined)
      throw new SottoError(
        'AUTH_HAND_OVER',
        `the coordinator is ${clientId(coordinator)}, pinned is ${clientId(pinned)}, and ${wrong}; ask its operator, by another way, which key is right, and pin that`,
      );
    await remember(setup, lineage);
    signerOf = signersOf(primitives, lineage);
    if (!bytesEqual(pinned, key)) events.emit('keyChanged', { from: clientId(pinned), to: clientId(key) });
  }
  const origin = (await guards.pinned(lineageName(task, clientId(key)))) ?? key;
  return { key, name: clientId(origin), signerOf };
}

async function problem(
  { task, policy, guards }: FollowSetup,
  lineage: readonly HandOver[],
  coordinator: Uint8Array,
  pinned: Uint8Array,
): Promise<string | undefined> {
  const last = lineage.at(-1);
  if (last === undefined) return 'its hand-overs cannot be read';
  if (!bytesEqual(last.to, coordinator)) return `its hand-overs end at ${clientId(last.to)}`;
  if (bytesEqual(pinned, coordinator)) return undefined;
  const at = lineage.findIndex(({ from }) => bytesEqual(from, pinned));
  if (at < 0) return 'its hand-overs do not come from the pinned key';
  for (const { from, to } of lineage.slice(at)) {
    const heir = await guards.pinned(heirName(task, from));
    if (heir !== undefined && !bytesEqual(heir, to))
      return `${clientId(from)} has handed over to ${clientId(heir)} before`;
  }
  if ((await guards.pinned(heirName(task, coordinator))) !== undefined)
    return `${clientId(coordinator)} was given up before`;
  // A policy written in JavaScript may say anything: what is not known is no consent.
  const { keyChange = 'signed' } = policy;
  return keyChange === 'signed'
    ? undefined
    : `its hand-over is signed, and policy.keyChange: '${keyChange}' takes none`;
}

/** In this order: a crash in between leaves a client that has a pin on the way, and asks once more from there. */
async function remember({ task, guards }: FollowSetup, lineage: readonly HandOver[]): Promise<void> {
  const once = async (name: string, key: Uint8Array): Promise<void> => {
    // What was pinned stays: a key that somebody named by hand needs no way to it.
    if ((await guards.pinned(name)) === undefined) await guards.pin(name, key);
  };
  // safe: a lineage that was verified has one
  const first = lineage[0]!.from;
  const firstName = lineageName(task, clientId(first));
  const firstOrigin = (await guards.pinned(firstName)) ?? first;
  let origin = firstOrigin;
  for (const { to } of lineage) {
    const name = lineageName(task, clientId(to));
    // Whoever has begun under this key goes on under it: no counter is ever exchanged for another.
    if ((await guards.load(clientId(to), task)) !== undefined) origin = to;
    await once(name, origin);
    origin = (await guards.pinned(name)) ?? origin;
  }
  for (const { from, to } of lineage) await once(heirName(task, from), to);
  // Last: it makes those who name the first key look for its heir.
  await once(firstName, firstOrigin);
}
