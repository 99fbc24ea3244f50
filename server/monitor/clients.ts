// Per-client tests on verified sketches of one round, and on what a client did in the rounds before. Pure.
// What they cannot see: poisoned data whose update keeps within the honest norms and directions (an unscaled backdoor). What they
// can get wrong: an honest minority whose data differ from everybody's looks like an outlier in every round; the ledger's findings
// are therefore for a person to read, and never a ban.

import type { ClientId } from '../../protocol/ids.js';
import { binomialUpper } from './distributions.js';
import { cleanZ, medianOf, robustThreshold } from './robust.js';
import type { ClientObservation, Finding, Ledger, ScreeningObservation } from './types.js';

/** Fewer sketches than this say nothing about each other. */
const MIN_SKETCHES = 6;
/** Tests that share the false-alarm rate of one sketch (Bonferroni): norm up, norm down, distance, direction, replay, duplicate. */
const TESTS = 6;
/** Least spread of ln norm and ln distance that is believed, 10 %: clients with equal shards must not be judged on their last digits. */
const LOG_FLOOR = 0.1;
/** Least spread of a Fisher-transformed cosine, besides that of the sketch itself, 1/√k. */
const ANGLE_FLOOR = 0.1;
/** A duplicate is closer to another than this share of the usual nearest distance, whatever the z says. */
const DUPLICATE_SHARE = 0.2;
/** A replay points where the last step pointed. */
const REPLAY_COSINE = 0.9;
/** A silent client's norm is below this share of the median: beyond rounding, there is no such honest update. */
const SILENT_SHARE = 1e-3;

interface Sketched {
  readonly id: ClientId;
  readonly sketch: Float64Array;
}

/** The findings of one round, test by test, each in the order of the sketches. */
export function judgeSketches(
  { sketches, lastStep }: Pick<ScreeningObservation, 'sketches' | 'lastStep'>,
  falseAlarm: number,
): Finding[] {
  const rows = sketches.map(({ id, sketch }): Sketched => ({ id, sketch: Float64Array.from(sketch) }));
  const [first] = rows;
  if (first === undefined || rows.length < MIN_SKETCHES) return [];
  const length = first.sketch.length;
  const threshold = robustThreshold(falseAlarm / TESTS, rows.length);
  // Relative deviation of a sketch's squared norm is √(2/k) (robustness.md §1.4), half of that for ln norm.
  const logFloor = Math.max(LOG_FLOOR, 0.5 * Math.sqrt(2 / length));
  const angleFloor = Math.max(ANGLE_FLOOR, 1 / Math.sqrt(length));
  const norms = rows.map(({ sketch }) => Math.hypot(...sketch));
  const usual = medianOf(norms);
  const silent = norms.map((norm) => norm <= SILENT_SHARE * usual);
  const centre = centreOf(rows);
  const logOf = (value: number, scale: number): number => Math.log(Math.max(value, 1e-12 * scale));
  const findings: Finding[] = [];
  const flag = (at: number, signal: Finding['signal'], value: number, says: string): void => {
    // safe: `at` is an index of rows.
    findings.push({ client: rows[at]!.id, signal, value, threshold, strong: value >= 2 * threshold, says });
  };

  cleanZ(
    norms.map((norm) => logOf(norm, usual)),
    logFloor,
  ).forEach((z, i) => {
    // safe: one norm for each row.
    const times = (norms[i]! / usual).toPrecision(3);
    if (silent[i]) {
      const says = `its update is ${times} times as long as the usual one: it gave nothing`;
      // safe: `i` is an index of rows.
      findings.push({
        client: rows[i]!.id,
        signal: 'silence',
        value: norms[i]! / usual,
        threshold: SILENT_SHARE,
        strong: true,
        says,
      });
    } else if (Math.abs(z) > threshold)
      flag(i, 'norm', Math.abs(z), `its update is ${times} times as long as the usual one`);
  });

  const distances = rows.map(({ sketch }) => distance(sketch, centre));
  const usualDistance = medianOf(distances);
  cleanZ(
    distances.map((d) => logOf(d, usual)),
    logFloor,
  ).forEach((z, i) => {
    // safe: one distance for each row.
    if (z > threshold)
      flag(
        i,
        'distance',
        z,
        `it is ${(distances[i]! / usualDistance).toPrecision(3)} times as far from the centre as usual`,
      );
  });

  const cosines = rows.map(({ sketch }, i) => (silent[i] ? 0 : cosine(sketch, centre)));
  cleanZ(cosines.map(fisher), angleFloor).forEach((z, i) => {
    // safe: one cosine for each row.
    if (-z > threshold && !silent[i])
      flag(
        i,
        'direction',
        -z,
        `its cosine with the centre is ${cosines[i]!.toFixed(2)}, usual is ${medianOf(cosines).toFixed(2)}`,
      );
  });

  if (lastStep !== undefined) {
    const replays = rows.map(({ sketch }, i) => (silent[i] ? 0 : cosine(sketch, Float64Array.from(lastStep))));
    cleanZ(replays.map(fisher), angleFloor).forEach((z, i) => {
      // safe: one cosine for each row.
      if (z > threshold && replays[i]! > REPLAY_COSINE)
        flag(
          i,
          'replay',
          z,
          `its cosine with the last step of the model is ${replays[i]!.toFixed(3)}: it sends that step back`,
        );
    });
  }
  findings.push(...duplicates(rows, silent, threshold, logFloor));
  return findings;
}

/**
 * Sketches that nearly coincide: sybils, or attackers with one formula, or one that copies an honest client. All of the cluster are
 * named, since nothing says who was first; the ledger counts it so little that it never quarantines alone.
 */
function duplicates(
  rows: readonly Sketched[],
  silent: readonly boolean[],
  threshold: number,
  floor: number,
): Finding[] {
  const nearest = rows.map(({ sketch }, i) =>
    rows.reduce(
      (least, other, j) => (i === j || silent[j] ? least : Math.min(least, distance(sketch, other.sketch))),
      Number.POSITIVE_INFINITY,
    ),
  );
  const usual = medianOf(nearest.filter(Number.isFinite));
  if (!(usual > 0)) return [];
  const logs = nearest.map((d) => Math.log(Math.max(Math.min(d, 1e12 * usual), 1e-12 * usual)));
  return cleanZ(logs, floor).flatMap((z, i): Finding[] => {
    // safe: one distance for each row.
    const share = nearest[i]! / usual;
    if (silent[i] || -z <= threshold || share >= DUPLICATE_SHARE) return [];
    const says = `another client's update is nearly the same: ${share.toPrecision(2)} of the usual least distance`;
    return [{ client: rows[i]!.id, signal: 'duplicate', value: -z, threshold, strong: false, says }];
  });
}

/** Rounds of participation that are remembered, and from how many on they say something. */
export const WINDOW = 20;
const MIN_ROUNDS = 8;
/** One client in ten thousand by chance; real networks differ between clients, so it is only ever an observation. */
const PARTICIPATION_ALPHA = 1e-4;

/** A client that leaves far more often than the others: an exact binomial tail against the rate of all others in the same window. */
export function judgeParticipation(
  ledgers: ReadonlyMap<ClientId, Ledger>,
  present: readonly ClientObservation[],
): Finding[] {
  let [left, rounds] = [0, 0];
  for (const ledger of ledgers.values()) {
    left += ledger.left.filter(Boolean).length;
    rounds += ledger.left.length;
  }
  return present.flatMap(({ id, outcome }): Finding[] => {
    const own = ledgers.get(id)?.left ?? [];
    if (outcome.type !== 'dropped' || own.length < MIN_ROUNDS) return [];
    const ownLeft = own.filter(Boolean).length;
    // Laplace: nobody's rate is 0.
    const rate = (left - ownLeft + 1) / (rounds - own.length + 2);
    const p = binomialUpper(own.length, rate, ownLeft);
    if (p >= PARTICIPATION_ALPHA) return [];
    const says = `it left ${ownLeft} of its last ${own.length} rounds; of the others ${(100 * rate).toFixed(0)} % leave a round`;
    return [{ client: id, signal: 'participation', value: p, threshold: PARTICIPATION_ALPHA, strong: false, says }];
  });
}

/** Coordinate-wise median: survives while fewer than half of the sketches are bad. */
function centreOf(rows: readonly Sketched[]): Float64Array {
  // safe: callers have looked that there are rows.
  return rows[0]!.sketch.map((_, c) => medianOf(rows.map(({ sketch }) => sketch[c] ?? 0)));
}

function distance(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += ((x[i] ?? 0) - (y[i] ?? 0)) ** 2;
  return Math.sqrt(sum);
}

/** 0 where one of them is 0: no direction. */
function cosine(x: Float64Array, y: Float64Array): number {
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] ?? 0) * (y[i] ?? 0);
    xx += (x[i] ?? 0) ** 2;
    yy += (y[i] ?? 0) ** 2;
  }
  return xx === 0 || yy === 0 ? 0 : xy / Math.sqrt(xx * yy);
}

/** atanh, nearly Gaussian for cosines of k values with spread 1/√k; bounded for those that are 1 to the last digit. */
const fisher = (value: number): number => Math.atanh(Math.max(-0.999999, Math.min(0.999999, value)));
