// `sotto simulate`: reads the file, runs the fleet, shows it, writes the report. Not here: the simulation itself (simulations/).

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isPlainMean } from '../../protocol/rule.js';
import { loadSimulationConfig, type SimulationConfig } from '../../simulations/config.js';
import type { RunSimulation, SimulationEvent, SimulationReport } from '../../simulations/report.js';
import { comparisons, withPlainMean } from '../../simulations/variants.js';
import { watching } from './dashboard.js';
import { EXIT, type ExitCode } from './exit.js';
import { colorsFor, type Io } from './io.js';
import { LiveLines } from './live.js';
import { comparisonTable, outcomeLines } from './outcome.js';
import { writeRun } from './runs.js';
import { spentLines } from './spent.js';
import { stoppable } from './stop.js';
import { defenceName, reportSummary, reportTable } from './table.js';
import { RunView, type ViewEvent } from './view.js';

export interface SimulateOptions {
  /** The plain mean as well. */
  readonly baseline: boolean;
  /** All other defences as well. */
  readonly compare: boolean;
  readonly seed?: number;
  readonly rounds?: number;
  readonly out: string;
  readonly json: boolean;
  /** A port; true: any free one. Absent: nobody watches. */
  readonly dashboard?: number | true;
}

/** The sample of the main job, beside the compiled files in the package. */
const MAIN_JOB = fileURLToPath(new URL('../../../examples/mnist.yaml', import.meta.url));

/**
 * @param path of the settings; absent: the sample examples/mnist.yaml
 * @returns ok; failed where a run stalled; interrupted where it was stopped
 */
export async function simulate(
  path: string | undefined,
  options: SimulateOptions,
  io: Io,
  run: RunSimulation,
): Promise<ExitCode> {
  const file = path ?? MAIN_JOB;
  const config = loadSimulationConfig(file, {
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.rounds === undefined ? {} : { rounds: options.rounds }),
  });
  if (path === undefined && existsSync(file)) io.stderr.write('no settings named: running examples/mnist.yaml\n');
  const plans = plansOf(config, options);
  return stoppable(io, 'stopping after this attempt', async (signal) => {
    const reports: SimulationReport[] = [];
    let model: Float32Array<ArrayBuffer> | undefined;
    for (const plan of plans) {
      if (signal.aborted) break;
      const { profile, rule } = plan.task;
      const name = defenceName({ profile, rule, config: plan });
      if (plans.length > 1) io.stderr.write(`${colorsFor(io.stderr, io.env).bold(name)}\n`);
      const first = reports.length === 0;
      const keep = (weights: Float32Array<ArrayBuffer>): void => {
        if (first) model = weights;
      };
      reports.push(await runOne(plan, options, io, run, signal, keep));
    }
    const [report, ...compared] = reports;
    if (report === undefined) return EXIT.interrupted;
    const written = writeRun(options.out, report, compared, new Date(), model);
    if (options.json) io.stdout.write(`${JSON.stringify({ type: 'report', file: written, ...report, compared })}\n`);
    else {
      const paint = colorsFor(io.stdout, io.env);
      const lines = [
        reportTable(report, compared, paint),
        ...outcomeLines(report, paint),
        ...spentLines(report),
        ...(compared.length > 0 ? [comparisonTable(reports, paint)] : []),
        ...reportSummary(report, compared),
        `report ${written}`,
      ];
      io.stdout.write(`${lines.join('\n')}\n`);
    }
    if (reports.some(({ outcome }) => outcome === 'stalled')) return EXIT.failed;
    return signal.aborted ? EXIT.interrupted : EXIT.ok;
  });
}

/** The configuration first, then what it is compared with. One that defends nothing is its own baseline. */
function plansOf(
  config: SimulationConfig,
  { baseline, compare }: Pick<SimulateOptions, 'baseline' | 'compare'>,
): readonly SimulationConfig[] {
  if (compare) return [config, ...comparisons(config)];
  const undefended = config.task.profile !== 'sketch' && isPlainMean(config.task.rule);
  return baseline && !undefended ? [config, withPlainMean(config)] : [config];
}

async function runOne(
  config: SimulationConfig,
  { json, dashboard }: SimulateOptions,
  io: Io,
  run: RunSimulation,
  signal: AbortSignal,
  onModel: (weights: Float32Array<ArrayBuffer>) => void,
): Promise<SimulationReport> {
  const view = new RunView(colorsFor(io.stderr, io.env));
  const live = new LiveLines(io.stderr, () => view.lines());
  const http =
    dashboard === undefined ? undefined : watching(dashboard === true ? 0 : dashboard, (text) => live.print([text]));
  try {
    return await run(config, {
      signal,
      onModel,
      ...(http && { watch: http.watch }),
      warn: (text) => live.print([text]),
      onEvent: (event) => {
        if (json) io.stdout.write(`${JSON.stringify(withRule(event, config))}\n`);
        live.print(view.apply(toView(event)));
        live.changed();
      },
    });
  } finally {
    http?.close();
    live.close();
  }
}

/** `--compare` runs several rules; a reader of the JSON lines must be able to tell them apart. */
const withRule = (event: SimulationEvent, { task }: SimulationConfig) => ({
  ...event,
  profile: task.profile,
  rule: task.rule.name,
});

function toView(event: SimulationEvent): ViewEvent {
  switch (event.type) {
    case 'started': {
      const bad = event.malicious.length === 0 ? '' : `, malicious ${event.malicious.join(', ')}`;
      return {
        type: 'started',
        rounds: event.rounds,
        groups: event.groups,
        text: `${event.clients} clients in ${event.groups} groups${bad}`,
      };
    }
    case 'attempt':
    case 'phase':
    case 'dropped':
    case 'excluded':
      return event;
    case 'round': {
      const { entry } = event;
      return {
        type: 'round',
        round: {
          ...entry,
          cohort: entry.cohort.length,
          survivors: entry.survivors.length,
          spent: entry.privacy?.spent,
        },
      };
    }
    default:
      return event satisfies never;
  }
}
