// Plans that once broke a promise of a world, each with what it found. Replayed by test/simulations/worlds.test.ts for ever.
// `npm run sim -- --seed N --shrink` prints an entry for this list.

import type { Plan } from './world/index.js';

export interface Reproduction {
  readonly found: string;
  readonly plan: Plan;
}

export const REPRODUCTIONS: readonly Reproduction[] = [
  {
    found:
      'the campaign was over, and its clients were told so, before the end of the last round was on the disk, which failed then',
    plan: {
      settings: {
        seed: 53,
        clients: 6,
        group: { size: 6, count: 1, colluders: 1 },
        rounds: 2,
        attemptsPerRound: 2,
        minClients: 6,
        overSelection: 1,
        waitMs: 40_000,
        pauseMs: 0,
        windowMs: 20_000,
        latencyMs: [1, 1],
        diskMs: [1, 1],
        engineMs: [1, 1],
        trainMs: [1, 50],
        keptModels: 5,
        clientModels: false,
        privacy: false,
      },
      ops: [
        { at: 205, op: 'cut', client: 2, lose: 'down', deaf: ['client'] },
        { at: 318, op: 'crash', who: 3, touches: 2, downMs: 0, silent: false },
        { at: 432, op: 'cut', client: 4, lose: 'up', deaf: ['client'] },
        { at: 496, op: 'crash', who: 3, touches: 0, downMs: 0, silent: false },
        { at: 549, op: 'disk fails', how: 'full', downMs: 0 },
      ],
    },
  },
];
