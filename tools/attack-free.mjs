// npm run attack-free -- --rounds 500: an honest fleet through the real pipeline (simulations/attack-free.ts); --rehearsed: without masks
// and messages. One JSON value on stdout, progress on stderr; exits with 1 where honest clients were punished more often than the
// monitor may.

import { parseArgs } from 'node:util';
import { runAttackFree } from '../dist/simulations/attack-free.js';
import { rehearseAttackFree } from '../dist/simulations/attack-free-rehearsed.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '500' },
    clients: { type: 'string', default: '16' },
    alpha: { type: 'string', default: '0.5' },
    seed: { type: 'string', default: '1' },
    dropouts: { type: 'string', default: '1' },
    rehearsed: { type: 'boolean', default: false },
  },
});
const { rehearsed, ...texts } = values;
const options = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number(text)]));
const bad = Object.entries(options).find(([, value]) => !Number.isFinite(value) || value < 0);
if (bad !== undefined) {
  process.stderr.write(`--${bad[0]} must be a number of at least 0\n`);
  process.exit(2);
}
const result = await (rehearsed ? rehearseAttackFree : runAttackFree)({
  ...options,
  onRound: (round) => round % 20 === 0 && process.stderr.write(`round ${round} of ${options.rounds}\n`),
});
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
const held = result.quarantines.length <= 1 && result.bans === 0 && result.committed === options.rounds;
process.exit(held ? 0 : 1);
