// What the name of a profile fills in where a file says nothing, and why. The only place where a security parameter has a value
// that nobody typed: functions have no defaults for them. Not here: what a profile forbids (protocol/task.ts deriveTask).

import type { ClientId, Millis } from '../../protocol/ids.js';
import { levelBits } from '../../protocol/privacy/provision.js';
import {
  type Derived,
  deriveTask,
  type Json,
  type Profile,
  type TaskConfig,
  thresholdOf,
  type WaitingPhase,
  type Window,
} from '../../protocol/task.js';
import type { DataSettings } from '../audit/durable.js';
import { checkListen, type ListenSettings } from '../driver/listener.js';
import { fillAdmin } from './admin.js';
import type { CampaignFile, CoordinatorFile, TaskFile } from './fields.js';
import { fillIncidents } from './incidents.js';
import { fillMonitor } from './monitor.js';
import { fillPrivacy, refuseGrid } from './privacy.js';
import { settingError } from './problem.js';
import { fillRule, type RuleFile } from './rules.js';
import { checkDeal, fillSketch } from './sketches.js';
import type { CampaignSettings, CoordinatorSettings } from './types.js';

/** One row of the table in docs/configuration.md: the settings of a profile with the reason of each. */
export interface ProfileFill {
  readonly setting: string;
  readonly value: string;
  readonly why: string;
}

const SECURE_FILL: readonly ProfileFill[] = [
  {
    setting: 'group.colluders',
    value: '⌊size / 3⌋',
    why: 'the most that costs no dropout: the threshold is ⌊2·size/3⌋ + 1 either way',
  },
  {
    setting: 'encoding.bits',
    value: '16',
    why: 'rounding far below the noise of training; a ring of 24 bits for up to 128 members',
  },
  { setting: 'prg', value: 'aes256ctr', why: 'in hardware nearly everywhere' },
  {
    setting: 'windows.keys, shares, consistency, unmask: deadlineMs',
    value: '30000',
    why: 'small messages; a slow mobile link has them in seconds',
  },
  { setting: 'windows.masked: deadlineMs', value: '300000', why: 'holds local training and the upload' },
];
const OPEN_FILL: readonly ProfileFill[] = [
  { setting: 'group.colluders', value: '0', why: 'nothing is hidden, so nobody needs to collude' },
  { setting: 'encoding.bits', value: '31', why: 'unused: updates travel as float32' },
  ...SECURE_FILL.slice(2),
];
export const PROFILE_FILLS: Readonly<Record<Profile, readonly ProfileFill[]>> = {
  sketch: [...SECURE_FILL, { setting: 'rule', value: 'name: mean', why: 'the sketches decide who is in the one sum' }],
  grouped: SECURE_FILL,
  cohort: [...SECURE_FILL, { setting: 'rule', value: 'name: mean', why: 'one sum leaves nothing to choose' }],
  open: OPEN_FILL,
};

const COLLUDER_SHARE = 3;
const SECURE_BITS = 16;
const OPEN_BITS = 31;
const DEADLINE_MS: Readonly<Record<WaitingPhase, Millis>> = {
  keys: 30_000,
  shares: 30_000,
  masked: 300_000,
  consistency: 30_000,
  unmask: 30_000,
};

/**
 * The signed settings of a task. What the file says always wins; what it leaves open comes from its profile.
 * @param dimension coordinates of the model that the file describes
 * @throws CONFIG_INVALID where a profile has nothing to fill in
 */
export function fillTask(file: TaskFile, dimension: number): TaskConfig {
  const { profile, group } = file;
  const open = profile === 'open';
  if (profile === 'grouped' && group.count === undefined) {
    throw settingError('group.count', 'is missing; profile grouped needs the number of groups, at least 5');
  }
  const said = file.rule ?? (profile === 'cohort' || profile === 'sketch' ? { name: 'mean' as const } : undefined);
  if (said === undefined) {
    throw settingError('rule', `is missing; profile ${profile} needs one, for example {name: trimmed-mean, faulty: 2}`);
  }
  if (profile === 'sketch' && file.sketch === undefined) {
    throw settingError('sketch', 'is missing; profile sketch needs it, for example {malicious: 4}');
  }
  checkTraining(file);
  const colluders = group.colluders ?? (open ? 0 : Math.floor(group.size / COLLUDER_SHARE));
  const { clipNorm, range, bits, weighting } = file.encoding;
  const threshold = thresholdOf(group.size, colluders);
  const privacy = fillPrivacy(file.privacy, dimension, { size: group.size, threshold, clipNorm });
  if (privacy !== 'none') refuseGrid(file.encoding);
  const floor = privacy !== 'none' && privacy.placement === 'distributed' ? group.size - privacy.losses : 0;
  const quorum = open ? Math.ceil(group.size / 2) : threshold;
  const windows = fillWindows(file, quorum, Math.max(quorum, Math.min(group.size, floor)));
  return {
    protocol: 'sotto/1',
    task: file.task,
    profile,
    trust: file.trust ?? 'standard',
    dimension,
    group: { size: group.size, count: group.count ?? 1, colluders },
    encoding: {
      clipNorm,
      range: range ?? clipNorm,
      bits: bits ?? (privacy !== 'none' ? levelBits(privacy.clipSteps) : open ? OPEN_BITS : SECURE_BITS),
      weighting: weighting ?? { by: 'uniform' },
    },
    prg: file.prg ?? 'aes256ctr',
    integrity:
      file.sketch === undefined
        ? 'none'
        : fillSketch(file.sketch, {
            size: group.size,
            threshold: Math.max(threshold, floor),
            members: group.size * (group.count ?? 1),
            dimension,
          }),
    privacy,
    rule: fillRule(said, leastSeen(said, windows, group.count ?? 1, profile)),
    optimizer: file.optimizer,
    training: trainingOf(file.training),
    windows,
  };
}

/** What is left out is not signed; under DP-SGD the kind of noise always is. */
function trainingOf({ dpSgd, ...rest }: TaskFile['training']) {
  const training = withoutAbsent(rest);
  return dpSgd === undefined ? training : { ...training, dpSgd: { ...dpSgd, noise: dpSgd.noise ?? 'exact' } };
}

/** @throws CONFIG_INVALID where settings of local training belong to different kinds of it, or are missing */
function checkTraining({ training, encoding }: TaskFile): void {
  if (training.algorithm === 'fedprox' && training.mu === undefined) {
    throw settingError('training.mu', 'is missing; fedprox needs it, for example 0.01');
  }
  if (training.algorithm === 'fedavg' && training.mu !== undefined) {
    throw settingError(
      'training.mu',
      `is ${training.mu}, but fedavg has no proximal term; remove it, or use algorithm fedprox`,
    );
  }
  if (training.dpSgd === undefined) {
    for (const field of ['epochs', 'batchSize'] as const) {
      if (training[field] === undefined)
        throw settingError(`training.${field}`, 'is missing; give it, or dpSgd for differentially private training');
    }
    return;
  }
  for (const field of ['epochs', 'batchSize', 'maxExamples'] as const) {
    if (training[field] !== undefined)
      throw settingError(
        `training.${field}`,
        'does not go with dpSgd, which has steps and draws its batches record by record; remove it',
      );
  }
  if (encoding.weighting?.by === 'examples')
    throw settingError(
      'encoding.weighting.by',
      'is examples, but under dpSgd the number of records is private and every client counts the same; use uniform',
    );
}

/** Whether the settings mean something together, and what follows from them. @throws every CONFIG_* of deriveTask and checkDeal */
export function checkTask(task: TaskConfig): Derived {
  const derived = deriveTask(task);
  checkDeal(task);
  return derived;
}

/** Inputs that a filled-in rule counts on: groups, of which as many may be lost as may be bad; in `open` the quorum. */
function leastSeen(rule: RuleFile, windows: TaskConfig['windows'], groups: number, profile: Profile): number {
  if (profile === 'open') return windows.masked.count.min;
  return rule.name === 'mean' ? groups : groups - rule.faulty;
}

/** @param summed the quorum of the phases that decide who is in the sum: noise may ask for more */
function fillWindows({ windows, group }: TaskFile, quorum: number, summed: number): TaskConfig['windows'] {
  const fill = (phase: WaitingPhase, least: number): Window => {
    const said = windows?.[phase] ?? {};
    return {
      count: { min: said.quorum ?? Math.min(least, group.size), max: said.enough ?? group.size },
      time: { min: said.waitMs ?? 0, max: said.deadlineMs ?? DEADLINE_MS[phase] },
    };
  };
  return {
    keys: fill('keys', summed),
    shares: fill('shares', summed),
    masked: fill('masked', summed),
    consistency: fill('consistency', quorum),
    unmask: fill('unmask', quorum),
  };
}

/** @throws CONFIG_INVALID for over-selection outside profile `cohort`, or fewer clients than a round needs */
export function fillCampaign(file: CampaignFile, { profile, group }: TaskConfig): CampaignSettings {
  const needed = group.size * group.count;
  const min = file.clients?.min ?? needed;
  const overSelection = file.overSelection ?? 1;
  if (overSelection > 1 && profile === 'grouped') {
    throw settingError(
      'campaign.overSelection',
      `is ${overSelection}, but the groups of profile grouped are fixed: nobody can be invited on top; remove it, or use profile cohort`,
    );
  }
  return {
    rounds: file.rounds,
    attemptsPerRound: file.attemptsPerRound ?? 3,
    clients: { min, waitMs: file.clients?.waitMs ?? 600_000 },
    overSelection,
    pauseMs: file.pauseMs ?? 0,
    ...(file.giveUpAfter === undefined ? {} : { giveUpAfter: file.giveUpAfter }),
    ...(file.stopAt ? { stopAt: file.stopAt } : {}),
  };
}

export const DEFAULT_PORT = 8970;

/** @param resolved makes a path in the file absolute */
export function fillCoordinator(
  file: CoordinatorFile,
  dimension: number,
  resolved: (path: string) => string,
): CoordinatorSettings {
  const task = fillTask(file, dimension);
  const { roster } = file;
  if (roster.kind === 'allowlist' && new Set(roster.clients).size < roster.clients.length) {
    throw settingError('roster.clients', 'names a client twice; remove one');
  }
  if (roster.kind === 'token' && file.dataDir === undefined) {
    throw settingError(
      'roster.kind',
      'is token, and there is no dataDir: a used token would be new again after a restart; name one',
    );
  }
  return {
    task,
    model: file.model,
    modelSeed: file.modelSeed,
    listen: fillListen(file, resolved),
    // safe: the schema has checked each to be 64 hex digits.
    roster: roster.kind !== 'allowlist' ? roster : { kind: 'allowlist', clients: roster.clients as ClientId[] },
    campaign: fillCampaign(file.campaign, task),
    admins: fillAdmin(file.admin),
    incidents: fillIncidents(file.incidents, resolved),
    monitor: fillMonitor(file.monitor, task.profile, (file.evaluate ?? 'none') !== 'none'),
    identityFile: resolved(file.identityFile),
    data: fillData(file, resolved),
    ...(file.memoryBytes !== undefined && { memoryBytes: file.memoryBytes }),
    evaluate: file.evaluate ?? 'none',
  };
}

/** @throws CONFIG_INVALID beyond this machine without TLS */
function fillListen({ listen = {} }: CoordinatorFile, resolved: (path: string) => string): ListenSettings {
  const { host = '127.0.0.1', port = DEFAULT_PORT, tls, insecure, origins, proxyHeader } = listen;
  const filled: ListenSettings = {
    host,
    port,
    ...(tls && { tls: { cert: resolved(tls.cert), key: resolved(tls.key) } }),
    ...(insecure !== undefined && { insecure }),
    ...(origins && { origins }),
    ...(proxyHeader !== undefined && { proxyHeader }),
  };
  checkListen(filled);
  return filled;
}

function fillData({ dataDir, data = {} }: CoordinatorFile, resolved: (path: string) => string): 'none' | DataSettings {
  if (dataDir !== undefined) return { directory: resolved(dataDir), ...withoutAbsent(data) };
  if (Object.values(data).some((value) => value !== undefined))
    throw settingError(
      'data',
      'says what a data directory may hold, and there is no dataDir; name one, or remove data',
    );
  return 'none';
}

/** The parser writes `undefined` for what was left out; a signed text must not depend on that. */
function withoutAbsent<T extends Record<string, Json | undefined>>(values: T): Record<string, Json> {
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(values)) if (value !== undefined) out[key] = value;
  return out;
}
