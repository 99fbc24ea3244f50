// `npm run bar -- <name>`: the long bars of operations, seeded, with their result as JSON on stdout.
//   npm run bar -- kill --kills 50 --clients 200 --seed 1
//   npm run bar -- frames --frames 300000 --seed 1
//   npm run bar -- rfc6455
// Exit code 0 where the bar holds, 1 where not, 2 for a wrong command line. Short forms run in the tests.

import { parseArgs } from 'node:util';
import { framesBar } from './frames/run.js';
import { killBar } from './kill/run.js';
import { rfc6455Bar } from './rfc6455/run.js';

const HELP = `usage: npm run bar -- kill [--kills 50] [--clients 200] [--cohort 40] [--seed 1]
       npm run bar -- frames [--frames 300000] [--seed 1]
       npm run bar -- rfc6455
`;

async function main(): Promise<number> {
  const number = { type: 'string' } as const;
  let parsed: { readonly positionals: string[]; readonly values: Record<string, string | undefined> };
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: { kills: number, clients: number, cohort: number, seed: number, frames: number },
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
    case 'frames': {
      const result = framesBar({ frames: value('frames', 300_000), seed: value('seed', 1) });
      process.stdout.write(`${JSON.stringify({ bar: 'frames', ...result }, null, 2)}\n`);
      return result.ok ? 0 : 1;
    }
    case 'rfc6455': {
      const result = await rfc6455Bar();
      process.stdout.write(`${JSON.stringify({ bar: 'rfc6455', ...result }, null, 2)}\n`);
      return result.ok ? 0 : 1;
    }
    default:
      process.stderr.write(HELP);
      return 2;
  }
}

process.exitCode = await main();
