// The campaign as data: who is in the pool, which round comes next, why it ended. The machine is campaign.ts.
// Not here: what happens inside a round (protocol/round), sockets, clocks and models (the rest of server/).

import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId, GroupId, Millis } from '../../protocol/ids.js';
import type { CohortEntry } from '../../protocol/privacy/cohort-ledger.js';
import type { RoundFailure, RoundResult } from '../../protocol/round/types.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { RoundPrivacy, Spending } from './budget.js';

/** The sequence of rounds above the single round. Not signed: clients need not agree on it. */
export interface CampaignSettings {
  /** Rounds are numbered from 1; a void round counts. */
  readonly rounds: number;
  /** Attempts of one round before it is void. */
  readonly attemptsPerRound: number;
  /**
   * A round starts as soon as `min` clients are checked in, or all that can still be expected. After `waitMs` it starts with those
   * who are there, if threshold and rule allow it; else the wait counts like a void round.
   */
  readonly clients: { readonly min: number; readonly waitMs: Millis };
  /** Invited ÷ needed, at least 1. Above 1 only in the `cohort` and `open` profiles. */
  readonly overSelection: number;
  /** Between two rounds. */
  readonly pauseMs: Millis;
  /**
   * Setbacks in a row after which the campaign ends as stalled: void rounds, and waits that ended with too few clients. Absent: it never
   * gives up. It says so, and the pauses between void rounds grow (MAX_SETBACK_PAUSE_MS).
   */
  readonly giveUpAfter?: number;
  readonly stopAt?: { readonly accuracy: number };
}

export interface CampaignSetup {
  readonly config: TaskConfig;
  /** t, derived from the config (protocol/task.ts). */
  readonly threshold: number;
  readonly settings: CampaignSettings;
  /** Uniform in [0, 1): deals groups and samples cohorts. CSPRNG-backed outside simulation. Drawn from for nothing else, so a seed fixes the cohorts. */
  readonly random: () => number;
  /** The last round that is over: 0 for a new task; a restarted coordinator goes on behind it. */
  readonly lastRound: number;
  /** What clients have spent in earlier processes of this task, in order. */
  readonly spent: readonly CohortEntry[];
  /** Where a coordinator goes on that was here before. */
  readonly resumed?: Resumed;
}

/** What outlives a coordinator. Nothing in it ever goes back. */
export interface Resumed {
  readonly lastRound: number;
  /** Attempts of the round behind it that were announced: the next one has a higher number, or no client would come. */
  readonly attempts: number;
  readonly blamed: ReadonlyMap<ClientId, ErrorCode>;
  readonly quarantined: ReadonlyMap<ClientId, number>;
  readonly seating?: Seating;
  /** Somebody paused it, and has not let it go on. */
  readonly hold?: Hold;
}

/** What an operator asked for. `paused`: the running attempt goes on, and no other starts. `draining`: the round is finished, then it ends. */
export type Hold =
  | { readonly type: 'none' }
  | { readonly type: 'paused'; readonly by: string; readonly reason: string }
  | { readonly type: 'draining'; readonly reason: string };

/** A step back along the model chain that an operator asked for. */
export interface WantedRollBack {
  /** The model after this round; 0: the first one. */
  readonly to: number;
  readonly by: string;
  /** For every client: see driver/roll-back.ts. */
  readonly reason: string;
}

/** Members in rank order: ascending ids. */
export interface Team {
  readonly id: GroupId;
  readonly members: readonly ClientId[];
}

/**
 * Who sits with whom. `sampled`: one cohort is drawn for each attempt. `undealt` → `dealt`: groups are drawn once and stay
 * (So et al. 2021: sums over re-drawn groups can be differenced until single clients show).
 *
 * Discussion. A client that comes after the deal could take an empty seat. It does not: it is told to come back, until a roster
 * epoch (a new task roster, signed as such) deals again. Seats that fill one by one are a slow re-draw.
 */
export type Seating =
  | { readonly type: 'sampled' }
  | { readonly type: 'undealt' }
  | { readonly type: 'dealt'; readonly groups: readonly Team[] };

/** Every legal move. `waiting` may follow itself: a wait that ended with too few starts again, until `giveUpAfter` of them. */
export const CAMPAIGN_TRANSITIONS = {
  waiting: ['waiting', 'running', 'pausing', 'rollingBack', 'ended'],
  running: ['waiting', 'pausing', 'publishing', 'rollingBack', 'stopping', 'ended'],
  publishing: ['judging', 'pausing', 'rollingBack', 'stopping', 'ended'],
  judging: ['pausing', 'rollingBack', 'ended'],
  pausing: ['waiting', 'rollingBack', 'ended'],
  rollingBack: ['pausing', 'ended'],
  stopping: ['ended'],
  ended: [],
} as const;
export type CampaignPhase = keyof typeof CAMPAIGN_TRANSITIONS;

/** What every phase has. The collections are owned by the state and changed inside `step` (style.md, owned maps). */
export interface Common {
  readonly setup: CampaignSetup;
  /** Connected and checked in. */
  readonly pool: Set<ClientId>;
  readonly seating: Seating;
  /** Proven culprits, with the code: they sit out for good. */
  readonly blamed: Map<ClientId, ErrorCode>;
  /** Quarantined by the monitor, with the last round of it: they sit out, and come back. */
  readonly quarantined: Map<ClientId, number>;
  /** Left out of this round for breaking the protocol in it: they sit out its further attempts. */
  readonly sittingOut: Set<ClientId>;
  /** Void rounds and vain waits in a row. */
  readonly setbacks: number;
  readonly hold: Hold;
  /** Done as soon as no round runs. */
  readonly rollBack: 'none' | WantedRollBack;
  /** What clients spend; `none` where the task claims no privacy of clients. */
  readonly spending: 'none' | Spending;
  /** How long rounds have taken (moving mean), for telling surplus clients when to come back. */
  readonly roundMs: Millis;
}
/** A round as the campaign counts it. */
export interface AttemptRef {
  readonly round: number;
  readonly attempt: number;
}
export interface Waiting extends Common, AttemptRef {
  readonly phase: 'waiting';
  readonly until: Millis;
}
export interface Running extends Common, AttemptRef {
  readonly phase: 'running';
  readonly startedAt: Millis;
}
export interface Publishing extends Common, AttemptRef {
  readonly phase: 'publishing';
  readonly startedAt: Millis;
}
/** The model is published; `stopAt` wants to know how good it is before anything else happens. */
export interface Judging extends Common {
  readonly phase: 'judging';
  readonly round: number;
}
export interface Pausing extends Common {
  readonly phase: 'pausing';
  /** The round that is over. */
  readonly round: number;
  readonly until: Millis;
}
/** A roll-back is being signed and stored. It has a round number of its own. */
export interface RollingBack extends Common {
  readonly phase: 'rollingBack';
  readonly round: number;
}
/** Told to stop while a round runs or its result is being published: waits for that to end. */
export interface Stopping extends Common, AttemptRef {
  readonly phase: 'stopping';
  readonly reason: string;
}
export interface Ended extends Common {
  readonly phase: 'ended';
  readonly outcome: CampaignOutcome;
}
export type CampaignState = Waiting | Running | Publishing | Judging | Pausing | RollingBack | Stopping | Ended;

export type CampaignOutcome =
  /** All rounds are over. */
  | { readonly type: 'rounds'; readonly round: number }
  /** `stopAt` is reached. */
  | { readonly type: 'accuracy'; readonly round: number; readonly accuracy: number }
  /** Too few clients are left whose privacy budget covers another round. */
  | { readonly type: 'budget'; readonly round: number; readonly code: 'PRIVACY_BUDGET'; readonly text: string }
  | { readonly type: 'stalled'; readonly round: number; readonly code: 'CAMPAIGN_STALLED'; readonly text: string }
  | { readonly type: 'stopped'; readonly round: number; readonly reason: string };

export type CampaignEvent =
  /** A client checked in (again). */
  | { readonly type: 'joined'; readonly client: ClientId; readonly now: Millis }
  /** It left, or its connection is gone. */
  | { readonly type: 'left'; readonly client: ClientId; readonly now: Millis }
  /** It broke the protocol: a frame nobody can read, or a contribution that the round refused. */
  | { readonly type: 'offended'; readonly client: ClientId; readonly code: ErrorCode; readonly now: Millis }
  /** The monitor wants it left out up to and including round `until`. */
  | { readonly type: 'quarantined'; readonly client: ClientId; readonly until: number; readonly now: Millis }
  /** An appeal was granted: its quarantine is over. */
  | { readonly type: 'released'; readonly client: ClientId; readonly now: Millis }
  /** A client goes on under another key. Between rounds only. */
  | { readonly type: 'rotated'; readonly from: ClientId; readonly to: ClientId; readonly now: Millis }
  | { readonly type: 'tick'; readonly now: Millis }
  /** What the running attempt came to. */
  | { readonly type: 'done'; readonly result: RoundResult; readonly now: Millis }
  | { readonly type: 'failed'; readonly failure: RoundFailure; readonly now: Millis }
  /** The next model is signed into the chain; or could not be made. */
  | { readonly type: 'published'; readonly now: Millis }
  | { readonly type: 'unpublished'; readonly code: ErrorCode; readonly text: string; readonly now: Millis }
  /** NaN where the evaluation failed. Only waited for where `stopAt` is set. */
  | { readonly type: 'evaluated'; readonly round: number; readonly accuracy: number; readonly now: Millis }
  | { readonly type: 'stop'; readonly reason: string; readonly now: Millis }
  /** An operator wants an earlier model back. A running attempt is given up where nothing of it is open yet. One at a time. */
  | { readonly type: 'rollBack'; readonly wanted: WantedRollBack; readonly now: Millis }
  /** It is in the chain; or could not be made, and then its round number is free. */
  | { readonly type: 'rolledBack'; readonly done: boolean; readonly now: Millis }
  /** An operator pauses it, drains it, or lets it go on (`none`). What drains, drains. */
  | { readonly type: 'hold'; readonly hold: Hold; readonly now: Millis };

export interface Setback {
  readonly type: 'setback';
  /** The round that is void, or that nobody came for. */
  readonly round: number;
  /** With this one. */
  readonly inARow: number;
  /** Until the next try; 0: as soon as enough clients are there. */
  readonly pauseMs: Millis;
  readonly text: string;
}

/** Run in order. */
export type CampaignEffect =
  | { readonly type: 'accept'; readonly client: ClientId; readonly round: number }
  | { readonly type: 'reject'; readonly client: ClientId; readonly code: ErrorCode; readonly retryAfterMs: Millis }
  /** The task is over for this client: `finished` and goodbye. */
  | { readonly type: 'farewell'; readonly client: ClientId; readonly rounds: number }
  /** Make the reservation durable, then announce and run this attempt; answer `done` or `failed`. */
  | {
      readonly type: 'start';
      readonly round: number;
      readonly attempt: number;
      readonly groups: readonly Team[];
      readonly reservation: 'none' | CohortEntry;
    }
  /** Make an entry durable: an attempt ended before anybody had released anything. */
  | { readonly type: 'record'; readonly entry: CohortEntry }
  /** Give the running attempt up; it answers `failed` (or `done`, if it was faster). */
  | { readonly type: 'cancel' }
  /** Make the settlement durable, aggregate, make the next model, sign it into the chain; answer `published` or `unpublished`. */
  | {
      readonly type: 'publish';
      readonly round: number;
      readonly attempt: number;
      readonly result: RoundResult;
      readonly settlement: 'none' | { readonly entry: CohortEntry; readonly privacy: RoundPrivacy };
    }
  /** Sign the step back into the chain as this round; answer `rolledBack`. */
  | { readonly type: 'rollBack'; readonly round: number; readonly wanted: WantedRollBack }
  /** The round is over without a model. */
  | {
      readonly type: 'void';
      readonly round: number;
      readonly attempts: number;
      readonly code: ErrorCode;
      readonly text: string;
      /** Nothing of it was opened and the coordinator stops: whoever starts again may go on with it. */
      readonly handedBack: boolean;
    }
  /** A wait ended with too few clients, or void rounds come in a row: somebody may have to help. The campaign goes on. */
  | Setback
  /** A client is out for good. */
  | { readonly type: 'blame'; readonly client: ClientId; readonly code: ErrorCode }
  /** A `tick` is wanted at this time. A later one replaces an earlier one. */
  | { readonly type: 'wakeAt'; readonly at: Millis }
  | { readonly type: 'ended'; readonly outcome: CampaignOutcome };

export interface CampaignStep<S extends CampaignState = CampaignState> {
  readonly state: S;
  readonly effects: readonly CampaignEffect[];
}
