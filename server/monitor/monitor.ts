// The monitor: step(state, observation) → {state, events}, once a round. Judges clients and groups, keeps a ledger of suspicion with
// decay, and says what to do: observe, quarantine, ban. Pure. Not here: the tests (clients.ts, groups.ts), exclusions within a round,
// which cannot wait for its end (screening.ts), carrying anything out (driver/, campaign/).
//
// False alarms. An honest sketch fails a test with probability α = 10⁻³ a round (robust.ts). Two extremes of what an honest fleet is:
// (a) Every round is a fresh draw. Suspicion reaches 2.5 with three findings when 1 + 0.9^a + 0.9^b ≥ 2.5, which has four solutions
//     a < b ≤ 4, or with two strong ones (beyond twice the threshold: below 10⁻⁶ each). So a quarantine has probability about 4α³ =
//     4·10⁻⁹ per client and round: 10⁻⁴ in 500 rounds of 48 clients.
// (b) Nothing is fresh: who is far out is far out for ever. Then all findings are of the same few clients, and the number of
//     quarantined honest clients is at most n·α = 0.05 for 48 clients, however long the run.
// Real fleets lie between. Both assume that ln norm, ln distance and atanh cosine are about Gaussian over honest clients; data that
// are not (two kinds of clients, say) break it, which is why a statistic never bans and an appeal is heard.

import type { ClientId, GroupId } from '../../protocol/ids.js';
import { judgeParticipation, WINDOW } from './clients.js';
import { HISTORY, judgeDisagreement, judgeGroups, logDisagreement } from './groups.js';
import type {
  ClientObservation,
  ClientSignal,
  Finding,
  Ledger,
  MonitorEvent,
  MonitorSettings,
  MonitorState,
  RoundObservation,
} from './types.js';

export interface MonitorStep {
  readonly state: MonitorState;
  readonly events: readonly MonitorEvent[];
}

/**
 * What a finding adds to the suspicion; strong ones count twice. With decay 0.9 a weight w each round levels off at 10·w: what must not
 * quarantine anybody by itself stays below a quarter.
 */
const WEIGHT: Readonly<Record<ClientSignal, number>> = {
  norm: 1,
  distance: 1,
  direction: 1,
  silence: 1,
  replay: 1,
  offence: 1,
  // Its victim looks the same: whoever is copied is a duplicate, too.
  duplicate: 0.2,
  // A bad network is no attack.
  participation: 0.1,
};
/** Findings kept as evidence of one client. */
const KEPT = 12;

export const FRESH: Ledger = {
  suspicion: 0,
  findings: [],
  quarantinedUntil: 0,
  quarantines: 0,
  pardonedUntil: 0,
  banned: false,
  group: 0,
  left: [],
};

export const openMonitor = (settings: MonitorSettings): MonitorState => ({
  settings,
  round: 0,
  clients: new Map(),
  disagreements: [],
});

/** Whether the client should be left out of cohorts in this round. */
export function isBarred(state: MonitorState, client: ClientId, round: number): boolean {
  const ledger = state.clients.get(client);
  return ledger !== undefined && (ledger.banned || ledger.quarantinedUntil >= round);
}

/** Deterministic; changes nothing it is given. Rounds ascend. */
export function stepMonitor(state: MonitorState, observation: RoundObservation): MonitorStep {
  const { settings } = state;
  const { round, proofs } = observation;
  const events: MonitorEvent[] = [];
  const clients = new Map(state.clients);
  for (const { id, group, outcome } of observation.clients) {
    const before = clients.get(id) ?? FRESH;
    clients.set(id, { ...before, group, left: [...before.left, outcome.type === 'dropped'].slice(-WINDOW) });
  }
  release(clients, round, events);
  const findings = [
    ...(observation.screening?.findings ?? []),
    ...observation.clients.flatMap(offenceOf),
    ...judgeParticipation(clients, observation.clients),
  ];
  for (const finding of findings) {
    events.push({ type: 'observe', round, client: finding.client, finding, says: finding.says });
  }
  events.push(...(observation.screening?.events ?? []));
  for (const { client, code } of proofs) {
    const ledger = clients.get(client) ?? FRESH;
    if (ledger.banned) continue;
    clients.set(client, { ...ledger, banned: true });
    events.push({ type: 'ban', round, client, code, says: `banned: its own signed messages prove ${code}` });
  }
  const due: ClientId[] = [];
  for (const [id, ledger] of clients) {
    const own = findings.filter(({ client }) => client === id);
    const next = remember(ledger, own, settings);
    clients.set(id, next);
    if (next.banned || next.quarantinedUntil >= round || next.pardonedUntil >= round) continue;
    if (own.length > 0 && next.suspicion >= settings.quarantineAt) due.push(id);
  }
  quarantine(due, clients, observation, settings, events);
  events.push(...judgeGroups(observation, settings));
  const { disagreement } = observation;
  let { disagreements } = state;
  if (disagreement !== undefined) {
    const alarms = judgeDisagreement(round, disagreement, disagreements, settings);
    events.push(...alarms);
    // Rounds of alarm do not become what is usual.
    if (alarms.length === 0) disagreements = [...disagreements, logDisagreement(disagreement)].slice(-HISTORY);
  }
  return { state: { settings, round, clients, disagreements }, events };
}

/**
 * Somebody responsible has heard the client. Granted: the quarantine ends, the suspicion is forgotten, and for as many rounds as a
 * first quarantine statistics do nothing but observe. A ban rests on a proof and is not appealed here: show that the proof is wrong.
 */
export function appeal(state: MonitorState, client: ClientId, granted: boolean, reason: string): MonitorStep {
  const ledger = state.clients.get(client) ?? FRESH;
  const { round, settings } = state;
  const holds = granted && !ledger.banned;
  const clients = new Map(state.clients);
  if (holds) {
    clients.set(client, {
      ...ledger,
      suspicion: 0,
      findings: [],
      quarantinedUntil: 0,
      pardonedUntil: round + settings.quarantineRounds,
    });
  }
  const verdict = holds ? 'granted' : ledger.banned && granted ? 'not possible, the ban rests on a proof' : 'refused';
  const says = `appeal ${verdict}: ${reason}`;
  return { state: { ...state, clients }, events: [{ type: 'appeal', round, client, granted: holds, says }] };
}

function release(clients: Map<ClientId, Ledger>, round: number, events: MonitorEvent[]): void {
  for (const [id, ledger] of clients) {
    if (ledger.banned || ledger.quarantinedUntil === 0 || ledger.quarantinedUntil >= round) continue;
    clients.set(id, { ...ledger, quarantinedUntil: 0 });
    events.push({ type: 'release', round, client: id, says: 'its quarantine is over' });
  }
}

function offenceOf({ id, outcome }: ClientObservation): Finding[] {
  if (outcome.type !== 'excluded' || !outcome.offence) return [];
  const says = `it broke the protocol in phase ${outcome.phase}: ${outcome.code}`;
  return [{ client: id, signal: 'offence', value: 1, threshold: 1, strong: false, says }];
}

function remember(ledger: Ledger, own: readonly Finding[], { decay }: MonitorSettings): Ledger {
  const points = own.map(({ signal, strong }) => ({
    weight: WEIGHT[signal] * (strong ? 2 : 1),
    full: WEIGHT[signal] >= 1,
  }));
  // Norm and distance of one bad update are one event, not two.
  const full = points.filter((one) => one.full).reduce((most, { weight }) => Math.max(most, weight), 0);
  const weak = points.filter((one) => !one.full).reduce((sum, { weight }) => sum + weight, 0);
  const suspicion = decay * ledger.suspicion + full + weak;
  return { ...ledger, suspicion, findings: [...ledger.findings, ...own].slice(-KEPT) };
}

/** The most suspicious first, as long as each group can still form without them; whoever is spared keeps its suspicion. */
function quarantine(
  due: readonly ClientId[],
  clients: Map<ClientId, Ledger>,
  { round, room }: RoundObservation,
  { quarantineRounds, maxQuarantineRounds }: MonitorSettings,
  events: MonitorEvent[],
): void {
  const ledgerOf = (client: ClientId): Ledger => clients.get(client) ?? FRESH;
  // From the next round on; those who are released then do not count.
  const barredIn = (group: GroupId): number =>
    [...clients.values()].filter((one) => one.group === group && (one.banned || one.quarantinedUntil > round)).length;
  for (const client of [...due].sort((a, b) => ledgerOf(b).suspicion - ledgerOf(a).suspicion)) {
    const ledger = ledgerOf(client);
    const { suspicion, findings: evidence, group } = ledger;
    const last = evidence.at(-1)?.says ?? '';
    if (barredIn(group) >= room) {
      const says = `to be quarantined (suspicion ${suspicion.toFixed(1)}), but its group can lose no more than ${room}; last: ${last}`;
      events.push({ type: 'spared', from: 'quarantine', round, client, evidence, says });
      continue;
    }
    const rounds = Math.min(maxQuarantineRounds, quarantineRounds * 2 ** ledger.quarantines);
    const until = round + rounds;
    const says = `quarantined for ${rounds} rounds on its record (suspicion ${suspicion.toFixed(1)}); last: ${last}`;
    events.push({ type: 'quarantine', round, client, until, suspicion, evidence, says });
    // A clean slate afterwards: the same evidence must not count twice.
    clients.set(client, {
      ...ledger,
      suspicion: 0,
      findings: [],
      quarantinedUntil: until,
      quarantines: ledger.quarantines + 1,
    });
  }
}
