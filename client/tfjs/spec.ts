// Models as plain data, their layout in the flat vector, and their first weights. A task configuration can name them.
// Not here: tensors (model.ts). Nothing in this file needs TensorFlow.js, so a coordinator may use it to make round 0.

import { SottoError } from '../../protocol/errors.js';
import type { Manifest, ManifestEntry } from '../trainer.js';
import { type Random, seededRandom } from './random.js';

/** Linear classifier: logits = x·W + b. */
export interface SoftmaxSpec {
  readonly kind: 'softmax';
  readonly input: number;
  readonly classes: number;
}
/** Dense layers with ReLU between; `hidden` widths from input to output. */
export interface MlpSpec {
  readonly kind: 'mlp';
  readonly input: number;
  readonly hidden: readonly number[];
  readonly classes: number;
}
/** Per entry of `filters`: a valid convolution (stride 1), ReLU, 2×2 max pooling; then dense layers as in the MLP. */
export interface CnnSpec {
  readonly kind: 'cnn';
  /** Height, width, channels. */
  readonly input: readonly [number, number, number];
  readonly filters: readonly number[];
  /** Side of the square filters; absent: 3. */
  readonly kernel?: number;
  readonly hidden: readonly number[];
  readonly classes: number;
}
/** Layers by others (imported.ts): described by their own JSON, classification with one input. */
export interface LayersSpec {
  readonly kind: 'layers';
  /** As TensorFlow.js or Keras wrote it. */
  readonly topology: Readonly<Record<string, unknown>>;
  readonly input: readonly number[];
  readonly classes: number;
  readonly output: 'logits' | 'probabilities';
  /** In the order of the flat vector; `weight` is the name in the file that they came from. */
  readonly variables: readonly { readonly name: string; readonly shape: readonly number[]; readonly weight: string }[];
}
/** A model that its sizes describe. */
export type DescribedSpec = SoftmaxSpec | MlpSpec | CnnSpec;
export type ModelSpec = DescribedSpec | LayersSpec;

/** Side of a CNN filter where the spec names none. */
const DEFAULT_KERNEL = 3;
export const kernelSide = (spec: CnnSpec): number => spec.kernel ?? DEFAULT_KERNEL;

/** Shape of one example the model takes. */
export function inputShape(spec: ModelSpec): readonly number[] {
  return typeof spec.input === 'number' ? [spec.input] : spec.input;
}

const shapeError = (message: string): SottoError => new SottoError('TRAIN_SHAPE', message);

/** Variables in order: layer by layer from the input, kernel before bias. @throws SottoError TRAIN_SHAPE */
function layout(spec: DescribedSpec): { name: string; shape: number[] }[] {
  const sides = [
    ...inputShape(spec),
    ...('hidden' in spec ? spec.hidden : []),
    ...('filters' in spec ? spec.filters : []),
    spec.classes,
  ];
  if (sides.some((side) => !Number.isInteger(side) || side < 1)) {
    throw shapeError(`model '${spec.kind}' has a size that is no whole number ≥ 1: ${sides.join(', ')}`);
  }
  const variables: { name: string; shape: number[] }[] = [];
  let width: number;
  if (spec.kind === 'cnn') {
    const side = kernelSide(spec);
    let [height, columns, channels] = spec.input;
    spec.filters.forEach((filters, i) => {
      variables.push(
        { name: `conv${i}/kernel`, shape: [side, side, channels, filters] },
        { name: `conv${i}/bias`, shape: [filters] },
      );
      height = Math.floor((height - side + 1) / 2);
      columns = Math.floor((columns - side + 1) / 2);
      channels = filters;
      if (height < 1 || columns < 1)
        throw shapeError(
          `nothing is left of a ${spec.input.join('×')} image after convolution ${i}; use fewer filters`,
        );
    });
    width = height * columns * channels;
  } else {
    width = spec.input;
  }
  const widths = spec.kind === 'softmax' ? [spec.classes] : [...spec.hidden, spec.classes];
  widths.forEach((next, i) => {
    variables.push({ name: `dense${i}/kernel`, shape: [width, next] }, { name: `dense${i}/bias`, shape: [next] });
    width = next;
  });
  return variables;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** Offsets for variables in order. */
export function manifestFor(
  variables: readonly { readonly name: string; readonly shape: readonly number[] }[],
): Manifest {
  let dimension = 0;
  const entries: ManifestEntry[] = variables.map(({ name, shape }) => {
    const offset = dimension;
    dimension += sizeOf(shape);
    return { name, shape: [...shape], offset };
  });
  return { dimension, variables: entries };
}

/** How the model lies in the flat vector. @throws SottoError TRAIN_SHAPE for sizes that make no model */
export function modelManifest(spec: ModelSpec): Manifest {
  return manifestFor(spec.kind === 'layers' ? spec.variables : layout(spec));
}

/**
 * First weights: kernels uniform in ±√(6 / (fan in + fan out)), biases 0; the same seed gives the same bits on every machine
 * (integer generator, one square root, one rounding). Source: Glorot & Bengio 2010, eq. 16; fans of a convolution count its window.
 */
export function initialWeights(
  spec: DescribedSpec,
  seed: number | string,
): { weights: Float32Array<ArrayBuffer>; manifest: Manifest } {
  const manifest = modelManifest(spec);
  return { weights: initialWeightsFor(manifest, seed), manifest };
}

/** The same for any manifest: variables of rank 1 are 0, so scales of normalisation are not for this. */
export function initialWeightsFor(manifest: Manifest, seed: number | string): Float32Array<ArrayBuffer> {
  const weights = new Float32Array(manifest.dimension);
  const random: Random = seededRandom('initial weights', seed);
  for (const { shape, offset } of manifest.variables) {
    if (shape.length === 1) continue;
    const fanOut = shape[shape.length - 1] as number; // safe: rank ≥ 2
    const fanIn = shape[shape.length - 2] as number; // safe: rank ≥ 2
    const window = sizeOf(shape.slice(0, -2));
    const limit = Math.sqrt(6 / (window * (fanIn + fanOut)));
    for (let i = offset, end = offset + sizeOf(shape); i < end; i++) weights[i] = (2 * random() - 1) * limit;
  }
  return weights;
}
