// The server optimisers: next model = function of (model, state, aggregate). Coordinator and every client compute it and compare
// hashes, so the result must have the same bits on every engine: only + − × ÷ and Math.sqrt on float64, which IEEE 754 and
// ECMA-262 fix to the bit, one rounding to float32 where a vector is stored; no pow, no exp, no sum whose order is open.
// Not here: the ranges of the numbers (spec.ts), the state and the checks (step.ts), where the aggregate came from.

import { momentFormulas } from './moments.js';
import type { OptimizerSpec } from './spec.js';
import { applyStep, type OptimizerState } from './step.js';

export { initOptimizer, type OptimizerState, restoreOptimizer, stateVectors } from './step.js';

/**
 * One step. `aggregate` is Δ_t, the (robust) mean of the updates; it points downhill, so it is added.
 *
 * - fedavg: x + ηΔ.
 * - fedavgm: m ← βm + Δ, x + ηm (Hsu et al. 2019, §4.3, with their sign turned: their Δ points uphill).
 * - adaptive, Reddi et al. 2021 (ICLR), Algorithm 2: m ← β₁m + (1−β₁)Δ, then
 *   FedAdagrad v ← v + Δ²; FedYogi v ← v − (1−β₂)Δ² sign(v − Δ²); FedAdam v ← β₂v + (1−β₂)Δ²;
 *   x + η m / (√v + τ).
 *   There is no bias correction, as in the paper: v starts at τ², not at 0. Adam's m̂ and v̂ would need powers of β.
 *
 * Arguments are not changed; the results share no memory with them.
 * @throws OPTIMIZER_SHAPE where a length is not that of the weights
 * @throws OPTIMIZER_NON_FINITE where the aggregate, or the model or a moment it would give, is not finite in float32
 */
export const applyAggregate = (
  spec: OptimizerSpec,
  weights: Float32Array,
  state: OptimizerState,
  aggregate: Float32Array,
): { readonly weights: Float32Array<ArrayBuffer>; readonly state: OptimizerState } =>
  applyStep(spec, weights, state, aggregate, momentFormulas);
