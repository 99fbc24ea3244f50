// Coalitions that lie at random in R4: no transcript names an honest member, and a lone liar is always exposed. Many more: test/slow.

import { describe, it } from 'vitest';
import { coalitionsAreHarmless, loneLiarsAreExposed } from './coalitions.js';

describe('whatever a coalition sends', { timeout: 120_000 }, () => {
  it('no transcript names an honest member, and an honest one is left out for a disagreement or the rule alone', () => {
    coalitionsAreHarmless(31, 10);
  });

  it('who lies alone is left out, or proven a liar', () => {
    loneLiarsAreExposed(32, 6);
  });
});
