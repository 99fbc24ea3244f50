// What it means when a task's settings contradict each other: code, field, both sides, and a way out. For whoever writes settings.
// Not here: finding it (terms.ts), and the contradictions of clauses, which say it themselves.

import { type ErrorCode, type ErrorDetails, SottoError } from './errors.js';
import { MAX_DIMENSION, MAX_GROUP, MAX_GROUPS, MAX_OPEN_COHORT, MIN_GROUP, MIN_GROUPS } from './limits.js';

type Value = string | number;
type Says = readonly [code: ErrorCode, field: string, text: string, more?: ErrorDetails];
/** Bits that a sum of n needs beyond those of one. */
const carry = (n: Value): number => Math.ceil(Math.log2(Number(n)));
const windowSays = (phase: Value, text: string): Says => [
  'CONFIG_PHASE_WINDOW',
  `windows.${phase}`,
  `windows.${phase}: ${text}`,
];

const SAYS = {
  dimension: (d) => ['CONFIG_INVALID', 'dimension', `dimension ${d} is not in 1…${MAX_DIMENSION}`],
  oneGroup: (profile, count) => [
    'CONFIG_GROUP_SIZE',
    'group.count',
    `profile ${profile} has one group, not ${count}; use profile grouped or group.count 1`,
  ],
  openSize: (size) => ['CONFIG_GROUP_SIZE', 'group.size', `group.size ${size} is not in 1…${MAX_OPEN_COHORT}`],
  groupSize: (size) => [
    'CONFIG_GROUP_SIZE',
    'group.size',
    `group.size ${size} is not in 2…${MAX_GROUP}; split the clients into more groups`,
  ],
  smallGroup: (size) => [
    'CONFIG_GROUP_SIZE',
    'group.size',
    `group.size ${size} is below ${MIN_GROUP}: a sum of so few hides nobody well; enlarge the group, or set trust: trusted where the members trust each other`,
  ],
  groupCount: (count) => [
    'CONFIG_GROUP_SIZE',
    'group.count',
    `profile grouped needs ${MIN_GROUPS}…${MAX_GROUPS} groups, not ${count}: a rule over fewer means is no rule; use more groups, or profile cohort`,
  ],
  threshold: (colluders, size, threshold) => [
    'CONFIG_THRESHOLD',
    'group.colluders',
    `group.colluders ${colluders} with group.size ${size} needs a threshold of ${threshold}, more than the group has; use at most ${Number(size) - 1} colluders or enlarge the group`,
  ],
  clipNorm: (norm) => ['CONFIG_INVALID', 'encoding.clipNorm', `encoding.clipNorm ${norm} must be a positive number`],
  range: (range, clipNorm) => [
    'CONFIG_INVALID',
    'encoding.range',
    `encoding.range ${range} must be positive and at most clipNorm ${clipNorm}: no coordinate of a clipped update is larger`,
  ],
  bits: (bits) => ['CONFIG_INVALID', 'encoding.bits', `encoding.bits ${bits} must be a whole number in 2…31`],
  ring: (bits, size) => [
    'CONFIG_RING',
    'encoding.bits',
    `encoding.bits ${bits} for group.size ${size} needs ${Number(bits) + carry(size)} bits, more than the largest ring (32); use at most ${32 - carry(size)} bits`,
  ],
  sketchless: () => [
    'CONFIG_SKETCH',
    'integrity',
    'profile sketch needs integrity sketch; give its rows and budget, or use profile cohort',
  ],
  ruleProfile: (rule, profile) => [
    'CONFIG_RULE_PROFILE',
    'rule',
    `rule ${rule} means nothing in profile ${profile}: the coordinator sees one sum, and a robust rule over a single vector returns it unchanged; use profile grouped (a rule over group means), open (a rule over visible updates), or rule mean`,
    { profile: profile as string },
  ],
  ruleWeights: (rule) => [
    'CONFIG_RULE_PROFILE',
    'encoding.weighting',
    `rule ${rule} takes encoding.weighting uniform only: a weight is a lever for whoever lies about it`,
  ],
  windowCounts: (phase, min, max) => windowSays(phase, `count.min ${min} is above count.max ${max}`),
  windowTimes: (phase, min, max) => windowSays(phase, `time.min ${min} is above time.max ${max}`),
  windowTime: (phase, max) => windowSays(phase, `time.max ${max} must be positive`),
  windowThreshold: (phase, min, threshold) =>
    windowSays(phase, `count.min ${min} is below the threshold ${threshold}: fewer than that can never be opened`),
  windowFloor: (phase, min, floor) =>
    windowSays(
      phase,
      `count.min ${min} is below the survivor floor ${floor} of privacy.losses: the noise of fewer is not enough; raise it, or tolerate more losses`,
    ),
  windowRule: (phase, min, least, rule) =>
    windowSays(
      phase,
      `count.min ${min} is below the ${least} updates that rule ${rule} needs; raise it, or lower rule.faulty`,
    ),
  windowSize: (phase, max, size) => windowSays(phase, `count.max ${max} is above group.size ${size}`),
} as const satisfies Record<string, (...values: [Value, Value, Value, Value]) => Says>;

export type ContradictionKey = keyof typeof SAYS;

/** In words, with its code. */
export function contradictionError(found: {
  readonly key: ContradictionKey;
  readonly values: readonly Value[];
}): SottoError {
  const say: (...values: [Value, Value, Value, Value]) => Says = SAYS[found.key];
  const [code, field, text, more] = say(...(found.values as [Value, Value, Value, Value])); // safe: terms.ts gives what the key reads
  return new SottoError(code, text, { field, ...more });
}
