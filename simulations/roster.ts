// The clients of a simulation: keys and names. Not here: their data and what some of them are up to.

import { generateIdentity, type Identity } from '../protocol/crypto/identity.js';
import type { Primitives, Rng } from '../protocol/crypto/primitives.js';
import type { ClientId } from '../protocol/ids.js';

export interface SimulatedClient {
  /** 0-based place in the fleet: what seeds, plans and configurations refer to. */
  readonly position: number;
  /** `client-07`; as many digits as the fleet needs, at least two. */
  readonly name: string;
  readonly identity: Identity;
}

/**
 * Keys are drawn first and handed out in ascending order of their ids, so position 7 always holds the eighth smallest id.
 * The coordinator sorts ids before it draws cohorts and groups; with any other order the same seed would deal other groups in
 * every run.
 * @param rng of a simulation's seed where the same seed is to give the same sketches (draws.ts)
 */
export function createRoster(count: number, primitives: Primitives, rng: Rng): readonly SimulatedClient[] {
  const identities = Array.from({ length: count }, () => generateIdentity(primitives, rng));
  identities.sort((a, b) => (a.id < b.id ? -1 : 1));
  const digits = Math.max(2, String(count - 1).length);
  return identities.map((identity, position) => ({
    position,
    name: `client-${String(position).padStart(digits, '0')}`,
    identity,
  }));
}

/** Names by id. An id from nowhere keeps its first eight digits. */
export function namer(roster: readonly SimulatedClient[]): (id: ClientId) => string {
  const names = new Map(roster.map(({ identity, name }) => [identity.id, name]));
  return (id) => names.get(id) ?? id.slice(0, 8);
}
