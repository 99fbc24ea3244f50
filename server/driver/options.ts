// What a coordinator is started with, and what it tells: options, reports, events. Types only.
// Not here: reading them from files (config/), doing anything with them (coordinator.ts).

import type { Identity } from '../../protocol/crypto/identity.js';
import type { Rng } from '../../protocol/crypto/primitives.js';
import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId, GroupId, Hash } from '../../protocol/ids.js';
import type { PrivacyRecord } from '../../protocol/privacy/record.js';
import type { RoundFact } from '../../protocol/round/types.js';
import type { ClientPhase, TaskConfig } from '../../protocol/task.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import type { RosterPolicy } from '../access/access.js';
import type { Selection, StageReport } from '../aggregate/index.js';
import type { DataSettings, OpenPlace } from '../audit/durable.js';
import type { RoundPrivacy } from '../campaign/budget.js';
import type { CampaignOutcome, CampaignSettings, Setback, Team } from '../campaign/types.js';
import type { ChainStore } from '../chain/store.js';
import type { Engine } from '../engine/types.js';
import type { MonitorEvent, MonitorSettings, MonitorState } from '../monitor/index.js';
import type { Administration } from './administration.js';
import type { Clock } from './clock.js';
import type { FetchHandler, ListenSettings, OpenListener } from './listener.js';
import type { RollBack } from './roll-back.js';

/** What the coordinator measured on data of its own. */
export interface Evaluation {
  readonly examples: number;
  /** Mean per example. */
  readonly loss: number;
  /** Share in [0, 1]. */
  readonly accuracy: number;
  /** Share of each class's examples that come out right, by class; NaN for a class without examples. Absent: no recall is compared. */
  readonly recalls?: readonly number[];
}

/** The methods of pino that are used. Objects hold ids, codes and counts; never a key, share, mask, update or token. */
export interface Logger {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export interface CoordinatorOptions {
  readonly task: TaskConfig;
  /** `task.dimension` finite values. Copied. */
  readonly initialWeights: Float32Array;
  readonly identity: Identity;
  /** Port 0: the system picks one; `Coordinator.url` says which. Beyond this machine only with `tls`, or `insecure`. */
  readonly listen: ListenSettings;
  readonly roster: RosterPolicy;
  readonly campaign: CampaignSettings;
  /** Called after each round, one call at a time; the next round does not wait for it unless `campaign.stopAt` is set. Must not change the weights. */
  readonly evaluate?: (weights: Float32Array<ArrayBuffer>, round: number) => Promise<Evaluation>;
  readonly log?: Logger;
  /** Uniform in [0, 1): deals groups and samples cohorts. CSPRNG-backed outside simulation, seeded inside. */
  readonly random: () => number;
  /** 32 bytes that seed the matrix of the sketches, unknown to the clients before R4. Default: the system's CSPRNG; seeded in simulation alone. */
  readonly sketchNonce?: (round: number, attempt: number) => Uint8Array;
  /** Threads for vector work; default: all cores but one. Ignored where `engine` is given. */
  readonly workers?: number;
  /** Closed by the coordinator when it stops. */
  readonly engine?: Engine;
  /** A chain that is there already is gone on from. Default: in memory, or on `data`. */
  readonly store?: ChainStore;
  /** Where everything is kept that must outlive this process. Absent: nothing is. Needs the package lmdb. */
  readonly data?: DataSettings;
  /** Opens `data`. Default: with lmdb in its directory. Simulations hand in a store in memory that outlives the coordinator. */
  readonly openData?: OpenPlace;
  /** Nonces and challenges: a CSPRNG, except in simulations. Default: that of node:crypto. */
  readonly rng?: Rng;
  /** Before the first round: go back to an earlier model. Needs a chain that is there already. */
  readonly rollBack?: RollBack;
  /** Milliseconds since 1970, for the times in the audit log. Default: the machine's. */
  readonly wallClock?: () => number;
  readonly clock?: Clock;
  /** Resident bytes of this process near which nobody new comes in. Absent: no limit but the machine's. */
  readonly memoryBytes?: number;
  /** Milliseconds that this process has been busy so far; for tests. Default: what the event loop says; 0 where `clock` is given. */
  readonly busyMs?: () => number;
  /** Bytes of inputs that are on their way, all of them together; one is always let in. Default: MAX_UPLOAD_BYTES, a quarter of `memoryBytes` at most. */
  readonly uploadBytes?: number;
  /** Absent: MONITOR_DEFAULTS. */
  readonly monitor?: MonitorSettings;
  /** Answers plain HTTP on the port of `listen`. Default: everything is told to upgrade. `createHttp` makes one. */
  readonly fetch?: FetchHandler;
  /** Where connections come from. Default: HTTP upgrades on `listen`. Simulations hand in one without sockets. */
  readonly openListener?: OpenListener;
}

/** One round, over all its attempts. */
export interface RoundReport {
  readonly round: number;
  readonly attempts: number;
  readonly outcome:
    | { readonly type: 'committed' }
    | { readonly type: 'void'; readonly code: ErrorCode; readonly text: string };
  /** Absent without `evaluate`, where it failed, and in a void round. */
  readonly accuracy?: number;
  readonly loss?: number;
  /** Members of the last attempt's roster, group by group. */
  readonly cohort: readonly ClientId[];
  readonly groups: readonly Team[];
  /** U4: exactly the clients whose updates are in the model. Empty in a void round. */
  readonly survivors: readonly ClientId[];
  /** Left by themselves; over all attempts, each (client, phase) once. */
  readonly dropped: readonly { readonly client: ClientId; readonly phase: ClientPhase }[];
  /** Left out by the coordinator; over all attempts, each once. */
  readonly excluded: readonly {
    readonly client: ClientId;
    readonly phase: ClientPhase;
    readonly code: ErrorCode;
    /** Where filters or the monitor wanted it: what was measured, in plain words. Elsewhere the code says it. */
    readonly why?: string;
  }[];
  readonly voidedGroups: readonly { readonly group: GroupId; readonly code: ErrorCode; readonly text: string }[];
  /** From the first announcement to the signed record (or the end of the last attempt). */
  readonly seconds: number;
  /** Bytes of frames since the report before; model downloads after a round count for the next one. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Profile `sketch`, or sketches in groups: what the filters measured in the last attempt, and whom they left out. */
  readonly selection: 'none' | Selection;
  /** What the stages of the aggregation rule measured; empty in a void round. */
  readonly rule: readonly StageReport[];
  /** What the round cost and where the dearest client stands; `none` in a void round and where the task claims no privacy of clients. */
  readonly privacy: 'none' | RoundPrivacy;
  /** What the monitor noticed and asks for, with its evidence in plain words. */
  readonly monitor: readonly MonitorEvent[];
  /** Of the model after the round. */
  readonly modelHash: Hash;
}

export interface CampaignResult {
  readonly outcome: CampaignOutcome;
  /** The newest MAX_KEPT_REPORTS; whoever wants all of them listens to `round`. */
  readonly rounds: readonly RoundReport[];
  /** Of the last model. */
  readonly modelHash: Hash;
  /** The ledger of all rounds; absent where the task claims no privacy of clients. */
  readonly privacy?: PrivacyRecord;
  /** Clients proven to have broken the protocol, with what they did. */
  readonly blamed: readonly { readonly client: ClientId; readonly code: ErrorCode }[];
}

export type ClientNotice =
  | { readonly type: 'connected'; readonly client: ClientId; readonly agent: string }
  | { readonly type: 'checkedIn' | 'left' | 'replaced'; readonly client: ClientId }
  | { readonly type: 'rejected'; readonly client: ClientId; readonly code: ErrorCode; readonly retryAfterMs: number }
  /** It broke the protocol. Without `client`: somebody who had not proven who it is. */
  | { readonly type: 'offence'; readonly client?: ClientId; readonly code: ErrorCode; readonly text: string }
  /** It told us of a fault on its side, such as a guard that stopped us. */
  | { readonly type: 'complaint'; readonly client: ClientId; readonly code: ErrorCode; readonly text: string }
  /** Proven; it sits out for good. */
  | { readonly type: 'blamed'; readonly client: ClientId; readonly code: ErrorCode };

/** The phase that a member has done its part of. */
export type Part = ClientPhase;

export interface CoordinatorEvents {
  readonly attempt: { readonly round: number; readonly attempt: number; readonly groups: readonly Team[] };
  readonly fact: { readonly round: number; readonly attempt: number; readonly fact: RoundFact };
  readonly client: ClientNotice;
  /** Heard, not judged: the round may still refuse it. */
  readonly contribution: { readonly client: ClientId; readonly part: Part };
  /** As it happens: appeals at once, all others at the end of their round, before its report. */
  readonly monitor: MonitorEvent;
  readonly round: RoundReport;
  /** Nobody came, or void rounds come in a row. The campaign goes on by itself. */
  readonly setback: Omit<Setback, 'type'>;
  /** An operator went back to the model after round `to`; `round` is the number that this took. */
  readonly rolledBack: {
    readonly round: number;
    readonly to: number;
    readonly by: string;
    readonly reason: string;
    readonly model: Hash;
  };
  readonly finished: CampaignResult;
}

export interface NewToken {
  readonly text: string;
  /** What the coordinator knows it by. */
  readonly hash: Hash;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** What operators decide about who comes in. Each resolves once it is durable. */
export interface AccessControl {
  /**
   * Keeps a client out from now on and closes its connection, in the middle of a round too: there it counts as a dropout.
   * @param by who decided, for the record
   */
  revoke(client: ClientId, by: string, reason: string): Promise<void>;
  /** Takes a revocation back; a quarantine ends with it. */
  readmit(client: ClientId, by: string, reason: string): Promise<void>;
  /** Those who are kept out, and keys that were given up. Another set whenever it changes. */
  readonly revoked: ReadonlySet<ClientId>;
  /** Nobody else is enrolled by this token. @param token its hash, as `sotto tokens new` prints it */
  revokeToken(token: Hash, by: string, reason: string): Promise<void>;
  /**
   * A token that enrols clients, as `sotto tokens new` makes one. Stored nowhere.
   * @throws CONFIG_INVALID for uses or days outside their limits; ADMIN_CONFLICT where the roster takes no tokens
   */
  newToken(wanted: { readonly uses: number; readonly days: number }, by: string, reason: string): NewToken;
  /** Reads the TLS certificate and key again; the ones in use stay where they cannot be used. Changed files are noticed without it. */
  reloadCertificate(): void;
}

export interface Coordinator {
  /** ws://host:port, or wss:// */
  readonly url: string;
  readonly access: AccessControl;
  /** The public key that clients pin, in hex. */
  readonly id: ClientId;
  /** Gives a function that takes the listener off. A listener that throws is logged and stays. */
  on<K extends keyof CoordinatorEvents>(event: K, listener: (value: CoordinatorEvents[K]) => void): () => void;
  /** The campaign's end. Late clients are still told that it is over, until `stop`. Rejects on a bug of ours, and with STORE_* where `data` could not be written. */
  readonly done: Promise<CampaignResult>;
  /**
   * Somebody responsible has heard a client that is quarantined. Granted, it may take part again from the next round on, and for a
   * while statistics only observe it. A ban rests on a proof and stays: the event says so. @param reason for the record
   */
  appeal(client: ClientId, granted: boolean, reason: string): MonitorEvent;
  /** What operators may see and do beyond this interface. */
  readonly admin: Administration;
  /** The monitor's memory: plain data, a snapshot. */
  monitor(): MonitorState;
  /**
   * After a bug, where nothing of this process is to be relied on: takes nothing new, lets everybody go, and resolves once everything that
   * was written down is on disk. Rejects where the disk fails. The process should end then; the next start goes on as after a crash.
   */
  abort(): Promise<void>;
  /** Finishes or aborts the round, tells the clients, closes. Idempotent. */
  stop(reason: string): Promise<void>;
  /** The newest model. A copy. */
  model(): Float32Array<ArrayBuffer>;
  /** The signed records since genesis: all of them, those of old rounds from the disk. */
  chain(): readonly ChainRecordBody[];
}
