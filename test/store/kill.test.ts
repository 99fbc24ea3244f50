// The short form of bar 2: a real coordinator is killed at random points of real rounds, and nothing that it acknowledged is lost.
// Long form: npm run bar -- kill. Times are told there; a busy machine must not fail a test.
import { expect, it } from 'vitest';
import { killBar } from '../bars/kill/run.js';

it('kill -9 of the coordinator, three times in real rounds: nothing acknowledged is lost, no fork, nobody counted twice', async () => {
  const result = await killBar({ kills: 3, clients: 10, cohort: 6, seed: 7, say: () => {} });
  expect(result.says).toEqual([]);
  expect(result).toMatchObject({
    ok: true,
    restarts: 3,
    acknowledgedLost: 0,
    forks: 0,
    countedTwice: 0,
    wentBack: 0,
    wrongRoundAfterRestart: 0,
    damaged: 0,
    guards: 0,
    clientsLost: 0,
  });
  expect(result.committed).toBeGreaterThan(0);
}, 120_000);
