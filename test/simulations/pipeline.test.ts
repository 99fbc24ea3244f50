// What an attacker that knows the pipeline expects of it, the selection over sketches included. Not here: the pipeline itself.

import { describe, expect, it } from 'vitest';
import { optIpm } from '../../simulations/attacks/optimised.js';
import { type Placed, predictor, type Screening } from '../../simulations/pipeline.js';
import { Random } from '../../simulations/random.js';

const D = 400;
const random = Random.fromSeed('pipeline');
/** Ten honest updates that differ by a little more than what they have in common. */
const honest: readonly Placed[] = Array.from({ length: 10 }, () => ({
  group: 0,
  update: Float32Array.from({ length: D }, () => 0.04 + 0.05 * random.normal()),
}));
const screening: Screening = {
  selection: [
    { name: 'norm', bound: 2, slack: 2 },
    { name: 'distance', faulty: 2, centre: { name: 'median' }, factor: 2 },
  ],
  rows: 60,
  budget: 2,
};
const coins = () => {
  const stream = Random.fromSeed('coins');
  return () => stream.uniform();
};
const predict = (screens?: Screening) => predictor({ name: 'mean' }, D, honest, [0, 0], coins(), screens);
const meanOf = (rows: readonly Placed[]) =>
  Float64Array.from({ length: D }, (_, c) => rows.reduce((sum, { update }) => sum + (update[c] ?? 0), 0) / rows.length);

describe('an attacker that knows the pipeline', () => {
  it('knows that what the selection leaves out moves nothing: the aggregate is the mean of the honest', () => {
    const far = new Float32Array(D).fill(-3);
    const plain = predict()(far);
    const screened = predict(screening)(far);
    const mean = meanOf(honest);
    expect(Math.max(...screened.map((value, c) => Math.abs(value - (mean[c] ?? 0))))).toBeLessThan(1e-6);
    expect(plain[0]).toBeLessThan(-0.4);
  });
  it('knows that what stays inside counts, and that a spent budget lets the rest through', () => {
    const near = Float32Array.from(meanOf(honest));
    const seen = predict(screening)(near);
    expect(seen[0]).toBeCloseTo(predict()(near)[0] ?? 0, 6);
    const far = new Float32Array(D).fill(-3);
    expect(predict({ ...screening, budget: 1 })(far)[0]).toBeLessThan(-0.2);
  });
  it('picks a smaller factor where there is a selection: beyond it the attack is worth nothing', () => {
    const rows = honest.map(({ update }) => update);
    const against = (screens?: Screening) => {
      const aggregate = predict(screens);
      return optIpm(rows, (sent) => aggregate(Float32Array.from(sent)));
    };
    const [open, screened] = [against(), against(screening)];
    expect(open.factor).toBeGreaterThan(2 * screened.factor);
    expect(screened.factor).toBeGreaterThan(0);
    expect(screened.degenerate).toBe(false);
  });
});
