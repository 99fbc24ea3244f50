// Tokens and the roster: pure, with real signatures. Not here: sockets (listener.test.ts), a running coordinator (enrolment.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { MAX_TEXT, MAX_TOKEN_DAYS, MAX_TOKEN_USES } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { Access, type RosterPolicy } from '../../server/access/access.js';
import { makeToken, readToken } from '../../server/access/token.js';
import type { Fact } from '../../server/audit/events.js';
import { type Rows, replay } from '../../server/audit/project.js';

const coordinator = generateIdentity(nativePrimitives, nativeRng);
const other = generateIdentity(nativePrimitives, nativeRng);
const person = (): ReturnType<typeof generateIdentity>['id'] => generateIdentity(nativePrimitives, nativeRng).id;
const NOW = 1_700_000_000_000;
const DAY = 86_400_000;
const make = (change: Partial<{ task: string; uses: number; days: number }> = {}, by = coordinator) =>
  makeToken(nativePrimitives, by, nativeRng, { task: 'wards', uses: 1, days: 7, now: NOW, ...change });
const read = (text: string) => readToken(nativePrimitives, [coordinator.publicKey], 'wards', text);

describe('an enrolment token', () => {
  it('says what was signed, fits the field that carries it, and no two are alike', () => {
    const { text, token } = make({ uses: 300, days: 2 });
    expect(read(text)).toEqual({ hash: token.hash, uses: 300, expires: NOW + 2 * DAY });
    expect(text.length).toBeLessThanOrEqual(MAX_TEXT);
    expect(make().token.hash).not.toBe(make().token.hash);
  });

  it.each([
    ['of another coordinator', make({}, other).text],
    ['for another task', make({ task: 'ward' }).text],
    ['without its name', make().text.slice('sotto-token-'.length)],
    ['with a tail', `${make().text}A`],
    ['with padding that decodes to the same bytes', `${make().text}==`],
    [
      'in the other alphabet of base64',
      make().text.replaceAll('-', '+').replace('sotto+token+', 'sotto-token-').concat('+'),
    ],
    ['empty', ''],
  ])('%s is none', (_, text) => {
    expect(read(text)).toBeUndefined();
  });

  it('I change any bit of it, for more uses or days: it is none', () => {
    const { text } = make();
    fc.assert(
      fc.property(fc.integer({ min: 12, max: text.length - 1 }), fc.constantFrom(...'AZaz09-_'), (at, letter) => {
        fc.pre(text[at] !== letter);
        expect(read(text.slice(0, at) + letter + text.slice(at + 1))).toBeUndefined();
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it.each([
    ['uses', { uses: 0 }],
    ['uses', { uses: MAX_TOKEN_USES + 1 }],
    ['uses', { uses: 1.5 }],
    ['days', { days: 0 }],
    ['days', { days: MAX_TOKEN_DAYS + 1 }],
  ])('with bad %s is not made: %j', (field, change) => {
    expect(() => make(change)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', details: { field } }));
  });
});

describe('the roster', () => {
  let now = NOW;
  const access = (policy: RosterPolicy, rows?: Rows): Access =>
    new Access({ policy, readToken: read, readRotation: () => undefined, wallClock: () => now, ...(rows && { rows }) });
  const rowsOf = (facts: readonly Fact[]): Rows =>
    replay(facts.map(({ type, body }, i) => ({ type, body, seq: i + 1 })));
  /** Comes with a token; what was decided, and what is to be written down. */
  const come = (to: Access, client: ReturnType<typeof person>, token?: string) => {
    const admission = to.admit(client, token);
    return { admission, facts: admission.ok ? to.enrol(client, admission.token) : [] };
  };

  it('a token for one lets one in; that one comes back without it, also after a restart; nobody else comes by it', () => {
    const [first, second] = [person(), person()];
    const one = access({ kind: 'token' });
    const { text, token } = make();
    expect(come(one, first).admission).toEqual({ ok: false, code: 'AUTH_NOT_ENROLLED' });
    const { admission, facts } = come(one, first, text);
    expect(admission).toEqual({ ok: true, token: token.hash });
    expect(facts).toEqual([{ type: 'client-enrolled', body: { client: first, token: token.hash } }]);
    expect(JSON.stringify(facts)).not.toContain(text);
    for (const life of [one, access({ kind: 'token' }, rowsOf(facts))]) {
      expect(come(life, first).admission).toEqual({ ok: true });
      // Sent again, as a client that reconnects does: nothing is spent.
      expect(come(life, first, text)).toEqual({ admission: { ok: true }, facts: [] });
      expect(come(life, second, text).admission).toEqual({ ok: false, code: 'AUTH_TOKEN' });
    }
  });

  it('a token for three lets exactly three in, over a restart in between', () => {
    const { text } = make({ uses: 3 });
    const one = access({ kind: 'token' });
    const facts = [person(), person()].flatMap((client) => come(one, client, text).facts);
    const next = access({ kind: 'token' }, rowsOf(facts));
    expect(come(next, person(), text).admission.ok).toBe(true);
    expect(come(next, person(), text).admission).toEqual({ ok: false, code: 'AUTH_TOKEN' });
  });

  it('from the moment it expires it lets nobody in, and who is in stays', () => {
    const { text, token } = make({ uses: 2 });
    const one = access({ kind: 'token' });
    const early = person();
    now = token.expires - 1;
    expect(come(one, early, text).admission.ok).toBe(true);
    now = token.expires;
    expect(come(one, person(), text).admission).toEqual({ ok: false, code: 'AUTH_TOKEN' });
    expect(come(one, early).admission.ok).toBe(true);
    now = NOW;
  });

  it('a revoked token lets nobody else in, also after a restart', () => {
    const { text, token } = make({ uses: 5 });
    const one = access({ kind: 'token' });
    const facts = [...come(one, person(), text).facts, ...one.revokeToken(token.hash, 'ops', 'it leaked')];
    for (const life of [one, access({ kind: 'token' }, rowsOf(facts))])
      expect(come(life, person(), text).admission).toEqual({ ok: false, code: 'AUTH_TOKEN' });
    expect(one.revokeToken(token.hash, 'ops', 'again')).toEqual([]);
  });

  it.each<RosterPolicy['kind']>(['open', 'token', 'allowlist'])(
    'a revoked client is out under roster %s, also after a restart, until it is readmitted',
    (kind) => {
      const client = person();
      const policy: RosterPolicy = kind === 'allowlist' ? { kind, clients: [client] } : { kind };
      const one = access(policy);
      const facts = [...come(one, client, make().text).facts];
      expect(one.admit(client, undefined).ok).toBe(true);
      facts.push(...one.revoke(client, 'ops', 'a lost laptop'));
      for (const life of [one, access(policy, rowsOf(facts))])
        expect(life.admit(client, make().text)).toEqual({ ok: false, code: 'AUTH_REVOKED' });
      facts.push(...one.readmit(client, 'ops', 'found'));
      for (const life of [one, access(policy, rowsOf(facts))]) expect(life.admit(client, undefined).ok).toBe(true);
    },
  );

  it('having been seen in an open roster is no enrolment: under tokens it needs one', () => {
    const client = person();
    const rows = rowsOf([{ type: 'client-enrolled', body: { client } }]);
    expect(access({ kind: 'token' }, rows).admit(client, undefined)).toEqual({ ok: false, code: 'AUTH_NOT_ENROLLED' });
  });
});
