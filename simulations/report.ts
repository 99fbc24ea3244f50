// What a simulation tells: events while it runs, and the report that becomes runs/<id>/report.json. Types alone; the field names
// are stable, scripts read them. Not here: running (run.ts), tables and files (server/cli).

import type { ErrorCode } from '../protocol/errors.js';
import type { ClientId, GroupId, Hash } from '../protocol/ids.js';
import type { PrivacyRecord } from '../protocol/privacy/record.js';
import type { GroupPhase } from '../protocol/round/types.js';
import type { RuleSpec } from '../protocol/rule.js';
import type { ClientPhase, Profile } from '../protocol/task.js';
import type { Coordinator, FetchHandler, MonitorEvent, RoundPrivacy } from '../server/index.js';
import type { AttackSettings } from './attack-settings.js';
import type { SimulationConfig } from './config.js';

/** On every report: whoever knows the seed knows every batch and every rounding, so nothing in it is evidence of privacy. */
export const STAMP = 'seeded: no privacy claim';

/** A client by its place in the fleet: `client-07`. Keys are fresh in each run, names are not. */
export type FleetClient = string;

/** One round that is over. */
export interface RoundEntry {
  readonly round: number;
  readonly attempts: number;
  /** Void: no attempt succeeded, the model is that of the round before. */
  readonly void: boolean;
  /** On the test part, of the model after this round. */
  readonly accuracy: number;
  /** Mean per example. */
  readonly loss: number;
  /** For each attack that is after something: the share of its test examples that come out as it wants. */
  readonly attackSuccessRate?: Readonly<Record<string, number>>;
  /** What the round cost, and what the dearest client has spent so far; absent where the task claims no privacy of clients. */
  readonly privacy?: RoundPrivacy;
  /** What the coordinator's monitor noticed, in plain words and numbers. */
  readonly monitor: readonly MonitorEntry[];
  readonly cohort: readonly FleetClient[];
  /** Exactly the clients whose updates are in the new model. */
  readonly survivors: readonly FleetClient[];
  /** Left by themselves. Whoever left in consistency or unmask is a survivor, too: its update was in by then. */
  readonly dropped: readonly { readonly client: FleetClient; readonly phase: ClientPhase }[];
  /** Left out by the coordinator. */
  readonly excluded: readonly {
    readonly client: FleetClient;
    readonly phase: ClientPhase;
    readonly code: ErrorCode;
    /** What filters or the monitor measured, in plain words; elsewhere the code says it. */
    readonly why?: string;
  }[];
  /** Filters wanted these out, but the round could lose no more. */
  readonly spared: readonly FleetClient[];
  readonly voidedGroups: readonly GroupId[];
  readonly seconds: number;
  /** Frames at the sockets of the coordinator: from and to clients. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Of the model after the round. */
  readonly modelHash: Hash;
}

type Named<E> = E extends { readonly client: ClientId } ? Omit<E, 'client'> & { readonly client: FleetClient } : E;
/** An event of the monitor, with the client by its name; findings inside keep the key. */
export type MonitorEntry = Named<MonitorEvent>;

/** One client of the fleet. */
export interface RosterEntry {
  readonly name: FleetClient;
  /** Its public key. */
  readonly id: ClientId;
  /** Absent where there is one group only. */
  readonly group?: GroupId;
  /** Examples of its shard. */
  readonly examples: number;
  /** ε its records have paid by its own ledger, at the δ of `privacy.budgets`; absent for attackers, and where training is not private. */
  readonly epsilon?: number;
}

export interface SimulationReport {
  readonly stamp: typeof STAMP;
  readonly task: string;
  readonly seed: number;
  readonly profile: Profile;
  readonly rule: RuleSpec;
  readonly dimension: number;
  readonly clients: number;
  readonly rounds: readonly RoundEntry[];
  readonly finalAccuracy: number;
  /** Of the last model, by class, on the test part; null for a class without examples in it. */
  readonly recalls?: readonly (number | null)[];
  /** Of the last round; absent where no attack is after something. */
  readonly attackSuccessRate?: Readonly<Record<string, number>>;
  /** What was released about whom, as facts; absent where the task claims no differential privacy. `sotto privacy ledger` prices it. */
  readonly privacy?: PrivacyRecord;
  /** Of the final weights (protocol/chain). The same settings give the same one on one machine. */
  readonly modelHash: Hash;
  readonly malicious: readonly { readonly client: FleetClient; readonly attack: AttackSettings }[];
  /** `stopped`: asked to end early. `stalled`: too many attempts failed. `budget`: the clients' privacy budget is used up. */
  readonly outcome: 'finished' | 'stopped' | 'stalled' | 'budget';
  /** Loading data and starting processes included. */
  readonly wallSeconds: number;
  /** Of that, before the first client was there. */
  readonly startSeconds: number;
  readonly roster: readonly RosterEntry[];
  readonly versions: { readonly sotto: string; readonly protocol: string; readonly node: string };
  readonly config: SimulationConfig;
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
      readonly phase: ClientPhase;
    }
  | {
      readonly type: 'excluded';
      readonly round: number;
      readonly group: GroupId;
      readonly client: FleetClient;
      readonly phase: ClientPhase;
      readonly code: ErrorCode;
    }
  | { readonly type: 'round'; readonly entry: RoundEntry };

/** What `createHttp` of sotto/server gives, on a port of its own. */
export interface Watching {
  readonly port: number;
  readonly fetch: FetchHandler;
  readonly attach: (coordinator: Coordinator, config: SimulationConfig) => void;
}

export interface SimulationHooks {
  readonly onEvent?: (event: SimulationEvent) => void;
  /** The last model, once. */
  readonly onModel?: (weights: Float32Array<ArrayBuffer>) => void;
  /** Shows the run in a browser: answers HTTP on `port` (0: any free one) and hears of the coordinator once it runs. */
  readonly watch?: Watching;
  /** Ends the run after the attempt that is running; the report then says `stopped`. */
  readonly signal?: AbortSignal;
  /** For people: what goes wrong without being a failure. */
  readonly warn?: (text: string) => void;
}

/** @throws SottoError: configuration, missing data or backend; failures of rounds are in the report */
export type RunSimulation = (config: SimulationConfig, hooks?: SimulationHooks) => Promise<SimulationReport>;
