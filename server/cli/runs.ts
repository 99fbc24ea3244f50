// Where a run leaves its report and its model: <out>/<id>/report.json, <out>/<id>/model/, and <out>/latest that points there. Not here: what is in the report.

import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { modelManifest } from '../../client/tfjs/spec.js';
import type { Json } from '../../protocol/task.js';
import type { SimulationReport } from '../../simulations/report.js';
import { hashOfWeights, MODEL_FORMAT, type ModelManifest, writeModel } from '../models/index.js';

/** @param now of the machine; only names the folder  @param model the last one, of `report`  @returns the path of report.json */
export function writeRun(
  out: string,
  report: SimulationReport,
  compared: readonly SimulationReport[],
  now: Date,
  model?: Float32Array<ArrayBuffer>,
): string {
  const folder = freshFolder(out, `${report.task}-${stamp(now)}`);
  const file = join(folder, 'report.json');
  writeFileSync(file, `${JSON.stringify(compared.length > 0 ? { ...report, compared } : report, null, 2)}\n`);
  if (model !== undefined) writeModel(join(folder, 'model'), { manifest: manifestOf(report, model) }, model);
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

/** Not signed: whoever exports it may vouch for it. */
function manifestOf(report: SimulationReport, weights: Float32Array<ArrayBuffer>): ModelManifest {
  const { task, seed, rounds, config, stamp, finalAccuracy } = report;
  const committed = rounds.filter((entry) => !entry.void);
  const last = rounds.at(-1);
  const { dimension, variables } = modelManifest(config.model);
  return {
    format: MODEL_FORMAT,
    task,
    round: last?.round ?? 0,
    dimension,
    variables,
    model: config.model as unknown as Json,
    weights: { hash: hashOfWeights(weights) },
    provenance: {
      from: 'simulation',
      source: `simulation of ${task}, seed ${seed}; ${stamp}`,
      rounds: { committed: committed.length, void: rounds.length - committed.length },
      contributors: new Set(committed.flatMap(({ survivors }) => survivors)).size,
      privacy: [],
      declarations: [],
      ...(last && { evaluation: { accuracy: finalAccuracy, loss: last.loss } }),
    },
    writtenBy: `sotto ${report.versions.sotto}`,
  };
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
