// safetensors files, float32 alone, strict: every byte of the file is accounted for. The reader is for files by strangers, so nothing
// is allocated before its length is known to be in the file. Source: huggingface/safetensors README "Format", and the checks of its
// Rust reader; stricter: no dtype but F32, no tensor without a place in a model.
// Not here: which tensors a model has (tensors.ts).

import { MAX_MODEL_HEADER_BYTES } from '../../../protocol/limits.js';
import { floatsFrom, malformed, type NamedTensor, sizeOfShape } from './tensors.js';

const LENGTH_BYTES = 8;
const METADATA = '__metadata__';

/**
 * Bytes of a file. Tensors are laid down by name as the Python package does, so that both write the same bytes.
 * @param metadata words about the file, strings only
 */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  let offset = 0;
  const entries = sorted.map(({ name, shape, values }) => {
    const from = offset;
    offset += 4 * values.length;
    return [name, { dtype: 'F32', shape, data_offsets: [from, offset] }] as const;
  });
  const header = JSON.stringify(
    Object.fromEntries([...(Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : []), ...entries]),
  );
  const text = new TextEncoder().encode(header);
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + padded + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + padded);
  bytes.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + padded;
  for (const { values } of sorted) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}

/**
 * Tensors in the order of their bytes, each in a buffer of its own.
 * @param file its name, for messages
 * @throws MODEL_MALFORMED saying what is wrong: a length, the header, a dtype, a shape, offsets with holes or overlaps
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  file: string,
): { readonly tensors: NamedTensor[]; readonly metadata: Readonly<Record<string, string>> } {
  if (bytes.length < LENGTH_BYTES) throw malformed(file, `${bytes.length} bytes are too few for a safetensors file`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_MODEL_HEADER_BYTES, bytes.length - LENGTH_BYTES)))
    throw malformed(
      file,
      `its header should have ${length} bytes, more than the file or ${MAX_MODEL_HEADER_BYTES}; it is cut short, or no safetensors file`,
    );
  const end = LENGTH_BYTES + Number(length);
  const header = objectOf(bytes.subarray(LENGTH_BYTES, end));
  if (header === undefined) throw malformed(file, 'its header is no JSON object');
  const data = bytes.subarray(end);
  const { [METADATA]: metadata = {}, ...rest } = header;
  if (!isWords(metadata)) throw malformed(file, `${METADATA} may hold strings only`);
  const places = Object.entries(rest).map(([name, entry]) => placeOf(file, name, entry));
  places.sort((a, b) => a.from - b.from || a.to - b.to);
  let at = 0;
  for (const { name, from, to } of places) {
    if (from !== at) throw malformed(file, `tensor '${name}' starts at byte ${from}, the one before ends at ${at}`);
    at = to;
  }
  if (at !== data.length)
    throw malformed(file, `its tensors end at byte ${at}, the file has ${data.length} bytes of them`);
  return {
    tensors: places.map(({ name, shape, from, to }) => ({ name, shape, values: floatsFrom(data.subarray(from, to)) })),
    metadata,
  };
}

interface Place {
  readonly name: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

function placeOf(file: string, name: string, entry: unknown): Place {
  const { dtype, shape, data_offsets: offsets, ...more } = (isObject(entry) ? entry : {}) as Record<string, unknown>;
  if (Object.keys(more).length > 0)
    throw malformed(file, `tensor '${name}' has a field '${Object.keys(more)[0]}' that nobody knows`);
  if (dtype !== 'F32')
    throw malformed(file, `tensor '${name}' is of type ${JSON.stringify(dtype)}; convert it to F32 (float32)`);
  const size = sizeOfShape(shape);
  if (size === undefined) throw malformed(file, `tensor '${name}' has no shape that a model can have`);
  const [from, to] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isOffset(from) || !isOffset(to) || to - from !== 4 * size)
    throw malformed(file, `tensor '${name}' has offsets that do not fit its ${size} values`);
  return { name, shape: shape as readonly number[], from, to };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isWords = (value: unknown): value is Readonly<Record<string, string>> =>
  isObject(value) && Object.values(value).every((word) => typeof word === 'string');

/** As the format has it: from the first byte a `{`, spaces at most behind the last `}`. */
function objectOf(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
