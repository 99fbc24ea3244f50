// `sotto status`, `rounds`, `clients` against a real coordinator, running and stopped; `sotto explain` and `sotto completion`.
// Not here: which command lines are understood (cli.test.ts).

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ERRORS } from '../../protocol/errors.js';
import { flat, treeOf } from '../../server/cli/completion/tree.js';
import { type Commands, createProgram } from '../../server/cli/program.js';
import { run } from '../../server/cli/run.js';
import { type FakeIo, fakeIo } from './fake-io.js';
import { TOWARDS_ONE } from './towards-one.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-everyday-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

async function sotto(args: readonly string[], io: FakeIo = fakeIo()) {
  const code = await run(args, io);
  return { code, out: io.out(), err: io.err(), json: () => JSON.parse(io.out().trim().split('\n').at(-1) ?? '') };
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('sotto explain', () => {
  it('says of a code what it means, whose fault it is and what to do, in any case of letters', async () => {
    const { code, out } = await sotto(['explain', 'store-locked']);
    expect(code).toBe(0);
    expect(out).toContain(ERRORS.STORE_LOCKED.says);
    expect(out).toContain('Stop the coordinator that works there');
    expect(out).toContain('docs/errors.md#store_locked');
    expect((await sotto(['explain', 'CONFIG_INVALID', '--json'])).json()).toMatchObject({
      code: 'CONFIG_INVALID',
      exit: 2,
    });
  });
  it('a misspelt code is answered with the one that was meant', async () => {
    const { code, err } = await sotto(['explain', 'STORE_LOKED']);
    expect(code).toBe(2);
    expect(err).toContain('Did you mean STORE_LOCKED?');
  });
  it('each code has a heading of its own on the page, so that the link in an error leads there', () => {
    const page = readFileSync('docs/errors.md', 'utf8');
    for (const code of Object.keys(ERRORS)) expect(page).toMatch(new RegExp(`^###? ${code}$`, 'm'));
  });
  it('whatever fails says where its code is explained, in text and in JSON', async () => {
    const failed = await sotto(['verify', at('nowhere'), '--json']);
    expect(failed.err).toContain('sotto explain AUDIT_INVALID says more, or docs/errors.md#audit_invalid');
    expect(failed.json()).toMatchObject({ type: 'error', code: 'AUDIT_INVALID', page: 'docs/errors.md#audit_invalid' });
    const wrong = await sotto(['verify', '--jason', '--json']);
    expect(wrong.code).toBe(2);
    expect(wrong.json()).toMatchObject({
      type: 'error',
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('--jason'),
    });
  });
});

describe('sotto completion', () => {
  const program = createProgram('0', {} as Commands, { out: () => {}, err: () => {} }, () => {});
  const tree = treeOf(program);
  const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

  it.each(['bash', 'zsh', 'fish'])('%s: every command and every option is in the script', async (shell) => {
    const { out, code } = await sotto(['completion', shell]);
    expect(code).toBe(0);
    for (const { path, name, options } of flat(tree)) {
      expect(out.includes(shell === 'zsh' ? name : path), path).toBe(true);
      for (const { names } of options)
        for (const flag of names)
          expect(out.includes(shell === 'fish' ? flag.replace(/^-+/, '') : flag), flag).toBe(true);
    }
  });
  it('refuses a shell that it does not know', async () => expect((await sotto(['completion', 'tcsh'])).code).toBe(2));

  const complete = (...words: string[]): string[] => {
    const script = `source ${at('c.bash')}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sotto; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = spawnSync('bash', ['-c', script, 'x', 'sotto', ...words], { encoding: 'utf8', cwd: folder });
    return stdout.split('\n').filter((word) => word !== '');
  };
  it.skipIf(!has('bash'))('bash, pressed for real: commands, sub-commands, options, choices, files', async () => {
    writeFileSync(at('c.bash'), (await sotto(['completion', 'bash'])).out);
    expect(complete('mod')).toEqual(['models']);
    expect(complete('models', '')).toEqual(['export', 'import', 'verify', 'declare']);
    expect(complete('models', 'export', '--form')).toEqual(['--format']);
    expect(complete('models', 'export', '--format', '')).toEqual(['folder', 'safetensors', 'npz']);
    expect(complete('--json', 'client', '--data', 'm')).toEqual(['mnist']);
    expect(complete('verify', 'c.')).toEqual(['c.bash']);
    expect(complete('simulate', '--seed', '')).toEqual([]);
  });
  it.skipIf(!has('bash'))('I have somebody press Tab behind a command in brackets, and it does not run', () => {
    complete('report', `$(touch ${at('run')})`, '');
    complete('report', `\`touch ${at('run')}\``);
    complete('report', `';touch ${at('run')};'`);
    expect(existsSync(at('run'))).toBe(false);
  });
  it.skipIf(!has('zsh'))('zsh finds no mistake in its script (skipped where there is no zsh)', async () => {
    writeFileSync(at('c.zsh'), (await sotto(['completion', 'zsh'])).out);
    expect(spawnSync('zsh', ['-n', at('c.zsh')], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });
  it.skipIf(!has('fish'))('fish finds no mistake in its script (skipped where there is no fish)', async () => {
    writeFileSync(at('c.fish'), (await sotto(['completion', 'fish'])).out);
    expect(spawnSync('fish', ['-n', at('c.fish')], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });
});

const TRAINER = `
export const trainer = () => ({
  init: async ({ dimension }) => ({ dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] }),
  train: async (weights) => ({ update: weights.map((w) => (1 - w) / 2), examples: 1, metrics: {} }),
});
`;

describe('a look at a coordinator', () => {
  it('tells the same of it while it runs, from its data once it has stopped, and from its exported log', async () => {
    const id = (await sotto(['keys', 'new', '--out', at('c.key')])).out.trim();
    const token = (await sotto(['keys', 'token', '--name', 'me', '--json'])).json();
    writeFileSync(at('token'), `${token.token}\n`);
    writeFileSync(at('trainer.mjs'), TRAINER);
    const settings = {
      ...TOWARDS_ONE,
      // The second round comes so late that everybody can be asked in between.
      campaign: { rounds: 2, pauseMs: 86_400_000 },
      identityFile: 'c.key',
      dataDir: 'data',
      admin: { tokens: [{ name: 'me', role: 'viewer', sha256: token.sha256 }] },
    };
    writeFileSync(at('c.yaml'), stringify(settings));
    const io = fakeIo();
    const coordinator = run(['coordinator', at('c.yaml'), '--json'], io);
    const url = await until(() => /"url":"(ws:[^"]+)"/.exec(io.out())?.[1]);
    const members = [1, 2, 3].map(() => {
      const member = fakeIo();
      const args = ['client', '--url', url, '--task', 'towards-one', '--coordinator', id, '--min-group', '3'];
      return { io: member, ended: run([...args, '--trainer', at('trainer.mjs')], member) };
    });
    await until(() => (io.out().includes('"type":"round"') ? true : undefined));

    const key = ['--token-file', at('token'), '--json'];
    const running = (await sotto(['status', url, ...key])).json();
    expect(running).toMatchObject({
      source: 'coordinator',
      task: 'towards-one',
      coordinator: id,
      round: 1,
      rounds: 2,
      committed: 1,
      connected: 3,
      clients: 3,
      leftOut: 0,
    });
    expect((await sotto(['status', url, '--token-file', at('token')])).out).toContain(
      '1 of 2, 1 committed since its start',
    );
    const rounds = (await sotto(['rounds', url, ...key])).json();
    expect(rounds.rounds).toMatchObject([{ round: 1, outcome: 'committed', invited: 3, counted: 3, dropped: 0 }]);
    expect(rounds.rounds[0].model).toBe(running.model);
    const clients = (await sotto(['clients', url, ...key])).json();
    expect(clients.clients).toHaveLength(3);
    for (const client of clients.clients) expect(client).toMatchObject({ status: 'active', online: true, counted: 1 });
    const http = url.replace('ws:', 'http:');
    expect((await sotto(['clients', http, '--token-file', at('token')])).out).toContain(
      clients.clients[0].id.slice(0, 16),
    );
    const secret = fakeIo({ env: { SOTTO_ADMIN_TOKEN: token.token } });
    expect((await sotto(['status', http], secret)).code).toBe(0);

    const refused = await sotto(['status', http]);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('ADMIN_UNAUTHENTICATED');
    expect(refused.err).toContain('--token-file');
    writeFileSync(at('other'), 'sotto_nonsense');
    expect((await sotto(['status', http, '--token-file', at('other')])).err).toContain('ADMIN_UNAUTHENTICATED');
    expect((await sotto(['status', http, '--code', 'AAAA-BBBB'])).err).toContain('ADMIN_UNAUTHENTICATED');
    expect((await sotto(['status', http, '--token-file', at('none')])).code).toBe(2);

    const identity = ['--identity', at('c.key')];
    const locked = await sotto(['status', at('data'), ...identity]);
    expect(locked.err).toContain('STORE_LOCKED');

    for (const member of members) member.io.interrupt();
    await Promise.all(members.map(({ ended }) => ended));
    io.interrupt();
    expect(await coordinator).toBe(0);

    expect((await sotto(['status', http])).err).toContain('nothing listens there');
    await sotto(['export', at('data'), at('audit'), ...identity]);
    for (const source of [at('data'), at('audit')]) {
      const stopped = (await sotto(['status', source, ...identity, '--json'])).json();
      expect(stopped).toMatchObject({
        source: 'log',
        task: 'towards-one',
        coordinator: id,
        phase: 'stopped',
        says: 'stopped by the operator',
        committed: 1,
        clients: 3,
        model: running.model,
      });
      const past = (await sotto(['rounds', source, ...identity, '--json'])).json();
      expect(past.rounds[0]).toMatchObject({
        round: 1,
        outcome: 'committed',
        invited: 3,
        counted: 3,
        model: running.model,
      });
      const seen = (await sotto(['clients', source, ...identity, '--json'])).json();
      expect(new Set(seen.clients.map(({ id: one }: { id: string }) => one))).toEqual(
        new Set(clients.clients.map(({ id: one }: { id: string }) => one)),
      );
      for (const client of seen.clients) expect(client).toMatchObject({ invited: 1, counted: 1, online: null });
    }
    expect((await sotto(['rounds', at('audit'), ...identity])).out).not.toContain('accuracy');
  });

  it('what is no source is refused with what a source can be', async () => {
    const { code, err } = await sotto(['status', at('nothing')]);
    expect(code).toBe(2);
    expect(err).toContain('is no run, no exported audit log, no data directory and no model');
  });

  it('something else behind the address is told apart from a coordinator', async () => {
    const { createServer } = await import('node:http');
    const server = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { code, err } = await sotto(['status', `http://127.0.0.1:${port}`]);
    server.close();
    expect(code).toBe(2);
    expect(err).toContain('not as a coordinator of Sotto does');
  });
});
