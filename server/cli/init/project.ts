// A project as text: what `sotto init` writes, file by file, from a few answers. Pure. Not here: asking (command.ts, ask.ts), the sample data
// (sample.ts), writing.

import { rowsFor } from '../../../protocol/sketch/bounds.js';
import { thresholdOf } from '../../../protocol/task.js';
import { coordinatorYaml, simulationYaml } from './settings.js';

/** Where examples come from, and what the project has to know of them. */
export type ProjectData = {
  readonly columns: readonly string[];
  readonly classes: readonly string[];
} & (
  | {
      readonly kind: 'csv';
      /** As data.mjs names it: relative to the project. */
      readonly file: string;
      readonly label: string;
      readonly delimiter: string;
      /** By column: mean and standard deviation, rounded. */
      readonly scale: Readonly<Record<string, readonly [number, number]>>;
    }
  | { readonly kind: 'arrays' }
);

export interface Project {
  readonly task: string;
  readonly clients: number;
  readonly port: number;
  readonly data: ProjectData;
  /** Range of versions, or `file:` and a path where Sotto runs from a clone. */
  readonly sotto: string;
  /** Packages that train, in the version that Sotto wants; none where the clone has them. */
  readonly peers: Readonly<Record<string, string>>;
  /** SHA-256 of the administrator's token, and the coordinator's public id. */
  readonly tokenHash: string;
  readonly coordinator: string;
}

/** What follows from the number of clients: how they hide, and whether single ones can be told apart all the same. */
export interface Shape {
  readonly profile: 'sketch' | 'cohort';
  /** Fewer than this hide nobody; the clients have to say that they trust each other. */
  readonly trusted: boolean;
  readonly malicious: number;
  readonly hidden: readonly [number, number];
  readonly rows: number | undefined;
}

const SMALLEST_STANDARD = 8;
const SMALLEST_HIDDEN = 32;
const STEP = 16;

/** A group that can lose nobody beyond its threshold cannot leave an attacker out, so sketches would be for nothing there. */
export function shapeOf(clients: number, inputs: number, classes: number): Shape {
  const spare = clients - thresholdOf(clients, Math.floor(clients / 3));
  const trusted = clients < SMALLEST_STANDARD;
  const malicious = Math.max(1, Math.floor(spare / 2));
  const rows = rowsFor(SECURITY_BITS + malicious);
  if (trusted || rows === undefined)
    return { profile: 'cohort', trusted, malicious: 0, hidden: [SMALLEST_HIDDEN, SMALLEST_HIDDEN], rows: undefined };
  // Sketches need a model of 10·k·n coordinates (protocol/sketch/bounds.ts).
  let width = SMALLEST_HIDDEN;
  const weights = (): number => inputs * width + width + width * width + width + width * classes + classes;
  while (weights() < 10 * rows * clients) width += STEP;
  return { profile: 'sketch', trusted, malicious, hidden: [width, width], rows };
}
const SECURITY_BITS = 20;

/** Path in the project → text. Keys and tokens are not among them. */
export function projectFiles(project: Project): Readonly<Record<string, string>> {
  const shape = shapeOf(project.clients, project.data.columns.length, project.data.classes.length);
  const attacked = shape.profile === 'sketch';
  return {
    'package.json': packageJson(project, attacked),
    'README.md': readme(project, shape),
    'data.mjs': project.data.kind === 'csv' ? csvData(project.data) : arrayData(project.data),
    'trainer.mjs': TRAINER,
    'clients.mjs': clientsScript(project, shape),
    'coordinator.yaml': coordinatorYaml(project, shape),
    'simulation.yaml': simulationYaml(project, shape, false),
    ...(attacked && { 'attack.yaml': simulationYaml(project, shape, true) }),
    '.gitignore': 'node_modules/\nruns/\nstate/\nguards/\n*.key\n*.token\n',
  };
}

function packageJson({ task, sotto, peers, port }: Project, attacked: boolean): string {
  const manifest = {
    name: task,
    private: true,
    type: 'module',
    scripts: {
      simulate: 'sotto simulate simulation.yaml',
      ...(attacked && { attack: 'sotto simulate attack.yaml --baseline' }),
      report: 'sotto report latest',
      coordinator: 'sotto coordinator coordinator.yaml',
      clients: 'node clients.mjs',
      status: `sotto status http://127.0.0.1:${port} --token-file admin.token`,
    },
    dependencies: { ...peers, sotto },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

const js = (value: unknown): string => JSON.stringify(value);
/** A file may be called what it likes. */
const pathInUrl = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

function csvData({ file, label, classes, columns, scale, delimiter }: ProjectData & { kind: 'csv' }): string {
  const scales = columns.map((column) => `  ${js(column)}: [${(scale[column] ?? [0, 1]).join(', ')}],`).join('\n');
  return `// The examples of this task: used by the simulation (simulation.yaml) and by a client (trainer.mjs). At a client the file holds that
// client's own rows; columns, classes and scale are the same for everybody, or they would learn different things.
import { csvDataset } from 'sotto/client';

const classes = ${js(classes)};
/** By column: what is taken off and what the rest is divided by, here mean and standard deviation of the file that the project began with. */
const scale = {
${scales}
};

export const data = () =>
  csvDataset(new URL(${js(pathInUrl(file))}, import.meta.url), {
    label: ${js(label)},
    classes,
    columns: Object.keys(scale),
    scale,${delimiter === ',' ? '' : `\n    delimiter: ${js(delimiter)},`}
  });
`;
}

function arrayData({ columns, classes }: ProjectData): string {
  return `// The examples of this task: used by the simulation (simulation.yaml) and by a client (trainer.mjs). Replace what \`rows\` gives by your
// own: a database, images, a sensor. Width and classes are the same for everybody, and stand in coordinator.yaml as well.
const WIDTH = ${columns.length};
const CLASSES = ${classes.length};

/** @returns \`{ x, y }\` for each example: x has WIDTH numbers, best about as large as 1; y is a class from 0 to CLASSES - 1 */
function rows() {
  // A stand-in: points around one centre for each class, the same in every run.
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const around = (centre) => centre + random() + random() + random() - 1.5;
  return Array.from({ length: 900 }, (_, i) => {
    const y = i % CLASSES;
    return { x: Array.from({ length: WIDTH }, (_, j) => around(Math.sin(1 + y * WIDTH + j))), y };
  });
}

export const data = () => {
  const all = rows();
  return {
    inputs: Float32Array.from(all.flatMap(({ x }) => x)),
    shape: [WIDTH],
    labels: Uint8Array.from(all, ({ y }) => y),
    classes: CLASSES,
  };
};
`;
}

const TRAINER = `// What \`sotto client --trainer trainer.mjs --model coordinator.yaml\` trains with: TensorFlow.js in a thread of its own. Anything else will
// do as well: { init(task), train(weights, round) } is all that Sotto asks of a trainer.
import { shard, workerTrainer } from 'sotto/client/tfjs';
import { data } from './data.mjs';

export const trainer = async ({ model }) => {
  if (model === undefined) throw new Error('say which model: --model coordinator.yaml');
  const all = await data();
  // SHARD=3/10 takes every tenth row, from the third on: to try several clients on one machine with one file.
  const [index, of] = (process.env.SHARD ?? '1/1').split('/').map(Number);
  const rows = Uint32Array.from(all.labels.keys()).filter((row) => row % of === index - 1);
  return workerTrainer({ model, data: shard(all, rows) });
};
`;

function clientsScript({ task, clients, port, coordinator }: Project, { trusted }: Shape): string {
  return `// Tries the whole task on one machine: starts ${clients} clients, each with its own part of the data and its own memory of rounds. Real
// clients run one each, on their own machines: see README.md.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLIENTS = ${clients};
const sotto = fileURLToPath(new URL('node_modules/sotto/dist/server/cli/main.js', import.meta.url));
const args = [
  sotto, 'client', '--url', 'ws://127.0.0.1:${port}', '--task', ${js(task)},
  '--coordinator', ${js(coordinator)},
  '--trainer', 'trainer.mjs', '--model', 'coordinator.yaml',${trusted ? `\n  '--min-group', '${clients}',` : ''}
];
const ended = Array.from({ length: CLIENTS }, (_, i) => {
  const env = { ...process.env, SHARD: \`\${i + 1}/\${CLIENTS}\` };
  const child = spawn(process.execPath, [...args, '--guards', \`guards/\${i + 1}\`], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => (said = (said + text).slice(-2000)));
  child.stdout.on('data', (text) => process.stdout.write(\`client \${i + 1}: \${text}\`));
  return new Promise((resolve) =>
    child.on('exit', (code) => {
      if (code !== 0) process.stderr.write(\`client \${i + 1} ended with \${code}: \${said}\\n\`);
      resolve(code ?? 1);
    }),
  );
});
process.exitCode = Math.max(...(await Promise.all(ended)));
`;
}

function readme({ task, clients, port, data, coordinator }: Project, { profile, trusted, malicious }: Shape): string {
  const own =
    data.kind === 'csv'
      ? `\`data.mjs\` reads \`${data.file}\` (column \`${data.label}\` is predicted). Put your own file in its place and change the columns, classes and scale in \`data.mjs\`.`
      : '`data.mjs` makes points as a stand-in. Let `rows` give your own examples.';
  const hidden = trusted
    ? `${clients} clients that trust each other: so few hide one another badly, which is why \`trust: trusted\` stands in the settings. From 8 on they need not.`
    : profile === 'sketch'
      ? `${clients} clients whose updates the coordinator never sees. Up to ${malicious} of them may be malicious and are told apart by verified sketches.`
      : `${clients} clients whose updates the coordinator never sees.`;
  return `# ${task}

A federated task with Sotto: ${hidden}

\`\`\`sh
npm install
npm run simulate   # the whole federation on this machine, with real clients and real masks
npm run report     # runs/latest/report.html: curves, who took part, privacy, limits, a model card
\`\`\`
${profile === 'sketch' ? '\n`npm run attack` runs it with malicious clients in it, and beside it the same attack without a defence.\n' : ''}
## Your data

${own} Examples never leave the machine that reads them. If the number of inputs or classes changes, change \`model:\` in the three
files of settings as well.

## For real

\`\`\`sh
npm run coordinator   # listens on 127.0.0.1:${port} and waits for ${clients} clients
npm run clients       # in another terminal: all of them on this machine, to try it
npm run status        # in a third one
\`\`\`

A client on another machine has \`data.mjs\`, \`trainer.mjs\`, \`coordinator.yaml\` (for its \`model:\`) and its own data, and runs

\`\`\`sh
npx sotto keys new --out client.key
npx sotto client --url wss://<your host>/ --task ${task} --coordinator ${coordinator} --trainer trainer.mjs --model coordinator.yaml --identity client.key --guards guards${trusted ? ` --min-group ${clients}` : ''}
\`\`\`

Before others can reach the coordinator, give it a certificate (\`listen.tls\`) and decide who may come (\`roster\`).

| file | what |
| --- | --- |
| \`data.mjs\` | examples, as arrays |
| \`trainer.mjs\` | how a client trains |
| \`simulation.yaml\`${profile === 'sketch' ? ', `attack.yaml`' : ''} | settings of \`sotto simulate\` |
| \`coordinator.yaml\` | settings of \`sotto coordinator\` |
| \`coordinator.key\` | the coordinator's identity. Keep a copy in a safe place; nobody else may have it |
| \`admin.token\` | for \`sotto status\` and the dashboard. Whoever has it may operate the task |
| \`clients.mjs\` | starts all clients on this machine |
`;
}
