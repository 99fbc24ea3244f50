// Where a run leaves its report: <out>/<id>/report.json, and <out>/latest that points there. Not here: what is in the report.

import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SimulationReport } from '../../simulations/report.js';

/** @param now of the machine; only names the folder  @returns the path of report.json */
export function writeRun(
  out: string,
  report: SimulationReport,
  compared: readonly SimulationReport[],
  now: Date,
): string {
  const folder = freshFolder(out, `${report.task}-${stamp(now)}`);
  const file = join(folder, 'report.json');
  writeFileSync(file, `${JSON.stringify(compared.length > 0 ? { ...report, compared } : report, null, 2)}\n`);
  const latest = join(out, 'latest');
  rmSync(latest, { recursive: true, force: true });
  try {
    symlinkSync(basename(folder), latest, 'dir');
  } catch {
    // Windows without the privilege to link: a copy serves as well.
    cpSync(folder, latest, { recursive: true });
  }
  return file;
}

function freshFolder(out: string, id: string): string {
  mkdirSync(out, { recursive: true });
  for (let n = 0; ; n++) {
    const folder = join(out, n === 0 ? id : `${id}-${n}`);
    try {
      mkdirSync(folder);
      return folder;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}

const stamp = (now: Date): string => now.toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '');
