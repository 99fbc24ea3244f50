// The one shape of aggregation: pre-steps → rule → report, as values that stack (optax `chain`). Not here: any particular rule.
// Discussion: a rule is a pair of pure functions over an explicit state, not an object with a memory. A stateful rule (centred
// clipping keeps its last output) persists and resumes like the optimiser does, and a stateless one keeps [] and costs nothing.

import { SottoError } from '../../protocol/errors.js';
import type { Comparable, Vector, Visible } from './inputs.js';
import type { StageReport } from './reports.js';

/**
 * What lasts from round to round: a list of vectors that the store can keep. [] for a rule without memory. Every number is a
 * float32, so that what was published can stand for it (`resumeRule`).
 */
export type RuleState = readonly Float64Array[];

export interface Aggregated {
  /** The aggregate, in memory of its own. Float64, or float32 where a rule over order statistics was given float32 rows alone. */
  readonly vector: Float64Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
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

/** @throws AGGREGATE_PRECONDITION where 2f ≥ m: then nobody can tell the good half from the bad one. */
export function requireMajority(name: string, faulty: number, inputs: number): void {
  requireInputs(name, faulty, inputs, 2 * faulty + 1);
}

/** @throws AGGREGATE_PRECONDITION where there are fewer inputs than the rule can promise anything for */
export function requireInputs(name: string, faulty: number, inputs: number, least: number): void {
  if (inputs < least) {
    throw new SottoError(
      'AGGREGATE_PRECONDITION',
      `${name} with faulty ${faulty} needs at least ${least} inputs and got ${inputs}; f is never lowered silently`,
      { faulty, inputs },
    );
  }
}

/** @throws AGGREGATE_PRECONDITION where f is no count */
export function requireCount(name: string, field: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new SottoError(
      'AGGREGATE_PRECONDITION',
      `${name} with ${field} ${value}; it must be an integer of at least ${least}`,
    );
  }
}

/** @throws AGGREGATE_PRECONDITION where the value is no positive number */
export function requirePositive(name: string, field: string, value: number): void {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new SottoError(
      'AGGREGATE_PRECONDITION',
      `${name} with ${field} ${value}; it must be a finite number above 0`,
    );
  }
}

/** The rows alone. */
export const vectorsOf = (inputs: readonly Comparable[]): readonly Vector[] => inputs.map((input) => input.vector);
