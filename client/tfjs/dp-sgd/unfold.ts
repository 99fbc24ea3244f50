// The windows of one image as rows: what turns a convolution into a dense layer over its output pixels. Channels last.
// Not here: convolutions themselves (TensorFlow.js, ../kernels/conv.ts, which does the same for whole batches in wasm memory).

/** Sizes are [height, width]; `padding` counts rows above and columns to the left. */
export interface Shape2D {
  readonly inSize: readonly [number, number];
  readonly outSize: readonly [number, number];
  readonly filter: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly channels: number;
}

/**
 * Overwrites `into` (output pixels × filter height × filter width × channels) with the windows of the image at `x[from…]`;
 * what lies in the padding is 0.
 */
export function unfold(x: Float64Array, from: number, shape: Shape2D, into: Float64Array): void {
  const { inSize, outSize, filter, strides, padding, channels } = shape;
  const [height, width] = inSize;
  const run = filter[1] * channels;
  let at = 0;
  for (let oy = 0; oy < outSize[0]; oy++) {
    for (let ox = 0; ox < outSize[1]; ox++) {
      const left = ox * strides[1] - padding[1];
      const skip = Math.max(0, -left) * channels;
      const end = Math.min(filter[1], width - left) * channels;
      for (let i = 0; i < filter[0]; i++, at += run) {
        const y = oy * strides[0] - padding[0] + i;
        if (y < 0 || y >= height || end <= skip) {
          into.fill(0, at, at + run);
          continue;
        }
        const row = from + (y * width + left) * channels;
        for (let k = 0; k < skip; k++) into[at + k] = 0;
        for (let k = skip; k < end; k++) into[at + k] = x[row + k] as number;
        for (let k = Math.max(skip, end); k < run; k++) into[at + k] = 0;
      }
    }
  }
}
