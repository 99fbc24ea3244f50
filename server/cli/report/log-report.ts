// The report of a real coordinator as blocks, from its audit log alone: what the log proves, who took part, who was left out and why,
// privacy, models. Not here: verifying (server/audit/verify.ts), reading and writing files (command.ts), simulations (run-report.ts).

import { deriveTask, type TaskConfig } from '../../../protocol/task.js';
import { parseTask } from '../../../protocol/task-schema.js';
import type { RedTeamReport } from '../../../simulations/redteam/report.js';
import { isFact } from '../../audit/events.js';
import type { AuditExport } from '../../audit/export.js';
import type { Verdict } from '../../audit/verify.js';
import type { Declaration } from '../../models/index.js';
import { type Block, lineChart } from '../../report/index.js';
import { spent } from '../format.js';
import { type CardWords, cardBlocks, heading, LIMITS, list, longTable, saysOfCode, table, text } from './blocks.js';
import { robustness } from './redteam.js';

interface RoundRow {
  readonly round: number;
  attempts: number;
  survivors: number;
  invited: number;
  outcome: string;
}
interface ClientRow {
  invited: number;
  survived: number;
  excluded: number;
}
/** What the events of a log say, added up. */
export interface LogStory {
  readonly config: TaskConfig | undefined;
  readonly rounds: readonly RoundRow[];
  readonly clients: ReadonlyMap<string, ClientRow>;
  readonly exclusions: readonly { readonly round: number; readonly client: string; readonly code: string }[];
  /** Quarantines, bans, appeals, blame, and what administrators did, in words. */
  readonly actions: readonly { readonly at: number; readonly action: string; readonly says: string }[];
}

const short = (client: string): string => client.slice(0, 8);

export async function storyOf(log: AuditExport): Promise<LogStory> {
  let config: TaskConfig | undefined;
  const rounds = new Map<number, RoundRow>();
  const clients = new Map<string, ClientRow>();
  const exclusions: { round: number; client: string; code: string }[] = [];
  const actions: { at: number; action: string; says: string }[] = [];
  const members = new Map<string, readonly string[]>();
  const row = (round: number): RoundRow => {
    const found = rounds.get(round) ?? { round, attempts: 0, survivors: 0, invited: 0, outcome: 'not finished' };
    rounds.set(round, found);
    return found;
  };
  const client = (id: string): ClientRow => {
    const found = clients.get(id) ?? { invited: 0, survived: 0, excluded: 0 };
    clients.set(id, found);
    return found;
  };
  for await (const event of log.events) {
    if (!isFact(event)) continue;
    const act = (action: string, says: string): number => actions.push({ at: event.seq, action, says });
    switch (event.type) {
      case 'task-created':
        config = parseTask(event.body.config);
        break;
      case 'client-enrolled':
        client(event.body.client);
        break;
      case 'attempt-started': {
        const { round, attempt, groups } = event.body;
        const entry = row(round);
        entry.attempts = attempt;
        entry.invited = groups.reduce((sum, group) => sum + group.members.length, 0);
        for (const group of groups) {
          members.set(`${round}.${attempt}.${group.id}`, group.members);
          if (attempt === 1) for (const id of group.members) client(id).invited++;
        }
        break;
      }
      case 'survivors-fixed': {
        const { round, attempt, group, excluded } = event.body;
        for (const { rank, code } of excluded) {
          // Ranks count from 1 in the order of the roster.
          const id = members.get(`${round}.${attempt}.${group}`)?.[rank - 1] ?? `rank ${rank} of group ${group}`;
          exclusions.push({ round, client: id, code });
          client(id).excluded++;
        }
        break;
      }
      case 'round-committed': {
        const entry = row(event.body.round);
        const all = event.body.groups.flatMap(({ survivors }) => survivors);
        entry.survivors = all.length;
        entry.outcome = 'committed';
        for (const id of all) client(id).survived++;
        break;
      }
      case 'round-void':
        row(event.body.round).outcome = `void: ${event.body.text}`;
        break;
      case 'client-blamed':
        act('blamed', `${short(event.body.client)}, in round ${event.body.round}: ${saysOfCode(event.body.code)}`);
        break;
      case 'client-banned':
        act('banned', `${short(event.body.client)}: ${event.body.says}`);
        break;
      case 'client-quarantined':
        act('quarantine', `${short(event.body.client)} until round ${event.body.until}: ${event.body.says}`);
        break;
      case 'client-released':
        act('released', `${short(event.body.client)}: ${event.body.says}`);
        break;
      case 'client-appealed':
        act('appeal', `${short(event.body.client)}, ${event.body.granted ? 'granted' : 'refused'}: ${event.body.says}`);
        break;
      case 'paused':
      case 'resumed':
        act(event.type, `by ${event.body.by}: ${event.body.reason}`);
        break;
      case 'admin':
        act('administrator', `${event.body.by}: ${event.body.action}`);
        break;
      default:
    }
  }
  return { config, rounds: [...rounds.values()], clients, exclusions, actions };
}

/** @param charts drawn where true: Markdown has tables alone */
export async function logBlocks(
  story: LogStory,
  verdict: Verdict,
  declarations: readonly Declaration[],
  words: CardWords,
  redTeams: readonly RedTeamReport[],
  charts: boolean,
): Promise<readonly Block[]> {
  const { config, rounds, clients, exclusions, actions } = story;
  const { privacy, models } = verdict;
  return [
    text(
      verdict.ok
        ? 'Made from the audit log alone, which holds together: every event follows the one before, every model that could be is recomputed bit by bit.'
        : 'THE AUDIT LOG DOES NOT HOLD TOGETHER. What follows is what it says, not what happened.',
    ),
    ...list(verdict.problems),
    {
      type: 'tiles',
      items: [
        {
          name: 'rounds committed',
          value: `${verdict.rounds.committed} of ${verdict.rounds.committed + verdict.rounds.void}`,
        },
        { name: 'clients seen', value: String(clients.size) },
        { name: 'updates left out', value: String(exclusions.length) },
        { name: 'models recomputed', value: `${models.recomputed} of ${models.records}` },
        ...privacy.spent.map(({ statement, epsilon }) => ({
          name: `ε of a ${statement.unit}`,
          value: spent(epsilon, 2),
        })),
      ],
    },
    heading('Participation'),
    ...(charts && rounds.length > 0 ? [await survivorsChart(rounds)] : []),
    ...longTable(
      'Rounds',
      ['round', 'in the sum', 'invited', 'attempts', 'outcome'],
      rounds.map(({ round, survivors, invited, attempts, outcome }) => [round, survivors, invited, attempts, outcome]),
    ),
    ...longTable(
      'Clients over all rounds',
      ['client', 'rounds invited', 'in the sum', 'left out'],
      [...clients].map(([id, { invited, survived, excluded }]) => [short(id), invited, survived, excluded]),
    ),
    heading('Attacks and responses'),
    ...(exclusions.length === 0
      ? [text('The coordinator left nobody out of a sum.')]
      : longTable(
          'Every exclusion, with its reason',
          ['round', 'client', 'reason'],
          exclusions.map(({ round, client, code }) => [round, short(client), `${code}: ${saysOfCode(code)}`]),
        )),
    ...(actions.length === 0
      ? [text('Nobody was blamed, quarantined or banned, and no administrator acted.')]
      : longTable(
          'Actions',
          ['event', 'action', 'in words'],
          actions.map(({ at, action, says }) => [at, action, says]),
        )),
    ...(await robustness(redTeams, [], charts)),
    heading('Privacy'),
    ...(privacy.spent.length === 0
      ? [text('The log claims no differential privacy.')]
      : [
          table(
            'Spent by the client that spent most (RDP accountant)',
            ['unit', 'neighbours', 'against', 'ε', 'δ', 'client'],
            privacy.spent.map(({ statement, epsilon, delta, client }) => [
              statement.unit,
              statement.neighbours,
              statement.observer,
              spent(epsilon, 3),
              delta,
              short(client),
            ]),
          ),
        ]),
    heading('Limits'),
    ...list([
      ...(config === undefined ? [] : LIMITS[config.profile]),
      'A log cut short at an earlier signed head holds together as well: compare its head with one that you know (sotto verify --contains).',
      'The log knows no accuracy: what the coordinator measured is not in it.',
    ]),
    heading('Verification'),
    table(
      'What was checked',
      ['what', 'is'],
      [
        ['coordinator', verdict.coordinator],
        ...verdict.keys.slice(0, -1).map((key) => ['before it, by a signed hand-over', key]),
        ['events', verdict.events],
        ['signed checkpoints', verdict.checkpoints],
        ['starts', `${verdict.starts}, ${verdict.crashes} of them after a crash`],
        [
          'models',
          `${models.recomputed} recomputed, ${models.notRecomputed} by hash and signature, ${models.rollBacks} roll-backs`,
        ],
        ['newest model', models.newest ?? null],
        ['head', verdict.head === undefined ? null : `${verdict.head.seq}:${verdict.head.hash}`],
      ],
    ),
    ...(config === undefined ? [] : card(config, verdict, declarations, words)),
  ];
}

async function survivorsChart(rounds: readonly RoundRow[]): Promise<Block> {
  return {
    type: 'chart',
    chart: await lineChart({
      title: 'Clients in the sum, by round',
      description: 'Beside those that were invited; the numbers are in the table of rounds.',
      x: { name: 'round', values: rounds.map(({ round }) => round) },
      y: { name: 'clients', min: 0 },
      series: [
        { name: 'in the sum', values: rounds.map(({ survivors }) => survivors) },
        { name: 'invited', values: rounds.map(({ invited }) => invited) },
      ],
      height: 300,
    }),
  };
}

function card(
  config: TaskConfig,
  { privacy, rounds, models }: Verdict,
  declarations: readonly Declaration[],
  words: CardWords,
): Block[] {
  const { training, optimizer, group, profile, encoding } = config;
  const [spend] = privacy.spent;
  return cardBlocks(
    {
      task: config.task,
      model: 'described by whoever runs the task; the log knows its weights alone',
      dimension: config.dimension,
      training: `${rounds.committed} rounds of ${training.algorithm} with ${training.optimizer} at ${training.learningRate}; server ${optimizer.name} at ${optimizer.learningRate}; updates clipped at ${encoding.clipNorm}`,
      data: [
        `Data never left the clients: profile ${profile}, ${group.count} groups of ${group.size}, threshold ${deriveTask(config).threshold}.`,
      ],
      declarations,
      ...(models.newest !== undefined && { weights: models.newest }),
      privacy:
        spend === undefined
          ? 'No differential privacy is claimed.'
          : `ε ≤ ${spent(spend.epsilon, 2)} at δ = ${spend.delta} for each ${spend.statement.unit}, against the ${spend.statement.observer}.`,
    },
    words,
  );
}
