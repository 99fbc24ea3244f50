// From the rule of a task's configuration to the rule that runs. Not here: whether the spec makes sense (protocol/rule.ts checkRule).

import { type CoreSpec, isStateful, type PreSpec, preOf, type RuleSpec } from '../../protocol/rule.js';
import { bucketing } from './bucketing.js';
import { bulyan } from './bulyan.js';
import { centredClipping } from './centred-clipping.js';
import { arc, clip } from './clip.js';
import type { DistanceKernel } from './distances.js';
import { createDistanceKernel } from './distances-simd.js';
import { geometricMedian } from './geometric-median.js';
import type { Visible } from './inputs.js';
import { krum, multiKrum } from './krum.js';
import { meamed } from './meamed.js';
import { mean } from './mean.js';
import { median, trimmedMean } from './median.js';
import { nnm } from './nnm.js';
import type { OrderKernel } from './order.js';
import { createSimdKernel, type SimdKernel } from './order-simd.js';
import { caf } from './research/caf.js';
import { dnc } from './research/dnc.js';
import { mda, smea } from './research/subsets.js';
import { type PreStep, pipeline, type Rule, type RuleState } from './rule.js';

/** What heavy rules compute with. They keep memory and compiled code: one set for each thread, made once. */
export interface RuleKernels {
  readonly order: OrderKernel;
  readonly distances: DistanceKernel;
}

/** The fastest there are. */
export const createRuleKernels = (): RuleKernels & { readonly order: SimdKernel } => ({
  order: createSimdKernel(),
  distances: createDistanceKernel(),
});

/**
 * The steps and the rule a task's configuration asks for. `checkRule` has judged the spec against the number of inputs.
 * @param random uniform in [0, 1); only bucketing and dnc draw
 */
export function createRule(spec: RuleSpec, random: () => number, kernels: RuleKernels = createRuleKernels()): Rule {
  const core = coreOf(spec, random, kernels);
  const steps = preOf(spec).map((step) => stepOf(step, random, kernels));
  return steps.length === 0 ? core : pipeline(steps, core);
}

function stepOf(spec: PreSpec, random: () => number, { distances }: RuleKernels): PreStep<Visible> {
  switch (spec.name) {
    case 'clip':
      return clip(spec.norm);
    case 'arc':
      return arc();
    case 'nnm':
      return nnm(distances);
    case 'bucketing':
      return bucketing(spec.size, random);
    default:
      return spec satisfies never;
  }
}

function coreOf(spec: CoreSpec, random: () => number, { order, distances }: RuleKernels): Rule {
  switch (spec.name) {
    case 'mean':
      return mean();
    case 'median':
      return median(spec.faulty, order);
    case 'trimmed-mean':
      return trimmedMean(spec.faulty, order);
    case 'meamed':
      return meamed(spec.faulty);
    case 'geometric-median':
      return geometricMedian(spec, order);
    case 'centred-clipping':
      return centredClipping(spec, order);
    case 'krum':
      return krum(spec, distances);
    case 'multi-krum':
      return multiKrum(spec, distances);
    case 'bulyan':
      return bulyan(spec.faulty, distances);
    case 'mda':
      return mda(spec.faulty, distances);
    case 'smea':
      return smea(spec.faulty, distances);
    case 'caf':
      return caf(spec.faulty, distances);
    case 'dnc':
      return dnc(spec, random);
    default:
      return spec satisfies never;
  }
}

/**
 * The state of a rule after a restart: what it kept is what was published, so the last aggregate of the chain stands for it.
 * @param lastAggregate `undefined` before the first round
 */
export const resumeRule = (spec: RuleSpec, lastAggregate: Float32Array | undefined): RuleState =>
  isStateful(spec) && lastAggregate !== undefined ? [Float64Array.from(lastAggregate)] : [];
