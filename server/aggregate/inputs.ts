// What a rule may be given, as types: the mean of a group, an update in the clear, a sketch. A masked input is none of these, so
// a trimmed mean over masked vectors does not compile. Not here: where they come from (secure sums, the open profile, R4).

import { SottoError } from '../../protocol/errors.js';
import type { ClientId, GroupId } from '../../protocol/ids.js';

export type Vector = Float32Array | Float64Array;

declare const kind: unique symbol;
interface Input<K extends string, From> {
  readonly [kind]: K;
  /** The name of the row, in messages. Reports are in the order of the inputs. */
  readonly from: From;
  /** Whom the row speaks for: [from], or all whose rows a pre-step has averaged into this one. */
  readonly members: readonly From[];
  readonly vector: Vector;
  /** What a weighted mean counts it with: survivors or examples; > 0. Order statistics are unweighted and ignore it. */
  readonly weight: number;
}

/** The mean update of one group: all that the coordinator sees in profile `grouped`. */
export type GroupMean = Input<'group-mean', GroupId>;
/** One client's update in the clear: profile `open` and simulations. */
export type Update = Input<'update', ClientId>;
/** k linear functionals of one client's update: profile `sketch`. Decides membership, never becomes a model. */
export type Sketch = Input<'sketch', ClientId>;

/** What may become a model, coordinate by coordinate. */
export type Visible = GroupMean | Update;
/** What distances, norms and directions may be taken of. */
export type Comparable = Visible | Sketch;

export const groupMean = (from: GroupId, vector: Vector, weight: number): GroupMean =>
  ({ from, members: [from], vector, weight }) as unknown as GroupMean;
export const update = (from: ClientId, vector: Vector, weight: number): Update =>
  ({ from, members: [from], vector, weight }) as unknown as Update;
export const sketch = (from: ClientId, vector: Vector): Sketch =>
  ({ from, members: [from], vector, weight: 1 }) as unknown as Sketch;

/**
 * What every rule and pre-step demands before any arithmetic. Reads each number once (about 1 ms per million).
 * @returns the common dimension
 * @throws the codes of `checkShapes`, AGGREGATE_NON_FINITE (names the inputs by their `from`)
 */
export function checkInputs(inputs: readonly Comparable[]): number {
  const dimension = checkShapes(inputs);
  checkFinite(inputs);
  return dimension;
}

/** @returns the common dimension.  @throws AGGREGATE_EMPTY, AGGREGATE_SHAPE, AGGREGATE_WEIGHT */
export function checkShapes(inputs: readonly Comparable[]): number {
  const [first] = inputs;
  if (first === undefined) throw new SottoError('AGGREGATE_EMPTY', 'a rule was given no input');
  const dimension = first.vector.length;
  if (dimension === 0) throw new SottoError('AGGREGATE_EMPTY', 'a rule was given vectors of no coordinate');
  for (const { from, vector, weight } of inputs) {
    if (vector.length !== dimension) {
      const message = `input ${from} has ${vector.length} coordinates, input ${first.from} ${dimension}`;
      throw new SottoError('AGGREGATE_SHAPE', message, { from });
    }
    if (!(Number.isFinite(weight) && weight > 0)) {
      throw new SottoError('AGGREGATE_WEIGHT', `input ${from} has weight ${weight}; it must be finite and above 0`, {
        from,
      });
    }
  }
  return dimension;
}

/** @throws AGGREGATE_NON_FINITE */
export function checkFinite(inputs: readonly Comparable[]): void {
  const names = inputs.filter((input) => !isFiniteVector(input.vector)).map((input) => String(input.from));
  if (names.length > 0) {
    throw new SottoError('AGGREGATE_NON_FINITE', `inputs ${names.join(', ')} hold values that are not finite`, {
      from: names,
    });
  }
}

/** Beyond it the square of a difference is not finite; float32 rows never are. */
const MAX_SQUARABLE = 1e150;

/**
 * What rules over distances demand beside `checkInputs`.
 * @returns the common dimension
 * @throws the codes of `checkInputs`; AGGREGATE_NON_FINITE where a square would not be finite
 */
export function checkSquarable(inputs: readonly Comparable[]): number {
  const dimension = checkInputs(inputs);
  for (const { from, vector } of inputs) {
    if (vector instanceof Float64Array && vector.some((value) => Math.abs(value) > MAX_SQUARABLE)) {
      throw new SottoError('AGGREGATE_NON_FINITE', `input ${from} holds values whose squares are not finite`, { from });
    }
  }
  return dimension;
}

/** x − x is 0 for finite x and NaN for the rest, so one sum decides for a vector without a branch per value. */
export function isFiniteVector(vector: Vector): boolean {
  let probe = 0;
  for (let i = 0; i < vector.length; i++) {
    // safe: i is below the length.
    const value = vector[i]!;
    probe += value - value;
  }
  return probe === 0;
}
