// The generator behind a rule that draws: a seed that can be posted to a worker, and uniform numbers from it.
// Not for keys, masks or noise. Not here: where the seed comes from (driver/publisher.ts).

/** 128 bits as four words in [0, 2^32). */
export type RuleSeed = readonly [number, number, number, number];

/** @param random uniform in [0, 1) */
export function drawSeed(random: () => number): RuleSeed {
  const word = (): number => Math.floor(random() * 2 ** 32);
  return [word(), word(), word(), word()];
}

/** sfc32 (Doty-Humphrey, PractRand 0.9x): 128 bits of state, of which the fourth counts, so no seed is a bad one. Uniform in [0, 1). */
export function generatorOf([a, b, c, d]: RuleSeed): () => number {
  const state = Int32Array.of(a, b, c, d | 1);
  const next = (): number => {
    const [x = 0, y = 0, z = 0, count = 0] = state;
    const result = (x + y + count) | 0;
    state[3] = count + 1;
    state[0] = y ^ (y >>> 9);
    state[1] = z + (z << 3);
    state[2] = ((z << 21) | (z >>> 11)) + result;
    return result >>> 0;
  };
  // The first dozen outputs still show the seed.
  for (let i = 0; i < 12; i++) next();
  return () => next() / 2 ** 32;
}
