// Claims about all sources at once: who imports whom, what the core may not name, how files look. Every rule is first shown to
// fail on a text, because a check that nobody has seen fail proves nothing. The rules are architecture/ts.

import { describe, expect, it } from 'vitest';
import {
  arrows,
  assertionsExplained,
  firstComment,
  noCycles,
  noLooseEnds,
  noModuleState,
  noNodeInClient,
  pureCore,
  type Rule,
  shortFiles,
  tensorFlowInTrainerOnly,
} from './architecture/rules.js';
import { codeOnly, importsOf, readSources, targetOf } from './architecture/source.js';

const SOURCES = readSources(['protocol', 'client', 'server', 'simulations', 'test', 'bench']).filter(
  ({ path }) => !path.startsWith('protocol/kernels/assembly/'),
);
const file = (path: string, text: string) => ({ path, text });

type Texts = readonly (readonly [path: string, text: string])[];
/** Rule, what breaks it, what does not. */
const CASES: readonly (readonly [name: string, rule: Rule, broken: Texts, fine: Texts])[] = [
  [
    'arrows',
    arrows,
    [
      ['protocol/a.ts', "import { x } from '../server/b.js';"],
      ['protocol/a.ts', "export { x } from '../client/b.js';"],
      ['protocol/a.ts', "import type { X } from './native/b.js';"],
      ['client/a.ts', "import '../server/b.js';"],
      ['client/a.ts', "import { x } from './tfjs/index.js';"],
      ['client/tfjs/a.ts', "import { x } from '../node/index.js';"],
      ['server/a.ts', "import {\n  x,\n  y,\n} from '../client/index.js';"],
      ['server/a.ts', "const m = await import('../simulations/run.js');"],
      ['server/a.ts', "import { x } from './cli/run.js';"],
      ['simulations/a.ts', "import { x } from '../server/cli/run.js';"],
      ['simulations/a.ts', "import { x } from '../test/b.js';"],
      ['client/a.ts', "import { x } from '../bench/b.js';"],
    ],
    [
      ['server/cli/a.ts', "import { x } from '../../simulations/b.js'; import('../../client/tfjs/index.js');"],
      ['client/a.ts', "import { x } from '../protocol/b.js';"],
      ['server/a.ts', "// import { x } from '../client/b.js';"],
      ['test/a.ts', "import { x } from '../server/cli/b.js';"],
    ],
  ],
  [
    'pureCore',
    pureCore,
    [
      ['protocol/a.ts', 'export const now = () => Date.now();'],
      ['protocol/a.ts', 'const x = Math.random();'],
      ['protocol/a.ts', 'export async function f() {}'],
      ['protocol/a.ts', 'const x = await y;'],
      ['protocol/a.ts', 'process.exit(1);'],
      ['protocol/a.ts', 'const b = Buffer.from([]);'],
      ['protocol/a.ts', 'setTimeout(f, 1);'],
      ['protocol/a.ts', 'console.log(1);'],
      ['protocol/a.ts', "import { readFileSync } from 'node:fs';"],
      ['protocol/a.ts', "import ws from 'ws';"],
      ['protocol/a.ts', 'globalThis.crypto.getRandomValues(x);'],
    ],
    [
      ['protocol/a.ts', "// never Date.now()\nconst s = 'await Math.random';"],
      ['protocol/a.ts', "import { sha256 } from '@noble/hashes/sha2.js';"],
      ['protocol/native/a.ts', "import { randomBytes } from 'node:crypto'; const b = Buffer.from([]);"],
      ['server/a.ts', 'const now = Date.now(); await x;'],
    ],
  ],
  [
    'noModuleState',
    noModuleState,
    [
      ['protocol/a.ts', 'let count = 0;'],
      ['protocol/a.ts', 'export let count = 0;'],
      ['protocol/a.ts', 'const seen = new Set<string>();\nexport const f = (x: string) => { seen.add(x); };'],
      ['protocol/a.ts', 'const memo: Map<string, number> = new Map();\nfunction f() {\n  memo.set(k, 1);\n}'],
      ['protocol/a.ts', 'const log: string[] = [];\nexport const f = () => log.push(1);'],
    ],
    [
      ['protocol/a.ts', 'function f() {\n  let x = 0;\n  const seen = new Set();\n  seen.add(x);\n}'],
      ['protocol/a.ts', "const TABLE = new Set(['a', 'b']);\nexport const has = (x: string) => TABLE.has(x);"],
      ['protocol/a.ts', '// cache: of a public constant; nothing of a round\nlet table: Uint8Array | undefined;'],
    ],
  ],
  [
    'noNodeInClient',
    noNodeInClient,
    [
      ['client/a.ts', "import { readFile } from 'node:fs/promises';"],
      ['client/a.ts', "const fs = await import('node:fs');"],
      ['client/a.ts', "import WebSocket from 'ws';"],
      ['client/tfjs/a.ts', "import { Worker } from 'node:worker_threads';"],
    ],
    [
      ['client/node/a.ts', "import { readFile } from 'node:fs/promises';"],
      ['client/tfjs/a.ts', "const t = await import('node:worker_threads');"],
    ],
  ],
  [
    'tensorFlowInTrainerOnly',
    tensorFlowInTrainerOnly,
    [
      ['client/a.ts', "import * as tf from '@tensorflow/tfjs';"],
      ['server/cli/a.ts', "await import('@tensorflow/tfjs-backend-wasm');"],
      ['simulations/a.ts', "import type { Tensor } from '@tensorflow/tfjs';"],
    ],
    [['client/tfjs/a.ts', "import * as tf from '@tensorflow/tfjs';"]],
  ],
  [
    'firstComment',
    firstComment,
    [
      ['server/a.ts', "import x from 'y';"],
      ['server/a.ts', '// x\nlet y;'],
    ],
    [['server/cli/a.ts', '#!/usr/bin/env node\n// The command that starts it all.']],
  ],
  [
    'noLooseEnds',
    noLooseEnds,
    [
      ['server/a.ts', 'const x = y as any;'],
      ['server/a.ts', 'function f(x: any) {}'],
      ['server/a.ts', ['// @ts', 'ignore because'].join('-')],
      ['server/a.ts', ['// TO', 'DO later'].join('')],
    ],
    [['server/a.ts', "const company = 'as any other'; // any text is fine"]],
  ],
  [
    'assertionsExplained',
    assertionsExplained,
    [
      ['server/a.ts', 'const x = list[0]!.name;'],
      ['server/a.ts', 'use(map.get(k)!);'],
    ],
    [
      ['server/a.ts', '// safe: never empty\nconst x = list[0]!.name;'],
      ['server/a.ts', "if (!x && a !== b) say('no!');"],
    ],
  ],
];

describe.each(CASES)('%s', (_, rule, broken, fine) => {
  it.each(broken)('catches it in %s: %s', (path, text) => {
    expect(rule([file(path, text)])).not.toEqual([]);
  });
  it.each(fine)('lets pass in %s: %s', (path, text) => {
    expect(rule([file(path, text)])).toEqual([]);
  });
  it('holds in every source', () => {
    expect(rule(SOURCES)).toEqual([]);
  });
});

describe('noCycles', () => {
  const a = file('server/a.ts', "import { b } from './b.js';");
  const b = file('server/b.ts', "import { c } from './deep/c.js';");
  it('catches a cycle over three files and one of a file with itself', () => {
    expect(noCycles([a, b, file('server/deep/c.ts', "import { a } from '../a.js';")])).toHaveLength(1);
    expect(noCycles([file('server/a.ts', "export { x } from './a.js';")])).toHaveLength(1);
  });
  it('lets types and lazy imports close a circle', () => {
    expect(noCycles([a, b, file('server/deep/c.ts', "import type { a } from '../a.js';")])).toEqual([]);
    expect(noCycles([a, b, file('server/deep/c.ts', "const m = import('../a.js');")])).toEqual([]);
  });
  it('holds in every source', () => {
    expect(noCycles(SOURCES)).toEqual([]);
  });
});

describe('shortFiles', () => {
  it('catches a source of 501 lines and a test of 801, on both sides of the limit', () => {
    expect(shortFiles([file('server/a.ts', 'x\n'.repeat(501))])).toHaveLength(1);
    expect(shortFiles([file('server/a.ts', 'x\n'.repeat(500))])).toEqual([]);
    expect(shortFiles([file('test/a.ts', 'x\n'.repeat(801))])).toHaveLength(1);
    expect(shortFiles([file('test/a.ts', 'x\n'.repeat(800))])).toEqual([]);
  });
  it('holds in every source', () => {
    expect(shortFiles(SOURCES)).toEqual([]);
  });
});

describe('what the rules look at', () => {
  it('is there: the folders are read, and their imports are found', () => {
    expect(SOURCES.length).toBeGreaterThan(50);
    const imports = SOURCES.flatMap(importsOf);
    expect(imports.length).toBeGreaterThan(3 * SOURCES.length);
    expect(imports.some(({ dynamic }) => dynamic)).toBe(true);
    const paths = new Set(SOURCES.map(({ path }) => path));
    const dangling = SOURCES.filter(({ path }) => !path.startsWith('test/architecture'))
      .flatMap((source) => importsOf(source).flatMap(({ specifier }) => targetOf(source.path, specifier) ?? []))
      .filter((target) => target.endsWith('.ts') && !paths.has(target));
    expect(dangling).toEqual([]);
  });
  it('is code: quotes in comments and comment signs in strings do not confuse it', () => {
    expect(codeOnly("a('it\\'s // not'); // don't\nb;").replace(/ +/g, ' ')).toBe("a(' '); \nb;");
    expect(codeOnly('x = `a // c`; /* `\n */ y;')).toContain('y;');
  });
});
