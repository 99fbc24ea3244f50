// `sotto privacy plan` and `sotto privacy ledger` with everything real behind them: numbers against formulas, files, exit codes.
// Not here: the accountants (test/privacy), charts (test/redteam, which shares them).

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fileLedgers } from '../../client/node/file-ledgers.js';
import type { ClientId } from '../../protocol/ids.js';
import { EMPTY_COHORT, reserveRound } from '../../protocol/privacy/cohort-ledger.js';
import { gaussianEpsilon } from '../../protocol/privacy/gaussian.js';
import { createCurves, EMPTY_LEDGER, reserve } from '../../protocol/privacy/ledger.js';
import { price } from '../../protocol/privacy/price.js';
import type { PrivacyRecord } from '../../protocol/privacy/record.js';
import type { Plan } from '../../server/cli/privacy/plan.js';
import { run } from '../../server/cli/run.js';
import { groupSum, sampled } from '../privacy/events.js';
import { fakeIo } from './fake-io.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-privacy-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

async function sotto(line: string) {
  const io = fakeIo();
  const code = await run(line.split(/\s+/), io);
  return { code, out: io.out(), err: io.err() };
}
const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const CLIENTS =
  'privacy plan --placement distributed --rounds 30 --delta 1e-5 --dimension 10000 --clip-norm 2 --group 16 --groups 4 --noiseless 1 --losses 3';
const RECORDS =
  'privacy plan --placement record --rounds 3 --delta 1e-5 --dimension 1000 --clip-norm 1 --clients 8 --sampling-rate 0.1 --steps 4 --lot-size 50';

describe('sotto privacy plan', () => {
  it('prices whole clients at the worst, and says what is left where the secure sum breaks', async () => {
    const { code, out } = await sotto(`${CLIENTS} --noise-multiplier 3 --json`);
    expect(code).toBe(0);
    const plan = lines(out)[0] as Plan;
    expect(plan).toMatchObject({ unit: 'client', observer: 'coordinator', noiseMultiplier: 3 });
    // T Gaussians of z are one of z/√T; integer shares are rounded up, so the realised noise is a little more.
    const exact = gaussianEpsilon(3 / Math.sqrt(30), 1e-5);
    expect(plan.worst.tight).toBeLessThanOrEqual(exact);
    expect(plan.worst.tight / exact).toBeCloseTo(1, 3);
    expect(plan.worst.epsilon).toBeGreaterThan(exact);
    expect(plan.best.epsilon).toBeLessThan(plan.worst.epsilon);
    // 16 − 3 − 1 = 12 counted shares: one alone is worth 3/√12.
    expect(plan.fallBack?.multiplier).toBeCloseTo(3 / Math.sqrt(12), 12);
    expect(plan.fallBack?.tight).toBeCloseTo(gaussianEpsilon(3 / Math.sqrt(12 * 30), 1e-5), 2);
    // √m·zC/n of the mean (robustness.md 0.3), times √(16/12) for the head-room; rounding adds √643350 ÷ 800 − 1 = 0.26 %.
    const noise = ((Math.sqrt(4) * 3 * 2) / 64) * Math.sqrt(16 / 12);
    expect(plan.utility.noisePerCoordinate / noise).toBeCloseTo(1.00261, 4);
    expect(plan.utility.noiseNorm).toBeCloseTo(100 * plan.utility.noisePerCoordinate, 9);
    expect(plan.byLosses.map(({ lost, opened }) => [lost, opened])).toEqual([
      [0, true],
      [1, true],
      [2, true],
      [3, true],
      [4, false],
    ]);
    expect(plan.byLosses.at(-2)?.multiplier).toBeCloseTo(3, 12);
  });

  it('prices Skellam shares by their own bound, proven at whole orders only: up to 2 % more than Gaussian ones', async () => {
    const worst = async (more: string) =>
      (lines((await sotto(`${CLIENTS} --noise-multiplier 3 --json${more}`)).out)[0] as Plan).worst;
    const [gaussian, skellam] = [await worst(''), await worst(' --noise skellam')];
    expect(gaussian.order).toBe(3.5);
    expect(skellam.order).toBe(4);
    expect(skellam.epsilon / gaussian.epsilon).toBeGreaterThan(1);
    expect(skellam.epsilon / gaussian.epsilon).toBeLessThan(1.02);
    expect(skellam.tight).toBe(gaussian.tight);
  });

  it('finds the noise for a budget, stops at its rounds, and ends with 3 where the rounds do not fit', async () => {
    const fits = lines((await sotto(`${CLIENTS} --epsilon 8 --json`)).out)[0] as Plan;
    expect(fits.worst.epsilon).toBeLessThanOrEqual(8);
    expect(fits.worst.epsilon).toBeGreaterThan(7.99);
    expect(fits.roundsWithinBudget).toBe(30);
    const over = await sotto(`${CLIENTS} --epsilon 8 --noise-multiplier 2 --json`);
    expect(over.code).toBe(3);
    const plan = lines(over.out)[0] as Plan;
    expect(plan.roundsWithinBudget).toBeLessThan(30);
    expect(plan.warnings.join()).toContain(`round ${(plan.roundsWithinBudget ?? 0) + 1} will be refused`);
  });

  it('prices records by their steps and secret coins', async () => {
    const { out } = await sotto(`${RECORDS} --noise-multiplier 1.1 --json`);
    const plan = lines(out)[0] as Plan;
    expect(plan.worst.epsilon).toBeCloseTo(price([sampled(0.1, 1.1, 12)], 1e-5, { accountant: 'rdp' }).epsilon, 12);
    expect(plan.worst.tight).toBeCloseTo(price([sampled(0.1, 1.1, 12)], 1e-5, { accountant: 'pld' }).epsilon, 12);
    expect(plan.utility.noisePerCoordinate).toBeCloseTo((Math.sqrt(4) * 1.1) / 50 / Math.sqrt(8), 12);
    expect(plan.ceiling).toBeUndefined();
  });

  it('shows the bound, the equivalent, the plot, the tables and the warnings, and writes a page', async () => {
    const { code, out, err } = await sotto(
      `${CLIENTS} --noise-multiplier 3 --sketch-rows 96 --html ${at('plan.html')}`,
    );
    expect(code).toBe(0);
    for (const text of [
      'RDP, order',
      'not the guarantee',
      '█',
      'not opened',
      'secure sum itself is broken',
      'warning: sketches of k = 96',
    ])
      expect(out).toContain(text);
    expect(err).toContain('plan.html');
    const page = readFileSync(at('plan.html'), 'utf8');
    expect(page).toContain('<svg');
    expect(page).toContain('ε against losses in a group');
  });

  it.each([
    ['no rounds', 'privacy plan --placement distributed --delta 1e-5', 'CONFIG_INVALID', '--rounds'],
    ['neither noise nor budget', CLIENTS, 'CONFIG_INVALID', 'name one of them'],
    ['a δ of 0', `${CLIENTS} --noise-multiplier 3 --delta 0`, 'PRIVACY_DELTA', 'both excluded'],
    ['more colluders than shares', `${CLIENTS} --noise-multiplier 3 --noiseless 12`, 'PRIVACY_SHARES', 'fewer than 2'],
    ['a file without privacy', 'privacy plan examples/quick.yaml', 'CONFIG_INVALID', 'claims no differential privacy'],
  ])('refuses %s, with a way out', async (_what, line, code, text) => {
    const result = await sotto(line);
    expect(result.code).toBe(2);
    expect(result.err).toContain(code);
    expect(result.err).toContain(text);
  });
});

describe('sotto privacy audit', () => {
  // Forty guesses that are all right prove ε = 3 or so: with z = 1 (ε = 4.4) chance refutes nothing. What must be refuted: test/privacy.
  it('audits the real trainer and the real noise of clients, and gives an estimate beside them', async () => {
    const { code, out } = await sotto('privacy audit --canaries 40 --noise-multiplier 1 --json');
    expect(code).toBe(0);
    const [records, clients, canaries] = lines(out);
    for (const audit of [records, clients]) {
      expect(audit).toMatchObject({ type: 'audit', canaries: 40, verdict: 'not refuted', claimed: { delta: 1e-5 } });
      expect(audit.claimed.epsilon).toBeCloseTo(4.377, 1);
      expect(audit.epsilonLowerBound).toBeLessThan(audit.claimed.epsilon);
    }
    expect(clients.name).toContain('distributed discrete Gaussian');
    expect(canaries).toMatchObject({ type: 'canaries', canaries: 40 });
  });
  it('refuses noise that is none, and a unit that there is not', async () => {
    expect(await sotto('privacy audit --noise-multiplier 0')).toMatchObject({ code: 2 });
    expect(await sotto('privacy audit --unit household')).toMatchObject({ code: 2 });
  });
});

describe('sotto privacy ledger', () => {
  const curves = createCurves();
  const budgets = { client: { epsilon: 4, delta: 1e-6 }, record: { epsilon: 9, delta: 1e-5 } };
  const [a, b] = ['aa', 'bb'].map((name) => name.repeat(32) as ClientId) as [ClientId, ClientId];
  const round = reserveRound(EMPTY_COHORT, 'r1', [groupSum(2)], new Map([[0, [a, b]]]), budgets, curves);
  const own = reserve(EMPTY_LEDGER, 'r1', [sampled(0.1, 1, 10)], budgets, curves);
  const privacy: PrivacyRecord = { budgets, cohort: [round.entry], clients: { 'client-02': [own.entry] } };
  const write = (name: string, report: object) => {
    mkdirSync(at(name));
    writeFileSync(join(at(name), 'report.json'), JSON.stringify(report));
  };

  it('reads a run by its name and prices each client in each sense, with budget, order, δ and what is open', async () => {
    write('run-1', { privacy, roster: [{ name: 'client-01', id: a }] });
    const { code, out } = await sotto(`privacy ledger run-1 --out ${folder} --tight`);
    expect(code).toBe(0);
    for (const text of [
      'each client, add-or-remove, against coordinator',
      'of 4 at δ = 0.000001',
      'each record',
      'client-01',
      b,
      'open reservations',
      'not the guarantee',
    ])
      expect(out).toContain(text);
    const json = lines((await sotto(`privacy ledger ${at('run-1')} --json`)).out);
    expect(json.map(({ type }) => type)).toEqual(['reading', 'reading', 'reading', 'headline']);
    const cost = price([groupSum(2)], 1e-6, { accountant: 'rdp' }).epsilon;
    expect(json.filter(({ client }) => client === 'client-01')[0].spent.epsilon).toBe(cost);
  });

  it('ends with 3 where somebody has spent more than the budget', async () => {
    write('run-2', { privacy: { ...privacy, budgets: { client: { epsilon: 0.5, delta: 1e-6 } } } });
    expect((await sotto(`privacy ledger run-2 --out ${folder}`)).code).toBe(3);
  });

  it('reads the file of a client’s own ledger, given a δ', async () => {
    const store = fileLedgers(at('own'));
    await store.append('cc'.repeat(32) as ClientId, 'digits', own.entry);
    const file = join(at('own'), readdirSync(at('own'))[0] ?? '');
    expect((await sotto(`privacy ledger ${file}`)).err).toContain('--delta is needed');
    const { out } = await sotto(`privacy ledger ${file} --delta 1e-5 --json`);
    expect(lines(out)[0]).toMatchObject({
      client: 'this client, task digits at cccccccc',
      open: 1,
      statement: { unit: 'record' },
    });
    writeFileSync(file, readFileSync(file, 'utf8').replace('"count":10', '"count":1'));
    const damaged = await sotto(`privacy ledger ${file} --delta 1e-5`);
    expect(damaged.code).toBe(1);
    expect(damaged.err).toContain('STORE_CORRUPT');
  });

  it('refuses what is no run, no JSON, or claims no privacy', async () => {
    write('run-3', {});
    mkdirSync(at('run-4'));
    writeFileSync(join(at('run-4'), 'report.json'), '{');
    for (const [name, text] of [
      ['run-3', 'claims no differential privacy'],
      ['run-4', 'not JSON'],
      ['run-5', 'there is no run'],
    ] as const) {
      const { code, err } = await sotto(`privacy ledger ${name} --out ${folder}`);
      expect(code).toBe(2);
      expect(err).toContain(text);
    }
  });
});
