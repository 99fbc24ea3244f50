// What a client is refused for before anything happens: a pinned key that is none, limits of its own that limit nothing.
// Not here: the options themselves (options.ts).

import { SottoError } from '../protocol/errors.js';
import { fromHex, isHex32 } from '../protocol/ids.js';
import type { Policy } from '../protocol/participant/types.js';
import { checkBudget } from '../protocol/privacy/domain.js';
import type { Budgets } from '../protocol/privacy/events.js';

/** A client written in JavaScript may have left it out, and nothing is not a limit. @throws CONFIG_INVALID, PRIVACY_EPSILON, PRIVACY_DELTA */
export function checkOwnBudget({ privacy }: Policy): void {
  if (privacy === 'any') return;
  // Also what is no object at all has neither.
  const { client, record }: Budgets = Object(privacy);
  for (const budget of [client, record]) if (budget) checkBudget(budget);
  if (client || record) return;
  throw new SottoError(
    'CONFIG_INVALID',
    `policy.privacy is ${JSON.stringify(privacy)}; use 'any', or limits of this client's own: {client, record}, each {epsilon, delta}`,
    { field: 'policy.privacy' },
  );
}

/** @throws CONFIG_INVALID */
export function pinnedKey(coordinator: Uint8Array | string | undefined): Uint8Array | undefined {
  if (coordinator === undefined) return undefined;
  const key = typeof coordinator === 'string' && isHex32(coordinator) ? fromHex(coordinator) : coordinator;
  if (key instanceof Uint8Array && key.length === 32) return key;
  throw new SottoError(
    'CONFIG_INVALID',
    'coordinator must be an Ed25519 public key: 32 bytes or 64 lower-case hex digits',
    { field: 'coordinator' },
  );
}
