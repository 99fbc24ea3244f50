// The coordinator's view: one ledger for each client, since it knows who took part. Groups of a round are disjoint, so a client pays
// for the events of its own group only; the headline of a task is the client that has spent most. Pure.
// Not here: the arithmetic of one ledger (ledger.ts), where entries are kept (server/store).

import { SottoError } from '../errors.js';
import type { ClientId, GroupId } from '../ids.js';
import type { Budgets, PrivacyEvent } from './events.js';
import { append, type Curves, EMPTY_LEDGER, type Ledger, reserve, settle } from './ledger.js';
import type { LedgerEntry } from './ledger-entry.js';

/** Who is in which group of the round. Groups that overlap give a client each of its groups' events. */
export type Members = ReadonlyMap<GroupId, readonly ClientId[]>;

/** One durable line: an entry whose events name their group, and who is in it. */
export interface CohortEntry {
  readonly entry: LedgerEntry;
  readonly members: Readonly<Record<GroupId, readonly ClientId[]>>;
}
export type CohortLedger = ReadonlyMap<ClientId, Ledger>;
export const EMPTY_COHORT: CohortLedger = new Map();
export interface CohortAppended {
  readonly ledger: CohortLedger;
  /** Must be durable before the round is announced. */
  readonly entry: CohortEntry;
}

/**
 * Reserves a round for all its members, or refuses it because of one of them.
 * @throws PRIVACY_BUDGET naming the first client whose budget does not cover it; PRIVACY_LEDGER, PRIVACY_EVENT, PRIVACY_CLAIM
 */
export function reserveRound(
  cohort: CohortLedger,
  id: string,
  events: readonly PrivacyEvent[],
  members: Members,
  budgets: Budgets,
  curves: Curves,
): CohortAppended {
  const next = new Map(cohort);
  for (const [client, own] of eventsOf(events, members)) {
    try {
      next.set(client, reserve(cohort.get(client) ?? EMPTY_LEDGER, id, own, budgets, curves).ledger);
    } catch (error) {
      if (!(error instanceof SottoError) || error.code !== 'PRIVACY_BUDGET') throw error;
      throw new SottoError('PRIVACY_BUDGET', `client ${client}: ${error.message.slice('PRIVACY_BUDGET: '.length)}`, {
        ...error.details,
        client,
      });
    }
  }
  return { ledger: next, entry: { entry: { type: 'reserved', id, events }, members: Object.fromEntries(members) } };
}

/**
 * Settles the round of everybody who was reserved for it: with the events of its group for those in `members`, with nothing for the rest.
 * @param members who released something: sent a masked input or a sketch, opened or not
 * @throws PRIVACY_LEDGER, PRIVACY_EVENT, PRIVACY_CLAIM
 */
export function settleRound(
  cohort: CohortLedger,
  id: string,
  events: readonly PrivacyEvent[],
  members: Members,
  curves: Curves,
): CohortAppended & { readonly exceeds: readonly ClientId[] } {
  const next = new Map(cohort);
  const paying = eventsOf(events, members);
  const exceeds: ClientId[] = [];
  const reserved = [...cohort].filter(([, ledger]) => ledger.inForce.has(id)).map(([client]) => client);
  for (const client of new Set([...reserved, ...paying.keys()])) {
    const step = settle(cohort.get(client) ?? EMPTY_LEDGER, id, paying.get(client) ?? [], curves);
    if (step.exceeds) exceeds.push(client);
    next.set(client, step.ledger);
  }
  return {
    ledger: next,
    entry: { entry: { type: 'settled', id, events }, members: Object.fromEntries(members) },
    exceeds,
  };
}

/** The ledger after these entries: what a coordinator does that starts anew. @throws PRIVACY_LEDGER, PRIVACY_EVENT, PRIVACY_CLAIM */
export const replay = (cohort: CohortLedger, entries: readonly CohortEntry[], curves: Curves): CohortLedger =>
  entries.reduce((ledger, { entry, members }) => {
    const groups = new Map(Object.entries(members).map(([group, clients]) => [Number(group), clients]));
    if (entry.type === 'settled') return settleRound(ledger, entry.id, entry.events, groups, curves).ledger;
    const next = new Map(ledger);
    for (const [client, events] of eventsOf(entry.events, groups))
      next.set(client, append(ledger.get(client) ?? EMPTY_LEDGER, { type: 'reserved', id: entry.id, events }, curves));
    return next;
  }, cohort);

/** The events that each member pays for: those of its groups. @throws PRIVACY_LEDGER for an event of a group without members */
function eventsOf(events: readonly PrivacyEvent[], members: Members): Map<ClientId, PrivacyEvent[]> {
  const paying = new Map<ClientId, PrivacyEvent[]>();
  for (const event of events) {
    const group = members.get(event.group);
    if (group === undefined)
      throw new SottoError('PRIVACY_LEDGER', `an event of group ${event.group}, of which no member is known`, {
        group: event.group,
      });
    for (const client of group) paying.set(client, [...(paying.get(client) ?? []), event]);
  }
  return paying;
}
