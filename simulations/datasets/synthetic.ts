// Data made from a seed, for tests and for machines without the data packages: one Gaussian cloud per class.
// Not a substitute for real data in any claim about accuracy.

import type { Random } from '../random.js';
import type { Dataset } from './dataset.js';

export interface BlobsOptions {
  readonly size: number;
  readonly classes: number;
  /** Of one example. */
  readonly shape: readonly number[];
  /** Standard deviation of the class centres, per coordinate. Larger is easier. */
  readonly separation: number;
  /** Standard deviation round a centre, per coordinate. */
  readonly spread: number;
}

/** Example i has class i mod classes: the classes differ by at most one in size. Split it to share centres between parts. */
export function gaussianBlobs(options: BlobsOptions, random: Random): Dataset {
  const width = options.shape.reduce((product, side) => product * side, 1);
  const centres = new Float64Array(options.classes * width);
  const centreDraws = random.fork('centres');
  for (let i = 0; i < centres.length; i++) centres[i] = options.separation * centreDraws.normal();
  const inputs = new Float32Array(options.size * width);
  const labels = new Uint8Array(options.size);
  const draws = random.fork('examples');
  for (let row = 0; row < options.size; row++) {
    const label = row % options.classes;
    labels[row] = label;
    for (let i = 0; i < width; i++) {
      inputs[row * width + i] = (centres[label * width + i] ?? 0) + options.spread * draws.normal();
    }
  }
  return { inputs, shape: options.shape, labels, classes: options.classes };
}
