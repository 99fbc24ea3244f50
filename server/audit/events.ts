// Every kind of event in the audit log with what it says. Facts about who, when and which hash; never a vector, a share, a key of a
// round or a token. Not here: what an event makes of the state (project.ts), its hash (protocol/audit/event.ts).

import type { Json } from '../../protocol/canonical-json.js';

type Facts = { readonly [field: string]: Json };
export interface TeamFact extends Facts {
  readonly id: number;
  readonly members: readonly string[];
}

/** One line of the cohort's ledger (protocol/privacy/cohort-ledger.ts). */
export interface PrivacyFact {
  readonly id: string;
  readonly events: readonly Json[];
  /** Who pays, by group. */
  readonly members: { readonly [group: string]: readonly string[] };
}

export interface EventBodies {
  // ---- the task and its coordinator
  /** Once, first. `config` is the canonical text that announcements carry. */
  'task-created': { readonly task: string; readonly config: string; readonly coordinator: string };
  'coordinator-started': { readonly version: string };
  /** The last thing of a graceful stop. A log without it before the next start tells of a crash. */
  'coordinator-stopped': { readonly reason: string };
  /**
   * It goes on under another key: everything behind this event is signed by `to`, and every record of the model chain behind the one of
   * hash `head` and its `round`. Both keys have signed that (protocol/chain/hand-over.ts), hex. `tokens`: what becomes of enrolment tokens
   * that were signed before.
   */
  'coordinator-rotated': {
    readonly task: string;
    readonly from: string;
    readonly to: string;
    readonly round: number;
    readonly head: string;
    readonly given: string;
    readonly taken: string;
    readonly tokens: 'kept' | 'void';
  };
  /** The head of all before it, signed: to here the log was whole. */
  checkpoint: { readonly seq: number; readonly hash: string; readonly signature: string };
  /** The data directory came back from a backup; rounds up to `lastRound` are taken as spent, whether they were or not. */
  restored: {
    readonly seq: number;
    readonly hash: string;
    readonly lastRound: number;
    /** What the damaged database still said against clients and of tokens, by row: bans, suspicion, uses stay. */
    readonly salvage?: { readonly [row: string]: { readonly [field: string]: Json } };
  };
  // ---- clients
  /** First check-in; `token`: the hash of the one that let it in. */
  'client-enrolled': { readonly client: string; readonly token?: string };
  /** Somebody responsible keeps it out, from now on. */
  'client-revoked': { readonly client: string; readonly by: string; readonly reason: string };
  'client-readmitted': { readonly client: string; readonly by: string; readonly reason: string };
  /** It goes on under another key, with all that is known of it. Signed by the old key over enc(label, coordinator, from, to), hex. */
  'client-rotated': { readonly from: string; readonly to: string; readonly signature: string };
  /** By its hash. */
  'token-revoked': { readonly token: string; readonly by: string; readonly reason: string };
  /** Proven: it sits out for good. */
  'client-blamed': { readonly client: string; readonly code: string; readonly round: number };
  'client-banned': { readonly client: string; readonly round: number; readonly says: string };
  'client-quarantined': {
    readonly client: string;
    readonly round: number;
    readonly until: number;
    readonly says: string;
  };
  'client-released': { readonly client: string; readonly round: number; readonly says: string };
  'client-appealed': {
    readonly client: string;
    readonly round: number;
    readonly granted: boolean;
    readonly says: string;
  };
  /** It broke the protocol: `count` times since the last such event of it. */
  'client-offended': {
    readonly client: string;
    readonly code: string;
    readonly text: string;
    readonly round: number;
    readonly count: number;
  };
  /** What those did who had not proven who they are, since the last such event, by code: a flood must not fill the disk. */
  'auth-failed': { readonly code: string; readonly count: number };
  /** Messages that came too late, for another run, or from somebody who is not in it: no offence, as they cross on their way. By code. */
  'messages-refused': { readonly code: string; readonly round: number; readonly count: number };
  // ---- rounds
  'groups-dealt': { readonly groups: readonly TeamFact[] };
  /** Before anybody is told. */
  'attempt-started': {
    readonly round: number;
    readonly attempt: number;
    readonly model: string;
    readonly head: string;
    readonly groups: readonly TeamFact[];
  };
  /** U3 of one group, by ranks, before anybody is told. */
  'inputs-fixed': {
    readonly round: number;
    readonly attempt: number;
    readonly group: number;
    readonly u3: readonly number[];
  };
  /** U4 of one group, before anybody is told, with those who were left out and why. */
  'survivors-fixed': {
    readonly round: number;
    readonly attempt: number;
    readonly group: number;
    readonly u3: readonly number[];
    readonly u4: readonly number[];
    readonly excluded: readonly { readonly rank: number; readonly code: string }[];
  };
  /** R6 is asked for, before anybody is: from here on no other attempt of this round may be made. */
  'unmasking-asked': { readonly round: number; readonly attempt: number; readonly group: number };
  'attempt-failed': {
    readonly round: number;
    readonly attempt: number;
    readonly code: string;
    readonly text: string;
    readonly retry: string;
    readonly culprits: readonly { readonly client: string; readonly code: string }[];
  };
  /** In one transaction with its model. */
  'round-committed': {
    readonly round: number;
    readonly attempt: number;
    readonly groups: readonly { readonly group: number; readonly survivors: readonly string[] }[];
    readonly voided: readonly { readonly group: number; readonly code: string }[];
    /** What the transcript in the model's record is the hash of (protocol/round/transcript.ts). Older logs have none. */
    readonly transcript?: { readonly commitNonce: string; readonly facts: Json };
  };
  'round-void': { readonly round: number; readonly attempts: number; readonly code: string; readonly text: string };
  /** One link of the signed model chain. Its blobs are stored in the same transaction. */
  'model-recorded': { readonly hash: string; readonly record: Json };
  // ---- ledgers
  /** What the monitor remembers of whom the round concerned. */
  'monitor-judged': {
    readonly round: number;
    readonly ledgers: { readonly [client: string]: Json };
    readonly rest: Json;
  };
  /** Before the release: a crash in between leaves it in force. */
  'privacy-reserved': PrivacyFact;
  'privacy-settled': PrivacyFact;
  // ---- people
  paused: { readonly by: string; readonly reason: string };
  resumed: { readonly by: string; readonly reason: string };
  /** Its model is kept whatever its age. */
  'model-pinned': { readonly by: string; readonly reason: string; readonly round: number };
  /** Any other action of an administrator. */
  admin: { readonly by: string; readonly action: string; readonly detail: Json };
}
export type EventType = keyof EventBodies;

export type Fact = {
  readonly [T in EventType]: { readonly type: T; readonly body: EventBodies[T] };
}[EventType];

export const isFact = (event: { readonly type: string; readonly body: unknown }): event is Fact =>
  EVENT_TYPES.has(event.type);

/** A type that is not here was written by a newer version: it stays in the chain and changes no state. */
const EVENT_TYPES: ReadonlySet<string> = new Set(
  Object.keys({
    'task-created': true,
    'coordinator-started': true,
    'coordinator-stopped': true,
    'coordinator-rotated': true,
    checkpoint: true,
    restored: true,
    'client-enrolled': true,
    'client-revoked': true,
    'client-readmitted': true,
    'client-rotated': true,
    'token-revoked': true,
    'client-blamed': true,
    'client-banned': true,
    'client-quarantined': true,
    'client-released': true,
    'client-appealed': true,
    'client-offended': true,
    'auth-failed': true,
    'messages-refused': true,
    'groups-dealt': true,
    'attempt-started': true,
    'inputs-fixed': true,
    'survivors-fixed': true,
    'unmasking-asked': true,
    'attempt-failed': true,
    'round-committed': true,
    'round-void': true,
    'model-recorded': true,
    'monitor-judged': true,
    'privacy-reserved': true,
    'privacy-settled': true,
    paused: true,
    resumed: true,
    'model-pinned': true,
    admin: true,
  } satisfies Readonly<Record<EventType, true>>),
);
