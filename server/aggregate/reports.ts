// What each stage of an aggregation did, as data: the monitor, the audit log and the round report read these.
// Not here: who computes them (one file per rule) or what is made of them (monitor).
// Lists are per input of that stage, in its order; a number of a list of rows is an index into the inputs of the stage.

import type { ClippingStart, MedianStart, Neighbours } from '../../protocol/rule.js';

export type StageReport =
  | { readonly stage: 'mean'; readonly weights: readonly number[] }
  | OrderReport
  | ClosestReport
  | GeometricMedianReport
  | CentredClippingReport
  | KrumReport
  | BulyanReport
  | ClipReport
  | NnmReport
  | BucketingReport
  | SubsetReport
  | CafReport
  | DncReport
  | MonnaReport
  | FlTrustReport
  | FoolsGoldReport;

/** Of the rules over order statistics. */
export interface OrderReport {
  readonly stage: 'median' | 'trimmed-mean';
  readonly faulty: number;
  /**
   * Share of the effective coordinates in which this input was below (above) everything kept, in [0, 1]. Kept are the order
   * statistics f+1 … m−f. An input equal to a kept value is kept: by value nothing was cut, so identical inputs are never
   * trimmed and the report does not depend on the order of the inputs. Expected without attack: f/m each (2f/m together).
   */
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Coordinates in which anybody was cut; a dead pixel's weight says nothing about anybody. 0 where f = 0. */
  readonly effective: number;
}

export interface ClosestReport {
  readonly stage: 'meamed';
  readonly faulty: number;
  /** Share of the coordinates in which the input was farther from the median than all kept. Expected without attack: f/m. */
  readonly cut: readonly number[];
}

export interface GeometricMedianReport {
  readonly stage: 'geometric-median';
  readonly faulty: number;
  readonly start: MedianStart;
  /** Steps done: fewer than allowed where the point stood still. */
  readonly steps: number;
  /** L2 distances to the point before the last step, and the weights that they gave; these sum to 1. */
  readonly distances: readonly number[];
  readonly weights: readonly number[];
}

export interface CentredClippingReport {
  readonly stage: 'centred-clipping';
  readonly faulty: number;
  readonly tau: number;
  readonly start: ClippingStart;
  /** L2 distances to the centre before the last step, and the share of each difference that counted, in (0, 1]. */
  readonly distances: readonly number[];
  readonly factors: readonly number[];
}

export interface KrumReport {
  readonly stage: 'krum' | 'multi-krum';
  readonly faulty: number;
  readonly neighbours: Neighbours;
  /** Sums of squared distances to the nearest others. */
  readonly scores: readonly number[];
  /** Rows that were averaged, best score first. */
  readonly chosen: readonly number[];
}

export interface BulyanReport {
  readonly stage: 'bulyan';
  readonly faulty: number;
  /** Rows in the order in which Krum took them. */
  readonly chosen: readonly number[];
  /** Share of the coordinates in which the row was among those averaged; 0 for rows not chosen. */
  readonly kept: readonly number[];
}

/** `clip` has its norm from the configuration, `arc` from the inputs. */
export interface ClipReport {
  readonly stage: 'clip' | 'arc';
  readonly norm: number;
  readonly norms: readonly number[];
  readonly factors: readonly number[];
}

export interface NnmReport {
  readonly stage: 'nnm';
  readonly faulty: number;
  /** Share of the mixtures that the row is in, its own included. Expected without attack: (n − f)/n. */
  readonly popularity: readonly number[];
  /** L2 distance to the farthest row of its own mixture. */
  readonly radius: readonly number[];
}

export interface BucketingReport {
  readonly stage: 'bucketing';
  /** Rows of each bucket, in the order of the stage's outputs. */
  readonly buckets: readonly (readonly number[])[];
}

// ---- rules for comparison (research/) --------------------------------------------------------------------------------

export interface SubsetReport {
  readonly stage: 'mda' | 'smea';
  readonly faulty: number;
  /** Rows that were averaged, ascending. */
  readonly chosen: readonly number[];
  /** 1 or 0 per row. */
  readonly kept: readonly number[];
  /** The squared diameter of the chosen (mda), the top eigenvalue of their covariance (smea). */
  readonly value: number;
}

export interface CafReport {
  readonly stage: 'caf';
  readonly faulty: number;
  /** Sum 1. */
  readonly weights: readonly number[];
}

export interface DncReport {
  readonly stage: 'dnc';
  readonly faulty: number;
  /** Of the last iteration: squared lengths along the top direction. */
  readonly scores: readonly number[];
  /** Rows that were averaged, ascending. */
  readonly chosen: readonly number[];
  /** Share of the iterations in which the row stayed. */
  readonly kept: readonly number[];
}

export interface MonnaReport {
  readonly stage: 'monna';
  readonly faulty: number;
  readonly trusted: number;
  /** L2, from the trusted row. */
  readonly distances: readonly number[];
  /** Rows that were averaged, nearest first. */
  readonly chosen: readonly number[];
}

export interface FlTrustReport {
  readonly stage: 'fltrust';
  /** Cosines with the root step, 0 where they are negative. */
  readonly trust: readonly number[];
}

export interface FoolsGoldReport {
  readonly stage: 'foolsgold';
  /** In [0, 1]. */
  readonly weights: readonly number[];
}
