// Who may do what, when: one line for each action of the admin API, with the least role and the phases of the campaign in which it makes
// sense. What is not here is refused (default deny). Not here: proving a role (access.ts, guard.ts), what actions do (action-routes.ts);
// what clients may send when is session/types.ts ALLOWED.

import { SottoError } from '../../protocol/errors.js';
import type { Me, Role } from '../board/view.js';
import type { CampaignPhase } from '../campaign/types.js';

export interface Grant {
  /** And every role above it. */
  readonly least: Role;
  readonly phases: readonly CampaignPhase[];
}

const ALWAYS = [
  'waiting',
  'running',
  'publishing',
  'judging',
  'pausing',
  'rollingBack',
  'stopping',
  'ended',
] as const satisfies readonly CampaignPhase[];
/** A decision about rounds needs rounds to come. */
const WHILE_IT_GOES_ON = ALWAYS.filter((phase) => phase !== 'stopping' && phase !== 'ended');

/**
 * Operators look after rounds; what they do can be taken back. Administrators decide who belongs to the task and which model it has.
 * What keeps somebody out is allowed to the end: clients may still be connected, and the next start reads it from the log.
 */
export const ACTIONS = {
  pause: { least: 'operator', phases: WHILE_IT_GOES_ON },
  resume: { least: 'operator', phases: WHILE_IT_GOES_ON },
  drain: { least: 'operator', phases: WHILE_IT_GOES_ON },
  quarantine: { least: 'operator', phases: WHILE_IT_GOES_ON },
  appeal: { least: 'operator', phases: ALWAYS },
  'log-level': { least: 'operator', phases: ALWAYS },
  stop: { least: 'operator', phases: ALWAYS },
  exclude: { least: 'admin', phases: WHILE_IT_GOES_ON },
  ban: { least: 'operator', phases: ALWAYS },
  revoke: { least: 'admin', phases: ALWAYS },
  readmit: { least: 'admin', phases: ALWAYS },
  'new-token': { least: 'admin', phases: ALWAYS },
  'revoke-token': { least: 'admin', phases: ALWAYS },
  pin: { least: 'admin', phases: ALWAYS },
  'roll-back': { least: 'admin', phases: WHILE_IT_GOES_ON },
} as const satisfies Readonly<Record<string, Grant>>;
export type ActionName = keyof typeof ACTIONS;

/** What may be looked at, in every phase, and by whom. */
export const READS = {
  feed: 'viewer',
  status: 'viewer',
  rounds: 'viewer',
  clients: 'viewer',
  'clients/:id': 'viewer',
  groups: 'viewer',
  alerts: 'viewer',
  stops: 'viewer',
  privacy: 'viewer',
  models: 'viewer',
  'models/:hash': 'viewer',
  audit: 'viewer',
  'audit/export': 'viewer',
  // Aggregates and optimiser states too.
  'audit/blobs': 'admin',
  'audit/blobs/:hash': 'admin',
} as const satisfies Readonly<Record<string, Role>>;
export type ReadName = keyof typeof READS;

export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];
export const atLeast = (role: Role, least: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(least);

/** @throws ADMIN_UNKNOWN for what is in no line, ADMIN_FORBIDDEN for the role, ADMIN_CONFLICT for the phase */
export function authorise(action: string, { name, role }: Me, phase: CampaignPhase): void {
  if (!Object.hasOwn(ACTIONS, action)) throw new SottoError('ADMIN_UNKNOWN', 'there is no such action');
  const grant: Grant = ACTIONS[action as ActionName];
  if (!atLeast(role, grant.least))
    throw new SottoError('ADMIN_FORBIDDEN', `${name} has the role ${role}; this needs the role ${grant.least}`);
  if (!grant.phases.includes(phase))
    throw new SottoError('ADMIN_CONFLICT', `${action} cannot be done any more: the coordinator is ${phase}`);
}
