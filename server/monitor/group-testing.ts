// Group testing over fixed overlapping groups (FedGT: Xhemrishi et al. 2023, arXiv 2305.05506): who is bad, from tests that are positive
// where any member is; and what such a design costs in privacy. Pure. Not here: how a test is made of a group's sum (held-out accuracy),
// disjoint groups, which never name a member (groups.ts). One round says little beyond two attackers: see `decoderErrorRates`.

import { SottoError } from '../../protocol/errors.js';

export interface Design {
  readonly tests: number;
  readonly clients: number;
  /** Per test its members, ascending. */
  readonly rows: readonly (readonly number[])[];
}

/** States of the decoder's trellis are sets of tests. */
const MAX_TESTS = 16;

/**
 * Test t has the members t + offset: FedGT's 8 × 15 design has offsets 0, 1, 3, 7.
 * @throws AGGREGATE_PRECONDITION where a member lies beyond the clients, or there are more than 16 tests
 */
export function cyclicDesign(tests: number, clients: number, offsets: readonly number[]): Design {
  const rows = Array.from({ length: tests }, (_, t) => offsets.map((offset) => t + offset).sort((a, b) => a - b));
  if (tests < 1 || tests > MAX_TESTS || rows.some((row) => row.some((c) => c < 0 || c >= clients))) {
    const text = `${tests} tests at offsets ${offsets.join(', ')} do not fit ${clients} clients; use 1 to ${MAX_TESTS} tests, the last of which ends in the list`;
    throw new SottoError('AGGREGATE_PRECONDITION', text);
  }
  return { tests, clients, rows };
}

/** Per client the number of its tests. */
export const columnWeights = ({ clients, rows }: Design): number[] =>
  Array.from({ length: clients }, (_, c) => rows.filter((row) => row.includes(c)).length);

/**
 * r: the fewest clients that any non-zero combination of test sums isolates. This, not the group size, is what hides a client. Coefficients
 * modulo 2, or whole numbers from −range to range. (2·range + 1)^tests combinations.
 */
export function isolationOf({ tests, clients, rows }: Design, over: 'gf2' | { readonly range: number }): number {
  const [from, to] = over === 'gf2' ? [0, 1] : [-over.range, over.range];
  const sums = new Int32Array(clients);
  let [fewest, taken] = [clients, 0];
  const add = (test: number, by: number): void => {
    // safe: members are clients.
    for (const c of rows[test] ?? []) sums[c]! += by;
  };
  const visit = (test: number): void => {
    if (test === tests) {
      if (taken > 0)
        fewest = Math.min(
          fewest,
          sums.reduce((count, sum) => count + ((over === 'gf2' ? sum & 1 : sum) !== 0 ? 1 : 0), 0),
        );
      return;
    }
    for (let by = from; by <= to; by++) {
      taken += by === 0 ? 0 : 1;
      add(test, by);
      visit(test + 1);
      add(test, -by);
      taken -= by === 0 ? 0 : 1;
    }
  };
  visit(0);
  return fewest;
}

export interface TestErrors {
  /** P(positive | no member bad). */
  readonly falseAlarm: number;
  /** P(negative | some member bad). */
  readonly misdetection: number;
}

/**
 * L_i = ln P(client i good | outcomes) / P(bad | outcomes), exactly, every client bad with probability `prior` by itself. A trellis over the clients whose
 * states are the sets of tests with a bad member (BCJR): clients · 2^tests steps, where the sum over all sets of clients has 2^clients terms.
 * @param outcomes one a test, true: positive
 */
export function posteriorLlr(
  { tests, clients, rows }: Design,
  outcomes: readonly boolean[],
  { falseAlarm, misdetection }: TestErrors,
  prior: number,
): number[] {
  const states = 1 << tests;
  const column = Array.from({ length: clients }, (_, c) =>
    rows.reduce((bits, row, t) => (row.includes(c) ? bits | (1 << t) : bits), 0),
  );
  // safe: states are below 2^tests, and unions of them too.
  const behind: Float64Array[] = [likelihoods(states, outcomes, falseAlarm, misdetection)];
  for (let c = clients - 1; c > 0; c--) {
    const next = behind[0]!;
    behind.unshift(next.map((value, s) => (1 - prior) * value + prior * next[s | column[c]!]!));
  }
  let before = new Float64Array(states);
  before[0] = 1;
  return column.map((bits, c) => {
    const after = behind[c]!;
    const then = new Float64Array(states);
    let [good, bad] = [0, 0];
    before.forEach((mass, s) => {
      if (mass === 0) return;
      // safe: c is a client, s and its unions are states.
      good += mass * (1 - prior) * after[s]!;
      bad += mass * prior * after[s | bits]!;
      then[s]! += mass * (1 - prior);
      then[s | bits]! += mass * prior;
    });
    before = then;
    return Math.log(good / bad);
  });
}

/** P(outcomes | the tests of state s have a bad member). */
function likelihoods(states: number, outcomes: readonly boolean[], falseAlarm: number, misdetection: number) {
  return Float64Array.from({ length: states }, (_, s) =>
    outcomes.reduce((product, positive, t) => {
      const alarm = (s >> t) & 1 ? 1 - misdetection : falseAlarm;
      return product * (positive ? alarm : 1 - alarm);
    }, 1),
  );
}

/** Likelihood ratios that differ by less are ties. */
const TIE = 1e-9;

/** Indices of the `count` smallest, all ties with the last of them included. */
export function flagSmallest(llr: readonly number[], count: number): number[] {
  if (count <= 0) return [];
  const limit = [...llr].sort((a, b) => a - b)[Math.min(count, llr.length) - 1] ?? Number.NEGATIVE_INFINITY;
  return llr.flatMap((value, i) => (value <= limit + TIE ? [i] : []));
}

/** The number of bad clients is read from the number of negative tests: `lookup[negatives]`. */
export function decode(
  design: Design,
  outcomes: readonly boolean[],
  errors: TestErrors,
  lookup: readonly number[],
): number[] {
  const bad = lookup[outcomes.filter((positive) => !positive).length] ?? 0;
  return bad === 0 ? [] : flagSmallest(posteriorLlr(design, outcomes, errors, bad / design.clients), bad);
}

/** Shares of bad clients missed and of good ones flagged, over all sets of `malicious` clients, by tests that never err. */
export function decoderErrorRates(design: Design, errors: TestErrors, lookup: readonly number[], malicious: number) {
  const decoded = new Map<number, readonly number[]>();
  const decodeBits = (bits: number): readonly number[] => {
    const outcomes = Array.from({ length: design.tests }, (_, t) => ((bits >> t) & 1) === 1);
    const flagged = decoded.get(bits) ?? decode(design, outcomes, errors, lookup);
    decoded.set(bits, flagged);
    return flagged;
  };
  let [sets, missed, wrong] = [0, 0, 0];
  const visit = (from: number, chosen: readonly number[]): void => {
    if (chosen.length < malicious) {
      for (let c = from; c < design.clients; c++) visit(c + 1, [...chosen, c]);
      return;
    }
    const bits = design.rows.reduce((all, row, t) => (row.some((c) => chosen.includes(c)) ? all | (1 << t) : all), 0);
    const flagged = decodeBits(bits);
    sets++;
    missed += chosen.filter((c) => !flagged.includes(c)).length;
    wrong += flagged.filter((c) => !chosen.includes(c)).length;
  };
  visit(0, []);
  const good = design.clients - malicious;
  return {
    misdetection: malicious === 0 ? 0 : missed / (sets * malicious),
    falseAlarm: good === 0 ? 0 : wrong / (sets * good),
  };
}
