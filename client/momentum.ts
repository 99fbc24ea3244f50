// Client momentum: what a client sends is the running mean of its own updates. Centred clipping wants it: averaged over rounds, honest clients differ
// by what their data differ by and no longer by the luck of a batch, so who pulls another way all the time stands out. A value around any
// trainer. Not here: the momentum of the local optimiser, which starts afresh each round (tfjs/optimizer.ts); clipping, which comes after.

import type { Trainer } from './trainer.js';

interface Held {
  readonly task: string;
  readonly round: number;
  /** m of the round before; what an attempt that was lost starts from again. */
  readonly before: Float32Array | undefined;
  readonly after: Float32Array;
}

/**
 * m ← β·m + (1 − β)·update, and m is sent; the first m is the update itself (Karimireddy et al. 2021, Algorithm 2, line 5). β is
 * `clientMomentum` of the signed settings; without it the trainer is passed through. A second attempt of a round replaces the first; rounds that
 * were missed count for nothing. Two vectors of the model's size are held. A client that starts anew starts with an empty m.
 */
export function withMomentum<T extends Trainer>(inner: T): T {
  let held: Held | undefined;
  return {
    ...inner,
    async train(weights, round) {
      const result = await inner.train(weights, round);
      const beta = round.spec.clientMomentum;
      if (beta === undefined) return result;
      const last = held?.task === round.task && held.after.length === result.update.length ? held : undefined;
      const before = last?.round === round.round ? last.before : last?.after;
      const update =
        before === undefined
          ? result.update
          : result.update.map((value, i) => beta * (before[i] ?? 0) + (1 - beta) * value);
      held = { task: round.task, round: round.round, before, after: update.slice() };
      return { ...result, update };
    },
  };
}
