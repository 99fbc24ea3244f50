// What the monitor is told of a round, what it remembers, and what it says. Types and settings only. Not here: judging (monitor.ts).

import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId, GroupId } from '../../protocol/ids.js';
import type { ClientPhase } from '../../protocol/task.js';
import type { Vector } from '../aggregate/index.js';

/** One client in one round. */
export interface ClientObservation {
  readonly id: ClientId;
  readonly outcome:
    | { readonly type: 'survived' }
    | { readonly type: 'dropped'; readonly phase: ClientPhase }
    /** Left out by the coordinator; `offence` where the code is the client's own fault. */
    | { readonly type: 'excluded'; readonly phase: ClientPhase; readonly code: ErrorCode; readonly offence: boolean };
  /** Its verified sketch; absent in profiles without, and where it left before. All of a round have one length. */
  readonly sketch?: Vector;
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
  /** Where the coordinator has data of its own: loss of the model without this group minus loss with it; < 0: it does harm. */
  readonly heldOutGain?: number;
  /** The same with the recall of the class that it moves most. */
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
  /** Sketch of the last global step under this round's matrix: what a replaying client sends. */
  readonly lastStep?: Vector;
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
export type ClientEvent = About & { readonly client: ClientId } & (
    | { readonly type: 'observe'; readonly finding: Finding }
    /** Treat as dropped in this round: carried out where the monitor is asked before the sum is opened. */
    | { readonly type: 'exclude'; readonly evidence: readonly Finding[] }
    | {
        readonly type: 'quarantine';
        readonly until: number;
        readonly suspicion: number;
        readonly evidence: readonly Finding[];
      }
    | { readonly type: 'release' }
    | { readonly type: 'ban'; readonly code: ErrorCode }
    | { readonly type: 'appeal'; readonly granted: boolean }
  );
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
  /** Clients that a round can still lose: N − t less the dropouts so far. 0: the monitor excludes nobody. The worst go first. */
  readonly exclusions: number;
  /** Independent coordinates that the trimmed share of a group is worth (d_eff of robustness.md §3.1): blocks, not d. */
  readonly effectiveCoordinates: number;
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
  exclusions: 0,
  effectiveCoordinates: 64,
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
