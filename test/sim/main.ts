// `npm run sim`: plays worlds from seeds (simulations/world) and says what broke, as JSON on stdout.
//   npm run sim -- --seeds 2000 [--from 1]     that many seeds; stops at no violation, lists them all
//   npm run sim -- --seed 17 --replay          one seed, ten times: the same run each time; prints what it expands to
//   npm run sim -- --seed 17 --shrink          the smallest plan that still breaks in the same way, to paste into reproductions.ts
//   npm run sim -- --seed 17 --trace           every step of it, a line each, on stderr
//   npm run sim -- --planted [--seeds 300]     bugs that are there on purpose: each must be found within so many seeds
// Exit code 0 where nothing broke (or every run was the same, or enough bugs were found), 1 where not, 2 for a wrong command line.

import { parseArgs } from 'node:util';
import { type Plan, type Played, planOf, shrink, simulate } from '../../simulations/world/index.js';
import { huntAll } from './planted.js';

const HELP =
  'usage: npm run sim -- [--seeds 100] [--from 1] | --seed N [--replay | --shrink | --trace] | --planted [--seeds 300]\n';
const REPLAYS = 10;

interface Failure {
  readonly seed: number;
  readonly played: Played;
}

async function many(from: number, seeds: number): Promise<number> {
  const began = performance.now();
  const failures: Failure[] = [];
  const totals = { steps: 0, virtualHours: 0, committed: 0, void: 0, starts: 0 };
  const ops: Record<string, number> = {};
  const outcomes: Record<string, number> = {};
  for (let seed = from; seed < from + seeds; seed++) {
    const played = await simulate(planOf(seed));
    if (played.violations.length > 0) {
      failures.push({ seed, played });
      process.stderr.write(`seed ${seed}: ${played.violations.map(({ kind, text }) => `${kind}: ${text}`)[0]}\n`);
    }
    totals.steps += played.steps;
    totals.virtualHours += played.virtualMs / 3_600_000;
    totals.committed += played.committed;
    totals.void += played.void;
    totals.starts += played.starts;
    outcomes[played.outcome] = (outcomes[played.outcome] ?? 0) + 1;
    for (const [op, count] of Object.entries(played.ops)) ops[op] = (ops[op] ?? 0) + count;
    if ((seed - from + 1) % 100 === 0) process.stderr.write(`${seed - from + 1} of ${seeds}\n`);
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  print({ from, seeds, violations: failures.length, seconds, ...totals, outcomes, ops, failures });
  return failures.length === 0 ? 0 : 1;
}

async function replay(seed: number): Promise<number> {
  const plan = planOf(seed);
  const runs: Played[] = [];
  for (let i = 0; i < REPLAYS; i++) runs.push(await simulate(plan));
  const fingerprints = new Set(runs.map(({ fingerprint }) => fingerprint));
  print({ plan, same: fingerprints.size === 1, runs: runs.length, played: runs[0] });
  return fingerprints.size === 1 && runs[0]?.violations.length === 0 ? 0 : 1;
}

async function small(seed: number): Promise<number> {
  const plan = planOf(seed);
  const { violations } = await simulate(plan);
  const [first] = violations;
  if (first === undefined) {
    print({ seed, violations: 0 });
    return 0;
  }
  const shrunk = await shrink(plan, first.kind);
  print(entryOf(first.kind, shrunk.plan));
  return 1;
}

/** For the list of simulations/reproductions.ts. */
const entryOf = (found: string, plan: Plan) => ({ found, plan });

const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  let values: { [name: string]: string | boolean | undefined };
  try {
    ({ values } = parseArgs({
      options: { seeds: text, from: text, seed: text, replay: flag, shrink: flag, trace: flag, planted: flag },
    }));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${HELP}`);
    return 2;
  }
  const numbers = [values.seeds ?? 100, values.from ?? 1, values.seed ?? 0].map(Number);
  const [seeds = 0, from = 0, seed = 0] = numbers;
  if (!numbers.every(Number.isSafeInteger) || seeds < 1) {
    process.stderr.write(HELP);
    return 2;
  }
  if (values.planted === true) {
    const hunts = await huntAll(Number(values.seeds ?? 300));
    const found = hunts.filter((hunt) => hunt.found !== undefined).length;
    print({ planted: hunts.length, found, hunts });
    return found >= 0.8 * hunts.length ? 0 : 1;
  }
  if (values.seed === undefined) return many(from, seeds);
  if (values.trace === true) {
    const played = await simulate(planOf(seed), { trace: (line) => void process.stderr.write(`${line}\n`) });
    print({ plan: planOf(seed), played });
    return played.violations.length === 0 ? 0 : 1;
  }
  return values.shrink === true ? small(seed) : replay(seed);
}

process.exitCode = await main();
