// The privacy loss of one Poisson-sampled Gaussian on a grid, rounded so that it never tells less than the truth: "connect the dots"
// (Doroshenko, Ghazi, Kamath, Kumar, Manurangsi 2022). Its error falls like h²; rounding every loss up would cost T·h/2.
// Not here: composition and δ (pld-compose.ts).

import { legendreNodes } from './quadrature.js';

/** One release: masses at losses (offset + i)·h under P, and what lies above every loss. They sum to 1. */
export interface LossMass {
  readonly offset: number;
  readonly mass: Float64Array;
  readonly infinite: number;
}
/** `remove`: P has the unit, Q has not. `add`: the other way round. ε is the larger of the two. */
export type Direction = 'remove' | 'add';

/** Standard deviations after which the normal tail is below 1e-18. */
const REACH = 9;
const NODES = legendreNodes(4);
/** Widest panel of the quadrature in units of z: with slopes of up to REACH/z four nodes are good to 1e-11. */
const PANEL = 1 / 16;

/**
 * With P = (1−q)N(0,z²) + qN(1,z²) and Q = N(0,z²) the loss is ln(1 − q + q e^((2x−1)/(2z²))). `add` exchanges P and Q; mirrored
 * (y = −x) its loss rises with y as well, so that one loop serves both.
 */
function pairOf(q: number, z: number, direction: Direction) {
  const s = direction === 'remove' ? 1 : -1;
  const scale = 1 / (z * Math.sqrt(2 * Math.PI));
  const normal = (x: number, mean: number): number => scale * Math.exp(-((x - mean) ** 2) / (2 * z * z));
  const mixed = (x: number): number => (1 - q) * normal(x, 0) + q * normal(x, 1);
  return {
    from: -REACH * z,
    to: direction === 'remove' ? 1 + REACH * z : REACH * z,
    loss: (y: number): number => s * mixtureLoss(q, (2 * s * y - 1) / (2 * z * z)),
    /** Where the loss has this value; −∞ below every loss, +∞ above. */
    at: (loss: number): number => {
      const x = z * z * logOneMore(Math.expm1(s * loss) / q) + 0.5;
      return s * x;
    },
    density: (y: number): number => (direction === 'remove' ? mixed(y) : normal(y, 0)),
  };
}

/** ln(1 − q + q e^t), also where e^t overflows. */
const mixtureLoss = (q: number, t: number): number =>
  t > 500 ? Math.log(q) + t : q === 1 ? t : Math.log1p(q * Math.expm1(t));

/** ln(1 + x), −∞ from −1 down. */
const logOneMore = (x: number): number => (x <= -1 ? -Infinity : Math.log1p(x));

/** Span of the losses, and their variance about 0 under P: what a grid must resolve. */
export function lossScale(q: number, z: number): { readonly span: number; readonly square: number } {
  const { from, to, loss, density } = pairOf(q, z, 'remove');
  let square = 0;
  const panels = Math.ceil((to - from) / (z / 2));
  const half = (to - from) / panels / 2;
  for (let panel = 0; panel < panels; panel++)
    for (let n = 0; n < NODES.x.length; n++) {
      const x = from + (2 * panel + 1) * half + half * (NODES.x[n] as number);
      square += (NODES.weight[n] as number) * half * density(x) * loss(x) ** 2;
    }
  return { span: loss(to) - loss(from), square };
}

/**
 * Each cell [kh, (k+1)h] with mass p under P and r under Q becomes (p − r e^(kh))/(1 − e^−h) at the upper end and the rest of p at the
 * lower: the two-point law with the same p and r. The numerator is ∫ (1 − e^(kh−ℓ)) dP, which does not cancel.
 */
export function discretise(q: number, z: number, direction: Direction, h: number): LossMass {
  const { from, to, loss, at, density } = pairOf(q, z, direction);
  const low = Math.floor(loss(from) / h);
  const high = Math.max(low + 1, Math.ceil(loss(to) / h));
  const mass = new Float64Array(high - low + 1);
  const share = -Math.expm1(-h);
  let begin = from;
  for (let k = low; k < high; k++) {
    const end = k === high - 1 ? to : Math.min(to, Math.max(begin, at((k + 1) * h)));
    let [whole, upper] = [0, 0];
    const panels = Math.ceil((end - begin) / (z * PANEL));
    const half = (end - begin) / panels / 2;
    for (let panel = 0; panel < panels; panel++) {
      const middle = begin + (2 * panel + 1) * half;
      for (let n = 0; n < NODES.x.length; n++) {
        const y = middle + half * (NODES.x[n] as number);
        const p = (NODES.weight[n] as number) * half * density(y);
        whole += p;
        upper += p * Math.min(share, Math.max(0, -Math.expm1(k * h - loss(y))));
      }
    }
    const atUpper = Math.min(whole, upper / share);
    mass[k - low] = (mass[k - low] as number) + whole - atUpper;
    mass[k - low + 1] = (mass[k - low + 1] as number) + atUpper;
    begin = end;
  }
  // What lies outside [from, to] is below 1e-18 on either side and counts as an infinite loss. Round-off of the sum is spread.
  const infinite = 2e-19;
  const sum = mass.reduce((total, value) => total + value, 0);
  for (let i = 0; i < mass.length; i++) mass[i] = ((mass[i] as number) / sum) * (1 - infinite);
  return { offset: low, mass, infinite };
}
