// What people see of a coordinator: rows of plain JSON, each under a key. The dashboard, the admin API and the metrics read these and
// nothing else. Types alone: no row holds a vector, a share, a key or a token. Not here: keeping them (board.ts), sending (feed.ts).

import type { Hash } from '../../protocol/ids.js';

/** Of the task and the coordinator: never changes while it runs. */
export interface TaskView {
  readonly task: string;
  readonly profile: 'open' | 'cohort' | 'sketch' | 'grouped';
  readonly rule: string;
  readonly optimizer: string;
  readonly dimension: number;
  readonly groups: number;
  readonly groupSize: number;
  readonly threshold: number;
  readonly sketches: boolean;
  readonly clipNorm: number;
  readonly rounds: number;
  /** Clients that a round waits for. */
  readonly needs: number;
  readonly evaluates: boolean;
  readonly coordinator: string;
  readonly url: string;
  readonly version: string;
  /** An audit log is kept. */
  readonly logged: boolean;
  /** Milliseconds since 1970, like every time here. */
  readonly startedAt: number;
}

export interface StatusView {
  readonly phase: 'waiting' | 'running' | 'publishing' | 'judging' | 'pausing' | 'rollingBack' | 'stopping' | 'ended';
  readonly round: number;
  readonly attempt: number;
  readonly connected: number;
  readonly checkedIn: number;
  readonly hold: 'none' | 'paused' | 'draining';
  /** Void rounds, and waits that ended with too few clients, since the last good round. */
  readonly setbacks: number;
  /** Who paused it and why; how it ended. */
  readonly says: string;
  readonly writable: boolean;
  readonly quarantined: number;
  readonly banned: number;
  /** Of everything that was ever left out of a sum by the coordinator. */
  readonly stopped: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Phases that wait for clients, and those that the coordinator works in. */
export type PhaseName =
  | 'keys'
  | 'shares'
  | 'masked'
  | 'committed'
  | 'sketch'
  | 'screened'
  | 'consistency'
  | 'agreed'
  | 'unmask'
  | 'opening'
  | 'done'
  | 'failed';

/** Who is in the newest attempt, by the number of their row. */
export interface CohortView {
  readonly round: number;
  readonly attempt: number;
  readonly startedAt: number;
  readonly groups: readonly { readonly group: number; readonly members: readonly number[] }[];
}

/** One group of the newest attempt. */
export interface LiveView {
  readonly group: number;
  readonly phase: PhaseName;
  readonly since: number;
  /** When the phase closes at the latest; 0 where it waits for nobody. */
  readonly deadline: number;
  /** One letter for each member, in the order of `CohortView.groups`: see STEPS. */
  readonly at: string;
}

/**
 * How far a member came: a letter for each part that was heard, then how it ended. A round as a string of them tells its story, and
 * strings can be counted (Bonawitz et al. 2019, "Towards Federated Learning at Scale", §5: state strings of sessions).
 */
export const STEPS = {
  invited: '.',
  keys: 'k',
  shares: 's',
  masked: 'm',
  sketch: 'v',
  consistency: 'c',
  unmask: 'u',
  counted: '+',
  dropped: 'x',
  excluded: '!',
  void: '#',
} as const;
export type Step = keyof typeof STEPS;

export interface RoundView {
  readonly round: number;
  readonly attempts: number;
  readonly endedAt: number;
  readonly committed: boolean;
  /** Of a void round. */
  readonly says: string;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly cohort: number;
  readonly survivors: number;
  readonly dropped: number;
  readonly excluded: number;
  readonly voidedGroups: readonly number[];
  readonly seconds: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly model: string;
  /** Milliseconds from the first to the last phase of the slowest group, by phase that waits for clients. */
  readonly phases: Readonly<Partial<Record<PhaseName, number>>>;
}

/** Somebody whose update stayed out of a sum, or who was barred: with the reason in plain words. */
export interface StopView {
  readonly n: number;
  readonly at: number;
  readonly round: number;
  readonly client: number;
  readonly what: 'excluded' | 'quarantined' | 'banned' | 'spared';
  readonly phase: string;
  readonly code: string;
  readonly says: string;
}

export interface ClientView {
  /** Rows are short because there may be ten thousand: this number stands for the id everywhere else. */
  readonly n: number;
  readonly id: string;
  readonly online: boolean;
  readonly status: 'active' | 'quarantined' | 'banned' | 'revoked';
  /** Last round of a quarantine. */
  readonly until: number;
  readonly group: number;
  readonly invited: number;
  readonly counted: number;
  readonly dropped: number;
  readonly excluded: number;
  /** Its last HISTORY rounds as ends of STEPS, oldest first. */
  readonly history: string;
  /** Suspicion after each of these rounds, rounded to tenths. */
  readonly scores: readonly number[];
  readonly agent: string;
}

export interface GroupView {
  readonly group: number;
  readonly members: number;
  readonly rounds: number;
  readonly voided: number;
  /** Updates that were summed ÷ updates that were asked for, over all rounds. */
  readonly survival: number;
  readonly alarms: number;
  readonly lastAlarm: string;
}

export interface AlertView {
  readonly n: number;
  readonly at: number;
  readonly level: 'info' | 'warning' | 'critical';
  readonly kind: string;
  readonly round: number;
  /** 0: nobody in particular. */
  readonly client: number;
  readonly says: string;
}

export interface ModelView {
  readonly index: number;
  readonly type: string;
  readonly round: number;
  readonly hash: string;
  /** SHA-256 of the weights. */
  readonly model: Hash;
  readonly accuracy: number | null;
  readonly loss: number | null;
  /** Its weights are still here. */
  readonly kept: boolean;
}

/** ε after each round against the budget; `claim` says what is promised. */
export interface PrivacyView {
  readonly claim: string;
  readonly delta: number;
  readonly budget: number;
  readonly spent: readonly { readonly round: number; readonly epsilon: number }[];
}

/** Everything, by key. Keys are `task`, `status`, `cohort`, `privacy`, and `kind/number` for the rest. */
export interface Rows {
  readonly task: TaskView;
  readonly status: StatusView;
  readonly cohort: CohortView;
  readonly privacy: PrivacyView;
  readonly live: LiveView;
  readonly round: RoundView;
  readonly stop: StopView;
  readonly client: ClientView;
  readonly group: GroupView;
  readonly alert: AlertView;
  readonly model: ModelView;
}
export type RowKind = keyof Rows;

/** What the feed sends: a `snapshot` is everything, a `delta` what has changed since. */
export interface FeedFrame {
  readonly set: Readonly<Record<string, Rows[RowKind]>>;
  readonly drop: readonly string[];
}

/** Who is signed in. */
export interface Me {
  readonly name: string;
  readonly role: Role;
}
/** Each may what those before it may. */
export type Role = 'viewer' | 'operator' | 'admin';
