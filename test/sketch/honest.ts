// How near honest updates of the full encoded norm come to the norm check, over many draws of A. Not a test: matrix.test.ts draws a
// few, test/slow/sketch-completeness.test.ts a million.

import { nativeKeystream } from '../../protocol/native/index.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { type SketchSpec, sketchBounds } from '../../protocol/sketch/bounds.js';
import { BUCKETS, expandMatrix } from '../../protocol/sketch/matrix.js';
import { openProjector, project } from '../../protocol/sketch/project.js';
import { seeded } from '../protocol/world.js';

const SPEC: SketchSpec = {
  kind: 'sketch',
  rows: 24,
  securityBits: 20,
  malicious: 0,
  exclusions: 0,
  dropouts: 0,
  selection: [],
  window: { count: { min: 1, max: 1 }, time: { min: 0, max: 1 } },
};
const PART = 256;
/** Draws of one dense part: the same values at another place of a longer model meet other buckets, so other columns of A. */
const PLACES = 64;

/** The largest Σ(a_r·w)² ÷ (k/2·‖w‖²) of a fixed w of 256 coordinates among so many matrices: what trying them is worth. Fixed seed. */
export function sharpest(draws: number): number {
  const next = seeded(13);
  const w = Int32Array.from({ length: PART }, () => 2 * next(2) - 1);
  let most = 0;
  for (let drawn = 0; drawn < draws; drawn += PLACES) {
    const { put, apply } = placesOf(next);
    for (let place = 0; place < PLACES; place++) {
      put(place).set(w);
      most = Math.max(most, (2 * squareOf(apply())) / (SPEC.rows * PART));
    }
  }
  return most;
}

/** A fresh A over `PLACES` places, and a vector that is zero but in the place last asked for. */
function placesOf(next: (below: number) => number) {
  const key = Uint8Array.from({ length: 32 }, () => next(256));
  const matrix = runStreaming(expandMatrix(key, SPEC.rows, PLACES * PART), 'aes256ctr', nativeKeystream);
  for (let i = 0; i < matrix.offsets.length; i++) matrix.offsets[i] = next(BUCKETS);
  const projector = openProjector(WebAssembly, matrix);
  const x = new Int32Array(PLACES * PART);
  return {
    put: (place: number): Int32Array => x.fill(0).subarray(place * PART, (place + 1) * PART),
    apply: (): Int32Array => new Int32Array(project(projector, new Uint32Array(x.buffer)).buffer),
  };
}

const squareOf = (v: Int32Array): number => v.reduce((sum, one) => sum + one * one, 0);

/** The largest ‖v‖² ÷ bound in so many draws: half of them one coordinate, half of them 256 equal ones. Fixed seed. */
export function worstHonest(draws: number): number {
  const encoding = { dimension: PART, clipNorm: 8, range: 1, levels: 127, ring: 32, weighted: false } as const;
  const { maxSquare, encodedNorm } = sketchBounds(SPEC, encoding);
  const next = seeded(11);
  let worst = 0;
  for (let drawn = 0; drawn < draws; drawn += PLACES) {
    const { put, apply } = placesOf(next);
    for (let place = 0; place < PLACES; place++) {
      const part = put(place);
      if (place % 2 === 0) part[next(PART)] = Math.floor(encodedNorm);
      else for (let i = 0; i < PART; i++) part[i] = (2 * next(2) - 1) * Math.floor(encodedNorm / Math.sqrt(PART));
      worst = Math.max(worst, squareOf(apply()) / maxSquare);
    }
  }
  return worst;
}
