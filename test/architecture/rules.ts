// The rules that the compiler cannot hold, each a function from sources to complaints. Applied in architecture.test.ts.
// Not here: the arrows that project references hold anyway are repeated on purpose, since a reference is added in a second.

import { codeOnly, importsOf, type Source, targetOf, withoutComments } from './source.js';

export type Complaint = string;
export type Rule = (sources: readonly Source[]) => Complaint[];

/** Areas from the most to the least specific path, with the areas each may import. */
const AREAS = [
  { area: 'protocol/native', may: ['protocol'] },
  { area: 'protocol', may: [] },
  { area: 'client/node', may: ['protocol', 'protocol/native', 'client'] },
  { area: 'client/tfjs', may: ['protocol', 'client'] },
  { area: 'client', may: ['protocol'] },
  {
    area: 'server/cli',
    may: ['protocol', 'protocol/native', 'client', 'client/node', 'client/tfjs', 'server', 'simulations'],
  },
  // Types alone reach the page: whatever runs would be bundled into it, and node: with it.
  { area: 'server/dashboard', may: ['server'] },
  { area: 'server', may: ['protocol', 'protocol/native'] },
  { area: 'simulations', may: ['protocol', 'protocol/native', 'client', 'client/node', 'client/tfjs', 'server'] },
  { area: 'test', may: '*' },
  { area: 'bench', may: '*' },
] as const;

const areaOf = (path: string) => AREAS.find(({ area }) => path.startsWith(`${area}/`));

export const arrows: Rule = (sources) =>
  sources.flatMap((source) => {
    const own = areaOf(source.path);
    if (own === undefined || own.may === '*') return [];
    const may: readonly string[] = own.may;
    return importsOf(source).flatMap(({ specifier }) => {
      const target = targetOf(source.path, specifier);
      if (target === undefined) return [];
      const other = areaOf(target)?.area ?? 'the root';
      return other === own.area || may.includes(other)
        ? []
        : [`${source.path} imports ${target}: ${own.area} may not import ${other}`];
    });
  });

/** What `protocol/` may import beside itself. */
const PROTOCOL_PACKAGES = [/^@noble\//];

/** No world in the core (H1): native is the one adapter. */
const FORBIDDEN_IN_CORE: readonly (readonly [RegExp, string])[] = [
  [/\basync\b/, 'async'],
  [/\bawait\b/, 'await'],
  [/\bDate\b/, 'Date'],
  [/\bMath\s*\.\s*random\b/, 'Math.random'],
  [/\bperformance\b/, 'performance'],
  [/(?<![.\w])process\b(?!\s*[?]?:)/, 'process'],
  [/\bBuffer\b/, 'Buffer'],
  [/\bglobalThis\b/, 'globalThis'],
  [/\bset(Timeout|Interval|Immediate)\b/, 'a timer'],
  [/\bconsole\b/, 'console'],
];

export const pureCore: Rule = (sources) =>
  sources.filter(inCore).flatMap((source) => {
    const code = codeOnly(source.text);
    const names = FORBIDDEN_IN_CORE.filter(([pattern]) => pattern.test(code)).map(
      ([, name]) => `${source.path} uses ${name}`,
    );
    const imports = importsOf(source)
      .filter(({ specifier, typeOnly }) => !typeOnly && targetOf(source.path, specifier) === undefined)
      .filter(({ specifier }) => !PROTOCOL_PACKAGES.some((pattern) => pattern.test(specifier)))
      .map(({ specifier }) => `${source.path} imports ${specifier}`);
    return [...names, ...imports];
  });

/**
 * A module-level `let`, or a module-level collection that somebody fills: state that outlives a round and is shared by all of them.
 * Tables are fine: a collection that only its initialiser fills. A cache must say `// cache:` and why it cannot leak on its line.
 */
export const noModuleState: Rule = (sources) =>
  sources.filter(inCore).flatMap((source) => {
    const code = codeOnly(source.text);
    const lines = source.text.split('\n');
    const excused = (index: number): boolean => {
      const line = code.slice(0, index).split('\n').length - 1;
      return /\/\/ cache:/.test(`${lines[line - 1] ?? ''}\n${lines[line] ?? ''}`);
    };
    const complaints: Complaint[] = [];
    for (const { 1: name, index } of code.matchAll(/^(?:export )?(?:let|var) (\w+)/gm)) {
      if (!excused(index)) complaints.push(`${source.path} has the module-level variable ${name}`);
    }
    for (const { 1: name, index } of code.matchAll(
      /^(?:export )?const (\w+)[^=\n]*= (?:new (?:Weak)?(?:Map|Set)\b|\[|new Array\b)/gm,
    )) {
      const filled = new RegExp(
        `\\b${name}\\s*\\.\\s*(?:set|add|delete|clear|push|pop|splice|shift|unshift|fill)\\s*\\(`,
      );
      if (filled.test(code) && !excused(index))
        complaints.push(`${source.path} changes the module-level collection ${name}`);
    }
    return complaints;
  });

/** `node:` outside the Node parts of the client; the trainer may, by dynamic import, behind a check of its own. */
export const noNodeInClient: Rule = (sources) =>
  sources
    .filter(({ path }) => path.startsWith('client/') && !path.startsWith('client/node/'))
    .flatMap((source) =>
      importsOf(source)
        .filter(({ specifier, dynamic, typeOnly }) => {
          if (typeOnly || !(specifier.startsWith('node:') || specifier === 'ws')) return false;
          return !(dynamic && source.path.startsWith('client/tfjs/'));
        })
        .map(({ specifier }) => `${source.path} imports ${specifier}: only client/node may`),
    );

/** TensorFlow.js stays in the trainer: everybody else must work without it. */
export const tensorFlowInTrainerOnly: Rule = (sources) =>
  sources
    .filter(({ path }) => !/^(client\/tfjs|test|bench)\//.test(path))
    .flatMap((source) =>
      importsOf(source)
        .filter(({ specifier }) => specifier.startsWith('@tensorflow/'))
        .map(({ specifier }) => `${source.path} imports ${specifier}: only client/tfjs may`),
    );

/** Cycles of imports that run: types are gone by then. One complaint for each cycle found. */
export const noCycles: Rule = (sources) => {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source)
        .filter(({ typeOnly, dynamic }) => !typeOnly && !dynamic)
        .flatMap(({ specifier }) => targetOf(source.path, specifier) ?? []),
    ]),
  );
  const complaints: Complaint[] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) complaints.push(`import cycle: ${[...trail.slice(start), path].join(' → ')}`);
    if (start >= 0 || finished.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return complaints;
};

const MAX_SOURCE_LINES = 500;
const MAX_TEST_LINES = 800;

export const shortFiles: Rule = (sources) =>
  sources.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length;
    const limit = path.startsWith('test/') ? MAX_TEST_LINES : MAX_SOURCE_LINES;
    // A WASM module as text has no lines that anybody reads.
    return lines > limit ? [`${path} has ${lines} lines, more than ${limit}: split it by subject`] : [];
  });

/** What the file is, before anything else. */
export const firstComment: Rule = (sources) =>
  sources
    .filter(({ text }) => !/^(#![^\n]*\n)?(\/\/ ?\S.{15,}|\/\*\*?\s*\S)/.test(text))
    .map(({ path }) => `${path} does not start by saying what it is`);

/** Holes in the types, and promises to finish later. A test may expect an error of the compiler: that is a claim. */
export const noLooseEnds: Rule = (sources) =>
  sources.flatMap(({ path, text }) => {
    const code = withoutComments(text);
    const comments = text.replace(/[\s\S]/g, (char, i: number) => (char === code[i] ? ' ' : char));
    const complaints: Complaint[] = [];
    if (/\bas any\b|:\s*any\b|<any>/.test(codeOnly(text)) && !path.startsWith('test/architecture/'))
      complaints.push(`${path} uses any`);
    if (/@ts-(?:ignore|nocheck)/.test(comments) || (/@ts-expect-error/.test(comments) && !path.startsWith('test/'))) {
      complaints.push(`${path} silences the compiler`);
    }
    if (/\b(?:TODO|FIXME|XXX)\b/.test(comments)) complaints.push(`${path} has an unfinished note`);
    return complaints;
  });

/** A `!` that asserts presence says why it is safe: on its line or shortly above. */
export const assertionsExplained: Rule = (sources) =>
  sources
    .filter(({ path }) => !path.startsWith('test/'))
    .flatMap(({ path, text }) => {
      const code = codeOnly(text).split('\n');
      const lines = text.split('\n');
      return code.flatMap((line, i) => {
        if (!/[\w)\]]!(?=[.,;)\]\s[}]|$)(?!\s*==)/.test(line)) return [];
        const near = lines.slice(Math.max(0, i - 15), i + 1).join('\n');
        return near.includes('safe:') ? [] : [`${path}:${i + 1} asserts with ! and does not say why it is safe`];
      });
    });

const inCore = ({ path }: Source): boolean =>
  path.startsWith('protocol/') &&
  !path.startsWith('protocol/native/') &&
  !path.startsWith('protocol/kernels/assembly/');
