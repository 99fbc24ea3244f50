// NumPy's .npz: a zip of .npy files, one for each tensor. Written stored and without times, so that the same weights give the same
// bytes; read stored or deflated, float32 in C order alone. The zip is fflate's work, which does not check CRCs: weights that need
// proof travel with a signed manifest (server/models). Source: numpy.lib.format, versions 1.0 and 2.0.
// Not here: which tensors a model has (tensors.ts).

import { unzipSync, type Zippable, zipSync } from 'fflate';
import { MAX_DIMENSION, MAX_MODEL_FILES } from '../../../protocol/limits.js';
import { floatsFrom, malformed, type NamedTensor, sizeOfShape } from './tensors.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const ENDING = '.npy';
/** NumPy aligns the data of a file by it. */
const ALIGNMENT = 64;
/** The first time that a zip can say. */
const NO_TIME = new Date(1980, 0, 1);

/** Bytes of a file that `numpy.load` reads; keys are the names of the tensors. */
export function encodeNpz(tensors: readonly NamedTensor[]): Uint8Array {
  const files: Zippable = {};
  for (const { name, shape, values } of tensors) files[`${name}${ENDING}`] = encodeNpy(shape, values);
  return zipSync(files, { level: 0, mtime: NO_TIME });
}

/** @throws MODEL_MALFORMED for what is no zip, holds something else than float32 arrays, or unpacks to more than a model can have */
export function decodeNpz(bytes: Uint8Array, file: string): NamedTensor[] {
  let count = 0;
  let total = 0;
  const bad = (text: string) => malformed(file, text);
  let files: Readonly<Record<string, Uint8Array>>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        count++;
        total += originalSize;
        if (!name.endsWith(ENDING)) throw bad(`holds '${name}', which is no ${ENDING} file`);
        // What the zip says: no more than that is unpacked.
        if (count > MAX_MODEL_FILES || total > 5 * MAX_DIMENSION) throw bad('unpacks to more than a model can have');
        return true;
      },
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'SottoError') throw error;
    throw bad(`is no sound zip: ${error instanceof Error ? error.message : error}`);
  }
  return Object.entries(files).map(([name, content]) => {
    const tensor = name.slice(0, -ENDING.length);
    return { name: tensor, ...decodeNpy(content, tensor, file) };
  });
}

function encodeNpy(shape: readonly number[], values: Float32Array): Uint8Array {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const fields = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sides}), }`;
  const before = MAGIC.length + 4;
  const padded = Math.ceil((before + fields.length + 1) / ALIGNMENT) * ALIGNMENT - before;
  const bytes = new Uint8Array(before + padded + values.byteLength);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(MAGIC.length + 2, padded, true);
  bytes.set(new TextEncoder().encode(`${fields.padEnd(padded - 1)}\n`), before);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), before + padded);
  return bytes;
}

const FIELDS =
  /^\{'descr': '([^']{1,16})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,16}, ?)*\d{0,16})\), ?\} *\n$/;

function decodeNpy(
  bytes: Uint8Array,
  name: string,
  file: string,
): { shape: number[]; values: Float32Array<ArrayBuffer> } {
  const bad = (text: string) => malformed(file, `array '${name}' ${text}`);
  const [major] = bytes.subarray(MAGIC.length);
  if (bytes.length < 12 || MAGIC.some((byte, i) => bytes[i] !== byte) || (major !== 1 && major !== 2))
    throw bad('is no .npy file of version 1 or 2');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = major === 1 ? 10 : 12;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > bytes.length) throw bad('is cut short');
  const match = FIELDS.exec(String.fromCharCode(...bytes.subarray(start, start + Math.min(length, 4_096))));
  if (match === null) throw bad('has a header that NumPy does not write for a plain array');
  const [, type, fortran, sides = ''] = match;
  if (type !== '<f4') throw bad(`is of type ${type}; convert it: array.astype('<f4')`);
  if (fortran === 'True') throw bad('is in Fortran order; convert it: numpy.ascontiguousarray(array)');
  const shape = sides.split(',').flatMap((side) => (side.trim() === '' ? [] : [Number(side)]));
  const size = sizeOfShape(shape);
  if (size === undefined) throw bad('has a shape that no model has');
  const data = bytes.subarray(start + length);
  if (data.length !== 4 * size) throw bad(`has ${data.length} bytes for ${size} float32 values`);
  return { shape, values: floatsFrom(data) };
}
