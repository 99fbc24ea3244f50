// Claims about reading settings: what is refused and how the refusal reads, what profiles fill in, that page and samples hold.
// Not here: running what the settings describe (cli.test.ts, the fleet).

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { SottoError } from '../protocol/errors.js';
import { SIMULATION_GIVES_UP_AFTER } from '../protocol/limits.js';
import { deriveTask } from '../protocol/task.js';
import { parseTask } from '../protocol/task-schema.js';
import { generatedPages } from '../server/cli/pages.js';
import { closest } from '../server/config/closest.js';
import { undocumented } from '../server/config/document.js';
import { coordinatorSchema } from '../server/config/fields.js';
import { defineTask, loadCoordinatorSettings, parseCoordinatorSettings } from '../server/config/index.js';
import { PROFILE_FILLS } from '../server/config/profiles.js';
import { MONITOR_DEFAULTS } from '../server/index.js';
import { loadSimulationConfig, parseSimulationConfig, simulationSchema } from '../simulations/config.js';
import { dimensionOf } from '../simulations/model-source.js';
import { comparisons } from '../simulations/variants.js';

const QUICK = readFileSync('examples/quick.yaml', 'utf8');
const COORDINATOR = readFileSync('examples/coordinator.yaml', 'utf8');

function refusal(run: () => unknown): SottoError {
  try {
    run();
  } catch (error) {
    if (error instanceof SottoError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
/** The sample with one setting changed (`undefined` removes it), as a file somebody might have written. */
function changed(text: string, path: string, value: unknown): string {
  const root = parse(text);
  const keys = path.split('.');
  const last = keys.pop() as string; // safe: split gives at least one
  let at = root;
  for (const key of keys) at = at[key] ??= {};
  if (value === undefined) delete at[last];
  else at[last] = value;
  return stringify(root);
}
const simulation = (path: string, value: unknown) =>
  refusal(() => parseSimulationConfig(changed(QUICK, path, value), 'f.yaml'));
const coordinator = (path: string, value: unknown) =>
  refusal(() => parseCoordinatorSettings(changed(COORDINATOR, path, value), 'f.yaml', dimensionOf));

describe('the samples', () => {
  it('are all read by the real parser', () => {
    // Those of red teams are read in test/redteam.
    const names = readdirSync('examples').filter((name) => /^(?!redteam).*\.yaml$/.test(name));
    expect(names.length).toBeGreaterThanOrEqual(4);
    for (const name of names) {
      const path = join('examples', name);
      const load = readFileSync(path, 'utf8').includes('\nfleet:')
        ? () => loadSimulationConfig(path)
        : () => loadCoordinatorSettings(path, dimensionOf);
      expect(load, name).not.toThrow();
    }
  });

  it('mnist.yaml is the main job: one cohort of 48 under sketches, threshold 33, 20 % attackers of four kinds, losses in all phases, noise on every record', () => {
    const { task, fleet, data } = loadSimulationConfig('examples/mnist.yaml');
    expect(fleet.clients).toBe(48);
    expect(task).toMatchObject({ profile: 'sketch', group: { size: 48, count: 1 }, rule: { name: 'mean' } });
    expect(deriveTask(task).threshold).toBe(33);
    expect(task.integrity).toMatchObject({
      rows: 96,
      selection: [{ name: 'distance', centre: { name: 'median' }, factor: 2.25 }],
    });
    expect(data.partition).toEqual({ kind: 'dirichlet', alpha: 1 });
    expect(fleet.malicious.map(({ attack }) => attack.kind)).toEqual(['sign-flip', 'gaussian', 'label-flip', 'ipm']);
    expect(fleet.malicious.reduce((sum, { who }) => sum + ('count' in who ? who.count : 0), 0)).toBe(10);
    expect(fleet.dropouts.phases).toEqual(['keys', 'shares', 'masked', 'sketch', 'consistency', 'unmask']);
    expect(task.training).toMatchObject({ dpSgd: { clipNorm: 1, noiseMultiplier: 2, samplingRate: 0.2, steps: 5 } });
    expect(fleet.recordBudget).toEqual({ epsilon: 4, delta: 1e-5 });
  });

  it('robust.yaml is the same federation without noise: cohort, sketches, attackers, losses', () => {
    const [noised, plain] = [loadSimulationConfig('examples/mnist.yaml'), loadSimulationConfig('examples/robust.yaml')];
    expect(plain.fleet.malicious).toEqual(noised.fleet.malicious);
    expect(plain.fleet.dropouts).toEqual(noised.fleet.dropouts);
    expect([plain.task.group, plain.task.profile, plain.data]).toEqual([
      noised.task.group,
      noised.task.profile,
      noised.data,
    ]);
    expect(plain.task.training).not.toHaveProperty('dpSgd');
  });

  it('sketches get as many rows as the model allows, at most 96, and never fewer than security needs', () => {
    const rows = (hidden: string): unknown => {
      const text = readFileSync('examples/mnist.yaml', 'utf8').replace('hidden: [64]', `hidden: [${hidden}]`);
      const { integrity } = parseSimulationConfig(text, 'f').task;
      return integrity === 'none' ? 0 : integrity.rows;
    };
    // 784·h + h + 10·h + 10 parameters: 50,890 (106 rows would fit), 39,760 (82), and 25,450, where 53 would.
    expect(rows('64')).toBe(96);
    expect(rows('50')).toBe(81);
    expect(rows('32')).toBe(51);
  });

  it('the compared defences of the main job: plain mean, two rules over groups, sketches in groups; same fleet, attack and seed', () => {
    const config = loadSimulationConfig('examples/mnist.yaml');
    const others = comparisons(config);
    expect(
      others.map(({ task }) => [task.profile, task.integrity !== 'none', task.rule.name, task.group.size]),
    ).toEqual([
      ['cohort', false, 'mean', 48],
      ['grouped', false, 'median', 8],
      ['grouped', false, 'trimmed-mean', 8],
      ['grouped', true, 'trimmed-mean', 8],
    ]);
    for (const other of others) {
      expect([other.seed, other.fleet.malicious, other.data]).toEqual([
        config.seed,
        config.fleet.malicious,
        config.data,
      ]);
      expect(deriveTask(other.task).threshold).toBe(other.task.group.count === 1 ? 33 : 6);
      expect(other.fleet.dropouts.phases.includes('sketch')).toBe(other.task.integrity !== 'none');
    }
  });

  it('the monitor of a coordinator is set in its file: what is silent gets the stated rates, contradictions name both sides', () => {
    const text = readFileSync('examples/sketch.yaml', 'utf8');
    const { monitor } = parseSimulationConfig(text, 'f');
    expect(monitor).toEqual({ ...MONITOR_DEFAULTS, heldOut: true });
    const wrong = (replaced: string, by: string): string => {
      try {
        parseSimulationConfig(text.replace(replaced, by), 'f');
      } catch (error) {
        return String(error);
      }
      return 'accepted';
    };
    expect(wrong('  heldOut: true', '  quarantineRounds: 9\n  maxQuarantineRounds: 3')).toMatch(
      /maxQuarantineRounds is 3, below quarantineRounds 9/,
    );
    expect(wrong('  heldOut: true', '  falseAlarm: 0.5')).toMatch(
      /falseAlarm is 0.5; it must be a number from 0 to 0.1/,
    );
    const cohort = readFileSync('examples/mnist.yaml', 'utf8');
    expect(() => parseSimulationConfig(`${cohort}monitor:\n  heldOut: true\n`, 'f')).toThrow(
      /profile sketch has no groups to compare/,
    );
    // Twelve bad clients dealt to groups that can lose two each: more than two groups get three with odds of one in six.
    expect(wrong('malicious: 1', 'malicious: 2')).toMatch(
      /CONFIG_SKETCH.*sketch\.malicious 2 makes 12 bad clients.*16 %/s,
    );
  });

  it('JSON is read like YAML', () => {
    expect(parseSimulationConfig(JSON.stringify(parse(QUICK)), 'f.json')).toEqual(
      parseSimulationConfig(QUICK, 'f.yaml'),
    );
  });

  it('the task they make is one that clients can parse', () => {
    const { task } = loadSimulationConfig('examples/mnist.yaml');
    expect(parseTask(deriveTask(task).text)).toEqual(task);
  });
});

describe('a refusal names file, line, field, value and remedy', () => {
  it('for a value out of its range', () => {
    const text = QUICK.replace('rounds: 3', 'rounds: 0');
    const line = text.split('\n').findIndex((row) => row.includes('rounds: 0')) + 1;
    const error = refusal(() => parseSimulationConfig(text, 'my.yaml'));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(
      `my.yaml:${line}: campaign.rounds is 0; it must be a whole number from 1 to 1,000,000`,
    );
    expect(error.details).toEqual({ file: 'my.yaml', field: 'campaign.rounds' });
  });

  it('for an unknown key, with the nearest known one', () => {
    expect(simulation('encoding.clipnorm', 3).message).toContain(
      'encoding.clipnorm is unknown; did you mean clipNorm?',
    );
    expect(simulation('roundz', 3).message).toContain('roundz is unknown');
    expect(simulation('campaign.round', 3).message).toContain('did you mean rounds?');
  });

  it('for an unknown name among several shapes', () => {
    expect(simulation('rule.name', 'krumm').message).toContain(
      'rule.name is "krumm"; it must be one of mean, median, trimmed-mean',
    );
    expect(simulation('data.source.set', 'mnits').message).toContain('must be one of mnist, spam, module, synthetic');
  });

  it('for a step of a rule that there is not, and for none at all', () => {
    expect(simulation('rule.pre', [{ name: 'nmm' }]).message).toMatch(
      /rule\.pre.* must be one of clip, arc, nnm, bucketing/,
    );
    expect(simulation('rule.pre', []).message).toContain('a list of 1 to 4 entries');
  });

  it('for a missing setting', () => {
    expect(simulation('seed', undefined).message).toContain('seed is missing');
    expect(coordinator('optimizer.tau', undefined).message).toContain('optimizer.tau is missing');
    expect(coordinator('identityFile', undefined).message).toContain('identityFile is missing');
  });

  it('for a text where a number belongs, and for null', () => {
    expect(simulation('seed', '7').message).toContain('seed is "7"; it must be a whole number');
    expect(simulation('seed', null).message).toContain('seed is null; it must be a whole number');
    expect(simulation('encoding.clipNorm', Number.NaN).message).toContain('encoding.clipNorm is');
    expect(simulation('group', 8).message).toContain('group is 8; it must be a group of settings');
  });

  it('for several mistakes at once', () => {
    const text = changed(changed(QUICK, 'seed', -1), 'training.epochs', 0);
    const { message } = refusal(() => parseSimulationConfig(text, 'f.yaml'));
    expect(message).toContain('seed is -1');
    expect(message).toContain('training.epochs is 0');
  });

  it('for contradictions that deriveTask finds, with the line of the setting', () => {
    const error = coordinator('rule', { name: 'median', faulty: 1 });
    expect(error.code).toBe('CONFIG_RULE_PROFILE');
    expect(error.message).toMatch(/CONFIG_RULE_PROFILE: f\.yaml:\d+: rule median means nothing in profile cohort/);
    expect(simulation('rule.faulty', 3).code).toBe('CONFIG_RULE_COUNT');
    expect(simulation('trust', 'standard').code).toBe('CONFIG_GROUP_SIZE');
    expect(coordinator('encoding.bits', 31).code).toBe('CONFIG_RING');
    expect(coordinator('windows.masked.quorum', 3).code).toBe('CONFIG_PHASE_WINDOW');
  });
});

describe('a rule of a file', () => {
  const ruleOf = (rule: object) => parseSimulationConfig(changed(QUICK, 'rule', rule), 'f.yaml').task.rule;

  it('is signed with every number that its profile filled in', () => {
    expect(ruleOf({ name: 'geometric-median', faulty: 1 })).toEqual({
      name: 'geometric-median',
      faulty: 1,
      nu: 0.1,
      steps: 3,
      start: 'zero',
    });
    expect(ruleOf({ name: 'centred-clipping', faulty: 1, tau: 2 })).toEqual({
      name: 'centred-clipping',
      faulty: 1,
      tau: 2,
      steps: 3,
      start: 'previous',
    });
  });

  it('keeps its steps in their order, and is refused where the steps leave too few inputs', () => {
    const pre = [{ name: 'clip', norm: 2 }, { name: 'nnm' }];
    expect(ruleOf({ name: 'trimmed-mean', faulty: 1, pre })).toEqual({ name: 'trimmed-mean', faulty: 1, pre });
    const error = simulation('rule', { name: 'median', faulty: 2, pre: [{ name: 'bucketing', size: 3 }] });
    expect(error.code).toBe('CONFIG_RULE_COUNT');
    expect(error.message).toContain('bucketing → median with faulty 2 needs at least 13 inputs');
  });
});

describe('what makes no sense is refused before anything starts', () => {
  it.each([
    ['group.count', undefined, 'group.count is missing; profile grouped needs the number of groups'],
    ['rule', undefined, 'rule is missing; profile grouped needs one'],
    ['training.mu', 0.1, 'fedavg has no proximal term'],
    ['training.algorithm', 'fedprox', 'training.mu is missing'],
    ['campaign.overSelection', 1.5, 'nobody can be invited on top'],
    ['fleet.clients', 14, 'use at least 15'],
    ['fleet.dropouts', { perRound: 1, maxPerGroup: 1 }, 'is void when more than 0 leave'],
    ['fleet.malicious.clients', [1], 'has both of count and clients'],
    ['fleet.malicious.count', undefined, 'has neither of count and clients'],
    ['fleet.malicious.count', 16, 'more than the fleet of 15'],
    ['model.input', 17, 'model.input holds 17 numbers, but an example of synthetic has 16'],
    ['model.classes', 5, 'model.classes is 5, but synthetic has 4'],
  ])('%s = %j in a simulation', (path, value, says) => {
    expect(simulation(path, value).message).toContain(says);
  });

  it('a client that is malicious twice', () => {
    const text = changed(changed(QUICK, 'fleet.malicious.count', undefined), 'fleet.malicious.clients', [4, 4]);
    expect(refusal(() => parseSimulationConfig(text, 'f')).message).toContain('has 4 twice');
  });

  it('the same key twice on an allow-list, and a key that is none', () => {
    const key = 'ab'.repeat(32);
    expect(coordinator('roster', { kind: 'allowlist', clients: [key, key] }).message).toContain('names a client twice');
    expect(coordinator('roster', { kind: 'allowlist', clients: ['AB'] }).message).toContain('64 lower-case hex digits');
  });
});

describe('a text that is no settings', () => {
  it.each([
    ['a: [', 'is no valid YAML'],
    ['a: 1\na: 2', 'is no valid YAML'],
    ['task: !!js/function x', 'is no valid YAML'],
    ['', 'the file is null'],
    ['[1]', 'task is missing'],
  ])('%j is refused', (text, says) => {
    const error = refusal(() => parseSimulationConfig(text, 'f.yaml'));
    expect(error.message).toContain(says);
    expect(error.message).toContain('f.yaml');
    expect(error.message.split('\n').length).toBeLessThan(12);
  });

  it('aliases that unfold without end are refused, not unfolded', () => {
    const rows = ['a0: &a0 [x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++) rows.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(8)}]`);
    expect(refusal(() => parseSimulationConfig(rows.join('\n'), 'bomb.yaml')).code).toBe('CONFIG_UNREADABLE');
  });

  it('a missing file, a directory and an endless file are unreadable, by name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-config-'));
    try {
      expect(refusal(() => loadSimulationConfig(join(folder, 'no.yaml'))).message).toContain('there is no such file');
      expect(refusal(() => loadSimulationConfig(folder)).message).toContain('it is a directory');
      writeFileSync(join(folder, 'big.yaml'), `# ${'x'.repeat(1 << 20)}`);
      expect(refusal(() => loadSimulationConfig(join(folder, 'big.yaml'))).code).toBe('CONFIG_UNREADABLE');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('what is left out', () => {
  it('is filled in by the profile, as the page says', () => {
    const { task } = loadSimulationConfig('examples/spam.yaml');
    expect(task.group.colluders).toBe(2);
    expect(task.encoding).toEqual({ clipNorm: 8, range: 8, bits: 16, weighting: { by: 'uniform' } });
    expect(task.prg).toBe('aes256ctr');
    expect(task.windows.keys).toEqual({ count: { min: 6, max: 8 }, time: { min: 0, max: 30_000 } });
    const said = new Map(PROFILE_FILLS.grouped.map(({ setting, value }) => [setting, value]));
    expect(said.get('encoding.bits')).toBe('16');
    expect(said.get('prg')).toBe('aes256ctr');
    expect(said.get('windows.masked: deadlineMs')).toBe(String(task.windows.masked.time.max));
  });

  it('a coordinator never gives up, a simulation after three setbacks; both do as the file says', () => {
    const told = (text: string): string => changed(text, 'campaign.giveUpAfter', 7);
    const read = (text: string) => parseCoordinatorSettings(text, 'f', dimensionOf).campaign.giveUpAfter;
    expect([read(COORDINATOR), read(told(COORDINATOR))]).toEqual([undefined, 7]);
    expect(parseSimulationConfig(QUICK, 'f').campaign.giveUpAfter).toBe(SIMULATION_GIVES_UP_AFTER);
    expect(parseSimulationConfig(told(QUICK), 'f').campaign.giveUpAfter).toBe(7);
  });

  it('never overrides what a file says', () => {
    const settings = loadCoordinatorSettings('examples/coordinator.yaml', dimensionOf);
    expect(settings.task.encoding).toMatchObject({ range: 1, bits: 12 });
    expect(settings.task.windows.masked.time.max).toBe(120_000);
    expect(settings.task.windows.keys.time.max).toBe(30_000);
    expect(settings.task.rule).toEqual({ name: 'mean' });
    expect(settings.identityFile).toBe(resolve('examples/coordinator.key'));
  });

  it('the colluders a profile assumes cost no dropout: the threshold is that of none', () => {
    for (let size = 8; size <= 128; size++) {
      const text = changed(COORDINATOR, 'group.size', size);
      const { task } = parseCoordinatorSettings(text, 'f', dimensionOf);
      expect(deriveTask(task).threshold, `N = ${size}`).toBe(Math.floor((2 * size) / 3) + 1);
      expect(task.group.colluders).toBe(Math.floor(size / 3));
    }
  });

  it('a setting that was left out does not appear in the signed text', () => {
    const { task } = parseSimulationConfig(QUICK, 'f');
    expect(Object.hasOwn(task.training, 'mu')).toBe(false);
  });
});

describe('the command line', () => {
  it('changes seed and rounds of a file, and nothing else', () => {
    const plain = parseSimulationConfig(QUICK, 'f');
    const other = parseSimulationConfig(QUICK, 'f', { seed: 99, rounds: 2 });
    expect(other).toEqual({ ...plain, seed: 99, campaign: { ...plain.campaign, rounds: 2 } });
  });
});

describe('defineTask', () => {
  const own = {
    task: 'own',
    profile: 'cohort',
    dimension: 10,
    group: { size: 8 },
    encoding: { clipNorm: 1 },
    optimizer: { name: 'fedavg', learningRate: 1 },
    training: { algorithm: 'fedavg', epochs: 1, batchSize: 8, learningRate: 0.1, optimizer: 'sgd' },
  } as const;

  it('fills in and checks a task written in code like one from a file', () => {
    const task = defineTask(own);
    expect(task).toMatchObject({ protocol: 'sotto/1', dimension: 10, rule: { name: 'mean' }, prg: 'aes256ctr' });
    expect(parseTask(deriveTask(task).text)).toEqual(task);
  });

  it('refuses the same things, by name', () => {
    const wrong: object = { ...own, dimensions: 3 };
    expect(refusal(() => defineTask(wrong as typeof own)).message).toContain(
      'dimensions is unknown; did you mean dimension?',
    );
    expect(refusal(() => defineTask({ ...own, profile: 'grouped' })).message).toContain('group.count is missing');
    expect(refusal(() => defineTask({ ...own, group: { size: 7 } })).code).toBe('CONFIG_GROUP_SIZE');
  });
});

describe('the page', () => {
  it('documents every setting', () => {
    expect(undocumented(coordinatorSchema)).toEqual([]);
    expect(undocumented(simulationSchema)).toEqual([]);
  });

  it('is not stale: npm run docs writes the text that is committed', () => {
    for (const [path, text] of Object.entries(generatedPages())) expect(readFileSync(path, 'utf8'), path).toBe(text);
  });
});

describe('the nearest name', () => {
  it.each([
    ['clipnorm', 'clipNorm'],
    ['rouds', 'rounds'],
    ['ronuds', 'rounds'],
    ['zzz', undefined],
  ])('of %s is %s', (word, name) => {
    expect(closest(word, ['clipNorm', 'rounds', 'range'])).toBe(name);
  });
});
