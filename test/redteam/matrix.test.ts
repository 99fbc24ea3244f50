// A small matrix of real simulations: it goes on where it was cut off, and what it measures is what happened.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type RedTeamEvent, runRedTeam } from '../../simulations/redteam/matrix.js';
import { small } from './matrix.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-redteam-'));
afterAll(() => rmSync(folder, { recursive: true }));
const config = small();
const MINUTE = 60_000;

describe('a matrix', () => {
  const play = async (stopAfter = Number.POSITIVE_INFINITY) => {
    const events: RedTeamEvent[] = [];
    const stop = new AbortController();
    const report = await runRedTeam(config, {
      folder,
      hooks: { signal: stop.signal },
      onEvent: (event) => {
        events.push(event);
        if (event.type === 'cell' && event.at === stopAfter) stop.abort();
      },
    });
    return { report, ran: events.flatMap((event) => (event.type === 'running' ? [event.cell.attack] : [])) };
  };

  it(
    'that is cut off keeps what is done and runs only the rest; a broken file counts as none',
    async () => {
      const first = await play(1);
      expect(first.ran).toEqual(['clean']);
      expect(first.report).toMatchObject({ complete: false, cells: [{ attack: 'clean', accuracyDrop: null }] });
      const files = readdirSync(join(folder, 'cells'));
      expect(files).toEqual(['sketch.clean.3.json']);
      const second = await play();
      expect(second.ran).toEqual(['sign-flip']);
      expect(second.report.complete).toBe(true);
      const [clean, attacked] = second.report.cells;
      expect(clean).toEqual(first.report.cells[0]);
      // What happened: the attacker is left out by the norm of its sketch in both rounds, nobody else is, the model learns.
      expect(attacked).toMatchObject({
        detection: { precision: 1, recall: 1, falsePositiveRate: 0 },
        roundsToDetect: { median: 1, p90: 1, missed: 0 },
        named: [{ code: 'SKETCH_NORM', malicious: 2, honest: 0 }],
        falseExclusions: 0,
        falseQuarantines: 0,
        falseBans: 0,
        voidRounds: 0,
        attackSuccessRate: null,
        outcome: 'finished',
      });
      expect(attacked?.accuracyDrop).toBeLessThan(0.05);
      expect(clean).toMatchObject({ named: [], roundsToDetect: null, detection: { precision: 1 } });
      // Two rounds of nine clients with 3204 coordinates of three bytes, one way.
      expect(attacked?.bytes).toBeGreaterThan(2 * 9 * 3204 * 3);
      writeFileSync(join(folder, 'cells', 'sketch.clean.3.json'), '{"fingerprint":');
      expect(readFileSync(join(folder, 'cells', 'sketch.sign-flip.3.json'), 'utf8')).toContain('sotto.redteam.cell/1');
    },
    2 * MINUTE,
  );

  it(
    'whose settings have changed runs again, and how many processes there are is no change',
    async () => {
      const seen: string[] = [];
      const run = (of: typeof config) =>
        runRedTeam(of, {
          folder,
          run: async ({ campaign, fleet }) => {
            seen.push(`${campaign.rounds} rounds, ${fleet.processes} processes`);
            throw new Error('enough');
          },
        });
      const processes = small((text) => text.replace('processes: 1', 'processes: 2'));
      const rounds = small((text) => text.replace('rounds: 2', 'rounds: 4'));
      await expect(run({ ...processes, cells: processes.cells.slice(1) })).resolves.toBeDefined();
      await expect(run({ ...rounds, cells: rounds.cells.slice(1) })).rejects.toThrow('enough');
      await expect(run({ ...config, cells: config.cells.slice(0, 1) })).rejects.toThrow('enough');
      expect(seen).toEqual(['4 rounds, 1 processes', '2 rounds, 1 processes']);
    },
    MINUTE,
  );
});
