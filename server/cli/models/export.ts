// `sotto models export`: the model of a run or of a coordinator, in the form that somebody needs, with a manifest that says where it
// comes from. Not here: the formats (client/tfjs/formats), the manifest (server/models).

import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { layersFile, WEIGHTS_FILE } from '../../../client/tfjs/formats/layers-file.js';
import { encodeSafetensors } from '../../../client/tfjs/formats/safetensors.js';
import { tensorsOf } from '../../../client/tfjs/formats/tensors.js';
import { type ModelSpec, modelManifest } from '../../../client/tfjs/spec.js';
import { SottoError } from '../../../protocol/errors.js';
import { nativePrimitives } from '../../../protocol/native/index.js';
import type { Json } from '../../../protocol/task.js';
import { specOf } from '../../../simulations/model-source.js';
import { versions } from '../../../simulations/versions.js';
import { manifestText } from '../../models/folder.js';
import {
  hashOfWeights,
  MODEL_FORMAT,
  type ModelManifest,
  modelFromLog,
  readModel,
  type SignedManifest,
  signManifest,
  writeModel,
} from '../../models/index.js';
import { EXIT, type ExitCode } from '../exit.js';
import { loadIdentityFile } from '../identity-file.js';
import type { Io } from '../io.js';
import { modelFromFile } from '../trainers.js';
import { readDeclaration } from './declarations.js';
import { findSource, withLog } from './source.js';

export const EXPORT_FORMATS = ['folder', 'safetensors', 'npz'] as const;
export interface ExportOptions {
  readonly to: string;
  readonly format: (typeof EXPORT_FORMATS)[number];
  readonly model?: string;
  readonly identity?: string;
  readonly round?: number;
  readonly declarations?: readonly string[];
  readonly runs: string;
  readonly json: boolean;
}

interface Loaded {
  readonly manifest: ModelManifest;
  readonly weights: Float32Array<ArrayBuffer>;
  /** Kept where nothing about it changes. */
  readonly signed?: SignedManifest['signed'];
}

/** @throws CONFIG_*, MODEL_*, STORE_*, AUDIT_INVALID */
export async function exportModel(source: string, options: ExportOptions, io: Io): Promise<ExitCode> {
  const { to, format, identity } = options;
  if (existsSync(format === 'folder' ? join(to, 'manifest.json') : to))
    throw new SottoError('STORE_WRITE', `${to} exists; choose another name with --to`, { file: to });
  const loaded = await load(source, options);
  const described =
    options.model === undefined
      ? loaded.manifest
      : withModel(loaded.manifest, modelFromFile(options.model), options.model);
  const declarations = (options.declarations ?? []).map((file) => readDeclaration(file, described.task));
  const manifest =
    declarations.length === 0
      ? described
      : {
          ...described,
          provenance: {
            ...described.provenance,
            declarations: [...described.provenance.declarations, ...declarations],
          },
        };
  const signed: SignedManifest =
    identity === undefined
      ? { manifest, ...(manifest === loaded.manifest && loaded.signed && { signed: loaded.signed }) }
      : signManifest(nativePrimitives, await signer(identity, manifest), manifest);
  const files = await write(to, format, signed, loaded.weights);
  const { task, round, dimension, weights, provenance } = manifest;
  if (options.json)
    io.stdout.write(
      `${JSON.stringify({ type: 'model', files, task, round, dimension, hash: weights.hash, signedBy: signed.signed?.by ?? null, from: provenance.from })}\n`,
    );
  else {
    io.stdout.write(`model of task ${task} after round ${round}: ${dimension} weights, hash ${weights.hash}\n`);
    for (const file of files) io.stdout.write(`  ${file}\n`);
    io.stdout.write(
      signed.signed === undefined
        ? 'nobody has signed it; with --identity <file> you vouch for it\n'
        : `signed by ${signed.signed.by}; check it with: sotto models verify ${to}\n`,
    );
  }
  return EXIT.ok;
}

async function load(source: string, { runs, round, identity }: ExportOptions): Promise<Loaded> {
  const found = findSource(source, runs);
  if (found.kind === 'export' || found.kind === 'data') {
    const logged = await withLog(found, identity ?? 'sotto.key', (open) => modelFromLog(open, round));
    const { task, weights, provenance } = logged;
    return {
      weights,
      manifest: {
        format: MODEL_FORMAT,
        task,
        round: logged.round,
        dimension: weights.length,
        variables: [{ name: 'weights', shape: [weights.length], offset: 0 }],
        model: null,
        weights: { hash: hashOfWeights(weights) },
        provenance: { ...provenance, source: `audit log of coordinator ${provenance.coordinator}`, declarations: [] },
        writtenBy: `sotto ${versions().sotto}`,
      },
    };
  }
  if (round !== undefined)
    throw new SottoError('CONFIG_INVALID', `${source} holds one model only; leave --round out`, { field: 'round' });
  const folder = found.kind === 'model' ? found.folder : join(found.folder, 'model');
  const { signed, weights } = readModel(folder);
  return { ...signed, weights };
}

function withModel(manifest: ModelManifest, spec: ModelSpec, file: string): ModelManifest {
  const { dimension, variables } = modelManifest(spec);
  if (dimension !== manifest.dimension)
    throw new SottoError(
      'TRAIN_SHAPE',
      `the model of ${file} has ${dimension} weights, this one ${manifest.dimension}`,
      {
        expected: dimension,
        got: manifest.dimension,
      },
    );
  return { ...manifest, variables, model: spec as unknown as Json };
}

/** A coordinator vouches for its own log alone. */
async function signer(file: string, { provenance }: ModelManifest) {
  const identity = await loadIdentityFile(file);
  if (provenance.coordinator !== undefined && provenance.coordinator !== identity.id)
    throw new SottoError(
      'MODEL_UNPROVEN',
      `the model is of coordinator ${provenance.coordinator}, ${file} is ${identity.id}; sign with its identity, or leave --identity out`,
      { file },
    );
  return identity;
}

async function write(
  to: string,
  format: ExportOptions['format'],
  signed: SignedManifest,
  weights: Float32Array<ArrayBuffer>,
): Promise<string[]> {
  const { manifest } = signed;
  if (format === 'folder') {
    writeModel(to, signed, weights);
    const files = ['manifest.json', WEIGHTS_FILE].map((name) => join(to, name));
    if (manifest.model === null) return files;
    const layers = join(to, 'model.json');
    writeFileSync(layers, layersFile(specOf(manifest, to), manifest));
    return [...files, layers];
  }
  const tensors = tensorsOf(manifest, weights);
  const { task, round } = manifest;
  const bytes =
    format === 'safetensors'
      ? encodeSafetensors(tensors, { task, round: String(round), hash: manifest.weights.hash, format: 'pt' })
      : (await import('../../../client/tfjs/formats/npz.js')).encodeNpz(tensors);
  const beside = `${to}.manifest.json`;
  try {
    writeFileSync(to, bytes, { flag: 'wx' });
    writeFileSync(beside, manifestText(signed));
  } catch (error) {
    throw new SottoError('STORE_WRITE', `${resolve(to)}: ${error instanceof Error ? error.message : error}`, {
      file: to,
    });
  }
  return [to, beside];
}
