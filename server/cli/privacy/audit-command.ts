// `sotto privacy audit`: the real trainer on canaries, and what one run refutes of the claim. Not here: the audit
// (simulations/audit).

import { randomBytes } from 'node:crypto';
import type { Rng } from '../../../protocol/crypto/primitives.js';
import { type AuditResult, auditOnce } from '../../../simulations/audit/harness.js';
import { recordTarget } from '../../../simulations/audit/record-target.js';
import { EXIT, type ExitCode } from '../exit.js';
import { colorsFor, type Io } from '../io.js';
import { short } from './plan-view.js';

export interface AuditOptions {
  readonly canaries: number;
  readonly noiseMultiplier: number;
  readonly samplingRate: number;
  readonly steps: number;
  readonly delta: number;
  readonly noise: 'exact' | 'float';
  readonly runs: number;
  readonly json: boolean;
}

/** Coins of an audit are secret from nobody, but must be as good as those of a round. */
const rng: Rng = (length) => new Uint8Array(randomBytes(length));

/**
 * @returns ok where nothing was refuted; gate where a claim was
 * @throws PRIVACY_*, CONFIG_* for settings that mean nothing
 */
export async function privacyAudit(options: AuditOptions, io: Io): Promise<ExitCode> {
  const results: AuditResult[] = [];
  for (let run = 0; run < options.runs; run++)
    for (const target of [recordTarget(options)]) {
      const result = await auditOnce(target, rng);
      results.push(result);
      io.stdout.write(
        options.json ? `${JSON.stringify({ type: 'audit', run, ...result })}\n` : `${lineOf(result, io)}\n`,
      );
    }
  const refuted = results.filter(({ verdict }) => verdict === 'refuted').length;
  if (!options.json)
    io.stdout.write(
      refuted === 0
        ? 'not refuted: an audit can show that noise is missing, never that it is enough\n'
        : `${refuted} of ${results.length} audits refute their claim. Chance does that to a true claim in one of twenty at most; run again, and stop using this build if it stays\n`,
    );
  return refuted === 0 ? EXIT.ok : EXIT.gate;
}

function lineOf(
  { name, canaries, guesses, correct, claimed, epsilonLowerBound, verdict }: AuditResult,
  io: Io,
): string {
  const paint = colorsFor(io.stdout, io.env);
  const said = verdict === 'refuted' ? paint.red(verdict) : verdict;
  return `${name}: ${correct} of ${guesses} guesses right at ${canaries} canaries, so ε ≥ ${short(epsilonLowerBound)} with 95 % confidence; claimed ${short(claimed.epsilon)} at δ = ${claimed.delta}: ${said}`;
}
