// What a model says about itself: its layout, its weights by hash, and where it comes from, signed by the coordinator. Pure.
// Not here: files (folder.ts), finding all this out (from-log.ts), the words of a model card (server/cli/report).

import { enc } from '../../protocol/crypto/enc.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { RECORD_LABELS } from '../../protocol/crypto/record-labels.js';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, fromHex, type Hash, isHex32, publicKeyOf, toHex } from '../../protocol/ids.js';
import { MAX_DIMENSION } from '../../protocol/limits.js';
import type { Statement } from '../../protocol/privacy/price.js';
import { canonicalJson, type Json } from '../../protocol/task.js';
import { type Declaration, isDeclaration } from './declaration.js';

export const MODEL_FORMAT = 'sotto-model/1';

export interface Variable {
  readonly name: string;
  readonly shape: readonly number[];
  /** In float32 values from the start of the flat vector. */
  readonly offset: number;
}
export interface Spend {
  readonly statement: Statement;
  readonly epsilon: number;
  readonly delta: number;
}
export interface Provenance {
  /** `coordinator`: out of an audit log that was verified. `simulation`: seeded, no privacy claim. `import`: of others. */
  readonly from: 'coordinator' | 'simulation' | 'import';
  /** In words: the file it came from, the name of the run. */
  readonly source: string;
  readonly coordinator?: ClientId;
  /** Hash of the signed record of the model chain, and of the head of the log that it was found in. */
  readonly record?: Hash;
  readonly head?: { readonly seq: number; readonly hash: Hash };
  readonly rounds?: { readonly committed: number; readonly void: number };
  /** Clients whose updates are in the model. */
  readonly contributors?: number;
  /** What the client that paid most has paid. Empty: no differential privacy is claimed. */
  readonly privacy: readonly Spend[];
  /** Signed by clients, about their data. */
  readonly declarations: readonly Declaration[];
  readonly evaluation?: { readonly accuracy: number; readonly loss: number };
}
export interface ModelManifest {
  readonly format: typeof MODEL_FORMAT;
  readonly task: string;
  /** After which the model was so; 0: nothing was learnt yet. */
  readonly round: number;
  readonly dimension: number;
  readonly variables: readonly Variable[];
  /** How to build it (a ModelSpec of sotto/client/tfjs); null where nobody said. */
  readonly model: Json;
  /** The hash of the model chain (protocol/wire/chunks.ts), over the little-endian float32 values. */
  readonly weights: { readonly hash: Hash };
  readonly provenance: Provenance;
  /** Version of Sotto that wrote it. */
  readonly writtenBy: string;
}
export interface SignedManifest {
  readonly manifest: ModelManifest;
  /** Absent: nobody vouches for it. */
  readonly signed?: { readonly by: ClientId; readonly signature: string };
}

const statementOf = (manifest: ModelManifest): Uint8Array =>
  enc(RECORD_LABELS.modelManifest, canonicalJson(manifest as unknown as Json));

export function signManifest(primitives: Primitives, signer: Identity, manifest: ModelManifest): SignedManifest {
  const signature = primitives.sign(signer.secret.exposeSecret(), statementOf(manifest));
  return { manifest, signed: { by: signer.id, signature: toHex(signature) } };
}

/** Whether the one it names signed exactly this manifest. `false` for one that nobody signed. */
export function isSignedBy(primitives: Primitives, { manifest, signed }: SignedManifest): boolean {
  return (
    signed !== undefined && primitives.verify(publicKeyOf(signed.by), statementOf(manifest), fromHex(signed.signature))
  );
}

/** @throws MODEL_MALFORMED where the text is no manifest: what a stranger wrote is looked at field by field */
export function parseManifest(text: string, file: string): SignedManifest {
  const bad = (what: string) => new SottoError('MODEL_MALFORMED', `${file}: ${what}`, { file });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad('is no JSON');
  }
  const { manifest, signed, ...more } = fieldsOf(value);
  const fields = fieldsOf(manifest);
  if (fields.format !== MODEL_FORMAT) throw bad(`is no manifest of format ${MODEL_FORMAT}`);
  if (Object.keys(more).length > 0) throw bad(`has a field '${Object.keys(more)[0]}' that nobody signs`);
  const { task, round, dimension, variables, weights, provenance, model } = fields;
  if (typeof task !== 'string' || !isCount(round)) throw bad('names no task or round');
  if (!isCount(dimension) || dimension < 1 || dimension > MAX_DIMENSION) throw bad('has a dimension out of range');
  if (!Array.isArray(variables) || endOf(variables) !== dimension)
    throw bad('has variables that do not fill its vector without gaps');
  const { hash } = fieldsOf(weights);
  if (typeof hash !== 'string' || !isHex32(hash)) throw bad('names no hash of its weights');
  if (typeof model !== 'object' || Array.isArray(model)) throw bad('describes no model');
  if (!isProvenance(provenance)) throw bad('has no provenance that can be read');
  if (signed === undefined) return { manifest: manifest as ModelManifest };
  const { by, signature } = fieldsOf(signed);
  if (typeof by !== 'string' || !isHex32(by) || typeof signature !== 'string' || !/^[0-9a-f]{128}$/.test(signature))
    throw bad('has a signature that is none');
  return { manifest: manifest as ModelManifest, signed: { by: by as ClientId, signature } };
}

/** Where the last variable ends; undefined where one is none, or leaves a gap. */
function endOf(variables: readonly unknown[]): number | undefined {
  let at = 0;
  for (const variable of variables) {
    const { name, shape, offset } = fieldsOf(variable);
    if (typeof name !== 'string' || offset !== at || !Array.isArray(shape) || !shape.every(isCount)) return undefined;
    at += (shape as number[]).reduce((product, side) => product * side, 1);
    if (at > MAX_DIMENSION) return undefined;
  }
  return at;
}

function isProvenance(value: unknown): value is Provenance {
  const { from, source, privacy, declarations, rounds, contributors, coordinator, evaluation } = fieldsOf(value);
  return (
    (from === 'coordinator' || from === 'simulation' || from === 'import') &&
    typeof source === 'string' &&
    Array.isArray(privacy) &&
    privacy.every(isSpend) &&
    Array.isArray(declarations) &&
    declarations.every(isDeclaration) &&
    (rounds === undefined || (isCount(fieldsOf(rounds).committed) && isCount(fieldsOf(rounds).void))) &&
    (contributors === undefined || isCount(contributors)) &&
    (coordinator === undefined || (typeof coordinator === 'string' && isHex32(coordinator))) &&
    (evaluation === undefined || typeof fieldsOf(evaluation).accuracy === 'number')
  );
}

function isSpend(value: unknown): boolean {
  const { statement, epsilon, delta } = fieldsOf(value);
  const { unit, observer } = fieldsOf(statement);
  return (
    typeof epsilon === 'number' && typeof delta === 'number' && typeof unit === 'string' && typeof observer === 'string'
  );
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
