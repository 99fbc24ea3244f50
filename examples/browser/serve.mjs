// npm run example:browser: bundles the page, serves it under a strict Content-Security-Policy and starts the federation it joins.
// Not here: the federation (federation.mjs), the page (public/). For your own app any bundler and server will do.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { MODEL, POLICY, startFederation, TASK } from './federation.mjs';

const PUBLIC = fileURLToPath(new URL('./public/', import.meta.url));
const WASM = dirname(fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm')));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.bin': 'application/octet-stream',
  '.svg': 'image/svg+xml',
};

/** Scripts from here alone, WebAssembly but no eval, sockets to the coordinator alone. */
export const policyFor = (socket) =>
  [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${socket}`,
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

/** Modules with lazily loaded parts as files of their own. @returns name → bytes */
export async function bundle(entryPoints) {
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    outdir: '/',
    entryNames: '[name]',
    chunkNames: 'part-[hash]',
    write: false,
    logLevel: 'error',
    // Node's branch of the wasm backend's loader, which a browser never takes.
    external: ['worker_threads', 'perf_hooks', 'os', 'fs', 'path', 'crypto', 'util', 'string_decoder'],
  });
  return new Map(outputFiles.map(({ path, contents }) => [path.replace(/^.*[\\/]/, '/'), Buffer.from(contents)]));
}

/** A shard as bytes: 784 for each picture, then one for each label. */
function packed({ inputs, labels, rows }) {
  const all = rows ?? Uint32Array.from(labels.keys());
  const out = new Uint8Array(785 * all.length);
  all.forEach((row, i) => {
    out.set(inputs.subarray(784 * row, 784 * (row + 1)), 784 * i);
    out[784 * all.length + i] = labels[row];
  });
  return Buffer.from(out);
}

/** Serves `files` (path → bytes) and, behind them, the public folder and the wasm backend. @returns the address, and `close` */
export async function serve(files, socket, port = 0) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const name = path === '/' ? '/index.html' : path;
    try {
      if (!/^(\/[\w-]+(\.[\w-]+)*)+$/.test(name)) throw new Error('no such path');
      const found =
        files.get(name) ?? (await readFile(name.startsWith('/wasm/') ? join(WASM, name.slice(6)) : join(PUBLIC, name)));
      response.writeHead(200, {
        'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
        'content-security-policy': policyFor(socket),
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
      response.end(found);
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' });
      response.end('There is nothing here.');
    }
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${server.address().port}/`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The whole example. @param options as of startFederation, and `port` of the page */
export async function startExample({ port = 0, ...options } = {}) {
  const federation = await startFederation(options);
  const { coordinator, shards, test } = federation;
  const files = await bundle([join(PUBLIC, '../page/app.js'), join(PUBLIC, '../page/worker.js')]);
  for (const [i, one] of shards.entries()) files.set(`/shards/${i}.bin`, packed(one));
  files.set('/shards/test.bin', packed(test));
  const about = {
    url: coordinator.url,
    coordinator: coordinator.id,
    task: TASK,
    model: MODEL,
    policy: POLICY,
    shards: shards.length,
  };
  files.set('/federation.json', Buffer.from(JSON.stringify(about)));
  const page = await serve(files, coordinator.url, port);
  return {
    url: page.url,
    federation,
    async stop() {
      await page.close();
      await federation.stop();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const example = await startExample({ port: Number(process.env.PORT ?? 8080) });
  const { coordinator, clients } = example.federation;
  console.log(
    `${clients.length} clients in Node are waiting for one more. Open ${example.url} (and again in another browser or profile).`,
  );
  coordinator.on('round', ({ round, outcome, survivors, seconds }) =>
    console.log(`round ${round}: ${outcome.type}, ${survivors.length} updates in the sum, ${seconds.toFixed(1)} s`),
  );
  process.once('SIGINT', () => example.stop().then(() => process.exit(0)));
}
