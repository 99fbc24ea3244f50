// Takes the masks off an opened sum: self masks of the survivors, pair masks left over from members that are gone.
// Not here: rebuilding the secrets from shares (round/open-sum.ts); deciding that they may be opened at all (round/, participant/).

import type { Primitives } from '../crypto/primitives.js';
import { SottoError } from '../errors.js';
import type { Kernels } from '../kernels/kernels.js';
import type { Words } from './encode.js';
import type { UnmaskWork } from './jobs.js';
import { pairMaskKey, selfMaskKey } from './keys.js';
import type { Streaming } from './keystreams.js';
import { applyMasks } from './mask.js';

/**
 * For survivor i and gone member j the sum holds +m_ij if j > i, else −m_ij: the opposite is applied.
 * @param accumulator Σ y_i over the survivors; changed into Σ q_i mod 2^ρ
 * @throws SottoError SECAGG_LOW_ORDER if an agreement gives zero (keys were checked at R1, so only on our own bug)
 */
export function* unmaskSum(
  work: UnmaskWork,
  accumulator: Words,
  primitives: Primitives,
  kernels: Kernels,
): Streaming<void> {
  const masks: { key: Uint8Array; sign: 1 | -1 }[] = work.selfSecrets.map(({ rank, secret }) => ({
    key: selfMaskKey(primitives, work.gctx, secret, rank),
    sign: -1,
  }));
  for (const gone of work.dropped)
    for (const survivor of gone.survivors) {
      const key = pairMaskKey(primitives, work.gctx, gone.secret, gone, survivor);
      if (key === undefined)
        throw new SottoError('SECAGG_LOW_ORDER', `pair of ranks ${gone.rank} and ${survivor.rank}`, {
          rank: gone.rank,
        });
      masks.push({ key, sign: gone.rank > survivor.rank ? -1 : 1 });
    }
  yield* applyMasks(accumulator, masks, kernels);
}
