// Tight prices: losses of many releases composed by Fourier transform, pessimistic at every step (privacy.md 4.4). Window from a
// Chernoff bound, so that nothing wraps round unnoticed. Not here: the loss of one release (pld.ts), what events are (price.ts).

import { SottoError } from '../errors.js';
import { MAX_PLD_CELLS, MIN_PLD_DELTA } from '../limits.js';
import { fft, inverseFft } from './fft.js';
import { composedMultiplier } from './gaussian.js';
import { type Direction, discretise, type LossMass, lossScale } from './pld.js';

export interface SampledGaussian {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly count: number;
}
interface Part {
  readonly loss: LossMass;
  readonly count: number;
}

/** Widest cell: ε itself is solved inside a cell, but a table of ε to three digits should not depend on that. */
const MAX_GRID = 1e-2;
/**
 * Connecting the dots adds at most h²/4 to the variance of each release, in truth about h²/6; cells are as wide as lets this be so
 * much of the whole variance. ε is off by about half of that: 1e-4 (test/privacy/accountant-vectors.test.ts holds a thousandth).
 */
const EXTRA_VARIANCE = 2e-4;
const TAIL = 1e-15;
/** Evaluations of the moment generating function for one end of the window; the bound holds wherever the search stops. */
const SEARCH_STEPS = 24;

/**
 * The tight ε of Poisson-sampled Gaussians: never below the true value, a thousandth above it at most.
 * @param delta at least 1e-10: round-off of the transform shows below 1e-11
 * @throws PRIVACY_PLD_RANGE below that, PRIVACY_NO_CONVERGENCE where δ cannot be reached
 */
export function pldEpsilon(
  events: readonly SampledGaussian[],
  delta: number,
): { readonly epsilon: number; readonly grid: number } {
  if (delta < MIN_PLD_DELTA)
    throw new SottoError(
      'PRIVACY_PLD_RANGE',
      `delta ${delta} is below ${MIN_PLD_DELTA}, where round-off of the transform would show; use the accountant \`rdp\``,
      { delta },
    );
  const parts = merged(events);
  if (parts.length === 0) return { epsilon: 0, grid: MAX_GRID };
  const [remove, add] = [direction(parts, 'remove', delta), direction(parts, 'add', delta)];
  return remove.epsilon >= add.epsilon ? remove : add;
}

/** Unsampled ones become the one Gaussian that they are exactly; the same release twice is counted twice. */
function merged(events: readonly SampledGaussian[]): SampledGaussian[] {
  const plain: number[] = [];
  const sampled = new Map<string, SampledGaussian>();
  for (const event of events) {
    const { samplingRate, noiseMultiplier, count } = event;
    if (count === 0 || samplingRate === 0) continue;
    if (samplingRate === 1) plain.push(noiseMultiplier / Math.sqrt(count));
    else {
      const key = `${samplingRate} ${noiseMultiplier}`;
      sampled.set(key, { ...event, count: count + (sampled.get(key)?.count ?? 0) });
    }
  }
  const rest = [...sampled.values()];
  return plain.length === 0
    ? rest
    : [{ samplingRate: 1, noiseMultiplier: composedMultiplier(plain), count: 1 }, ...rest];
}

function gridFor(events: readonly SampledGaussian[]): number {
  let [square, releases, span] = [0, 0, 0];
  for (const { samplingRate, noiseMultiplier, count } of events) {
    const scale = lossScale(samplingRate, noiseMultiplier);
    square += count * scale.square;
    releases += count;
    span = Math.max(span, scale.span);
  }
  const fine = Math.sqrt((6 * EXTRA_VARIANCE * square) / releases);
  return Math.max(Math.min(MAX_GRID, fine), span / MAX_PLD_CELLS);
}

function direction(events: readonly SampledGaussian[], which: Direction, delta: number) {
  let grid = gridFor(events);
  for (;;) {
    const parts = events.map(({ samplingRate, noiseMultiplier, count }) => ({
      loss: discretise(samplingRate, noiseMultiplier, which, grid),
      count,
    }));
    const window = windowOf(parts, grid);
    const cells = window.to - window.from;
    if (cells <= MAX_PLD_CELLS) return { epsilon: solve(compose(parts, window), window, grid, delta, parts), grid };
    grid *= (1.1 * cells) / MAX_PLD_CELLS;
  }
}

interface Window {
  /** In cells, both ends included. */
  readonly from: number;
  readonly to: number;
}

/** Outside lie at most TAIL on either side: P[S ≥ u] ≤ exp(Σ T K(s) − s·u). */
function windowOf(parts: readonly Part[], h: number): Window {
  const bound = (s: number, side: 1 | -1): number => {
    let total = -Math.log(TAIL);
    for (const { loss, count } of parts) total += count * logMoment(loss, s, side, h);
    return total / s;
  };
  const to = Math.ceil(least((s) => bound(s, 1)) / h) + 1;
  const from = Math.floor(-least((s) => bound(s, -1)) / h) - 1;
  return { from, to };
}

/** ln E e^(side·s·ℓ) over the finite losses, from the largest term on, so that nothing overflows. */
function logMoment({ offset, mass }: LossMass, s: number, side: 1 | -1, h: number): number {
  const fall = Math.exp(-s * h);
  // Where s is large only the outermost mass counts, so that must not be an empty cell.
  let i = side > 0 ? mass.length - 1 : 0;
  while (mass[i] === 0) i -= side;
  const largest = side * (offset + i) * h;
  let [factor, sum] = [1, 0];
  for (; i >= 0 && i < mass.length && factor > 0; i -= side) {
    sum += (mass[i] as number) * factor;
    factor *= fall;
  }
  return s * largest + Math.log(sum);
}

/** Golden-section search over ln s; the function falls, then rises. */
function least(f: (s: number) => number): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(1e-3), Math.log(1e5)];
  let best = Infinity;
  const at = (x: number): number => {
    const value = f(Math.exp(x));
    best = Math.min(best, value);
    return value;
  };
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [leftValue, rightValue] = [at(left), at(right)];
  for (let i = 0; i < SEARCH_STEPS; i++) {
    if (leftValue < rightValue) {
      [high, right, rightValue] = [right, left, leftValue];
      left = high - golden * (high - low);
      leftValue = at(left);
    } else {
      [low, left, leftValue] = [left, right, rightValue];
      right = low + golden * (high - low);
      rightValue = at(right);
    }
  }
  return best;
}

/** Masses of the sum over the window, by cells. */
function compose(parts: readonly Part[], { from, to }: Window): Float64Array {
  let n = 2;
  while (n < to - from + 1) n *= 2;
  const logSize = new Float64Array(n);
  const angle = new Float64Array(n);
  let shift = 0;
  for (const { loss, count } of parts) {
    const re = new Float64Array(n);
    const im = new Float64Array(n);
    loss.mass.forEach((mass, i) => {
      re[i % n] = (re[i % n] as number) + mass;
    });
    fft(re, im);
    for (let i = 0; i < n; i++) {
      logSize[i] = (logSize[i] as number) + count * Math.log(Math.hypot(re[i] as number, im[i] as number));
      angle[i] = (angle[i] as number) + count * Math.atan2(im[i] as number, re[i] as number);
    }
    // T·offset as an integer: a float sum of T offsets would drift by cells.
    shift += loss.offset * count;
  }
  const re = new Float64Array(n);
  const im = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const size = Math.exp(logSize[i] as number);
    re[i] = size * Math.cos(angle[i] as number);
    im[i] = size * Math.sin(angle[i] as number);
  }
  inverseFft(re, im);
  const mass = new Float64Array(to - from + 1);
  for (let i = 0; i < mass.length; i++) {
    const place = (((from + i - shift) % n) + n) % n;
    mass[i] = Math.max(0, re[place] as number);
  }
  return mass;
}

/** ε with δ(ε) = m∞ + Σ_{ℓ > ε} mass(ℓ)(1 − e^(ε−ℓ)) = δ, from the largest loss down. */
function solve(mass: Float64Array, { from }: Window, h: number, delta: number, parts: readonly Part[]): number {
  const infinite = -Math.expm1(parts.reduce((sum, { loss, count }) => sum + count * Math.log1p(-loss.infinite), 0));
  const fall = Math.exp(-h);
  let above = infinite + TAIL;
  /** Σ_{ℓ > ε} mass(ℓ) e^(ε−ℓ) at ε = the current cell. */
  let discounted = 0;
  for (let i = mass.length - 1; i >= 0; i--) {
    if (above - discounted > delta) return Math.max(0, (from + i) * h + Math.log((above - delta) / discounted));
    above += mass[i] as number;
    discounted = (discounted + (mass[i] as number)) * fall;
  }
  // Below every loss of the window nothing is added any more.
  return Math.max(0, (from - 1) * h + Math.log((above - delta) / discounted));
}
