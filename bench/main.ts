// `npm run bench`: runs the benches whose names are given (all without names) and prints one table each.
//   npm run bench -- --list          names and titles
//   npm run bench -- crypto --json   one JSON object on stdout: {machine, benches: [{name, title, rows}]}
// Exit code 0 when everything ran, met or not (the machine may be busy); 1 with --strict if a target was missed; 2 for an
// unknown name or option.
import { arch, availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { aggregateBench } from './aggregate.js';
import { clientBench } from './client.js';
import { cryptoBench } from './crypto.js';
import { dpsgdBench } from './dpsgd.js';
import type { Bench, Row } from './harness.js';
import { kernelsBench } from './kernels.js';
import { noiseBench } from './noise.js';
import { secaggBench } from './secagg.js';
import { sketchBench } from './sketch.js';
import { training } from './training.js';
import { wireBench } from './wire.js';

const BENCHES: readonly Bench[] = [
  cryptoBench,
  kernelsBench,
  wireBench,
  secaggBench,
  clientBench,
  sketchBench,
  noiseBench,
  aggregateBench,
  training,
  dpsgdBench,
];

interface Result {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

const machine = (): string =>
  `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${arch()}, Node ${process.versions.node}`;

/** Three significant digits, without exponents. */
function figure(value: number): string {
  const digits = value === 0 ? 2 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

function table(rows: readonly Row[]): string {
  const cells = rows.map((one) => [
    one.what,
    figure(one.value),
    one.unit,
    one.target === undefined ? '' : `${one.target} ${one.met ? 'met' : 'MISSED'}`,
  ]);
  const width = [0, 1, 2].map((column) => Math.max(...cells.map((cell) => cell[column]?.length ?? 0)));
  return cells
    .map(([what = '', value = '', unit = '', target = '']) =>
      `  ${what.padEnd(width[0] ?? 0)}  ${value.padStart(width[1] ?? 0)} ${unit.padEnd(width[2] ?? 0)}  ${target}`.trimEnd(),
    )
    .join('\n');
}

async function main(): Promise<number> {
  const options = { json: { type: 'boolean' }, list: { type: 'boolean' }, strict: { type: 'boolean' } } as const;
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
  const { values, positionals } = parsed;
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    console.error(`no bench named ${unknown.join(', ')}; there are: ${BENCHES.map((bench) => bench.name).join(', ')}`);
    return 2;
  }
  if (values.list) {
    for (const { name, title } of BENCHES) console.log(`${name.padEnd(12)} ${title}`);
    return 0;
  }
  const chosen = BENCHES.filter((bench) => positionals.length === 0 || positionals.includes(bench.name));
  if (!values.json) console.log(machine());
  const results: Result[] = [];
  for (const { name, title, run } of chosen) {
    if (!values.json) console.log(`\n${name}: ${title}`);
    const rows = await run();
    if (!values.json) console.log(table(rows));
    results.push({ name, title, rows });
  }
  if (values.json) console.log(JSON.stringify({ machine: machine(), benches: results }, null, 2));
  const missed = results.some(({ rows }) => rows.some((one) => one.met === false));
  return values.strict && missed ? 1 : 0;
}

process.exitCode = await main();
