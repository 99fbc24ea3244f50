// `npm run bar -- <name>`: the long bars of operations, seeded, with their result as JSON on stdout.
//   npm run bar -- kill --kills 50 --clients 200 --seed 1
// Exit code 0 where the bar holds, 1 where not, 2 for a wrong command line. Short forms run in the tests.

import { parseArgs } from 'node:util';
import { killBar } from './kill/run.js';

const HELP = 'usage: npm run bar -- kill [--kills 50] [--clients 200] [--cohort 40] [--seed 1]\n';

async function main(): Promise<number> {
  const number = { type: 'string' } as const;
  let parsed: { readonly positionals: string[]; readonly values: Record<string, string | undefined> };
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: { kills: number, clients: number, cohort: number, seed: number },
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${HELP}`);
    return 2;
  }
  const value = (name: string, otherwise: number): number => Number(parsed.values[name] ?? otherwise);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  switch (parsed.positionals[0]) {
    case 'kill': {
      const clients = value('clients', 200);
      const cohort = value('cohort', Math.min(40, clients));
      const result = await killBar({ kills: value('kills', 50), clients, cohort, seed: value('seed', 1), say });
      process.stdout.write(`${JSON.stringify({ bar: 'kill', ...result }, null, 2)}\n`);
      return result.ok && result.readyMs.worst <= 1_500 && result.continuedMs.worst <= 10_000 ? 0 : 1;
    }
    default:
      process.stderr.write(HELP);
      return 2;
  }
}

process.exitCode = await main();
