// `sotto redteam`: reads the matrix and its bars, runs what has not run, writes the report. Not here: the red team itself
// (simulations/redteam), how the pages look (simulations/redteam/pages.ts).

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judge, loadBars } from '../../simulations/redteam/gate.js';
import { type RedTeamEvent, runRedTeam } from '../../simulations/redteam/matrix.js';
import type { CellResult, RedTeamReport } from '../../simulations/redteam/report.js';
import { loadRedTeamConfig } from '../../simulations/redteam/settings.js';
import type { RunSimulation } from '../../simulations/report.js';
import { EXIT, type ExitCode } from './exit.js';
import { percent, seconds } from './format.js';
import { colorsFor, type Io } from './io.js';
import { LiveLines } from './live.js';
import { stoppable } from './stop.js';

export interface RedTeamOptions {
  readonly gate?: string;
  readonly out: string;
  readonly fresh: boolean;
  readonly json: boolean;
}

/** The sample, beside the compiled files in the package. */
const SAMPLE = fileURLToPath(new URL('../../../examples/redteam.yaml', import.meta.url));

/**
 * @param path of the settings; absent: the sample examples/redteam.yaml
 * @returns ok; gate where a bar is missed; interrupted where it was stopped before the last cell
 */
export async function redTeam(
  path: string | undefined,
  options: RedTeamOptions,
  io: Io,
  run: RunSimulation,
): Promise<ExitCode> {
  const config = loadRedTeamConfig(path ?? SAMPLE);
  if (path === undefined) io.stderr.write('no settings named: running examples/redteam.yaml\n');
  const bars = options.gate === undefined ? [] : loadBars(options.gate, config);
  const folder = join(options.out, config.name);
  mkdirSync(folder, { recursive: true });
  const report = await stoppable(io, 'stopping after this attempt; the cells that are done are kept', (signal) =>
    runAll(config, folder, options, io, run, signal),
  );
  const judged = judge(report, bars);
  const files = await writeReport(folder, judged);
  if (options.json) io.stdout.write(`${JSON.stringify({ type: 'report', file: files.json, ...judged })}\n`);
  else io.stdout.write(`${summary(judged, io).join('\n')}\nreport ${files.html}\n`);
  if (!report.complete) return EXIT.interrupted;
  return judged.bars.every(({ met }) => met) ? EXIT.ok : EXIT.gate;
}

async function runAll(
  config: ReturnType<typeof loadRedTeamConfig>,
  folder: string,
  { fresh, json }: RedTeamOptions,
  io: Io,
  run: RunSimulation,
  signal: AbortSignal,
): Promise<RedTeamReport> {
  const paint = colorsFor(io.stderr, io.env);
  let now: string[] = [];
  const live = new LiveLines(io.stderr, () => now);
  const tell = (event: RedTeamEvent): void => {
    const place = paint.dim(`${event.at}/${event.of}`);
    if (json)
      io.stdout.write(`${JSON.stringify(event.type === 'running' ? { ...event, cell: nameOf(event.cell) } : event)}\n`);
    if (event.type === 'running') now = [`${place} ${nameOf(event.cell)}`];
    else {
      now = [];
      live.print([`${place} ${nameOf(event.cell)}: ${outcome(event.cell)}${event.known ? ' (kept)' : ''}`]);
    }
    live.changed();
  };
  try {
    return await runRedTeam(config, {
      folder,
      fresh,
      run,
      onEvent: tell,
      hooks: {
        signal,
        onEvent: (event) => {
          if (event.type !== 'round') return;
          now = [
            `${(now[0] ?? '').replace(/ {2}round .*$/, '')}  round ${event.entry.round}: ${percent(event.entry.accuracy)}`,
          ];
          live.changed();
        },
      },
    });
  } finally {
    live.close();
  }
}

const nameOf = ({ attack, defence, seed }: Pick<CellResult, 'attack' | 'defence' | 'seed'>): string =>
  `${attack} × ${defence}, seed ${seed}`;

function outcome(cell: CellResult): string {
  const asr = cell.attackSuccessRate === null ? '' : `, success ${percent(cell.attackSuccessRate)}`;
  const named =
    cell.detection === null || cell.roundsToDetect === null
      ? ''
      : `, precision ${percent(cell.detection.precision)}, recall ${percent(cell.detection.recall)}`;
  const voids = cell.voidRounds === 0 ? '' : `, ${cell.voidRounds} void`;
  return `accuracy ${percent(cell.finalAccuracy)}${asr}${named}${voids} in ${seconds(cell.seconds)}`;
}

async function writeReport(folder: string, report: RedTeamReport) {
  // The charts are a megabyte of code: whoever only asks for help does not wait for it.
  const { htmlPage, markdownPage } = await import('../../simulations/redteam/pages.js');
  const files = {
    json: join(folder, 'report.json'),
    markdown: join(folder, 'report.md'),
    html: join(folder, 'report.html'),
  };
  writeFileSync(files.json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(files.markdown, await markdownPage(report));
  writeFileSync(files.html, await htmlPage(report));
  return files;
}

/** What a person wants to know at once: how much is done, and every bar that was missed. */
function summary(report: RedTeamReport, io: Io): string[] {
  const paint = colorsFor(io.stdout, io.env);
  const missed = report.bars.filter(({ met }) => !met);
  const all = report.seeds.length * report.defences.length * (report.attacks.length + 1);
  return [
    `${report.name}: ${report.cells.length} of ${all} cells`,
    ...(report.bars.length > 0 ? [`${report.bars.length - missed.length} of ${report.bars.length} bars met`] : []),
    ...missed.map(({ says }) => `${paint.red('missed')} ${says}`),
  ];
}
