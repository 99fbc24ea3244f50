// Who may see and do what: tokens from the settings (kept as hashes), one-time codes that become sessions of a browser. In memory alone:
// a restart signs everybody out. Not here: requests and cookies (app.ts), making tokens (cli/keys.ts).

import { createHash } from 'node:crypto';
import {
  ADMIN_CODE_MS,
  ADMIN_SESSION_MS,
  ADMIN_START_CODE_MS,
  MAX_ADMIN_SESSIONS,
  MAX_WRONG_SIGN_INS,
} from '../../protocol/limits.js';
import type { Me, Role } from '../board/view.js';

/** One administrator. The token itself is shown once, when it is made, and kept nowhere. */
export interface AdminToken {
  /** Stands in the audit log behind everything done with it. */
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, 64 hex digits. Tokens are 32 random bytes, so a slow hash would guard nothing. */
  readonly sha256: string;
}

export interface AccessSetup {
  readonly tokens: readonly AdminToken[];
  /** CSPRNG. */
  readonly random: (bytes: number) => Uint8Array;
  /** Milliseconds. */
  readonly now: () => number;
}

interface Grant {
  readonly me: Me;
  readonly until: number;
}

/** Without I, L, O and U: nobody mistypes them. 32 letters, 5 bits each. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_LENGTH = 8;
/** One more wrong sign-in is allowed each 6 s. */
const FORGIVE_MS = 6_000;
const TOKEN_PREFIX = 'sotto_';

export const hashToken = (token: string): string => createHash('sha256').update(token, 'utf8').digest('hex');

/** @param random CSPRNG @returns 32 random bytes as text, with a prefix that secret scanners can look for */
export const newToken = (random: (bytes: number) => Uint8Array): string =>
  TOKEN_PREFIX + Buffer.from(random(32)).toString('base64url');

export class Access {
  readonly #setup: AccessSetup;
  readonly #tokens: ReadonlyMap<string, Me>;
  /** By hash: a look into memory shows no session that could be used. */
  readonly #codes = new Map<string, Grant>();
  readonly #sessions = new Map<string, Grant>();
  #wrong = 0;
  #wrongAt = 0;

  constructor(setup: AccessSetup) {
    this.#setup = setup;
    this.#tokens = new Map(setup.tokens.map(({ name, role, sha256 }) => [sha256, { name, role }]));
  }

  /** Whether anybody can ever sign in. */
  get configured(): boolean {
    return this.#tokens.size > 0;
  }

  /** For whoever has started the coordinator on this machine: printed once, good for an hour, once. */
  startCode(): string {
    return this.#newCode({ name: 'local', role: 'admin' }, ADMIN_START_CODE_MS);
  }

  /** For another device of the same person. */
  newCode(me: Me): string {
    return this.#newCode(me, ADMIN_CODE_MS);
  }

  /** @param secret a token or a one-time code, which is used up. @returns a session; `busy`: too many wrong ones lately */
  signIn(secret: string): { readonly session: string; readonly me: Me } | 'wrong' | 'busy' {
    const now = this.#setup.now();
    if (this.#wrongNow(now) >= MAX_WRONG_SIGN_INS) return 'busy';
    const me = this.#tokens.get(hashToken(secret.trim())) ?? this.#useCode(secret, now);
    if (me === undefined) {
      this.#wrong = this.#wrongNow(now) + 1;
      this.#wrongAt = now;
      return 'wrong';
    }
    sweep(this.#sessions, now, MAX_ADMIN_SESSIONS - 1);
    const session = Buffer.from(this.#setup.random(32)).toString('base64url');
    this.#sessions.set(hashToken(session), { me, until: now + ADMIN_SESSION_MS });
    return { session, me };
  }

  bearer(token: string): Me | undefined {
    return this.#tokens.get(hashToken(token));
  }

  session(session: string): Me | undefined {
    const grant = this.#sessions.get(hashToken(session));
    return grant !== undefined && grant.until > this.#setup.now() ? grant.me : undefined;
  }

  signOut(session: string): void {
    this.#sessions.delete(hashToken(session));
  }

  #newCode(me: Me, ms: number): string {
    const now = this.#setup.now();
    sweep(this.#codes, now, MAX_ADMIN_SESSIONS - 1);
    const letters = [...this.#setup.random(CODE_LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
    this.#codes.set(hashToken(letters), { me, until: now + ms });
    return `${letters.slice(0, 4)}-${letters.slice(4)}`;
  }

  #useCode(secret: string, now: number): Me | undefined {
    const key = hashToken(secret.toUpperCase().replaceAll(/[^0-9A-Z]/g, ''));
    const grant = this.#codes.get(key);
    this.#codes.delete(key);
    return grant !== undefined && grant.until > now ? grant.me : undefined;
  }

  /** Wrong ones are forgiven one by one. */
  #wrongNow(now: number): number {
    return Math.max(0, this.#wrong - Math.floor((now - this.#wrongAt) / FORGIVE_MS));
  }
}

/** Takes out what has expired, then the oldest above `most`. */
function sweep(grants: Map<string, Grant>, now: number, most: number): void {
  for (const [key, { until }] of grants) if (until <= now) grants.delete(key);
  for (const key of grants.keys()) {
    if (grants.size <= most) return;
    grants.delete(key);
  }
}
