// Ghost norms against gradients written out in float64, on random layers. Not here: real models (ghost.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addConvolutionSquares,
  addDenseSquares,
  addDepthwiseSquares,
  addEmbeddingSquares,
  byGram,
  byProduct,
} from '../../client/tfjs/dp-sgd/norms.js';
import type { Shape2D } from '../../client/tfjs/dp-sgd/unfold.js';
import { seededRandom } from '../../client/tfjs/index.js';
import { convolutionGradient, depthwiseGradient } from './reference.js';

const draw = (seed: number, length: number, zeros = 0.3): Float64Array => {
  const random = seededRandom('norms', seed);
  return Float64Array.from({ length }, () => (random() < zeros ? 0 : 2 * random() - 1));
};
const square = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v * v, 0);
/** 1e-9 relative, for norms that are not a rounding of zero. */
const closeNorms = (squares: Float64Array, expected: readonly number[]): void =>
  expected.forEach((value, i) => {
    expect(Math.abs(Math.sqrt(squares[i] as number) - Math.sqrt(value))).toBeLessThanOrEqual(
      1e-9 * Math.max(1, Math.sqrt(value)),
    );
  });
const side = fc.integer({ min: 1, max: 4 });

describe('ghost norms equal the norms of explicit gradients to 1e-9 in float64', () => {
  it('dense layers over sequences, by both formulas and by the one that is chosen', () => {
    fc.assert(
      fc.property(fc.nat(), side, fc.integer({ min: 1, max: 9 }), side, side, (seed, n, positions, inputs, outputs) => {
        const a = draw(seed, n * positions * inputs);
        const gamma = draw(seed + 1, n * positions * outputs);
        const explicit = Array.from({ length: n }, (_, r) => {
          const gradient: number[] = [];
          for (let i = 0; i < inputs; i++)
            for (let o = 0; o < outputs; o++) {
              let sum = 0;
              for (let t = 0; t < positions; t++)
                sum +=
                  (a[(r * positions + t) * inputs + i] as number) *
                  (gamma[(r * positions + t) * outputs + o] as number);
              gradient.push(sum);
            }
          return square(gradient);
        });
        const rows = { positions, inputs, outputs };
        const chosen = new Float64Array(n);
        addDenseSquares(a, gamma, n, rows, chosen);
        closeNorms(chosen, explicit);
        for (const way of [byGram(rows), byProduct(rows)]) {
          const squares = Float64Array.from({ length: n }, (_, r) =>
            way(a, r * positions * inputs, gamma, r * positions * outputs),
          );
          closeNorms(squares, explicit);
        }
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  const shapes = fc.record({
    inSize: fc.tuple(fc.integer({ min: 3, max: 6 }), fc.integer({ min: 3, max: 6 })),
    filter: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    strides: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
    padding: fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 })),
    channels: fc.integer({ min: 1, max: 3 }),
  });
  const withOutput = (s: Omit<Shape2D, 'outSize'>): Shape2D => ({
    ...s,
    outSize: [
      Math.floor((s.inSize[0] + 2 * s.padding[0] - s.filter[0]) / s.strides[0]) + 1,
      Math.floor((s.inSize[1] + 2 * s.padding[1] - s.filter[1]) / s.strides[1]) + 1,
    ],
  });
  it('convolutions and depthwise ones, strided, padded, not square', () => {
    fc.assert(
      fc.property(fc.nat(), shapes, fc.integer({ min: 1, max: 3 }), (seed, sizes, many) => {
        const s = withOutput(sizes);
        const values = s.inSize[0] * s.inSize[1] * s.channels;
        const pixels = s.outSize[0] * s.outSize[1];
        const x = draw(seed, 2 * values);
        for (const depthwise of [false, true]) {
          const outputs = depthwise ? many * s.channels : many;
          const gamma = draw(seed + 1, 2 * pixels * outputs);
          const into = new Float64Array(2);
          (depthwise ? addDepthwiseSquares : addConvolutionSquares)(x, gamma, 2, { ...s, outputs }, into);
          const explicit = [0, 1].map((r) => {
            const image = x.subarray(r * values, (r + 1) * values);
            const back = gamma.subarray(r * pixels * outputs, (r + 1) * pixels * outputs);
            return square(
              depthwise ? depthwiseGradient(image, back, s, many) : convolutionGradient(image, back, s, outputs),
            );
          });
          closeNorms(into, explicit);
        }
      }),
      { seed: 2, numRuns: 60 },
    );
  });

  it('embeddings: the rows of a token that occurs twice are summed before they are squared', () => {
    const tokens = Float64Array.from([5, 1, 5, 0, 0, 0]);
    const gamma = draw(3, 12, 0);
    const explicit = [0, 1].map((r) => {
      const table = new Float64Array(6 * 2);
      for (let t = 0; t < 3; t++)
        for (let o = 0; o < 2; o++) {
          const k = (tokens[r * 3 + t] as number) * 2 + o;
          table[k] = (table[k] as number) + (gamma[(r * 3 + t) * 2 + o] as number);
        }
      return square(table);
    });
    const into = new Float64Array(2);
    addEmbeddingSquares(tokens, gamma, 2, { positions: 3, outputs: 2 }, into);
    closeNorms(into, explicit);
  });

  it('a NaN in the output-gradient is a NaN in the norm, whichever formula is used', () => {
    for (const positions of [1, 3, 40]) {
      const rows = { positions, inputs: 3, outputs: 2 };
      const gamma = draw(4, positions * 2);
      gamma[1] = Number.NaN;
      const into = new Float64Array(1);
      addDenseSquares(draw(5, positions * 3, 0), gamma, 1, rows, into);
      expect(into[0]).toBeNaN();
      const one = byGram(rows)(draw(5, positions * 3, 0), 0, gamma, 0);
      expect(one).toBeNaN();
    }
  });
});
