// Claims about the command line: what it understands, what it answers, how it ends. Commands are recorded, not run.
// Not here: the commands with everything real behind them (commands.test.ts), samples in documents (docs.test.ts).

import { describe, expect, it } from 'vitest';
import { SottoError } from '../../protocol/errors.js';
import { EXIT } from '../../server/cli/exit.js';
import type { Commands } from '../../server/cli/program.js';
import { run } from '../../server/cli/run.js';
import { stoppable } from '../../server/cli/stop.js';
import { fakeIo } from './fake-io.js';

function recorder(answer: () => Promise<0 | 1>) {
  const calls: unknown[][] = [];
  const record =
    (name: string) =>
    (...args: unknown[]) => {
      calls.push([name, ...args]);
      return answer();
    };
  const commands = new Proxy({}, { get: (_, name) => record(String(name)) }) as Commands;
  return { calls, commands };
}

async function sotto(line: string, answer: () => Promise<0 | 1> = async () => 0) {
  const io = fakeIo();
  const { calls, commands } = recorder(answer);
  const code = await run(line.split(' ').filter(Boolean), io, commands);
  return { code, calls, out: io.out(), err: io.err() };
}

const ID = 'ab'.repeat(32);

describe('what is understood', () => {
  it('simulate: settings, comparison, seed and rounds as numbers, folder, JSON', async () => {
    const { calls, code } = await sotto('simulate my.yaml --compare --seed 9 --rounds 2 --out elsewhere --json');
    expect(code).toBe(EXIT.ok);
    expect(calls).toEqual([
      ['simulate', 'my.yaml', { baseline: false, compare: true, seed: 9, rounds: 2, out: 'elsewhere', json: true }],
    ]);
  });

  it('simulate alone runs the main job into runs/', async () => {
    expect((await sotto('simulate')).calls).toEqual([
      ['simulate', undefined, { baseline: false, compare: false, out: 'runs', json: false }],
    ]);
  });

  it('client: a shard counts from 1 on the line and from 0 inside', async () => {
    const { calls } = await sotto(`client --url ws://h:1 --task t --data mnist --shard 3/48 --coordinator ${ID}`);
    expect(calls[0]?.[1]).toMatchObject({
      data: 'mnist',
      shard: { index: 2, of: 48 },
      coordinator: ID,
      trustFirst: false,
    });
  });

  it('keys new and keys show, with a file or without', async () => {
    expect((await sotto('keys new')).calls).toEqual([['newKeys', 'sotto.key', { json: false }]]);
    expect((await sotto('keys show a.key --json')).calls).toEqual([['showKeys', 'a.key', { json: true }]]);
    expect((await sotto(`keys rotate a.key --out b.key --coordinator ${ID}`)).calls).toEqual([
      ['rotateKeys', 'a.key', { out: 'b.key', coordinator: ID, json: false }],
    ]);
    expect((await sotto('keys hand-over data --next b.key --void-tokens')).calls).toEqual([
      ['handOverKeys', 'data', { identity: 'sotto.key', next: 'b.key', voidTokens: true, json: false }],
    ]);
  });
});

describe('a wrong command line ends with 2, says what is wrong and runs nothing', () => {
  it.each([
    ['simulat', 'Did you mean simulate?'],
    ['simulate --sed 3', 'Did you mean --seed?'],
    ['simulate --seed -1', "'-1' is invalid"],
    ['simulate --seed 1.5', "'1.5' is invalid"],
    ['simulate --rounds 0', 'at least 1'],
    ['simulate a b', 'too many arguments'],
    ['coordinator', "missing required argument 'config'"],
    ['coordinator c.yaml --log loud', 'Allowed choices are silent'],
    ['client --task t', "'--url <url>' not specified"],
    ['client --url http://h --task t', 'ws:// or wss://'],
    ['client --url ws://h --task t --shard 5/4', 'the third of 48'],
    ['client --url ws://h --task t --shard 0/4', 'the third of 48'],
    ['client --url ws://h --task t --coordinator ABC', '64 lower-case hex digits'],
    [`client --url ws://h --task t --coordinator ${ID} --trust-first`, 'cannot be used with'],
    ['client --url ws://h --task t --data mnist --trainer x.mjs', 'cannot be used with'],
    ['client --url ws://h --task t --max-clip-norm 0', 'above 0'],
  ])('sotto %s', async (line, says) => {
    const { code, calls, err, out } = await sotto(line);
    expect(err).toContain(says);
    expect(err).toContain('--help');
    expect(code).toBe(EXIT.usage);
    expect(calls).toEqual([]);
    expect(out).toBe('');
  });

  it('no command at all prints the help and ends with 2', async () => {
    const { code, out } = await sotto('');
    expect(code).toBe(EXIT.usage);
    expect(out).toContain('Usage: sotto');
  });
});

describe('help and version end with 0, on stdout', () => {
  it.each(['--help', 'help simulate', 'simulate --help', 'keys new --help'])('sotto %s', async (line) => {
    const { code, out, err } = await sotto(line);
    expect(code).toBe(EXIT.ok);
    expect(out).toContain('Usage: sotto');
    expect(err).toBe('');
  });
  it('--version is that of package.json', async () => {
    expect((await sotto('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
  it('every command and every option has a description', async () => {
    for (const command of ['simulate', 'coordinator', 'client', 'keys new', 'keys show']) {
      const { out } = await sotto(`${command} --help`);
      const options = out.split('\n').filter((line) => /^ {2}-/.test(line));
      expect(options.length).toBeGreaterThan(1);
      const bare = options.filter(
        (line, i) => !/ {2,}\S/.test(line.trim()) && !/^ {10,}\S/.test(out.split('\n')[i + 1] ?? ''),
      );
      expect(
        bare.filter((line) => !/^ {2}-\S.*>$/.test(line)),
        command,
      ).toEqual([]);
    }
  });
});

describe('errors of commands', () => {
  const failing = (error: unknown) => () => Promise.reject(error);

  it('wrong settings end with 2, other faults with 1, without a stack', async () => {
    const config = await sotto('simulate', failing(new SottoError('CONFIG_INVALID', 'f.yaml:3: seed is x')));
    expect(config).toMatchObject({
      code: EXIT.usage,
      err: 'error CONFIG_INVALID: f.yaml:3: seed is x\nsotto explain CONFIG_INVALID says more, or docs/errors.md#config_invalid\n',
      out: '',
    });
    const data = await sotto('simulate', failing(new SottoError('DATA_MISSING', 'not installed; run: npm i')));
    expect(data).toMatchObject({
      code: EXIT.failed,
      err: 'error DATA_MISSING: not installed; run: npm i\nsotto explain DATA_MISSING says more, or docs/errors.md#data_missing\n',
    });
  });

  it('a bug of ours ends with 70 and asks for a report', async () => {
    const { code, err } = await sotto('simulate', failing(new TypeError('x is not a function')));
    expect(code).toBe(EXIT.internal);
    expect(err).toContain('error INTERNAL: x is not a function');
    expect(err).toContain('SOTTO_DEBUG=1');
    expect(err).not.toContain('    at ');
  });

  it('SOTTO_DEBUG shows the stack', async () => {
    const io = fakeIo({ env: { SOTTO_DEBUG: '1' } });
    await run(['simulate'], io, recorder(failing(new TypeError('x'))).commands);
    expect(io.err()).toContain('    at ');
  });

  it('--json puts the error on stdout, too, as one line', async () => {
    const { out } = await sotto(
      'simulate --json',
      failing(new SottoError('CONFIG_INVALID', 'seed is x', { field: 'seed' })),
    );
    expect(JSON.parse(out)).toEqual({
      type: 'error',
      message: 'CONFIG_INVALID: seed is x',
      code: 'CONFIG_INVALID',
      page: 'docs/errors.md#config_invalid',
      field: 'seed',
    });
  });

  it('a failed run gives its exit code through', async () => {
    expect((await sotto('simulate', async () => 1)).code).toBe(EXIT.failed);
  });
});

describe('colours', () => {
  const red = `${String.fromCharCode(27)}[31m`;
  const line = async (options: Parameters<typeof fakeIo>[0]) => {
    const io = fakeIo(options);
    await run(['simulate'], io, recorder(() => Promise.reject(new Error('x'))).commands);
    return io.err();
  };
  it('appear on a terminal, and nowhere with NO_COLOR, a dumb terminal or a pipe', async () => {
    expect(await line({ tty: true })).toContain(red);
    expect(await line({ tty: true, env: { NO_COLOR: '1' } })).not.toContain(red);
    expect(await line({ tty: true, env: { TERM: 'dumb' } })).not.toContain(red);
    expect(await line({ tty: false })).not.toContain(red);
  });
});

describe('Ctrl+C', () => {
  it('once asks for a graceful end, twice ends at once with 130', async () => {
    const io = fakeIo();
    let finish: () => void = () => undefined;
    const done = stoppable(io, 'stopping after this round', async (signal) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return signal.aborted;
    });
    io.interrupt();
    expect(io.err()).toContain('stopping after this round; once more to stop at once');
    expect(io.exits).toEqual([]);
    expect(() => io.interrupt()).toThrow('exit 130');
    finish();
    expect(await done).toBe(true);
    io.interrupt();
    expect(io.exits).toEqual([130]);
  });
});
