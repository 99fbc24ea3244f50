// Local model poisoning after Fang et al. 2020: against order statistics (median, trimmed mean) and against Krum.
// Trap 6 of robustness.md: a widely copied version tests one branch twice and sends 0 in half of the coordinates; the tests here
// put every coordinate into its interval.

import type { Random } from '../random.js';
import type { AttackOf } from './attack.js';
import { requireCount, requirePositive } from './require.js';
import { deviation, mean, type Row, scale, squaredDistance } from './vectors.js';

export type Interval = readonly [low: number, high: number];

/**
 * Where each malicious coordinate goes (Fang, Cao, Jia, Gong 2020, §4.3, full knowledge), beyond the honest ones on the side that
 * undoes the benign change s_j = sign(μ_j): s_j < 0: [max_j, b·max_j] if max_j > 0 else [max_j, max_j/b];
 * s_j > 0: [min_j/b, min_j] if min_j > 0 else [b·min_j, min_j]. A coordinate with μ_j = 0 counts as positive.
 * @param b > 1; 2 there
 */
export function fangIntervals(honest: readonly Row[], b = 2): readonly Interval[] {
  return Array.from(mean(honest), (centre, j): Interval => {
    const column = honest.map((row) => row[j] ?? 0);
    if (centre < 0) {
      const most = column.reduce((a, c) => Math.max(a, c));
      return most > 0 ? [most, b * most] : [most, most / b];
    }
    const least = column.reduce((a, c) => Math.min(a, c));
    return least > 0 ? [least / b, least] : [b * least, least];
  });
}

/** From the attackers' own clean updates (ibid., partial knowledge): [μ + 3sd, μ + 4sd] for s_j < 0, [μ − 4sd, μ − 3sd] else. */
export function fangPartialIntervals(own: readonly Row[]): readonly Interval[] {
  const centre = mean(own);
  const spread = deviation(own, centre);
  return Array.from(centre, (value, j): Interval => {
    const sd = spread[j] ?? 0;
    return value < 0 ? [value + 3 * sd, value + 4 * sd] : [value - 4 * sd, value - 3 * sd];
  });
}

/** Uniform in each interval, rounded to float32 without leaving it by more than that rounding. */
export function drawWithin(intervals: readonly Interval[], random: Random): Float32Array {
  return Float32Array.from(intervals, ([low, high]) => low + random.uniform() * (high - low));
}

/** @param b > 1 */
export function fangTrim(b = 2): AttackOf<'omniscient'> {
  requireFactor(b);
  return {
    name: 'Fang trim',
    knows: 'omniscient',
    clips: true,
    corrupt: (_, { honest, random }) => drawWithin(fangIntervals(honest, b), random),
  };
}

export function fangTrimPartial(): AttackOf<'own'> {
  return {
    name: 'Fang trim (partial knowledge)',
    knows: 'own',
    clips: true,
    conspires: true,
    corrupt: (_, { colluders, random }) => drawWithin(fangPartialIntervals(colluders), random),
  };
}

/** Which of the rows a selection rule picks: the attacker's knowledge of it. */
export type Selects = (rows: readonly Row[]) => number;

/** Krum over n − faulty − 2 others (Blanchard et al. 2017), at least 1; ties to the lower index. For attackers; slow. */
export function krumSelects(faulty: number): Selects {
  return (rows) => {
    const neighbours = Math.max(1, rows.length - faulty - 2);
    const scores = rows.map((row, i) =>
      rows
        .flatMap((other, j) => (i === j ? [] : [squaredDistance(row, other)]))
        .sort((a, b) => a - b)
        .slice(0, neighbours)
        .reduce((sum, d) => sum + d, 0),
    );
    return scores.indexOf(Math.min(...scores));
  };
}

export interface FangKrum {
  /** 0 where no factor down to 1e-5 is selected: then the vector is worth nothing, and the run must say so. */
  readonly lambda: number;
  readonly vector: Float64Array;
}

/**
 * −λ·sign(μ) (as an update: w_base is the global model), λ halved from `start` until the rule selects it among the honest and
 * `attackers` copies (Fang et al. 2020, §4.2; stops below 1e-5).
 */
export function fangKrum(honest: readonly Row[], attackers: number, selects: Selects, start = 1): FangKrum {
  const direction = mean(honest).map((value) => -Math.sign(value));
  for (let lambda = start; lambda >= 1e-5; lambda /= 2) {
    const vector = direction.map((value) => lambda * value);
    const copies = Array.from({ length: attackers }, () => vector);
    if (selects([...copies, ...honest]) < attackers) return { lambda, vector };
  }
  return { lambda: 0, vector: new Float64Array(direction.length) };
}

export interface FangKrumSettings {
  /** f of the Krum it is made for. */
  readonly faulty: number;
  /** The others copy the vector within this distance per coordinate, so that they are no exact clones; absent: 1e-4 of λ. */
  readonly jitter?: number;
}

export function fangKrumAttack({ faulty, jitter = 1e-4 }: FangKrumSettings): AttackOf<'omniscient'> {
  requireCount('faulty', faulty);
  const selects = krumSelects(faulty);
  return {
    name: `Fang Krum (f = ${faulty})`,
    knows: 'omniscient',
    clips: true,
    corrupt: (_, { honest, attackers, rank, random }) => {
      const { lambda, vector } = fangKrum(honest, attackers, selects);
      if (rank === 0) return scale(vector, 1);
      return Float32Array.from(vector, (value) => value + jitter * lambda * (2 * random.uniform() - 1));
    },
  };
}

function requireFactor(b: number): void {
  requirePositive('b', b);
  if (b <= 1) throw new RangeError(`b is ${b}; it must be above 1, or the interval is empty`);
}
