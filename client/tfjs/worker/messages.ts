// What a pool and its training workers say to each other. Both ends are of one version in one program: not a wire format.

import type { ErrorCode, ErrorDetails } from '../../../protocol/errors.js';
import type { Evaluation, Manifest, TrainingResult, TrainingRound } from '../../trainer.js';
import type { BackendOptions } from '../backend.js';
import type { ModelSpec } from '../spec.js';

/** A model written in code, for a worker: functions do not cross, modules do. The export is a ModelFactory. */
export interface ModelModule {
  /** Address of an ES module the worker can import, e.g. `new URL('./model.js', import.meta.url).href`. */
  readonly module: string;
  readonly name: string;
}

/** A Dataset with its arrays named by numbers under which they were sent before. */
export interface DataReference {
  readonly inputs: number;
  readonly labels: number;
  readonly shape: readonly number[];
  readonly classes: number;
  readonly scale?: number;
  readonly rows?: Uint32Array;
}

/** One Trainer method and its arguments. `train` without its signal: an abort is a message of its own. */
export type Job =
  | { readonly method: 'init'; readonly task: string; readonly dimension: number }
  | {
      readonly method: 'train';
      readonly weights: Float32Array<ArrayBuffer>;
      readonly round: Omit<TrainingRound, 'signal'>;
    }
  | { readonly method: 'evaluate'; readonly weights: Float32Array<ArrayBuffer> }
  | { readonly method: 'dispose' };
export interface Answers {
  readonly init: Manifest;
  readonly train: TrainingResult;
  readonly evaluate: Evaluation;
  readonly dispose: undefined;
}

export type ToWorker =
  | { readonly type: 'backend'; readonly options: Omit<BackendOptions, 'log'> }
  | { readonly type: 'array'; readonly key: number; readonly values: Float32Array | Uint8Array | Int32Array }
  | {
      readonly type: 'open';
      readonly trainer: string;
      readonly model: ModelSpec | ModelModule;
      readonly data: DataReference;
      readonly evaluation?: DataReference;
      readonly seed?: number | string;
    }
  | { readonly type: 'call'; readonly call: number; readonly trainer: string; readonly job: Job }
  | { readonly type: 'abort'; readonly call: number };

export type FromWorker =
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'done'; readonly call: number; readonly value: Answers[keyof Answers] }
  | { readonly type: 'failed'; readonly call: number; readonly error: SentError };

/** An error that keeps its code across the border; `code` is absent for what was no SottoError. */
export interface SentError {
  readonly code?: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}
