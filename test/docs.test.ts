// Documents execute: runnable snippets run, command lines parse against the real CLI, settings against the real parser, links
// lead somewhere. Not here: pages that are made from code (config.test.ts).

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Commands } from '../server/cli/program.js';
import { run } from '../server/cli/run.js';
import { parseCoordinatorSettings } from '../server/config/index.js';
import { parseSimulationConfig } from '../simulations/config.js';
import { dimensionOf } from '../simulations/model-source.js';
import { fakeIo } from './cli/fake-io.js';

interface Block {
  readonly page: string;
  readonly line: number;
  /** After the fence: "js run", "yaml simulation", "sh". */
  readonly kind: string;
  readonly text: string;
}

function pages(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // The site's packages, its own folder, and the reference that typedoc makes.
    if (['node_modules', '.vitepress', 'api'].includes(entry.name)) return [];
    if (entry.isDirectory()) return pages(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}
const PAGES = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...pages('docs'),
  ...pages('protocol'),
  ...pages('examples'),
];

function blocksOf(page: string, text = readFileSync(page, 'utf8')): Block[] {
  const out: Block[] = [];
  for (const match of text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const line = text.slice(0, match.index).split('\n').length;
    out.push({ page, line, kind: (match[1] ?? '').trim(), text: match[2] ?? '' });
  }
  return out;
}
const BLOCKS = PAGES.flatMap((page) => blocksOf(page));

/** Lines of shell blocks that call sotto, without comments; `\` joins lines. */
function sottoLines(blocks: readonly Block[]): { page: string; line: string }[] {
  return blocks
    .filter(({ kind }) => /^(sh|bash|console)\b/.test(kind))
    .flatMap(({ page, text }) =>
      text
        .replaceAll('\\\n', ' ')
        .split('\n')
        .map((line) =>
          line
            .replace(/^\$ /, '')
            .replace(/\s+#.*$/, '')
            .trim(),
        )
        .filter((line) => /^(npx )?sotto\b/.test(line))
        .map((line) => ({ page, line: line.replace(/^npx /, '') })),
    );
}

/** Every command there is ends well: lines are parsed, nothing runs. */
const recorded = new Proxy({}, { get: () => async () => 0 }) as Commands;
async function parses(line: string): Promise<string> {
  const io = fakeIo();
  const code = await run(line.split(/\s+/).slice(1), io, recorded);
  return code === 0 ? 'parses' : io.err();
}

describe('command lines in the documents', () => {
  const lines = sottoLines(BLOCKS);
  it('are found', () => expect(lines.length).toBeGreaterThan(6));
  it.each(lines)('$page: $line', async ({ line }) => expect(await parses(line)).toBe('parses'));

  it('a wrong one would be seen', async () => {
    expect(await parses('sotto simulate --sead 4')).toContain('unknown option');
    expect(sottoLines(blocksOf('x.md', '```sh\n$ sotto nonsense # why\n```\n'))).toEqual([
      { page: 'x.md', line: 'sotto nonsense' },
    ]);
  });

  it('name files of settings that exist', () => {
    const files = sottoLines(BLOCKS).flatMap(({ line }) => /\bexamples\/\S+\.yaml/.exec(line)?.[0] ?? []);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    expect(files.length).toBeGreaterThan(0);
  });
});

describe('settings in the documents', () => {
  const read = (kind: string, text: string) =>
    kind.includes('simulation')
      ? parseSimulationConfig(text, 'page')
      : parseCoordinatorSettings(text, 'page', dimensionOf);
  const samples = BLOCKS.filter(({ kind }) => /^(yaml|json) (coordinator|simulation)$/.test(kind));

  it('parse with the real parser, and YAML is marked as the file it is, or as `part` of one', () => {
    for (const { page, line, kind, text } of samples) expect(() => read(kind, text), `${page}:${line}`).not.toThrow();
    const unmarked = BLOCKS.filter(
      ({ kind }) => /^yaml\b/.test(kind) && !/^yaml (coordinator|simulation|part)$/.test(kind),
    );
    expect(unmarked.map(({ page, line }) => `${page}:${line}`)).toEqual([]);
  });
  it('a wrong one would be seen', () => expect(() => read('yaml simulation', 'seed: 1')).toThrow('is missing'));
});

describe('snippets marked `run`', () => {
  const snippets = BLOCKS.filter(({ kind }) => /^(js|ts) run\b/.test(kind));
  const folder = 'dist/.snippets';
  const execute = (name: string, text: string) => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, text);
    // Inside the package, so that `sotto/client` is this build.
    return spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 240_000 });
  };

  it('are found in the readme', () => expect(snippets.some(({ page }) => page === 'README.md')).toBe(true));
  it.each(snippets)(
    '$page:$line runs and ends by itself',
    ({ page, line, text }) => {
      const { status, stderr, stdout } = execute(`${page.replaceAll(/\W/g, '-')}-${line}`, text);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      // What a comment behind console.log promises about the embed example: half of the way to 1, three times.
      if (page === 'README.md')
        for (const value of stdout.match(/0\.\d+/g) ?? ['none']) expect(Number(value)).toBeCloseTo(0.875, 2);
    },
    300_000,
  );
  it('a broken one would be seen', () => {
    expect(execute('broken', "import { nothing } from 'sotto/client'; nothing();").status).not.toBe(0);
    rmSync(join(folder, 'broken.mjs'));
  });
});

describe('links', () => {
  const dead = (page: string, text: string) =>
    [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target ?? '')
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page : normalize(join(dirname(page), path));
        if (!existsSync(file)) return true;
        return anchor !== undefined && file.endsWith('.md') && !anchors(readFileSync(file, 'utf8')).includes(anchor);
      });
  const anchors = (text: string) =>
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      (title ?? '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );

  it.each(PAGES)('%s has no dead one', (page) => expect(dead(page, readFileSync(page, 'utf8'))).toEqual([]));
  it('a dead one would be seen, and a dead anchor', () => {
    expect(dead('README.md', '[x](docs/none.md) [y](README.md#no-such-title) [z](https://example.org)')).toEqual([
      'docs/none.md',
      'README.md#no-such-title',
    ]);
  });
});
