// `sotto report`: what a red team found, and what clients measured on slices of their data, stand in the report and the model card; the page
// stands alone. Runs are made up here. Not here: rounds and attackers in it (models.test.ts), the red team's own page (redteam/).

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialWeights, modelManifest } from '../../client/tfjs/index.js';
import { run } from '../../server/cli/run.js';
import { hashOfWeights, MODEL_FORMAT, writeModel } from '../../server/models/index.js';
import { htmlDocument, markdownTable } from '../../server/report/index.js';
import { loadSimulationConfig } from '../../simulations/config.js';
import { judge } from '../../simulations/redteam/gate.js';
import { reportOf } from '../../simulations/redteam/report.js';
import { resultOf, small } from '../redteam/matrix.js';
import { fakeIo } from './fake-io.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-report-'));
const at = (...names: string[]) => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));
const read = (...names: string[]) => readFileSync(at(...names), 'utf8');

async function sotto(...args: string[]) {
  const io = fakeIo();
  return { code: await run(args, io), out: io.out(), err: io.err() };
}

const VERSIONS = { sotto: '0.1.0', protocol: 'sotto/1', node: 'v20' };
const MODEL = { kind: 'softmax', input: 2, classes: 2 } as const;
const { weights } = initialWeights(MODEL, 1);
const modelHash = hashOfWeights(weights);

function writeRun(name: string, task: string): void {
  const config = loadSimulationConfig('examples/quick.yaml');
  const entry = {
    round: 1,
    attempts: 1,
    void: false,
    accuracy: 0.5,
    loss: 1,
    monitor: [],
    cohort: ['client-00'],
    survivors: ['client-00'],
    dropped: [],
    excluded: [],
    spared: [],
    voidedGroups: [],
    seconds: 1,
    bytesUp: 1,
    bytesDown: 1,
    modelHash,
  };
  const report = {
    stamp: 'seeded: no privacy claim',
    task,
    seed: 1,
    profile: 'grouped',
    rule: config.task.rule,
    dimension: 6,
    clients: 1,
    malicious: [],
    rounds: [entry],
    finalAccuracy: 0.5,
    recalls: [0.25, 0.75],
    modelHash,
    outcome: 'finished',
    wallSeconds: 1,
    roster: [{ name: 'client-00', id: 'client-00', examples: 10 }],
    versions: VERSIONS,
    config,
  };
  mkdirSync(at('runs', name), { recursive: true });
  writeFileSync(at('runs', name, 'report.json'), JSON.stringify(report));
}

beforeAll(async () => {
  writeRun('one', 'small');
  writeRun('two', 'another');
  const config = small();
  const attacked = reportOf(
    config,
    config.cells.map((cell) => resultOf(cell, cell.attack === 'clean' ? { finalAccuracy: 0.9 } : {})),
    VERSIONS,
  );
  const judged = judge(attacked, [{ attack: 'sign-flip', defence: 'sketch', metric: 'recall', atLeast: 0.9 }]);
  mkdirSync(at('runs/team'));
  writeFileSync(at('runs/team/report.json'), JSON.stringify(judged));
  for (const name of ['a', 'b']) await sotto('keys', 'new', '--out', at(`${name}.key`));
  const layout = modelManifest(MODEL);
  const manifest = {
    format: MODEL_FORMAT,
    task: 'small',
    round: 1,
    ...layout,
    model: MODEL,
    weights: { hash: modelHash },
    provenance: { from: 'simulation', source: 'here', privacy: [], declarations: [] },
    writtenBy: 'test',
  } as const;
  writeModel(at('model'), { manifest }, weights);
  writeFileSync(at('ward.yaml'), 'description: readings\n');
});

describe('what a red team found', () => {
  it('stands in the report of a run of the task that it attacked, verdicts and all', async () => {
    expect((await sotto('report', 'one', '--runs', at('runs'))).code).toBe(0);
    const markdown = read('runs/one/report.md');
    expect(markdown).toContain('Red team small: 1 attacks against 1 defences');
    expect(markdown).toContain('1 of 1 bars were met');
    expect(markdown).toContain('| sketch | 90.0 % | 80.0 % |');
    expect(markdown).toContain('| sketch | 10.0 |');
    expect(read('runs/one/report.html')).toContain('Final accuracy by defence and attack');
  });
  it('of another task is left out, and that nothing was measured is said', async () => {
    await sotto('report', 'two', '--runs', at('runs'));
    expect(read('runs/two/report.md')).toContain('No red team has attacked this task');
    expect(read('runs/two/report.md')).not.toContain('Red team small');
  });
  it('is taken in by name whatever it attacked, and what is none is refused', async () => {
    await sotto('report', 'two', '--runs', at('runs'), '--redteam', at('runs/team'), '--to', at('named'));
    expect(read('named.md')).toContain('Red team small');
    const none = await sotto('report', 'two', '--runs', at('runs'), '--redteam', at('runs/one'));
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining('holds no report of a red team') });
  });
  it('has its own page made again when it is the source', async () => {
    expect((await sotto('report', 'team', '--runs', at('runs'), '--to', at('again'))).code).toBe(0);
    expect(read('again.html')).toContain('<h1>Red team small</h1>');
  });
});

describe('slices', () => {
  /** 40 examples; the slice of the first 20 has the labels that the model gives, the rest the other ones. */
  const module = (more = '') => `
    const inputs = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i));
    const weights = ${JSON.stringify([...weights])};
    const score = (row, label) => inputs[2 * row] * weights[label] + inputs[2 * row + 1] * weights[2 + label] + weights[4 + label];
    const given = (row) => (score(row, 1) > score(row, 0) ? 1 : 0);
    const labels = Uint8Array.from({ length: 40 }, (_, row) => (row < 20 ? given(row) : 1 - given(row)));
    export const data = { inputs, shape: [2], labels, classes: 2 };
    export const slices = () => ({ first: Array.from({ length: 20 }, (_, i) => i), last: Array.from({ length: 20 }, (_, i) => 20 + i), few: [0, 1, 2] });
    ${more}`;
  const declare = (name: string, ...args: string[]) =>
    sotto(
      'models',
      'declare',
      at('ward.yaml'),
      '--identity',
      at(`${name}.key`),
      '--task',
      'small',
      '--to',
      at(`${name}.json`),
      ...args,
    );

  it('are measured at the client, signed as counts, and added up in the card; too small ones never leave', async () => {
    writeFileSync(at('data.mjs'), module());
    for (const name of ['a', 'b']) {
      const { code, err } = await declare(name, '--evaluate', at('model'), '--data', at('data.mjs'));
      expect(code, err).toBe(0);
      expect(err).toContain('few: fewer than 10 examples, left out');
    }
    const { data } = JSON.parse(read('a.json'));
    const named = (name: string) => data.slices.find((slice: { name: string }) => slice.name === name);
    expect(named('first')).toEqual({ name: 'first', examples: 20, correct: 20 });
    expect(named('last')).toEqual({ name: 'last', examples: 20, correct: 0 });
    expect(named('few')).toBeUndefined();
    expect(data.measured).toBe(modelHash);

    await sotto('report', 'one', '--runs', at('runs'), '--declarations', at('a.json'), at('b.json'));
    const markdown = read('runs/one/report.md');
    expect(markdown).toContain('| first | 2 | 40 | 100.0 % | 100.0 % |');
    expect(markdown).toContain('| last | 2 | 40 | 0.0 % | 0.0 % |');
    expect(markdown).not.toContain('| few |');
    expect(markdown).toContain('| class 0 | 25.0 % |');
  }, 60_000);

  it('I raise a count after the client signed it, or hand in one for another task, and am refused', async () => {
    const forged = JSON.parse(read('a.json'));
    forged.data.slices.find((slice: { name: string }) => slice.name === 'last').correct = 20;
    writeFileSync(at('forged.json'), JSON.stringify(forged));
    const report = (run_: string, file: string) => sotto('report', run_, '--runs', at('runs'), '--declarations', file);
    expect(await report('one', at('forged.json'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('MODEL_UNPROVEN'),
    });
    expect(await report('two', at('a.json'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('MODEL_UNPROVEN'),
    });
    forged.data.slices[0].correct = 10_000;
    writeFileSync(at('forged.json'), JSON.stringify(forged));
    expect(await report('one', at('forged.json'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('MODEL_MALFORMED'),
    });
  });

  it('that another model was measured with are not counted', async () => {
    const other = JSON.parse(read('runs/one/report.json'));
    writeRun('later', 'small');
    writeFileSync(at('runs/later/report.json'), JSON.stringify({ ...other, modelHash: 'ef'.repeat(32) }));
    await sotto('report', 'later', '--runs', at('runs'), '--declarations', at('a.json'));
    expect(read('runs/later/report.md')).toContain('1 declarations measured another model and are not counted');
    expect(read('runs/later/report.md')).not.toContain('| first |');
  });

  it.each<[string, string, RegExp]>([
    ['rows beyond the data', 'slices = { all: [40] }', /row numbers below 40/],
    ['a name of a class', "slices = { 'class 0': [1] }", /none of a class/],
    ['no object', 'slices = 7', /an object of names/],
  ])('%s are refused', async (name, text, says) => {
    const file = at(`${name.replaceAll(' ', '-')}.mjs`);
    writeFileSync(file, module().replace(/slices = [\s\S]*\}\);/, `${text};`));
    rmSync(at('a.json'), { force: true });
    expect((await declare('a', '--evaluate', at('model'), '--data', file)).err).toMatch(says);
  });
  it('need a model and data together', async () => {
    expect(await declare('a', '--data', at('data.mjs'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('together'),
    });
  });
});

describe('the page', () => {
  it('loads nothing and runs nothing, and a name in it can be no markup', async () => {
    const html = read('runs/one/report.html');
    expect(html.replaceAll(/xmlns(:xlink)?="[^"]*"/g, '')).not.toMatch(
      /https?:|<script|<link|<img|url\((?!#)|@import| on[a-z]+=/,
    );
    expect(htmlDocument('t', [{ type: 'text', text: '`<b onclick=x>` & <i>' }])).toContain(
      '<p><code>&lt;b onclick=x&gt;</code> &amp; &lt;i&gt;</p>',
    );
  });
  it('sets columns of words left and columns of numbers right, in Markdown too', () => {
    const table = {
      caption: 'c',
      head: ['a', 'b', 'c'],
      rows: [
        ['x', 'word', '5 %'],
        ['y', 1, null],
      ],
    };
    const html = htmlDocument('t', [{ type: 'table', table }]);
    expect(html).toContain(
      '<th scope="col" class="text">a</th><th scope="col" class="text">b</th><th scope="col">c</th>',
    );
    expect(html).toContain('<td class="text short">word</td><td>5 %</td>');
    expect(markdownTable(table)).toContain('| --- | --- | ---: |');
  });
});
