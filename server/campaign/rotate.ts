// A client goes on under another key: everything that a campaign remembers of it moves. Between rounds only: what is under way speaks of
// the keys in its signed roster. Not here: whether it may (access/), what is stored (audit/project.ts).

import type { ClientId } from '../../protocol/ids.js';
import type { CohortEntry } from '../../protocol/privacy/cohort-ledger.js';
import type { CampaignState, Team } from './types.js';

/** Whether a round is under way whose members are known by their keys of now. */
export const inRound = (state: CampaignState): boolean =>
  state.phase === 'running' ||
  state.phase === 'publishing' ||
  state.phase === 'stopping' ||
  (state.phase === 'waiting' && state.attempt > 1);

export function rotate(state: CampaignState, from: ClientId, to: ClientId): CampaignState {
  state.pool.delete(from);
  for (const set of [state.sittingOut, ...(state.spending === 'none' ? [] : [state.spending.exhausted])])
    if (set.delete(from)) set.add(to);
  for (const map of [state.blamed, state.quarantined] as Map<ClientId, unknown>[]) move(map, from, to);
  if (state.spending !== 'none') {
    const ledger = new Map(state.spending.ledger);
    move(ledger, from, to);
    state.spending.ledger = ledger;
  }
  if (state.seating.type !== 'dealt') return state;
  const groups = state.seating.groups.map(({ id, members }): Team => ({ id, members: renamed(members, from, to) }));
  return { ...state, seating: { type: 'dealt', groups } };
}

/** Ascending again. */
export const renamed = <Id extends string>(members: readonly Id[], from: Id, to: Id): readonly Id[] =>
  members.includes(from) ? members.map((one) => (one === from ? to : one)).sort() : members;

/** What it has spent it has spent. */
export const renamedEntry = ({ entry, members }: CohortEntry, from: ClientId, to: ClientId): CohortEntry => ({
  entry,
  members: Object.fromEntries(Object.entries(members).map(([group, ids]) => [group, renamed(ids, from, to)])),
});

function move<V>(map: Map<ClientId, V>, from: ClientId, to: ClientId): void {
  const value = map.get(from);
  if (value === undefined) return;
  map.delete(from);
  map.set(to, value);
}
