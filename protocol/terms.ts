// The public, signed settings of one task, and what follows from them (threshold, ring, grid). Clients and coordinator
// derive the same values from the same text; nothing derived is ever configured by hand. What not every task has is given as clauses.
// Not here: reading YAML (server/config), phases and timers (round/), what a client demands on top (participant/announce.ts), what a
// contradiction means in words (contradictions.ts): only whoever writes settings reads that, and every page would carry it.

import { canonicalJson, type Json } from './canonical-json.js';
import type { Clauses } from './clauses/clauses.js';
import type { ContradictionKey } from './contradictions.js';
import { enc } from './crypto/enc.js';
import { LABELS } from './crypto/labels.js';
import type { Prg, SymmetricPrimitives } from './crypto/primitives.js';
import { MAX_DIMENSION, MAX_GROUP, MAX_GROUPS, MAX_OPEN_COHORT, MIN_GROUP, MIN_GROUPS } from './limits.js';
import type { OptimizerSpec } from './optimizer/spec.js';
import { isPlainMean } from './plain-mean.js';
import type { NoisePlan } from './privacy/provision.js';
import type { AdaptiveClipping, PrivacySpec } from './privacy/spec.js';
import type { RuleSpec } from './rule.js';
import { encodedLength } from './secagg/encode.js';
import type { Encoding, Ring } from './secagg/jobs.js';
import type { SketchBounds, SketchSpec } from './sketch/bounds.js';
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
export const RINGS = [16, 24, 32] as const satisfies readonly Ring[];

/** Settings that contradict each other: which check, and its numbers. In words: contradictions.ts. */
export class Contradiction extends Error {
  readonly key: ContradictionKey;
  readonly values: readonly (string | number)[];
  constructor(key: ContradictionKey, ...values: readonly (string | number)[]) {
    super(`the settings contradict each other: ${[key, ...values].join(' ')}`);
    this.key = key;
    this.values = values;
  }
}

/**
 * Checks that the settings mean something together and gives what follows from them.
 * @throws Contradiction; SottoError CONFIG_OPTIMIZER, and what the clauses throw; RangeError where one that the settings use is missing
 */
export function deriveTerms(config: TaskConfig, clauses: Clauses): Derived {
  const { group, encoding, profile } = config;
  checkGroups(config);
  const threshold = thresholdOf(group.size, group.colluders);
  if (profile !== 'open' && threshold > group.size)
    throw new Contradiction('threshold', group.colluders, group.size, threshold);
  checkEncoding(config);
  const noise = config.privacy === 'none' ? 'none' : need(clauses.noise).plan(config, threshold);
  const survivorFloor = noise === 'none' ? threshold : Math.max(threshold, noise.floor);
  const summed =
    profile === 'open' ? 32 : noise === 'none' ? ringOf(encoding.bits, group.size) : need(clauses.noise).ring(noise);
  if (summed === undefined) throw new Contradiction('ring', encoding.bits, group.size);
  const { ring, sketch } = sketchOf(config, clauses, survivorFloor, summed, noise);
  checkRuleFits(config, clauses);
  checkWindows(config, clauses, threshold, survivorFloor);
  clauses.optimizers?.check(config.optimizer); // without it the reader of the settings has taken nothing but FedAvg
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

/** The reader of the settings (task-schema.ts) has refused what it lacks a clause for. */
function need<T>(clause: T | undefined): T {
  if (clause === undefined) throw new RangeError('a clause of these settings is not loaded');
  return clause;
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

function sketchOf(
  config: TaskConfig,
  clauses: Clauses,
  survivorFloor: number,
  summed: Ring,
  noise: NoisePlan | 'none',
): { readonly ring: Ring; readonly sketch: Derived['sketch'] } {
  const { integrity, profile } = config;
  if (integrity !== 'none') return need(clauses.sketches).terms(config, integrity, survivorFloor, summed, noise);
  if (profile === 'sketch') throw new Contradiction('sketchless');
  return { ring: summed, sketch: 'none' };
}

function checkGroups({ group, profile, trust, dimension }: TaskConfig): void {
  const { size, count } = group;
  if (dimension < 1 || dimension > MAX_DIMENSION || !Number.isInteger(dimension))
    throw new Contradiction('dimension', dimension);
  if (profile !== 'grouped' && count !== 1) throw new Contradiction('oneGroup', profile, count);
  if (profile === 'open') {
    if (size < 1 || size > MAX_OPEN_COHORT) throw new Contradiction('openSize', size);
    return;
  }
  if (size < 2 || size > MAX_GROUP) throw new Contradiction('groupSize', size);
  const standard = trust === 'standard';
  if (size < MIN_GROUP && standard) throw new Contradiction('smallGroup', size);
  if (profile === 'grouped' && (count > MAX_GROUPS || (count < MIN_GROUPS && standard)))
    throw new Contradiction('groupCount', count);
}

function checkEncoding({ encoding: { clipNorm, range, bits } }: TaskConfig): void {
  if (!(clipNorm > 0) || !Number.isFinite(clipNorm)) throw new Contradiction('clipNorm', clipNorm);
  if (!(range > 0) || range > clipNorm) throw new Contradiction('range', range, clipNorm);
  if (!Number.isInteger(bits) || bits < 2 || bits > 31) throw new Contradiction('bits', bits);
}

function checkRuleFits({ rule, profile, group, encoding }: TaskConfig, { rules }: Clauses): void {
  if (isPlainMean(rule)) return;
  if (profile === 'cohort' || profile === 'sketch') throw new Contradiction('ruleProfile', rule.name, profile);
  if (encoding.weighting.by === 'examples') throw new Contradiction('ruleWeights', rule.name);
  need(rules).check(rule, profile === 'open' ? group.size : group.count);
}

function checkWindows(
  { windows, group, profile, rule }: TaskConfig,
  { rules }: Clauses,
  threshold: number,
  floor: number,
): void {
  const least = isPlainMean(rule) ? 1 : need(rules).least(rule);
  for (const phase of WAITING_PHASES) {
    const { count, time } = windows[phase];
    if (count.min > count.max) throw new Contradiction('windowCounts', phase, count.min, count.max);
    if (time.min > time.max) throw new Contradiction('windowTimes', phase, time.min, time.max);
    if (time.max <= 0) throw new Contradiction('windowTime', phase, time.max);
    if (profile === 'open') {
      if (phase === 'masked' && count.min < least)
        throw new Contradiction('windowRule', phase, count.min, least, rule.name);
    } else {
      if (count.min < threshold) throw new Contradiction('windowThreshold', phase, count.min, threshold);
      if (BEFORE_SUM.has(phase) && count.min < floor) throw new Contradiction('windowFloor', phase, count.min, floor);
    }
    if (count.max > group.size) throw new Contradiction('windowSize', phase, count.max, group.size);
  }
}

/** Phases that decide who is in the sum. */
const BEFORE_SUM: ReadonlySet<WaitingPhase> = new Set(['keys', 'shares', 'masked']);

/** SHA-256 over the canonical text of a task's settings. */
export const configHash = (primitives: SymmetricPrimitives, text: string): Uint8Array =>
  primitives.sha256(enc(LABELS.config, text));
