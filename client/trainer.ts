// The border between the protocol client and whatever trains. Weights cross it as one flat Float32Array with a manifest.
// Not here: TensorFlow.js (client/tfjs), clipping, rounding and masking (protocol/secagg). The client core never sees a tensor.

import type { NoiseArithmetic, Release } from '../protocol/privacy/events.js';

/** One variable of a model inside the flat vector. `offset` and the product of `shape` count float32 elements. */
export interface ManifestEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
}
/** The documented order in which a model is flattened; offsets ascend without gaps from 0 to `dimension`. */
export interface Manifest {
  readonly dimension: number;
  readonly variables: readonly ManifestEntry[];
}

/** What the coordinator asks of local training: plain epochs, or DP-SGD. Part of the signed task configuration. */
export type TrainingSpec = LocalSteps & (PlainTraining | PrivateTraining);

/** How a step moves the weights. */
export interface LocalSteps {
  readonly algorithm: 'fedavg' | 'fedprox';
  /** Proximal coefficient μ of FedProx (Li et al. 2020, eq. 2); absent for FedAvg. */
  readonly mu?: number;
  readonly learningRate: number;
  readonly optimizer: 'sgd' | 'momentum' | 'adam';
  /** β in [0, 1): the client sends the running mean of its updates (momentum.ts); absent: each update by itself. */
  readonly clientMomentum?: number;
}
export interface PlainTraining {
  readonly epochs: number;
  readonly batchSize: number;
  /** At most this many examples a round, drawn anew each round; absent: all. */
  readonly maxExamples?: number;
  readonly dpSgd?: never;
}
export interface PrivateTraining {
  readonly dpSgd: DpSgdSpec;
  readonly epochs?: never;
  readonly batchSize?: never;
  readonly maxExamples?: never;
}

/**
 * Record-level differential privacy of local training (Abadi et al. 2016, Algorithm 1; privacy.md §3). Nothing has a default.
 * The neighbouring relation is add-or-remove of one record of the client's data.
 */
export interface DpSgdSpec {
  /** Largest L2 norm of one record's gradient, over all trainable variables jointly: C. */
  readonly clipNorm: number;
  /** Std of the noise in a step's sum of gradients ÷ clipNorm: z. */
  readonly noiseMultiplier: number;
  /** Probability with which a record is in a step: q. Poisson, so batches differ in size. */
  readonly samplingRate: number;
  /** What a step's noised sum is divided by: L, a public constant, usually q × the expected number of records. */
  readonly lotSize: number;
  /** Steps in a round. */
  readonly steps: number;
  /** Records in memory at once. Changes no result; larger batches are cut, never truncated. */
  readonly microBatch: number;
  /** `exact`: integers and a CSPRNG. `float`: faster, and its guarantee holds for ideal real arithmetic only. */
  readonly noise: 'exact' | 'float';
}

export interface TrainingRound {
  readonly task: string;
  readonly round: number;
  readonly attempt: number;
  readonly spec: TrainingSpec;
  /** Ends training at the next batch; `train` then rejects with TRAIN_ABORTED. */
  readonly signal?: AbortSignal;
}

export interface TrainingResult {
  /** after − before, `dimension` long, in a buffer of its own that the caller may transfer. */
  readonly update: Float32Array<ArrayBuffer>;
  /** Examples used this round. Leaves the device only where the task's weighting says so. */
  readonly examples: number;
  /** For the local user's eyes (events of the client). Not sent. */
  readonly metrics: Readonly<Record<string, number>>;
  /** What the update releases about single records; realised, not configured. Absent where the trainer claims nothing. */
  readonly releases?: readonly RecordRelease[];
}

/** One event of the client's own ledger, without where it happened. */
export type RecordRelease = Release & { readonly arithmetic: NoiseArithmetic };

export interface Evaluation {
  readonly examples: number;
  /** Mean per example. */
  readonly loss: number;
  /** Share in [0, 1]. */
  readonly accuracy: number;
  /** The same for the examples of each class, by class; NaN for a class without. Absent where the trainer does not count them. */
  readonly recalls?: readonly number[];
}

/**
 * Someone who trains with anything else plugs in here. Calls never overlap. Implementations must not change `weights`.
 * @throws SottoError TRAIN_NON_FINITE, TRAIN_SHAPE, TRAIN_UNSUPPORTED, TRAIN_ABORTED
 */
export interface Trainer {
  /** Once per task, before the first round. Must fail with TRAIN_SHAPE if the model does not fit the dimension. */
  init(task: { readonly task: string; readonly dimension: number }): Promise<Manifest>;
  train(weights: Float32Array<ArrayBuffer>, round: TrainingRound): Promise<TrainingResult>;
  /**
   * The most that `train` by this spec can release about single records, known before any data are touched: the client reserves it
   * in its ledger, and does not train where its budget does not cover it. Absent or empty: no claim is made.
   * @throws SottoError CONFIG_INVALID naming the field of the spec
   */
  releases?(spec: TrainingSpec): readonly RecordRelease[];
  evaluate?(weights: Float32Array<ArrayBuffer>): Promise<Evaluation>;
  /** Frees what the trainer holds (tensors, workers). The trainer is unusable afterwards. */
  dispose?(): Promise<void>;
}
