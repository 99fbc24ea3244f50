// What the records of each client have paid by its own ledger, client by client. Pure, from reports.
// Not here: prices (protocol/privacy), the privacy of whole clients (table.ts).

import type { SimulationReport } from '../../simulations/report.js';
import { spent } from './format.js';
import { ranges } from './outcome.js';

/** Clients by ε, dearest first. Empty where training is not private. */
export function spentLines({ roster, config }: SimulationReport): string[] {
  const { dpSgd } = config.task.training as { readonly dpSgd?: { readonly noise?: string } };
  const { recordBudget } = config.fleet;
  if (dpSgd === undefined || recordBudget === undefined) return [];
  const clients = new Map<string, number[]>();
  for (const [position, { epsilon }] of roster.entries()) {
    if (epsilon === undefined) continue;
    const told = spent(epsilon, 2);
    clients.set(told, [...(clients.get(told) ?? []), position]);
  }
  const { delta, epsilon: budget } = recordBudget;
  const arithmetic = dpSgd.noise === 'float' ? 'float noise, so for ideal real arithmetic' : 'exact integer noise';
  return [
    `ε that each client's records have paid by its own ledger (δ = ${delta}, budget ${budget}, a record added or removed, RDP; ${arithmetic})`,
    ...[...clients]
      .sort(([a], [b]) => Number(b) - Number(a))
      .map(([epsilon, positions]) => `  ε = ${epsilon}: client ${ranges(positions)}`),
  ];
}
