// What the records of each client have paid by its own ledger, client by client. Pure, from reports.
// Not here: prices (protocol/privacy), the privacy of whole clients (table.ts).

import type { SimulationReport } from '../../simulations/report.js';
import { ranges } from './outcome.js';

const DIGITS = 2;
/** Rounded up: a spend is never told smaller than it is. */
const upwards = (epsilon: number): string => (Math.ceil(epsilon * 10 ** DIGITS) / 10 ** DIGITS).toFixed(DIGITS);

/** Clients by ε, dearest first. Empty where training is not private. */
export function spentLines({ roster, config }: SimulationReport): string[] {
  const { dpSgd } = config.task.training as { readonly dpSgd?: { readonly noise?: string } };
  const { recordBudget } = config.fleet;
  if (dpSgd === undefined || recordBudget === undefined) return [];
  const clients = new Map<string, number[]>();
  for (const [position, { epsilon }] of roster.entries()) {
    if (epsilon === undefined) continue;
    const spent = upwards(epsilon);
    clients.set(spent, [...(clients.get(spent) ?? []), position]);
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
