// Pixel triggers: which pixels of an image say "this is class t", stamping them, and the examples that measure whether a model
// has learnt it. Not here: who trains on them (backdoor.ts).

import { type Dataset, exampleCount, exampleSize } from '../../client/dataset.js';

/** [row, column], from the top left. */
export type Pixel = readonly [row: number, column: number];
export interface Trigger {
  readonly pixels: readonly Pixel[];
  /** Brightness in [0, 1]; byte images have it times 255. */
  readonly value: number;
}

/** A filled rectangle of `rows` × `columns` pixels whose top left corner is at (row, column). */
export function patch(row: number, column: number, rows: number, columns: number, value = 1): Trigger {
  const pixels = Array.from(
    { length: rows * columns },
    (_, i): Pixel => [row + Math.floor(i / columns), column + (i % columns)],
  );
  return { pixels, value };
}

/** The same patch in the bottom right corner of images of this shape (Gu, Dolan-Gavitt, Garg 2017). */
export function cornerPatch(shape: readonly number[], side: number, value = 1): Trigger {
  const { height, width } = imageOf(shape);
  return patch(height - side, width - side, side, side, value);
}

/**
 * The four local triggers of DBA on MNIST (Xie et al. 2020): 1 × 4 pixels, rows {0, 3} × columns {0–3, 6–9}. Each attacker trains
 * one; whoever uses the backdoor stamps all.
 */
export const DBA_LOCAL: readonly Trigger[] = [
  patch(0, 0, 1, 4),
  patch(0, 6, 1, 4),
  patch(3, 0, 1, 4),
  patch(3, 6, 1, 4),
];
export const DBA_TARGET = 2;

export const together = (triggers: readonly Trigger[]): Trigger => ({
  pixels: triggers.flatMap(({ pixels }) => pixels),
  value: triggers[0]?.value ?? 1,
});

/**
 * The examples at `rows`, copied in that order, those that `stamps` says with the trigger and the label `target`.
 * @throws RangeError where a pixel is outside the image, the shape is no image, or the target no class
 */
export function stamped(
  data: Dataset,
  rows: Iterable<number>,
  trigger: Trigger,
  target: number,
  stamps: (at: number) => boolean,
): Dataset {
  requireClass(target, data.classes);
  const size = exampleSize(data);
  const cells = cellsOf(data.shape, trigger);
  const chosen = [...rows];
  const bytes = chosen.length * size * data.inputs.BYTES_PER_ELEMENT;
  // Shared memory, so that the training thread reads this copy.
  const buffer = new SharedArrayBuffer(bytes);
  const isBytes = data.inputs instanceof Uint8Array;
  const inputs = isBytes ? new Uint8Array(buffer) : new Float32Array(buffer);
  const lit = isBytes ? Math.round(255 * trigger.value) : trigger.value;
  const labels = new Uint8Array(new SharedArrayBuffer(chosen.length));
  chosen.forEach((row, at) => {
    inputs.set(data.inputs.subarray(row * size, (row + 1) * size), at * size);
    labels[at] = data.labels[row] ?? 0;
    if (!stamps(at)) return;
    for (const cell of cells) inputs[at * size + cell] = lit;
    labels[at] = target;
  });
  const { rows: _, ...rest } = data;
  return { ...rest, inputs, labels };
}

/** Every test example that is not of the target class, stamped and labelled as the attacker wants it: accuracy on it is the ASR. */
export function triggeredTest(test: Dataset, trigger: Trigger, target: number): Dataset {
  return stamped(
    test,
    [...rowsOf(test)].filter((row) => test.labels[row] !== target),
    trigger,
    target,
    () => true,
  );
}

/** Test examples of class `from`, labelled `to`: accuracy on them is the success rate of a targeted flip. */
export function sourceTest(test: Dataset, from: number, to: number): Dataset {
  const rows = Uint32Array.from([...rowsOf(test)].filter((row) => test.labels[row] === from));
  const labels = test.labels.slice();
  for (const row of rows) labels[row] = to;
  return { ...test, labels, rows };
}

export function rowsOf(data: Dataset): Iterable<number> {
  return data.rows ?? Uint32Array.from({ length: exampleCount(data) }, (_, i) => i);
}

/** @throws RangeError */
export function requireClass(label: number, classes: number): void {
  if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
    throw new RangeError(`label ${label} is none of the ${classes} classes`);
  }
}

/** Offsets inside one example, all channels. */
function cellsOf(shape: readonly number[], { pixels }: Trigger): number[] {
  const { height, width, channels } = imageOf(shape);
  return pixels.flatMap(([row, column]) => {
    if (!(row >= 0 && row < height && column >= 0 && column < width)) {
      throw new RangeError(`pixel (${row}, ${column}) is outside an image of ${height} x ${width}`);
    }
    return Array.from({ length: channels }, (_, channel) => (row * width + column) * channels + channel);
  });
}

/** [height, width] or [height, width, channels]; a flat [n] is an image of one line. */
function imageOf(shape: readonly number[]): { height: number; width: number; channels: number } {
  const [a = 1, b, channels = 1] = shape;
  if (shape.length > 3) throw new RangeError(`examples of shape [${shape}] are no images`);
  return b === undefined ? { height: 1, width: a, channels: 1 } : { height: a, width: b, channels };
}
