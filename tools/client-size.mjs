// npm run size: what a page loads of the client core, and what is in it. Not here: the gate (test/client/bundle.test.ts).
import { join, relative } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const shared = {
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  write: false,
  logLevel: 'error',
};
const outside = (found) => ({
  name: 'dynamic imports stay out',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ path, kind, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      found.push(relative('.', join(resolveDir, path)));
      return { path, external: true };
    });
  },
});

async function bundle(entry) {
  const found = [];
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    ...shared,
    metafile: true,
    plugins: [outside(found)],
  });
  const { contents } = outputFiles[0];
  return { contents, inputs: Object.values(metafile.outputs)[0].inputs, outside: [...new Set(found)] };
}
const gz = (bytes) => gzipSync(bytes, { level: 9 }).length;
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

const core = await bundle('dist/client/index.js');
const browser = await bundle('dist/client/browser/index.js');
console.log(
  `sotto/client: ${kb(gz(core.contents))} gzip, ${kb(brotliCompressSync(core.contents).length)} brotli, ${kb(core.contents.length)} minified`,
);
console.log(`sotto/client/browser alone: ${kb(gz(browser.contents))} gzip (shares most of it with sotto/client)`);

/** What the parts of one kind of task add to the core, as one file. */
async function beside(...parts) {
  const { outputFiles } = await build({
    stdin: {
      contents: ['dist/client/index.js', ...parts].map((path) => `export * from './${path}';`).join('\n'),
      resolveDir: '.',
    },
    ...shared,
    plugins: [outside([])],
  });
  return gz(outputFiles[0].contents) - gz(core.contents);
}
const [CLAUSE, KERNELS] = ['dist/protocol/clauses', 'dist/protocol/kernels/wasm.js'];
const kinds = {
  'a model of 16,384 parameters and more (WebAssembly)': [KERNELS],
  'verified sketches (profile sketch)': [`${CLAUSE}/sketches.js`, 'dist/protocol/sketch/work.js'],
  'noise of clients: plan, accounts, samplers': [`${CLAUSE}/noise.js`, 'dist/protocol/secagg/noised.js'],
  'a rule other than the mean (grouped, open)': [`${CLAUSE}/rules.js`],
  'a server optimiser other than FedAvg': [`${CLAUSE}/optimizers.js`],
  'record-level privacy (DP-SGD): accounts': ['dist/client/record-accounts.js'],
  'a policy that takes signed roll-backs': ['dist/client/chain/roll-back.js'],
  'a coordinator that has had another key': ['dist/client/hand-over.js'],
  'no Ed25519 or X25519 in the runtime: curves': ['dist/protocol/crypto/portable.js'],
  'no crypto.subtle (plain http): AES': ['dist/protocol/crypto/portable-keystream.js'],
};
console.log('\nbeside it, before the first round of a task that has:');
for (const [kind, parts] of Object.entries(kinds)) console.log(`${kb(await beside(...parts)).padStart(8)}  ${kind}`);
const all = await beside(...new Set(Object.values(kinds).flat()));
console.log(`${kb(all).padStart(8)}  all of these`);
const known = new Set(Object.values(kinds).flat());
const unknown = core.outside.filter((path) => !known.has(path));
if (unknown.length > 0) throw new Error(`lazy, and in no line above: ${unknown.join(', ')}`);

const areas = {};
for (const [path, { bytesInOutput }] of Object.entries(core.inputs)) {
  const area =
    /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ??
    path
      .replace(/^dist\//, '')
      .split('/')
      .slice(0, 2)
      .join('/')
      .replace(/\/[^/]+\.js$/, '');
  areas[area] = (areas[area] ?? 0) + bytesInOutput;
}
console.log('\nminified bytes by part:');
for (const [area, bytes] of Object.entries(areas).sort(([, a], [, b]) => b - a))
  console.log(`${String(bytes).padStart(7)}  ${area}`);
