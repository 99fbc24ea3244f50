// Who may come in: the roster, enrolment by token, revocation. Decides; what follows is written down by whoever asks
// (driver/coordinator.ts), and state comes back from the rows of the audit log. Not here: proving who one is (session/), the form of
// a token (token.ts), sitting out a round (campaign/).

import type { ClientId, Hash } from '../../protocol/ids.js';
import type { Fact } from '../audit/events.js';
import type { Rows } from '../audit/project.js';
import { clientsOf } from '../audit/resume.js';
import type { Rotation } from './rotation.js';
import type { Token } from './token.js';

/** Who may come in. */
export type RosterPolicy =
  /** Everybody who proves a key, on first use: for development, it keeps nobody out. */
  | { readonly kind: 'open' }
  /** Whoever brings a token that the coordinator has signed; from then on its key. Needs `data`: a count must outlive the process. */
  | { readonly kind: 'token' }
  | { readonly kind: 'allowlist'; readonly clients: readonly ClientId[] };

export type Admission =
  /** `token`: of the one that was spent. Only where the client was not enrolled before. */
  | { readonly ok: true; readonly token?: Hash; readonly rotation?: Rotation }
  | {
      readonly ok: false;
      readonly code: 'AUTH_NOT_ENROLLED' | 'AUTH_TOKEN' | 'AUTH_REVOKED' | 'AUTH_ROTATION' | 'SESSION_BUSY';
    };

export interface AccessSetup {
  readonly policy: RosterPolicy;
  /** `undefined` for a text that is no token of this coordinator and task. */
  readonly readToken: (text: string) => Token | undefined;
  /** Of a text that this client has shown; see readRotation. */
  readonly readRotation: (client: ClientId, text: string) => Rotation | 'forged' | undefined;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Of an earlier life. */
  readonly rows?: Rows;
}

export class Access {
  readonly #setup: AccessSetup;
  readonly #listed: Set<ClientId>;
  /** Every key that has been here or may come, and those that were given up. */
  readonly #known = new Set<ClientId>();
  /** Keys that were given up, with those that they moved to. */
  readonly #heirs = new Map<ClientId, ClientId>();
  readonly #enrolled = new Set<ClientId>();
  #revoked: ReadonlySet<ClientId> = new Set<ClientId>();
  readonly #used = new Map<Hash, number>();
  readonly #revokedTokens = new Set<Hash>();

  constructor(setup: AccessSetup) {
    this.#setup = setup;
    const { policy, rows } = setup;
    this.#listed = new Set(policy.kind === 'allowlist' ? policy.clients : []);
    if (rows === undefined) return;
    const revoked = new Set<ClientId>();
    for (const [client, row] of clientsOf(rows)) {
      // Under another policy, enrolment by token is a decision that somebody made; having been seen once in `open` is none.
      if (typeof row.token === 'string') this.#enrolled.add(client);
      if (row.revoked === true) revoked.add(client);
      if (typeof row.rotatedTo === 'string') this.#heirs.set(client, row.rotatedTo as ClientId);
      // Somebody may have shut a key out that has never been here.
      if (Object.keys(row).some((field) => field !== 'revoked')) this.#known.add(client);
    }
    this.#revoked = revoked;
    for (const client of [...this.#listed]) if (this.#heirs.has(client)) this.#listed.add(this.current(client));
    for (const [key, row] of rows) {
      if (!key.startsWith('token/')) continue;
      const hash = key.slice('token/'.length) as Hash;
      const { used, revoked } = row as { readonly used?: number; readonly revoked?: boolean };
      if (used !== undefined) this.#used.set(hash, used);
      if (revoked === true) this.#revokedTokens.add(hash);
    }
  }

  /** Asked once the client has proven its key. Changes nothing: `enrol` does. */
  admit(client: ClientId, token: string | undefined): Admission {
    if (this.#revoked.has(client)) return { ok: false, code: 'AUTH_REVOKED' };
    const rotation = token === undefined ? undefined : this.#setup.readRotation(client, token);
    if (rotation === undefined) return this.#enrolledOr(client, token);
    // Shown again, after a lost welcome or by habit.
    if (rotation !== 'forged' && this.#heirs.get(rotation.from) === client) return this.#enrolledOr(client, undefined);
    if (rotation === 'forged' || this.#known.has(client) || this.#listed.has(client))
      return { ok: false, code: 'AUTH_ROTATION' };
    const { from } = rotation;
    if (this.#revoked.has(from) && !this.#heirs.has(from)) return { ok: false, code: 'AUTH_REVOKED' };
    const there = this.#known.has(from) || this.#listed.has(from);
    if (!there || this.#heirs.has(from) || !this.#enrolledOr(from, undefined).ok)
      return { ok: false, code: 'AUTH_ROTATION' };
    return { ok: true, rotation };
  }

  #enrolledOr(client: ClientId, token: string | undefined): Admission {
    switch (this.#setup.policy.kind) {
      case 'open':
        return { ok: true };
      case 'allowlist':
        return this.#listed.has(client) ? { ok: true } : { ok: false, code: 'AUTH_NOT_ENROLLED' };
      case 'token':
        // A token that is sent again, after a lost welcome or by habit, costs nothing.
        if (this.#enrolled.has(client)) return { ok: true };
        return token === undefined ? { ok: false, code: 'AUTH_NOT_ENROLLED' } : this.#spend(token);
      default:
        return this.#setup.policy satisfies never;
    }
  }

  #spend(text: string): Admission {
    const token = this.#setup.readToken(text);
    const good =
      token !== undefined &&
      !this.#revokedTokens.has(token.hash) &&
      this.#setup.wallClock() < token.expires &&
      (this.#used.get(token.hash) ?? 0) < token.uses;
    return good ? { ok: true, token: token.hash } : { ok: false, code: 'AUTH_TOKEN' };
  }

  /** @returns what to write down before the client hears of it */
  enrol(client: ClientId, token: Hash | undefined): readonly Fact[] {
    this.#known.add(client);
    if (token === undefined) return [];
    this.#enrolled.add(client);
    this.#used.set(token, (this.#used.get(token) ?? 0) + 1);
    return [{ type: 'client-enrolled', body: { client, token } }];
  }

  /** From now on the new key is the client, and the old one nobody. @returns what to write down; nothing where it cannot be any more */
  rotate(rotation: Rotation): readonly Fact[] {
    const { from, to, signature } = rotation;
    // Since it was admitted, somebody may have shut out either key.
    if (this.#known.has(to) || this.#heirs.has(from) || this.#revoked.has(from) || this.#revoked.has(to)) return [];
    this.#heirs.set(from, to);
    this.#revoked = new Set([...this.#revoked, from]);
    this.#known.add(to);
    if (this.#enrolled.has(from)) this.#enrolled.add(to);
    if (this.#listed.has(from)) this.#listed.add(to);
    return [{ type: 'client-rotated', body: { from, to, signature } }];
  }

  /** The key under which a client is known now. */
  current(client: ClientId): ClientId {
    let now = client;
    for (let next = this.#heirs.get(now); next !== undefined; next = this.#heirs.get(now)) now = next;
    return now;
  }

  /** From now on it is refused, whatever the roster says. */
  revoke(client: ClientId, by: string, reason: string): readonly Fact[] {
    if (this.#revoked.has(client)) return [];
    this.#revoked = new Set([...this.#revoked, client]);
    return [{ type: 'client-revoked', body: { client, by, reason } }];
  }

  readmit(client: ClientId, by: string, reason: string): readonly Fact[] {
    if (!this.#revoked.has(client)) return [];
    this.#revoked = new Set([...this.#revoked].filter((one) => one !== client));
    return [{ type: 'client-readmitted', body: { client, by, reason } }];
  }

  /** Nobody else is enrolled by it; who was, stays. */
  revokeToken(token: Hash, by: string, reason: string): readonly Fact[] {
    if (this.#revokedTokens.has(token)) return [];
    this.#revokedTokens.add(token);
    return [{ type: 'token-revoked', body: { token, by, reason } }];
  }

  /** Those who are kept out, and keys that were given up. Another set whenever it changes. */
  get revoked(): ReadonlySet<ClientId> {
    return this.#revoked;
  }
}
