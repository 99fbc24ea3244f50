// A trainer without a library: logistic regression by gradient descent over rows that this process holds. Twenty lines show all that
// the client asks of a trainer. Not here: real models (sotto/client/tfjs brings TensorFlow.js).

/** @param rows `{ x: number[], y: 0 | 1 }`, never empty */
export function linearTrainer(rows) {
  const width = rows[0].x.length;
  return {
    init: async () => ({
      dimension: width + 1,
      variables: [
        { name: 'weights', shape: [width], offset: 0 },
        { name: 'bias', shape: [1], offset: width },
      ],
    }),
    async train(weights, { spec, signal }) {
      const w = weights.slice();
      for (let epoch = 0; epoch < spec.epochs; epoch++) {
        if (signal?.aborted) throw new Error('the round is over');
        for (const { x, y } of rows) {
          const error = y - 1 / (1 + Math.exp(-x.reduce((sum, value, i) => sum + value * w[i], w[width])));
          for (const [i, value] of x.entries()) w[i] += spec.learningRate * error * value;
          w[width] += spec.learningRate * error;
        }
      }
      return { update: w.map((value, i) => value - weights[i]), examples: rows.length, metrics: {} };
    },
  };
}
