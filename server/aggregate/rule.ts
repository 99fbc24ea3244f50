// The one shape of aggregation: pre-steps → rule → report, as values that stack (optax `chain`). Not here: any particular rule.
// Discussion: a rule is a pair of pure functions over an explicit state, not an object with a memory. A stateful rule (centred
// clipping keeps its last output) persists and resumes like the optimiser does, and a stateless one keeps [] and costs nothing.

import type { Comparable, Vector, Visible } from './inputs.js';

/** What lasts from round to round: a list of vectors that the store can keep. [] for a rule without memory. */
export type RuleState = readonly Float64Array[];

/** What a stage did; lists are per input of that stage, in its order. The monitor and the audit log read these. */
export type StageReport =
  | { readonly stage: 'mean'; readonly weights: readonly number[] }
  | OrderReport
  | {
      readonly stage: 'clip';
      readonly norm: number;
      readonly norms: readonly number[];
      readonly factors: readonly number[];
    };

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

export interface Aggregated {
  /** The aggregate, float64, in memory of its own. */
  readonly vector: Float64Array<ArrayBuffer>;
  readonly state: RuleState;
  /** One report per stage, in the order of the stages; the rule's own is last. */
  readonly reports: readonly StageReport[];
}

/**
 * A robust rule. `aggregate` is pure and never changes its inputs.
 * @throws the codes of `checkInputs`, and AGGREGATE_PRECONDITION where 2f ≥ inputs. f is never lowered silently.
 */
export interface Rule<I extends Comparable = Visible> {
  readonly name: string;
  /** f, the number of bad inputs it is made for. */
  readonly faulty: number;
  init(dimension: number): RuleState;
  aggregate(inputs: readonly I[], state: RuleState): Aggregated;
}

/** A stage before the rule: inputs in, inputs out. May be fewer (bucketing); each output's `from` says whom it speaks for. */
export interface PreStep<I extends Comparable = Visible> {
  readonly name: string;
  /** Checks its inputs as a rule does, except that f is the rule's and is handed in. */
  apply(inputs: readonly I[], faulty: number): { readonly inputs: readonly I[]; readonly report: StageReport };
}

/** `steps` from left to right, then `rule`: the order is part of the meaning (NNM then clip is not clip then NNM). */
export function pipeline<I extends Comparable>(steps: readonly PreStep<I>[], rule: Rule<I>): Rule<I> {
  return {
    name: [...steps, rule].map((stage) => stage.name).join(' → '),
    faulty: rule.faulty,
    init: rule.init,
    aggregate(inputs, state) {
      const reports: StageReport[] = [];
      let current = inputs;
      for (const step of steps) {
        const done = step.apply(current, rule.faulty);
        reports.push(done.report);
        current = done.inputs;
      }
      const result = rule.aggregate(current, state);
      return { ...result, reports: [...reports, ...result.reports] };
    },
  };
}

/** The rows alone. */
export const vectorsOf = (inputs: readonly Comparable[]): readonly Vector[] => inputs.map((input) => input.vector);
