// Plain definitions in float64 that the ghost norms are measured against: gradients of single layers written out, one record at a
// time, with no code of the library. Not a test.

import type { Shape2D } from '../../client/tfjs/dp-sgd/unfold.js';

/** Shape of a convolution from an image [height][width][channel] and the params of a case. Padding `same` as TensorFlow has it. */
export function shapeFor(
  image: readonly (readonly (readonly number[])[])[],
  params: Readonly<Record<string, unknown>>,
): Shape2D {
  const filter = params.kernel as [number, number];
  const stride = params.stride as number;
  const inSize = [image.length, image[0]?.length ?? 0] as const;
  const same = params.padding === 'same';
  const out = (side: number, kernel: number): number =>
    same ? Math.ceil(side / stride) : Math.floor((side - kernel) / stride) + 1;
  const outSize = [out(inSize[0], filter[0]), out(inSize[1], filter[1])] as const;
  const before = (axis: 0 | 1): number =>
    same ? Math.floor(Math.max(0, (outSize[axis] - 1) * stride + filter[axis] - inSize[axis]) / 2) : 0;
  return {
    inSize,
    outSize,
    filter,
    strides: [stride, stride],
    padding: [before(0), before(1)],
    channels: image[0]?.[0]?.length ?? 0,
  };
}

/** Rows are positions: each by itself (layer norm), or groups of channels over all positions (group norm). Biased variance. */
export function normalize(x: readonly (readonly number[])[], groups: number | undefined, epsilon: number): number[][] {
  const width = x[0]?.length ?? 0;
  const standard = (values: readonly number[]) => {
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    return (v: number): number => (v - mean) / Math.sqrt(variance + epsilon);
  };
  if (groups === undefined) return x.map((row) => row.map(standard(row)));
  const size = width / groups;
  const of = Array.from({ length: groups }, (_, g) =>
    standard(x.flatMap((row) => row.slice(g * size, (g + 1) * size))),
  );
  return x.map((row) => row.map((v, c) => (of[Math.floor(c / size)] as (v: number) => number)(v)));
}

type Image = (y: number, x: number, c: number) => number;
/** Image access with zeros outside. */
export const imageOf =
  (values: ArrayLike<number>, { inSize, channels }: Shape2D): Image =>
  (y, x, c) =>
    y < 0 || x < 0 || y >= inSize[0] || x >= inSize[1] ? 0 : (values[(y * inSize[1] + x) * channels + c] as number);

/** Gradient of a convolution's kernel [height, width, channels, outputs], by its definition. */
export function convolutionGradient(
  x: ArrayLike<number>,
  gamma: ArrayLike<number>,
  s: Shape2D,
  outputs: number,
): number[] {
  const at = imageOf(x, s);
  const gradient: number[] = [];
  for (let i = 0; i < s.filter[0]; i++)
    for (let j = 0; j < s.filter[1]; j++)
      for (let c = 0; c < s.channels; c++)
        for (let o = 0; o < outputs; o++) {
          let sum = 0;
          for (let y = 0; y < s.outSize[0]; y++)
            for (let w = 0; w < s.outSize[1]; w++)
              sum +=
                at(y * s.strides[0] - s.padding[0] + i, w * s.strides[1] - s.padding[1] + j, c) *
                (gamma[(y * s.outSize[1] + w) * outputs + o] as number);
          gradient.push(sum);
        }
  return gradient;
}

/** Gradient of a depthwise kernel [height, width, channels, multiplier]. */
export function depthwiseGradient(
  x: ArrayLike<number>,
  gamma: ArrayLike<number>,
  s: Shape2D,
  multiplier: number,
): number[] {
  const outputs = s.channels * multiplier;
  const full = convolutionGradient(x, gamma, s, outputs);
  // Of the full kernel only the entries where the output channel belongs to the input channel.
  return full.filter((_, k) => Math.floor((k % outputs) / multiplier) === Math.floor(k / outputs) % s.channels);
}
