// `sotto models` with everything real behind it: the model of a coordinator that served real clients, files in every format, signatures.
// Not here: the formats against bytes by others (test/tfjs/model-files.test.ts).

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryGuards } from '../../client/node/index.js';
import { initialWeights, modelManifest } from '../../client/tfjs/index.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { loadIdentityFile } from '../../server/cli/identity-file.js';
import { run } from '../../server/cli/run.js';
import { writeRun } from '../../server/cli/runs.js';
import { readModel } from '../../server/models/index.js';
import { loadSimulationConfig } from '../../simulations/config.js';
import type { SimulationReport } from '../../simulations/report.js';
import { taskOf } from '../protocol/tasks.js';
import { live, reached } from '../store/life.js';
import { fakeIo } from './fake-io.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-models-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

async function sotto(...args: string[]) {
  const io = fakeIo();
  const code = await run(args, io);
  return { code, out: io.out(), err: io.err(), json: () => JSON.parse(io.out().trim().split('\n').at(-1) ?? '') };
}
const MODEL = at('model.yaml');
let coordinator = '';
let other = '';
let task = '';

beforeAll(async () => {
  for (const name of ['coordinator', 'client']) await sotto('keys', 'new', '--out', at(`${name}.key`));
  const identity = await loadIdentityFile(at('coordinator.key'));
  coordinator = identity.id;
  other = (await loadIdentityFile(at('client.key'))).id;
  const members = [1, 2, 3].map(() => ({
    identity: generateIdentity(nativePrimitives, nativeRng),
    guards: memoryGuards(),
  }));
  const config = taskOf({ size: 3, dimension: 10, optimizer: { name: 'fedavg', learningRate: 1 } });
  task = config.task;
  await live({ directory: at('data'), identity, config, rounds: 2 }, members);
  // A softmax of 4 inputs and 2 classes has 10 weights.
  writeFileSync(MODEL, 'model: {kind: softmax, input: 4, classes: 2}\n');
  expect((await sotto('export', at('data'), at('audit'), '--identity', at('coordinator.key'))).code).toBe(0);
});

describe('the model of a coordinator', () => {
  it('comes out of the log with its rounds, signed, and the log confirms it', async () => {
    const args = ['--identity', at('coordinator.key'), '--model', MODEL, '--json'];
    const { code, json, err } = await sotto('models', 'export', at('audit'), '--to', at('m'), ...args);
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(json()).toMatchObject({
      type: 'model',
      round: 2,
      dimension: 10,
      signedBy: coordinator,
      from: 'coordinator',
    });
    const { weights, signed } = readModel(at('m'));
    for (const weight of weights) expect(weight).toBeCloseTo(reached(2), 3);
    expect(signed.manifest.provenance).toMatchObject({
      contributors: 3,
      rounds: { committed: 2, void: 0 },
      privacy: [],
    });
    const verified = await sotto('models', 'verify', at('m'), '--coordinator', coordinator, '--audit', at('audit'));
    expect(verified.out).toContain('the model is what its manifest says');
    expect(verified.code).toBe(0);
    expect((await sotto('models', 'verify', at('m'), '--coordinator', other)).code).toBe(1);
  });

  it('an older one is found by its round, and one that there is not is refused with those there are', async () => {
    expect(
      (
        await sotto(
          'models',
          'export',
          at('data'),
          '--to',
          at('m0'),
          '--round',
          '0',
          '--identity',
          at('coordinator.key'),
        )
      ).code,
    ).toBe(0);
    expect([...readModel(at('m0')).weights]).toEqual(new Array(10).fill(0));
    const { code, err } = await sotto('models', 'export', at('audit'), '--to', at('m9'), '--round', '9');
    expect(code).toBe(2);
    expect(err).toContain('there are those of 0, 1, 2');
  });

  it.each(['safetensors', 'npz'])('goes to %s, is verified there, and comes back the same', async (format) => {
    const file = at(`m.${format}`);
    const signed = ['--identity', at('coordinator.key'), '--model', MODEL];
    expect((await sotto('models', 'export', at('audit'), '--to', file, '--format', format, ...signed)).code).toBe(0);
    expect((await sotto('models', 'verify', file, '--audit', at('audit'))).code).toBe(0);
    expect((await sotto('models', 'import', file, '--to', at(`back-${format}`), '--model', MODEL)).code).toBe(0);
    expect(readModel(at(`back-${format}`)).weights).toEqual(readModel(at('m')).weights);
    const bytes = readFileSync(file);
    bytes[bytes.length - (format === 'npz' ? 400 : 1)]! ^= 1;
    writeFileSync(file, bytes);
    const broken = await sotto('models', 'verify', file);
    expect(broken.code).toBe(1);
  });

  it('I sign the model of another coordinator with my key and am refused', async () => {
    const { code, err } = await sotto(
      'models',
      'export',
      at('audit'),
      '--to',
      at('stolen'),
      '--identity',
      at('client.key'),
    );
    expect(code).toBe(1);
    expect(err).toContain('MODEL_UNPROVEN');
  });

  const spend =
    '{"statement":{"unit":"client","neighbours":"add-remove","observer":"coordinator"},"epsilon":0.1,"delta":1e-6}';
  it.each<[string, RegExp, string, RegExp]>([
    ['the round', /"round": 2/, '"round": 1', /signature is not over this manifest/],
    ['ε', /"privacy": \[\]/, `"privacy": [${spend}]`, /signature is not over this manifest/],
    [
      'the weights',
      /"hash": "[0-9a-f]{64}"(?=\s*\},\s*"provenance")/,
      `"hash": "${'00'.repeat(32)}"`,
      /MODEL_UNPROVEN/,
    ],
    ['the layout', /"offset": 8/, '"offset": 7', /MODEL_MALFORMED/],
  ])('I change %s in a signed manifest and am found out', async (_, pattern, replacement, message) => {
    const path = join(at('m'), 'manifest.json');
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(pattern);
    writeFileSync(path, text.replace(pattern, replacement));
    const { code, out, err } = await sotto('models', 'verify', at('m'));
    writeFileSync(path, text);
    expect(code).toBe(1);
    expect(out + err).toMatch(message);
  });
});

describe('the report of a coordinator', () => {
  it('tells what its log proves in a page that loads nothing, and in Markdown', async () => {
    writeFileSync(at('card.yaml'), 'intended: "Wards <b>alone</b>"\n');
    const { code, err } = await sotto('report', at('audit'), '--to', at('page'), '--card', at('card.yaml'));
    expect(err).toBe('');
    expect(code).toBe(0);
    const [html, markdown] = [readFileSync(at('page.html'), 'utf8'), readFileSync(at('page.md'), 'utf8')];
    for (const said of ['holds together', '2 of 2', '3 of 3', coordinator, 'The log claims no differential privacy'])
      for (const page of [html, markdown]) expect(page).toContain(said);
    expect(html).toContain('Wards &lt;b&gt;alone&lt;/b&gt;');
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });

  it('of a log that was changed says so first, and ends with 1', async () => {
    cpSync(at('audit'), at('changed'), { recursive: true });
    const log = readFileSync(join(at('changed'), 'log.jsonl'), 'utf8');
    writeFileSync(join(at('changed'), 'log.jsonl'), log.replace('"attempt":1', '"attempt":2'));
    const { code } = await sotto('report', at('changed'), '--to', at('bad'));
    expect(code).toBe(1);
    expect(readFileSync(at('bad.md'), 'utf8')).toContain('THE AUDIT LOG DOES NOT HOLD TOGETHER');
  });
});

describe('what clients declare about their data', () => {
  it('is signed by the client, stands in the manifest, and cannot be changed or moved to another task', async () => {
    writeFileSync(at('data.yaml'), 'description: Scans of one ward.\nrecords: 1200\nlicence: in house\n');
    const args = ['--identity', at('client.key'), '--to', at('d.json')];
    const declared = await sotto('models', 'declare', at('data.yaml'), '--task', task, ...args);
    expect(declared.err).toBe('');
    const to = ['--declarations', at('d.json'), '--identity', at('coordinator.key')];
    expect((await sotto('models', 'export', at('audit'), '--to', at('md'), ...to)).code).toBe(0);
    expect((await sotto('models', 'verify', at('md'))).out).toContain(`${other.slice(0, 8)}: Scans of one ward.`);
    const changed = JSON.parse(readFileSync(at('d.json'), 'utf8'));
    writeFileSync(at('d.json'), JSON.stringify({ ...changed, data: { ...changed.data, records: 9 } }));
    const refused = await sotto('models', 'export', at('audit'), '--to', at('mx'), ...to);
    expect(refused.err).toContain('is not signed by its client');
    writeFileSync(at('data.yaml'), 'description: x\nrecord: 1\n');
    const typo = await sotto('models', 'declare', at('data.yaml'), '--task', 't', '--identity', at('client.key'));
    expect(typo.code).toBe(2);
    expect(typo.err).toMatch(/record is unknown/);
  });
});

describe('a run and an imported model', () => {
  it('a run keeps its model; exported it is what settings start from', async () => {
    const config = loadSimulationConfig('examples/quick.yaml');
    const { weights } = initialWeights({ kind: 'softmax', input: 16, classes: 4 }, 9);
    const round = { round: 1, void: false, survivors: ['client-00', 'client-01'], loss: 0.5 };
    const report = {
      task: 'quick',
      seed: 1,
      stamp: 'seeded: no privacy claim',
      rounds: [round],
      finalAccuracy: 0.75,
      config,
      versions: { sotto: '0' },
    };
    writeRun(at('runs'), report as unknown as SimulationReport, [], new Date(0), weights);
    const { code, out } = await sotto('models', 'export', 'latest', '--to', at('q'), '--runs', at('runs'));
    expect(code).toBe(0);
    expect(out).toContain('nobody has signed it');
    expect((await sotto('models', 'import', at('q'), '--to', at('q2'))).code).toBe(0);
    expect(readModel(at('q2')).weights).toEqual(weights);
    const text = readFileSync('examples/quick.yaml', 'utf8').replace(
      /model:\n {2}kind: softmax\n {2}input: 16\n {2}classes: 4/,
      'model: {kind: imported, folder: q2}',
    );
    writeFileSync(at('quick.yaml'), text);
    const imported = loadSimulationConfig(at('quick.yaml'));
    expect(imported.start).toBe(at('q2'));
    expect(imported.model.kind).toBe('layers');
    expect(modelManifest(imported.model).dimension).toBe(68);
    expect(() => loadSimulationConfig(at('quick.yaml').replace('quick', 'none'))).toThrow(/CONFIG_UNREADABLE/);
  });

  it('a source that is nothing of the kind is refused with what it could be', async () => {
    const { code, err } = await sotto('models', 'export', 'nowhere', '--to', at('n'));
    expect(code).toBe(2);
    expect(err).toContain('no run, no exported audit log, no data directory and no model');
    writeFileSync(at('w.txt'), '');
    expect((await sotto('models', 'import', at('w.txt'), '--to', at('n'), '--model', MODEL)).err).toContain(
      'of no known kind',
    );
    expect((await sotto('models', 'import', at('m.npz'), '--to', at('n'))).err).toContain(
      'say which model with --model',
    );
  });
});

describe('the report of a run', () => {
  it('shows every round, who attacked, what was left out with its reason, and recall by class', async () => {
    const config = loadSimulationConfig('examples/quick.yaml');
    const entry = {
      round: 1,
      attempts: 1,
      void: false,
      accuracy: 0.5,
      loss: 1.25,
      monitor: [
        { type: 'group', round: 1, group: 3, signal: 'trim', value: 8, threshold: 3, says: 'group 3: cut off' },
      ],
      cohort: ['client-00', 'client-01'],
      survivors: ['client-00'],
      dropped: [],
      excluded: [{ client: 'client-01', phase: 'masked', code: 'ROUND_BAD_VECTOR' }],
      spared: [],
      voidedGroups: [],
      seconds: 1,
      bytesUp: 1_000,
      bytesDown: 2_000,
      modelHash: 'ab'.repeat(32),
    };
    const run = {
      stamp: 'seeded: no privacy claim',
      task: 'quick',
      seed: 1,
      profile: 'grouped',
      rule: config.task.rule,
      dimension: 68,
      clients: 2,
      malicious: [{ client: 'client-01', attack: { kind: 'sign-flip', boost: 5 } }],
      rounds: [entry],
      finalAccuracy: 0.5,
      recalls: [0.25, null, 1, 0.75],
      modelHash: entry.modelHash,
      outcome: 'finished',
      wallSeconds: 2,
      roster: ['client-00', 'client-01'].map((name) => ({ name, id: name, group: 0, examples: 10 })),
      versions: { sotto: '0', protocol: 'sotto/1', node: '20' },
      config,
    };
    mkdirSync(at('told'));
    writeFileSync(join(at('told'), 'report.json'), JSON.stringify(run));
    const { code, err } = await sotto('report', at('told'));
    expect(err).toBe('');
    expect(code).toBe(0);
    const markdown = readFileSync(join(at('told'), 'report.md'), 'utf8');
    for (const said of [
      '| 1 | 50.0 % | 1.2500 | 1 | 2 | 0 | 1 |',
      '| client-01 | sign-flip |',
      '| client-01 | masked | ROUND\\_BAD\\_VECTOR: the vector has the wrong length',
      'group 3: cut off',
      '| class 0 | 25.0 % |',
      '| class 1 | – |',
      'hostile updates kept out of the sum: **1 of 1**',
      'claims no differential privacy',
    ])
      expect(markdown).toContain(said);
    const html = readFileSync(join(at('told'), 'report.html'), 'utf8');
    expect(html.match(/<svg/g)).toHaveLength(6);
    writeFileSync(join(at('told'), 'report.json'), '{}');
    expect((await sotto('report', at('told'))).err).toContain('is no report of a simulation');
  });
});
