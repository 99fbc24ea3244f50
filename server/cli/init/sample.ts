// Data to begin with, as a CSV file: made-up readings of a machine, in units that people know. Deterministic.
// Not here: reading it (csv.ts).

import { Random } from '../../../simulations/random.js';

const READINGS = {
  temperature: [61, 9],
  vibration: [2.4, 0.9],
  pressure: [5.1, 0.7],
  current: [11.8, 2.2],
  speed: [1480, 60],
  noise: [72, 6],
  load: [0.63, 0.16],
  hours: [5200, 1900],
} as const;
const STATES = ['ok', 'wear', 'fault'] as const;
const ROWS = 900;

/** The task is learnable and not trivial: a linear model gets nine of ten right. */
export function sampleCsv(): string {
  const draws = Random.fromSeed('sotto init');
  const centres = STATES.map(() => Object.keys(READINGS).map(() => draws.normal()));
  const lines = Array.from({ length: ROWS }, (_, row) => {
    const state = row % STATES.length;
    const values = Object.values(READINGS).map(([mean, deviation], i) => {
      const value = mean + deviation * ((centres[state]?.[i] ?? 0) + draws.normal());
      return Number(value.toPrecision(4));
    });
    return [...values, STATES[state]].join(',');
  });
  return `${[...Object.keys(READINGS), 'state'].join(',')}\n${lines.join('\n')}\n`;
}
export const SAMPLE_LABEL = 'state';
