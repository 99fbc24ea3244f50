// What clients need to know of rules in every task: whether there is one. Not here: the rules (rule.ts), which most tasks do without.
import type { RuleSpec } from './rule.js';

/** The weighted mean and nothing before it: what is left where the coordinator sees a single sum, or weights. */
export const isPlainMean = (spec: RuleSpec): boolean => spec.name === 'mean' && spec.pre === undefined;
