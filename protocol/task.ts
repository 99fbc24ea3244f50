// The public, signed settings of one task, and what follows from them (threshold, ring, grid). Clients and coordinator
// derive the same values from the same text; nothing derived is ever configured by hand.
// Not here: reading YAML (server/config), phases and timers (round/), what a client demands on top (participant/policy.ts).

import type { Prg } from './crypto/primitives.js';
import type { Millis } from './ids.js';
import type { OptimizerSpec } from './optimizer/spec.js';
import type { RuleSpec } from './rule.js';

/**
 * Who sees what (design.md §2). `open`: the coordinator sees every update. `cohort`: one secure sum of all.
 * `grouped`: one secure sum per fixed group, a robust rule over the group means.
 */
export type Profile = 'open' | 'cohort' | 'grouped';

/** A phase closes when `time.min` has passed, `count.min` is in and nobody more can come (or `count.max` is in), or at `time.max`. */
export interface Window {
  readonly count: { readonly min: number; readonly max: number };
  readonly time: { readonly min: Millis; readonly max: Millis };
}
/** The phases of one group's run that wait for clients. */
export type WaitingPhase = 'keys' | 'shares' | 'masked' | 'consistency' | 'unmask';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

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
  /** Seam of protocol.md §7: verified sketches add a value here. */
  readonly integrity: 'none';
  readonly rule: RuleSpec;
  readonly optimizer: OptimizerSpec;
  /** Passed to the trainer as it is (client/trainer.ts TrainingSpec); the protocol only signs it. */
  readonly training: { readonly [key: string]: Json };
  readonly windows: Readonly<Record<WaitingPhase, Window>>;
}
