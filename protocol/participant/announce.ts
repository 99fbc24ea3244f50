// R0 at the client: everything a coordinator could lie about in an announcement is checked before the first secret is drawn.
// Guards 2, 3, 4 and 8 of protocol.md §6. Not here: the model itself (client/chain checks that it follows from the last one).

import { announceStatement, contextOf, groupContextOf, groupRootOf, rosterRootOf, slices } from '../context.js';
import { type Asking, verify } from '../crypto/asking.js';
import { bytesEqual } from '../crypto/enc.js';
import { type ErrorCode, SottoError } from '../errors.js';
import { hashOf, toHex } from '../ids.js';
import { MAX_ROSTER } from '../limits.js';
import {
  adaptiveClipping,
  Contradiction,
  configHash,
  type Derived,
  deriveTerms,
  largestClipNorm,
  type TaskConfig,
} from '../terms.js';
import { parseTerms } from '../terms-schema.js';
import type { Joined } from './state.js';
import type { GuardRecord, ParticipantSetup, Policy } from './types.js';

export type Verdict =
  | { readonly ok: true; readonly joined: Joined }
  | { readonly ok: false; readonly code: ErrorCode; readonly text: string };
const no = (code: ErrorCode, text: string): Verdict => ({ ok: false, code, text });

export function* checkAnnounce(setup: ParticipantSetup): Asking<Verdict> {
  const { announce, primitives, coordinator, guard, policy, identity, clauses } = setup;
  const { run } = announce;
  let config: TaskConfig;
  let derived: Derived;
  try {
    config = parseTerms(announce.config, clauses);
    derived = deriveTerms(config, clauses);
  } catch (error) {
    if (error instanceof SottoError || error instanceof Contradiction) return no('GUARD_POLICY', error.message);
    throw error;
  }
  if (config.task !== announce.task || config.task !== guard.task)
    return no('GUARD_POLICY', `task ${announce.task} is not ${guard.task}`);
  const roster = slices(announce.roster, 32);
  const roots = slices(announce.groupRoots, 32);
  const at = announce.groupIds.indexOf(run.group);
  const root = groupRootOf(primitives, run.group, roster);
  const ctx = contextOf(primitives, {
    task: config.task,
    round: run.round,
    attempt: run.attempt,
    model: hashOf(announce.model),
    config: configHash(primitives, announce.config),
    rosterRoot: rosterRootOf(primitives, announce.groupIds, roots),
    commitNonce: announce.commitNonce,
    clip: announce.clip,
    coordinator,
  });
  const statement = announceStatement(ctx, announce.head, announce.deadlineMs);
  if (!(yield* verify(coordinator, statement, announce.signature)))
    return no('GUARD_SIGNATURE', 'the announcement is not signed by the pinned coordinator');
  if (run.round <= guard.answered)
    return no('GUARD_ANSWERED', `round ${run.round}, but an unmasking request of round ${guard.answered} was answered`);
  if (run.round < guard.round || (run.round === guard.round && run.attempt <= guard.attempt))
    return no('GUARD_STALE_ROUND', `(${run.round}, ${run.attempt}) is not above (${guard.round}, ${guard.attempt})`);
  const unwanted = belowPolicy(policy, config, derived, guard);
  if (unwanted !== undefined) return unwanted;
  const known = roots[at];
  if (roots.length !== announce.groupIds.length || known === undefined || !bytesEqual(known, root))
    return no('GUARD_ROSTER', 'the roster of this group is not under the announced root');
  if (new Set(announce.groupIds).size !== announce.groupIds.length || announce.groupIds.length > config.group.count)
    return no('GUARD_ROSTER', `${announce.groupIds.length} groups are announced, the task has ${config.group.count}`);
  if (new Set(roster.map(toHex)).size !== roster.length) return no('GUARD_ROSTER', 'a member is listed twice');
  if (config.profile !== 'open' && (roster.length < derived.threshold || roster.length > MAX_ROSTER))
    return no('GUARD_ROSTER', `${roster.length} members with a threshold of ${derived.threshold}`);
  // t comes from the size N that the settings name; over-selection makes the roster longer. The rule must hold for the roster itself.
  if (config.profile !== 'open' && 2 * derived.threshold <= roster.length + config.group.colluders)
    return no(
      'GUARD_ROSTER',
      `a roster of ${roster.length} with a threshold of ${derived.threshold} and ${config.group.colluders} colluders lets the coordinator have one round opened twice`,
    );
  const rank = roster.findIndex((key) => bytesEqual(key, identity.publicKey));
  if (rank < 0) return no('GUARD_ROSTER', 'this client is not in the roster it was sent');
  const adaptive = adaptiveClipping(config) !== undefined;
  if (adaptive !== announce.clip > 0)
    return no(
      'GUARD_POLICY',
      `a clipping norm of ${announce.clip} parts, where the settings say ${adaptive ? 'that it adapts' : 'that it is fixed'}`,
    );
  const over = overBudget(setup, config, derived);
  if (over !== undefined) return no('GUARD_PRIVACY', over);
  return {
    ok: true,
    joined: {
      identity,
      primitives,
      rng: setup.rng,
      rounding: setup.rounding,
      run,
      config,
      derived,
      model: hashOf(announce.model),
      ctx,
      commitNonce: announce.commitNonce,
      gctx: groupContextOf(primitives, ctx, run.group, root),
      rank,
      roster,
      encoding:
        clauses.noise?.encodingOf(primitives, config, derived, { round: run.round, clip: announce.clip }) ??
        derived.encoding,
      ledger: setup.ledger,
      clauses,
      guard: { ...guard, round: run.round, attempt: run.attempt },
    },
  };
}

/** Its own limit needs noise of its own; a task with such noise needs accounts to count it with. */
function overBudget(
  { announce, policy, ledger, clauses }: ParticipantSetup,
  config: TaskConfig,
  derived: Derived,
): string | undefined {
  const own = policy.privacy === 'any' ? 'any' : (policy.privacy.client ?? 'any');
  if (config.privacy === 'none' || config.privacy.placement === 'central')
    return own === 'any'
      ? undefined
      : `task ${config.task} has no noise of this client's own, and its limit is ε = ${own.epsilon}`;
  // safe: without the clause the settings could not have been read
  return clauses.noise!.accounts.overBudget(config, derived, announce.run, own, ledger);
}

/** The coordinator cannot talk the client out of its own minimum. */
function belowPolicy(policy: Policy, config: TaskConfig, derived: Derived, guard: GuardRecord): Verdict | undefined {
  if (!policy.profiles.includes(config.profile))
    return no('GUARD_POLICY', `profile ${config.profile} is not among ${policy.profiles.join(', ')}`);
  if (guard.contributed >= policy.maxRounds)
    return no('GUARD_PARTICIPATION', `${guard.contributed} rounds of at most ${policy.maxRounds}`);
  const most = largestClipNorm(config);
  if (most > policy.maxClipNorm) return no('GUARD_POLICY', `clipNorm ${most} is above ${policy.maxClipNorm}`);
  if (config.profile === 'open') return undefined;
  if (config.group.size < policy.minGroup)
    return no('GUARD_POLICY', `groups of ${config.group.size} are below ${policy.minGroup}`);
  if (derived.threshold < policy.minThreshold)
    return no('GUARD_POLICY', `threshold ${derived.threshold} is below ${policy.minThreshold}`);
  if (config.group.colluders < policy.minColluders)
    return no('GUARD_POLICY', `colluders ${config.group.colluders} is below ${policy.minColluders}`);
  return undefined;
}
