// Aggregation at the coordinator: rules as values. Start at rule.ts for the shape, inputs.ts for what a rule may see, create.ts for
// the way from a configuration to a rule, selection/ for what decides membership in profile `sketch`.

export { bucketing } from './bucketing.js';
export { bulyan } from './bulyan.js';
export { type CentredClippingOptions, centredClipping } from './centred-clipping.js';
export { arc, clip, normOf } from './clip.js';
export { createRule, createRuleKernels, type RuleKernels, resumeRule } from './create.js';
export { type DistanceKernel, distancesPlain } from './distances.js';
export { createDistanceKernel } from './distances-simd.js';
export { drawSeed, generatorOf, type RuleSeed } from './generator.js';
export { geometricMedian, type WeiszfeldOptions } from './geometric-median.js';
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
export { type KrumOptions, krum, multiKrum } from './krum.js';
export { meamed } from './meamed.js';
export { mean } from './mean.js';
export { type Measures, measure } from './measure.js';
export { median, trimmedMean } from './median.js';
export { nnm } from './nnm.js';
export { largestGroup, medianBreakProbability, spoiltProbability, type Tolerated } from './odds.js';
export { type OrderKernel, orderPlain } from './order.js';
export { createSimdKernel, type SimdKernel } from './order-simd.js';
export type { OrderReport, StageReport } from './reports.js';
export { caf } from './research/caf.js';
export { type DncOptions, dnc, dncScores } from './research/dnc.js';
export { foolsGold, foolsGoldWeights } from './research/foolsgold.js';
export { mda, smea } from './research/subsets.js';
export { flTrust, monna } from './research/trusted.js';
export { type Aggregated, type PreStep, pipeline, type Rule, type RuleState } from './rule.js';
export { centreOf } from './selection/centre.js';
export { createSelection } from './selection/create.js';
export { cosineFilter, distanceFilter, krumFilter, normFilter, slackOf } from './selection/filters.js';
export {
  type Exclusion,
  type Filter,
  type FilterReport,
  type Selection,
  type SelectionRule,
  selection,
} from './selection/selection.js';
