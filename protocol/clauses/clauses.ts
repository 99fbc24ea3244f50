// The parts of a task's settings that not every task has, as a seam: noise, verified sketches, rules over many inputs, optimisers with moments. The coordinator
// has them all (all.ts); a page loads those that its task uses, before it joins (client/clauses.ts).
// A clause that is missing makes its settings unreadable, never unchecked.
// Not here: what every task has (terms.ts).

import type { SymmetricPrimitives } from '../crypto/primitives.js';
import type { OptimizerSpec } from '../optimizer/spec.js';
import type { Moments } from '../optimizer/step.js';
import type { ClientAccounts } from '../participant/accounts.js';
import type { AskingStep, In, ParticipantStep } from '../participant/state.js';
import type { NoisePlan } from '../privacy/provision.js';
import type { AdaptiveClipping, PrivacySpec } from '../privacy/spec.js';
import type { RuleSpec } from '../rule.js';
import type { Schema } from '../schema.js';
import type { Encoding, Ring } from '../secagg/jobs.js';
import type { SketchBounds, SketchSpec } from '../sketch/bounds.js';
import type { Derived, TaskConfig } from '../terms.js';
import type { SketchRequest } from '../wire/messages.js';

export interface Clauses {
  readonly noise?: NoiseClause;
  readonly sketches?: SketchClause;
  readonly rules?: RuleClause;
  readonly optimizers?: OptimizerClause;
}

/** `privacy` other than none. */
export interface NoiseClause {
  readonly schema: Schema<Exclude<PrivacySpec, 'none'>>;
  /** @throws SottoError as planNoise */
  plan(config: TaskConfig, threshold: number): NoisePlan;
  /** @throws SottoError CONFIG_RING */
  ring(plan: NoisePlan): Ring;
  encodingOf(primitives: SymmetricPrimitives, config: TaskConfig, derived: Derived, at: RoundClip): Encoding;
  followsClip(before: number, fraction: number, after: number, spec: AdaptiveClipping): boolean;
  readonly accounts: ClientAccounts;
}
export interface RoundClip {
  readonly round: number;
  /** Of the announcement (wire/messages.ts). */
  readonly clip: number;
}

/** `integrity` other than none: its settings, and R4 at the client. */
export interface SketchClause {
  readonly schema: Schema<SketchSpec>;
  /** @throws SottoError CONFIG_SKETCH, CONFIG_RING */
  terms(
    config: TaskConfig,
    spec: SketchSpec,
    survivorFloor: number,
    summed: Ring,
    noise: NoisePlan | 'none',
  ): { readonly ring: Ring; readonly sketch: SketchBounds };
  onRequest(s: In<'masked'>, request: SketchRequest): ParticipantStep;
  onSketched(s: In<'sketching'>, section: Uint8Array): AskingStep;
  onSecondRequest(s: In<'sketching' | 'sketched'>, request: SketchRequest): ParticipantStep;
}

/** `rule` other than the plain mean. */
export interface RuleClause {
  /** What is wrong with a rule by itself. */
  problem(given: unknown): { readonly text: string } | undefined;
  /** @throws SottoError CONFIG_RULE_COUNT, CONFIG_INVALID */
  check(rule: RuleSpec, inputs: number): void;
  /** Fewest inputs that it makes sense with. */
  least(rule: RuleSpec): number;
}

/** `optimizer` other than FedAvg. */
export interface OptimizerClause {
  /** What is wrong with an optimiser by itself, FedAvg included. */
  problem(given: unknown): { readonly text: string } | undefined;
  /** @throws SottoError CONFIG_OPTIMIZER */
  check(optimizer: OptimizerSpec): void;
  readonly formulas: Moments;
}
