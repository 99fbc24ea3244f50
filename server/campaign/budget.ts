// What a campaign spends of its clients' privacy: the worst case of an attempt is reserved before it is announced, what it came to is
// settled before its model is published, and clients whose budget is used up sit out. Pure; the entries that it gives must be
// durable before whatever follows. Not here: prices (protocol/privacy), where entries are kept (server/audit/debits.ts).

import { SottoError } from '../../protocol/errors.js';
import type { ClientId, GroupId } from '../../protocol/ids.js';
import {
  type CohortEntry,
  type CohortLedger,
  EMPTY_COHORT,
  replay,
  reserveRound,
  settleRound,
} from '../../protocol/privacy/cohort-ledger.js';
import type { PrivacyBudget, PrivacyEvent } from '../../protocol/privacy/events.js';
import {
  type Curves,
  createCurves,
  EMPTY_LEDGER,
  eventsInForce,
  reserve,
  spentOf,
} from '../../protocol/privacy/ledger.js';
import { realisedMultiplier } from '../../protocol/privacy/noise-share.js';
import type { NoisePlan } from '../../protocol/privacy/provision.js';
import { reservationId, sketchEvents, sumEvents, worstEvents } from '../../protocol/privacy/round-events.js';
import type { RoundFailure, RoundResult } from '../../protocol/round/types.js';
import { type Derived, deriveTask, type TaskConfig } from '../../protocol/task.js';
import type { AttemptRef, Team } from './types.js';

/** Owned by the campaign's state and changed inside its `step`. */
export interface Spending {
  readonly config: TaskConfig;
  readonly derived: Derived;
  readonly plan: NoisePlan;
  readonly budget: PrivacyBudget;
  readonly curves: Curves;
  /** Clients whose budget does not cover another round. */
  readonly exhausted: Set<ClientId>;
  ledger: CohortLedger;
  /** The members of the attempt under way. */
  teams: readonly Team[];
}

/** One round's privacy, for reports: what each sum was protected by, and where the dearest client stands now. */
export interface RoundPrivacy {
  readonly groups: readonly {
    readonly group: GroupId;
    readonly survivors: number;
    /** Std of the noise in the sum ÷ its sensitivity, from the survivors that there were (less the assumed colluders). */
    readonly multiplier: number;
    /** ε of this round's releases alone, for a member of the group. */
    readonly epsilon: number;
  }[];
  /** The largest ε of a client over all its rounds. */
  readonly spent: number;
  readonly budget: PrivacyBudget;
}

/** @param spent entries of an earlier process of the same task, in order. @throws PRIVACY_LEDGER where they are damaged */
export function openSpending(config: TaskConfig, spent: readonly CohortEntry[]): 'none' | Spending {
  if (config.privacy === 'none') return 'none';
  const derived = deriveTask(config);
  if (derived.noise === 'none') return 'none';
  const curves = createCurves();
  const spending: Spending = {
    config,
    derived,
    plan: derived.noise,
    budget: config.privacy.budget,
    curves,
    exhausted: new Set(),
    ledger: replay(EMPTY_COHORT, spent, curves),
    teams: [],
  };
  findExhausted(spending, [...spending.ledger.keys()]);
  return spending;
}

/**
 * Refuses settings that could not pay for a single round.
 * @throws PRIVACY_BUDGET
 */
export function checkFirstRound(config: TaskConfig): void {
  const spending = openSpending(config, []);
  if (spending === 'none') return;
  const events = worstEvents(config, spending.derived, { round: 1, attempt: 1, group: 0 });
  const epsilon = spentOf(events, spending.budget, spending.curves);
  if (epsilon > spending.budget.epsilon)
    throw new SottoError(
      'PRIVACY_BUDGET',
      `privacy.budget.epsilon ${spending.budget.epsilon} does not cover one round, which costs ${epsilon.toFixed(3)} at delta ${spending.budget.delta}; raise privacy.noiseMultiplier (${config.privacy === 'none' ? 0 : config.privacy.noiseMultiplier}) or the budget`,
      { field: 'privacy.budget.epsilon', epsilon },
    );
}

/** Takes the worst case of an attempt into the ledger. @throws PRIVACY_BUDGET where a member's budget does not cover it */
export function reserveAttempt(s: Spending, { round, attempt }: AttemptRef, teams: readonly Team[]): CohortEntry {
  const events = teams.flatMap(({ id }) => worstEvents(s.config, s.derived, { round, attempt, group: id }));
  const id = reservationId(s.config.task, { round, attempt });
  const { ledger, entry } = reserveRound(s.ledger, id, events, membersOf(teams), { client: s.budget }, s.curves);
  s.ledger = ledger;
  s.teams = teams;
  return entry;
}

/**
 * What a finished attempt came to. Everybody in the roster pays for its group: who dropped out late had sent its input by then, and to
 * count the others too wastes a little. A group that is void pays its reservation.
 */
export function settleAttempt(
  s: Spending,
  { round, attempt }: AttemptRef,
  result: RoundResult,
): { readonly entry: CohortEntry; readonly privacy: RoundPrivacy } {
  const { config, derived, plan, curves } = s;
  const eventsOf = (group: GroupId): PrivacyEvent[] => {
    const run = { round, attempt, group };
    const done = result.groups.find((one) => one.group === group);
    if (done === undefined) return worstEvents(config, derived, run);
    return [...sumEvents(config, plan, run, done.survivors.length), ...sketchEvents(config, plan, run)];
  };
  const events = s.teams.flatMap(({ id }) => eventsOf(id));
  const id = reservationId(config.task, { round, attempt });
  const { ledger, entry } = settleRound(s.ledger, id, events, membersOf(s.teams), curves);
  s.ledger = ledger;
  const members = s.teams.flatMap((team) => team.members);
  findExhausted(s, members);
  const groups = result.groups.map(({ group, survivors }) => ({
    group,
    survivors: survivors.length,
    multiplier:
      plan.placement === 'central'
        ? Math.sqrt(plan.centralVariance) / plan.l2
        : realisedMultiplier(
            Math.min(survivors.length, config.group.size),
            plan.noiseless,
            plan.localVariance,
            plan.l2,
          ),
    epsilon: spentOf(eventsOf(group), s.budget, curves),
  }));
  return { entry, privacy: { groups, spent: mostSpent(s), budget: s.budget } };
}

/** Before R3 nothing of anybody's data had left; after it the reservation stays in force, whatever became of the attempt. */
export function settleFailure(
  s: Spending,
  { round, attempt }: AttemptRef,
  failure: RoundFailure,
): CohortEntry | 'none' {
  const members = s.teams.flatMap((team) => team.members);
  if (failure.phase !== 'keys' && failure.phase !== 'shares') {
    findExhausted(s, members);
    return 'none';
  }
  const id = reservationId(s.config.task, { round, attempt });
  const { ledger, entry } = settleRound(s.ledger, id, [], new Map(), s.curves);
  s.ledger = ledger;
  return entry;
}

const membersOf = (teams: readonly Team[]): ReadonlyMap<GroupId, readonly ClientId[]> =>
  new Map(teams.map(({ id, members }) => [id, members]));

function findExhausted(s: Spending, clients: readonly ClientId[]): void {
  // A round number that nobody uses: only the price counts.
  const probe = worstEvents(s.config, s.derived, { round: 0, attempt: 0, group: 0 });
  for (const client of clients) {
    if (s.exhausted.has(client)) continue;
    try {
      reserve(s.ledger.get(client) ?? EMPTY_LEDGER, 'probe', probe, { client: s.budget }, s.curves);
    } catch (error) {
      if (!(error instanceof SottoError) || (error.code !== 'PRIVACY_BUDGET' && error.code !== 'PRIVACY_DELTA'))
        throw error;
      s.exhausted.add(client);
    }
  }
}

/** Clients with the same releases cost the same: each list is priced once. */
function mostSpent(s: Spending): number {
  const known = new Map<string, number>();
  for (const ledger of s.ledger.values()) {
    const events = eventsInForce(ledger);
    const key = JSON.stringify(events.map(({ round: _r, attempt: _a, group: _g, ...release }) => release));
    if (!known.has(key)) known.set(key, spentOf(events, s.budget, s.curves));
  }
  return Math.max(0, ...known.values());
}
