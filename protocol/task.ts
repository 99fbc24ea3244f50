// The public, signed settings of one task, and what follows from them (threshold, ring, grid). Clients and coordinator
// derive the same values from the same text; nothing derived is ever configured by hand.
// Not here: reading YAML (server/config), phases and timers (round/), what a client demands on top (participant/policy.ts).

import { canonicalJson, type Json } from './canonical-json.js';
import { enc } from './crypto/enc.js';
import { LABELS } from './crypto/labels.js';
import type { Prg, SymmetricPrimitives } from './crypto/primitives.js';
import { SottoError } from './errors.js';
import { MAX_DIMENSION, MAX_GROUP, MAX_GROUPS, MAX_OPEN_COHORT, MIN_GROUP, MIN_GROUPS } from './limits.js';
import { checkOptimizer, type OptimizerSpec } from './optimizer/spec.js';
import { clipOfCounter } from './privacy/adaptive-clip.js';
import { type NoisePlan, planNoise, sketchedNoise } from './privacy/provision.js';
import type { AdaptiveClipping, PrivacySpec } from './privacy/spec.js';
import { checkRule, isPlainMean, leastInputs, type RuleSpec } from './rule.js';
import { encodedLength } from './secagg/encode.js';
import type { Encoding, Ring } from './secagg/jobs.js';
import { rotationKey } from './secagg/rotate.js';
import { checkSketch, ringBitsFor, type SketchBounds, type SketchSpec, sketchBounds } from './sketch/bounds.js';
import type { Window } from './window.js';

export type { Window } from './window.js';

/**
 * Who sees what (design.md §2). `open`: the coordinator sees every update. `cohort`: one secure sum of all.
 * `sketch`: one secure sum, and k verified random projections of each update, by which members are judged before the sum is opened.
 * `grouped`: one secure sum per fixed group, a robust rule over the group means; sketches may be added.
 */
export type Profile = 'open' | 'cohort' | 'sketch' | 'grouped';

/** The phases of one group's run that wait for clients. */
export const WAITING_PHASES = ['keys', 'shares', 'masked', 'consistency', 'unmask'] as const;
export type WaitingPhase = (typeof WAITING_PHASES)[number];
/** With R4, which only tasks with verified sketches have. */
export type ClientPhase = WaitingPhase | 'sketch';

export { canonicalJson, type Json } from './canonical-json.js';

export interface TaskConfig {
  readonly protocol: 'sotto/1';
  readonly task: string;
  readonly profile: Profile;
  /** `standard` refuses groups below 8; `trusted` is for parties that know each other, and for tests. */
  readonly trust: 'standard' | 'trusted';
  /** Coordinates of the model, d. */
  readonly dimension: number;
  readonly group: {
    /** Members that a group's run counts on, N. Rosters may be longer (over-selection, profile `cohort` only). */
    readonly size: number;
    /** Groups in a round, m. 1 in `open` and `cohort`. */
    readonly count: number;
    /** Malicious members of one group that collude with the coordinator, a (protocol.md §4). */
    readonly colluders: number;
  };
  readonly encoding: {
    /** L2 bound B of an update; longer ones are scaled down by the client. */
    readonly clipNorm: number;
    /** Largest magnitude of one coordinate on the grid; at most clipNorm. Values beyond are clamped. */
    readonly range: number;
    /** Bits b of a signed level: levels −L…L, L = 2^(b−1) − 1. */
    readonly bits: number;
    /** `examples`: the client sends [w·x, w] with w = examples ÷ maxExamples, capped at 1. Robust rules take `uniform` only. */
    readonly weighting: { readonly by: 'uniform' } | { readonly by: 'examples'; readonly maxExamples: number };
  };
  readonly prg: Prg;
  /** Verified sketches of protocol.md §7, or none. Profile `sketch` has them, `grouped` may. */
  readonly integrity: 'none' | SketchSpec;
  /** Differential privacy of whole clients, or none. */
  readonly privacy: PrivacySpec;
  readonly rule: RuleSpec;
  readonly optimizer: OptimizerSpec;
  /** Passed to the trainer as it is (client/trainer.ts TrainingSpec); the protocol only signs it. */
  readonly training: { readonly [key: string]: Json };
  readonly windows: Readonly<Record<WaitingPhase, Window>>;
}

/** What both sides compute from a TaskConfig. */
export interface Derived {
  /** Members whose survival a group needs, t. */
  readonly threshold: number;
  /** Of the first round; `encodingOf` gives that of a later one. */
  readonly encoding: Encoding;
  /** Shares of noise and their floor. */
  readonly noise: NoisePlan | 'none';
  /** Fewest members of U4 whose sum may be opened: t, or more where noise has to be enough. */
  readonly survivorFloor: number;
  /** Coordinates on the wire: d, one more where weighted or where the clipping norm adapts. */
  readonly vectorLength: number;
  /** Bytes of one input on the wire. */
  readonly inputBytes: number;
  readonly sketch: 'none' | SketchBounds;
  /** The canonical JSON that is signed and hashed. */
  readonly text: string;
}

/**
 * `t = max(⌊2N/3⌋+1, ⌊(N+a)/2⌋+1)`: the first keeps a third of dropouts from stalling a group, the second makes two sums over
 * different survivor sets impossible (2t > N + a), so a coordinator cannot have the same round opened twice.
 * Source: Bonawitz et al. 2017 §6.2 (active adversary), protocol.md §4. The clients compute it too.
 */
export function thresholdOf(size: number, colluders: number): number {
  return Math.max(Math.floor((2 * size) / 3) + 1, Math.floor((size + colluders) / 2) + 1);
}

/** Smallest supported ring that holds a sum of `size` inputs of `bits` bits: ρ ≥ b + ⌈log₂ n⌉. `undefined`: none does. */
export function ringOf(bits: number, size: number): Ring | undefined {
  const needed = bits + Math.ceil(Math.log2(size));
  return RINGS.find((ring) => ring >= needed);
}
const RINGS = [16, 24, 32] as const satisfies readonly Ring[];

/**
 * Checks that the settings mean something together and gives what follows from them.
 * @throws SottoError CONFIG_INVALID, CONFIG_GROUP_SIZE, CONFIG_THRESHOLD, CONFIG_RING, CONFIG_RULE_PROFILE, CONFIG_RULE_COUNT,
 *   CONFIG_PHASE_WINDOW, CONFIG_OPTIMIZER, CONFIG_SKETCH, CONFIG_PRIVACY, PRIVACY_*: each message names both sides of the contradiction and a way out
 */
export function deriveTask(config: TaskConfig): Derived {
  const { group, encoding, profile } = config;
  checkGroups(config);
  const threshold = thresholdOf(group.size, group.colluders);
  if (profile !== 'open' && threshold > group.size)
    throw new SottoError(
      'CONFIG_THRESHOLD',
      `group.colluders ${group.colluders} with group.size ${group.size} needs a threshold of ${threshold}, more than the group has; use at most ${group.size - 1} colluders or enlarge the group`,
      { field: 'group.colluders' },
    );
  checkEncoding(config);
  const noise = planNoise(config, threshold);
  const survivorFloor = noise === 'none' ? threshold : Math.max(threshold, noise.floor);
  const summed = profile === 'open' ? 32 : noise === 'none' ? ringOf(encoding.bits, group.size) : ringFor(noise);
  if (summed === undefined)
    throw new SottoError(
      'CONFIG_RING',
      `encoding.bits ${encoding.bits} for group.size ${group.size} needs ${encoding.bits + Math.ceil(Math.log2(group.size))} bits, more than the largest ring (32); use at most ${32 - Math.ceil(Math.log2(group.size))} bits`,
      { field: 'encoding.bits' },
    );
  const { ring, sketch } = sketchOf(config, survivorFloor, summed, noise);
  checkRuleFits(config);
  checkWindows(config, threshold, survivorFloor);
  checkOptimizer(config.optimizer);
  const grid = gridOf(config, ring, noise);
  const vectorLength = profile === 'open' ? config.dimension : encodedLength(grid);
  return {
    threshold: profile === 'open' ? 1 : threshold,
    encoding: grid,
    noise,
    survivorFloor: profile === 'open' ? 1 : survivorFloor,
    vectorLength,
    inputBytes: vectorLength * (profile === 'open' ? 4 : ring / 8),
    sketch,
    text: canonicalJson(config as unknown as Json),
  };
}

function gridOf({ dimension, encoding, privacy, prg }: TaskConfig, ring: Ring, noise: NoisePlan | 'none'): Encoding {
  const { clipNorm, range, bits, weighting } = encoding;
  const common = { dimension, clipNorm, range, ring };
  if (privacy === 'none' || noise === 'none')
    return { ...common, levels: 2 ** (bits - 1) - 1, weighted: weighting.by === 'examples' };
  const { maxSquare, bitSteps, centralVariance } = noise;
  const mechanism = { prg, maxSquare, rotationKey: 'none', bitSteps, centralVariance } as const;
  return { ...common, levels: privacy.clipSteps, weighted: false, mechanism };
}

/** The settings of a norm that adapts; `undefined` where it is fixed. */
export const adaptiveClipping = ({ privacy }: TaskConfig): AdaptiveClipping | undefined =>
  privacy !== 'none' && privacy.placement === 'distributed' && privacy.clipping.by === 'quantile'
    ? privacy.clipping
    : undefined;

/** The longest that an update may be in any round. */
export const largestClipNorm = (config: TaskConfig): number =>
  adaptiveClipping(config)?.most ?? config.encoding.clipNorm;

/**
 * The encoding of one round: its clipping norm and its rotation. Both ends make it from what both have signed or verified.
 * @param clip of the announcement (wire/messages.ts)
 */
export function encodingOf(
  primitives: SymmetricPrimitives,
  config: TaskConfig,
  { encoding, text }: Derived,
  { round, clip }: { readonly round: number; readonly clip: number },
): Encoding {
  const { privacy } = config;
  const { mechanism } = encoding;
  if (privacy === 'none' || mechanism === undefined) return encoding;
  const adaptive = adaptiveClipping(config);
  const clipNorm = adaptive === undefined ? encoding.clipNorm : clipOfCounter(clip, adaptive);
  const key = privacy.rotation === 'none' ? 'none' : rotationKey(primitives, configHash(primitives, text), round);
  return { ...encoding, clipNorm, range: clipNorm, mechanism: { ...mechanism, rotationKey: key } };
}

function ringFor({ ringBits }: NoisePlan): Ring {
  const ring = RINGS.find((one) => one >= ringBits);
  if (ring !== undefined) return ring;
  throw new SottoError(
    'CONFIG_RING',
    `privacy.clipSteps and noiseMultiplier need a ring of ${ringBits} bits for the noised sum, more than 32; use fewer grid steps`,
    { field: 'privacy.clipSteps' },
  );
}

/** The ring must also hold the radius of accepted sketches, or a huge update could wrap round into it. */
function sketchOf(
  config: TaskConfig,
  threshold: number,
  summed: Ring,
  noise: NoisePlan | 'none',
): { ring: Ring; sketch: Derived['sketch'] } {
  const { integrity, profile, group, dimension, encoding } = config;
  const wrong = (text: string) => new SottoError('CONFIG_SKETCH', text, { field: 'integrity' });
  if (integrity === 'none') {
    if (profile === 'sketch')
      throw wrong('profile sketch needs integrity sketch; give its rows and budget, or use profile cohort');
    return { ring: summed, sketch: 'none' };
  }
  if (profile !== 'sketch' && profile !== 'grouped')
    throw wrong(`integrity sketch means nothing in profile ${profile}; use profile sketch (one cohort) or grouped`);
  checkSketch(integrity, group.size, threshold, group.size * group.count, dimension);
  const levels = 2 ** (encoding.bits - 1) - 1;
  const grid = { ...encoding, dimension, levels, ring: summed, weighted: false } as const;
  const bounds = sketchBounds(integrity, grid, noise === 'none' ? undefined : sketchedNoise(noise, dimension));
  const needed = ringBitsFor(bounds);
  const ring = RINGS.find((one) => one >= Math.max(summed, needed));
  if (ring === undefined)
    throw new SottoError(
      'CONFIG_RING',
      `encoding.bits ${encoding.bits} with verified sketches of ${integrity.malicious} malicious members needs a ring of ${needed} bits, more than 32; use ${encoding.bits - (needed - 32)} bits, or a smaller clipNorm ÷ range`,
      { field: 'encoding.bits' },
    );
  return { ring, sketch: bounds };
}

function checkGroups({ group, profile, trust, dimension }: TaskConfig): void {
  const say = (field: string, text: string) => new SottoError('CONFIG_GROUP_SIZE', text, { field });
  if (dimension < 1 || dimension > MAX_DIMENSION || !Number.isInteger(dimension))
    throw new SottoError('CONFIG_INVALID', `dimension ${dimension} is not in 1…${MAX_DIMENSION}`, {
      field: 'dimension',
    });
  if (profile !== 'grouped' && group.count !== 1)
    throw say(
      'group.count',
      `profile ${profile} has one group, not ${group.count}; use profile grouped or group.count 1`,
    );
  if (profile === 'open') {
    if (group.size < 1 || group.size > MAX_OPEN_COHORT)
      throw say('group.size', `group.size ${group.size} is not in 1…${MAX_OPEN_COHORT}`);
    return;
  }
  if (group.size < 2 || group.size > MAX_GROUP)
    throw say('group.size', `group.size ${group.size} is not in 2…${MAX_GROUP}; split the clients into more groups`);
  if (group.size < MIN_GROUP && trust === 'standard')
    throw say(
      'group.size',
      `group.size ${group.size} is below ${MIN_GROUP}: a sum of so few hides nobody well; enlarge the group, or set trust: trusted where the members trust each other`,
    );
  if (profile === 'grouped' && (group.count > MAX_GROUPS || (group.count < MIN_GROUPS && trust === 'standard')))
    throw say(
      'group.count',
      `profile grouped needs ${MIN_GROUPS}…${MAX_GROUPS} groups, not ${group.count}: a rule over fewer means is no rule; use more groups, or profile cohort`,
    );
}

function checkEncoding({ encoding }: TaskConfig): void {
  const invalid = (field: string, text: string) =>
    new SottoError('CONFIG_INVALID', text, { field: `encoding.${field}` });
  if (!(encoding.clipNorm > 0) || !Number.isFinite(encoding.clipNorm))
    throw invalid('clipNorm', `encoding.clipNorm ${encoding.clipNorm} must be a positive number`);
  if (!(encoding.range > 0) || encoding.range > encoding.clipNorm)
    throw invalid(
      'range',
      `encoding.range ${encoding.range} must be positive and at most clipNorm ${encoding.clipNorm}: no coordinate of a clipped update is larger`,
    );
  if (!Number.isInteger(encoding.bits) || encoding.bits < 2 || encoding.bits > 31)
    throw invalid('bits', `encoding.bits ${encoding.bits} must be a whole number in 2…31`);
}

function checkRuleFits(config: TaskConfig): void {
  const { rule, profile, group, encoding } = config;
  if (!isPlainMean(rule) && (profile === 'cohort' || profile === 'sketch'))
    throw new SottoError(
      'CONFIG_RULE_PROFILE',
      `rule ${rule.name} means nothing in profile ${profile}: the coordinator sees one sum, and a robust rule over a single vector returns it unchanged; use profile grouped (a rule over group means), open (a rule over visible updates), or rule mean`,
      { field: 'rule', profile },
    );
  if (!isPlainMean(rule) && encoding.weighting.by === 'examples')
    throw new SottoError(
      'CONFIG_RULE_PROFILE',
      `rule ${rule.name} takes encoding.weighting uniform only: a weight is a lever for whoever lies about it`,
      { field: 'encoding.weighting' },
    );
  checkRule(rule, profile === 'open' ? group.size : group.count);
}

function checkWindows({ windows, group, profile, rule }: TaskConfig, threshold: number, floor: number): void {
  for (const phase of WAITING_PHASES) {
    const { count, time } = windows[phase];
    const bad = (text: string) =>
      new SottoError('CONFIG_PHASE_WINDOW', `windows.${phase}: ${text}`, { field: `windows.${phase}` });
    if (count.min > count.max) throw bad(`count.min ${count.min} is above count.max ${count.max}`);
    if (time.min > time.max) throw bad(`time.min ${time.min} is above time.max ${time.max}`);
    if (time.max <= 0) throw bad(`time.max ${time.max} must be positive`);
    if (profile !== 'open' && count.min < threshold)
      throw bad(`count.min ${count.min} is below the threshold ${threshold}: fewer than that can never be opened`);
    if (profile !== 'open' && BEFORE_SUM.has(phase) && count.min < floor)
      throw bad(
        `count.min ${count.min} is below the survivor floor ${floor} of privacy.losses: the noise of fewer is not enough; raise it, or tolerate more losses`,
      );
    if (profile === 'open' && phase === 'masked' && count.min < leastInputs(rule))
      throw bad(
        `count.min ${count.min} is below the ${leastInputs(rule)} updates that rule ${rule.name} needs; raise it, or lower rule.faulty`,
      );
    if (count.max > group.size) throw bad(`count.max ${count.max} is above group.size ${group.size}`);
  }
}

/** Phases that decide who is in the sum. */
const BEFORE_SUM: ReadonlySet<WaitingPhase> = new Set(['keys', 'shares', 'masked']);

/** SHA-256 over the canonical text of a task's settings. */
export const configHash = (primitives: SymmetricPrimitives, text: string): Uint8Array =>
  primitives.sha256(enc(LABELS.config, text));
