// Coalitions that lie at random in R4, by the hundred. A few every day: test/sketch/coalition.test.ts.

import { describe, it } from 'vitest';
import { coalitionsAreHarmless, loneLiarsAreExposed } from '../sketch/coalitions.js';

describe('whatever a coalition sends', { timeout: 1_800_000 }, () => {
  it('no transcript names an honest member, and an honest one is left out for a disagreement or the rule alone', () => {
    coalitionsAreHarmless(31, 300);
  });

  it('who lies alone is left out, or proven a liar', () => {
    loneLiarsAreExposed(32, 200);
  });
});
