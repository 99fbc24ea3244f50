// The examples of a Node service and an edge device as processes of their own against a real coordinator, under every Node that is
// there. Not here: the browser (test/browser).
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { type Coordinator, defineTask, inProcessEngine, startCoordinator } from '../../server/index.js';

/** Other versions, one path each, separated by colons: NODES=/opt/node22/bin/node:/opt/node24/bin/node. */
const OTHERS = (process.env.NODES ?? '').split(':').filter((path) => path !== '' && existsSync(path));
if (OTHERS.length === 0)
  console.warn('SKIPPED: the examples run under this Node alone; set NODES to paths of others (22, 24).');

const root = mkdtempSync(join(tmpdir(), 'sotto-examples-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

const open = (rounds: number): Promise<Coordinator> =>
  startCoordinator({
    task: defineTask({
      task: 'demo',
      profile: 'cohort',
      trust: 'trusted',
      dimension: 3,
      group: { size: 4 },
      encoding: { clipNorm: 10 },
      optimizer: { name: 'fedavg', learningRate: 1 },
      training: { algorithm: 'fedavg', epochs: 2, batchSize: 8, learningRate: 0.1, optimizer: 'sgd' },
    }),
    initialWeights: new Float32Array(3),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    random: () => 0.5,
    engine: inProcessEngine(),
    campaign: { rounds, attemptsPerRound: 3, clients: { min: 4, waitMs: 60_000 }, overSelection: 1, pauseMs: 0 },
  });

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
  says(text: RegExp): Promise<string>;
}
function run(
  node: string,
  example: string,
  coordinator: Coordinator,
  name: string,
  env: Record<string, string> = {},
): Running {
  const directory = join(root, `${name}-${children.length}`);
  mkdirSync(directory);
  const script = example.includes('/') ? example : resolve('examples', example, 'index.mjs');
  const child = spawn(node, [script], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      SOTTO_URL: coordinator.url,
      SOTTO_COORDINATOR: coordinator.id,
      SOTTO_TASK: 'demo',
      SOTTO_DIR: directory,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  const waiting: (() => void)[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      for (const look of [...waiting]) look();
    });
  const says = (text: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = text.exec(output);
        if (found !== null) resolve(found[1] ?? found[0]);
      };
      waiting.push(look);
      child.once('exit', () => reject(new Error(`it ended without saying ${text}: ${output}`)));
      look();
    });
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return { child, output: () => output, ended, says };
}

describe.each([process.execPath, ...OTHERS])('under %s', (node) => {
  it('two services and two devices finish a task; the service serves meanwhile', async () => {
    const coordinator = await open(3);
    const services = [1, 2].map(() => run(node, 'node-service', coordinator, 'service'));
    const port = await services[0]?.says(/listening on (\d+)/);
    expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()).toMatchObject({ rounds: 0 });
    // This machine may be busy and on battery: load and supplies are those of an idle one.
    const devices = [1, 2].map(() => run(node, 'edge', coordinator, 'device', { NODE_OPTIONS: `--import=${quiet()}` }));
    const { rounds } = await coordinator.done;
    expect(rounds.map(({ outcome, survivors }) => [outcome.type, survivors.length])).toEqual([
      ['committed', 4],
      ['committed', 4],
      ['committed', 4],
    ]);
    for (const { ended } of [...services, ...devices]) expect(await ended).toBe(0);
    expect(services[0]?.output()).toContain('finished after 3 rounds');
    const memory = /(\d+) MiB resident/.exec(devices[0]?.output() ?? '')?.[1];
    console.log(`an edge device used ${memory} MiB, Node included`);
    await coordinator.stop('the test is over');
  }, 60_000);

  it('a service that is told to stop leaves and ends with 0', async () => {
    const coordinator = await open(1);
    const service = run(node, 'node-service', coordinator, 'service');
    await new Promise<void>((resolve) => {
      coordinator.on('client', ({ type }) => type === 'checkedIn' && resolve());
    });
    service.child.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    await coordinator.stop('the test is over');
  }, 60_000);
});

/** Loaded before the device: the load average of a machine that does nothing. */
function quiet(): string {
  const path = join(root, 'quiet.mjs');
  writeFileSync(
    path,
    "import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module'; os.loadavg = () => [0, 0, 0]; syncBuiltinESMExports();\n",
  );
  return pathToFileURL(path).href;
}

describe('docs/embedding.md', () => {
  it('its lines for a Node service take part and end with the task', async () => {
    const page = readFileSync('docs/embedding.md', 'utf8');
    const lines = /^```js node\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
    const coordinator = await open(1);
    // Inside the package, so that it finds itself by name; run in a directory of its own, where it keeps its files.
    const path = resolve('dist/test/quick-start.mjs');
    const given = `
      const { SOTTO_URL: url, SOTTO_COORDINATOR: coordinator, SOTTO_TASK: task } = process.env;
      const policy = { profiles: ['cohort'], minGroup: 4, minThreshold: 3, minColluders: 0, maxClipNorm: 10, maxRounds: 9, privacy: 'any', catchUp: 'chain' };
      const trainer = { init: async ({ dimension }) => ({ dimension, variables: [] }),
        train: async (weights) => ({ update: weights.map(() => 1), examples: 1, metrics: {} }) };`;
    writeFileSync(
      path,
      `${lines}\nconsole.log(how, contributed);\n`.replace('const identity', `${given}\nconst identity`),
    );
    const ended = [1, 2, 3, 4].map((n) => {
      const child = run(process.execPath, path, coordinator, `quick-${n}`);
      return child.ended.then((code) => [code, child.output().trim()]);
    });
    await coordinator.done;
    expect(await Promise.all(ended)).toEqual(Array.from({ length: 4 }, () => [0, 'finished 1']));
    await coordinator.stop('the test is over');
  }, 60_000);
});

describe('the rules of a device', async () => {
  const rules = (await import(pathToFileURL('examples/edge/rules.mjs').href)) as {
    all(...rules: (() => boolean)[]): () => Promise<boolean>;
    withinHours(hours: string, now: () => Date): () => boolean;
    onMains(folder: string): () => boolean;
    onUnmeteredNetwork(folder: string): () => boolean;
    idle(share: number, load: () => number): () => boolean;
  };
  const at = (hour: number) => () => new Date(2026, 0, 1, hour);

  it.each([
    ['22-6', [22, 23, 0, 5], [6, 12, 21]],
    ['9-17', [9, 16], [8, 17, 0]],
    ['0-24', [0, 12, 23], []],
  ])('hours %s, over midnight too', (hours, yes, no) => {
    for (const hour of yes) expect(rules.withinHours(hours, at(hour))()).toBe(true);
    for (const hour of no) expect(rules.withinHours(hours, at(hour))()).toBe(false);
  });

  it('a battery that discharges and a modem that is up say no; what is not there says yes', () => {
    const supply = (status: string): string => {
      const folder = join(root, `supply-${status}`);
      mkdirSync(join(folder, 'BAT0'), { recursive: true });
      writeFileSync(join(folder, 'BAT0', 'status'), `${status}\n`);
      return folder;
    };
    expect(rules.onMains(supply('Discharging'))()).toBe(false);
    expect(rules.onMains(supply('Charging'))()).toBe(true);
    expect(rules.onMains(join(root, 'nowhere'))()).toBe(true);
    const net = join(root, 'net');
    mkdirSync(join(net, 'wwan0'), { recursive: true });
    writeFileSync(join(net, 'wwan0', 'operstate'), 'up\n');
    expect(rules.onUnmeteredNetwork(net)()).toBe(false);
    writeFileSync(join(net, 'wwan0', 'operstate'), 'down\n');
    expect(rules.onUnmeteredNetwork(net)()).toBe(true);
  });

  it('all of them must agree, and a busy machine does not', async () => {
    expect(await rules.all(rules.idle(0.5, () => 0))()).toBe(true);
    expect(
      await rules.all(
        rules.idle(0.5, () => 0),
        rules.idle(0.5, () => 1_000),
      )(),
    ).toBe(false);
  });
});
