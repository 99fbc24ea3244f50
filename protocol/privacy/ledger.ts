// The ledger of one client's privacy: reserve at the worst, settle at what happened, and refuse before anything is spent. Pure:
// each call gives a new ledger and the entry that must become durable before it counts. Who keeps it: a client for itself
// (client/ledger-store.ts), a coordinator for each client (cohort-ledger.ts). Not here: prices (price.ts), reports (odometer.ts).

import { SottoError } from '../errors.js';
import { epsilonOf } from './convert.js';
import { rememberCurves } from './curve.js';
import { checkBudget, checkEvent } from './domain.js';
import type { Budgets, PrivacyBudget, PrivacyEvent } from './events.js';
import type { LedgerEntry } from './ledger-entry.js';
import { ORDERS } from './orders.js';
import { curveOf, type Statement, sameStatement, statementsOf } from './price.js';
import { SKETCH_DELTA } from './sketch-noise.js';

export interface Ledger {
  /** In the order they were appended. */
  readonly entries: readonly LedgerEntry[];
  /** By id: what is in force, reserved or settled. */
  readonly inForce: ReadonlyMap<
    string,
    { readonly state: LedgerEntry['type']; readonly events: readonly PrivacyEvent[] }
  >;
  /** Of what is settled, for each statement: so that a reservation costs as much after a thousand rounds as after one. */
  readonly settled: readonly Sum[];
}

/** RDP at ORDERS of some events that make one statement, and how many strictly priced sketches are among them. */
export interface Sum {
  readonly statement: Statement;
  readonly curve: Float64Array;
  readonly sketches: number;
}

export interface Appended {
  readonly ledger: Ledger;
  /** Must be durable before the message that spends it leaves; only then does `ledger` replace the old one. */
  readonly entry: LedgerEntry;
}

/** Remembers curves between calls; one for each ledger or campaign. */
export type Curves = (event: PrivacyEvent) => Float64Array;
export const createCurves = (): Curves => rememberCurves('strict');

export const EMPTY_LEDGER: Ledger = { entries: [], inForce: new Map(), settled: [] };

/** @throws PRIVACY_LEDGER where an entry does not follow from those before; PRIVACY_EVENT, PRIVACY_CLAIM */
export const ledgerOf = (entries: readonly LedgerEntry[], curves: Curves = createCurves()): Ledger =>
  entries.reduce((ledger, entry) => append(ledger, entry, curves), EMPTY_LEDGER);

/** Every event that counts: settled ones, and reservations that nobody settled. */
export const eventsInForce = (ledger: Ledger): readonly PrivacyEvent[] =>
  [...ledger.inForce.values()].flatMap(({ events }) => events);

/** Reservations that were never settled: rounds under way, or rounds that a crash cut off. */
export const openReservations = (ledger: Ledger): readonly string[] =>
  [...ledger.inForce].filter(([, { state }]) => state === 'reserved').map(([id]) => id);

/**
 * Takes the worst case into the ledger, or refuses it: the hard stop before R0.
 * As a filter over orders fixed in advance it stays valid when what is reserved depends on earlier rounds (Lécuyer 2021; Feldman, Zrnic 2021).
 * @param events at the worst that the settings allow: survivor floor, all colluders, sketch opened; at least one
 * @throws PRIVACY_BUDGET, naming the unit and what is left; PRIVACY_LEDGER for an id used before; PRIVACY_EVENT, PRIVACY_CLAIM, PRIVACY_DELTA
 */
export function reserve(
  ledger: Ledger,
  id: string,
  events: readonly PrivacyEvent[],
  budgets: Budgets,
  curves: Curves,
): Appended {
  if (events.length === 0)
    throw new SottoError('PRIVACY_LEDGER', `reservation ${id} names no event; reserve the worst case of the round`, {
      id,
    });
  const entry: LedgerEntry = { type: 'reserved', id, events };
  const next = append(ledger, entry, curves);
  const units = new Set(events.map(({ unit }) => unit));
  for (const sum of sumsInForce(next, curves)) {
    const { unit, observer } = sum.statement;
    if (!units.has(unit)) continue;
    const budget = budgets[unit];
    if (budget === undefined)
      throw new SottoError('PRIVACY_BUDGET', `there is no budget for the unit ${unit}; set epsilon and delta`, {
        unit,
      });
    const epsilon = epsilonOfSum(sum, budget);
    if (!(epsilon <= budget.epsilon))
      throw new SottoError(
        'PRIVACY_BUDGET',
        `with ${id} the ${unit} would have spent ε = ${epsilon.toFixed(4)} at δ = ${budget.delta} against the ${observer}, more than the budget of ${budget.epsilon}; end the task here, or start with more noise`,
        { id, unit, epsilon, budget: budget.epsilon },
      );
  }
  return { ledger: next, entry };
}

/** What is settled and what is reserved, for each statement. */
export function sumsInForce(ledger: Ledger, curves: Curves): readonly Sum[] {
  const open = [...ledger.inForce.values()].filter(({ state }) => state === 'reserved').flatMap(({ events }) => events);
  return added(ledger.settled, open, curves);
}

/** ε by RDP, the accountant that stops a run; +∞ where the sketches alone use up δ. @throws PRIVACY_EPSILON, PRIVACY_DELTA */
export function epsilonOfSum({ curve, sketches }: Sum, budget: PrivacyBudget): number {
  checkBudget(budget);
  const delta = budget.delta - sketches * SKETCH_DELTA;
  return delta > 0 ? epsilonOf(curve, ORDERS, delta).epsilon : Infinity;
}

/** ε of the dearest statement that these legal events make. @throws PRIVACY_EPSILON, PRIVACY_DELTA */
export const spentOf = (events: readonly PrivacyEvent[], budget: PrivacyBudget, curves: Curves): number =>
  Math.max(0, ...added([], events, curves).map((sum) => epsilonOfSum(sum, budget)));

function added(sums: readonly Sum[], events: readonly PrivacyEvent[], curves: Curves): readonly Sum[] {
  const next = [...sums];
  for (const { statement, events: some } of statementsOf(events)) {
    const at = next.findIndex((sum) => sameStatement(sum.statement, statement));
    const before = next[at];
    const extra = curveOf(some, curves);
    const sum: Sum = {
      statement,
      curve: before === undefined ? extra : extra.map((value, i) => value + (before.curve[i] as number)),
      sketches: (before?.sketches ?? 0) + some.filter(({ type }) => type === 'sketch').length,
    };
    if (at < 0) next.push(sum);
    else next[at] = sum;
  }
  return next;
}

/**
 * Replaces a reservation by what was released; by nothing where nothing was. A fact is taken in whatever it costs.
 * @returns also whether it cost more than was reserved at some order: then the reservation was not the worst case, a bug to report
 * @throws PRIVACY_LEDGER where there is no such reservation or it is settled already; PRIVACY_EVENT, PRIVACY_CLAIM
 */
export function settle(
  ledger: Ledger,
  id: string,
  events: readonly PrivacyEvent[],
  curves: Curves,
): Appended & { readonly exceeds: boolean } {
  const entry: LedgerEntry = { type: 'settled', id, events };
  const next = append(ledger, entry, curves);
  const covered = added([], ledger.inForce.get(id)?.events ?? [], curves);
  const exceeds = added([], events, curves).some(({ statement, curve }) => {
    const cover = covered.find((sum) => sameStatement(sum.statement, statement));
    // Round-off in the sum of the two curves is no finding.
    return curve.some((value, i) => value > (cover?.curve[i] ?? 0) * (1 + 1e-12));
  });
  return { ledger: next, entry, exceeds };
}

/** @throws PRIVACY_LEDGER, PRIVACY_EVENT, PRIVACY_CLAIM */
export function append(ledger: Ledger, entry: LedgerEntry, curves: Curves): Ledger {
  const known = ledger.inForce.get(entry.id);
  const fault =
    entry.type === 'reserved'
      ? known && 'is reserved a second time'
      : known === undefined
        ? 'is settled and was never reserved'
        : known.state === 'settled' && 'is settled a second time';
  if (fault) throw new SottoError('PRIVACY_LEDGER', `${entry.id} ${fault}`, { id: entry.id });
  for (const event of entry.events) checkEvent(event);
  const inForce = new Map(ledger.inForce);
  inForce.set(entry.id, { state: entry.type, events: entry.events });
  const settled = entry.type === 'settled' ? added(ledger.settled, entry.events, curves) : ledger.settled;
  return { entries: [...ledger.entries, entry], inForce, settled };
}
