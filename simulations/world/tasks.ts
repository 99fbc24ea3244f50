// What is learned in a world: the signed settings of each kind of task, and the update of each client, chosen so that a sum tells exactly
// who is in it. Not here: which kind a seed draws (ops.ts), comparing sums (accounting.ts).

import { CHUNK_BYTES } from '../../protocol/limits.js';
import { defaultClipSteps, levelBits } from '../../protocol/privacy/provision.js';
import type { SketchSpec } from '../../protocol/sketch/bounds.js';
import { type TaskConfig, thresholdOf, WAITING_PHASES } from '../../protocol/task.js';
import { STEP } from './check-log.js';
import type { Settings } from './ops.js';

/**
 * `plain`: unit vectors and the mean. `sketches`: the same with verified sketches, and members who are left out. `noise`: each member adds
 * a share of noise. `median`, `trimmed mean`: over the means of three groups, with updates that differ in every coordinate.
 * `chunks`: as `plain`, with inputs of two chunks each, so that an upload can be cut in its middle and resumed.
 */
export type TaskKind = 'plain' | 'chunks' | 'sketches' | 'noise' | 'median' | 'trimmed mean';

export const TASK = 'world';
/** One grid step of tasks without noise, exactly. */
const GRID = 2 ** -7;
const RANGE = 127 / 128;
/** Fewest rows for 20 bits and one liar. */
const ROWS = 24;
/** Coordinates in which a loud client moves by RANGE: its norm is seven times that of the others, and within the bound. */
const LOUD = 12;
const LOUDEST = 4;

export function dimensionOf({ task, clients, group }: Settings): number {
  if (task === 'chunks') return CHUNK_BYTES / 4 + clients;
  // As few as sketches may have: 10·k·n.
  return task === 'sketches' ? 10 * ROWS * group.size * group.count : clients;
}

/** What client `index` sends, on the grid. */
export function updateOf(settings: Settings, index: number): Float32Array<ArrayBuffer> {
  const update = new Float32Array(dimensionOf(settings));
  if (settings.task === 'median' || settings.task === 'trimmed mean')
    // Spread out, so that a group with one member more or less has another mean nearly everywhere.
    for (let j = 0; j < update.length; j++)
      update[j] = ((((index + 1) * 37 + (j + 1) * 53 + index * j * 29) % 101) - 50) * GRID;
  else if (settings.loud.includes(index)) update.fill(RANGE, settings.clients, settings.clients + LOUD);
  else update[index] = STEP;
  return update;
}

export function taskOf(settings: Settings): TaskConfig {
  const { task, group, windowMs } = settings;
  const { size, count, colluders } = group;
  const threshold = thresholdOf(size, colluders);
  const floor = task === 'noise' ? Math.max(threshold, size - settings.losses) : threshold;
  const window = { count: { min: floor, max: size }, time: { min: 0, max: windowMs } };
  const robust = task === 'median' || task === 'trimmed mean';
  return {
    protocol: 'sotto/1',
    task: TASK,
    profile: count > 1 ? 'grouped' : task === 'sketches' ? 'sketch' : 'cohort',
    trust: 'trusted',
    dimension: dimensionOf(settings),
    group,
    encoding: encodingOf(settings),
    prg: 'aes256ctr',
    integrity: task === 'sketches' ? sketchesOf(settings, threshold) : 'none',
    privacy: task === 'noise' ? noiseOf(settings) : 'none',
    rule: robust ? { name: task === 'median' ? 'median' : 'trimmed-mean', faulty: settings.faulty } : { name: 'mean' },
    optimizer: { name: 'fedavg', learningRate: 1 },
    training: {},
    windows: Object.fromEntries(WAITING_PHASES.map((phase) => [phase, window])) as TaskConfig['windows'],
  };
}

function encodingOf(settings: Settings): TaskConfig['encoding'] {
  const weighting = { by: 'uniform' } as const;
  if (settings.task === 'noise')
    return { clipNorm: 1, range: 1, bits: levelBits(defaultClipSteps(dimensionOf(settings))), weighting };
  // A grid step of 2^-23: four bytes for each coordinate of a sum.
  if (settings.task === 'chunks') return { clipNorm: 1e6, range: (2 ** 23 - 1) / 2 ** 23, bits: 24, weighting };
  // Nobody is ever clipped.
  return { clipNorm: settings.task === 'sketches' ? LOUDEST : 1e6, range: RANGE, bits: 8, weighting };
}

/** One may be left out: the loud one, who is four times as far from the centre as the others. */
function sketchesOf({ group, windowMs }: Settings, threshold: number): SketchSpec {
  return {
    kind: 'sketch',
    rows: ROWS,
    securityBits: 20,
    malicious: 1,
    exclusions: 1,
    dropouts: Math.max(0, group.size - threshold - 1),
    selection: [{ name: 'distance', faulty: 1, centre: { name: 'median' }, factor: 3 }],
    window: { count: { min: threshold, max: group.size }, time: { min: 0, max: windowMs } },
  };
}

function noiseOf(settings: Settings): TaskConfig['privacy'] {
  return {
    placement: 'distributed',
    noise: 'discrete-gaussian',
    noiseMultiplier: 1,
    clipSteps: defaultClipSteps(dimensionOf(settings)),
    rotation: 'none',
    losses: settings.losses,
    noiseless: 0,
    clipping: { by: 'fixed' },
    neighbours: 'add-or-remove',
    budget: { epsilon: settings.epsilon, delta: 1e-5 },
  };
}
