// node tools/rehearse.mjs <config> [defence][:scene]…: rehearses a simulation (simulations/rehearsal.ts: no masks, no sockets, same data,
// attackers, filters, monitor and rule) under defences, and prints a line of JSON for each. Without a defence: the task's own. Scenes:
// clean (nobody malicious), alie (all attackers do that), labels (two classes a client), labels-clean. The rows of
// docs/robustness-results.md come from it.

import { loadSimulationConfig, rehearse } from '../dist/simulations/index.js';
import { comparisons, withPlainMean } from '../dist/simulations/variants.js';

const [file, ...names] = process.argv.slice(2);
const config = loadSimulationConfig(file);
const attackers = config.fleet.malicious.reduce((sum, { who }) => sum + (who.count ?? who.clients.length), 0);
const withMalicious = (base, malicious) => ({ ...base, fleet: { ...base.fleet, malicious } });
const sorted = (base) => ({ ...base, data: { ...base.data, partition: { kind: 'labels', perClient: 2 } } });
const SCENES = {
  '': (base) => base,
  clean: (base) => withMalicious(base, []),
  alie: (base) =>
    withMalicious(base, [{ who: { count: attackers }, attack: { kind: 'alie', z: 1.5, knowledge: 'full' } }]),
  labels: sorted,
  'labels-clean': (base) => withMalicious(sorted(base), []),
};

const grouped = (name) => (base) =>
  comparisons(base).find(
    ({ task }) => task.profile === 'grouped' && task.integrity === 'none' && task.rule.name === name,
  );
const open = (base) => {
  const { task } = base;
  const masked = { ...task.windows.masked, count: { ...task.windows.masked.count, min: 2 * attackers + 1 } };
  return {
    ...base,
    task: {
      ...task,
      profile: 'open',
      integrity: 'none',
      rule: { name: 'median', faulty: attackers },
      group: { ...task.group, colluders: 0 },
      windows: { ...task.windows, masked },
    },
  };
};
const DEFENCES = {
  '': (base) => base,
  mean: withPlainMean,
  'open-median': open,
  'grouped-median': grouped('median'),
  'grouped-nnm': grouped('trimmed-mean'),
};

for (const name of names.length > 0 ? names : [':']) {
  const [defence, scene = ''] = name.split(':');
  const variant = DEFENCES[defence]?.(SCENES[scene]?.(config) ?? config);
  if (variant === undefined || SCENES[scene] === undefined)
    throw new RangeError(
      `${name} is no defence of ${Object.keys(DEFENCES).join(' ')} with a scene of ${Object.keys(SCENES).join(' ')}, or does not fit the configuration`,
    );
  const rounds = await rehearse(variant, {
    workers: 1,
    onRound: ({ round, accuracy }) => process.stderr.write(`${name} ${round} ${accuracy.toFixed(4)}\n`),
  });
  const lines = rounds.map(({ round, accuracy, excluded, quarantined }) => ({
    round,
    accuracy,
    excluded: excluded.map(({ client, why }) => `${client}: ${why}`),
    quarantined,
  }));
  process.stdout.write(`${JSON.stringify({ variant: name, final: rounds.at(-1)?.accuracy, rounds: lines })}\n`);
}
