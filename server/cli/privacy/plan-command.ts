// `sotto privacy plan`: what a setting costs and whether the model can survive it, before anything is trained. Not here: numbers (plan.ts).

import { writeFileSync } from 'node:fs';
import Table from 'cli-table3';
import { SottoError } from '../../../protocol/errors.js';
import { type Block, htmlDocument, lineChart } from '../../report/index.js';
import { EXIT, type ExitCode } from '../exit.js';
import { colorsFor, type Io } from '../io.js';
import { makePlan, type Plan } from './plan.js';
import { type PlanFlags, settingOfFlags, settingsOfFile } from './plan-settings.js';
import { type PlanView, viewOf } from './plan-view.js';
import { plotLines } from './plot.js';

export interface PlanOptions extends PlanFlags {
  readonly html?: string;
  readonly json: boolean;
}

/**
 * @param config a file of settings; absent: the flags say everything
 * @returns ok; gate where all rounds cost more than the budget
 */
export async function privacyPlan(config: string | undefined, options: PlanOptions, io: Io): Promise<ExitCode> {
  const settings = config === undefined ? [settingOfFlags(options)] : settingsOfFile(config, options);
  const plans = settings.map(makePlan);
  const views = plans.map(viewOf);
  if (options.html !== undefined) writePage(options.html, await pageOf(views, plans));
  if (options.json) for (const plan of plans) io.stdout.write(`${JSON.stringify({ type: 'plan', ...plan })}\n`);
  else for (const [i, view] of views.entries()) io.stdout.write(`${textOf(view, plans[i]?.warnings ?? [], io)}\n`);
  if (options.html !== undefined) io.stderr.write(`page ${options.html}\n`);
  const within = plans.every(({ setting, worst }) => setting.epsilon === undefined || worst.epsilon <= setting.epsilon);
  return within ? EXIT.ok : EXIT.gate;
}

function textOf(view: PlanView, warnings: readonly string[], io: Io): string {
  const paint = colorsFor(io.stdout, io.env);
  const tables = view.tables.map(({ caption, head, rows }) => {
    const table = new Table({
      head: [...head],
      style: { head: [], border: [], compact: true },
      colAligns: head.map(() => 'right' as const),
    });
    table.push(...rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell)))));
    return `${caption}\n${table.toString()}`;
  });
  return [
    paint.bold(view.title),
    ...view.sentences,
    ...warnings.map((text) => paint.yellow(`warning: ${text}`)),
    '',
    ...view.curves.slice(0, 1).flatMap((curve) => [...plotLines(curve, io.stdout.columns), '']),
    tables.join('\n\n'),
  ].join('\n');
}

async function pageOf(views: readonly PlanView[], plans: readonly Plan[]): Promise<string> {
  const blocks: Block[] = [];
  for (const [i, view] of views.entries()) {
    blocks.push({ type: 'heading', text: view.title }, { type: 'list', items: view.sentences });
    const warnings = plans[i]?.warnings ?? [];
    if (warnings.length > 0) blocks.push({ type: 'list', items: warnings.map((text) => `Warning: ${text}`) });
    for (const curve of view.curves) blocks.push({ type: 'chart', chart: await lineChart(curve) });
    for (const table of view.tables) blocks.push({ type: 'table', table });
  }
  return htmlDocument('Privacy plan', blocks);
}

function writePage(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new SottoError('STORE_WRITE', `${path} could not be written: ${(error as Error).message}`);
  }
}
