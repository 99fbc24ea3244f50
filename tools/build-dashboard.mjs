// Bundles the dashboard into dist/server/dashboard/public, where the coordinator serves it from: compiled code in, four files out. Run by
// tools/setup.mjs and `npm run build`, so that users of the package need no build step. Does nothing where it is up to date.
// Not here: compiling (tsc -b), the page itself (server/dashboard).

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const page = 'server/dashboard/page';
const compiled = 'dist/server/dashboard';
const out = join(compiled, 'public');

/** What must be newer than nothing: everything the bundle is made of. */
function stale(root) {
  const made = join(root, out, 'app.js');
  if (!existsSync(made)) return true;
  const since = statSync(made).mtimeMs;
  const sources = [compiled, page].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => /\.(js|css|html|svg)$/.test(name))
      .map((name) => join(root, folder, name)),
  );
  return sources.some((file) => statSync(file).mtimeMs > since);
}

/** @returns whether anything was made @throws where the compiled sources are missing or esbuild refuses them */
export async function buildDashboard(root) {
  if (!stale(root)) return false;
  const { build } = await import('esbuild');
  const options = {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    write: false,
    outdir: out,
    format: 'esm',
    target: ['chrome120', 'firefox121', 'safari17'],
    legalComments: 'none',
    logLevel: 'silent',
  };
  const script = await build({ ...options, entryPoints: { app: join(compiled, 'main.js') } });
  const chart = dirname(fileURLToPath(import.meta.resolve('uplot')));
  const css = readFileSync(join(chart, 'uPlot.min.css'), 'utf8') + readFileSync(join(root, page, 'app.css'), 'utf8');
  const style = await build({
    ...options,
    stdin: { contents: css, loader: 'css', resolveDir: root },
    entryPoints: undefined,
  });
  mkdirSync(join(root, out), { recursive: true });
  for (const name of ['index.html', 'icon.svg']) copyFileSync(join(root, page, name), join(root, out, name));
  writeFileSync(join(root, out, 'app.css'), style.outputFiles[0].contents);
  // Last: its time says when all of it was made.
  writeFileSync(join(root, out, 'app.js'), script.outputFiles[0].contents);
  return true;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  await buildDashboard(fileURLToPath(new URL('..', import.meta.url)));
