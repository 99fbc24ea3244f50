// Who leaves when: a list of (round, client, phase) drawn from a seed before the run, so that the same seed loses the same clients.
// Not here: cutting the connection (dropping.ts). Clients are positions in the fleet; names and keys play no part in the draw.

import { SottoError } from '../../protocol/errors.js';
import type { ClientPhase } from '../../protocol/task.js';
import type { Random } from '../random.js';

/** Client `client` cuts its connection in place of sending the message of `phase` in round `round`. */
export interface Dropout {
  readonly round: number;
  readonly client: number;
  readonly phase: ClientPhase;
}

/** In the order of the round; `sketch` only where the task has them. A loss in the last two leaves the client's update in the sum. */
export const PHASES = [
  'keys',
  'shares',
  'masked',
  'sketch',
  'consistency',
  'unmask',
] as const satisfies readonly ClientPhase[];

export interface PlanRequest {
  /** Rounds of the campaign; the first is 1. */
  readonly rounds: number;
  /** Rounds before this one lose nobody. */
  readonly firstRound: number;
  /** Clients lost in each round. Fewer where `maxPerGroup` leaves no room for more. */
  readonly perRound: number;
  /** Most that one group may lose in one round: N − t or less, or the group is void. */
  readonly maxPerGroup: number;
  /** Dealt in turn over the whole run, so that each occurs once the plan has as many entries as there are phases. */
  readonly phases: readonly ClientPhase[];
  /** Positions that may leave: the honest ones. */
  readonly candidates: readonly number[];
  /** The group of a position, fixed for the run. */
  readonly groupOf: (client: number) => number;
}

/**
 * Nobody twice in a round. The phases of one turn come in random order, so that a phase is not tied to a round.
 * @throws CONFIG_INVALID where not every phase can occur
 */
export function planDropouts(request: PlanRequest, random: Random): readonly Dropout[] {
  const { rounds, firstRound, perRound, maxPerGroup, phases, candidates, groupOf } = request;
  if (perRound === 0) return [];
  const plan: Dropout[] = [];
  const draws = random.fork('clients');
  const order = random.fork('phases');
  let turn: ClientPhase[] = [];
  for (let round = firstRound; round <= rounds; round++) {
    const lost = new Map<number, number>();
    let left = perRound;
    for (const at of draws.fork(round).sample(candidates.length, candidates.length)) {
      if (left === 0) break;
      const client = candidates[at] ?? 0; // safe: `at` < candidates.length
      const group = groupOf(client);
      const before = lost.get(group) ?? 0;
      if (before >= maxPerGroup) continue;
      if (turn.length === 0) turn = order.shuffle([...phases]);
      const phase = turn.pop();
      if (phase === undefined) break;
      lost.set(group, before + 1);
      left--;
      plan.push({ round, client, phase });
    }
  }
  if (plan.length < phases.length) {
    throw new SottoError(
      'CONFIG_INVALID',
      `${plan.length} dropouts cannot show ${phases.length} phases; raise dropouts.perRound (${perRound}) or rounds (${rounds}), or name fewer phases`,
    );
  }
  return plan;
}

/** What one client does, by round. */
export function dropoutsOf(plan: readonly Dropout[], client: number): ReadonlyMap<number, ClientPhase> {
  return new Map(plan.filter((one) => one.client === client).map(({ round, phase }) => [round, phase]));
}
