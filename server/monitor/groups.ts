// Tests on group sums. They say that something is wrong in a group, never with whom: no number of rounds tells the members of a
// fixed group apart (robustness.md §3.1). Pure.

import { normalQuantile } from './distributions.js';
import { cleanZ, robustThreshold, robustZ } from './robust.js';
import type {
  AlarmEvent,
  GroupEvent,
  GroupObservation,
  GroupSignal,
  MonitorSettings,
  RoundObservation,
} from './types.js';

const LOG_FLOOR = 0.1;
const ANGLE_FLOOR = 0.1;
/** Of losses and recalls, in their own unit: less is noise of the held-out set. */
const GAIN_FLOOR = 0.005;
/** Tests that share the false-alarm rate of one group: norm up and down, trim, direction, held-out loss, recall. */
const TESTS = 6;

/**
 * z = (count − d_eff·p)/√(d_eff·p(1 − p)) with p = 2f/m: how far the number of coordinates in which a group was trimmed is from what
 * it is without attack. Coordinates are correlated, so d_eff is far below d.
 */
export function trimFrequencyZ(trimmed: number, effective: number, m: number, f: number): number {
  const p = (2 * f) / m;
  return (trimmed - effective * p) / Math.sqrt(effective * p * (1 - p));
}

export function judgeGroups(
  { round, groups, faulty, normBound }: RoundObservation,
  settings: MonitorSettings,
): GroupEvent[] {
  const { groupFalseAlarm, effectiveCoordinates } = settings;
  const threshold = robustThreshold(groupFalseAlarm / TESTS, groups.length);
  const events = groups.flatMap(({ id, norm }): GroupEvent[] => {
    if (normBound === undefined || norm <= normBound) return [];
    // No statistic: a mean of clipped updates is no longer than the clipping norm.
    const says = `group ${id}: the norm of its mean update is ${norm.toPrecision(3)}, above the ${normBound.toPrecision(3)} that clipped updates can reach: at least one member did not clip`;
    return [{ type: 'group', round, group: id, signal: 'bound', value: norm, threshold: normBound, says }];
  });
  const outliers = (
    signal: GroupSignal,
    read: (group: GroupObservation) => number | undefined,
    floor: number,
    side: (z: number) => number,
    says: (value: number) => string,
  ): void => {
    const read_ = groups.map(read);
    const values = read_.filter((value) => value !== undefined);
    if (values.length < groups.length || values.length < 3) return;
    cleanZ(values, floor).forEach((z, i) => {
      const value = side(z);
      if (!(value > threshold)) return;
      // safe: one value for each group.
      const [group, raw] = [groups[i]!.id, values[i]!];
      events.push({ type: 'group', round, group, signal, value, threshold, says: `group ${group}: ${says(raw)}` });
    });
  };
  const low = (z: number): number => -z;
  outliers(
    'norm',
    ({ norm }) => Math.log(Math.max(norm, 1e-300)),
    LOG_FLOOR,
    Math.abs,
    (ln) => `the norm of its mean update, ${Math.exp(ln).toPrecision(3)}, is unlike that of the other groups`,
  );
  outliers(
    'direction',
    ({ cosineToLast }) =>
      cosineToLast === undefined ? undefined : Math.atanh(Math.max(-0.999999, Math.min(0.999999, cosineToLast))),
    ANGLE_FLOOR,
    low,
    (angle) => `its cosine with the last step is ${Math.tanh(angle).toFixed(2)}, below the other groups`,
  );
  outliers(
    'heldOut',
    ({ heldOutGain }) => heldOutGain,
    GAIN_FLOOR,
    low,
    (gain) => `with it, the loss on held-out data changes by ${(-gain).toPrecision(2)}; other groups lower it`,
  );
  outliers(
    'recall',
    ({ recallGain }) => recallGain,
    GAIN_FLOOR,
    low,
    (gain) => `with it, the recall of one class changes by ${gain.toPrecision(2)}`,
  );
  if (faulty !== undefined && faulty > 0 && 2 * faulty < groups.length) {
    const bound = normalQuantile(1 - groupFalseAlarm / TESTS);
    for (const { id, trimmed } of groups) {
      if (trimmed === undefined) continue;
      const z = trimFrequencyZ(trimmed * effectiveCoordinates, effectiveCoordinates, groups.length, faulty);
      if (z <= bound) continue;
      const usual = ((200 * faulty) / groups.length).toFixed(0);
      const says = `group ${id}: the rule cut it off in ${(100 * trimmed).toFixed(0)} % of the coordinates, ${usual} % is usual`;
      events.push({ type: 'group', round, group: id, signal: 'trim', value: z, threshold: bound, says });
    }
  }
  return events;
}

/** Rounds of disagreement that are remembered, and from how many on they say something. */
export const HISTORY = 20;
const MIN_HISTORY = 8;
/** Two rules that are further apart than an ordinary input is from the centre do not measure the same thing, in any round. */
const APART = 1;

/** Against the rounds before, on the log scale; and against `APART`, which needs no history. */
export function judgeDisagreement(
  round: number,
  disagreement: number,
  history: readonly number[],
  settings: MonitorSettings,
): AlarmEvent[] {
  const says = `two rules over the same inputs are ${disagreement.toPrecision(3)} times the usual distance of an input apart`;
  if (disagreement >= APART) return [{ type: 'disagreement', round, value: disagreement, threshold: APART, says }];
  if (history.length < MIN_HISTORY) return [];
  const z = robustZ([...history, logDisagreement(disagreement)], LOG_FLOOR).at(-1) ?? 0;
  const threshold = robustThreshold(settings.groupFalseAlarm, history.length);
  return z > threshold
    ? [{ type: 'disagreement', round, value: z, threshold, says: `${says}, far more than in the last rounds` }]
    : [];
}

export const logDisagreement = (value: number): number => Math.log(Math.max(value, 1e-9));
