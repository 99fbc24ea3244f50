// The score of FLDetector (Zhang et al. 2022b): how far a client's update is from what its last one predicts. Needs every client's update in
// the clear over rounds (class P), so simulations and profile `open` alone. Not here: predicting (ĝ_i = g_i(t−1) + H·Δw, H by L-BFGS).

type Row = ArrayLike<number>;

/** ‖ĝ_i − g_i‖ divided by the sum over clients; all 0 where every prediction is exact. @param predicted one for each of `actual` */
export function flDetectorRoundScore(predicted: readonly Row[], actual: readonly Row[]): number[] {
  const errors = actual.map((row, i) => {
    let sum = 0;
    for (let c = 0; c < row.length; c++) sum += ((row[c] ?? 0) - (predicted[i]?.[c] ?? 0)) ** 2;
    return Math.sqrt(sum);
  });
  const total = errors.reduce((sum, error) => sum + error, 0);
  return errors.map((error) => (total === 0 ? 0 : error / total));
}

/** Suspicion: the mean of the scores of the last `window` rounds, per client. @param rounds scores by round, oldest first */
export function flDetectorSuspicion(rounds: readonly (readonly number[])[], window = 10): number[] {
  const recent = rounds.slice(-window);
  return (recent[0] ?? []).map((_, i) => recent.reduce((sum, scores) => sum + (scores[i] ?? 0), 0) / recent.length);
}
