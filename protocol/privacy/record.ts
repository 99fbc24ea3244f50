// The privacy of a whole run as a report keeps it (report.json, field `privacy`), and what it says about each client. Facts inside,
// prices made when somebody reads. Not here: how a ledger is kept while the run goes on (cohort-ledger.ts, ledger.ts), tables.

import type { ClientId } from '../ids.js';
import { type CohortEntry, EMPTY_COHORT, replay } from './cohort-ledger.js';
import type { Budgets, PrivacyEvent } from './events.js';
import { createCurves, eventsInForce, type Ledger, ledgerOf, openReservations } from './ledger.js';
import type { LedgerEntry } from './ledger-entry.js';
import { type Price, price, type Statement, statementsOf, tightPrice } from './price.js';

export interface PrivacyRecord {
  /** Of the task, for those of its units that have one. */
  readonly budgets: Budgets;
  /** The coordinator's ledger: events of groups, and who was in them. Empty where it keeps none. */
  readonly cohort: readonly CohortEntry[];
  /** Ledgers that clients kept themselves and handed in, by name. Only simulations have them: a client's own ledger stays with it. */
  readonly clients: Readonly<Record<string, readonly LedgerEntry[]>>;
}

/** What one client has spent in one sense. */
export interface Reading {
  readonly client: string;
  readonly statement: Statement;
  /** Rounds with at least one release in force. */
  readonly rounds: number;
  /** Reservations that were never settled: counted at their worst. */
  readonly open: number;
  readonly spent: Price;
  readonly tight?: Price;
  /** With sketches priced at what an average projection shows, for comparison; only where there are sketches. */
  readonly average?: Price;
}

/**
 * One reading for each client and statement, the dearest first. Clients with the same releases are priced once.
 * @param delta for units without a budget
 * @param tight also by the tight accountant: up to half a second for each different ledger with sampled events
 * @throws PRIVACY_LEDGER, PRIVACY_EVENT, PRIVACY_CLAIM for a damaged record; as `price`
 */
export function readingsOf(record: PrivacyRecord, delta: number, tight: boolean): readonly Reading[] {
  const curves = createCurves();
  const ledgers: [string, Ledger][] = [...replay(EMPTY_COHORT, record.cohort, curves)];
  for (const [client, entries] of Object.entries(record.clients)) ledgers.push([client, ledgerOf(entries, curves)]);
  const known = new Map<string, Pick<Reading, 'spent' | 'tight' | 'average'>>();
  const priced = (events: readonly PrivacyEvent[], at: number): Pick<Reading, 'spent' | 'tight' | 'average'> => {
    const key = `${at} ${JSON.stringify(events)}`;
    const prices = known.get(key) ?? {
      spent: price(events, at, { accountant: 'rdp', curves }),
      ...(tight ? { tight: tightPrice(events, at) } : {}),
      ...(events.some(({ type }) => type === 'sketch')
        ? { average: price(events, at, { accountant: 'rdp', sketches: 'average' }) }
        : {}),
    };
    known.set(key, prices);
    return prices;
  };
  return ledgers
    .flatMap(([client, ledger]) =>
      statementsOf(eventsInForce(ledger)).map(({ statement, events }) => ({
        client,
        statement,
        rounds: new Set(events.map(({ round, attempt }) => `${round} ${attempt}`)).size,
        open: openReservations(ledger).length,
        ...priced(events, record.budgets[statement.unit]?.delta ?? delta),
      })),
    )
    .sort((a, b) => b.spent.epsilon - a.spent.epsilon);
}

/** By statement, the client that has spent most: the headline of a task. @param readings as `readingsOf` gives them */
export function headlinesOf(readings: readonly Reading[]): readonly Reading[] {
  const seen = new Set<string>();
  return readings.filter(({ statement: { unit, neighbours, observer } }) => {
    const key = `${unit} ${neighbours} ${observer}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

/** The names of clients in place of their keys, where somebody knows them. */
export const renamed = (record: PrivacyRecord, names: ReadonlyMap<ClientId, string>): PrivacyRecord => ({
  ...record,
  cohort: record.cohort.map(({ entry, members }) => ({
    entry,
    members: Object.fromEntries(
      Object.entries(members).map(([group, ids]) => [group, ids.map((id) => (names.get(id) ?? id) as ClientId)]),
    ),
  })),
});
