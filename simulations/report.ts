// What a simulation tells: events while it runs, and the report that becomes runs/<id>/report.json. Types alone.
// Not here: running (run.ts), tables and files (server/cli).

import type { ErrorCode } from '../protocol/errors.js';
import type { GroupId, Hash } from '../protocol/ids.js';
import type { GroupPhase } from '../protocol/round/types.js';
import type { RuleSpec } from '../protocol/rule.js';
import type { Profile, WaitingPhase } from '../protocol/task.js';
import type { AttackSettings, SimulationConfig } from './config.js';

/** A client is its position in the fleet, 0-based: keys are fresh in each run, positions are not. */
export type FleetClient = number;

/** One round that is over. */
export interface RoundEntry {
  readonly round: number;
  readonly attempts: number;
  /** Void: no attempt succeeded, the model is that of the round before. */
  readonly void: boolean;
  /** On the test part, of the model after this round. */
  readonly accuracy: number;
  readonly loss: number;
  readonly cohort: readonly FleetClient[];
  readonly survivors: readonly FleetClient[];
  readonly dropped: readonly { readonly client: FleetClient; readonly phase: WaitingPhase }[];
  readonly excluded: readonly {
    readonly client: FleetClient;
    readonly phase: WaitingPhase;
    readonly code: ErrorCode;
  }[];
  readonly voidedGroups: readonly GroupId[];
  readonly seconds: number;
  /** At the sockets of the coordinator: from and to clients. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly model: Hash;
}

export interface SimulationReport {
  readonly task: string;
  readonly seed: number;
  readonly profile: Profile;
  readonly rule: RuleSpec;
  readonly dimension: number;
  readonly clients: number;
  readonly rounds: readonly RoundEntry[];
  readonly finalAccuracy: number;
  readonly finalModel: Hash;
  readonly malicious: readonly { readonly client: FleetClient; readonly attack: AttackSettings }[];
  /** `stopped`: asked to end early. `stalled`: too many attempts failed. */
  readonly outcome: 'finished' | 'stopped' | 'stalled';
  readonly wallSeconds: number;
  /** Rounding and batches came from a seed, so nothing here is evidence of privacy. */
  readonly stamp: 'seeded: no privacy claim';
}

/** In the order they happen. */
export type SimulationEvent =
  | {
      readonly type: 'started';
      readonly clients: number;
      readonly groups: number;
      readonly rounds: number;
      readonly malicious: readonly FleetClient[];
    }
  | { readonly type: 'attempt'; readonly round: number; readonly attempt: number }
  | { readonly type: 'phase'; readonly round: number; readonly group: GroupId; readonly phase: GroupPhase }
  | {
      readonly type: 'dropped';
      readonly round: number;
      readonly group: GroupId;
      readonly client: FleetClient;
      readonly phase: WaitingPhase;
    }
  | {
      readonly type: 'excluded';
      readonly round: number;
      readonly group: GroupId;
      readonly client: FleetClient;
      readonly phase: WaitingPhase;
      readonly code: ErrorCode;
    }
  | { readonly type: 'round'; readonly entry: RoundEntry };

export interface SimulationHooks {
  readonly onEvent?: (event: SimulationEvent) => void;
  /** Ends the run after the attempt that is running; the report then says `stopped`. */
  readonly signal?: AbortSignal;
  /** For people: what goes wrong without being a failure. */
  readonly warn?: (text: string) => void;
}

/** @throws SottoError: configuration, missing data or backend; failures of rounds are in the report */
export type RunSimulation = (config: SimulationConfig, hooks?: SimulationHooks) => Promise<SimulationReport>;
