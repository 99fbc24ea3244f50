// What the monitor wants to know of a round and only whoever holds the inputs can tell: norms, distances, directions, and how far a
// second rule is from the first. Numbers only; the vectors stay where they are. Not here: judging them (monitor/).

import { faultyOf, type RuleSpec } from '../../protocol/rule.js';
import { normOf } from './clip.js';
import type { RuleKernels } from './create.js';
import type { Vector, Visible } from './inputs.js';
import { median, trimmedMean } from './median.js';
import type { OrderKernel } from './order.js';

/** Lists are per input, in the order of the inputs. */
export interface Measures {
  readonly norms: readonly number[];
  /** From the aggregate. */
  readonly distances: readonly number[];
  /** With the aggregate of the round before; absent in the first, and where that was 0. */
  readonly cosinesToLast?: readonly number[];
  /** ‖A − B‖ divided by the median of `distances`, B the second rule; absent below three inputs and where nothing differs. */
  readonly disagreement?: { readonly rule: string; readonly value: number };
}

/** Inputs have passed the rule. @param last the aggregate of the round before */
export function measure(
  spec: RuleSpec,
  inputs: readonly Visible[],
  aggregate: Vector,
  last: Vector | undefined,
  { order }: Pick<RuleKernels, 'order'>,
): Measures {
  const norms = inputs.map(({ vector }) => normOf(vector));
  const distances = inputs.map(({ vector }) => distanceOf(vector, aggregate));
  const lastNorm = last === undefined ? 0 : normOf(last);
  const second = secondOpinion(spec, inputs, aggregate, distances, order);
  return {
    norms,
    distances,
    ...(last !== undefined &&
      lastNorm > 0 && {
        cosinesToLast: inputs.map(({ vector }, i) => {
          const norm = norms[i] ?? 0;
          return norm === 0 ? 0 : dotOf(vector, last) / (norm * lastNorm);
        }),
      }),
    ...(second && { disagreement: second }),
  };
}

/** The median beside everything else, the trimmed mean beside the median. f as the task has it, or the most the number of inputs allows. */
function secondOpinion(
  spec: RuleSpec,
  inputs: readonly Visible[],
  aggregate: Vector,
  distances: readonly number[],
  kernel: OrderKernel,
): Measures['disagreement'] {
  if (inputs.length < 3) return undefined;
  const most = (inputs.length - 1) >> 1;
  const faulty = Math.min(most, Math.max(1, faultyOf(spec)));
  const rule = spec.name === 'median' ? trimmedMean(faulty, kernel) : median(faulty, kernel);
  const sorted = [...distances].sort((a, b) => a - b);
  const scale = sorted[sorted.length >> 1] ?? 0;
  if (!(scale > 0)) return undefined;
  const { vector } = rule.aggregate(inputs, rule.init(aggregate.length));
  return { rule: rule.name, value: distanceOf(vector, aggregate) / scale };
}

function distanceOf(x: Vector, y: Vector): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += ((x[i] ?? 0) - (y[i] ?? 0)) ** 2;
  return Math.sqrt(sum);
}

function dotOf(x: Vector, y: Vector): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] ?? 0) * (y[i] ?? 0);
  return sum;
}
