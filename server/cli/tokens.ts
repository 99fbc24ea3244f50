// `sotto tokens new`: an enrolment token for `roster: {kind: token}`. Works beside a running coordinator: the token is signed, not
// stored. Not here: the token (server/access/token.ts).

import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { makeToken } from '../access/token.js';
import { EXIT, type ExitCode } from './exit.js';
import { loadIdentityFile } from './identity-file.js';
import type { Io } from './io.js';

export interface TokensOptions {
  readonly identity: string;
  readonly task: string;
  readonly uses: number;
  readonly days: number;
  readonly json: boolean;
}

/** Prints the token alone, so that it can be piped to whoever gets it. @throws CONFIG_INVALID, CONFIG_UNREADABLE, STORE_CORRUPT */
export async function newToken({ identity, task, uses, days, json }: TokensOptions, io: Io): Promise<ExitCode> {
  const coordinator = await loadIdentityFile(identity);
  const { text, token } = makeToken(nativePrimitives, coordinator, nativeRng, { task, uses, days, now: Date.now() });
  const expires = new Date(token.expires).toISOString();
  if (json)
    io.stdout.write(`${JSON.stringify({ type: 'token', token: text, hash: token.hash, task, uses, expires })}\n`);
  else io.stdout.write(`${text}\n`);
  const many = uses === 1 ? 'one client' : `${uses} clients`;
  io.stderr.write(`lets ${many} into ${task} until ${expires}; to revoke it, name ${token.hash}\n`);
  return EXIT.ok;
}
