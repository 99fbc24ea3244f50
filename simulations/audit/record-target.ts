// DP-SGD as clients run it, with canaries for records: a softmax regression over one-hot inputs, so that each record's gradient lies in
// coordinates of its own, and what a round does to them tells whether it was there. Nothing of the trainer is changed or looked into.
// Not here: coins and guesses (harness.ts).

import { tfjsTrainer } from '../../client/tfjs/index.js';
import type { Trainer, TrainingSpec } from '../../client/trainer.js';
import type { PrivacyEvent } from '../../protocol/privacy/events.js';
import { price } from '../../protocol/privacy/price.js';
import type { AuditTarget } from './harness.js';

export interface RecordAudit {
  readonly canaries: number;
  readonly noiseMultiplier: number;
  readonly samplingRate: number;
  readonly steps: number;
  readonly delta: number;
  readonly noise: 'exact' | 'float';
}

/** Scales an input so that nearly all of its gradient is in its own row of the kernel and not in the bias that all share. */
const INPUT = 20;
const CLASSES = 2;

/** What the audit asks of a trainer. */
export type AuditedTrainer = Pick<Trainer, 'train' | 'releases' | 'dispose'>;

/** The trainer of this package over the canaries that are in, on the portable backend. */
export const auditedTrainer = (audit: RecordAudit, included: readonly number[]): AuditedTrainer =>
  tfjsTrainer({
    backend: 'cpu',
    model: { kind: 'softmax', input: audit.canaries, classes: CLASSES },
    data: {
      shape: [audit.canaries],
      classes: CLASSES,
      inputs: Float32Array.from({ length: included.length * audit.canaries }, (_, i) =>
        i % audit.canaries === included[Math.floor(i / audit.canaries)] ? INPUT : 0,
      ),
      labels: Int32Array.from(included, () => 1),
    },
  });

/** @param make the trainer; another one in tests that inject a bug */
export function recordTarget(audit: RecordAudit, make: typeof auditedTrainer = auditedTrainer): AuditTarget {
  const { canaries, noiseMultiplier, samplingRate, steps, delta, noise } = audit;
  const spec: TrainingSpec = {
    algorithm: 'fedavg',
    learningRate: 1,
    optimizer: 'sgd',
    dpSgd: {
      clipNorm: 1,
      noiseMultiplier,
      samplingRate,
      lotSize: canaries * samplingRate,
      steps,
      microBatch: 256,
      noise,
    },
  };
  return {
    name: `DP-SGD, z = ${noiseMultiplier}, q = ${samplingRate}, ${steps} steps, noise ${noise}`,
    canaries,
    claimed: { epsilon: claimOf(audit), delta },
    async release(included) {
      const trainer = make(
        audit,
        included.flatMap((is, i) => (is ? [i] : [])),
      );
      try {
        const weights = new Float32Array(CLASSES * canaries + CLASSES);
        const { update } = await trainer.train(weights, { task: 'audit', round: 1, attempt: 1, spec });
        // Label 1: descent lowers the first weight of the row and raises the second.
        return Float64Array.from(included, (_, i) => (update[CLASSES * i + 1] ?? 0) - (update[CLASSES * i] ?? 0));
      } finally {
        await trainer.dispose?.();
      }
    },
  };
}

/** The tight price: the one that a correct implementation could come closest to. */
function claimOf({ noiseMultiplier, samplingRate, steps, delta, noise }: RecordAudit): number {
  const event: PrivacyEvent = {
    task: 'audit',
    round: 1,
    attempt: 1,
    group: 0,
    unit: 'record',
    neighbours: 'add-or-remove',
    observer: 'coordinator',
    arithmetic: noise === 'exact' ? 'exact' : 'real',
    type: 'poissonGaussian',
    samplingRate,
    noiseMultiplier,
    count: steps,
  };
  return price([event], delta, { accountant: 'pld' }).epsilon;
}
