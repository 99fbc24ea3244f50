// The settings of the poisoning monitor in a file, and what is filled in where it is silent. They are the coordinator's own: clients do
// not sign for them, since nothing in them changes what a client does. Not here: what decides over membership by the signed task
// (sketches.ts), the monitor (server/monitor).

import * as v from 'valibot';
import type { Profile } from '../../protocol/task.js';
import { MONITOR_DEFAULTS, type MonitorSettings } from '../monitor/index.js';
import { settingError } from './problem.js';
import { between, decay, maybe, positive, says, settings, whole } from './values.js';

const flag = v.pipe(v.boolean('true or false'), v.metadata({ must: 'true or false' }));
const MAX_QUARANTINE = 1_000_000;

export const monitorSettings = settings({
  falseAlarm: maybe(
    `${MONITOR_DEFAULTS.clientFalseAlarm}`,
    says(
      'Probability that the sketch of an honest client fails any test in a round; the same for a group. Thresholds follow from it and from how many there are.',
      between(1e-9, 0.1),
    ),
  ),
  exclude: maybe(
    'true',
    says(
      'Whether a finding beyond twice its threshold leaves the client out of that very round, as far as the filters of the task have left budget. Only where there are sketches.',
      flag,
    ),
  ),
  decay: maybe(`${MONITOR_DEFAULTS.decay}`, says('What is left of a suspicion after a round.', decay())),
  quarantineAt: maybe(
    `${MONITOR_DEFAULTS.quarantineAt}`,
    says(
      'Suspicion that means quarantine. A finding adds 1, a strong one 2, an offence against the protocol 1.',
      positive(),
    ),
  ),
  quarantineRounds: maybe(
    `${MONITOR_DEFAULTS.quarantineRounds}`,
    says('Rounds of a first quarantine; each further one is twice as long.', whole(1, MAX_QUARANTINE)),
  ),
  maxQuarantineRounds: maybe(
    `${MONITOR_DEFAULTS.maxQuarantineRounds}`,
    says('Rounds of a quarantine at most.', whole(1, MAX_QUARANTINE)),
  ),
  heldOut: maybe(
    'false',
    says(
      'Profile `grouped`: measures after each round what every group does to loss and recall on the data of `evaluate`, before the next one starts. Costs an evaluation for each group and one more.',
      flag,
    ),
  ),
});
export type MonitorFile = v.InferOutput<typeof monitorSettings>;

/** @param evaluates whether the coordinator has data of its own @throws CONFIG_INVALID where settings contradict each other */
export function fillMonitor(file: MonitorFile | undefined, profile: Profile, evaluates: boolean): MonitorSettings {
  const fill = MONITOR_DEFAULTS;
  const falseAlarm = file?.falseAlarm;
  const quarantineRounds = file?.quarantineRounds ?? fill.quarantineRounds;
  const maxQuarantineRounds = file?.maxQuarantineRounds ?? Math.max(quarantineRounds, fill.maxQuarantineRounds);
  if (maxQuarantineRounds < quarantineRounds) {
    throw settingError(
      'monitor.maxQuarantineRounds',
      `is ${maxQuarantineRounds}, below quarantineRounds ${quarantineRounds}; raise it, or lower that`,
    );
  }
  const heldOut = file?.heldOut ?? fill.heldOut;
  if (heldOut && profile !== 'grouped') {
    throw settingError(
      'monitor.heldOut',
      `is true, but profile ${profile} has no groups to compare; remove it, or use profile grouped`,
    );
  }
  if (heldOut && !evaluates) {
    throw settingError('monitor.heldOut', 'is true, but the coordinator has no data to measure on; set evaluate');
  }
  return {
    clientFalseAlarm: falseAlarm ?? fill.clientFalseAlarm,
    groupFalseAlarm: falseAlarm ?? fill.groupFalseAlarm,
    decay: file?.decay ?? fill.decay,
    quarantineAt: file?.quarantineAt ?? fill.quarantineAt,
    quarantineRounds,
    maxQuarantineRounds,
    exclude: file?.exclude ?? fill.exclude,
    effectiveCoordinates: fill.effectiveCoordinates,
    heldOut,
  };
}
