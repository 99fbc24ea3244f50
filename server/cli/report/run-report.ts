// The report of a simulated federation as blocks: curves, participation, attacks and what was done about them, privacy, comparisons,
// limits, verification, model card. Pure, from report.json. Not here: reading and writing files (command.ts), logs (log-report.ts).

import { basename } from 'node:path';
import pc from 'picocolors';
import type { TrainingSpec } from '../../../client/trainer.js';
import { headlinesOf, readingsOf, renamed } from '../../../protocol/privacy/record.js';
import { saysOf } from '../../../simulations/attack-settings.js';
import type { RedTeamReport } from '../../../simulations/redteam/report.js';
import type { RoundEntry, SimulationReport } from '../../../simulations/report.js';
import type { Declaration, SignedManifest } from '../../models/index.js';
import { type Block, barChart, lineChart } from '../../report/index.js';
import { percent, spent as roundedUp, seconds, size } from '../format.js';
import { outcomeLines, worthOf } from '../outcome.js';
import { defenceName } from '../table.js';
import { type CardWords, cardBlocks, heading, LIMITS, list, longTable, saysOfCode, table, text } from './blocks.js';
import { robustness } from './redteam.js';

export interface RunReport extends SimulationReport {
  readonly compared?: readonly SimulationReport[];
}
const plain = pc.createColors(false);

/** @param redTeams of this task @param charts drawn where true: Markdown has tables alone */
export async function runBlocks(
  report: RunReport,
  manifest: SignedManifest | undefined,
  declarations: readonly Declaration[],
  words: CardWords,
  redTeams: readonly RedTeamReport[],
  charts: boolean,
): Promise<readonly Block[]> {
  const { compared = [], malicious, rounds } = report;
  return [
    summary(report),
    tiles(report),
    heading('Learning'),
    ...(charts ? await curves(report, compared) : []),
    ...longTable(
      'Rounds',
      ['round', 'accuracy', 'loss', 'in the sum', 'invited', 'left', 'left out', 'bytes up', 'bytes down', 'time'],
      rounds.map((entry) => [
        entry.void ? `${entry.round}, void` : entry.round,
        percent(entry.accuracy),
        entry.loss.toFixed(4),
        entry.survivors.length,
        entry.cohort.length,
        entry.dropped.length,
        entry.excluded.length,
        size(entry.bytesUp),
        size(entry.bytesDown),
        seconds(entry.seconds),
      ]),
    ),
    heading('Participation'),
    ...(charts ? [await participation(rounds)] : []),
    ...participants(report),
    heading('Attacks and responses'),
    ...(malicious.length === 0
      ? [text('Nobody in this fleet was malicious.')]
      : [
          table(
            'Who attacked, and with what',
            ['client', 'attack', 'in words'],
            malicious.map(({ client, attack }) => [client, attack.kind, saysOf(attack.kind)]),
          ),
        ]),
    ...responses(report),
    ...(await robustness(redTeams, compared.length === 0 ? [] : comparison([report, ...compared]), charts)),
    heading('Privacy'),
    ...privacy(report),
    heading('Limits'),
    ...list([
      ...LIMITS[report.profile],
      'This was a simulation: all clients ran on one machine, their batches and rounding are drawn from the seed, so nothing here is evidence of privacy.',
      `Accuracy is of the coordinator's test part${report.config.data.testExamples === undefined ? '' : `, ${report.config.data.testExamples} examples of it`}; real data of real clients may behave otherwise.`,
    ]),
    heading('Verification'),
    ...list([
      `The model has hash ${report.modelHash}. Every client recomputed it from the signed chain of models, round by round.`,
      `The same settings and seed ${report.seed} give the same model on one machine.`,
      `Made with Sotto ${report.versions.sotto}, protocol ${report.versions.protocol}, Node ${report.versions.node}.`,
      manifest === undefined
        ? 'The run kept no model.'
        : manifest.manifest.weights.hash === report.modelHash
          ? 'The model beside this report has that hash; sotto models verify checks it.'
          : 'The model beside this report has ANOTHER hash: one of the two was changed.',
    ]),
    ...cardBlocks(
      {
        task: report.task,
        model: modelWords(report),
        dimension: report.dimension,
        training: trainingWords(report),
        data: [dataWords(report)],
        declarations,
        weights: report.modelHash,
        accuracy: report.finalAccuracy,
        ...(report.recalls && { recalls: report.recalls }),
        privacy: privacyWords(report),
      },
      words,
    ),
  ];
}

function summary(report: RunReport): Block {
  const { clients, malicious, rounds, seed, stamp, outcome } = report;
  const bad = malicious.length === 0 ? 'nobody malicious' : `${malicious.length} of them malicious`;
  const ended =
    outcome === 'finished'
      ? 'finished'
      : outcome === 'stopped'
        ? 'was stopped'
        : outcome === 'stalled'
          ? 'stalled: too many attempts failed'
          : 'ended when its privacy budget was used up';
  return text(
    `${clients} clients, ${bad}, ${rounds.length} rounds, defence ${defenceName(report)}, seed ${seed}. The run ${ended} (${stamp}).`,
  );
}

function tiles(report: RunReport): Block {
  const { rounds, malicious, wallSeconds } = report;
  const worth = worthOf(report);
  const committed = rounds.filter((entry) => !entry.void).length;
  const total = rounds.reduce((sum, { bytesUp }) => sum + bytesUp, 0);
  const epsilon = spent(report)[0];
  return {
    type: 'tiles',
    items: [
      { name: 'accuracy', value: percent(report.finalAccuracy) },
      { name: 'rounds committed', value: `${committed} of ${rounds.length}` },
      ...(malicious.length === 0
        ? []
        : [
            {
              name: 'hostile updates kept out of the sum',
              value: `${worth.attacks - worth.attacksIn} of ${worth.attacks}`,
            },
          ]),
      { name: 'honest updates lost to the defence', value: `${worth.honestOut} of ${worth.honest}` },
      ...(epsilon === undefined
        ? []
        : [{ name: `ε of a ${epsilon.statement.unit}`, value: roundedUp(epsilon.spent.epsilon, 2) }]),
      { name: 'sent by clients', value: size(total) },
      { name: 'time', value: seconds(wallSeconds) },
    ],
  };
}

async function curves(report: RunReport, compared: readonly SimulationReport[]): Promise<Block[]> {
  const numbers = report.rounds.map(({ round }) => round);
  const at = (one: SimulationReport, pick: (entry: RoundEntry) => number | undefined) =>
    numbers.map((round) => {
      const entry = one.rounds.find((candidate) => candidate.round === round);
      return (entry && pick(entry)) ?? null;
    });
  const goals = Object.keys(report.attackSuccessRate ?? {});
  const accuracy = await lineChart({
    title: 'Accuracy on the test part',
    description: 'By round; the numbers are in the table below.',
    x: { name: 'round', values: numbers },
    y: { name: 'accuracy', min: 0, max: 1, format: (value) => `${Math.round(100 * value)} %` },
    series: [
      ...[report, ...compared].map((one) => ({ name: defenceName(one), values: at(one, (entry) => entry.accuracy) })),
      ...goals.map((goal) => ({
        name: `success of ${goal}`,
        values: at(report, (entry) => entry.attackSuccessRate?.[goal]),
      })),
    ],
  });
  const loss = await lineChart({
    title: 'Loss on the test part',
    description: 'Mean by example, by round; the numbers are in the table below.',
    x: { name: 'round', values: numbers },
    y: { name: 'loss', min: 0 },
    series: [report, ...compared].map((one) => ({ name: defenceName(one), values: at(one, (entry) => entry.loss) })),
    height: 300,
  });
  return [
    { type: 'chart', chart: accuracy },
    { type: 'chart', chart: loss },
  ];
}

async function participation(rounds: readonly RoundEntry[]): Promise<Block> {
  const count = (pick: (entry: RoundEntry) => number) => rounds.map(pick);
  return {
    type: 'chart',
    chart: await barChart({
      title: 'Clients by round',
      description:
        'In the sum, gone by themselves, and left out by the coordinator; the numbers are in the table of rounds.',
      categories: rounds.map(({ round }) => String(round)),
      y: { name: 'clients', min: 0 },
      series: [
        { name: 'in the sum', values: count(({ survivors }) => survivors.length) },
        { name: 'left by themselves', values: count(({ dropped }) => dropped.length) },
        { name: 'left out', values: count(({ excluded }) => excluded.length) },
      ],
      height: 300,
    }),
  };
}

function participants({ roster, rounds, malicious }: RunReport): Block[] {
  const kinds = new Map(malicious.map(({ client, attack }) => [client, attack.kind]));
  const rows = roster.map(({ name, group, examples, epsilon }) => {
    const count = (pick: (entry: RoundEntry) => boolean): number => rounds.filter(pick).length;
    return [
      name,
      kinds.get(name) ?? 'honest',
      group ?? null,
      examples,
      count(({ cohort }) => cohort.includes(name)),
      count((entry) => !entry.void && entry.survivors.includes(name)),
      count(({ dropped }) => dropped.some(({ client }) => client === name)),
      count(({ excluded }) => excluded.some(({ client }) => client === name)),
      epsilon === undefined ? null : roundedUp(epsilon, 2),
    ] as const;
  });
  const head = [
    'client',
    'role',
    'group',
    'examples',
    'rounds invited',
    'in the sum',
    'left',
    'left out',
    'ε of its records',
  ];
  return longTable('Clients over all rounds', head, rows);
}

/** Events of the monitor that a page shows at most, the first ones. */
const MAX_EVENTS = 100;

function responses(report: RunReport): Block[] {
  const [title, ...fates] = outcomeLines(report, plain);
  const excluded = report.rounds.flatMap(({ round, excluded: out }) => out.map((one) => ({ round, ...one })));
  const events = report.rounds.flatMap(({ monitor }) => monitor);
  const heard = events.filter((event) => event.type !== 'observe');
  return [
    ...(title === undefined
      ? [text('The coordinator left nobody out.')]
      : [text(`${title}:`), ...list(fates.map((line) => line.trim()))]),
    ...(excluded.length === 0
      ? []
      : longTable(
          'Every exclusion, with its reason',
          ['round', 'client', 'phase', 'reason'],
          excluded.map(({ round, client, phase, code, why }) => [
            round,
            client,
            phase,
            `${code}: ${why ?? saysOfCode(code)}`,
          ]),
        )),
    ...(heard.length === 0
      ? [text('The monitor took no action and raised no alarm.')]
      : [
          table(
            'What the monitor did and noticed',
            ['round', 'action', 'in words'],
            heard
              .slice(0, MAX_EVENTS)
              .map((event) => [
                event.round,
                event.type,
                `${'client' in event ? `${event.client}: ` : ''}${event.says}`,
              ]),
          ),
          ...(heard.length > MAX_EVENTS ? [text(`${heard.length - MAX_EVENTS} more are in report.json.`)] : []),
        ]),
  ];
}

function comparison(reports: readonly SimulationReport[]): Block[] {
  return [
    table(
      'The same fleet, seed and attack under other defences',
      ['defence', 'final accuracy', 'hostile updates kept out', 'honest updates lost'],
      reports.map((one) => {
        const { attacks, attacksIn, honest, honestOut } = worthOf(one);
        return [
          defenceName(one),
          percent(one.finalAccuracy),
          attacks === 0 ? null : `${attacks - attacksIn} of ${attacks}`,
          `${honestOut} of ${honest}`,
        ];
      }),
    ),
  ];
}

/** Without a budget there is a δ all the same. */
const DEFAULT_DELTA = 1e-5;
function readings({ privacy: record, roster }: RunReport) {
  if (record === undefined) return [];
  return readingsOf(renamed(record, new Map(roster.map(({ id, name }) => [id, name]))), DEFAULT_DELTA, false);
}
const spent = (report: RunReport) => headlinesOf(readings(report));

function privacyWords(report: RunReport): string {
  const [head] = spent(report);
  if (head === undefined) return 'No differential privacy is claimed.';
  return `ε ≤ ${roundedUp(head.spent.epsilon, 2)} at δ = ${head.spent.delta} for each ${head.statement.unit}, against the ${head.statement.observer}, were the randomness not seeded.`;
}

function privacy(report: RunReport): Block[] {
  const all = readings(report);
  if (all.length === 0)
    return [
      text('This run claims no differential privacy: neither `privacy` nor `training.dpSgd` is in its settings.'),
    ];
  return [
    text(privacyWords(report)),
    ...longTable(
      'Spent, by client (RDP accountant)',
      ['client', 'unit', 'against', 'rounds', 'ε', 'δ', 'arithmetic'],
      all.map(({ client, statement, rounds, spent: price }) => [
        client,
        statement.unit,
        statement.observer,
        rounds,
        roundedUp(price.epsilon, 3),
        price.delta,
        price.arithmetic,
      ]),
    ),
    ...list([...new Set(all.flatMap(({ spent: price }) => price.warnings))]),
  ];
}

function modelWords({ config: { model, start } }: RunReport): string {
  const input = [model.input].flat().join('×');
  const layers = 'hidden' in model && model.hidden.length > 0 ? `, hidden ${model.hidden.join('-')}` : '';
  return `${model.kind}, input ${input}${layers}, ${model.classes} classes${start === undefined ? '' : ', started from an imported model'}`;
}

function trainingWords({ config: { task }, rounds }: RunReport): string {
  const { optimizer } = task;
  // The task carries it as text that the protocol does not read; the settings were checked (server/config/fields.ts).
  const training = task.training as unknown as TrainingSpec;
  const steps =
    training.dpSgd === undefined
      ? `${training.epochs} epochs of batches of ${training.batchSize}`
      : `DP-SGD, ${training.dpSgd.steps} steps, noise multiplier ${training.dpSgd.noiseMultiplier}, clipping norm ${training.dpSgd.clipNorm}`;
  return `${rounds.length} rounds of ${training.algorithm}, ${steps}, ${training.optimizer} at ${training.learningRate}; server ${optimizer.name} at ${optimizer.learningRate}; updates clipped at ${task.encoding.clipNorm}`;
}

function dataWords({ config: { data }, roster }: RunReport): string {
  const counts = roster.map(({ examples }) => examples);
  const set = data.source.set === 'module' ? basename(data.source.file) : data.source.set;
  return `Training data: ${set}, ${counts.reduce((sum, count) => sum + count, 0)} examples over ${counts.length} clients (${Math.min(...counts)} to ${Math.max(...counts)} each), partitioned ${data.partition.kind}.`;
}
