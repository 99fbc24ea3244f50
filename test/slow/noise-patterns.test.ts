// The noise in an opened sum for every pattern of losses that a task tolerates: whoever is lost, wherever. Slow because there are 277 rounds
// of eight. Some patterns, and sums below the floor: test/privacy/noise-round.test.ts.

import { describe, expect, it } from 'vitest';
import type { Rank } from '../../protocol/ids.js';
import { deriveTask, type WaitingPhase } from '../../protocol/task.js';
import { privateTask } from '../privacy/tasks.js';
import { dropAt, makeMembers, openedLevels, World } from '../protocol/world.js';

const PHASES: readonly WaitingPhase[] = ['keys', 'shares', 'masked'];
const SIZE = 8;
const patterns: (readonly (readonly [Rank, WaitingPhase])[])[] = [[]];
for (let a = 0; a < SIZE; a++)
  for (const inA of PHASES) {
    patterns.push([[a, inA]]);
    for (let b = a + 1; b < SIZE; b++)
      for (const inB of PHASES)
        patterns.push([
          [a, inA],
          [b, inB],
        ]);
  }

describe('the noise in an opened sum, for every loss of up to two of eight in every phase', () => {
  it.each(['discrete-gaussian', 'skellam'] as const)(
    'is at least what was promised (%s)',
    (noise) => {
      const config = privateTask({ size: SIZE, dimension: 256, losses: 2, noiseless: 1, noise });
      const derived = deriveTask(config);
      if (derived.noise === 'none') throw new Error('no noise');
      const { l2, localVariance } = derived.noise;
      expect(patterns).toHaveLength(1 + 24 + 252);
      /** Σx² and coordinates, by number of losses. */
      const pooled = [0, 1, 2].map(() => ({ square: 0, count: 0 }));
      for (const [at, pattern] of patterns.entries()) {
        const members = makeMembers(config).map((m) => ({ ...m, update: new Float32Array(config.dimension) }));
        const { result, sums } = new World({ config, members, round: at + 1, tamper: dropAt(new Map(pattern)) })
          .start()
          .run();
        expect(result?.groups[0]?.survivors).toHaveLength(SIZE - pattern.length);
        const levels = openedLevels([...sums.values()][0] as Uint16Array<ArrayBuffer>, derived.encoding.ring);
        const square = levels.reduce((sum, x) => sum + x * x, 0);
        // Without the share of the one who may add none. 6 deviations of 256 squares: a false alarm in 10^6 rounds.
        const honest = ((square / 256) * (SIZE - 1 - pattern.length)) / (SIZE - pattern.length);
        expect(honest, JSON.stringify(pattern)).toBeGreaterThan(l2 ** 2 * (1 - 6 * Math.sqrt(2 / 256)));
        const pool = pooled[pattern.length];
        if (pool === undefined) throw new Error('more losses than planned');
        pool.square += square;
        pool.count += 256;
      }
      for (const [lost, { square, count }] of pooled.entries()) {
        const variance = square / count;
        const slack = 5 * Math.sqrt(2 / count);
        expect(Math.abs(variance / ((SIZE - lost) * localVariance) - 1)).toBeLessThan(slack);
        expect((variance * (SIZE - 1 - lost)) / (SIZE - lost)).toBeGreaterThan(l2 ** 2 * (1 - slack));
      }
    },
    600_000,
  );
});
