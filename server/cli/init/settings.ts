// The settings of a new project as YAML with comments. That they are accepted is checked when they are written (command.ts).
// Not here: the other files (project.ts), what the settings mean (docs/configuration.md).

import type { Project, Shape } from './project.js';

const list = (values: readonly (string | number)[]): string => `[${values.join(', ')}]`;

/** What clients agree on: the same in all files. */
function taskYaml({ task, clients, data }: Project, { profile, trusted, malicious, hidden }: Shape): string {
  const said = [
    `task: ${task}`,
    `profile: ${profile}${profile === 'sketch' ? ' # sums are masked; single clients are judged by verified sketches' : ' # one masked sum'}`,
    ...(trusted
      ? ['trust: trusted # fewer than 8 clients hide one another badly: say that they trust each other']
      : []),
    'group:',
    `  size: ${clients} # clients of one masked sum`,
    ...(profile === 'sketch' ? ['sketch:', `  malicious: ${malicious} # so many may lie`] : []),
    'model:',
    '  kind: mlp',
    `  input: ${data.columns.length}`,
    `  hidden: ${list(hidden)}${profile === 'sketch' ? ' # sketches need a model of 10 · rows · clients weights' : ''}`,
    `  classes: ${data.classes.length} # ${data.classes.join(', ')}`,
    'encoding:',
    '  clipNorm: 4 # longest update of a client',
    'optimizer:',
    '  name: fedavg',
    '  learningRate: 1',
    'training:',
    '  algorithm: fedavg',
    '  epochs: 2',
    '  batchSize: 16',
    '  learningRate: 0.1',
    '  optimizer: sgd',
  ];
  return `${said.join('\n')}\n`;
}

export function coordinatorYaml(project: Project, shape: Shape): string {
  return `# Settings of \`sotto coordinator\`. Every setting: docs/configuration.md of Sotto.
${taskYaml(project, shape)}modelSeed: 1
campaign:
  rounds: 10
  clients:
    min: ${project.clients}
    waitMs: 3600000
listen:
  host: 127.0.0.1 # beyond this machine a certificate is needed: tls: {cert: …, key: …}
  port: ${project.port}
roster:
  kind: open # or {kind: allowlist, clients: [ids]}, or {kind: token} with \`sotto tokens new\`
identityFile: coordinator.key
dataDir: state # durable state and the audit log
admin:
  tokens:
    - name: init
      role: operator
      sha256: ${project.tokenHash} # of admin.token
`;
}

export function simulationYaml(project: Project, shape: Shape, attacked: boolean): string {
  const head = attacked
    ? '# The same federation with malicious clients in it: they train, turn their update round and make it five times as long.\n'
    : '# Settings of `sotto simulate`: the same task with all its clients on this machine.\n';
  const malicious = `  malicious:
    count: ${shape.malicious}
    attack:
      kind: sign-flip
      boost: 5
`;
  return `${head}${taskYaml({ ...project, task: attacked ? `${project.task}-attacked` : project.task }, shape)}data:
  source:
    set: module
    file: data.mjs
  partition:
    kind: iid
fleet:
  clients: ${project.clients}
  processes: ${project.clients > 8 ? 2 : 1}
${attacked ? malicious : ''}campaign:
  rounds: 5
seed: 1
`;
}
