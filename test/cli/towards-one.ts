// Settings of a coordinator for commands under test: three clients whose trainers pull every weight towards one. Not here: commands.

export const TOWARDS_ONE = {
  task: 'towards-one',
  profile: 'cohort',
  trust: 'trusted',
  group: { size: 3 },
  model: { kind: 'softmax', input: 3, classes: 2 },
  modelSeed: 1,
  encoding: { clipNorm: 10 },
  optimizer: { name: 'fedavg', learningRate: 1 },
  training: { algorithm: 'fedavg', epochs: 1, batchSize: 1, learningRate: 0.5, optimizer: 'sgd' },
  campaign: { rounds: 2 },
  listen: { port: 0 },
  roster: { kind: 'open' },
} as const;
