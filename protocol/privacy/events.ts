// What was released about somebody's data, as facts: one event for one release. Facts are stored, prices are opinions: whoever
// prices events differently prices the same ledger again. Types only. Not here: prices (the accountants beside this file),
// the ledger that keeps events (ledger.ts), the noise itself.

import type { GroupId } from '../ids.js';

/** Whose presence is hidden: one training record of a client, or all that a client has. Their ε are never added. */
export type PrivacyUnit = 'record' | 'client';
/** `add-or-remove`: the unit's contribution is replaced by zero. `replace-one`: by another unit's; the sensitivity doubles. */
export type Neighbours = 'add-or-remove' | 'replace-one';
/** Against whom the claim holds. Whoever reads rosters (the first three) knows who was sampled: no amplification by client sampling. */
export type Observer = 'coordinator' | 'participant' | 'auditor' | 'released-model';
/** `exact`: integers and a CSPRNG only. `real`: floats, so the guarantee holds for ideal real arithmetic only. */
export type NoiseArithmetic = 'exact' | 'real';

/** Which release of which round; realised values, never configured ones. */
export interface ReleaseContext {
  readonly task: string;
  readonly round: number;
  readonly attempt: number;
  readonly group: GroupId;
  readonly unit: PrivacyUnit;
  readonly neighbours: Neighbours;
  readonly observer: Observer;
  readonly arithmetic: NoiseArithmetic;
}

/** Variances and norms of integer mechanisms are in grid steps. `count` independent releases of one kind are one event. */
export type Release =
  /** DP-SGD: each record in a step with probability `samplingRate`; noise of std `noiseMultiplier` × clipping norm. */
  | {
      readonly type: 'poissonGaussian';
      readonly samplingRate: number;
      readonly noiseMultiplier: number;
      readonly count: number;
    }
  /** One Gaussian of std `noiseMultiplier` × sensitivity, not sampled: noise of a trusted coordinator. */
  | { readonly type: 'gaussian'; readonly noiseMultiplier: number; readonly count: number }
  /** A sum with `honestShares` shares of discrete Gaussian noise, each of `localVariance` (Kairouz, Liu, Steinke 2021). */
  | ({ readonly type: 'distributedGaussian' } & DistributedNoise)
  /** The same with Skellam shares (Agarwal, Kairouz, Liu 2021). */
  | ({ readonly type: 'distributedSkellam' } & DistributedNoise)
  /** k random functionals of one noised update (protocol.md §7). */
  | {
      readonly type: 'sketch';
      readonly localVariance: number;
      readonly l2: number;
      readonly k: number;
      readonly dimension: number;
    }
  /** A sum of bits of sensitivity ½ with noise of std `std`: adaptive clipping (Andrew et al. 2021). */
  | { readonly type: 'clipBit'; readonly std: number }
  /** A sum of integer histograms. */
  | { readonly type: 'histogram'; readonly variance: number; readonly l2: number };

export interface DistributedNoise {
  /** Shares that count: survivors less the colluders who may know theirs. */
  readonly honestShares: number;
  readonly localVariance: number;
  /** Sensitivities Δ₂ and Δ₁ of the rounded vector. */
  readonly l2: number;
  readonly l1: number;
  readonly dimension: number;
}

export type PrivacyEvent = ReleaseContext & Release;

/** What one has allowed oneself: the task's or the client's own. */
export interface PrivacyBudget {
  readonly epsilon: number;
  readonly delta: number;
}

/** What one has allowed oneself for each unit. Records and clients are separate statements, so their budgets are too. */
export type Budgets = Readonly<Partial<Record<PrivacyUnit, PrivacyBudget>>>;
