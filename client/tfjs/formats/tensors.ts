// Weights as named tensors, which is what model files hold, and the flat vector that crosses the border, one made from the other.
// Not here: the files (safetensors.ts, npz.ts, layers-file.ts).

import { SottoError } from '../../../protocol/errors.js';
import { MAX_DIMENSION } from '../../../protocol/limits.js';
import type { Manifest } from '../../trainer.js';

export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** float32, row by row (C order). */
  readonly values: Float32Array;
}

/** Sides of a tensor at most; TensorFlow.js knows six. */
export const MAX_RANK = 8;

export const malformed = (file: string, text: string): SottoError =>
  new SottoError('MODEL_MALFORMED', `${file}: ${text}`, { file });

/** Number of values of a shape. `undefined` where it is no shape that a model can have. */
export function sizeOfShape(shape: unknown): number | undefined {
  if (!Array.isArray(shape) || shape.length > MAX_RANK) return undefined;
  let size = 1;
  for (const side of shape as readonly unknown[]) {
    if (typeof side !== 'number' || !Number.isSafeInteger(side) || side < 0) return undefined;
    size *= side;
    if (size > MAX_DIMENSION) return undefined;
  }
  return size;
}

/** Views into `weights`, in manifest order. */
export function tensorsOf({ variables }: Manifest, weights: Float32Array): NamedTensor[] {
  return variables.map(({ name, shape, offset }) => {
    const size = shape.reduce((product, side) => product * side, 1);
    return { name, shape, values: weights.subarray(offset, offset + size) };
  });
}

/**
 * The flat vector of a manifest from tensors in any order.
 * @throws MODEL_MALFORMED naming a tensor that is missing, surplus, of another shape, or holds a value that is not finite
 */
export function flattenTensors(
  file: string,
  { dimension, variables }: Manifest,
  tensors: readonly NamedTensor[],
): Float32Array<ArrayBuffer> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const known = new Set(variables.map(({ name }) => name));
  const surplus = tensors.find(({ name }) => !known.has(name));
  if (surplus !== undefined)
    throw malformed(
      file,
      `holds a tensor '${surplus.name}' that the model does not have; it has ${namesOf(variables)}`,
    );
  const flat = new Float32Array(dimension);
  for (const { name, shape, offset } of variables) {
    const tensor = byName.get(name);
    if (tensor === undefined) throw malformed(file, `has no tensor '${name}'; it holds ${namesOf(tensors)}`);
    if (tensor.shape.join('×') !== shape.join('×'))
      throw malformed(file, `tensor '${name}' is ${shown(tensor.shape)}, the model wants ${shown(shape)}`);
    const bad = tensor.values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw malformed(file, `tensor '${name}' holds a value that is not finite, at ${bad}`);
    flat.set(tensor.values, offset);
  }
  return flat;
}

/** The first few: a file may hold thousands. */
const SHOWN_NAMES = 8;
const namesOf = (list: readonly { readonly name: string }[]): string => {
  const names = list.slice(0, SHOWN_NAMES).map(({ name }) => `'${name}'`);
  return `${names.join(', ') || 'none'}${list.length > SHOWN_NAMES ? ` and ${list.length - SHOWN_NAMES} more` : ''}`;
};
const shown = (shape: readonly number[]): string => (shape.length === 0 ? 'a scalar' : shape.join('×'));

/** float32 from little-endian bytes at any offset, in a buffer of its own. */
export function floatsFrom(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
