// What the monitor is told of a round, what it remembers, and what it says. Types and settings only. Not here: judging (monitor.ts).

import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId, GroupId } from '../../protocol/ids.js';
import type { ClientPhase } from '../../protocol/task.js';
import type { Vector } from '../aggregate/index.js';

/** The verified sketch of one client, from the attempt whose sum was opened (or that came closest). */
export interface SketchObservation {
  readonly id: ClientId;
  readonly group: GroupId;
  /** v = A·q. All of a round have one length. */
  readonly sketch: Vector;
}

/** What is known when membership is decided: before anything is opened. */
export interface ScreeningObservation {
  readonly round: number;
  readonly sketches: readonly SketchObservation[];
  /** Sketch of the last global step under this round's matrix, of any length: what a replaying client sends. Absent in a first round. */
  readonly lastStep?: Vector;
  /** Left out already, by the filters of the task: no exclusion of the monitor's. Their sketches are judged like all. */
  readonly out: ReadonlySet<ClientId>;
  /** How many each group can still lose, those in `out` taken off. Groups that are not listed can lose nobody. */
  readonly budgets: ReadonlyMap<GroupId, number>;
}

/** What the sketches of an attempt showed. Changes no ledger: an attempt may fail, and only the round counts. */
export interface Screening {
  readonly findings: readonly Finding[];
  /** Exclusions, worst first, and those that the budget did not hold out for. */
  readonly events: readonly (ExcludeEvent | SparedEvent)[];
}

/** One client in one round. */
export interface ClientObservation {
  readonly id: ClientId;
  readonly group: GroupId;
  readonly outcome:
    | { readonly type: 'survived' }
    | { readonly type: 'dropped'; readonly phase: ClientPhase }
    /** Left out by the coordinator; `offence` where the code is the client's own fault. */
    | { readonly type: 'excluded'; readonly phase: ClientPhase; readonly code: ErrorCode; readonly offence: boolean };
}

/** One group in one round: all of it is about a sum of at least `group.size` clients. */
export interface GroupObservation {
  readonly id: GroupId;
  /** ‖mean update‖. */
  readonly norm: number;
  /** Cosine of its mean update with the step of the round before, in [−1, 1]. */
  readonly cosineToLast?: number;
  /** Share of the effective coordinates in which it was beyond all that the rule kept, both sides together. */
  readonly trimmed?: number;
  /**
   * Where the coordinator has data of its own: loss after the plain mean of all other groups minus loss after that of all; < 0: it
   * does harm. The plain mean, so that a rule that cuts the group off does not hide it.
   */
  readonly heldOutGain?: number;
  /** The same with the recall of the class that it moves most: with it minus without it. */
  readonly recallGain?: number;
}

/** Evidence that a third party can check: signed contradictions, a share that does not fit its commitment. */
export interface Proof {
  readonly client: ClientId;
  readonly code: ErrorCode;
}

export interface RoundObservation {
  readonly round: number;
  readonly clients: readonly ClientObservation[];
  readonly groups: readonly GroupObservation[];
  /** f of the rule over the groups; absent where it trims nothing. */
  readonly faulty?: number;
  /**
   * What the norm of an honest group mean cannot exceed: clipping norm and rounding. Absent where noise is added: then nothing is certain.
   */
  readonly normBound?: number;
  /** ‖A − B‖ of two rules over the same inputs, divided by the median distance of an input from A. */
  readonly disagreement?: number;
  /** What the sketches of the last attempt showed; absent without sketches, and where none came in. */
  readonly screening?: Screening;
  /** How many of one group may be quarantined or banned at a time: what it can lose and still form. */
  readonly room: number;
  readonly proofs: readonly Proof[];
}

/** What a single client is scored by. `offence` and below need no sketch. */
export type ClientSignal =
  | 'norm'
  | 'distance'
  | 'direction'
  | 'silence'
  | 'replay'
  | 'duplicate'
  | 'offence'
  | 'participation';
export type GroupSignal = 'bound' | 'norm' | 'trim' | 'direction' | 'heldOut' | 'recall';

/** One test that a client did not pass. */
export interface Finding {
  readonly client: ClientId;
  readonly signal: ClientSignal;
  /** In the unit of the threshold: robust z where not said otherwise. */
  readonly value: number;
  readonly threshold: number;
  /** Beyond twice the threshold, or exact: what an exclusion in this round may rest on. */
  readonly strong: boolean;
  /** In plain words, with the numbers. */
  readonly says: string;
}

interface About {
  readonly round: number;
  /** In plain words, for a person who has to decide. */
  readonly says: string;
}
interface AboutClient extends About {
  readonly client: ClientId;
}
/** Treat as dropped in this round: decided and carried out before the sum is opened. */
export interface ExcludeEvent extends AboutClient {
  readonly type: 'exclude';
  readonly evidence: readonly Finding[];
}
/** An exclusion or a quarantine was due, but its group can lose no more clients: it stays in. */
export interface SparedEvent extends AboutClient {
  readonly type: 'spared';
  readonly from: 'exclude' | 'quarantine';
  readonly evidence: readonly Finding[];
}
export type ClientEvent =
  | ExcludeEvent
  | SparedEvent
  | (AboutClient &
      (
        | { readonly type: 'observe'; readonly finding: Finding }
        | {
            readonly type: 'quarantine';
            readonly until: number;
            readonly suspicion: number;
            readonly evidence: readonly Finding[];
          }
        | { readonly type: 'release' }
        | { readonly type: 'ban'; readonly code: ErrorCode }
        | { readonly type: 'appeal'; readonly granted: boolean }
      ));
/** Never names a client: no statistic of a sum says which of its members did it. */
export type GroupEvent = About & {
  readonly type: 'group';
  readonly group: GroupId;
  readonly signal: GroupSignal;
  readonly value: number;
  readonly threshold: number;
};
export type AlarmEvent = About & { readonly type: 'disagreement'; readonly value: number; readonly threshold: number };
export type MonitorEvent = ClientEvent | GroupEvent | AlarmEvent;

export interface MonitorSettings {
  /** Probability that the sketch of an honest client fails any test in a round. */
  readonly clientFalseAlarm: number;
  /** The same for an honest group, and for the two-rule alarm. */
  readonly groupFalseAlarm: number;
  /** What is left of a suspicion after a round, in [0, 1). */
  readonly decay: number;
  /** Suspicion at which a client is quarantined. */
  readonly quarantineAt: number;
  /** Rounds of a first quarantine; each further one is twice as long, up to `maxQuarantineRounds`. */
  readonly quarantineRounds: number;
  readonly maxQuarantineRounds: number;
  /** Whether strong findings leave a client out of the round in which they are made, as far as the budget goes. */
  readonly exclude: boolean;
  /** Independent coordinates that the trimmed share of a group is worth (d_eff of robustness.md §3.1): blocks, not d. */
  readonly effectiveCoordinates: number;
  /**
   * Profile `grouped`, where the coordinator has data: measures what each group does to loss and recalls, one evaluation for each
   * group and one more, between a round and the next.
   */
  readonly heldOut: boolean;
}

/**
 * Honest clients: each sketch fails with probability 10⁻³ a round, and three findings within five rounds (or two strong ones) are a
 * quarantine. monitor.ts derives what that makes of a run.
 */
export const MONITOR_DEFAULTS: MonitorSettings = {
  clientFalseAlarm: 1e-3,
  groupFalseAlarm: 1e-3,
  decay: 0.9,
  quarantineAt: 2.5,
  quarantineRounds: 5,
  maxQuarantineRounds: 80,
  exclude: true,
  effectiveCoordinates: 64,
  heldOut: false,
};

/** What is remembered of one client. Plain data. */
export interface Ledger {
  readonly suspicion: number;
  /** The findings that the suspicion rests on, newest last. */
  readonly findings: readonly Finding[];
  /** Last round of the quarantine; 0: none. */
  readonly quarantinedUntil: number;
  readonly quarantines: number;
  /** Round up to which an appeal that was granted holds: statistics alone do nothing but observe. */
  readonly pardonedUntil: number;
  readonly banned: boolean;
  /** Where it was last seen: rooms are per group. */
  readonly group: GroupId;
  /** Whether it left, for its last rounds, newest last. */
  readonly left: readonly boolean[];
}

export interface MonitorState {
  readonly settings: MonitorSettings;
  readonly round: number;
  readonly clients: ReadonlyMap<ClientId, Ledger>;
  /** ln of the two-rule disagreement in the last rounds, newest last. */
  readonly disagreements: readonly number[];
}
