// The vector engine of the coordinator: everything of model size lives behind this interface and never in a machine's state.
// Two implementations, one contract suite: homes in this process (tests) and homes in worker threads (engine.ts).
// Not here: the arithmetic (protocol/secagg, aggregate/), when work is due (protocol/round).

import type { ModelState } from '../../protocol/chain/model.js';
import type { Prg } from '../../protocol/crypto/primitives.js';
import type { ErrorCode } from '../../protocol/errors.js';
import type { OptimizerSpec } from '../../protocol/optimizer/spec.js';
import type { GroupResult } from '../../protocol/round/types.js';
import type { RuleSpec } from '../../protocol/rule.js';
import type { Encoding, EngineResult, EngineWork } from '../../protocol/secagg/jobs.js';
import type { Measures, RuleSeed, RuleState, StageReport } from '../aggregate/index.js';

/** Opened group sums, or the rows of profile `open`, to one aggregate. */
export interface AggregateWork {
  readonly encoding: Encoding;
  readonly rule: RuleSpec;
  readonly groups: readonly GroupResult[];
  /** The aggregate of the round before: what the monitor compares directions with. Absent in the first round. */
  readonly last?: Float32Array<ArrayBuffer>;
  /** What the last committed round's rule left; [] before the first. */
  readonly state: RuleState;
  /** For rules that draw. Fresh in each attempt, unknown to clients until they have sent. */
  readonly seed: RuleSeed;
}
export interface EngineFailure {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly text: string;
}
export type AggregateResult =
  | {
      readonly ok: true;
      /** d float32 values: what the optimiser applies and clients check. */
      readonly aggregate: Float32Array<ArrayBuffer>;
      /** What each stage did, per input: groups in the order of the work, or clients in rank order. */
      readonly reports: readonly StageReport[];
      /** For the monitor, in the same order. */
      readonly measures: Measures;
      /** Σ(b_i − ½) over all groups, noised: what the clipping norm of the next round follows from. 0 where it is fixed. */
      readonly bits: number;
      /** For the next round, once this one is committed. */
      readonly state: RuleState;
    }
  | EngineFailure;

/** One step of the server optimiser. The vectors are copied, not taken. */
export interface ModelWork {
  readonly optimizer: OptimizerSpec;
  readonly before: ModelState;
  readonly aggregate: Float32Array<ArrayBuffer>;
}
/** A·x of a vector that the coordinator knows anyway, such as its last step, under the matrix of a round. */
export interface DirectionWork {
  readonly vector: Float32Array<ArrayBuffer>;
  readonly encoding: Encoding;
  readonly prg: Prg;
  readonly matrixKey: Uint8Array;
  /** k, a multiple of 3. */
  readonly rows: number;
}
export type DirectionResult =
  | {
      readonly ok: true;
      /** k values that point where A·x does; their length says nothing. All 0 for a vector of zeros. */
      readonly sketch: Int32Array<ArrayBuffer>;
    }
  | EngineFailure;
/** Bytes with the hashes of their chunks (protocol/wire/chunks.ts). */
export interface Blob {
  readonly bytes: Uint8Array;
  /** 32 bytes each, back to back. */
  readonly chunks: Uint8Array;
  /** The name: 32 bytes over length and chunk hashes. */
  readonly hash: Uint8Array;
}
export type ModelResult =
  | {
      readonly ok: true;
      readonly after: ModelState;
      readonly model: Blob;
      readonly aggregate: Blob;
      /** The optimiser's state; `undefined` where it keeps none. */
      readonly optimizer: Blob | undefined;
    }
  | EngineFailure;

export interface Engine {
  /**
   * Work of one accumulator and of its slots (`${accumulator}/…`) runs in the order in which it was handed in. Never rejects:
   * a lost worker gives ENGINE_FAILED for all that it held, until `forget`.
   * Done with the section of a chunk when it returns: receive buffers are used again.
   */
  run(work: EngineWork): Promise<EngineResult>;
  /** Reads the opened sums or rows; they stay until `forget`. */
  aggregate(work: AggregateWork): Promise<AggregateResult>;
  nextModel(work: ModelWork): Promise<ModelResult>;
  /** The vector is copied. */
  direction(work: DirectionWork): Promise<DirectionResult>;
  /** Drops every slot, row and accumulator but these. Resolves when they are gone. */
  forget(keep: readonly string[]): Promise<void>;
  /** Bytes of memory that its threads share: the process's own numbers leave it out. */
  sharedBytes(): number;
  /** Names of what is held: for tests and metrics. */
  held(): Promise<readonly string[]>;
  /** A round begins: threads that are not there yet are started now and not beside the first uploads. */
  warm(): void;
  /**
   * Gives back what is kept for the next round, where nothing is held and nothing is computed; otherwise it does nothing. For a process that
   * is short of memory between rounds: the next round pays for it (memory anew, threads started anew).
   * Kept are up to UPLOADING_BYTES (64 MiB) of erased inputs, which `external` of process.memoryUsage() does not count and `arrayBuffers`
   * does, and what the threads have grown by. Threads give back at once. Inputs go with the next full garbage collection of the calling
   * thread: memory that two threads see cannot be emptied by hand.
   */
  rest(): Promise<void>;
  close(): Promise<void>;
}
