// From the inputs of all groups to the aggregate, and from the aggregate to the next model with the hashes of its blobs.
// Pure and synchronous; runs in a home. Not here: the rules (aggregate/), the optimisers (protocol/optimizer).

import { nextModel, optimizerBytes, weightsBytes } from '../../protocol/chain/model.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import type { OptimizerState } from '../../protocol/optimizer/optimizer.js';
import { blobHash, chunkHashList } from '../../protocol/wire/chunks.js';
import {
  clip,
  createRule,
  generatorOf,
  groupMean,
  measure,
  pipeline,
  type RuleKernels,
  update,
  type Visible,
} from '../aggregate/index.js';
import type { AggregateResult, AggregateWork, Blob, ModelResult, ModelWork } from './types.js';
import { failureOf, type RuleInput } from './workbench.js';

/**
 * Runs the rule. In profile `open` rows longer than the task's norm bound are scaled to it first: an honest client has done that
 * itself, and here, unlike under masks, nobody has to be believed.
 */
export function combine(
  { rule, encoding, state, seed, last }: Omit<AggregateWork, 'groups'>,
  inputs: readonly RuleInput[],
  kernels: RuleKernels,
): AggregateResult {
  try {
    const visible: Visible[] = inputs.map((input) =>
      input.kind === 'group'
        ? groupMean(input.from, input.vector, input.weight)
        : update(input.from, input.vector, input.weight),
    );
    const open = inputs.some(({ kind }) => kind === 'client');
    const stages = pipeline(
      open ? [clip<Visible>(encoding.clipNorm)] : [],
      createRule(rule, generatorOf(seed), kernels),
    );
    const before = state.length > 0 ? state : stages.init(encoding.dimension);
    const { vector, reports, state: after } = stages.aggregate(visible, before);
    const aggregate = vector instanceof Float32Array ? vector : Float32Array.from(vector);
    const measures = measure(rule, visible, aggregate, last, kernels);
    const bits = inputs.reduce((sum, input) => sum + (input.kind === 'group' ? input.bits : 0), 0);
    return { ok: true, aggregate, reports, state: after, measures, bits };
  } catch (error) {
    return failureOf(error);
  }
}

export function stepModel({ optimizer, before, aggregate }: ModelWork, primitives: Primitives): ModelResult {
  try {
    const after = nextModel(optimizer, before, aggregate);
    return {
      ok: true,
      after,
      model: blobOf(primitives, weightsBytes(after.weights)),
      aggregate: blobOf(primitives, weightsBytes(aggregate)),
      optimizer: optimizerBlob(primitives, after.optimizer),
    };
  } catch (error) {
    return failureOf(error);
  }
}

/** `undefined` where the optimiser keeps nothing. */
export function optimizerBlob(primitives: Primitives, state: OptimizerState): Blob | undefined {
  const bytes = optimizerBytes(state);
  return bytes.length === 0 ? undefined : blobOf(primitives, bytes);
}

/** @param bytes taken over */
export function blobOf(primitives: Primitives, bytes: Uint8Array): Blob {
  const chunks = chunkHashList(primitives, bytes);
  return { bytes, chunks, hash: blobHash(primitives, bytes.length, chunks) };
}
