// `sotto admin` against a real coordinator: every action has a command line, what it does is done, and who may not is told so.
// Not here: who may do what when (test/http/authority.test.ts).

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Commands } from '../../server/cli/program.js';
import { run } from '../../server/cli/run.js';
import { ACTIONS } from '../../server/http/authority.js';
import { type FakeIo, fakeIo } from './fake-io.js';
import { TOWARDS_ONE } from './towards-one.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-admin-'));
const at = (name: string) => join(folder, name);
const CLIENT = 'ab'.repeat(32);

async function sotto(args: readonly string[], env: FakeIo['env'] = {}) {
  const io = fakeIo({ env });
  return { code: await run(args, io), out: io.out(), err: io.err() };
}

/** One command line for each action. */
const LINES: Readonly<Record<string, readonly string[]>> = {
  pause: ['pause'],
  resume: ['resume'],
  drain: ['drain'],
  stop: ['stop'],
  'roll-back': ['roll-back', '3'],
  pin: ['pin', '3'],
  quarantine: ['quarantine', CLIENT, '--rounds', '5'],
  exclude: ['exclude', CLIENT],
  appeal: ['appeal', CLIENT, '--grant'],
  ban: ['ban', CLIENT],
  revoke: ['revoke', CLIENT],
  readmit: ['readmit', CLIENT],
  'log-level': ['log-level', 'debug'],
  'new-token': ['tokens', 'new', '--uses', '3'],
  'revoke-token': ['tokens', 'revoke', CLIENT],
};
const BODIES: Readonly<Record<string, object>> = {
  'roll-back': { to: 3 },
  pin: { round: 3 },
  quarantine: { client: CLIENT, rounds: 5 },
  appeal: { client: CLIENT, granted: true },
  'log-level': { level: 'debug' },
  'new-token': { uses: 3, days: 7 },
  'revoke-token': { token: CLIENT },
  ...Object.fromEntries(['exclude', 'ban', 'revoke', 'readmit'].map((name) => [name, { client: CLIENT }])),
};

describe('command lines', () => {
  it('there is one for every action of the admin API, which asks for just that', async () => {
    const asked: [string, object][] = [];
    const recorder = new Proxy({} as Commands, {
      get: () => async (action: string, body: object) => {
        asked.push([action, body]);
        return 0;
      },
    });
    for (const line of Object.values(LINES))
      expect(await run(['admin', ...line, '--reason', 'because'], fakeIo(), recorder)).toBe(0);
    expect(asked).toEqual(Object.keys(LINES).map((name) => [name, BODIES[name] ?? {}]));
    expect(Object.keys(LINES).sort()).toEqual(Object.keys(ACTIONS).sort());
  });
  it.each([
    [['pause'], '--reason'],
    [['revoke', 'abc', '--reason', 'because'], '64 lower-case hex digits'],
    [['appeal', CLIENT, '--reason', 'because'], 'give --grant or --refuse'],
    [['roll-back', 'one', '--reason', 'because'], 'whole number'],
  ])('%j is refused with %s', async (line, says) => {
    const { code, err } = await sotto(['admin', ...line]);
    expect([code, err]).toEqual([2, expect.stringContaining(says)]);
  });
});

describe('on a running coordinator', () => {
  let io: FakeIo;
  let ended: Promise<number>;
  let url = '';
  const tokens: Record<string, string> = {};

  beforeAll(async () => {
    const admins = [];
    for (const role of ['viewer', 'admin'] as const) {
      const { out } = await sotto(['keys', 'token', '--name', role, '--role', role, '--json']);
      const { token, sha256 } = JSON.parse(out) as { token: string; sha256: string };
      tokens[role] = token;
      admins.push({ name: role, role, sha256 });
    }
    await sotto(['keys', 'new', '--out', at('own.key')]);
    writeFileSync(
      at('own.yaml'),
      stringify({
        ...TOWARDS_ONE,
        roster: { kind: 'token' },
        dataDir: 'data',
        admin: { tokens: admins },
        identityFile: 'own.key',
      }),
    );
    io = fakeIo();
    ended = run(['coordinator', at('own.yaml'), '--json'], io);
    for (;;) {
      const found = /"url":"(ws:[^"]+)"/.exec(io.out())?.[1];
      if (found !== undefined) {
        url = found;
        break;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }, 60_000);
  afterAll(async () => {
    io.interrupt();
    expect(await ended).toBe(0);
    rmSync(folder, { recursive: true });
  });

  const admin = (role: string, ...line: string[]) =>
    sotto(['admin', ...line, '--url', url, ...(line[0] === 'export' ? [] : ['--reason', 'because'])], {
      SOTTO_ADMIN_TOKEN: tokens[role] ?? '',
    });

  it('pauses, makes a token that is told alone, ends it, and revokes a client', async () => {
    expect(await admin('admin', 'pause')).toMatchObject({ code: 0, out: 'paused\n' });
    const made = await admin('admin', 'tokens', 'new', '--uses', '2');
    expect(made.out).toMatch(/^sotto-token-[\w-]+\n$/);
    const hash = /revoke ([0-9a-f]{64})/.exec(made.err)?.[1] ?? '';
    expect((await admin('admin', 'tokens', 'revoke', hash)).code).toBe(0);
    expect((await admin('admin', 'revoke', CLIENT)).out).toContain('is out');
  });
  it('what cannot be done is refused with the reason of the coordinator', async () => {
    const none = await admin('admin', 'roll-back', '7');
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('of which there is no model')]);
    const unknown = await admin('admin', 'quarantine', CLIENT, '--rounds', '1');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('ADMIN_UNKNOWN_CLIENT')]);
  });
  it('a viewer is told which role it takes; nobody without a token gets in', async () => {
    const viewer = await admin('viewer', 'revoke', CLIENT);
    expect([viewer.code, viewer.err]).toEqual([1, expect.stringContaining('needs the role admin')]);
    expect((await admin('nobody', 'pause')).err).toContain('ADMIN_UNAUTHENTICATED');
  });
  it('exports while it runs: everything that was done stands there with its reason, and it verifies', async () => {
    expect((await admin('viewer', 'export', at('refused'))).err).toContain('ADMIN_FORBIDDEN');
    expect((await admin('admin', 'export', at('out'))).code).toBe(0);
    const log = readFileSync(at('out/log.jsonl'), 'utf8');
    for (const type of ['paused', 'new-token', 'token-revoked', 'client-revoked']) expect(log).toContain(`"${type}"`);
    // The first model.
    expect(readdirSync(at('out/blobs'))).toHaveLength(1);
    const verified = await sotto(['verify', at('out'), '--json']);
    expect(JSON.parse(verified.out)).toMatchObject({ ok: true, models: { recomputed: 1 } });
  });
});
