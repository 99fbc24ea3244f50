// What an audit log must show after operators have decided something, told from the log and from what clients did: a decision that is
// written down holds from there on. Pure. Not here: making decisions (operator.ts), rounds and sums (check-log.ts), signatures and
// ancestors of roll-backs (server/audit/verify.ts).

import { reservationId } from '../../protocol/privacy/round-events.js';
import { isFact } from '../../server/audit/events.js';
import type { AuditEvent } from '../../server/store/types.js';
import { TASK } from './tasks.js';

/** A client trained for a round, from the model after this round, which it has verified. */
export interface Trained {
  readonly client: number;
  readonly round: number;
  readonly from: number;
}
/** The rounds of the models that one life of a client has verified, in order; the one that it had from an earlier life first. */
export interface Verified {
  readonly client: number;
  readonly rounds: readonly number[];
  readonly refusesRollBack: boolean;
}
export interface Decided {
  readonly trained: readonly Trained[];
  readonly verified: readonly Verified[];
  /** Whose update any filter over sketches finds, and the fewest survivors of a group: who is found stays in only where too few are left. */
  readonly loud: readonly number[];
  readonly floor: number;
  /** The task is noised: each attempt and each model is paid for first. */
  readonly paid: boolean;
}

/** @returns `kind: what`, for each promise that was broken */
export function checkDecisions(
  events: readonly AuditEvent[],
  { trained, verified, loud, floor, paid }: Decided,
  indexOf: (client: string) => number,
): string[] {
  const says: string[] = [];
  const shut = new Set<string>();
  const until = new Map<string, number>();
  let paused = false;
  const reserved = new Map<string, ReadonlySet<string>>();
  const settled = new Set<string>();
  let teams: ReadonlyMap<number, readonly string[]> = new Map();
  const records: number[] = [];
  const rollBacks: number[] = [];
  for (const event of events) {
    if (!isFact(event)) continue;
    switch (event.type) {
      case 'client-revoked':
        shut.add(event.body.client);
        break;
      case 'client-rotated':
        shut.add(event.body.from);
        break;
      case 'client-readmitted':
        shut.delete(event.body.client);
        until.delete(event.body.client);
        break;
      case 'client-quarantined':
        until.set(event.body.client, event.body.until);
        break;
      case 'client-released':
        until.delete(event.body.client);
        break;
      case 'client-appealed':
        if (event.body.granted) until.delete(event.body.client);
        break;
      case 'paused':
        paused = true;
        break;
      case 'resumed':
        paused = false;
        break;
      case 'privacy-reserved':
        reserved.set(event.body.id, new Set(Object.values(event.body.members).flat()));
        break;
      case 'privacy-settled':
        settled.add(event.body.id);
        break;
      case 'attempt-started': {
        const { round, attempt, groups } = event.body;
        const name = `${round}.${attempt}`;
        teams = new Map(groups.map((group) => [group.id, group.members]));
        const members = groups.flatMap((group) => group.members);
        if (paused) says.push(`paused: attempt ${name} starts all the same`);
        for (const member of members) {
          if (shut.has(member)) says.push(`shut out: ${indexOf(member)} is in the roster of ${name}`);
          if ((until.get(member) ?? 0) >= round)
            says.push(`quarantined: ${indexOf(member)} is in the roster of ${name}`);
        }
        if (new Set(members.map(indexOf)).size !== members.length)
          says.push(`one client twice: in the roster of ${name}, under two keys`);
        const payers = reserved.get(reservationId(TASK, event.body));
        if (paid && !members.every((member) => payers?.has(member) === true))
          says.push(`not reserved: attempt ${name} is written down before all its members pay`);
        break;
      }
      case 'survivors-fixed': {
        const { round, attempt, group, u4, excluded } = event.body;
        const spent = excluded.some(({ code }) => code !== 'SKETCH_MISSING');
        const found = u4.map((rank) => indexOf(teams.get(group)?.[rank] ?? '')).find((index) => loud.includes(index));
        if (found !== undefined && !spent && u4.length > floor)
          says.push(`not left out: client ${found} is in the sum of ${round}.${attempt}, far from all others`);
        break;
      }
      case 'model-recorded': {
        const { type, round, attempt } = event.body.record as {
          readonly type: string;
          readonly round: number;
          readonly attempt: number;
        };
        records.push(round);
        if (type === 'rollback') rollBacks.push(round);
        if (paid && type === 'update' && !settled.has(reservationId(TASK, { round, attempt })))
          says.push(`not settled: the model of round ${round} is written down before its price`);
        break;
      }
      default:
    }
  }
  for (const { client, round, from } of trained) {
    const newest = Math.max(...records.filter((one) => one < round));
    if (from !== newest)
      says.push(`wrong model: client ${client} trained for round ${round} from the model of ${from}, not ${newest}`);
  }
  for (const { client, rounds, refusesRollBack } of verified) {
    if (!refusesRollBack) continue;
    for (const [i, to] of rounds.entries()) {
      const from = rounds[i - 1];
      const crossed = rollBacks.find((round) => from !== undefined && from < round && round <= to);
      if (crossed !== undefined)
        says.push(`roll-back taken: client ${client} follows the one of round ${crossed}, which its policy refuses`);
    }
  }
  return says;
}
