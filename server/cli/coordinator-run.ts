// Starts the coordinator of `sotto coordinator` and shows its rounds until the campaign is over.
// Not here: what is read and begun before (coordinator.ts), the coordinator (server/index.ts).

import { destination, pino } from 'pino';
import type { Identity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { MIN_GROUP } from '../../protocol/limits.js';
import { nativeRng } from '../../protocol/native/index.js';
import { modelSource, startWeights } from '../../simulations/model-source.js';
import { directoryPlace } from '../audit/durable.js';
import type { CoordinatorSettings } from '../config/index.js';
import type { Begun } from '../data/begin.js';
import { type Coordinator, createHttp, type RollBack, type RoundReport, startCoordinator } from '../index.js';
import { runPlaybooks } from '../playbooks/run.js';
import { createWebhook } from '../playbooks/webhook.js';
import type { CoordinatorOptions } from './coordinator.js';
import { dashboardText, REDACTED } from './dashboard.js';
import { evaluatorOf } from './evaluate.js';
import { EXIT, type ExitCode } from './exit.js';
import { percent } from './format.js';
import { colorsFor, type Io } from './io.js';
import { lastWords } from './last-words.js';
import { LiveLines } from './live.js';
import { stoppable } from './stop.js';
import { sottoVersion } from './version.js';
import { RunView, type ViewEvent } from './view.js';

/** What has been read and begun by the time this is loaded. */
export interface Prepared {
  readonly settings: CoordinatorSettings;
  readonly identity: Identity;
  /** The data directory, locked and being looked at. Absent: there is none. */
  readonly begun: Begun | undefined;
  readonly rollBack: RollBack | undefined;
  readonly options: CoordinatorOptions;
}

const STDERR = 2;

/** As `coordinator`. */
export async function runCoordinator(
  { settings, identity, begun, rollBack, options: { log: level, json } }: Prepared,
  io: Io,
): Promise<ExitCode> {
  const source = modelSource(settings.model, (folder) => folder);
  const evaluator = settings.evaluate === 'none' ? undefined : await evaluatorOf(settings.evaluate, source.model);
  const log = pino({ level, base: null, redact: [...REDACTED] }, destination(STDERR));
  const http = createHttp({
    tokens: settings.admins,
    listenHost: settings.listen.host,
    setLogLevel: (wanted) => {
      log.level = wanted;
    },
  });
  let started: Coordinator | undefined;
  const offUncaught = lastWords({ io, json, log, running: () => started });
  try {
    const running = await startCoordinator({
      task: settings.task,
      initialWeights: startWeights(source, settings.modelSeed),
      identity,
      listen: settings.listen,
      roster: settings.roster,
      campaign: settings.campaign,
      monitor: settings.monitor,
      ...(settings.memoryBytes !== undefined && { memoryBytes: settings.memoryBytes }),
      random: secureUniform,
      ...(rollBack && { rollBack }),
      ...(settings.data === 'none' ? {} : { data: settings.data, openData: directoryPlace(begun) }),
      log,
      fetch: http.fetch,
      ...(evaluator === undefined
        ? {}
        : { evaluate: (weights: Float32Array<ArrayBuffer>) => evaluator.evaluate(weights) }),
    }).catch(explainListen);
    started = running;
    const { attached } = http.attach(running, {
      task: settings.task,
      campaign: settings.campaign,
      evaluates: evaluator !== undefined,
      version: sottoVersion(),
    });
    const { webhook, playbooks } = settings.incidents;
    runPlaybooks({
      coordinator: running,
      playbooks,
      webhook: webhook === 'none' ? undefined : createWebhook(webhook),
      log,
      board: attached.board,
      wallClock: Date.now,
    });
    const view = new RunView(colorsFor(io.stderr, io.env));
    const live = new LiveLines(io.stderr, () => view.lines());
    const show = (event: ViewEvent) => {
      live.print(view.apply(event));
      live.changed();
    };
    tell(running, json, io, show, (text) => live.print([text]));
    show({
      type: 'started',
      rounds: settings.campaign.rounds,
      groups: settings.task.group.count,
      text: `listening on ${running.url}\ncoordinator ${running.id}\nclients join with: ${joinCommand(running, settings)}\n${dashboardText(running, http)}`,
    });
    if (json) io.stdout.write(`${JSON.stringify({ type: 'listening', url: running.url, id: running.id })}\n`);
    const offHangup = io.onHangup(() => running.access.reloadCertificate());
    try {
      const result = await stoppable(io, 'finishing or handing back the round', (signal) => {
        signal.addEventListener('abort', () => void running.stop('stopped by the operator'), { once: true });
        return running.done;
      });
      live.close();
      // Farewells of clients come before the result: it is the last thing said.
      await running.stop('the campaign is over');
      if (json) io.stdout.write(`${JSON.stringify({ type: 'finished', ...result })}\n`);
      else io.stdout.write(`${endText(result.outcome)}\nmodel ${result.modelHash}\n`);
      return result.outcome.type === 'stalled' ? EXIT.failed : EXIT.ok;
    } finally {
      offHangup();
      live.close();
      await running.stop('the command ended');
    }
  } finally {
    offUncaught();
    http.close();
    await evaluator?.dispose();
  }
}

/** What an operator gives to clients; with the sample data where the coordinator itself measures on it. */
function joinCommand({ url, id }: Coordinator, { task, evaluate, roster }: CoordinatorSettings): string {
  const data = evaluate === 'none' ? '--trainer <file>' : `--data ${evaluate}`;
  const open =
    task.profile === 'open' ? ' --allow-open' : task.group.size < MIN_GROUP ? ` --min-group ${task.group.size}` : '';
  const token = roster.kind === 'token' ? ' --token <sotto tokens new>' : '';
  return `sotto client --url ${url} --task ${task.task} --coordinator ${id} ${data}${open}${token}`;
}

/** 53 random bits in [0, 1), from the system's generator: who sits with whom must not be guessed. */
function secureUniform(): number {
  const bytes = nativeRng(8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return ((view.getUint32(0) >>> 5) * 2 ** 26 + (view.getUint32(4) >>> 6)) / 2 ** 53;
}

function explainListen(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw error;
  const why =
    code === 'EADDRINUSE'
      ? 'the port is taken'
      : code === 'EACCES'
        ? 'the port needs more rights'
        : 'this machine has no such address';
  throw new SottoError('CONFIG_INVALID', `cannot listen: ${why}; change listen.host or listen.port`, {
    field: 'listen',
  });
}

function endText(outcome: Awaited<Coordinator['done']>['outcome']): string {
  switch (outcome.type) {
    case 'rounds':
      return `all ${outcome.round} rounds are over`;
    case 'accuracy':
      return `accuracy ${percent(outcome.accuracy)} reached in round ${outcome.round}`;
    case 'stalled':
      return `stalled in round ${outcome.round}: ${outcome.text}`;
    case 'budget':
      return `no privacy budget left after round ${outcome.round}: ${outcome.text}`;
    case 'stopped':
      return `stopped in round ${outcome.round}: ${outcome.reason}`;
    default:
      return outcome satisfies never;
  }
}

/** Keys are long; eight digits tell the clients of one task apart. */
const short = (client: ClientId): string => client.slice(0, 8);

function tell(
  running: Coordinator,
  json: boolean,
  io: Io,
  show: (event: ViewEvent) => void,
  print: (text: string) => void,
): void {
  const emit = (type: string, event: object) => {
    if (json) io.stdout.write(`${JSON.stringify({ type, ...event })}\n`);
  };
  running.on('attempt', ({ round, attempt, groups }) => {
    emit('attempt', { round, attempt, groups });
    show({ type: 'attempt', round, attempt });
  });
  running.on('fact', ({ round, fact }) => {
    emit('fact', { round, fact });
    if (fact.type === 'phase') show({ type: 'phase', round, group: fact.group, phase: fact.phase });
    else show({ ...fact, client: short(fact.client) });
  });
  running.on('client', (notice) => {
    emit('client', { notice });
    if (notice.type === 'blamed' || notice.type === 'offence' || notice.type === 'complaint') {
      print(
        `${notice.type}: ${notice.client === undefined ? 'somebody unknown' : short(notice.client)} ${notice.code}`,
      );
    }
  });
  running.on('setback', (setback) => {
    emit('setback', setback);
    const { inARow, pauseMs, text } = setback;
    const next = pauseMs > 0 ? `next round in ${Math.round(pauseMs / 1_000)} s` : 'still waiting for clients';
    print(`setback ${inARow}: ${text}; ${next}`);
  });
  running.on('round', (report) => {
    emit('round', report);
    show({ type: 'round', round: roundLine(report) });
  });
}

function roundLine(report: RoundReport): Extract<ViewEvent, { type: 'round' }>['round'] {
  return {
    ...report,
    void: report.outcome.type === 'void',
    cohort: report.cohort.length,
    survivors: report.survivors.length,
    spent: report.privacy === 'none' ? undefined : report.privacy.spent,
    dropped: report.dropped.map((item) => ({ ...item, client: short(item.client) })),
    excluded: report.excluded.map((item) => ({ ...item, client: short(item.client) })),
  };
}
