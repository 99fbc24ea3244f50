// Adversarial trials for (f, κ)-robustness (Allouah et al. 2023, Definition 2). Not a test.

import { Random } from '../../simulations/random.js';

const KINDS = ['spikes', 'shifted', 'alie', 'rounded'] as const;

/** The adversarial families of the robustness page, §1.5. The f bad rows come first. */
function adversarial(kind: (typeof KINDS)[number], n: number, f: number, random: Random): number[][] {
  const d = 1 + random.integer(3);
  const rows = Array.from({ length: n }, () => Array.from({ length: d }, () => random.normal()));
  const honest = rows.slice(f);
  if (kind === 'spikes') {
    const ones = 1 + random.integer(f + 1);
    return rows.map((row, i) => row.map(() => (i < ones ? 1 : 0)));
  }
  if (kind === 'rounded') return rows.map((row) => row.map(Math.round));
  const size = kind === 'shifted' ? 10 ** (4 * random.uniform() - 1) : 4 * random.uniform();
  const bad = Array.from({ length: d }, (_, j) => {
    const column = honest.map((row) => row[j] ?? 0);
    const centre = column.reduce((sum, value) => sum + value, 0) / column.length;
    const variance = column.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (column.length - 1);
    return centre + size * Math.sqrt(variance);
  });
  return rows.map((row, i) => (i >= f ? row : kind === 'alie' ? bad : row.map((value) => value + size)));
}

/** Largest ‖F − mean_S‖² / mean_S ‖x_i − mean_S‖² over all S of n − f rows; undefined where every S has no spread. */
export function worstKappa(
  result: readonly number[],
  rows: readonly (readonly number[])[],
  f: number,
): number | undefined {
  let worst: number | undefined;
  const subset = (from: number, left: number, chosen: readonly (readonly number[])[]): void => {
    if (left === 0) {
      const centre = result.map((_, j) => chosen.reduce((sum, row) => sum + (row[j] ?? 0), 0) / chosen.length);
      const spread = chosen.reduce((sum, row) => sum + centre.reduce((s, c, j) => s + ((row[j] ?? 0) - c) ** 2, 0), 0);
      const error = centre.reduce((sum, c, j) => sum + ((result[j] ?? 0) - c) ** 2, 0);
      // Without spread the definition asks for error 0; rounding of the centre is not an error.
      const kappa =
        spread > 1e-18 ? error / (spread / chosen.length) : error > 1e-18 ? Number.POSITIVE_INFINITY : undefined;
      if (kappa !== undefined) worst = Math.max(worst ?? 0, kappa);
      return;
    }
    for (let i = from; i <= rows.length - left; i++) subset(i + 1, left - 1, [...chosen, rows[i] ?? []]);
  };
  subset(0, rows.length - f, []);
  return worst;
}

/** The largest κ that `count` trials over all families found; the same trials for every rule. */
export function worstOfTrials(
  aggregate: (rows: readonly (readonly number[])[]) => readonly number[],
  n: number,
  f: number,
  count: number,
): number {
  const random = Random.fromSeed(`kappa ${n} ${f}`);
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const rows = adversarial(KINDS[i % KINDS.length] ?? 'alie', n, f, random);
    worst = Math.max(worst, worstKappa(aggregate(rows), rows, f) ?? 0);
  }
  return worst;
}
