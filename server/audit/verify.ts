// What a third party can say about a coordinator from its exported audit log alone: the chain of events and its signatures, every
// model recomputed from the one before and the published aggregate, the rules that rounds have to keep, and the privacy spent.
// Not here: reading the folder (export.ts), one link of the model chain (verify-chain.ts), words for people (server/cli/verify.ts).

import { type AuditEvent, eventHash, ORIGIN, type SignedHead, verifyHead } from '../../protocol/audit/event.js';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, fromHex, type Hash } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { type CohortEntry, EMPTY_COHORT, replay as replayCohort } from '../../protocol/privacy/cohort-ledger.js';
import type { PrivacyEvent } from '../../protocol/privacy/events.js';
import { createCurves, eventsInForce, openReservations } from '../../protocol/privacy/ledger.js';
import { price, type Statement, sameStatement, statementsOf } from '../../protocol/privacy/price.js';
import { renamedEntry } from '../campaign/rotate.js';
import { CoordinatorKeys } from './coordinator-keys.js';
import { type Fact, isFact } from './events.js';
import type { AuditExport } from './export.js';
import { KeyMoves } from './key-moves.js';
import { RoundRules } from './round-rules.js';
import { ModelLinks } from './verify-chain.js';
import { Transcripts } from './verify-transcript.js';

/** Most that is listed: the first says what to look at. */
const MAX_PROBLEMS = 50;
/** δ at which the spend is told; each client's own budget may have another. */
const REPORT_DELTA = 1e-6;

export interface PrivacySpend {
  readonly statement: Statement;
  /** Of the client that has spent most, by the RDP bound. */
  readonly epsilon: number;
  readonly delta: number;
  readonly client: ClientId;
}
export interface Verdict {
  readonly ok: boolean;
  /** Who it is now. */
  readonly coordinator: ClientId;
  /** All the keys that it has had, the first one first; each handed over to the next. */
  readonly keys: readonly ClientId[];
  readonly task: string | undefined;
  readonly events: number;
  readonly head: { readonly seq: number; readonly hash: Hash } | undefined;
  /** Signed checkpoints in the log, each over all before it. */
  readonly checkpoints: number;
  /** Starts of the coordinator, and how many of them followed no graceful stop. */
  readonly starts: number;
  readonly crashes: number;
  readonly rounds: { readonly committed: number; readonly void: number };
  /** Of committed rounds: recomputed from the log and equal to what the record of the model is signed with; or not in an older log. */
  readonly transcripts: { readonly recomputed: number; readonly notRecomputed: number };
  readonly models: {
    readonly records: number;
    /** Recomputed bit by bit from the model before and the published aggregate. */
    readonly recomputed: number;
    /** Checked by hash and signature alone: the model before, or the aggregate, is not in the export. */
    readonly notRecomputed: number;
    readonly rollBacks: number;
    readonly newest: Hash | undefined;
  };
  readonly privacy: { readonly spent: readonly PrivacySpend[]; readonly unsettled: number };
  /** In plain words, the earliest first. Empty where everything holds. */
  readonly problems: readonly string[];
}

export interface Expected {
  /**
   * A key that one has from elsewhere; the export only says whose it claims to be. Any that the coordinator has had: those after it follow from
   * hand-overs. The newest one says most, since whoever has stolen an older one could make a log with another hand-over.
   */
  readonly coordinator?: ClientId;
  /** A head that one knows from elsewhere: the log must contain it. A log cut short is else as good as a whole one. */
  readonly head?: { readonly seq: number; readonly hash: Hash };
}

/** Never throws for what it finds; @throws AUDIT_INVALID alone where the folder is no export. */
export async function verifyAudit(log: AuditExport, expected: Expected = {}): Promise<Verdict> {
  const problems: string[] = [];
  const problem = (text: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(text);
  };
  const keys = new CoordinatorKeys(nativePrimitives, log.coordinator, problem);
  const links = new ModelLinks(nativePrimitives, keys, log.blob, problem);
  const rules = new RoundRules(problem);
  const transcripts = new Transcripts(nativePrimitives, keys, problem);
  const ledger: CohortEntry[] = [];
  const moves = new KeyMoves(keys, problem);
  const counts = { events: 0, checkpoints: 0, starts: 0, crashes: 0, committed: 0, void: 0 };
  let before: { readonly seq: number; readonly hash: Hash } = { seq: 0, hash: ORIGIN };
  let task: string | undefined;
  let running = false;
  /** Of a head that names the event which was read last: a hand-over itself is still under the old key. */
  let signer = keys.current;
  let expectedSeen = expected.head === undefined;

  const take = (fact: Fact, at: number): void => {
    moves.take(fact, at);
    switch (fact.type) {
      case 'task-created':
        if (at !== 1 || task !== undefined) problem(`event ${at} creates a task, which only event 1 may`);
        task = fact.body.task;
        links.begin(fact.body.task, fact.body.config);
        return;
      case 'coordinator-started':
        counts.starts++;
        if (running) counts.crashes++;
        running = true;
        return;
      case 'coordinator-stopped':
        running = false;
        return;
      case 'checkpoint': {
        const { seq, hash, signature } = fact.body;
        const signed: SignedHead = { seq, hash: hash as Hash, signature: fromHex(signature) };
        if (hashes.get(seq) !== hash) problem(`the checkpoint in event ${at} names another event ${seq}`);
        else if (!verifyHead(nativePrimitives, keys.current, signed))
          problem(`the checkpoint in event ${at} has no valid signature`);
        else counts.checkpoints++;
        return;
      }
      case 'model-recorded':
        links.take(at, fact.body.hash as Hash, fact.body.record);
        return;
      case 'round-committed':
        counts.committed++;
        return;
      case 'round-void':
        counts.void++;
        return;
      case 'client-rotated': {
        const { from, to } = fact.body;
        // Under another key it has still spent what it has spent.
        for (const [i, entry] of ledger.entries()) ledger[i] = renamedEntry(entry, from as ClientId, to as ClientId);
        return;
      }
      case 'privacy-reserved':
      case 'privacy-settled': {
        const { id, events, members } = fact.body;
        const type = fact.type === 'privacy-reserved' ? 'reserved' : 'settled';
        const entry = { type, id, events: events as unknown as readonly PrivacyEvent[] } as const;
        ledger.push({ entry, members: members as unknown as CohortEntry['members'] });
        return;
      }
      default:
    }
  };

  const hashes = new Map<number, Hash>([[0, ORIGIN]]);
  try {
    for await (const event of log.events) {
      if (event.seq !== before.seq + 1) problem(`event ${event.seq} stands where event ${before.seq + 1} should be`);
      else if (event.prevHash !== before.hash)
        problem(`event ${event.seq} does not follow event ${before.seq}: one of them was changed`);
      const hash = eventHash(nativePrimitives, event);
      before = { seq: event.seq, hash };
      hashes.set(event.seq, hash);
      counts.events++;
      if (expected.head?.seq === event.seq && expected.head.hash === hash) expectedSeen = true;
      signer = keys.current;
      guarded(event, problem, () => {
        if (!isFact(event)) return;
        keys.take(event, event.seq);
        take(event, event.seq);
        rules.take(event, event.seq);
        transcripts.take(event, event.seq);
      });
    }
  } catch (error) {
    if (!(error instanceof SottoError) || error.code !== 'AUDIT_INVALID') throw error;
    problem(error.message);
  }
  const head = log.head();
  if (head === undefined) problem('the log ends without a signed head: it was cut short');
  else if (head.seq !== before.seq || head.hash !== before.hash)
    problem(`the head names event ${head.seq}, the log ends with another one: ${before.seq}`);
  else if (!verifyHead(nativePrimitives, signer, head))
    problem('the signature of the head is not that of the coordinator');
  if (keys.ids.at(-1) !== log.coordinator)
    problem(`the log names ${log.coordinator} as its coordinator, and its events lead to ${keys.ids.at(-1)}`);
  if (expected.coordinator !== undefined && !keys.ids.includes(expected.coordinator))
    problem(`the log is of coordinator ${keys.ids.join(', then ')}, expected was ${expected.coordinator}`);
  if (!expectedSeen)
    problem(
      `the log does not contain event ${expected.head?.seq} with the hash that was expected: it is another log, or one that was cut short`,
    );
  if (task === undefined) problem('the log does not say which task it is of');
  return {
    coordinator: log.coordinator,
    keys: keys.ids,
    task,
    events: counts.events,
    head,
    checkpoints: counts.checkpoints,
    starts: counts.starts,
    crashes: counts.crashes,
    rounds: { committed: counts.committed, void: counts.void },
    transcripts: transcripts.summary(),
    models: links.summary(),
    privacy: spentOf(ledger, problem),
    problems,
    ok: problems.length === 0,
  };
}

/** A body that is not what its type says breaks a rule of the log, and not the reader. */
function guarded(event: AuditEvent, problem: (text: string) => void, work: () => void): void {
  try {
    work();
  } catch (error) {
    problem(
      `event ${event.seq} (${event.type}) has a body that makes no sense: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function spentOf(entries: readonly CohortEntry[], problem: (text: string) => void): Verdict['privacy'] {
  const curves = createCurves();
  try {
    const cohort = replayCohort(EMPTY_COHORT, entries, curves);
    const most: PrivacySpend[] = [];
    let unsettled = 0;
    for (const [client, own] of cohort) {
      unsettled += openReservations(own).length;
      for (const { statement, events } of statementsOf(eventsInForce(own))) {
        const { epsilon } = price(events, REPORT_DELTA, { accountant: 'rdp', curves });
        const at = most.findIndex((one) => sameStatement(one.statement, statement));
        const spend = { statement, epsilon, delta: REPORT_DELTA, client };
        if (at < 0) most.push(spend);
        else if ((most[at]?.epsilon ?? 0) < epsilon) most[at] = spend;
      }
    }
    return { spent: most, unsettled };
  } catch (error) {
    problem(`the privacy ledger does not hold together: ${error instanceof Error ? error.message : error}`);
    return { spent: [], unsettled: 0 };
  }
}
