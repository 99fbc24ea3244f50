// `npm run bar -- <name>`: the long bars of operations, seeded, with their result as JSON on stdout.
//   npm run bar -- kill --kills 50 --clients 200 --seed 1
//   npm run bar -- frames --short
//   npm run bar -- all --short
// Exit code 0 where the bar holds, 1 where not, 2 for a wrong command line. Short forms also run in the tests.

import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Bar } from './bar.js';
import { BARS } from './table.js';

const usage = (): string =>
  [
    'usage: npm run bar -- <name> [--short] [--<option> <number>]; or all, one after the other',
    ...BARS.map(({ name, claims, long }) => {
      const options = Object.entries(long).map(([option, value]) => `[--${option} ${value}]`);
      return `  ${[name, ...options].join(' ')}\n      ${claims}`;
    }),
    '',
  ].join('\n');

interface Asked {
  readonly bars: readonly Bar[];
  readonly value: (bar: Bar, option: string) => number;
}

/** @throws Error with what is wrong */
function readArguments(args: readonly string[]): Asked {
  const names = [...new Set(BARS.flatMap(({ long }) => Object.keys(long)))];
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      short: { type: 'boolean' },
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' } as const])),
    },
  });
  const [name, ...rest] = positionals;
  const bars = name === 'all' ? BARS : BARS.filter((one) => one.name === name);
  if (bars.length === 0 || rest.length > 0)
    throw new Error(name === undefined ? 'which bar?' : `no bar ${positionals}`);
  const given = new Map(Object.entries(values).filter(([option]) => option !== 'short'));
  for (const [option, text] of given) {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${option} ${text} is no whole number`);
    if (bars.every(({ long }) => !(option in long))) throw new Error(`${name} has no option --${option}`);
  }
  return {
    bars,
    value: (bar, option) =>
      Number(given.get(option) ?? (values.short === true ? bar.short[option] : undefined) ?? bar.long[option]),
  };
}

async function main(): Promise<number> {
  let asked: Asked;
  try {
    asked = readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${usage()}`);
    return 2;
  }
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  let holds = true;
  for (const bar of asked.bars) {
    const began = performance.now();
    const load = loadavg()[0];
    const result = await bar.run((option) => asked.value(bar, option), say);
    holds &&= result.ok;
    const machine = {
      node: process.version,
      cores: cpus().length,
      // One-minute averages: of other work as well.
      load: [load, loadavg()[0]].map((one) => Number(one?.toFixed(1))),
      seconds: Math.round((performance.now() - began) / 1_000),
    };
    process.stdout.write(`${JSON.stringify({ bar: bar.name, ...result, machine }, null, 2)}\n`);
  }
  return holds ? 0 : 1;
}

process.exitCode = await main();
