// Every command with garbage: bytes for settings, keys, models, logs and data; folders for files; what is not there. Each ends with 1 or 2, by a
// code that has a page, without a stack and without a bug of ours. Not here: a port that is taken (commands.test.ts), hostile peers.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isCode } from '../../server/cli/explain/page.js';
import { run } from '../../server/cli/run.js';
import { Random } from '../../simulations/random.js';
import { fakeIo } from './fake-io.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-garbage-'));
const at = (...names: string[]) => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));

async function sotto(args: readonly string[]) {
  const io = fakeIo();
  return { code: await run(args, io), out: io.out(), err: io.err() };
}

/** 3,000 bytes from a seed, with an escape sequence that would clear a terminal. */
const junk = Buffer.concat([
  Buffer.from(
    Uint8Array.from(
      { length: 3_000 },
      (
        (draws) => () =>
          Math.floor(256 * draws.uniform())
      )(Random.fromSeed('garbage')),
    ),
  ),
  Buffer.from('\u001b[2J"'),
]);

beforeAll(async () => {
  for (const name of ['junk.bin', 'junk.yaml', 'junk.json', 'j.safetensors', 'j.npz']) writeFileSync(at(name), junk);
  writeFileSync(at('junk.key'), junk, { mode: 0o600 });
  for (const name of ['dir', 'run', 'log', 'model']) mkdirSync(at(name));
  writeFileSync(at('run/report.json'), junk);
  writeFileSync(at('log/log.jsonl'), junk);
  writeFileSync(at('model/manifest.json'), junk);
  writeFileSync(at('half.yaml'), 'task: x\n');
  writeFileSync(at('layers.yaml'), 'model: {kind: softmax, input: 4, classes: 2}\n');
  writeFileSync(at('five.mjs'), 'export const trainer = 5;\n');
  // What it throws would clear a terminal.
  writeFileSync(at('esc.mjs'), "throw new Error('\\u001b[2Jcleared');\n");
  writeFileSync(at('broken.mjs'), 'this is no module(\n');
  await sotto(['keys', 'new', '--out', at('ok.key')]);
  writeFileSync(at('wide.key'), readFileSync(at('ok.key')));
  chmodSync(at('wide.key'), 0o644);
  const sample = readFileSync('examples/coordinator.yaml', 'utf8');
  for (const key of ['junk', 'wide', 'none'])
    writeFileSync(at(`${key}-key.yaml`), sample.replaceAll('coordinator.key', `${key}.key`));
  writeFileSync(at('open.yaml'), sample.replace('127.0.0.1', '0.0.0.0'));
});

const CLIENT = 'client --url ws://127.0.0.1:9 --task t --trust-first';
/** `@name` is a file of the folder above. */
const CASES: readonly (readonly [line: string, code: string])[] = [
  ['simulate @junk.yaml', 'CONFIG_INVALID'],
  ['simulate @none.yaml', 'CONFIG_UNREADABLE'],
  ['simulate @dir', 'CONFIG_UNREADABLE'],
  ['simulate @half.yaml', 'CONFIG_INVALID'],
  ['redteam @junk.yaml', 'CONFIG_INVALID'],
  ['redteam @half.yaml', 'CONFIG_INVALID'],
  ['redteam --gate @junk.yaml', 'CONFIG_INVALID'],
  ['coordinator @junk.yaml', 'CONFIG_INVALID'],
  ['coordinator @none.yaml', 'CONFIG_UNREADABLE'],
  ['coordinator @junk-key.yaml', 'STORE_CORRUPT'],
  ['coordinator @wide-key.yaml', 'STORE_CORRUPT'],
  ['coordinator @none-key.yaml', 'CONFIG_UNREADABLE'],
  ['coordinator @open.yaml', 'CONFIG_INVALID'],
  [`${CLIENT}`, 'CONFIG_INVALID'],
  [`${CLIENT} --trainer @five.mjs`, 'CONFIG_INVALID'],
  [`${CLIENT} --trainer @broken.mjs`, 'CONFIG_UNREADABLE'],
  [`${CLIENT} --trainer @none.mjs`, 'CONFIG_UNREADABLE'],
  [`${CLIENT} --trainer @esc.mjs`, 'CONFIG_UNREADABLE'],
  [`${CLIENT} --data mnist --model @junk.yaml`, 'CONFIG_INVALID'],
  [`${CLIENT} --data mnist --identity @junk.key`, 'STORE_CORRUPT'],
  [`${CLIENT} --data mnist --identity @none.key`, 'CONFIG_UNREADABLE'],
  [`${CLIENT} --data mnist --guards @junk.bin`, 'STORE_'],
  [`${CLIENT} --data mnist --ca @none.pem`, 'CONFIG_UNREADABLE'],
  [`${CLIENT} --data mnist --ca @junk.bin`, 'CONFIG_INVALID'],
  ['export @none @out --identity @ok.key', 'STORE_MISSING'],
  ['export @dir @out --identity @ok.key', 'STORE_MISSING'],
  ['export @junk.bin @out --identity @ok.key', 'STORE_MISSING'],
  ['report @none', 'CONFIG_UNREADABLE'],
  ['report @run', 'CONFIG_UNREADABLE'],
  ['report @log', 'AUDIT_INVALID'],
  ['report @model', 'CONFIG_INVALID'],
  ['report @run --card @junk.yaml', 'CONFIG_INVALID'],
  ['verify @none', 'AUDIT_INVALID'],
  ['verify @log', 'AUDIT_INVALID'],
  ['doctor @none', 'STORE_MISSING'],
  ['doctor @dir --restore', 'STORE_MISSING'],
  ['doctor @junk.bin', 'STORE_WRITE'],
  ['keys new --out @ok.key', 'STORE_WRITE'],
  ['keys show @junk.key', 'STORE_CORRUPT'],
  ['keys show @dir', 'STORE_CORRUPT'],
  ['tokens new --task x --identity @junk.key', 'STORE_CORRUPT'],
  ['tokens new --task Wards --identity @ok.key', 'CONFIG_INVALID'],
  ['models export @none --to @o', 'CONFIG_UNREADABLE'],
  ['models export @model --to @o', 'MODEL_MALFORMED'],
  ['models export @log --to @o', 'AUDIT_INVALID'],
  ['models import @junk.json --to @o', 'MODEL_MALFORMED'],
  ['models import @dir --to @o', 'CONFIG_UNREADABLE'],
  ['models import @j.safetensors --to @o --model @layers.yaml', 'MODEL_MALFORMED'],
  ['models import @j.npz --to @o --model @layers.yaml', 'MODEL_MALFORMED'],
  ['models verify @model', 'MODEL_MALFORMED'],
  ['models verify @j.npz', 'CONFIG_UNREADABLE'],
  ['models declare @junk.yaml --identity @ok.key --task t', 'CONFIG_INVALID'],
  ['privacy plan @junk.yaml', 'CONFIG_INVALID'],
  ['privacy ledger @none', 'CONFIG_UNREADABLE'],
  ['privacy ledger @junk.bin', 'CONFIG_UNREADABLE'],
  ['privacy audit --delta 0', 'PRIVACY_DELTA'],
  ['status @junk.bin', 'CONFIG_UNREADABLE'],
  ['status @log', 'AUDIT_INVALID'],
  ['rounds @run', 'CONFIG_UNREADABLE'],
  ['clients @model', 'CONFIG_INVALID'],
  ['status http://127.0.0.1:9', 'TRANSPORT_CLOSED'],
  ['status http://127.0.0.1:9 --token-file @dir', 'CONFIG_UNREADABLE'],
  ['init @new --yes --csv @junk.bin', 'DATA_MALFORMED'],
  ['init @ok.key --yes', 'STORE_WRITE'],
];

describe('garbage ends with a code, a remedy and 1 or 2:', () => {
  it.each(CASES)('sotto %s', async (line, wanted) => {
    const args = line.split(' ').map((word) => (word.startsWith('@') ? at(word.slice(1)) : word));
    const { code, err } = await sotto([...args, '--json']);
    const named = /^error ([A-Z_]+): /m.exec(err)?.[1] ?? 'none';
    expect(named.startsWith(wanted), err).toBe(true);
    expect(isCode(named)).toBe(true);
    expect([1, 2]).toContain(code);
    expect(err).toMatch(/sotto explain [A-Z_]+ says more|Try --help/);
    expect(err).not.toContain('    at ');
    expect(err).not.toContain('\u001b[2J');
  });

  it('and leaves nothing behind', () => {
    for (const name of ['out', 'o', 'new', 'none']) expect(existsSync(at(name)), name).toBe(false);
  });

  it('on stdout stands one JSON value that names the code', async () => {
    const { out } = await sotto(['verify', at('log'), '--json']);
    expect(JSON.parse(out)).toMatchObject({ type: 'error', code: 'AUDIT_INVALID' });
  });
});
