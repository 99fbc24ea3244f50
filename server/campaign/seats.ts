// Who may take part in the next attempt: dealing fixed groups once, picking groups or sampling a cohort for each attempt.
// Pure functions over ids; every list is sorted before a draw, so a seed gives the same cohort whatever the order of arrival.
// Not here: when an attempt starts (campaign.ts).

import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { MAX_OPEN_COHORT, MAX_ROSTER } from '../../protocol/limits.js';
import { checkRule } from '../../protocol/rule.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { CampaignSetup, Common, Seating, Team } from './types.js';

/** Clients whom the first deal waits for: a seat each. */
export const seatsOf = (config: TaskConfig): number => config.group.size * config.group.count;

/**
 * The fewest members with which a group takes part: enough for the threshold and for every phase's `count.min`.
 *
 * Discussion. Members that are not connected are left out of the roster of the attempt, rather than listed and awaited: t stays
 * the one derived from the full size N, so a shorter roster opens no smaller sum (t of fewer members is stricter), no phase waits
 * for somebody known to be absent, and the dropout budget left is what it would have been (n − t either way).
 */
export function leastMembers(config: TaskConfig, threshold: number): number {
  return Math.max(threshold, ...Object.values(config.windows).map((window) => window.count.min));
}

/** The pool never holds a blamed client: it leaves when it is blamed, and is rejected when it comes back. */
export const isEligible = (state: Common, client: ClientId): boolean =>
  state.pool.has(client) && !state.sittingOut.has(client) && canPay(state, client);

/** Nobody is asked for more than its privacy budget holds. */
const canPay = ({ spending }: Common, client: ClientId): boolean =>
  spending === 'none' || !spending.exhausted.has(client);

/** Everybody who could be in the next attempt. */
export function eligible(state: Common): ClientId[] {
  const { seating } = state;
  if (seating.type === 'dealt') {
    return seating.groups.flatMap((team) => team.members.filter((client) => isEligible(state, client)));
  }
  return [...state.pool].filter((client) => isEligible(state, client)).sort();
}

/** How many clients make waiting longer pointless: the seats of the deal, or of those who may still come; `clients.min` less those barred. */
export function expected(state: Common): number {
  const { config } = state.setup;
  switch (state.seating.type) {
    case 'undealt':
      return seatsOf(config);
    case 'dealt':
      return state.seating.groups
        .flatMap((team) => team.members)
        .filter((client) => !state.blamed.has(client) && !state.sittingOut.has(client) && canPay(state, client)).length;
    case 'sampled': {
      // Who is barred cannot come however long the wait: nobody else is known to be there to make up the number.
      const { config, threshold, settings } = state.setup;
      const broke = state.spending === 'none' ? [] : state.spending.exhausted;
      const barred = new Set([...state.blamed.keys(), ...state.sittingOut, ...broke]).size;
      return Math.max(leastMembers(config, threshold), settings.clients.min - barred);
    }
    default:
      return state.seating satisfies never;
  }
}

/** Whether the wait is over before its time. Before the deal every seat is waited for: who comes after it stays outside. */
export function enough(state: Common): boolean {
  const wanted = expected(state);
  const { config, threshold, settings } = state.setup;
  // With fewer than a round needs, whatever `clients.min` says, there is something to wait for.
  const fewest = Math.max(settings.clients.min, leastMembers(config, threshold));
  return areHere(state, state.seating.type === 'undealt' ? wanted : Math.min(fewest, wanted));
}

/** Whether so many could be in the next attempt. Asked at every check-in: it counts no further than it must, or 10,000 of them are 10,000². */
function areHere(state: Common, count: number): boolean {
  if (state.pool.size < count) return false;
  let missing = count;
  if (missing <= 0) return true;
  const { seating } = state;
  const places = seating.type === 'dealt' ? seating.groups.map(({ members }) => members) : [state.pool];
  for (const place of places) for (const client of place) if (isEligible(state, client) && --missing === 0) return true;
  return false;
}

export type Plan =
  | { readonly ok: true; readonly seating: Seating; readonly groups: readonly Team[] }
  | { readonly ok: false; readonly text: string };

/** Draws the cohort of one attempt from those who are here, or says why there is none. Draws nothing in vain. */
export function planAttempt(state: Common): Plan {
  const { setup, seating } = state;
  switch (seating.type) {
    case 'sampled':
      return sampleCohort(state);
    case 'dealt':
      return pickGroups(state, seating.groups, seating);
    case 'undealt': {
      const here = eligible(state);
      const least = leastMembers(setup.config, setup.threshold) * setup.config.group.count;
      if (here.length < least) {
        return {
          ok: false,
          text: `${here.length} clients are here, ${setup.config.group.count} groups need at least ${least}`,
        };
      }
      const groups = dealGroups(setup, here);
      return pickGroups(state, groups, { type: 'dealt', groups });
    }
    default:
      return seating satisfies never;
  }
}

/** Deals shuffled clients to the groups in turn, so that sizes differ by one at most; members of a group in ascending order. @param clients sorted */
export function dealGroups(setup: CampaignSetup, clients: readonly ClientId[]): readonly Team[] {
  const { count } = setup.config.group;
  const dealt = shuffle([...clients], setup.random).slice(0, seatsOf(setup.config));
  return Array.from({ length: count }, (_, id) => ({
    id,
    members: dealt.filter((__, seat) => seat % count === id).sort(),
  }));
}

function pickGroups(state: Common, all: readonly Team[], seating: Seating): Plan {
  const { config, threshold } = state.setup;
  const least = leastMembers(config, threshold);
  const groups = all
    .map((team) => ({ id: team.id, members: team.members.filter((client) => isEligible(state, client)) }))
    .filter((team) => team.members.length >= least);
  if (groups.length === 0) return { ok: false, text: `no group has ${least} members here` };
  const text = ruleRefuses(config, groups.length);
  return text === undefined ? { ok: true, seating, groups } : { ok: false, text };
}

/**
 * The longest roster of one attempt. A secure sum of a roster of n must keep 2t > n + a with the t of the task, or the same round
 * could be opened twice (protocol.md §4); over-selection beyond that is cut off here.
 */
export function longestRoster({ config, threshold, settings }: CampaignSetup): number {
  const wanted = Math.ceil(config.group.size * settings.overSelection);
  if (config.profile === 'open') return Math.min(wanted, MAX_OPEN_COHORT);
  return Math.min(wanted, MAX_ROSTER, 2 * threshold - config.group.colluders - 1);
}

function sampleCohort(state: Common): Plan {
  const { setup } = state;
  const here = eligible(state);
  const least = leastMembers(setup.config, setup.threshold);
  if (here.length < least)
    return { ok: false, text: `${here.length} clients are here, a round needs at least ${least}` };
  const count = Math.min(here.length, longestRoster(setup));
  // One secure sum is one input to the rule; in `open` every client is one.
  const text = ruleRefuses(setup.config, setup.config.profile === 'open' ? count : 1);
  if (text !== undefined) return { ok: false, text };
  const members = shuffle(here, setup.random).slice(0, count).sort();
  return { ok: true, seating: state.seating, groups: [{ id: 0, members }] };
}

function ruleRefuses(config: TaskConfig, inputs: number): string | undefined {
  try {
    checkRule(config.rule, inputs);
    return undefined;
  } catch (error) {
    if (error instanceof SottoError) return error.message;
    throw error;
  }
}

/** Fisher-Yates from the end; changes and returns the array. @param random uniform in [0, 1) */
export function shuffle<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    // safe: 0 ≤ j ≤ i < items.length
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
