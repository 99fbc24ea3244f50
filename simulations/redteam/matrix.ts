// Runs the cells of a red team one after the other, each a real simulation, and keeps each result as a file: a run that was cut off
// goes on where it was. Not here: what a cell is (settings.ts), what it is worth (measures.ts), printing (server/cli).

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunSimulation, SimulationHooks } from '../report.js';
import { runSimulation } from '../run.js';
import { versions } from '../versions.js';
import { measure } from './measures.js';
import { type CellResult, type RedTeamReport, reportOf } from './report.js';
import type { Cell, RedTeamConfig } from './settings.js';

export type RedTeamEvent =
  /** `known`: from a file of an earlier run. */
  | {
      readonly type: 'cell';
      readonly at: number;
      readonly of: number;
      readonly cell: CellResult;
      readonly known: boolean;
    }
  | { readonly type: 'running'; readonly at: number; readonly of: number; readonly cell: Cell };

export interface RedTeamOptions {
  /** Results of cells go to `cells/` in it; made where it is not there. Absent: nothing is kept. */
  readonly folder?: string;
  /** Run every cell, whatever files there are. */
  readonly fresh?: boolean;
  readonly onEvent?: (event: RedTeamEvent) => void;
  /** Of each simulation; `signal` ends the matrix after the attempt that is running, and that cell is not counted. */
  readonly hooks?: SimulationHooks;
  /** Absent: the real one. */
  readonly run?: RunSimulation;
}

/** Stands in every file of a cell: another format is run again. */
const FORMAT = 'sotto.redteam.cell/1';

/**
 * Cells in order; each is a whole simulation with processes and sockets. A cell that stalls has that as its outcome.
 * @throws what a simulation throws: DATA_MISSING, CONFIG_INVALID, INTERNAL. The cells before it are kept.
 */
export async function runRedTeam(config: RedTeamConfig, options: RedTeamOptions = {}): Promise<RedTeamReport> {
  const { folder, fresh = false, onEvent, hooks = {}, run = runSimulation } = options;
  const files = folder === undefined ? undefined : new CellFiles(folder);
  const results: CellResult[] = [];
  const of = config.cells.length;
  for (const [i, cell] of config.cells.entries()) {
    if (hooks.signal?.aborted) break;
    const known = fresh ? undefined : files?.read(cell);
    if (known !== undefined) {
      results.push(known);
      onEvent?.({ type: 'cell', at: i + 1, of, cell: known, known: true });
      continue;
    }
    onEvent?.({ type: 'running', at: i + 1, of, cell });
    const report = await run(cell.config, hooks);
    if (report.outcome === 'stopped') break;
    const { attack, defence, seed } = cell;
    const result = { attack, defence, seed, ...measure(report) };
    files?.write(cell, result);
    results.push(result);
    onEvent?.({ type: 'cell', at: i + 1, of, cell: result, known: false });
  }
  return reportOf(config, results, versions());
}

/** What decides the result of a cell: its settings, but not over how many processes its clients are spread. */
function fingerprint({ config }: Cell): string {
  const { processes: _, ...fleet } = config.fleet;
  const settings = JSON.stringify([FORMAT, versions().sotto, { ...config, fleet }]);
  return createHash('sha256').update(settings).digest('hex');
}

class CellFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, 'cells');
    mkdirSync(this.#folder, { recursive: true });
  }

  /** A file that is broken, or of other settings, is as good as none. */
  read(cell: Cell): CellResult | undefined {
    const path = this.#path(cell);
    if (!existsSync(path)) return undefined;
    try {
      const file = JSON.parse(readFileSync(path, 'utf8')) as {
        readonly fingerprint?: unknown;
        readonly result?: CellResult;
      };
      return file.fingerprint === fingerprint(cell) ? file.result : undefined;
    } catch {
      return undefined;
    }
  }

  /** By renaming, so that a file is whole or not there. */
  write(cell: Cell, result: CellResult): void {
    const path = this.#path(cell);
    writeFileSync(
      `${path}.tmp`,
      `${JSON.stringify({ format: FORMAT, fingerprint: fingerprint(cell), result }, null, 2)}\n`,
    );
    renameSync(`${path}.tmp`, path);
  }

  #path({ attack, defence, seed }: Cell): string {
    return join(this.#folder, `${defence}.${attack}.${seed}.json`);
  }
}
