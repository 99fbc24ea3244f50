// Refuses campaign settings that cannot work with the task, before anybody connects. Not here: the task itself (protocol/task.ts).

import { SottoError } from '../../protocol/errors.js';
import { MAX_POOL } from '../../protocol/limits.js';
import { checkFirstRound } from './budget.js';
import { leastMembers, longestRoster } from './seats.js';
import type { CampaignSetup } from './types.js';

/** @throws SottoError CONFIG_INVALID, naming the field, its value and what would do */
export function checkCampaign({ settings, ...setup }: CampaignSetup): void {
  const { config, threshold } = setup;
  const { rounds, attemptsPerRound, clients, overSelection, pauseMs, giveUpAfter, stopAt } = settings;
  const bad = (field: string, text: string) =>
    new SottoError('CONFIG_INVALID', `campaign.${field} ${text}`, { field: `campaign.${field}` });
  if (!isCount(rounds)) throw bad('rounds', `is ${rounds}; it must be a whole number of at least 1`);
  if (!isCount(attemptsPerRound))
    throw bad('attemptsPerRound', `is ${attemptsPerRound}; it must be a whole number of at least 1`);
  if (!isCount(clients.min) || clients.min > MAX_POOL)
    throw bad('clients.min', `is ${clients.min}; it must be in 1…${MAX_POOL}`);
  if (!isTime(clients.waitMs)) throw bad('clients.waitMs', `is ${clients.waitMs}; it must be a time in ms`);
  if (!isTime(pauseMs)) throw bad('pauseMs', `is ${pauseMs}; it must be a time in ms`);
  if (giveUpAfter !== undefined && !isCount(giveUpAfter))
    throw bad('giveUpAfter', `is ${giveUpAfter}; it must be a whole number of at least 1, or left out`);
  if (!(overSelection >= 1) || !Number.isFinite(overSelection))
    throw bad('overSelection', `is ${overSelection}; it must be at least 1`);
  if (config.profile === 'grouped' && overSelection !== 1) {
    throw bad(
      'overSelection',
      `is ${overSelection}, but groups are fixed: nobody can be added to one; use 1, or profile cohort`,
    );
  }
  checkFirstRound(config);
  const least = leastMembers(config, threshold);
  const most = config.profile === 'grouped' ? config.group.size : longestRoster({ settings, ...setup });
  if (most < least)
    throw bad('overSelection', `leaves a roster of ${most}, but windows and threshold ask for ${least} clients`);
  if (stopAt !== undefined && !(stopAt.accuracy > 0 && stopAt.accuracy <= 1)) {
    throw bad('stopAt.accuracy', `is ${stopAt.accuracy}; it must be above 0 and at most 1`);
  }
}

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 1;
const isTime = (ms: number): boolean => Number.isFinite(ms) && ms >= 0;
