// The cases of vectors/robustness.json and who checks each: a test file takes its cases from here by its own name. Not a test;
// robustness-cases.test.ts finds cases that belong to nobody.

import { readFileSync } from 'node:fs';

export interface Case {
  readonly id: string;
  readonly family: string;
  readonly rule: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly expected: unknown;
  readonly tolerance: number;
  readonly note?: string;
}

/** By `family/rule`, or by family where all of it goes to one file. */
const OWNERS: Readonly<Record<string, string>> = {
  aggregator: 'test/aggregate/vectors.test.ts',
  edge: 'test/aggregate/vectors.test.ts',
  attack: 'test/simulations/attack-vectors.test.ts',
  metric: 'test/simulations/attack-vectors.test.ts',
  kappaBound: 'test/simulations/attack-vectors.test.ts',
  'grouping/detectionCeiling': 'test/simulations/attack-vectors.test.ts',
  'grouping/varianceFactor': 'test/aggregate/grouping.test.ts',
  'grouping/oneSidedBias': 'test/aggregate/grouping.test.ts',
  'grouping/medianBreakProbability': 'test/aggregate/grouping.test.ts',
  'grouping/largestGroup': 'test/aggregate/grouping.test.ts',
  drift: 'test/server/monitor.test.ts',
  'groupStatistic/normRobustZ': 'test/server/monitor.test.ts',
  'groupStatistic/trimFrequencyZ': 'test/server/monitor.test.ts',
  'groupStatistic/flDetectorRoundScore': 'test/simulations/audit-vectors.test.ts',
  groupTesting: 'test/simulations/audit-vectors.test.ts',
  oneRunAudit: 'test/simulations/audit-vectors.test.ts',
  privacyAttack: 'test/simulations/audit-vectors.test.ts',
  adversarial: 'test/simulations/audit-vectors.test.ts',
};

export const ALL_CASES: readonly Case[] = (
  JSON.parse(readFileSync('test/vectors/robustness.json', 'utf8')) as { cases: Case[] }
).cases;

export const ownerOf = ({ family, rule }: Case): string | undefined => OWNERS[`${family}/${rule}`] ?? OWNERS[family];

/** @throws Error for a file that owns nothing */
export function casesOf(file: string): readonly Case[] {
  const mine = ALL_CASES.filter((one) => ownerOf(one) === file);
  if (mine.length === 0) throw new Error(`no case of robustness.json belongs to ${file}`);
  return mine;
}

/** Every number of `expected`, wherever it is, within the tolerance: an empty text, or what is wrong. `actual` may say more beside. */
export function difference(actual: unknown, expected: unknown, tolerance: number, at = ''): string {
  if (typeof expected === 'number') {
    const near = typeof actual === 'number' && Math.abs(actual - expected) <= tolerance;
    return near ? '' : `${at}: ${String(actual)} against ${expected}`;
  }
  if (typeof expected !== 'object' || expected === null)
    return actual === expected ? '' : `${at}: ${String(actual)} against ${String(expected)}`;
  const wanted = Object.entries(expected);
  if (typeof actual !== 'object' || actual === null) return `${at}: ${String(actual)} is no list or record`;
  if (Array.isArray(expected) && !(Array.isArray(actual) && actual.length === expected.length))
    return `${at}: another number of entries than ${expected.length}`;
  return wanted
    .map(([key, value]) => difference((actual as Record<string, unknown>)[key], value, tolerance, `${at}.${key}`))
    .join('');
}
