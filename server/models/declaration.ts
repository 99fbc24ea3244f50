// What a client declares about its data, signed with its identity: whoever reads a model card can tell who said what. It says nothing
// about whether it is true. Not here: asking for one (server/cli/models), where it ends up (manifest.ts).

import { enc } from '../../protocol/crypto/enc.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { RECORD_LABELS } from '../../protocol/crypto/record-labels.js';
import { type ClientId, fromHex, isHex32, publicKeyOf, toHex } from '../../protocol/ids.js';
import { canonicalJson, type Json } from '../../protocol/task.js';

/** Words of one field at most: a card is read by people. */
export const MAX_DECLARED_CHARS = 2_000;

/** Slices of one declaration at most, and examples in one at least: a count over fewer says something about single records. */
export const MAX_SLICES = 300;
export const MIN_SLICE_EXAMPLES = 10;

/** A part of a client's data, and how often a model was right on it. */
export interface Slice {
  readonly name: string;
  readonly examples: number;
  readonly correct: number;
}

export interface DeclaredData {
  /** What the records are, and about whom. */
  readonly description: string;
  /** Roughly, and only where the client wants to say. */
  readonly records?: number;
  readonly collected?: string;
  readonly licence?: string;
  readonly consent?: string;
  readonly limits?: string;
  /** Measured by the client on its own data. */
  readonly slices?: readonly Slice[];
  /** Hash of the weights that the slices were measured with. */
  readonly measured?: string;
}
export interface Declaration {
  readonly format: 'sotto-declaration/1';
  readonly task: string;
  readonly client: ClientId;
  readonly data: DeclaredData;
  readonly signature: string;
}

const statementOf = (task: string, data: DeclaredData): Uint8Array =>
  enc(RECORD_LABELS.dataDeclaration, task, canonicalJson(data as unknown as Json));

export function declare(primitives: Primitives, client: Identity, task: string, data: DeclaredData): Declaration {
  const signature = toHex(primitives.sign(client.secret.exposeSecret(), statementOf(task, data)));
  return { format: 'sotto-declaration/1', task, client: client.id, data, signature };
}

/** Whether the client that it names signed exactly this, for this task. Never throws on what `isDeclaration` accepts. */
export const isDeclaredBy = (primitives: Primitives, { task, client, data, signature }: Declaration): boolean =>
  primitives.verify(publicKeyOf(client), statementOf(task, data), fromHex(signature));

export function isDeclaration(value: unknown): value is Declaration {
  if (typeof value !== 'object' || value === null) return false;
  const { format, task, client, data, signature } = value as Readonly<Record<string, unknown>>;
  return (
    format === 'sotto-declaration/1' &&
    typeof task === 'string' &&
    typeof client === 'string' &&
    isHex32(client) &&
    typeof signature === 'string' &&
    /^[0-9a-f]{128}$/.test(signature) &&
    isData(data)
  );
}

const TEXTS = ['description', 'collected', 'licence', 'consent', 'limits'];
function isData(value: unknown): value is DeclaredData {
  if (typeof value !== 'object' || value === null || !('description' in value)) return false;
  return Object.entries(value).every(([field, said]) => {
    if (field === 'records') return isCount(said);
    if (field === 'measured') return typeof said === 'string' && isHex32(said);
    if (field === 'slices') return Array.isArray(said) && said.length <= MAX_SLICES && said.every(isSlice);
    return TEXTS.includes(field) && typeof said === 'string' && said.length <= MAX_DECLARED_CHARS;
  });
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
function isSlice(value: unknown): value is Slice {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 3) return false;
  const { name, examples, correct } = value as Readonly<Record<string, unknown>>;
  return (
    typeof name === 'string' &&
    name.length >= 1 &&
    name.length <= MAX_SLICE_NAME &&
    isCount(examples) &&
    examples >= MIN_SLICE_EXAMPLES &&
    isCount(correct) &&
    correct <= examples
  );
}
/** Characters. */
export const MAX_SLICE_NAME = 100;
