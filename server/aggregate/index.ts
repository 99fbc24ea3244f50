// Aggregation at the coordinator: rules as values. Start at rule.ts for the shape, inputs.ts for what a rule may see.

import type { RuleSpec } from '../../protocol/rule.js';
import { mean } from './mean.js';
import { median, trimmedMean } from './median.js';
import type { OrderKernel } from './order.js';
import { createSimdKernel } from './order-simd.js';
import type { Rule } from './rule.js';

export { clip, normOf } from './clip.js';
export {
  type Comparable,
  checkInputs,
  type GroupMean,
  groupMean,
  type Sketch,
  sketch,
  type Update,
  update,
  type Vector,
  type Visible,
} from './inputs.js';
export { mean } from './mean.js';
export { type Measures, measure } from './measure.js';
export { median, trimmedMean } from './median.js';
export { type OrderKernel, orderPlain } from './order.js';
export { createSimdKernel } from './order-simd.js';
export {
  type Aggregated,
  type OrderReport,
  type PreStep,
  pipeline,
  type Rule,
  type RuleState,
  type StageReport,
} from './rule.js';

/** The rule a task's configuration asks for, on the fastest kernel. `checkRule` has judged the spec against the number of inputs. */
export function createRule(spec: RuleSpec, kernel: OrderKernel = createSimdKernel()): Rule {
  switch (spec.name) {
    case 'mean':
      return mean();
    case 'median':
      return median(spec.faulty, kernel);
    case 'trimmed-mean':
      return trimmedMean(spec.faulty, kernel);
    default:
      return spec satisfies never;
  }
}
