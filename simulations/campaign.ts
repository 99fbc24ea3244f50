// The campaign of a simulation: a coordinator in this process, the fleet against it, until the last round is over; what came of it.
// Not here: data and fleet (run.ts), what the coordinator does (server/).

import type { Evaluation } from '../client/trainer.js';
import { generateIdentity } from '../protocol/crypto/identity.js';
import type { ClientId } from '../protocol/ids.js';
import { nativePrimitives } from '../protocol/native/index.js';
import { renamed } from '../protocol/privacy/record.js';
import { type CampaignResult, type Coordinator, type RoundReport, startCoordinator } from '../server/index.js';
import type { Cast } from './cast.js';
import type { SimulationConfig } from './config.js';
import type { Draws } from './draws.js';
import type { Fleet } from './fleet/fleet.js';
import type { Gathering } from './fleet/gathering.js';
import type { Dropout } from './fleet/plan.js';
import type { SuccessRates } from './goals.js';
import type { FleetClient, RoundEntry, SimulationHooks, SimulationReport } from './report.js';
import { namer } from './roster.js';

export interface CampaignContext {
  readonly config: SimulationConfig;
  readonly cast: Cast;
  readonly draws: Draws;
  readonly fleet: Fleet;
  /** Shows attackers what the others learn. */
  readonly gathering: Gathering;
  readonly dropouts: readonly Dropout[];
  readonly initialWeights: Float32Array<ArrayBuffer>;
  /** Of the initial weights. */
  readonly untrained: Evaluation;
  readonly evaluate: (weights: Float32Array<ArrayBuffer>) => Promise<Evaluation>;
  /** Attack success rates of a model; absent where no attack is after something. */
  readonly goals?: (weights: Float32Array<ArrayBuffer>) => Promise<SuccessRates>;
  readonly hooks: SimulationHooks;
}
type Outcome = Pick<
  SimulationReport,
  'rounds' | 'finalAccuracy' | 'attackSuccessRate' | 'modelHash' | 'privacy' | 'outcome'
>;

/** @throws what a fleet process failed with; a campaign that stalls or is stopped has an outcome */
export async function runCampaign(context: CampaignContext): Promise<Outcome> {
  const { config, cast, draws, fleet, gathering, dropouts, initialWeights, untrained, evaluate, goals, hooks } =
    context;
  const { task, campaign, monitor } = config;
  const nameOf = namer(cast.clients);
  const identity = generateIdentity(nativePrimitives, draws.coordinator());
  const random = draws.sampling();
  const rates = new Map<number, SuccessRates>();
  const coordinator = await startCoordinator({
    task,
    initialWeights,
    identity,
    listen: { host: '127.0.0.1', port: hooks.watch?.port ?? 0 },
    ...(hooks.watch && { fetch: hooks.watch.fetch }),
    roster: { kind: 'allowlist', clients: cast.clients.map((client) => client.identity.id) },
    campaign,
    monitor,
    evaluate: async (weights, round) => {
      if (goals !== undefined) rates.set(round, await goals(weights));
      return evaluate(weights);
    },
    random: () => random.uniform(),
    sketchNonce: draws.sketchNonce,
  });
  hooks.watch?.attach(coordinator, config);
  const stop = (): void => void coordinator.stop('the simulation was stopped');
  try {
    hooks.onEvent?.({
      type: 'started',
      clients: cast.clients.length,
      groups: task.group.count,
      rounds: campaign.rounds,
      malicious: cast.malicious.map((position) => cast.clients[position]?.name ?? ''),
    });
    const rounds: RoundEntry[] = [];
    releaseDropouts(coordinator, fleet);
    gather(coordinator, gathering, cast);
    tell(coordinator, hooks, nameOf);
    coordinator.on('round', (report) => {
      const entry = entryOf(report, rounds.at(-1) ?? untrained, rates.get(report.round), nameOf);
      rounds.push(entry);
      hooks.onEvent?.({ type: 'round', entry });
    });
    if (hooks.signal?.aborted) stop();
    hooks.signal?.addEventListener('abort', stop, { once: true });
    await fleet.join({
      url: coordinator.url,
      coordinator: identity.publicKey,
      config: task,
      ...(config.fleet.recordBudget && { recordBudget: config.fleet.recordBudget }),
      dropouts,
    });
    const result = await Promise.race([coordinator.done, fleet.failed]);
    await fleet.leave();
    hooks.onModel?.(coordinator.model());
    const last = rounds.at(-1);
    return {
      rounds,
      finalAccuracy: (rounds.at(-1) ?? untrained).accuracy,
      ...(last?.attackSuccessRate && { attackSuccessRate: last.attackSuccessRate }),
      modelHash: result.modelHash,
      ...(result.privacy && { privacy: renamed(result.privacy, namesOf(cast)) }),
      outcome: outcomeOf(result),
    };
  } finally {
    hooks.signal?.removeEventListener('abort', stop);
    await coordinator.stop('the simulation is over');
  }
}

function outcomeOf({ outcome }: CampaignResult): Outcome['outcome'] {
  if (outcome.type === 'stopped' || outcome.type === 'stalled' || outcome.type === 'budget') return outcome.type;
  return 'finished';
}

/**
 * Lets scripted dropouts come back as soon as every group of the attempt has ended: to wait for the evaluation as well would cost
 * its time in each round, and an earlier return would be a resumption of the same round.
 */
function releaseDropouts(coordinator: Coordinator, fleet: Fleet): void {
  const running = new Set<number>();
  coordinator.on('attempt', ({ groups }) => {
    running.clear();
    for (const { id } of groups) running.add(id);
  });
  coordinator.on('fact', ({ round, fact }) => {
    if (fact.type !== 'phase' || (fact.phase !== 'done' && fact.phase !== 'failed')) return;
    running.delete(fact.group);
    if (running.size === 0) fleet.over(round);
  });
  coordinator.on('round', ({ round }) => fleet.over(round));
}

/** Keeps `gathering` informed of who is in the attempt and who has left it. */
function gather(coordinator: Coordinator, gathering: Gathering, { clients }: Cast): void {
  const positions = new Map(clients.map(({ identity, position }) => [identity.id, position]));
  coordinator.on('attempt', ({ round, attempt, groups }) => {
    const members = groups.flatMap(({ id, members }) =>
      members.map((member) => [positions.get(member) ?? -1, id] as const),
    );
    gathering.begin(round, attempt, new Map(members));
  });
  coordinator.on('fact', ({ fact }) => {
    if (fact.type !== 'phase') gathering.gone(positions.get(fact.client) ?? -1);
  });
}

function tell(
  coordinator: Coordinator,
  { onEvent, warn }: SimulationHooks,
  nameOf: (id: ClientId) => FleetClient,
): void {
  coordinator.on('attempt', ({ round, attempt }) => onEvent?.({ type: 'attempt', round, attempt }));
  coordinator.on('fact', ({ round, fact }) => {
    switch (fact.type) {
      case 'phase':
        return onEvent?.({ type: 'phase', round, group: fact.group, phase: fact.phase });
      case 'dropped':
      case 'excluded':
        return onEvent?.({ ...fact, round, client: nameOf(fact.client) });
      default:
        return fact satisfies never;
    }
  });
  coordinator.on('client', (notice) => {
    if (notice.type !== 'offence' && notice.type !== 'complaint') return;
    const who = notice.client === undefined ? 'somebody unknown' : nameOf(notice.client);
    warn?.(`${who}: ${notice.type}: ${notice.code}: ${notice.text}`);
  });
}

/** @param before what the model was worth: a void round leaves it as it was */
function entryOf(
  report: RoundReport,
  before: Pick<Evaluation, 'accuracy' | 'loss'> & Pick<RoundEntry, 'attackSuccessRate'>,
  rates: SuccessRates | undefined,
  nameOf: (id: ClientId) => FleetClient,
): RoundEntry {
  const { round, attempts, outcome, cohort, survivors, dropped, excluded, voidedGroups } = report;
  const { seconds, bytesUp, bytesDown, modelHash } = report;
  const attackSuccessRate = rates ?? before.attackSuccessRate;
  return {
    round,
    attempts,
    void: outcome.type === 'void',
    accuracy: report.accuracy ?? before.accuracy,
    loss: report.loss ?? before.loss,
    ...(attackSuccessRate && { attackSuccessRate }),
    ...(report.privacy !== 'none' && { privacy: report.privacy }),
    monitor: report.monitor.map((event) => ('client' in event ? { ...event, client: nameOf(event.client) } : event)),
    cohort: cohort.map(nameOf).sort(),
    survivors: survivors.map(nameOf).sort(),
    dropped: byName(dropped.map(({ client, phase }) => ({ client: nameOf(client), phase }))),
    excluded: byName(excluded.map((one) => ({ ...one, client: nameOf(one.client) }))),
    spared: report.selection === 'none' ? [] : report.selection.spared.map(({ id }) => nameOf(id)).sort(),
    voidedGroups: voidedGroups.map(({ group }) => group),
    seconds,
    bytesUp,
    bytesDown,
    modelHash,
  };
}

const namesOf = ({ clients }: Cast): ReadonlyMap<ClientId, string> =>
  new Map(clients.map(({ identity, name }) => [identity.id, name]));

const byName = <T extends { readonly client: FleetClient }>(rows: T[]): T[] =>
  rows.sort((a, b) => (a.client < b.client ? -1 : 1));
