// Plans that once broke a promise of a world, each with what it found. Replayed by test/simulations/worlds.test.ts for ever.
// `npm run sim -- --seed N --shrink` prints an entry for this list.

import type { Plan, Settings } from './world/index.js';

export interface Reproduction {
  readonly found: string;
  readonly plan: Plan;
}

/** What there was when the first of them were found. */
const PLAIN = {
  task: 'plain',
  faulty: 0,
  losses: 0,
  epsilon: 1_000,
  loud: [],
  refusesRollBack: [],
  uploadBytes: 1 << 20,
} as const satisfies Partial<Settings>;

export const REPRODUCTIONS: readonly Reproduction[] = [
  {
    found:
      'the campaign was over, and its clients were told so, before the end of the last round was on the disk, which failed then',
    plan: {
      settings: {
        ...PLAIN,
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
  {
    found:
      'a client whose time for the handshake was up, and who said so before it had proven who it is, counted as an offender',
    plan: {
      settings: {
        ...PLAIN,
        seed: 1,
        clients: 4,
        group: { size: 4, count: 1, colluders: 0 },
        rounds: 1,
        attemptsPerRound: 1,
        minClients: 4,
        overSelection: 1,
        waitMs: 40_000,
        pauseMs: 0,
        windowMs: 4_000,
        latencyMs: [1, 5],
        diskMs: [0, 1],
        engineMs: [1, 1],
        trainMs: [10, 10],
        keptModels: 1,
        clientModels: false,
        privacy: false,
      },
      ops: [{ at: 8, op: 'partition', clients: [0], forMs: 19_996 }],
    },
  },
  {
    found: 'a client kept the update whose settlement in its privacy ledger it could not write down',
    plan: {
      settings: {
        ...PLAIN,
        seed: 124,
        clients: 8,
        group: { size: 8, count: 1, colluders: 0 },
        rounds: 2,
        attemptsPerRound: 2,
        minClients: 7,
        overSelection: 1,
        waitMs: 40_000,
        pauseMs: 0,
        windowMs: 20_000,
        latencyMs: [1, 1],
        diskMs: [1, 1],
        engineMs: [1, 1],
        trainMs: [50, 1_500],
        keptModels: 1,
        clientModels: false,
        privacy: true,
      },
      ops: [{ at: 283, op: 'guards fail', client: 1 }],
    },
  },
  {
    found:
      'no bug, the check came too soon: the task was over for a client whose thread had still to mask, and held its update',
    plan: {
      settings: {
        ...PLAIN,
        seed: 212,
        clients: 10,
        group: { size: 8, count: 1, colluders: 1 },
        rounds: 2,
        attemptsPerRound: 1,
        minClients: 8,
        overSelection: 1,
        waitMs: 20_000,
        pauseMs: 0,
        windowMs: 4_000,
        latencyMs: [5, 60],
        diskMs: [0, 150],
        engineMs: [1, 1],
        trainMs: [10, 10],
        keptModels: 2,
        clientModels: false,
        privacy: false,
      },
      ops: [{ at: 550, op: 'partition', clients: [0, 1, 6, 7, 9], forMs: 19_105 }],
    },
  },
  {
    found:
      'a client that heard of a new model before it looked for the one of a late announcement took the coordinator for a liar',
    plan: {
      settings: {
        ...PLAIN,
        seed: 796,
        clients: 10,
        group: { size: 5, count: 2, colluders: 1 },
        rounds: 3,
        attemptsPerRound: 2,
        minClients: 10,
        overSelection: 1,
        waitMs: 40_000,
        pauseMs: 0,
        windowMs: 4_000,
        latencyMs: [0, 400],
        diskMs: [1, 1],
        engineMs: [1, 1],
        trainMs: [10, 10],
        keptModels: 1,
        clientModels: false,
        privacy: false,
      },
      ops: [
        { at: 279, op: 'partition', clients: [1], forMs: 18_839 },
        { at: 1_009, op: 'partition', clients: [5], forMs: 7_824 },
      ],
    },
  },
  {
    found:
      'no bug, the check was wrong: an announcement that was refused ended nothing, and the secrets of the run before it were still needed',
    plan: {
      settings: {
        ...PLAIN,
        seed: 923,
        clients: 4,
        group: { size: 4, count: 1, colluders: 1 },
        rounds: 3,
        attemptsPerRound: 1,
        minClients: 4,
        overSelection: 1,
        waitMs: 20_000,
        pauseMs: 0,
        windowMs: 4_000,
        latencyMs: [5, 60],
        diskMs: [1, 1],
        engineMs: [1, 1],
        trainMs: [10, 10],
        keptModels: 2,
        clientModels: false,
        privacy: false,
      },
      ops: [
        { at: 0, op: 'crash', who: 3, touches: 10, downMs: 5_515, silent: false },
        { at: 103, op: 'partition', clients: [2], forMs: 12_655 },
        { at: 276, op: 'crash', who: 'coordinator', touches: 33, downMs: 3_263, silent: false },
        { at: 426, op: 'corrupt', client: 0, way: 'down', byte: 1_000 },
      ],
    },
  },
  {
    found:
      'a client whose sketch took too long heard that it was left out while it was still making it, and took the coordinator for a liar',
    plan: {
      settings: {
        seed: 838,
        clients: 4,
        group: { size: 4, count: 1, colluders: 1 },
        rounds: 3,
        attemptsPerRound: 3,
        minClients: 4,
        overSelection: 1,
        waitMs: 40000,
        pauseMs: 0,
        windowMs: 10000,
        latencyMs: [0, 400],
        diskMs: [1, 20],
        engineMs: [0, 2],
        trainMs: [50, 1500],
        keptModels: 5,
        clientModels: false,
        privacy: false,
        task: 'sketches',
        faulty: 0,
        losses: 0,
        epsilon: 1000,
        loud: [1],
        refusesRollBack: [],
        uploadBytes: 1048576,
      },
      ops: [
        { at: 191, op: 'crash in a write', downMs: 3594, silent: true, what: 'any', writes: 12 },
        { at: 244, op: 'crash', who: 'coordinator', touches: 15, downMs: 633, silent: false },
        { at: 613, op: 'partition', clients: [2], forMs: 24253 },
      ],
    },
  },
];
