// `sotto models verify` and `sotto models declare`: does the manifest name these weights, who vouches for it, does the audit log hold
// them; and what a client signs about its data. Not here: the manifest (server/models), the log (server/audit).

import { existsSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { flattenTensors } from '../../../client/tfjs/formats/tensors.js';
import { SottoError } from '../../../protocol/errors.js';
import { nativePrimitives } from '../../../protocol/native/index.js';
import { isFact } from '../../audit/events.js';
import { openExport } from '../../audit/export.js';
import { verifyAudit } from '../../audit/verify.js';
import { parseSettings, readSettings } from '../../config/load.js';
import { maybe, says, settings, text, whole } from '../../config/values.js';
import { MAX_DECLARED_CHARS } from '../../models/declaration.js';
import type { SignedManifest } from '../../models/index.js';
import {
  declare,
  hashOfWeights,
  isDeclaredBy,
  isSignedBy,
  MIN_SLICE_EXAMPLES,
  readManifest,
  readModel,
} from '../../models/index.js';
import { EXIT, type ExitCode } from '../exit.js';
import { spent } from '../format.js';
import { loadIdentityFile } from '../identity-file.js';
import { colorsFor, type Io } from '../io.js';
import { readTensors } from './import.js';
import { measureSlices } from './slices.js';

export interface VerifyModelOptions {
  readonly coordinator?: string;
  readonly audit?: string;
  readonly json: boolean;
}
export interface DeclareOptions {
  /** Folder of a model to measure on the data of `data`, a module. Both or neither. */
  readonly evaluate?: string;
  readonly data?: string;
  readonly identity: string;
  readonly task: string;
  readonly to: string;
  readonly json: boolean;
}

/** @param path a model folder, or a .safetensors or .npz file with its .manifest.json beside it @returns failed where a check fails */
export async function verifyModel(path: string, options: VerifyModelOptions, io: Io): Promise<ExitCode> {
  const { signed, weights } = await read(path);
  const { manifest } = signed;
  const problems: string[] = [];
  const hash = hashOfWeights(weights);
  if (hash !== manifest.weights.hash) problems.push('the weights are not those that the manifest names');
  if (signed.signed === undefined) problems.push('nobody has signed the manifest');
  else if (!isSignedBy(nativePrimitives, signed)) problems.push('the signature is not over this manifest');
  const { coordinator, declarations, record } = manifest.provenance;
  if (coordinator !== undefined && signed.signed !== undefined && signed.signed.by !== coordinator)
    problems.push(`it is signed by ${signed.signed.by}, and not by the coordinator that it names`);
  const log = options.audit === undefined ? undefined : await againstLog(options.audit, record, signed);
  if (options.coordinator !== undefined && !isSame(options.coordinator, signed.signed?.by, log?.keys))
    problems.push(`it is not signed by ${options.coordinator}`);
  for (const declaration of declarations)
    if (declaration.task !== manifest.task || !isDeclaredBy(nativePrimitives, declaration))
      problems.push(`the declaration of client ${declaration.client.slice(0, 8)} is not signed by it for this task`);
  problems.push(...(log?.problems ?? []));
  if (options.json)
    io.stdout.write(`${JSON.stringify({ type: 'verdict', ok: problems.length === 0, hash, problems, ...signed })}\n`);
  else io.stdout.write(`${lines(signed, problems, options, io).join('\n')}\n`);
  return problems.length === 0 ? EXIT.ok : EXIT.failed;
}

async function read(path: string): Promise<{ signed: SignedManifest; weights: Float32Array<ArrayBuffer> }> {
  if (extname(path) !== '.safetensors' && extname(path) !== '.npz') return readModel(path);
  const signed = readManifest(`${path}.manifest.json`);
  return { signed, weights: flattenTensors(path, signed.manifest, await readTensors(path)) };
}

/** One coordinator: the same key, or two that it has had one after the other, as the log shows. */
const isSame = (expected: string, by: string | undefined, keys: readonly string[] = []): boolean =>
  by === expected || (by !== undefined && keys.includes(by) && keys.includes(expected));

interface Looked {
  readonly problems: readonly string[];
  /** Of a log that holds together: those that its coordinator has had. */
  readonly keys: readonly string[];
}
async function againstLog(folder: string, record: string | undefined, { manifest }: SignedManifest): Promise<Looked> {
  const verdict = await verifyAudit(await openExport(folder));
  const problems = verdict.problems.map((text) => `audit log: ${text}`);
  const { coordinator } = manifest.provenance;
  const keys = verdict.ok ? verdict.keys : [];
  if (coordinator !== undefined && !verdict.keys.includes(coordinator))
    problems.push('the audit log is of another coordinator');
  for await (const event of (await openExport(folder)).events) {
    if (!isFact(event) || event.type !== 'model-recorded' || event.body.hash !== record) continue;
    const { modelAfter, round } = event.body.record as { readonly modelAfter: string; readonly round: number };
    if (modelAfter !== manifest.weights.hash || round !== manifest.round)
      problems.push('the record that the manifest names is of another model or round');
    return { problems, keys };
  }
  return { problems: [...problems, 'the audit log does not hold the record that the manifest names'], keys };
}

function lines({ manifest, signed }: SignedManifest, problems: readonly string[], options: VerifyModelOptions, io: Io) {
  const paint = colorsFor(io.stdout, io.env);
  const { task, round, weights, provenance } = manifest;
  const { from, source, rounds, contributors, privacy, declarations } = provenance;
  return [
    problems.length === 0 ? paint.green('the model is what its manifest says') : paint.red('THE MODEL IS NOT PROVEN'),
    ...problems.map((text) => `  ${paint.red('wrong')} ${text}`),
    `task         ${task}, after round ${round}`,
    `weights      ${weights.hash}`,
    `from         ${from}: ${source}${options.audit === undefined || from !== 'coordinator' ? '' : `, looked up in ${options.audit}`}`,
    `signed by    ${signed?.by ?? 'nobody'}${options.coordinator === undefined && signed ? '  (--coordinator compares it with the key that you know)' : ''}`,
    ...(rounds ? [`rounds       ${rounds.committed} committed, ${rounds.void} void`] : []),
    ...(contributors === undefined ? [] : [`contributors ${contributors} clients`]),
    ...(privacy.length === 0 ? ['privacy      no differential privacy is claimed'] : []),
    ...privacy.map(
      ({ statement, epsilon, delta }) =>
        `privacy      ε = ${spent(epsilon, 3)} at δ = ${delta} for a ${statement.unit}, against the ${statement.observer}`,
    ),
    ...declarations.map(({ client, data }) => `data         ${client.slice(0, 8)}: ${data.description}`),
  ];
}

const words = text(new RegExp(`^[^]{1,${MAX_DECLARED_CHARS}}$`), `text of at most ${MAX_DECLARED_CHARS} characters`);
const declaredSchema = settings({
  description: says('What the records are, and about whom.', words),
  records: maybe('not said', says('How many, roughly.', whole(0, Number.MAX_SAFE_INTEGER))),
  collected: maybe('not said', says('When and how.', words)),
  licence: maybe('not said', says('Under which licence or agreement.', words)),
  consent: maybe('not said', says('What those concerned agreed to.', words)),
  limits: maybe('not said', says('What the data are not good for.', words)),
});

/** Signs what a file says about the data of one client. @throws CONFIG_UNREADABLE, CONFIG_INVALID, STORE_WRITE */
export async function declareData(
  file: string,
  { identity, task, to, json, evaluate, data: module }: DeclareOptions,
  io: Io,
): Promise<ExitCode> {
  if ((evaluate === undefined) !== (module === undefined))
    throw new SottoError('CONFIG_INVALID', 'give --evaluate and --data together: a model, and what it is measured on', {
      field: '--evaluate',
    });
  if (existsSync(to)) throw new SottoError('STORE_WRITE', `${to} exists; choose another name with --to`, { file: to });
  const said = parseSettings(readSettings(file), file, declaredSchema, ({ description, ...more }) => ({
    description,
    ...Object.fromEntries(Object.entries(more).filter(([, said]) => said !== undefined)),
  }));
  const signer = await loadIdentityFile(identity);
  const measured = evaluate === undefined || module === undefined ? undefined : await measureSlices(evaluate, module);
  for (const name of measured?.tooSmall ?? [])
    io.stderr.write(
      `${name}: fewer than ${MIN_SLICE_EXAMPLES} examples, left out: a count over so few tells of single ones\n`,
    );
  const data = measured === undefined ? said : { ...said, slices: measured.slices, measured: measured.measured };
  const declaration = declare(nativePrimitives, signer, task, data);
  try {
    writeFileSync(to, `${JSON.stringify(declaration, null, 2)}\n`, { flag: 'wx' });
  } catch (error) {
    throw new SottoError('STORE_WRITE', `${to}: ${error instanceof Error ? error.message : error}`, { file: to });
  }
  if (json) io.stdout.write(`${JSON.stringify({ type: 'declaration', file: to, ...declaration })}\n`);
  else io.stdout.write(`declared as ${declaration.client} for task ${task}; give ${to} to the coordinator\n`);
  return EXIT.ok;
}
