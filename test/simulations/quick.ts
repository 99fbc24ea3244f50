// The configuration of the small simulations in this folder: five groups of three, made-up points, every phase lost once.

export interface QuickOptions {
  readonly rounds?: number;
  readonly seed?: number;
  readonly boost?: number;
}

/** As a file would say it: what a test runs has passed the parser. */
export function quick({ rounds = 3, seed = 1, boost = 30 }: QuickOptions = {}): string {
  return `
task: quick
profile: grouped
trust: trusted
group: { size: 4, count: 5, colluders: 0 }
model: { kind: softmax, input: 16, classes: 4 }
encoding: { clipNorm: 10 }
rule: { name: trimmed-mean, faulty: 1 }
optimizer: { name: fedavg, learningRate: 1 }
training: { algorithm: fedavg, epochs: 2, batchSize: 16, learningRate: 0.1, optimizer: sgd }
windows:
  keys: { deadlineMs: 120000 }
  shares: { deadlineMs: 120000 }
  consistency: { deadlineMs: 120000 }
  unmask: { deadlineMs: 120000 }
data:
  source: { set: synthetic, examples: 1500, inputs: 16, classes: 4 }
  partition: { kind: dirichlet, alpha: 1 }
  minimumExamples: 16
fleet:
  clients: 20
  processes: 2
  dropouts: { perRound: 2, maxPerGroup: 1 }
  malicious: { count: 1, attack: { kind: sign-flip, boost: ${boost} } }
campaign: { rounds: ${rounds} }
seed: ${seed}
`;
}
