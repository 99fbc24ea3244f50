// What a privacy setting costs and what it leaves of the model, before anything is trained: numbers alone, the worst that the setting
// allows. Not here: where the setting comes from (plan-settings.ts), tables and charts (plan-view.ts).

import { SottoError } from '../../../protocol/errors.js';
import { noiseMultiplierFor } from '../../../protocol/privacy/calibrate.js';
import { checkBudget, checkClaim, checkDelta } from '../../../protocol/privacy/domain.js';
import type { Neighbours, Observer, PrivacyEvent, ReleaseContext } from '../../../protocol/privacy/events.js';
import { composedMultiplier } from '../../../protocol/privacy/gaussian.js';
import { createCurves } from '../../../protocol/privacy/ledger.js';
import {
  cohortNoiseFactor,
  excessVariance,
  fallBackMultiplier,
  honestShares,
  localVariance,
  realisedMultiplier,
} from '../../../protocol/privacy/noise-share.js';
import { roundsWithin } from '../../../protocol/privacy/odometer.js';
import { price, tightPrice } from '../../../protocol/privacy/price.js';
import { roundedSensitivity } from '../../../protocol/privacy/sensitivity.js';
import { sketchAffordable, sketchMultiplier, sketchUpperFactor } from '../../../protocol/privacy/sketch-noise.js';
import type { IntegerNoise } from '../../../protocol/privacy/spec.js';
import { detectionCeiling } from '../../../simulations/metrics.js';

interface Common {
  readonly rounds: number;
  readonly delta: number;
  /** Budget; absent: no budget is compared. */
  readonly epsilon?: number;
  /** z; absent: the smallest that keeps all rounds within ε. */
  readonly noiseMultiplier?: number;
  /** C. */
  readonly clipNorm: number;
  /** d. */
  readonly dimension: number;
  /** Clients in a round, n. */
  readonly clients: number;
}
/** Whole clients: noise shares under the masks, or noise of the coordinator. */
export interface ClientSetting extends Common {
  readonly placement: 'distributed' | 'central';
  readonly neighbours: Neighbours;
  /** Members of one group, g, and groups, m. */
  readonly group: number;
  readonly groups: number;
  /** D and f_c; 0 with central noise. */
  readonly losses: number;
  readonly noiseless: number;
  /** Of clients' shares; of no account with central noise. */
  readonly noise: IntegerNoise;
  /** c, the clipping norm in grid steps. */
  readonly clipSteps: number;
  /** k; 0 without verified sketches. */
  readonly sketchRows: number;
}
/** Single records: DP-SGD inside each client. */
export interface RecordSetting extends Common {
  readonly placement: 'record';
  readonly samplingRate: number;
  readonly stepsPerRound: number;
  /** L, the public denominator. */
  readonly lotSize: number;
  readonly arithmetic: 'exact' | 'real';
}
export type PlanSetting = ClientSetting | RecordSetting;

export interface Cost {
  /** By RDP: the guarantee, and what stops the run. */
  readonly epsilon: number;
  readonly order: number;
  /** Exact or by PLD, integer noise taken as Gaussian. */
  readonly tight: number;
}
/** What the noise does to the model. Norms in units of the update. */
export interface Utility {
  /** Of one coordinate of the cohort mean, if nobody is lost. */
  readonly noisePerCoordinate: number;
  /** Of the whole mean: √d times that. */
  readonly noiseNorm: number;
  /** Largest norm of the mean that clipping allows. */
  readonly signalNorm: number;
  /** signalNorm ÷ noiseNorm in one round, and over all of them where updates agree and noise does not. */
  readonly ratio: number;
  readonly ratioOverRounds: number;
}
export interface Plan {
  readonly setting: PlanSetting;
  readonly noiseMultiplier: number;
  readonly unit: 'client' | 'record';
  readonly observer: Observer;
  /** At the worst: all tolerated losses, all colluders, sketches opened. */
  readonly worst: Cost;
  /** If nobody is lost; with the colluders still counted. */
  readonly best: Cost;
  readonly roundsWithinBudget?: number;
  readonly utility: Utility;
  readonly byRounds: readonly (Cost & { readonly rounds: number })[];
  readonly byMultiplier: readonly {
    readonly noiseMultiplier: number;
    readonly epsilon: number;
    readonly noiseNorm: number;
  }[];
  readonly byCohort: readonly {
    readonly clients: number;
    readonly groups: number;
    readonly noiseNorm: number;
    readonly ratio: number;
  }[];
  /** `opened` is false below the survivor floor. Distributed noise only. */
  readonly byLosses: readonly {
    readonly lost: number;
    readonly opened: boolean;
    readonly multiplier: number;
    readonly epsilon: number | null;
  }[];
  /** One client's own share where the secure sum itself is broken. Distributed noise only. */
  readonly fallBack?: Cost & { readonly multiplier: number };
  readonly sketch?: {
    readonly multiplier: number;
    readonly strictMultiplier: number;
    readonly totalMultiplier: number;
    readonly affordable: boolean;
    /** Largest norm, in clipping norms, that a cheater's noised update may have without standing out. */
    readonly unseenNorm: number;
  };
  /** Most that any test can catch, at 5 % false alarms, of a client that obeys clip and noise. Client level only. */
  readonly ceiling?: { readonly oneRound: number; readonly allRounds: number };
  readonly warnings: readonly string[];
}

/** β of the conditional rounding (Kairouz, Liu, Steinke 2021 §4). */
const ROUNDING_BETA = Math.exp(-0.5);
const FALSE_POSITIVES = 0.05;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/**
 * @throws SottoError PRIVACY_CLAIM, PRIVACY_SHARES, PRIVACY_DELTA, PRIVACY_EPSILON, PRIVACY_CALIBRATION, PRIVACY_EVENT: each names the
 *   number and the way out; CONFIG_INVALID where neither z nor ε is given
 */
export function makePlan(setting: PlanSetting): Plan {
  checkDelta(setting.delta);
  const observer = observerOf(setting);
  checkClaim({
    observer,
    placement: setting.placement,
    samplingRate: setting.placement === 'record' ? setting.samplingRate : 1,
  });
  if (setting.placement === 'distributed') honestShares(sharesOf(setting));
  const z = multiplierFor(setting);
  const cost = (multiplier: number, rounds: number, survivors?: number): Cost =>
    costOf(eventsFor(setting, multiplier, rounds, survivors), setting.delta);
  const all = setting.placement === 'record' ? undefined : setting.group;
  const curves = createCurves();
  const budget = setting.epsilon === undefined ? undefined : { epsilon: setting.epsilon, delta: setting.delta };
  const utility = utilityOf(setting, z, setting.clients);
  const worst = cost(z, setting.rounds);
  const plan = {
    setting,
    noiseMultiplier: z,
    unit: setting.placement === 'record' ? ('record' as const) : ('client' as const),
    observer,
    worst,
    best: cost(z, setting.rounds, all),
    ...(budget === undefined ? {} : { roundsWithinBudget: roundsWithin([], eventsFor(setting, z, 1), budget, curves) }),
    utility,
    byRounds: roundsShown(setting.rounds).map((rounds) => ({ rounds, ...cost(z, rounds) })),
    byMultiplier: [0.5, 0.75, 1, 1.5, 2, 4].map((factor) => ({
      noiseMultiplier: factor * z,
      noiseNorm: utilityOf(setting, factor * z, setting.clients).noiseNorm,
      epsilon: boundOf(eventsFor(setting, factor * z, setting.rounds), setting.delta),
    })),
    byCohort: cohortsShown(setting).map(({ clients, groups }) => {
      const { noiseNorm, ratio } = utilityOf(setting, z, clients);
      return { clients, groups, noiseNorm, ratio };
    }),
    byLosses: setting.placement === 'distributed' ? lossesOf(setting, z) : [],
    ...(setting.placement === 'distributed' ? { fallBack: fallBackOf(setting, z) } : {}),
    ...(setting.placement === 'distributed' && setting.sketchRows > 0 ? { sketch: sketchOf(setting, z) } : {}),
    ...(setting.placement === 'record'
      ? {}
      : {
          ceiling: {
            oneRound: detectionCeiling(z, 1, FALSE_POSITIVES),
            allRounds: detectionCeiling(z, setting.rounds, FALSE_POSITIVES),
          },
        }),
  };
  return { ...plan, warnings: warningsOf(plan) };
}

const observerOf = ({ placement }: PlanSetting): Observer =>
  placement === 'central' ? 'released-model' : 'coordinator';
const sharesOf = ({ group, losses, noiseless }: ClientSetting) => ({
  group,
  toleratedDropouts: losses,
  colluders: noiseless,
});

function multiplierFor(setting: PlanSetting): number {
  if (setting.noiseMultiplier !== undefined) return setting.noiseMultiplier;
  if (setting.epsilon === undefined)
    throw new SottoError('CONFIG_INVALID', 'neither a noise multiplier nor an epsilon is given; name one of them', {
      field: 'noiseMultiplier',
    });
  const budget = { epsilon: setting.epsilon, delta: setting.delta };
  checkBudget(budget);
  return noiseMultiplierFor((z) => eventsFor(setting, z, setting.rounds), budget, 'rdp');
}

function costOf(events: readonly PrivacyEvent[], delta: number): Cost {
  const { epsilon, order = Number.NaN } = price(events, delta, { accountant: 'rdp' });
  return { epsilon, order, tight: tightPrice(events, delta).epsilon };
}

const boundOf = (events: readonly PrivacyEvent[], delta: number): number =>
  price(events, delta, { accountant: 'rdp' }).epsilon;

/** All that `rounds` rounds release about one unit. @param survivors of its group; absent: as few as may be */
function eventsFor(setting: PlanSetting, z: number, rounds: number, survivors?: number): readonly PrivacyEvent[] {
  const context: ReleaseContext = {
    task: 'plan',
    round: 1,
    attempt: 1,
    group: 0,
    unit: setting.placement === 'record' ? 'record' : 'client',
    neighbours: setting.placement === 'record' ? 'add-or-remove' : setting.neighbours,
    observer: observerOf(setting),
    arithmetic: setting.placement === 'record' ? setting.arithmetic : 'exact',
  };
  if (setting.placement === 'record') {
    const { samplingRate, stepsPerRound } = setting;
    return [{ ...context, type: 'poissonGaussian', samplingRate, noiseMultiplier: z, count: stepsPerRound * rounds }];
  }
  if (setting.placement === 'central') return [{ ...context, type: 'gaussian', noiseMultiplier: z, count: rounds }];
  const { dimension, noiseless, losses, group, sketchRows: k } = setting;
  const { l2, l1 } = roundedSensitivity(setting.clipSteps, dimension, ROUNDING_BETA);
  const variance = Math.ceil(localVariance(sharesOf(setting), z, l2));
  const shares = (survivors ?? group - losses) - noiseless;
  const sum: PrivacyEvent = {
    ...context,
    type: setting.noise === 'skellam' ? 'distributedSkellam' : 'distributedGaussian',
    honestShares: shares,
    localVariance: variance,
    l2,
    l1,
    dimension,
  };
  const sketch: PrivacyEvent = { ...context, type: 'sketch', localVariance: variance, l2, k, dimension };
  return Array.from({ length: rounds }, () => (k > 0 ? [sum, sketch] : [sum])).flat();
}

/** Noise of the mean over `clients`, if nobody is lost. */
function utilityOf(setting: PlanSetting, z: number, clients: number): Utility {
  const { clipNorm, dimension, rounds } = setting;
  let perCoordinate: number;
  let signalNorm = clipNorm;
  if (setting.placement === 'record') {
    // In units of one step's learning rate: S steps of mean gradients up to C each, and S independent noises zC/L.
    perCoordinate = (Math.sqrt(setting.stepsPerRound) * z * clipNorm) / setting.lotSize / Math.sqrt(clients);
    signalNorm = setting.stepsPerRound * clipNorm;
  } else if (setting.placement === 'central')
    perCoordinate = (z * clipNorm * cohortNoiseFactor(clients, setting.group)) / clients;
  else {
    const { l2 } = roundedSensitivity(setting.clipSteps, dimension, ROUNDING_BETA);
    const rounding = l2 / setting.clipSteps;
    const excess = Math.sqrt(excessVariance(sharesOf(setting)));
    perCoordinate = (z * clipNorm * rounding * excess * cohortNoiseFactor(clients, setting.group)) / clients;
  }
  const noiseNorm = perCoordinate * Math.sqrt(dimension);
  const ratio = signalNorm / noiseNorm;
  return {
    noisePerCoordinate: perCoordinate,
    noiseNorm,
    signalNorm,
    ratio,
    ratioOverRounds: ratio * Math.sqrt(rounds),
  };
}

function lossesOf(setting: ClientSetting, z: number): Plan['byLosses'] {
  const { l2 } = roundedSensitivity(setting.clipSteps, setting.dimension, ROUNDING_BETA);
  const variance = localVariance(sharesOf(setting), z, l2);
  const shown = [...new Set([0, 1, 2, Math.floor(setting.losses / 2), setting.losses, setting.losses + 1])];
  return shown
    .sort((a, b) => a - b)
    .map((lost) => {
      const survivors = setting.group - lost;
      const opened = lost <= setting.losses;
      return {
        lost,
        opened,
        multiplier: realisedMultiplier(survivors, setting.noiseless, variance, l2),
        epsilon: opened ? boundOf(eventsFor(setting, z, setting.rounds, survivors), setting.delta) : null,
      };
    });
}

function fallBackOf(setting: ClientSetting, z: number) {
  const multiplier = fallBackMultiplier(sharesOf(setting), z);
  // What is left is one share: as if it had survived alone, beside no colluder.
  const alone = { ...setting, sketchRows: 0, noiseless: 0 };
  return { multiplier, ...costOf(eventsForOneShare(alone, multiplier), setting.delta) };
}

function eventsForOneShare(setting: ClientSetting, multiplier: number): readonly PrivacyEvent[] {
  const one = eventsFor({ ...setting, group: 2, losses: 0 }, multiplier * Math.SQRT2, setting.rounds, 1);
  return one.map((event) => ({ ...event, neighbours: setting.neighbours }));
}

function sketchOf(setting: ClientSetting, z: number): NonNullable<Plan['sketch']> {
  const { dimension, sketchRows: k, clipSteps } = setting;
  const { l2 } = roundedSensitivity(clipSteps, dimension, ROUNDING_BETA);
  const variance = localVariance(sharesOf(setting), z, l2);
  const strictMultiplier = sketchMultiplier(variance, l2, k, dimension, sketchUpperFactor(k));
  return {
    multiplier: sketchMultiplier(variance, l2, k, dimension, 1),
    strictMultiplier,
    totalMultiplier: composedMultiplier([z, strictMultiplier]),
    affordable: sketchAffordable(dimension, k, honestShares(sharesOf(setting))),
    unseenNorm: Math.sqrt(clipSteps ** 2 + dimension * variance) / clipSteps,
  };
}

const roundsShown = (rounds: number): number[] => [...new Set([...STEPS.filter((step) => step < rounds), rounds])];

function cohortsShown(setting: PlanSetting): { clients: number; groups: number }[] {
  const unit = setting.placement === 'record' ? 1 : setting.group;
  const groups = setting.placement === 'record' ? setting.clients : setting.groups;
  return [...new Set([0.5, 1, 2, 4, 10].map((factor) => Math.max(1, Math.round(groups * factor))))].map((m) => ({
    clients: m * unit,
    groups: setting.placement === 'record' ? 0 : m,
  }));
}

function warningsOf(plan: Omit<Plan, 'warnings'>): string[] {
  const { setting, worst, utility, sketch } = plan;
  const warnings: string[] = [];
  if (setting.epsilon !== undefined && worst.epsilon > setting.epsilon)
    warnings.push(
      `${setting.rounds} rounds cost ε = ${worst.epsilon.toFixed(3)}, more than the budget of ${setting.epsilon}: round ${(plan.roundsWithinBudget ?? 0) + 1} will be refused`,
    );
  if (plan.unit === 'client' && setting.delta >= 1 / setting.clients)
    warnings.push(`delta ${setting.delta} is not below one over the ${setting.clients} clients: take a smaller one`);
  if (utility.ratioOverRounds < 1)
    warnings.push(
      `the noise on the mean outweighs the largest update that clipping allows, even summed over ${setting.rounds} rounds (1 : ${(1 / utility.ratioOverRounds).toFixed(1)}): a model seldom survives that; use more clients, a smaller model, or a larger ε`,
    );
  else if (utility.ratio < 0.1)
    warnings.push(
      `in one round the noise is ${(1 / utility.ratio).toFixed(0)} times the largest update: only many rounds that agree can carry the model through`,
    );
  if (sketch !== undefined && !sketch.affordable)
    warnings.push(
      `sketches of k = ${(setting as ClientSetting).sketchRows} rows need d ≥ 10·k·(counted shares); with d = ${setting.dimension} they cost more than a tenth of the sum: leave them out, or use a larger model`,
    );
  if (sketch !== undefined && sketch.unseenNorm > 2)
    warnings.push(
      `under this noise a cheater may send an update of ${sketch.unseenNorm.toFixed(0)} clipping norms and no norm test on sketches can tell`,
    );
  if (setting.placement === 'record' && setting.arithmetic === 'real')
    warnings.push('noise: float: the guarantee holds for ideal real arithmetic only');
  return warnings;
}
