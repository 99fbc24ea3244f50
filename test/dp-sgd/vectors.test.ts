// The cases of vectors/privacy.json about DP-SGD: norms of one record's gradient, one step, and that the published MNIST runs are those
// that `npm run mnist:dpsgd` makes on demand (half an hour and more). Not here: gradients of real models (ghost.test.ts).

import { execFileSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { clipFactors, divide } from '../../client/tfjs/dp-sgd/arithmetic.js';
import {
  addBiasSquares,
  addConvolutionSquares,
  addDenseSquares,
  addEmbeddingSquares,
  addScaleSquares,
  type Values,
} from '../../client/tfjs/dp-sgd/norms.js';
import { unfold } from '../../client/tfjs/dp-sgd/unfold.js';
import { type Case, eachCase, num, nums } from '../privacy/cases.js';
import { normalize, shapeFor } from './reference.js';

const rows = (value: unknown): number[][] => (value as unknown[]).map(nums);
const flat = (value: unknown): Float64Array => Float64Array.from((value as unknown[]).flat(9).map(num));
/** Norm that a function adds for one record. */
const normOf = (add: (into: Float64Array) => void): number => {
  const into = new Float64Array(1);
  add(into);
  return Math.sqrt(into[0] as number);
};
const parts = (kernel: number, bias: number) => ({ kernel, bias, total: Math.hypot(kernel, bias) });

describe('ghost norms of single layers', () => {
  const dense = (a: Values, gamma: Values, positions: number) => {
    const [inputs, outputs] = [a.length / positions, gamma.length / positions];
    const sizes = { positions, inputs, outputs };
    return parts(
      normOf((into) => addDenseSquares(a, gamma, 1, sizes, into)),
      normOf((into) => addBiasSquares(gamma, 1, sizes, into)),
    );
  };
  eachCase('ghostNorm/dense', undefined, ({ inputs }) => dense(flat(inputs.activation), flat(inputs.backprop), 1));
  eachCase('ghostNorm/denseSequence', undefined, ({ inputs }) =>
    dense(flat(inputs.activation), flat(inputs.backprop), rows(inputs.activation).length),
  );

  eachCase('ghostNorm/conv2d', undefined, ({ params, inputs, expected }) => {
    const conv = shapeFor(inputs.input as number[][][], params);
    const gamma = flat(inputs.backprop);
    const outputs = gamma.length / (conv.outSize[0] * conv.outSize[1]);
    const x = flat(inputs.input);
    const windows = new Float64Array(
      conv.outSize[0] * conv.outSize[1] * conv.filter[0] * conv.filter[1] * conv.channels,
    );
    unfold(x, 0, conv, windows);
    const norms = parts(
      normOf((into) => addConvolutionSquares(x, gamma, 1, { ...conv, outputs }, into)),
      normOf((into) => addBiasSquares(gamma, 1, { positions: conv.outSize[0] * conv.outSize[1], outputs }, into)),
    );
    // The gradients that are printed are checked by their norm: they must be that of the kernel.
    const { gradient } = expected as { gradient?: unknown };
    if (gradient !== undefined) expect(Math.hypot(...flat(gradient))).toBeCloseTo(norms.kernel, 9);
    return { ...norms, ...(gradient === undefined ? {} : { gradient }) };
  });

  eachCase('ghostNorm/embedding', undefined, ({ inputs }) =>
    normOf((into) => {
      const tokens = Float64Array.from(nums(inputs.tokens));
      const gamma = flat(inputs.backprop);
      addEmbeddingSquares(tokens, gamma, 1, { positions: tokens.length, outputs: gamma.length / tokens.length }, into);
    }),
  );

  const normalized = ({ params, inputs, expected }: Case, groups: number | undefined) => {
    const x = rows(inputs.input);
    const gamma = rows(inputs.backprop);
    const xHat = normalize(x, groups, num(params.epsilon));
    const sizes = { positions: x.length, outputs: gamma[0]?.length ?? 0 };
    const column = (values: number[][], c: number): number => values.reduce((sum, row) => sum + (row[c] ?? 0), 0);
    const products = gamma.map((row, t) => row.map((value, c) => value * (xHat[t]?.[c] ?? 0)));
    const total = normOf((into) => {
      addScaleSquares(flat(xHat), flat(gamma), 1, sizes, into);
      addBiasSquares(flat(gamma), 1, sizes, into);
    });
    const { gamma: scale, beta } = expected as { gamma: number[]; beta: number[] };
    return { total, gamma: scale.map((_, c) => column(products, c)), beta: beta.map((_, c) => column(gamma, c)) };
  };
  eachCase('ghostNorm/groupNorm', undefined, (one) => normalized(one, num(one.params.groups)));
  eachCase('ghostNorm/layerNorm', undefined, (one) => normalized(one, undefined));
});

describe('one step', () => {
  eachCase('dpSgd/step', undefined, ({ params, inputs }) => {
    const gradients = rows(inputs.gradients);
    const normals = nums(inputs.standardNormals);
    const clip = num(params.clip);
    const factors = clipFactors(
      gradients.map((one) => Math.hypot(...one)),
      clip,
    );
    const sum = Float64Array.from(normals, (normal, k) =>
      gradients.reduce(
        (total, one, i) => total + (factors[i] ?? 0) * (one[k] ?? 0),
        num(params.noiseMultiplier) * clip * normal,
      ),
    );
    divide(sum, num(params.denominator));
    return { factors, gradient: sum };
  });
});

interface MnistRow {
  readonly learningRate: number;
  readonly noiseMultiplier: number;
  readonly clipNorm: number;
  readonly lot: number;
  readonly steps: number;
  readonly promised: number;
}
describe('the program that repeats the published runs fails below their accuracy, at the same z, q and steps', () => {
  const text = execFileSync(process.execPath, ['dist/bench/mnist-dpsgd.js', '--rows'], { encoding: 'utf8' });
  const published: readonly MnistRow[] = Object.values(JSON.parse(text) as Record<string, MnistRow>);
  eachCase('mnistDpSgd/publishedAccuracy', undefined, ({ params }) => {
    const row = published.find(
      ({ noiseMultiplier, lot, steps, clipNorm, learningRate }) =>
        noiseMultiplier === params.noiseMultiplier &&
        lot === params.batch &&
        steps === params.steps &&
        clipNorm === (params.clip ?? clipNorm) &&
        learningRate === (params.learningRate ?? learningRate),
    );
    return { accuracyPercent: 100 * (row?.promised ?? Number.NaN) };
  });
});
