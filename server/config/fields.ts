// Every setting of a task, a campaign and a coordinator: its name, what it must be, what it does. docs/configuration.md is made
// from this file, and the loader refuses what is not in it. Not here: what a profile fills in (profiles.ts); the settings that
// only a simulation has (simulations/config.ts).

import * as v from 'valibot';
import {
  DEFAULT_BACKUP_ROUNDS,
  DEFAULT_KEPT_MODELS,
  DEFAULT_STORE_BYTES,
  MAX_DIMENSION,
  MAX_GROUP,
  MAX_GROUPS,
  MAX_OPEN_COHORT,
  MAX_ORIGINS,
  MAX_TASK_ID,
  SIMULATION_GIVES_UP_AFTER,
} from '../../protocol/limits.js';
import { adminSettings } from './admin.js';
import { incidentSettings } from './incidents.js';
import { monitorSettings } from './monitor.js';
import { privacySettings } from './privacy.js';
import { ruleSettings } from './rules.js';
import { sketchSettings } from './sketches.js';
import { between, choice, decay, listOf, maybe, oneOf, positive, says, settings, text, whole } from './values.js';

const DAY_MS = 86_400_000;
const MAX_ROUNDS = 1_000_000;
const MAX_CLIENTS = MAX_GROUP * MAX_GROUPS;
const path = text(/^[^\0]{1,4096}$/, 'a path');
const literal = <const T extends string>(name: T) => v.literal(name, `${name}`);

const model = choice('kind', [
  settings({
    kind: says('A linear classifier.', literal('softmax')),
    input: says('Numbers in one example.', whole(1, MAX_DIMENSION)),
    classes: says('Classes to tell apart.', whole(2, 256)),
  }),
  settings({
    kind: says('Dense layers with ReLU between them.', literal('mlp')),
    input: says('Numbers in one example.', whole(1, MAX_DIMENSION)),
    hidden: says('Widths of the hidden layers, from input to output.', listOf(whole(1, 65_536), 0, 16)),
    classes: says('Classes to tell apart.', whole(2, 256)),
  }),
  settings({
    kind: says('3x3 convolutions with ReLU and 2x2 pooling, then dense layers.', literal('cnn')),
    input: says(
      'Height, width and channels of one image.',
      v.pipe(
        v.tuple([whole(1, 4_096), whole(1, 4_096), whole(1, 64)], 'three whole numbers: height, width, channels'),
        v.metadata({ must: 'three whole numbers: height, width, channels' }),
      ),
    ),
    filters: says('Filters of each convolution.', listOf(whole(1, 1_024), 1, 8)),
    hidden: says('Widths of the dense layers behind them.', listOf(whole(1, 65_536), 0, 16)),
    classes: says('Classes to tell apart.', whole(2, 256)),
  }),
  settings({
    kind: says(
      'A model that `sotto models import` or `export` wrote, with the weights to start from.',
      literal('imported'),
    ),
    folder: says('Where it lies. Relative to this file.', text(/^[^\0]{1,4096}$/, 'a path')),
  }),
]);

const serverRate = says('Step of the server, η of Reddi et al. 2021. 1 with `fedavg` is plain averaging.', positive());
const beta1 = says('Decay of the first moment.', decay());
const beta2 = says('Decay of the second moment.', decay());
const tau = says('Degree of adaptivity: smaller adapts more.', positive());
const optimizer = choice('name', [
  settings({ name: says('Adds the aggregate times the rate.', literal('fedavg')), learningRate: serverRate }),
  settings({
    name: says('With momentum.', literal('fedavgm')),
    learningRate: serverRate,
    momentum: says('Share of the last step that goes on.', decay()),
  }),
  settings({ name: says('Adaptive, sums squares.', literal('fedadagrad')), learningRate: serverRate, beta1, tau }),
  settings({
    name: says('Adaptive, additive second moment.', literal('fedyogi')),
    learningRate: serverRate,
    beta1,
    beta2,
    tau,
  }),
  settings({
    name: says('Adaptive, decaying second moment.', literal('fedadam')),
    learningRate: serverRate,
    beta1,
    beta2,
    tau,
  }),
]);

const training = settings({
  algorithm: says(
    '`fedprox` keeps local models near the global one by the coefficient `mu`.',
    oneOf(['fedavg', 'fedprox']),
  ),
  mu: maybe('no proximal term; needed with `fedprox`', says('Proximal coefficient, Li et al. 2020 eq. 2.', positive())),
  epochs: maybe('none; needed without `dpSgd`', says('Passes over the examples of a round.', whole(1, 1_000))),
  batchSize: maybe('none; needed without `dpSgd`', says('Examples in one step.', whole(1, 65_536))),
  learningRate: says('Step of local training.', positive()),
  optimizer: says('Local optimiser; its state starts afresh each round.', oneOf(['sgd', 'momentum', 'adam'])),
  maxExamples: maybe(
    'all of them',
    says('Examples a client uses in a round, drawn anew each time.', whole(1, 100_000_000)),
  ),
  dpSgd: maybe(
    'plain training',
    says(
      'Record-level differential privacy: each client clips the gradient of every single record and adds noise before anything leaves it (Abadi et al. 2016). In place of `epochs`, `batchSize` and `maxExamples`; nothing in it but `noise` has a default.',
      settings({
        clipNorm: says("Largest L2 norm of one record's gradient, C.", positive()),
        noiseMultiplier: says(
          'Standard deviation of the noise in a step, in clipping norms, z. `sotto privacy plan` says what it costs.',
          between(0.001, 1_000),
        ),
        samplingRate: says('Probability with which a record is in a step, q; above 0.', between(2 ** -53, 1)),
        lotSize: says(
          "What a step's sum is divided by, L: public, the same for all clients, usually q times the records of a typical client.",
          whole(1, 100_000_000),
        ),
        steps: says('Steps in a round.', whole(1, 100_000)),
        microBatch: says('Records in memory at once. Changes no result.', whole(1, 65_536)),
        noise: maybe(
          '`exact`',
          says(
            '`exact`: whole numbers from a CSPRNG. `float`: faster, and ledgers note that its guarantee holds for ideal real numbers only.',
            oneOf(['exact', 'float']),
          ),
        ),
      }),
    ),
  ),
  clientMomentum: maybe(
    'each update by itself',
    says(
      'A client sends the running mean of its updates, this much of it the last one. `centred-clipping` wants 0.9.',
      decay(),
    ),
  ),
});

const window = settings({
  quorum: maybe(
    'the threshold of the group; half of the clients, rounded up, in profile `open`',
    says(
      'Clients without which the phase cannot close; fewer at the deadline end the attempt of the group.',
      whole(1, MAX_OPEN_COHORT),
    ),
  ),
  enough: maybe('the size of the group', says('With so many the phase closes at once.', whole(1, MAX_OPEN_COHORT))),
  waitMs: maybe('0', says('Milliseconds the phase stays open at least.', whole(0, DAY_MS))),
  deadlineMs: maybe('what the profile says', says('Milliseconds after which the phase closes.', whole(1, DAY_MS))),
});
const windows = settings({
  keys: maybe('see its fields', says('R1: public keys of the round.', window)),
  shares: maybe('see its fields', says('R2: encrypted shares.', window)),
  masked: maybe('see its fields', says('R3: training and the masked update. Mind the slowest client.', window)),
  consistency: maybe('see its fields', says('R5: signatures over who is in.', window)),
  unmask: maybe('see its fields', says('R6: opening the sum.', window)),
});

/** What both a coordinator and a simulation say about the task. */
export const taskEntries = {
  task: says(
    'Name of the task; clients ask for it by name.',
    text(
      new RegExp(`^[a-z0-9][a-z0-9-]{0,${MAX_TASK_ID - 1}}$`),
      `1 to ${MAX_TASK_ID} of a-z, 0-9 and dash, starting with a letter or digit`,
    ),
  ),
  profile: says(
    'Who sees what. `sketch`: the coordinator sees one sum and k verified random projections of each update, by which clients are judged before the sum is opened. `grouped`: the coordinator sees one sum per fixed group, and a robust rule works on the group means. `cohort`: it sees one sum. `open`: it sees every update. A profile also fills in the settings that the table below names.',
    oneOf(['sketch', 'grouped', 'cohort', 'open']),
  ),
  trust: maybe(
    '`standard`',
    says(
      '`trusted` lifts the least size of a group, for parties that know each other and for tests.',
      oneOf(['standard', 'trusted']),
    ),
  ),
  group: says(
    'How clients are put together.',
    settings({
      size: says('Clients in one group, N; in `open` and `cohort` the clients of a round.', whole(1, MAX_OPEN_COHORT)),
      count: maybe('1; needed in profile `grouped`', says('Groups, m.', whole(1, MAX_GROUPS))),
      colluders: maybe(
        'what the profile says',
        says(
          'Members of one group that may work with the coordinator, a. The threshold follows: max(⌊2N/3⌋ + 1, ⌊(N + a)/2⌋ + 1).',
          whole(0, MAX_GROUP),
        ),
      ),
    }),
  ),
  model: says(
    'The model to train. Clients that bring a trainer of their own must agree on its number of coordinates.',
    model,
  ),
  encoding: says(
    'How an update becomes whole numbers.',
    settings({
      clipNorm: says('Largest L2 norm of an update; longer ones are scaled down by the client.', positive()),
      range: maybe(
        '`clipNorm`',
        says(
          'Largest coordinate that the grid can hold; at most `clipNorm`. Smaller makes the grid finer.',
          positive(),
        ),
      ),
      bits: maybe(
        'what the profile says',
        says('Bits of one coordinate on the grid. The ring on the wire follows: 16, 24 or 32 bits.', whole(2, 31)),
      ),
      weighting: maybe(
        '`uniform`',
        says(
          'What an update weighs. Robust rules take `uniform` only.',
          choice('by', [
            settings({ by: says('Every client counts the same.', literal('uniform')) }),
            settings({
              by: says(
                'As many as the client says it has used; the coordinator sees only the sum.',
                literal('examples'),
              ),
              maxExamples: says('Examples that count at most.', whole(1, 100_000_000)),
            }),
          ]),
        ),
      ),
    }),
  ),
  prg: maybe(
    'what the profile says',
    says('Generator of the masks. `chacha20` where AES is slow.', oneOf(['aes256ctr', 'chacha20'])),
  ),
  sketch: maybe(
    'none; needed in profile `sketch`, allowed in `grouped`',
    says('Verified sketches: single clients are judged while their updates stay masked.', sketchSettings),
  ),
  privacy: maybe(
    'none: nothing is promised about what a client’s data change',
    says(
      'Differential privacy of whole clients: noise in every sum, a budget, and both sides that keep to it.',
      privacySettings,
    ),
  ),
  rule: maybe(
    '`mean` in profiles `cohort` and `sketch`; needed elsewhere',
    says('How the inputs that the coordinator sees become one aggregate.', ruleSettings),
  ),
  optimizer: says(
    'How the aggregate moves the model. Every client recomputes it, so nothing here has a default.',
    optimizer,
  ),
  training: says('Local training, signed and sent to the clients.', training),
  windows: maybe(
    'what the profile says',
    says('When a phase closes. All deadlines are those of the coordinator.', windows),
  ),
};

export const campaignSchema = settings({
  rounds: says('Rounds to run; a void one counts.', whole(1, MAX_ROUNDS)),
  attemptsPerRound: maybe('3', says('Attempts of one round before it is void.', whole(1, 1_000))),
  clients: maybe(
    'see its fields',
    says(
      'When a round starts.',
      settings({
        min: maybe('group.size × group.count', says('Clients that must be checked in.', whole(1, MAX_CLIENTS))),
        waitMs: maybe(
          '600000',
          says(
            'Milliseconds to wait for them; then a round starts with those who are there, if they are enough for threshold and rule.',
            whole(0, 30 * DAY_MS),
          ),
        ),
      }),
    ),
  ),
  overSelection: maybe(
    '1',
    says(
      'Clients invited for each one needed; above 1 in profiles `cohort` and `open` only, since groups are fixed.',
      between(1, 10),
    ),
  ),
  pauseMs: maybe('0', says('Milliseconds between two rounds.', whole(0, DAY_MS))),
  giveUpAfter: maybe(
    `a coordinator never gives up, a simulation after ${SIMULATION_GIVES_UP_AFTER}`,
    says(
      'Void rounds, or waits that ended with too few clients, in a row after which the campaign ends as stalled. Where it goes on, the pauses between void rounds grow to five minutes.',
      whole(1, MAX_ROUNDS),
    ),
  ),
  stopAt: maybe(
    'all rounds are run',
    says('Ends the campaign early.', settings({ accuracy: says('Accuracy that is enough.', between(0, 1)) })),
  ),
});

/** In the file of a coordinator and of a simulation: what is not signed. */
export const monitorEntry = maybe(
  'see its fields',
  says('The poisoning monitor: what it takes for unusual, and what follows.', monitorSettings),
);

/** A coordinator's file. */
export const coordinatorSchema = settings({
  ...taskEntries,
  modelSeed: says(
    'What the first weights are drawn from. It is no secret: they say nothing about anybody.',
    whole(0, Number.MAX_SAFE_INTEGER),
  ),
  campaign: says('The sequence of rounds.', campaignSchema),
  monitor: monitorEntry,
  listen: maybe(
    'see its fields',
    says(
      'Where clients connect.',
      settings({
        host: maybe(
          '127.0.0.1',
          says('Address to listen on.', text(/^[^\s/]{1,255}$/, 'an address without spaces or slashes')),
        ),
        port: maybe('8970', says('Port; 0 takes any free one.', whole(0, 65_535))),
        tls: maybe(
          'plain ws://, which is refused beyond this machine',
          says(
            'An own certificate. Changed files are read again within seconds, and on SIGHUP at once.',
            settings({
              cert: says('PEM file: the certificate, then those between it and the root. Relative to this file.', path),
              key: says('PEM file with its private key. Relative to this file.', path),
            }),
          ),
        ),
        insecure: maybe(
          'false',
          says(
            'Listen beyond this machine without TLS: behind a proxy on another machine, or in a closed network.',
            v.boolean('true or false'),
          ),
        ),
        origins: maybe(
          'any page may connect; what counts is the key that it proves',
          says(
            'Pages that may connect, each exactly as browsers send it: `https://fl.example.org`. Clients that are no pages send none.',
            listOf(text(/^https?:\/\/[^\s/]{1,255}$/, 'scheme and host, nothing behind'), 0, MAX_ORIGINS),
          ),
        ),
        proxyHeader: maybe(
          'none is believed',
          says(
            'Header in which the proxy in front names the client, such as `x-forwarded-for`. Only behind a proxy that sets it.',
            text(/^[a-z0-9-]{1,64}$/, 'a header name in lower case'),
          ),
        ),
      }),
    ),
  ),
  admin: maybe(
    'see its fields',
    says('Who may look at the coordinator and operate it: the dashboard, the admin API, metrics.', adminSettings),
  ),
  incidents: maybe(
    'see its fields',
    says('What follows when something goes wrong: playbooks, and where they tell it.', incidentSettings),
  ),
  roster: says(
    'Who may take part.',
    choice('kind', [
      settings({ kind: says('Everybody who can connect: for development.', literal('open')) }),
      settings({
        kind: says(
          'Whoever brings a token of `sotto tokens new`; from then on its key. Needs `dataDir`.',
          literal('token'),
        ),
      }),
      settings({
        kind: says('Those whose public key is listed.', literal('allowlist')),
        clients: says(
          'Client ids: Ed25519 public keys as `sotto keys show` prints them.',
          listOf(text(/^[0-9a-f]{64}$/, '64 lower-case hex digits'), 1, MAX_CLIENTS),
        ),
      }),
    ]),
  ),
  identityFile: says(
    "File with the coordinator's identity, made by `sotto keys new`. Relative to this file.",
    text(/^[^\0]{1,4096}$/, 'a path'),
  ),
  dataDir: maybe(
    'nothing outlives the process',
    says(
      'Folder for everything that must survive a crash: models, audit log, ledgers. Relative to this file. See docs/operations.md.',
      text(/^[^\0]{1,4096}$/, 'a path'),
    ),
  ),
  data: maybe(
    'see its fields',
    says(
      'What `dataDir` may hold.',
      settings({
        limitBytes: maybe(
          String(DEFAULT_STORE_BYTES),
          says('Most bytes; at the limit the coordinator stops.', whole(1, Number.MAX_SAFE_INTEGER)),
        ),
        keptModels: maybe(String(DEFAULT_KEPT_MODELS), says('Models to roll back to.', whole(1, 1_000_000))),
        backupRounds: maybe(
          String(DEFAULT_BACKUP_ROUNDS),
          says('Rounds between two backups; 0 for none.', whole(0, 1_000_000)),
        ),
      }),
    ),
  ),
  memoryBytes: maybe(
    'no limit',
    says(
      'Resident bytes of the process near which nobody new comes in and uploads are begun one by one (85 %), and strangers go (95 %).',
      whole(128 * 2 ** 20, Number.MAX_SAFE_INTEGER),
    ),
  ),
  evaluate: maybe(
    '`none`',
    says('Data that the coordinator measures each model on.', oneOf(['none', 'mnist', 'spam'])),
  ),
});

const { model: _model, ...entriesWithoutModel } = taskEntries;
/** A task written in code: who brings a trainer knows the size of the model and need not describe it. */
export const taskSchema = settings({
  ...entriesWithoutModel,
  dimension: says('Coordinates of the model, d.', whole(1, MAX_DIMENSION)),
});
export type TaskSettings = v.InferInput<typeof taskSchema>;

export type TaskFile = v.InferOutput<ReturnType<typeof taskFile>>;
const taskFile = () => settings(entriesWithoutModel);
export type CampaignFile = v.InferOutput<typeof campaignSchema>;
export type CoordinatorFile = v.InferOutput<typeof coordinatorSchema>;
