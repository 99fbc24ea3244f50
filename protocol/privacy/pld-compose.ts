// Tight prices: losses of many releases composed by Fourier transform, pessimistic at every step (privacy.md 4.4). Window from a
// Chernoff bound, so that nothing wraps round unnoticed. Not here: the loss of one release (pld.ts), what events are (price.ts).

import { SottoError } from '../errors.js';
import { MAX_PLD_CELLS, MIN_PLD_DELTA } from '../limits.js';
import { fft, inverseFft } from './fft.js';
import { composedMultiplier } from './gaussian.js';
import { cellsOf, type Direction, discretise, type LossMass } from './pld.js';

export interface SampledGaussian {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly count: number;
}
interface Part {
  readonly loss: LossMass;
  readonly count: number;
}

/** Width of a cell where the window allows it. */
const GRID = 1e-4;
/** Fewer cells than this in the window, and the grid is too coarse for losses that small. */
const MIN_CELLS = 2 ** 15;
const TAIL = 1e-15;
/** Evaluations of the moment generating function for one end of the window; the bound holds wherever the search stops. */
const SEARCH_STEPS = 24;

/**
 * The tight ε of Poisson-sampled Gaussians, never below the true value, at most about 1e-4 above it.
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
  if (parts.length === 0) return { epsilon: 0, grid: GRID };
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

function direction(events: readonly SampledGaussian[], which: Direction, delta: number) {
  let grid = GRID;
  for (const { samplingRate: q, noiseMultiplier: z } of events)
    grid = Math.max(grid, (GRID * cellsOf(q, z, GRID)) / MAX_PLD_CELLS);
  for (;;) {
    const parts = events.map(({ samplingRate, noiseMultiplier, count }) => ({
      loss: discretise(samplingRate, noiseMultiplier, which, grid),
      count,
    }));
    const window = windowOf(parts, grid);
    const cells = window.to - window.from;
    // Coarser where the window does not fit, finer where the losses are small beside a cell; either way at most a few times.
    if (cells > MAX_PLD_CELLS) grid *= (1.1 * cells) / MAX_PLD_CELLS;
    else if (cells < MIN_CELLS / 2) grid *= cells / MIN_CELLS;
    else return { epsilon: solve(compose(parts, window), window, grid, delta, parts), grid };
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
  const [n, fall] = [mass.length, Math.exp(-s * h)];
  let [factor, sum] = [1, 0];
  for (let i = 0; i < n && factor > 0; i++) {
    sum += (mass[side > 0 ? n - 1 - i : i] as number) * factor;
    factor *= fall;
  }
  const largest = side > 0 ? offset + n - 1 : -offset;
  return s * largest * h + Math.log(sum);
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
