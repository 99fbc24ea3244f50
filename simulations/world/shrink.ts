// Makes a failing plan small: leaves out operations, then makes the world and its numbers smaller, as long as the same kind of violation
// comes. Delta debugging (Zeller and Hildebrandt 2002, ddmin) over the list. Not here: playing a plan (simulate.ts).

import type { Op, Plan, Settings } from './ops.js';
import type { Seams } from './seams.js';
import { type Played, simulate } from './simulate.js';

export interface Shrunk {
  readonly plan: Plan;
  readonly played: Played;
  readonly tries: number;
}

/** @param kind of the violation that must stay @param most runs that may be spent */
export async function shrink(plan: Plan, kind: string, seams: Seams = {}, most = 300): Promise<Shrunk> {
  let best = plan;
  let played = await simulate(plan, seams);
  let tries = 0;
  const keeps = async (candidate: Plan): Promise<boolean> => {
    if (tries >= most) return false;
    tries++;
    const result = await simulate(candidate, seams);
    if (!result.violations.some((violation) => violation.kind === kind)) return false;
    best = candidate;
    played = result;
    return true;
  };
  await fewerOps(() => best, keeps);
  for (const settings of simpler(best.settings)) await keeps({ ...best, settings: { ...best.settings, ...settings } });
  for (let i = 0; i < best.ops.length; i++) await simplerOp(() => best, i, keeps);
  await fewerOps(() => best, keeps);
  return { plan: best, played, tries };
}

async function fewerOps(best: () => Plan, keeps: (plan: Plan) => Promise<boolean>): Promise<void> {
  for (let size = Math.ceil(best().ops.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best().ops.length; ) {
      const { settings, ops } = best();
      const rest = [...ops.slice(0, from), ...ops.slice(from + size)];
      if (!(await keeps({ settings, ops: rest }))) from += size;
    }
  }
}

/** Each by itself: a world with fewer rounds, no spare clients, one group, less delay. */
const simpler = (settings: Settings): readonly Partial<Settings>[] => [
  ...[1, 2, 3].filter((rounds) => rounds < settings.rounds).map((rounds) => ({ rounds })),
  { clients: settings.group.size * settings.group.count },
  { overSelection: 1 },
  { task: 'plain', loud: [] },
  { loud: [] },
  { refusesRollBack: [] },
  { privacy: false },
  { clientModels: false },
  { pauseMs: 0 },
  { latencyMs: [1, 1] },
  { diskMs: [1, 1] },
  { engineMs: [1, 1] },
  { trainMs: [10, 10] },
];

const SMALLER = ['touches', 'downMs', 'awayMs', 'forMs', 'byMs', 'byte', 'writes'] as const;

async function simplerOp(best: () => Plan, index: number, keeps: (plan: Plan) => Promise<boolean>): Promise<void> {
  const replaced = (op: Op): Plan => {
    const { settings, ops } = best();
    return { settings, ops: ops.map((one, i) => (i === index ? op : one)) };
  };
  for (const field of SMALLER) {
    for (const value of [0, 10, 1_000]) {
      const op = best().ops[index];
      const before = op === undefined ? undefined : (op as unknown as Record<string, unknown>)[field];
      if (op === undefined || typeof before !== 'number' || before <= value) continue;
      if (await keeps(replaced({ ...op, [field]: value }))) break;
    }
  }
}
