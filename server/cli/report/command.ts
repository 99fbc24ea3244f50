// `sotto report`: one self-contained page and its Markdown twin, of a run or of a coordinator's log. Not here: what stands in them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SottoError } from '../../../protocol/errors.js';
import type { RedTeamReport } from '../../../simulations/redteam/report.js';
import { verifyAudit } from '../../audit/verify.js';
import { parseSettings, readSettings } from '../../config/load.js';
import { maybe, says, settings, text } from '../../config/values.js';
import { type Declaration, isModelFolder, readManifest } from '../../models/index.js';
import { type Block, htmlDocument, markdownDocument } from '../../report/index.js';
import { EXIT, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { checked, readDeclaration } from '../models/declarations.js';
import { findSource, withLog } from '../models/source.js';
import type { CardWords } from './blocks.js';
import { logBlocks, storyOf } from './log-report.js';
import { readReport } from './read.js';
import { readRedTeam, redTeamsFor } from './redteam.js';
import { runBlocks } from './run-report.js';

export interface ReportOptions {
  /** Path of the page without its ending; absent: `report` in the folder of a run, else in this one. */
  readonly to?: string;
  readonly card?: string;
  readonly model?: string;
  /** Files of declarations, beside those of the model's manifest. */
  readonly declarations?: readonly string[];
  /** Folder of a red team; absent: those among the runs that attacked this task. */
  readonly redteam?: string;
  readonly identity: string;
  readonly runs: string;
  readonly json: boolean;
}

interface Pages {
  readonly title: string;
  readonly blocks: (charts: boolean) => Promise<readonly Block[]>;
  readonly to: string;
  readonly ok: boolean;
}

/** @returns failed where the log does not hold together @throws CONFIG_*, MODEL_*, STORE_*, AUDIT_INVALID */
export async function report(source: string, options: ReportOptions, io: Io): Promise<ExitCode> {
  const words = options.card === undefined ? {} : readCard(options.card);
  const { title, blocks, to, ok } = await pagesOf(source, options, words);
  const [html, markdown] = [htmlDocument(title, await blocks(true)), markdownDocument(title, await blocks(false))];
  const files = [`${to}.html`, `${to}.md`];
  try {
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(`${to}.html`, html);
    writeFileSync(`${to}.md`, markdown);
  } catch (error) {
    throw new SottoError('STORE_WRITE', `${to}: ${error instanceof Error ? error.message : error}`, { file: to });
  }
  if (options.json) io.stdout.write(`${JSON.stringify({ type: 'report', files, ok })}\n`);
  else io.stdout.write(files.map((file) => `${file}\n`).join(''));
  return ok ? EXIT.ok : EXIT.failed;
}

async function pagesOf(source: string, options: ReportOptions, words: CardWords): Promise<Pages> {
  const found = findSource(source, options.runs);
  if (found.kind === 'run') {
    const file = join(found.folder, 'report.json');
    const team = readRedTeam(file);
    if (team !== undefined) return redTeamPages(team, options.to ?? join(found.folder, 'report'));
    const read = readReport(file);
    const folder = join(found.folder, 'model');
    const manifest = isModelFolder(folder) ? readManifest(join(folder, 'manifest.json')) : undefined;
    return {
      title: `Federated run ${read.task}`,
      blocks: (charts) =>
        runBlocks(
          read,
          manifest,
          [...(manifest?.manifest.provenance.declarations ?? []), ...declared(options, read.task)],
          words,
          redTeamsFor(read.task, dirname(found.folder), options.redteam),
          charts,
        ),
      to: options.to ?? join(found.folder, 'report'),
      ok: true,
    };
  }
  if (found.kind === 'model')
    throw new SottoError('CONFIG_INVALID', `${source} is a model; give the run or the audit log that it came from`, {
      field: 'source',
    });
  const [verdict, story] = await withLog({ ...found, kind: found.kind }, options.identity, async (open) => [
    await verifyAudit(await open()),
    await storyOf(await open()),
  ]);
  const declarations = declared(options, verdict.task ?? '');
  return {
    title: `Federated task ${verdict.task ?? 'unknown'}`,
    blocks: (charts) =>
      logBlocks(
        story,
        verdict,
        declarations,
        words,
        redTeamsFor(verdict.task ?? '', options.runs, options.redteam),
        charts,
      ),
    to: options.to ?? 'report',
    ok: verdict.ok,
  };
}

/** Of the model that is named, and of files; none that its client has not signed. @throws CONFIG_UNREADABLE, MODEL_* */
function declared({ model, declarations = [] }: ReportOptions, task: string): readonly Declaration[] {
  const file = model === undefined ? undefined : join(model, 'manifest.json');
  const told = file === undefined ? [] : readManifest(file).manifest.provenance.declarations;
  return [
    ...told.map((one) => checked(one, task, `a declaration in ${file}`)),
    ...declarations.map((one) => readDeclaration(one, task)),
  ];
}

/** A red team's own page, made again. */
async function redTeamPages(report: RedTeamReport, to: string): Promise<Pages> {
  const { blocksOf, titleOf } = await import('../../../simulations/redteam/pages.js');
  return { title: titleOf(report), blocks: (charts) => blocksOf(report, charts), to, ok: true };
}

const words = (about: string) =>
  maybe('not stated', says(about, text(/^[\s\S]{1,4000}$/, 'text of at most 4,000 characters')));
const cardSchema = settings({
  intended: words('What the model is for.'),
  unintended: words('What it must not be used for.'),
  considerations: words('Whom it may harm, and how that is kept small.'),
  licence: words('Under which licence it may be used.'),
  contact: words('Whom to ask.'),
});

/** @throws CONFIG_UNREADABLE, CONFIG_INVALID */
function readCard(file: string): CardWords {
  return parseSettings(readSettings(file), file, cardSchema, (value) =>
    Object.fromEntries(Object.entries(value).filter(([, said]) => said !== undefined)),
  );
}
