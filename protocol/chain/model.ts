// From one model to the next, byte for byte the same on every machine: the coordinator publishes, every client recomputes.
// Not here: signatures (record.ts), transport of the bytes. Assumes a little-endian machine, checked once at start by `assertLittleEndian`.

import { concat } from '../crypto/bytes.js';
import type { SymmetricPrimitives } from '../crypto/primitives.js';
import { SottoError } from '../errors.js';
import { momentFormulas } from '../optimizer/moments.js';
import type { OptimizerSpec } from '../optimizer/spec.js';
import {
  applyStep,
  initOptimizer,
  type Moments,
  type OptimizerState,
  restoreOptimizer,
  stateVectors,
} from '../optimizer/step.js';
import { hashOfBlob } from '../wire/chunks.js';

export { hashOfBlob } from '../wire/chunks.js';

/** A model with the optimiser state that belongs to it. */
export interface ModelState {
  readonly weights: Float32Array<ArrayBuffer>;
  readonly optimizer: OptimizerState;
}

/** @throws SottoError INTERNAL on a big-endian machine: hashes are over little-endian bytes and vectors are used in place */
export function assertLittleEndian(): void {
  if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1)
    throw new SottoError('INTERNAL', 'this machine is big-endian; Sotto needs a little-endian one');
}

/** The float32 bytes in place: shares memory with the vector. */
export const weightsBytes = (weights: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);

/** A vector of its own from wire or stored bytes. @throws SottoError SECAGG_LENGTH if they are no `dimension` float32 values */
export function weightsFromBytes(bytes: Uint8Array, dimension: number): Float32Array<ArrayBuffer> {
  if (bytes.length !== 4 * dimension)
    throw new SottoError('SECAGG_LENGTH', `${bytes.length} bytes are no vector of ${dimension} float32 values`);
  return new Float32Array(new Uint8Array(bytes).buffer); // not `slice`: of a Buffer that is a view into a shared pool
}

/** Moments back to back; empty for an optimiser without state. */
export const optimizerBytes = (state: OptimizerState): Uint8Array => concat(...stateVectors(state).map(weightsBytes));

/** @throws SottoError SECAGG_LENGTH, and what restoreOptimizer throws, if the bytes are not a state of this optimiser */
export function optimizerFromBytes(
  spec: OptimizerSpec,
  dimension: number,
  steps: number,
  bytes: Uint8Array,
): OptimizerState {
  const count = stateVectors(initOptimizer(spec, 0)).length;
  if (bytes.length !== 4 * dimension * count)
    throw new SottoError(
      'SECAGG_LENGTH',
      `${bytes.length} bytes are no ${count} moments of ${dimension} float32 values`,
    );
  const moments = Array.from({ length: count }, (_, i) =>
    weightsFromBytes(bytes.subarray(4 * dimension * i, 4 * dimension * (i + 1)), dimension),
  );
  return restoreOptimizer(spec, dimension, steps, moments);
}

/** Hash of an optimiser state; empty where it has none, so that there is nothing to fetch. */
export const optimizerHash = (primitives: SymmetricPrimitives, state: OptimizerState): Uint8Array =>
  stateVectors(state).length === 0 ? new Uint8Array(0) : hashOfBlob(primitives, optimizerBytes(state));

/** The next model. Only + − × ÷ √ on float64, rounded to float32: the same bits on every JavaScript engine. */
export const nextModel = (spec: OptimizerSpec, before: ModelState, aggregate: Float32Array<ArrayBuffer>): ModelState =>
  nextModelBy(momentFormulas, spec, before, aggregate);

/** The same with the formulas of optimisers other than FedAvg given, or none. */
export function nextModelBy(
  formulas: Moments | undefined,
  spec: OptimizerSpec,
  { weights, optimizer }: ModelState,
  aggregate: Float32Array<ArrayBuffer>,
): ModelState {
  const { weights: after, state } = applyStep(spec, weights, optimizer, aggregate, formulas);
  return { weights: after, optimizer: state };
}
