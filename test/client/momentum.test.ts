// Client momentum, by hand: what is sent, what a second attempt does, what passes through. Not here: training itself.

import { describe, expect, it } from 'vitest';
import type { Trainer, TrainingSpec } from '../../client/index.js';
import { withMomentum } from '../../client/momentum.js';

const spec = (clientMomentum?: number): TrainingSpec => ({
  algorithm: 'fedavg',
  epochs: 1,
  batchSize: 1,
  learningRate: 1,
  optimizer: 'sgd',
  ...(clientMomentum !== undefined && { clientMomentum }),
});
/** Gives these updates, one a call. */
function scripted(...updates: readonly (readonly number[])[]): { trainer: Trainer; sent: Float32Array[] } {
  const sent: Float32Array[] = [];
  let call = 0;
  return {
    sent,
    trainer: {
      init: async () => ({ dimension: 2, variables: [] }),
      train: async () => {
        const update = Float32Array.from(updates[call++] ?? []);
        sent.push(update);
        return { update, examples: 1, metrics: {} };
      },
    },
  };
}
const train = async (trainer: Trainer, round: number, beta?: number, task = 'a', attempt = 1): Promise<number[]> => [
  ...(await trainer.train(new Float32Array(2), { task, round, attempt, spec: spec(beta) })).update,
];

describe('client momentum', () => {
  it('sends β·m + (1 − β)·update, the first update as it is, and rounds that were missed count for nothing', async () => {
    const trainer = withMomentum(scripted([4, 8], [0, 0], [8, -8]).trainer);
    expect(await train(trainer, 1, 0.75)).toEqual([4, 8]);
    expect(await train(trainer, 2, 0.75)).toEqual([3, 6]);
    expect(await train(trainer, 9, 0.75)).toEqual([4.25, 2.5]);
  });
  it('a second attempt of a round replaces the first instead of counting twice', async () => {
    const trainer = withMomentum(scripted([4, 8], [100, 100], [0, 0], [0, 0]).trainer);
    await train(trainer, 1, 0.5);
    await train(trainer, 2, 0.5);
    expect(await train(trainer, 2, 0.5, 'a', 2)).toEqual([2, 4]);
    expect(await train(trainer, 3, 0.5)).toEqual([1, 2]);
  });
  it('without β updates pass through, and another task starts anew', async () => {
    const { trainer, sent } = scripted([4, 8], [2, 2], [6, 6]);
    const wrapped = withMomentum(trainer);
    await train(wrapped, 1, 0.5);
    expect(await train(wrapped, 2)).toEqual([2, 2]);
    expect(await train(wrapped, 3, 0.5, 'b')).toEqual([6, 6]);
    expect(sent).toHaveLength(3);
  });
  it('what it hands out may be transferred: its own memory stays whole', async () => {
    const trainer = withMomentum(scripted([4, 8], [0, 0]).trainer);
    const { update } = await trainer.train(new Float32Array(2), { task: 'a', round: 1, attempt: 1, spec: spec(0.5) });
    update.fill(99);
    expect(await train(trainer, 2, 0.5)).toEqual([2, 4]);
  });
});
