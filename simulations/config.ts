// The settings of one simulated federation, read, checked and filled in: task, model, data, fleet, campaign, seed.
// Not here: running it (run.ts, fleet/), the fields that simulations share with coordinators (server/config).

import type { TaskConfig, WaitingPhase } from '../protocol/task.js';
import type { CampaignSettings, ModelSettings } from '../server/config/types.js';

/** Which examples there are, and how they are cut among the clients (partition.ts). */
export interface DataSettings {
  readonly source:
    | { readonly set: 'mnist' }
    /** Hashed word n-grams of `width` buckets. */
    | { readonly set: 'spam'; readonly width: number }
    /** One Gaussian cloud per class; `examples` of them, a fifth kept for the test. */
    | { readonly set: 'synthetic'; readonly examples: number; readonly inputs: number; readonly classes: number };
  readonly partition:
    | { readonly kind: 'iid' }
    | { readonly kind: 'dirichlet'; readonly alpha: number }
    | { readonly kind: 'labels'; readonly perClient: number }
    | { readonly kind: 'quantity'; readonly beta: number };
  /** Every client gets at least so many. */
  readonly minimumExamples: number;
  /** Examples of the test part that the coordinator measures accuracy on; absent: all. */
  readonly testExamples?: number;
}

/**
 * Honest clients that leave. In each round from `firstRound` on, `perRound` honest clients, drawn from the seed, at most
 * `maxPerGroup` of one group, cut their connection instead of answering in a phase. The phases are dealt in turn over the whole
 * run, so that all of them occur once perRound × rounds reaches their number. They come back for the next round.
 */
export interface DropoutSettings {
  readonly perRound: number;
  readonly maxPerGroup: number;
  readonly firstRound: number;
  readonly phases: readonly WaitingPhase[];
}

/** What a malicious client does with its update. It follows the protocol: otherwise it would just be left out. */
export type AttackSettings =
  /** Sends −boost × update, and does not clip it. */
  { readonly kind: 'sign-flip'; readonly boost: number };

export interface FleetSettings {
  readonly clients: number;
  /** Worker processes that the clients are spread over. */
  readonly processes: number;
  readonly dropouts: DropoutSettings;
  readonly malicious: {
    /** Positions in the fleet, 0-based; a count is drawn from the seed. */
    readonly who: { readonly count: number } | { readonly clients: readonly number[] };
    readonly attack: AttackSettings;
  };
}

export interface SimulationConfig {
  /** Everything that the clients sign for; `task.task` is the name of the task, `task.profile` the profile. */
  readonly task: TaskConfig;
  readonly model: ModelSettings;
  readonly data: DataSettings;
  readonly fleet: FleetSettings;
  readonly campaign: CampaignSettings;
  /** Of data, model, sampling, dropouts, batches and rounding. Keys and masks stay CSPRNG: they cancel exactly. */
  readonly seed: number;
}
