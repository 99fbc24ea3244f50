// A plan as sentences, tables and curves, in the shapes of server/report: the terminal and the page show the same. Not here: numbers (plan.ts).

import type { Cell, LineChart, Table } from '../../report/index.js';
import { percent } from '../format.js';
import type { Plan } from './plan.js';

export interface PlanView {
  readonly title: string;
  readonly sentences: readonly string[];
  readonly tables: readonly Table[];
  readonly curves: readonly LineChart[];
}

/** Three significant digits, in words a table can hold. */
export const short = (value: number): string =>
  Number.isFinite(value) ? (value >= 1000 || value < 0.001 ? value.toExponential(2) : value.toPrecision(3)) : '∞';

export function viewOf(plan: Plan): PlanView {
  const { setting, unit, worst } = plan;
  return {
    title: `Privacy plan: ε = ${short(worst.epsilon)} for each ${unit}`,
    sentences: sentencesOf(plan),
    tables: [
      {
        caption: `ε against rounds (z = ${short(plan.noiseMultiplier)})`,
        head: ['rounds', 'ε (RDP)', 'order', unit === 'client' ? 'Gaussian equivalent' : 'ε (PLD)'],
        rows: plan.byRounds.map(({ rounds, epsilon, order, tight }) => [rounds, short(epsilon), order, short(tight)]),
      },
      {
        caption: `ε against noise, ${setting.rounds} rounds`,
        head: ['z', 'ε (RDP)', 'noise on the mean ÷ update'],
        rows: plan.byMultiplier.map(({ noiseMultiplier, epsilon, noiseNorm }) => [
          short(noiseMultiplier),
          short(epsilon),
          short(noiseNorm / plan.utility.signalNorm),
        ]),
      },
      {
        caption: 'noise against the cohort (ε stays as it is)',
        head: ['clients', 'groups', 'norm of the noise on the mean', 'update ÷ noise'],
        rows: plan.byCohort.map(({ clients, groups, noiseNorm, ratio }): Cell[] => [
          clients,
          groups === 0 ? null : groups,
          short(noiseNorm),
          short(ratio),
        ]),
      },
      ...(plan.byLosses.length === 0
        ? []
        : [
            {
              caption: `ε against losses in a group, ${setting.rounds} rounds`,
              head: ['lost', 'realised z', 'ε (RDP)'],
              rows: plan.byLosses.map(({ lost, opened, multiplier, epsilon }): Cell[] => [
                lost,
                opened ? short(multiplier) : null,
                epsilon === null ? 'not opened' : short(epsilon),
              ]),
            },
          ]),
    ],
    curves: curvesOf(plan),
  };
}

function sentencesOf(plan: Plan): string[] {
  const { setting, unit, observer, worst, best, utility, fallBack, sketch, ceiling } = plan;
  const neighbours = setting.placement === 'record' ? 'add-or-remove' : setting.neighbours;
  const sampling = setting.placement === 'record' ? 'secret coins of the client' : 'none claimed';
  const arithmetic =
    setting.placement === 'record' && setting.arithmetic === 'real' ? 'real (floats)' : 'exact integers';
  return [
    `Protects each ${unit} (${neighbours}) against: ${observer}. Placement ${setting.placement}, sampling ${sampling}, noise ${arithmetic}.`,
    `At worst ε = ${short(worst.epsilon)} at δ = ${setting.delta} after ${setting.rounds} rounds (RDP, order ${worst.order})${unit === 'client' ? `; if nobody is lost ${short(best.epsilon)}` : ''}. ${unit === 'client' ? 'Gaussian equivalent' : 'By PLD'} ${short(worst.tight)}: for comparison${unit === 'client' ? ', not the guarantee' : ', valid for a schedule fixed in advance'}.`,
    ...(plan.roundsWithinBudget === undefined
      ? []
      : [
          `A budget of ε = ${setting.epsilon} lets ${plan.roundsWithinBudget} rounds in; the next is refused before it starts.`,
        ]),
    `Noise on the mean of ${setting.clients} clients has norm ${short(utility.noiseNorm)} (${short(utility.noisePerCoordinate)} for each of ${setting.dimension} coordinates); the update's norm is at most ${short(utility.signalNorm)}${setting.placement === 'record' ? ' in units of the learning rate' : ''}. That is ${short(utility.ratio)} : 1 in a round, ${short(utility.ratioOverRounds)} : 1 over ${setting.rounds} rounds that agree.`,
    ...(fallBack === undefined
      ? []
      : [
          `If the secure sum itself is broken, a client's own share is left: z = ${short(fallBack.multiplier)}, ε = ${short(fallBack.epsilon)}.`,
        ]),
    ...(sketch === undefined
      ? []
      : [
          `Verified sketches cost as a release of z = ${short(sketch.strictMultiplier)} (strict; ${short(sketch.multiplier)} on average); together with the sum z = ${short(sketch.totalMultiplier)}.`,
        ]),
    ...(ceiling === undefined
      ? []
      : [
          `Of malicious clients that obey clip and noise no test finds more than ${percent(ceiling.oneRound)} in one round at 5 % false alarms, ${percent(ceiling.allRounds)} over ${setting.rounds} rounds.`,
        ]),
  ];
}

function curvesOf(plan: Plan): LineChart[] {
  const { byRounds, byMultiplier, setting } = plan;
  return [
    {
      title: 'ε against rounds',
      description: 'The bound by RDP and the tight value, after each number of rounds of the table.',
      x: { name: 'rounds', values: byRounds.map(({ rounds }) => rounds) },
      y: { name: 'ε', min: 0 },
      series: [
        { name: 'RDP', values: byRounds.map(({ epsilon }) => epsilon) },
        { name: 'tight', values: byRounds.map(({ tight }) => tight) },
      ],
    },
    {
      title: `ε against the noise multiplier, ${setting.rounds} rounds`,
      description: 'More noise, smaller ε; the table beside has what it does to the mean.',
      x: { name: 'z', values: byMultiplier.map(({ noiseMultiplier }) => short(noiseMultiplier)) },
      y: { name: 'ε', min: 0 },
      series: [{ name: 'RDP', values: byMultiplier.map(({ epsilon }) => epsilon) }],
    },
  ];
}
