// A model on disk: a folder with `manifest.json` and `weights.bin`, the flat float32 vector. Reading checks that both belong together.
// Not here: what stands in the manifest (manifest.ts), other formats of weights (client/tfjs/formats).

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOfBlob, weightsBytes, weightsFromBytes } from '../../protocol/chain/model.js';
import { SottoError } from '../../protocol/errors.js';
import { type Hash, hashOf } from '../../protocol/ids.js';
import { MAX_DIMENSION, MAX_MODEL_HEADER_BYTES } from '../../protocol/limits.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { parseManifest, type SignedManifest } from './manifest.js';

export const MANIFEST_FILE = 'manifest.json';
export const WEIGHTS_FILE = 'weights.bin';

/** As the model chain names it. */
export const hashOfWeights = (weights: Float32Array<ArrayBuffer>): Hash =>
  hashOf(hashOfBlob(nativePrimitives, weightsBytes(weights)));

export const isModelFolder = (folder: string): boolean => existsSync(join(folder, MANIFEST_FILE));

/** @param folder must be new or empty of a model @throws STORE_WRITE */
export function writeModel(folder: string, signed: SignedManifest, weights: Float32Array<ArrayBuffer>): void {
  if (isModelFolder(folder))
    throw new SottoError('STORE_WRITE', `${folder} holds a model already; choose another name`, { file: folder });
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, WEIGHTS_FILE), weightsBytes(weights));
    writeFileSync(join(folder, MANIFEST_FILE), manifestText(signed));
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new SottoError('STORE_WRITE', `${folder} cannot be written: ${why}`, { file: folder });
  }
}

export const manifestText = (signed: SignedManifest): string => `${JSON.stringify(signed, null, 2)}\n`;

/** @throws CONFIG_UNREADABLE where there is none; MODEL_MALFORMED where it is damaged; MODEL_UNPROVEN where the weights are others */
export function readModel(folder: string): { signed: SignedManifest; weights: Float32Array<ArrayBuffer> } {
  const signed = readManifest(join(folder, MANIFEST_FILE));
  const { dimension, weights } = signed.manifest;
  const bytes = readBytes(join(folder, WEIGHTS_FILE), 4 * MAX_DIMENSION);
  if (bytes.length !== 4 * dimension)
    throw new SottoError('MODEL_MALFORMED', `${folder}: ${bytes.length} bytes are no ${dimension} float32 weights`, {
      file: folder,
    });
  const values = weightsFromBytes(bytes, dimension);
  if (hashOfWeights(values) !== weights.hash)
    throw new SottoError(
      'MODEL_UNPROVEN',
      `${folder}: ${WEIGHTS_FILE} are not the weights that ${MANIFEST_FILE} names`,
      {
        file: folder,
      },
    );
  return { signed, weights: values };
}

/** @throws CONFIG_UNREADABLE, MODEL_MALFORMED */
export function readManifest(file: string): SignedManifest {
  return parseManifest(new TextDecoder().decode(readBytes(file, MAX_MODEL_HEADER_BYTES)), file);
}

/** A file that somebody else wrote, no longer than it may be. @throws CONFIG_UNREADABLE, MODEL_MALFORMED */
export function readBytes(file: string, most: number): Uint8Array {
  let length: number;
  try {
    length = statSync(file).size;
    if (length <= most) return new Uint8Array(readFileSync(file));
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new SottoError(
      'CONFIG_UNREADABLE',
      `cannot read ${file}: ${why === 'ENOENT' ? 'there is no such file' : why}`,
      {
        file,
      },
    );
  }
  throw new SottoError('MODEL_MALFORMED', `${file} has ${length} bytes, more than the ${most} that it may have`, {
    file,
  });
}
