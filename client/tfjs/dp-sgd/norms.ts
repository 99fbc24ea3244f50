// Squared norms of one record's gradient, from what a layer was given and what the loss asks of its output: per-record gradients of
// a batch are never held (ghost norms; Li et al. 2022 §4, Bu et al. 2022; privacy.md §3.2). Plain loops with float64 sums.
// Everything is a Float64Array: loops that see one kind of array are four times as fast. Not here: which layer is which (tape.ts).

import type { Shape2D } from './unfold.js';
import { unfold } from './unfold.js';

/** Row-major numbers; a batch holds record after record. */
export type Values = Float64Array;

/** Rows (positions, output pixels) of one record, and the widths of a row before and after the layer. */
export interface Rows {
  readonly positions: number;
  readonly inputs: number;
  readonly outputs: number;
}

export function sumOfSquares(values: Values, from = 0, to = values.length): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += (values[i] as number) * (values[i] as number);
  return sum;
}

/**
 * Adds to `into[record]` the squared norm of AᵀΓ, the gradient of a kernel of [inputs, outputs] for each of `n` records.
 * One position: ‖a‖²·‖γ‖². More: Σ (AAᵀ)∘(ΓΓᵀ) where 2T² < inputs·outputs, otherwise the product itself, one record at a time.
 * @param a n × positions × inputs  @param gamma n × positions × outputs, of the unreduced loss
 */
export function addDenseSquares(a: Values, gamma: Values, n: number, rows: Rows, into: Float64Array): void {
  const square = denseSquare(rows);
  const { positions, inputs, outputs } = rows;
  for (let i = 0; i < n; i++) {
    into[i] = (into[i] as number) + square(a, i * positions * inputs, gamma, i * positions * outputs);
  }
}

/** Adds to `into[record]` the squared norm of Σ_t Γ_t, the gradient of a bias of `outputs` values. */
export function addBiasSquares(gamma: Values, n: number, rows: Omit<Rows, 'inputs'>, into: Float64Array): void {
  const { positions, outputs } = rows;
  const sums = new Float64Array(outputs);
  for (let i = 0, at = 0; i < n; i++) {
    sums.fill(0);
    for (let t = 0; t < positions; t++)
      for (let o = 0; o < outputs; o++, at++) sums[o] = (sums[o] as number) + (gamma[at] as number);
    into[i] = (into[i] as number) + sumOfSquares(sums);
  }
}

/** Adds to `into[record]` the squared norm of Σ_t Γ_t∘X_t, the gradient of a scale of `outputs` values. @param x as `gamma` */
export function addScaleSquares(
  x: Values,
  gamma: Values,
  n: number,
  rows: Omit<Rows, 'inputs'>,
  into: Float64Array,
): void {
  const { positions, outputs } = rows;
  const sums = new Float64Array(outputs);
  for (let i = 0, at = 0; i < n; i++) {
    sums.fill(0);
    for (let t = 0; t < positions; t++)
      for (let o = 0; o < outputs; o++, at++) sums[o] = (sums[o] as number) + (gamma[at] as number) * (x[at] as number);
    into[i] = (into[i] as number) + sumOfSquares(sums);
  }
}

/** A convolution of one record: shapes, and the place of the window (unfold.ts). `outputs` channels come out. */
export interface Convolution extends Shape2D {
  readonly outputs: number;
}

/** The kernel of a convolution: the windows are the rows of a dense layer of height × width × channels inputs. */
export function addConvolutionSquares(
  x: Values,
  gamma: Values,
  n: number,
  conv: Convolution,
  into: Float64Array,
): void {
  const { window, pixels, imageValues } = sizes(conv);
  const rows = { positions: pixels, inputs: window * conv.channels, outputs: conv.outputs };
  // Inside a network relu and pooling leave most of Γ at zero, which `byProduct` skips; an image is mostly zero itself.
  if (conv.channels === 1 && pixels > 1 && !prefersGram(rows)) {
    const square = byPixels(conv);
    for (let i = 0; i < n; i++)
      into[i] = (into[i] as number) + square(x, i * imageValues, gamma, i * pixels * conv.outputs);
    return;
  }
  const square = denseSquare(rows);
  const windows = new Float64Array(pixels * window * conv.channels);
  for (let i = 0; i < n; i++) {
    unfold(x, i * imageValues, conv, windows);
    into[i] = (into[i] as number) + square(windows, 0, gamma, i * pixels * conv.outputs);
  }
}

/** The kernel of a depthwise convolution, [window, channels, multiplier]: output channel c·multiplier + m sees channel c alone. */
export function addDepthwiseSquares(x: Values, gamma: Values, n: number, conv: Convolution, into: Float64Array): void {
  const { window, pixels, imageValues } = sizes(conv);
  const { channels, outputs } = conv;
  const multiplier = outputs / channels;
  const windows = new Float64Array(pixels * window * channels);
  const gradient = new Float64Array(window * outputs);
  for (let i = 0; i < n; i++) {
    unfold(x, i * imageValues, conv, windows);
    gradient.fill(0);
    for (let t = 0, at = 0; t < pixels; t++) {
      const row = (i * pixels + t) * outputs;
      for (let w = 0; w < window; w++) {
        for (let c = 0; c < channels; c++, at++) {
          const value = windows[at] as number;
          if (value === 0) continue;
          for (let m = 0; m < multiplier; m++) {
            const o = c * multiplier + m;
            const k = w * outputs + o;
            gradient[k] = (gradient[k] as number) + value * (gamma[row + o] as number);
          }
        }
      }
    }
    into[i] = (into[i] as number) + sumOfSquares(gradient);
  }
}

/** The table of an embedding: positions with the same token are summed first, so the cost is positions × width. */
export function addEmbeddingSquares(
  tokens: ArrayLike<number>,
  gamma: Values,
  n: number,
  { positions, outputs }: Omit<Rows, 'inputs'>,
  into: Float64Array,
): void {
  const sums = new Float64Array(positions * outputs);
  const slots = new Map<number, number>();
  for (let i = 0, row = 0; i < n; i++) {
    slots.clear();
    sums.fill(0);
    for (let t = 0; t < positions; t++, row++) {
      const token = tokens[row] as number;
      const slot = slots.get(token) ?? slots.size;
      slots.set(token, slot);
      for (let o = 0; o < outputs; o++) {
        const k = slot * outputs + o;
        sums[k] = (sums[k] as number) + (gamma[row * outputs + o] as number);
      }
    }
    into[i] = (into[i] as number) + sumOfSquares(sums);
  }
}

function sizes({ filter, outSize, inSize, channels }: Shape2D) {
  return {
    window: filter[0] * filter[1],
    pixels: outSize[0] * outSize[1],
    imageValues: inSize[0] * inSize[1] * channels,
  };
}

type Square = (a: Values, aFrom: number, gamma: Values, gammaFrom: number) => number;

/** Squared norm of one record's AᵀΓ, by the cheaper way for these sizes. Scratch space lives as long as the function. */
function denseSquare(rows: Rows): Square {
  const { positions, inputs, outputs } = rows;
  if (positions === 1) {
    return (a, at, gamma, from) => sumOfSquares(gamma, from, from + outputs) * sumOfSquares(a, at, at + inputs);
  }
  return prefersGram(rows) ? byGram(rows) : byProduct(rows);
}
const prefersGram = ({ positions, inputs, outputs }: Rows): boolean => 2 * positions * positions < inputs * outputs;

/** Σ_{t,u} (A_t·A_u)(Γ_t·Γ_u); symmetric, so half of it. Rows that the loss does not depend on cost nothing. */
export function byGram({ positions, inputs, outputs }: Rows): Square {
  const live = new Int32Array(positions);
  return (a, aFrom, gamma, gammaFrom) => {
    let count = 0;
    for (let t = 0; t < positions; t++) {
      const from = gammaFrom + t * outputs;
      if (sumOfSquares(gamma, from, from + outputs) !== 0) live[count++] = t;
    }
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const t = live[i] as number;
      for (let j = i; j < count; j++) {
        const u = live[j] as number;
        const g = dot(gamma, gammaFrom + t * outputs, gammaFrom + u * outputs, outputs);
        if (g === 0) continue;
        const product = g * dot(a, aFrom + t * inputs, aFrom + u * inputs, inputs);
        sum += i === j ? product : 2 * product;
      }
    }
    // Terms cancel; what is left of nothing may be a rounding below it.
    return Math.max(0, sum);
  };
}

/** ‖AᵀΓ‖² from the product. Relu and pooling leave most of Γ and half of A at zero: those are skipped. */
export function byProduct({ positions, inputs, outputs }: Rows): Square {
  const gradient = new Float64Array(inputs * outputs);
  const columns = new Int32Array(outputs);
  const factors = new Float64Array(outputs);
  return (a, aFrom, gamma, gammaFrom) => {
    gradient.fill(0);
    for (let t = 0; t < positions; t++) {
      let count = 0;
      for (let o = 0, at = gammaFrom + t * outputs; o < outputs; o++, at++) {
        const value = gamma[at] as number;
        if (value === 0) continue;
        columns[count] = o;
        factors[count++] = value;
      }
      if (count === 0) continue;
      for (let i = 0, at = aFrom + t * inputs; i < inputs; i++, at++) {
        const value = a[at] as number;
        if (value === 0) continue;
        const row = i * outputs;
        for (let c = 0; c < count; c++) {
          const k = row + (columns[c] as number);
          gradient[k] = (gradient[k] as number) + value * (factors[c] as number);
        }
      }
    }
    return sumOfSquares(gradient);
  };
}

/**
 * ‖AᵀΓ‖² of a convolution without its windows: each value of the image that is not zero meets the output pixels that see it. A digit
 * is four fifths zero, and no window is written anywhere.
 */
function byPixels({ inSize, outSize, filter, strides, padding, channels, outputs }: Convolution): Square {
  const gradient = new Float64Array(filter[0] * filter[1] * channels * outputs);
  /** For each row or column of the image: an output place that sees it, its place in that window, the next output place … */
  const seenBy = (side: 0 | 1): Int32Array[] =>
    Array.from({ length: inSize[side] }, (_, at) => {
      const pairs: number[] = [];
      for (let out = 0; out < outSize[side]; out++) {
        const place = at + padding[side] - out * strides[side];
        if (place >= 0 && place < filter[side]) pairs.push(out, place);
      }
      return Int32Array.from(pairs);
    });
  const [rows, columns] = [seenBy(0), seenBy(1)];
  return (x, xFrom, gamma, gammaFrom) => {
    gradient.fill(0);
    let at = xFrom;
    for (const ys of rows) {
      for (const xs of columns) {
        for (let c = 0; c < channels; c++, at++) {
          const value = x[at] as number;
          if (value === 0) continue;
          for (let a = 0; a < ys.length; a += 2) {
            const outRow = gammaFrom + (ys[a] as number) * outSize[1] * outputs;
            const windowRow = (ys[a + 1] as number) * filter[1];
            for (let b = 0; b < xs.length; b += 2) {
              const g = outRow + (xs[b] as number) * outputs;
              const k = ((windowRow + (xs[b + 1] as number)) * channels + c) * outputs;
              addMultiple(gradient, k, gamma, g, outputs, value);
            }
          }
        }
      }
    }
    return sumOfSquares(gradient);
  };
}

/** Four at a time: a third faster. */
function addMultiple(into: Values, at: number, of: Values, from: number, length: number, factor: number): void {
  let o = 0;
  for (; o + 4 <= length; o += 4) {
    into[at + o] = (into[at + o] as number) + factor * (of[from + o] as number);
    into[at + o + 1] = (into[at + o + 1] as number) + factor * (of[from + o + 1] as number);
    into[at + o + 2] = (into[at + o + 2] as number) + factor * (of[from + o + 2] as number);
    into[at + o + 3] = (into[at + o + 3] as number) + factor * (of[from + o + 3] as number);
  }
  for (; o < length; o++) into[at + o] = (into[at + o] as number) + factor * (of[from + o] as number);
}

/** Four sums side by side, because each addition waits for the one before it. */
function dot(values: Values, a: number, b: number, length: number): number {
  const even = length - (length % 4);
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i < even; i += 4) {
    s0 += (values[a + i] as number) * (values[b + i] as number);
    s1 += (values[a + i + 1] as number) * (values[b + i + 1] as number);
    s2 += (values[a + i + 2] as number) * (values[b + i + 2] as number);
    s3 += (values[a + i + 3] as number) * (values[b + i + 3] as number);
  }
  for (; i < length; i++) s0 += (values[a + i] as number) * (values[b + i] as number);
  return s0 + s1 + (s2 + s3);
}
