// Incident playbooks: conditions over what the coordinator tells, and what follows when one holds. step(state, event) → {state, effects};
// pure, so that a playbook can be tried on a recorded story. Not here: carrying out (run.ts), reading settings (config/playbooks.ts).

import type { ClientId } from '../../protocol/ids.js';
import type { RoundReport } from '../driver/options.js';
import type { MonitorEvent } from '../monitor/index.js';

/** Counted over the last `rounds` rounds; it fires when it holds at the end of a round. */
export type Condition =
  /** So many rounds in a row came to nothing. */
  | { readonly when: 'void-rounds'; readonly inARow: number }
  /** The accuracy is so far (0 to 1) below the best one of the last `rounds` rounds. */
  | { readonly when: 'accuracy-drop'; readonly by: number; readonly rounds: number }
  /** At least this share (0 to 1) of the cohort dropped out, on average over `rounds` rounds. */
  | { readonly when: 'dropouts'; readonly share: number; readonly rounds: number }
  /** So many clients were left out of sums within `rounds` rounds. */
  | { readonly when: 'exclusions'; readonly clients: number; readonly rounds: number }
  /** One client was left out so many times within `rounds` rounds. */
  | { readonly when: 'client-excluded'; readonly times: number; readonly rounds: number }
  /** The monitor said something of this kind. */
  | { readonly when: 'monitor'; readonly kind: 'quarantine' | 'ban' | 'group' | 'disagreement' };

export type Action =
  | { readonly do: 'notify' }
  | { readonly do: 'pause' }
  /** To the model that was the newest one so many models ago. */
  | { readonly do: 'roll-back'; readonly models: number }
  /** The clients that the condition is about; conditions about nobody in particular refuse it. */
  | { readonly do: 'quarantine'; readonly rounds: number }
  /** The same, for the rest of the task. */
  | { readonly do: 'exclude' };

export interface Playbook {
  readonly name: string;
  readonly condition: Condition;
  readonly actions: readonly Action[];
  /** Rounds of silence after it fired: an incident is told once. */
  readonly quietRounds: number;
}

export interface Incident {
  readonly playbook: string;
  readonly round: number;
  readonly says: string;
  readonly clients: readonly ClientId[];
}
export type PlaybookEffect = { readonly action: Action; readonly incident: Incident };

/** What of a round conditions look at. */
interface Past {
  readonly round: number;
  readonly void: boolean;
  readonly accuracy: number | undefined;
  readonly dropShare: number;
  readonly excluded: readonly ClientId[];
}
export interface PlaybookState {
  readonly playbooks: readonly Playbook[];
  /** The last rounds, oldest first; as many as the longest condition looks back. */
  readonly past: readonly Past[];
  /** Of the round under way. */
  readonly said: readonly MonitorEvent[];
  /** Playbook → round up to which it is quiet. */
  readonly quiet: ReadonlyMap<string, number>;
}
export type PlaybookEvent =
  | { readonly type: 'monitor'; readonly event: MonitorEvent }
  | { readonly type: 'round'; readonly report: RoundReport };

export const openPlaybooks = (playbooks: readonly Playbook[]): PlaybookState => ({
  playbooks,
  past: [],
  said: [],
  quiet: new Map(),
});

/** Deterministic; changes nothing it is given. */
export function stepPlaybooks(
  state: PlaybookState,
  event: PlaybookEvent,
): { readonly state: PlaybookState; readonly effects: readonly PlaybookEffect[] } {
  if (event.type === 'monitor') return { state: { ...state, said: [...state.said, event.event] }, effects: [] };
  const { playbooks, said } = state;
  const { round, outcome } = event.report;
  // Somebody gave it up, to go back to an earlier model or to stop: it says nothing of clients or of the network.
  const givenUp = outcome.type === 'void' && outcome.code === 'ROUND_CANCELLED';
  const longest = Math.max(1, ...playbooks.map(({ condition }) => reach(condition)));
  const past = givenUp ? state.past : [...state.past, pastOf(event.report)].slice(-longest);
  const quiet = new Map(state.quiet);
  const effects: PlaybookEffect[] = [];
  for (const { name, condition, actions, quietRounds } of playbooks) {
    if ((quiet.get(name) ?? 0) >= round || (givenUp && condition.when !== 'monitor')) continue;
    const found = check(condition, past, said);
    if (found === undefined) continue;
    quiet.set(name, round + quietRounds);
    const incident: Incident = { playbook: name, round, ...found };
    for (const action of actions) effects.push({ action, incident });
  }
  return { state: { playbooks, past, said: [], quiet }, effects };
}

function reach(condition: Condition): number {
  switch (condition.when) {
    case 'void-rounds':
      return condition.inARow;
    case 'monitor':
      return 1;
    case 'accuracy-drop':
      // The round itself, and those that it is compared with.
      return condition.rounds + 1;
    default:
      return condition.rounds;
  }
}

function pastOf({ round, outcome, accuracy, cohort, dropped, excluded }: RoundReport): Past {
  return {
    round,
    void: outcome.type === 'void',
    accuracy,
    dropShare: cohort.length === 0 ? 0 : new Set(dropped.map(({ client }) => client)).size / cohort.length,
    excluded: excluded.map(({ client }) => client),
  };
}

type Found = Pick<Incident, 'says' | 'clients'>;

function check(condition: Condition, past: readonly Past[], said: readonly MonitorEvent[]): Found | undefined {
  const nobody = (says: string): Found => ({ says, clients: [] });
  switch (condition.when) {
    case 'void-rounds': {
      const { inARow } = condition;
      const last = past.slice(-inARow);
      if (last.length < inARow || last.some((one) => !one.void)) return undefined;
      return nobody(inARow === 1 ? 'a round came to nothing' : `${inARow} rounds in a row came to nothing`);
    }
    case 'accuracy-drop': {
      const now = past.at(-1)?.accuracy;
      const before = past.slice(-condition.rounds - 1, -1).flatMap(({ accuracy }) => accuracy ?? []);
      if (now === undefined || before.length === 0) return undefined;
      const best = Math.max(...before);
      if (best - now < condition.by) return undefined;
      return nobody(`accuracy fell from ${percent(best)} to ${percent(now)} within ${counted(condition.rounds)}`);
    }
    case 'dropouts': {
      const last = past.slice(-condition.rounds);
      const mean = last.reduce((sum, { dropShare }) => sum + dropShare, 0) / last.length;
      if (last.length < condition.rounds || mean < condition.share) return undefined;
      return nobody(`${percent(mean)} of the clients dropped out over ${counted(condition.rounds)}`);
    }
    case 'exclusions': {
      const clients = [...new Set(past.slice(-condition.rounds).flatMap(({ excluded }) => excluded))];
      if (clients.length < condition.clients) return undefined;
      return { says: `${clients.length} clients were left out within ${counted(condition.rounds)}`, clients };
    }
    case 'client-excluded': {
      const times = new Map<ClientId, number>();
      for (const { excluded } of past.slice(-condition.rounds))
        for (const client of excluded) times.set(client, (times.get(client) ?? 0) + 1);
      const clients = [...times].filter(([, n]) => n >= condition.times).map(([client]) => client);
      if (clients.length === 0) return undefined;
      const who = clients.length === 1 ? 'a client was' : `${clients.length} clients were each`;
      return { says: `${who} left out ${condition.times} times within ${counted(condition.rounds)}`, clients };
    }
    case 'monitor': {
      const events = said.filter(({ type }) => type === condition.kind);
      const [first] = events;
      if (first === undefined) return undefined;
      const clients = [...new Set(events.flatMap((event) => ('client' in event ? [event.client] : [])))];
      const more = events.length > 1 ? ` (and ${events.length - 1} more)` : '';
      return { says: `${first.says}${more}`, clients };
    }
    default:
      return condition satisfies never;
  }
}

const counted = (rounds: number): string => (rounds === 1 ? 'one round' : `${rounds} rounds`);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
