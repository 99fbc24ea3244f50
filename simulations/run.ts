// Runs one simulation: coordinator, fleet, attackers, report. Not here: settings (config.ts), what is told (report.ts).

import { SottoError } from '../protocol/errors.js';
import type { RunSimulation } from './report.js';

/** Its place is taken by the fleet; until then it refuses. */
export const runSimulation: RunSimulation = () =>
  Promise.reject(new SottoError('INTERNAL', 'the fleet is not in this build'));
