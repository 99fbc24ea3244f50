// What an audit log must show after kills, told from the log alone and from what others saw: nothing acknowledged is lost, one
// model chain, nobody counted twice, ledgers that only grow, the right round after each restart. Pure. Not a test.

import { eventHash } from '../../protocol/audit/event.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { Json } from '../../protocol/task.js';
import { isFact } from '../../server/audit/events.js';
import { applyChange, progressOf, project } from '../../server/audit/project.js';
import type { AuditEvent } from '../../server/store/types.js';

/** What one contribution adds to its own coordinate, on the grids of the tasks that are checked so. */
export const STEP = 0.5;

export interface Seen {
  /** Heads that the coordinator was promised are durable. */
  readonly heads: ReadonlyMap<number, string>;
  /** Models that clients verified, by round. */
  readonly models: ReadonlyMap<number, ReadonlySet<string>>;
  /** Attempts that clients joined, as `round.attempt`. */
  readonly joined: ReadonlySet<string>;
}
/** One committed round: who is said to be in it. */
export interface CommittedRound {
  readonly round: number;
  readonly attempt: number;
  readonly groups: readonly { readonly group: number; readonly survivors: readonly string[] }[];
}
/** Whether a published aggregate is that of exactly these clients. */
export type SumCheck = (round: CommittedRound, aggregate: Float32Array) => boolean;

export interface LogFindings {
  readonly acknowledgedLost: number;
  readonly forks: number;
  readonly countedTwice: number;
  readonly wentBack: number;
  readonly wrongRoundAfterRestart: number;
  readonly committed: number;
  readonly restarts: number;
  readonly sameRoundAgain: number;
  readonly says: readonly string[];
}

/** @param aggregate d values of the aggregate with this blob hash, or undefined where it is gone @param indexOf coordinate of a client @param holds default: the mean of one-hot updates */
export function checkLog(
  events: readonly AuditEvent[],
  seen: Seen,
  aggregate: (hash: string) => Float32Array | undefined,
  indexOf: (client: string) => number,
  holds: SumCheck = ({ groups }, vector) =>
    isOneHot(
      vector,
      groups.flatMap(({ survivors }) => survivors.map(indexOf)),
    ),
): LogFindings {
  const says: string[] = [];
  const count = { acknowledgedLost: 0, forks: 0, countedTwice: 0, wentBack: 0, wrongRoundAfterRestart: 0 };
  const find = (what: keyof typeof count, text: string): void => {
    count[what]++;
    if (says.length < 20) says.push(`${what}: ${text}`);
  };
  const hashes = new Map(events.map((event) => [event.seq, eventHash(nativePrimitives, event)]));
  for (const [seq, hash] of seen.heads) {
    if (hashes.get(seq) !== hash) find('acknowledgedLost', `event ${seq} was acknowledged as ${hash.slice(0, 8)}`);
  }
  const rows = new Map<string, Json>();
  const models = new Map<number, string>();
  const attempts = new Set<string>();
  let committed = 0;
  let restarts = 0;
  let sameRoundAgain = 0;
  let expected: { readonly round: number; readonly attempt: number } | undefined;
  for (const event of events) {
    const before = progressOf(rows);
    if (isFact(event)) {
      if (event.type === 'coordinator-started' && before.round > 0) {
        restarts++;
        const running = before.round > before.lastRound;
        // Before R6 the same round; after it, and between rounds, the next one.
        expected =
          running && !before.opened
            ? { round: before.round, attempt: before.attempt + 1 }
            : { round: Math.max(before.lastRound, before.round) + 1, attempt: 1 };
        if (running && !before.opened) sameRoundAgain++;
      }
      // Announced to nobody, because too few came back in time.
      if (event.type === 'round-void' && expected?.round === event.body.round)
        expected = { round: event.body.round + 1, attempt: 1 };
      if (event.type === 'attempt-started') {
        const { round, attempt } = event.body;
        attempts.add(`${round}.${attempt}`);
        if (round < before.round || (round === before.round && attempt <= before.attempt))
          find('wentBack', `attempt ${round}.${attempt} after ${before.round}.${before.attempt}`);
        if (expected !== undefined && (expected.round !== round || expected.attempt !== attempt))
          find('wrongRoundAfterRestart', `${round}.${attempt} where ${expected.round}.${expected.attempt} was due`);
        expected = undefined;
      }
      if (event.type === 'model-recorded') {
        const record = event.body.record as {
          readonly type: string;
          readonly round: number;
          readonly modelAfter: string;
        };
        // A roll-back takes a round number of its own.
        if (record.type === 'rollback' && expected !== undefined) expected = { round: record.round + 1, attempt: 1 };
        if (models.has(record.round)) find('forks', `two models of round ${record.round}`);
        models.set(record.round, record.modelAfter);
      }
      if (event.type === 'round-committed') {
        committed++;
        const record = [...events.slice(0, event.seq)].reverse().find(({ type }) => type === 'model-recorded');
        const hash = (record?.body.record as { readonly aggregate: string } | undefined)?.aggregate ?? '';
        const vector = aggregate(hash);
        if (vector === undefined) find('acknowledgedLost', `the aggregate of round ${event.body.round} is gone`);
        else if (!holds(event.body, vector)) find('countedTwice', `round ${event.body.round}`);
      }
    }
    for (const change of project(rows, event)) {
      const [key, value] = change;
      if (key === 'campaign' && progressOf(rows).lastRound > (value as { readonly lastRound: number }).lastRound)
        find('wentBack', `round ${progressOf(rows).lastRound} at event ${event.seq}`);
      const moves = event.type === 'client-rotated' && key.startsWith('monitor/');
      if (/^(privacy|monitor|client)\//.test(key) && value === undefined && !moves)
        find('wentBack', `${key} was deleted`);
      applyChange(rows, change);
    }
  }
  for (const [round, names] of seen.models) {
    if (names.size > 1) find('forks', `clients saw ${names.size} models of round ${round}`);
    for (const name of names)
      if (models.get(round) !== name)
        find('acknowledgedLost', `a client has a model of round ${round} that the log has not`);
  }
  for (const name of seen.joined) {
    if (!attempts.has(name)) find('acknowledgedLost', `a client joined attempt ${name}, which the log does not know`);
  }
  return { ...count, committed, restarts, sameRoundAgain, says };
}

/** Means of groups are weighed again and so rounded twice in float32; a client counted twice is off by a whole share. */
const ROUNDING = 1e-5;

/** The mean of the survivors' one-hot updates: STEP / |S| at each of their coordinates, nothing elsewhere. */
export function isOneHot(vector: Float32Array, survivors: readonly number[]): boolean {
  const inside = new Set(survivors);
  const share = STEP / survivors.length;
  const isShare = (value: number): boolean => Math.abs(value / share - 1) < ROUNDING;
  return inside.size === survivors.length && vector.every((value, i) => (inside.has(i) ? isShare(value) : value === 0));
}
