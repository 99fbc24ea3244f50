// `noise: float`: Gaussian noise by Box-Muller over CSPRNG bits, in float64. Faster than the integer sampler and not exact: floats
// have holes from which inputs can be told (Mironov 2012), so ledgers call it `real` and its guarantee holds for ideal reals only.
// For record level alone; client level never uses it. Not here: the exact kind (noise-exact.ts).

import type { Rng } from '../../../protocol/crypto/primitives.js';
import { SottoError } from '../../../protocol/errors.js';
import type { StepNoise } from './noise.js';

/** Bytes of randomness asked for at once. */
const BUFFER_BYTES = 1 << 16;

/** Standard normal numbers into `out`. Source: Box & Muller 1958; 53-bit uniforms, the one under the logarithm in (0, 1]. */
export function fillNormals(out: Float64Array, rng: Rng): void {
  let bytes: DataView = new DataView(new ArrayBuffer(0));
  let at = 0;
  const uniform = (): number => {
    if (at === bytes.byteLength) {
      const fresh = rng(Math.min(BUFFER_BYTES, 16 * Math.ceil(out.length / 2)));
      bytes = new DataView(fresh.buffer, fresh.byteOffset, fresh.byteLength);
      at = 0;
    }
    const value = (bytes.getUint32(at) >>> 11) * 2 ** 32 + bytes.getUint32(at + 4);
    at += 8;
    return value / 2 ** 53;
  };
  for (let i = 0; i < out.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    out[i] = radius * Math.cos(angle);
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle);
  }
}

export function floatNoise(dimension: number, clipNorm: number, noiseMultiplier: number, rng: Rng): StepNoise {
  const normals = new Float64Array(dimension);
  const std = noiseMultiplier * clipNorm;
  let drawn = false;
  return {
    arithmetic: 'real',
    noiseMultiplier,
    draw: () => {
      fillNormals(normals, rng);
      drawn = true;
    },
    release: (sum) => {
      if (!drawn) throw new SottoError('INTERNAL', 'noise is used twice, or before it was drawn');
      drawn = false;
      for (let i = 0; i < dimension; i++) sum[i] = (sum[i] as number) + std * (normals[i] as number);
      normals.fill(0);
    },
  };
}
