// `sotto coordinator`: reads settings and identity, begins to look at the data directory, and only then loads the rest: after a crash every
// second counts for those who wait. Not here: running (coordinator-run.ts), the settings (server/config).

import { SottoError } from '../../protocol/errors.js';
import { dimensionOf } from '../../simulations/model-source.js';
import { loadCoordinatorSettings } from '../config/index.js';
import { beginOpening } from '../data/begin.js';
import type { RollBack } from '../driver/roll-back.js';
import type { ExitCode } from './exit.js';
import { loadIdentityFile } from './identity-file.js';
import type { Io } from './io.js';

export interface CoordinatorOptions {
  /** `silent` and the levels of pino. */
  readonly log: string;
  readonly json: boolean;
  /** Go back to the model after this round first; `reason` belongs to it. */
  readonly rollBackTo?: number;
  readonly reason?: string;
}

/**
 * @returns ok where the campaign ended or was stopped; failed where it stalled; internal after a bug of ours, with everything that was
 *   written down on disk
 * @throws SottoError from the start
 */
export async function coordinator(path: string, options: CoordinatorOptions, io: Io): Promise<ExitCode> {
  const rollBack = rollBackOf(options);
  const settings = loadCoordinatorSettings(path, dimensionOf);
  const identity = await loadIdentityFile(settings.identityFile);
  const begun = settings.data === 'none' ? undefined : beginOpening(settings.data.directory, identity.id);
  try {
    const { runCoordinator } = await import('./coordinator-run.js');
    return await runCoordinator({ settings, identity, begun, rollBack, options }, io);
  } finally {
    // For a start that failed: whoever opened it has given it back.
    begun?.lock.release();
  }
}

/** @throws CONFIG_INVALID where one is given without the other */
function rollBackOf({ rollBackTo, reason }: CoordinatorOptions): RollBack | undefined {
  if (rollBackTo === undefined && reason === undefined) return undefined;
  if (rollBackTo === undefined || reason === undefined)
    throw new SottoError('CONFIG_INVALID', 'give --roll-back-to and --reason together: every client reads the reason');
  return { round: rollBackTo, reason };
}
