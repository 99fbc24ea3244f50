// Builds every protocol/kernels/assembly/<name>.ts into protocol/kernels/<name>.wasm.ts: the module in base64 and the hash
// of its source. The results are committed, so that neither users nor `tsc -b` need the AssemblyScript compiler.
//   node tools/build-kernels.mjs           build
//   node tools/build-kernels.mjs --check   build in memory, exit 1 where a committed file differs
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const folder = fileURLToPath(new URL('../protocol/kernels/', import.meta.url));
const check = process.argv.includes('--check');

/** One module a file. No runtime, no allocator: memory is laid out by the TypeScript side, four pages unless the source says `// pages: n`. */
async function build(name) {
  const source = readFileSync(`${folder}assembly/${name}.ts`, 'utf8');
  const pages = /^\/\/ pages: (\d+)$/m.exec(source)?.[1] ?? '4';
  const outputs = new Map();
  const { error, stderr } = await asc.main(
    [
      `${name}.ts`,
      '--outFile',
      'out.wasm',
      '--runtime',
      'stub',
      '-O3',
      '--noAssert',
      '--enable',
      'simd',
      '--initialMemory',
      pages,
    ],
    {
      readFile: (path) => (path === `${name}.ts` ? source : null),
      writeFile: (path, content) => outputs.set(path, content),
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${name}: ${error.message}\n${stderr.toString()}`);
  const wasm = Buffer.from(outputs.get('out.wasm'));
  const hash = createHash('sha256').update(source).digest('hex');
  const lines = wasm.toString('base64').match(/.{1,110}/g) ?? [];
  return { bytes: wasm.length, text: render(name, hash, lines) };
}

function render(name, hash, lines) {
  return [
    `// Made by tools/build-kernels.mjs from assembly/${name}.ts: do not edit. The module in base64, and the SHA-256 of its source.`,
    `export const SOURCE_SHA256 = '${hash}';`,
    'export const WASM_BASE64 =',
    ...lines.map((line, i) => `  '${line}'${i === lines.length - 1 ? ';' : ' +'}`),
    '',
  ].join('\n');
}

let stale = 0;
for (const file of readdirSync(`${folder}assembly`).sort()) {
  if (!file.endsWith('.ts')) continue;
  const name = file.slice(0, -3);
  const target = `${folder}${name}.wasm.ts`;
  const { bytes, text } = await build(name);
  const current = existsSync(target) ? readFileSync(target, 'utf8') : '';
  const verdict = current === text ? 'unchanged' : check ? 'STALE' : 'written';
  if (current !== text) {
    stale++;
    if (!check) writeFileSync(target, text);
  }
  console.log(`${name}: ${bytes} bytes, ${verdict}`);
}
process.exitCode = check && stale > 0 ? 1 : 0;
