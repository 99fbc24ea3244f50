// npm run size: what a page loads of the client core, and what is in it. Not here: the gate (test/client/bundle.test.ts).
import { join, relative } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

async function bundle(entry, lazy) {
  const outside = [];
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
    logLevel: 'error',
    plugins: [
      {
        name: 'dynamic imports stay out',
        setup({ onResolve }) {
          onResolve({ filter: /./ }, ({ path, kind, resolveDir }) => {
            if (kind !== 'dynamic-import' || lazy) return undefined;
            outside.push(relative('.', join(resolveDir, path)));
            return { path, external: true };
          });
        },
      },
    ],
  });
  const { contents } = outputFiles[0];
  return { contents, inputs: Object.values(metafile.outputs)[0].inputs, outside };
}
const gz = (bytes) => gzipSync(bytes, { level: 9 }).length;
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

const core = await bundle('dist/client/index.js', false);
const browser = await bundle('dist/client/browser/index.js', false);
console.log(
  `sotto/client: ${kb(gz(core.contents))} gzip, ${kb(brotliCompressSync(core.contents).length)} brotli, ${kb(core.contents.length)} minified`,
);
console.log(`sotto/client/browser alone: ${kb(gz(browser.contents))} gzip (shares most of it with sotto/client)`);
for (const path of new Set(core.outside)) {
  const part = await bundle(path, true);
  console.log(`loaded only where needed: ${path}, ${kb(gz(part.contents))} gzip by itself`);
}
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
