// `sotto init`: what it writes is a project that runs. The simulation here trains for real in real processes, as a user's first does.
// Not here: ten clients, an attack and a coordinator with its clients (slow/init-project.test.ts), CSV itself (client/csv.test.ts).

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../../client/dataset.js';
import type { Ask } from '../../server/cli/init/ask.js';
import { type InitOptions, init } from '../../server/cli/init/command.js';
import { projectFiles } from '../../server/cli/init/project.js';
import { run } from '../../server/cli/run.js';
import { loadCoordinatorSettings, parseCoordinatorSettings } from '../../server/config/index.js';
import { hashToken } from '../../server/index.js';
import { loadSimulationConfig, parseSimulationConfig } from '../../simulations/config.js';
import { dimensionOf } from '../../simulations/model-source.js';
import { fakeIo } from './fake-io.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-init-'));
const at = (...names: string[]) => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));
const read = (...names: string[]) => readFileSync(at(...names), 'utf8');

async function sotto(...args: string[]) {
  const io = fakeIo();
  const code = await run(args, io);
  return { code, out: io.out(), err: io.err(), json: () => JSON.parse(io.out()) };
}
/** What `npm install` makes of `file:<clone>`. */
function link(project: string): void {
  mkdirSync(at(project, 'node_modules'));
  symlinkSync(resolve('.'), at(project, 'node_modules/sotto'), 'dir');
}
const dataOf = async (project: string): Promise<Dataset> =>
  (await import(pathToFileURL(at(project, 'data.mjs')).href)).data();

describe('sotto init --yes', () => {
  it('makes keys that the owner alone can read, settings that the commands accept, and says what comes next', async () => {
    const { code, out, err } = await sotto('init', at('plain'), '--yes');
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toMatch(/npm install\n {2}npm run simulate\n {2}npm run attack\n$/);
    for (const secret of ['coordinator.key', 'admin.token']) {
      if (process.platform !== 'win32') expect(statSync(at('plain', secret)).mode & 0o777).toBe(0o600);
      expect(read('plain', '.gitignore')).toMatch(secret.endsWith('.key') ? /^\*\.key$/m : /^\*\.token$/m);
    }
    const settings = loadCoordinatorSettings(at('plain/coordinator.yaml'), dimensionOf);
    expect(settings).toMatchObject({
      task: { task: 'plain', profile: 'sketch', trust: 'standard', group: { size: 10 } },
    });
    expect(settings.admins).toEqual([
      { name: 'init', role: 'operator', sha256: hashToken(read('plain', 'admin.token').trim()) },
    ]);
    const id = (await sotto('keys', 'show', at('plain/coordinator.key'))).out.trim();
    expect(read('plain', 'README.md')).toContain(id);
    expect(read('plain', 'clients.mjs')).toContain(id);
    const [calm, attacked] = ['simulation', 'attack'].map((name) => loadSimulationConfig(at(`plain/${name}.yaml`)));
    expect(calm?.task).toEqual({ ...settings.task, task: 'plain' });
    expect(calm?.fleet.malicious).toEqual([]);
    expect(attacked?.fleet.malicious).toHaveLength(1);
  });

  it('the secret of neither key nor token is in any other file or in what is said', async () => {
    const { out } = await sotto('init', at('secret'), '--yes', '--json');
    const secrets = [
      read('secret', 'admin.token').trim(),
      /"secret":\s*"([0-9a-f]{64})"/.exec(read('secret', 'coordinator.key'))?.[1] ?? 'none',
    ];
    for (const name of readdirSync(at('secret'))) {
      if (/\.(key|token)$/.test(name)) continue;
      for (const secret of secrets) expect(read('secret', name).includes(secret), name).toBe(false);
    }
    for (const secret of secrets) expect(out.includes(secret)).toBe(false);
    expect(JSON.parse(out)).toMatchObject({ type: 'project', task: 'secret', clients: 10, leftOut: [] });
  });

  it('overwrites nothing, and leaves nothing where it refuses', async () => {
    mkdirSync(at('taken'));
    writeFileSync(at('taken/data.mjs'), 'mine');
    const { code, err } = await sotto('init', at('taken'), '--yes');
    expect(code).toBe(1);
    expect(err).toContain('nothing is overwritten');
    expect(readdirSync(at('taken'))).toEqual(['data.mjs']);
    expect(read('taken', 'data.mjs')).toBe('mine');
  });

  it('any number of clients that it takes, and any width, gives settings that are accepted', () => {
    for (let clients = 3; clients <= 128; clients += clients < 12 ? 1 : 4) {
      const width = 1 + ((clients * 37) % 60);
      const data = {
        kind: 'arrays' as const,
        columns: Array.from({ length: width }, (_, i) => `x${i}`),
        classes: Array.from({ length: 2 + (clients % 9) }, (_, i) => `${i}`),
      };
      const project = {
        task: 't',
        clients,
        port: 1,
        data,
        sotto: '*',
        peers: {},
        tokenHash: 'ab'.repeat(32),
        coordinator: '',
      };
      const files = projectFiles(project);
      const settings = () => parseCoordinatorSettings(files['coordinator.yaml'] ?? '', 'c.yaml', dimensionOf);
      expect(settings, `${clients} clients`).not.toThrow();
      expect(settings().task.profile).toBe(clients < 8 ? 'cohort' : 'sketch');
      for (const name of ['simulation.yaml', ...(clients < 8 ? [] : ['attack.yaml'])])
        expect(() => parseSimulationConfig(files[name] ?? '', name), `${clients} clients`).not.toThrow();
    }
  });

  it('runs to the end: simulate, then its report, in the linked project of three clients', async () => {
    await sotto('init', at('run'), '--yes', '--clients', '3', '--name', 'three');
    link('run');
    expect(loadSimulationConfig(at('run/simulation.yaml')).task).toMatchObject({ profile: 'cohort', trust: 'trusted' });
    const command = [
      at('run/node_modules/sotto/dist/server/cli/main.js'),
      'simulate',
      'simulation.yaml',
      '--rounds',
      '2',
      '--json',
    ];
    const lines = execFileSync(process.execPath, command, { cwd: at('run'), encoding: 'utf8' })
      .trim()
      .split('\n');
    const report = JSON.parse(lines.at(-1) ?? '');
    expect(report).toMatchObject({ type: 'report', outcome: 'finished', task: 'three', clients: 3 });
    expect(report.rounds.map(({ survivors }: { survivors: string[] }) => survivors.length)).toEqual([3, 3]);
    // Three classes: chance is a third.
    expect(report.finalAccuracy).toBeGreaterThan(0.7);
    expect((await sotto('report', 'latest', '--runs', at('run/runs'))).code).toBe(0);
    expect(read('run/runs/latest', 'report.md')).toContain('data.mjs');
  }, 120_000);
});

describe('data of your own', () => {
  const CSV = 'age;ward;smoker name;outcome\n61;A;1;ill\n34;B;0;well\n47;A;0;well\n70;C;1;ill\n';

  it('a CSV file by its path: numbers are scaled, words are left out by name, classes are found', async () => {
    writeFileSync(at('my wards.csv'), CSV);
    const { out, err, code } = await sotto(
      'init',
      at('csv'),
      '--yes',
      '--csv',
      at('my wards.csv'),
      '--label',
      'outcome',
      '--json',
    );
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(out).leftOut).toEqual(['ward']);
    link('csv');
    expect(loadSimulationConfig(at('csv/simulation.yaml')).model).toMatchObject({ input: 2, classes: 2 });
    const data = await dataOf('csv');
    expect([...data.labels]).toEqual([0, 1, 1, 0]);
    expect(data.classes).toBe(2);
    // (61 − 53) / 13.9, from the mean 53 and the deviation 13.95 in three digits.
    expect(data.inputs[0]).toBeCloseTo(8 / 13.9, 1);
    expect(data.inputs[1]).toBeCloseTo(1, 5);
    expect(existsSync(at('csv/data.csv'))).toBe(false);
  });

  it('arrays: the same rows in every run, of the width and classes that the settings name', async () => {
    await sotto('init', at('arrays'), '--yes', '--arrays');
    const data = await dataOf('arrays');
    const { model } = loadSimulationConfig(at('arrays/simulation.yaml'));
    expect(data).toMatchObject({ shape: [8], classes: 3 });
    expect(model).toMatchObject({ input: 8, classes: 3 });
    expect(data.inputs).toHaveLength(8 * 900);
    expect((await dataOf('arrays')).inputs).toEqual(data.inputs);
  });

  it.each<[string, string[], number, RegExp]>([
    ['no such file', ['--csv', 'nowhere.csv'], 1, /cannot read nowhere.csv/],
    [
      'a label that is no column',
      ['--csv', at('my wards.csv'), '--label', 'x'],
      1,
      /no column "x"; there are age, ward/,
    ],
    ['a label with one value in each row', ['--csv', at('one.csv'), '--label', 'a'], 1, /1 different values/],
    ['no column of numbers', ['--csv', at('words.csv'), '--label', 'b'], 1, /nothing to learn from/],
    ['a label without a file', ['--label', 'x'], 2, /of --csv/],
    ['a file and arrays', ['--arrays', '--csv', at('my wards.csv')], 2, /exclude each other/],
    ['two clients', ['--clients', '2'], 2, /from 3 to/],
    ['a port beyond all', ['--port', '70000'], 2, /1 to 65535/],
    ['a name with a space', ['--name', 'My Task'], 2, /a-z, 0-9 and dash/],
  ])('%s is refused, and nothing is written', async (_, args, code, says) => {
    writeFileSync(at('my wards.csv'), CSV);
    writeFileSync(at('one.csv'), 'a,b\n1,2\n1,3\n');
    writeFileSync(at('words.csv'), 'a,b\nx,1\ny,2\n');
    const failed = await sotto('init', at('refused'), '--yes', ...args);
    expect(failed.err).toMatch(says);
    expect(failed.code).toBe(code);
    expect(existsSync(at('refused'))).toBe(false);
  });

  it('a data module that does not fit its model, or gives no data, is refused before a client starts', async () => {
    await sotto('init', at('broken'), '--yes', '--arrays', '--clients', '3');
    const simulate = () => sotto('simulate', at('broken/simulation.yaml'), '--out', at('runs'));
    const module = read('broken', 'data.mjs');
    // Each under a name of its own: a module is loaded once.
    const variant = (name: string, text: string) => {
      writeFileSync(at('broken', name), text);
      writeFileSync(
        at('broken/simulation.yaml'),
        read('broken', 'simulation.yaml').replace(/file: \S+\.mjs/, `file: ${name}`),
      );
    };
    variant('wide.mjs', module.replace('WIDTH = 8', 'WIDTH = 9'));
    expect(await simulate()).toMatchObject({
      code: 2,
      err: expect.stringMatching(/model\.input holds 8 numbers, but an example of .*wide\.mjs has 9/),
    });
    variant('empty.mjs', 'export const nothing = 1;');
    expect(await simulate()).toMatchObject({
      code: 1,
      err: expect.stringContaining('is no dataset; export const data'),
    });
    variant('label.mjs', module.replace('y })),\n    classes', '').replace('({ y }) => y)', '() => 7)'));
    expect(await simulate()).toMatchObject({
      code: 1,
      err: expect.stringContaining('label 7 of row 0 is not below 3'),
    });
    variant('throws.mjs', 'throw new Error("no database");');
    expect(await simulate()).toMatchObject({ code: 1, err: expect.stringContaining('no database') });
    variant('gone.mjs', '');
    rmSync(at('broken/gone.mjs'));
    expect((await simulate()).err).toContain('DATA_MISSING');
  });
});

describe('sotto init on a terminal', () => {
  const OPTIONS: InitOptions = { yes: false, arrays: false, json: false };
  /** Answers in order; what is asked is remembered. */
  function person(answers: readonly (string | undefined)[]): { ask: () => Promise<Ask>; questions: string[] } {
    const questions: string[] = [];
    const next = (question: string) => {
      questions.push(question);
      return answers[questions.length - 1];
    };
    const ask: Ask = {
      begin: () => {},
      end: () => {},
      text: async (question, initial, wrong) => {
        const said = next(question);
        const answer = said === '' ? initial : said;
        if (answer !== undefined) expect(wrong(answer)).toBeUndefined();
        return answer;
      },
      choose: async (question, choices) => {
        const answer = next(question);
        if (answer !== undefined) expect(choices.map(({ value }) => value)).toContain(answer);
        return answer;
      },
    };
    return { ask: async () => ask, questions };
  }

  it('asks folder, name, data, column and clients, and makes what was answered', async () => {
    writeFileSync(at('wards.csv'), 'age,outcome\n61,ill\n34,well\n');
    const { ask, questions } = person([at('guided'), '', 'csv', at('wards.csv'), 'outcome', '5']);
    expect(await init(undefined, OPTIONS, fakeIo({ tty: true }), ask)).toBe(0);
    expect(questions).toHaveLength(6);
    const { task } = loadCoordinatorSettings(at('guided/coordinator.yaml'), dimensionOf);
    expect(task).toMatchObject({ task: 'guided', group: { size: 5 } });
  });
  it('what an option says is not asked', async () => {
    const { ask, questions } = person([]);
    const options = { ...OPTIONS, name: 'a', arrays: true, clients: 8 };
    expect(await init(at('told'), options, fakeIo({ tty: true }), ask)).toBe(0);
    expect(questions).toEqual([]);
  });
  it.each([0, 1, 2, 3])('Ctrl+C at question %d ends with 130 and writes nothing', async (n) => {
    const { ask } = person([at('left'), 'left', 'sample', '10'].slice(0, n));
    expect(await init(undefined, OPTIONS, fakeIo({ tty: true }), ask)).toBe(130);
    expect(existsSync(at('left'))).toBe(false);
  });
  it('where there is no terminal it does not wait for answers', async () => {
    const { code, err } = await sotto('init', at('piped'));
    expect(code).toBe(2);
    expect(err).toContain('give --yes');
  });
});
