// node tools/rehearse.mjs <config> [defence|clean|alie|labels]…: rehearses a simulation (simulations/rehearsal.ts: no masks, no sockets,
// same data, attackers, filters, monitor and rule) under variants, and prints a line of JSON for each. The rows of
// docs/robustness-results.md come from it.

import { loadSimulationConfig, rehearse } from '../dist/simulations/index.js';
import { comparisons, withPlainMean } from '../dist/simulations/variants.js';

const [file, ...names] = process.argv.slice(2);
const config = loadSimulationConfig(file);
const attackers = config.fleet.malicious.reduce((sum, { who }) => sum + (who.count ?? who.clients.length), 0);
const grouped = (name) =>
  comparisons(config).find(
    ({ task }) => task.profile === 'grouped' && task.integrity === 'none' && task.rule.name === name,
  );
const open = () => {
  const { task } = config;
  const masked = { ...task.windows.masked, count: { ...task.windows.masked.count, min: 2 * attackers + 1 } };
  return {
    ...config,
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
const attacked = (attack) => ({
  ...config,
  fleet: { ...config.fleet, malicious: [{ who: { count: attackers }, attack }] },
});
const VARIANTS = {
  sketch: () => config,
  clean: () => ({ ...config, fleet: { ...config.fleet, malicious: [] } }),
  mean: () => withPlainMean(config),
  'open-median': open,
  'grouped-median': () => grouped('median'),
  'grouped-nnm': () => grouped('trimmed-mean'),
  alie: () => attacked({ kind: 'alie', z: 1.5, knowledge: 'full' }),
  labels: () => ({ ...config, data: { ...config.data, partition: { kind: 'labels', perClient: 2 } } }),
  'labels-clean': () => ({ ...VARIANTS.labels(), fleet: { ...config.fleet, malicious: [] } }),
};
for (const name of names.length > 0 ? names : Object.keys(VARIANTS)) {
  const variant = VARIANTS[name]?.();
  if (variant === undefined)
    throw new RangeError(`${name} is none of ${Object.keys(VARIANTS).join(', ')}, or does not fit the configuration`);
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
