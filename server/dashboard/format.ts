// Numbers, times and names as people read them. Not here: sentences of the coordinator, which come with the rows.

import type { PhaseName } from '../board/view.js';

export const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(1)} %`);
export const fixed = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits));
export const count = (value: number): string => value.toLocaleString('en-US');
export const short = (id: string): string => id.slice(0, 8);

export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let at = 0;
  let rest = value;
  while (rest >= 1_000 && at < units.length - 1) {
    rest /= 1_000;
    at++;
  }
  return `${at === 0 ? rest : rest.toPrecision(3)} ${units[at]}`;
}

export function seconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7_200) return `${Math.round(value / 60)} min`;
  return `${(value / 3_600).toFixed(1)} h`;
}

export const clock = (ms: number): string => new Date(ms).toLocaleTimeString('en-GB');
export function day(ms: number): string {
  const date = new Date(ms);
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(ms)}`;
}
/** `today` gives the time alone. */
export const when = (ms: number): string =>
  new Date(ms).toDateString() === new Date().toDateString() ? clock(ms) : day(ms);

export const PHASES: Readonly<Record<PhaseName, string>> = {
  keys: 'Keys',
  shares: 'Shares',
  masked: 'Training',
  committed: 'Training',
  sketch: 'Sketches',
  screened: 'Screening',
  consistency: 'Consistency',
  agreed: 'Consistency',
  unmask: 'Unmasking',
  opening: 'Opening',
  done: 'Done',
  failed: 'Failed',
};

/** What a phase is for, in a sentence. */
export const PHASE_SAYS: Readonly<Record<string, string>> = {
  Keys: 'every client sends fresh public keys',
  Shares: 'clients entrust encrypted shares of their secrets to each other',
  Training: 'clients train and send their updates under masks',
  Sketches: 'clients send verified projections of their masked updates',
  Screening: 'the coordinator judges the sketches',
  Consistency: 'clients sign who is in the sum',
  Unmasking: 'clients open the sum, and nothing but the sum',
  Done: 'the sum is open',
  Failed: 'the group came to nothing',
};

export const EVENT_WORDS: Readonly<Record<string, string>> = {
  excluded: 'left out',
  quarantined: 'quarantined',
  banned: 'banned',
  spared: 'spared',
};
