// The settings of a coordinator's administrators in a file. Not here: what a role may do (http/guard.ts), making tokens (cli/keys.ts).

import type * as v from 'valibot';
import type { AdminToken } from '../http/access.js';
import { settingError } from './problem.js';
import { listOf, maybe, oneOf, says, settings, text } from './values.js';

/** Tokens of one coordinator: people and machines by name. */
const MAX_TOKENS = 256;

export const adminSettings = settings({
  tokens: maybe(
    'nobody; on a loopback address the coordinator prints a one-time code when it starts',
    says(
      'Administrators, each made by `sotto keys token`.',
      listOf(
        settings({
          name: says(
            'Stands in the audit log behind everything done with this token.',
            text(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u, '1 to 64 letters, digits, spaces and ._@-'),
          ),
          role: says(
            '`viewer` sees everything, `operator` looks after rounds, `admin` also decides who belongs to the task and which model it has.',
            oneOf(['viewer', 'operator', 'admin']),
          ),
          sha256: says(
            'Hash of the token. The token itself belongs in no file of settings.',
            text(/^[0-9a-f]{64}$/, '64 lower-case hex digits, as `sotto keys token` prints them'),
          ),
        }),
        1,
        MAX_TOKENS,
      ),
    ),
  ),
});

/** @throws CONFIG_INVALID where two have one name or one token: the record must say who it was */
export function fillAdmin(file: v.InferOutput<typeof adminSettings> | undefined): readonly AdminToken[] {
  const tokens = file?.tokens ?? [];
  if (new Set(tokens.map(({ name }) => name)).size < tokens.length)
    throw settingError('admin.tokens', 'has a name twice; give each administrator one of their own');
  if (new Set(tokens.map(({ sha256 }) => sha256)).size < tokens.length)
    throw settingError('admin.tokens', 'has a token twice; make another one with sotto keys token');
  return tokens;
}
