// `sotto privacy audit`: the real noise and the real trainer on canaries, and what one run refutes of the claim. Not here: the audit
// (simulations/audit).

import { randomBytes } from 'node:crypto';
import type { Rng } from '../../../protocol/crypto/primitives.js';
import { type AuditResult, type AuditTarget, auditOnce } from '../../../simulations/audit/harness.js';
import { EXIT, type ExitCode } from '../exit.js';
import { colorsFor, type Io } from '../io.js';
import { withProgress } from '../progress.js';
import { short } from './plan-view.js';

export interface AuditOptions {
  readonly unit: 'record' | 'client' | 'both';
  readonly canaries: number;
  readonly noiseMultiplier: number;
  readonly samplingRate: number;
  readonly steps: number;
  readonly losses: number;
  readonly delta: number;
  readonly noise: 'exact' | 'float';
  readonly runs: number;
  readonly json: boolean;
}

/** Canaries that are random directions need room to be nearly orthogonal; more of them than this say little more. */
const MOST_DIRECTIONS = 300;
const DIRECTION_LENGTH = 8_192;

/** Coins, noise and rotation of an audit are secret from nobody, but must be as good as those of a round. */
const rng: Rng = (length) => new Uint8Array(randomBytes(length));

/**
 * @returns ok where nothing was refuted; gate where a claim was
 * @throws PRIVACY_*, CONFIG_* for settings that mean nothing
 */
export async function privacyAudit(options: AuditOptions, io: Io): Promise<ExitCode> {
  const results: AuditResult[] = [];
  for (let run = 0; run < options.runs; run++)
    for (const target of await targetsOf(options)) {
      const label = `audit ${run + 1} of ${options.runs}: ${target.name}`;
      const result = await withProgress(io, { json: options.json, label }, () => auditOnce(target, rng));
      results.push(result);
      io.stdout.write(
        options.json ? `${JSON.stringify({ type: 'audit', run, ...result })}\n` : `${lineOf(result, io)}\n`,
      );
    }
  if (options.unit !== 'record') await tellCanaries(options, io);
  const refuted = results.filter(({ verdict }) => verdict === 'refuted').length;
  if (!options.json)
    io.stdout.write(
      refuted === 0
        ? 'not refuted: an audit can show that noise is missing, never that it is enough\n'
        : `${refuted} of ${results.length} audits refute their claim. Chance does that to a true claim in one of twenty at most; run again, and stop using this build if it stays\n`,
    );
  return refuted === 0 ? EXIT.ok : EXIT.gate;
}

/** Beside the audit of whole clients: an estimate from one run, which decides nothing. */
async function tellCanaries(options: AuditOptions, io: Io): Promise<void> {
  const { canaryReading } = await import('../../../simulations/audit/client-canaries.js');
  const canaries = Math.min(options.canaries, MOST_DIRECTIONS);
  const setting = { ...options, canaries, dimension: DIRECTION_LENGTH, rotation: true };
  const reading = canaryReading(setting, rng);
  io.stdout.write(
    options.json
      ? `${JSON.stringify({ type: 'canaries', ...reading })}\n`
      : `${reading.name}: cosine ${reading.meanCosine.toFixed(4)} on average over ${reading.canaries}, which would be ε ≈ ${short(reading.epsilonEstimate)} at δ = ${reading.delta}: an estimate\n`,
  );
}

async function targetsOf(options: AuditOptions): Promise<AuditTarget[]> {
  const targets: AuditTarget[] = [];
  if (options.unit !== 'client') {
    const { recordTarget } = await import('../../../simulations/audit/record-target.js');
    targets.push(recordTarget(options));
  }
  if (options.unit !== 'record') {
    const { clientTarget } = await import('../../../simulations/audit/client-target.js');
    targets.push(clientTarget({ ...options, dimension: 2 * options.canaries, rotation: true }, rng));
  }
  return targets;
}

function lineOf(
  { name, canaries, guesses, correct, claimed, epsilonLowerBound, verdict }: AuditResult,
  io: Io,
): string {
  const paint = colorsFor(io.stdout, io.env);
  const said = verdict === 'refuted' ? paint.red(verdict) : verdict;
  return `${name}: ${correct} of ${guesses} guesses right at ${canaries} canaries, so ε ≥ ${short(epsilonLowerBound)} with 95 % confidence; claimed ${short(claimed.epsilon)} at δ = ${claimed.delta}: ${said}`;
}
