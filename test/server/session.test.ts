// The session machine: pure. Real signatures. Not here: sockets (connections.test.ts).

import { beforeEach, describe, expect, it } from 'vitest';
import { generateIdentity, signFields, verifyFields } from '../../protocol/crypto/identity.js';
import { LABELS } from '../../protocol/crypto/labels.js';
import type { ErrorCode } from '../../protocol/errors.js';
import { AUTH_DEADLINE_MS } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { Message, MessageOf } from '../../protocol/wire/messages.js';
import { TYPE_BYTES } from '../../protocol/wire/types.js';
import { CLOSE } from '../../server/session/close-codes.js';
import { startSession, stepSession } from '../../server/session/session.js';
import {
  ALLOWED,
  SESSION_TRANSITIONS,
  type SessionEffect,
  type SessionEvent,
  type SessionPhase,
  type SessionSetup,
  type SessionState,
} from '../../server/session/types.js';

const crypto = nativePrimitives;
const coordinator = generateIdentity(crypto, nativeRng);
const client = generateIdentity(crypto, nativeRng);
const other = generateIdentity(crypto, nativeRng);
const NONCE = new Uint8Array(32).fill(9);
const setup: SessionSetup = {
  identity: coordinator,
  primitives: crypto,
  rng: nativeRng,
  admit: (id) => (id === client.id ? { ok: true } : { ok: false, code: 'AUTH_NOT_ENROLLED' }),
  task: 'digits',
  pingMs: 20_000,
};

let state: SessionState;
let effects: readonly SessionEffect[];
const post = (event: SessionEvent): readonly SessionEffect[] => {
  const step = stepSession(state, event);
  state = step.state;
  effects = step.effects;
  return effects;
};
/** Signatures are checked at once, by the driver's part in it. */
const say = (message: Message): readonly SessionEffect[] => {
  const [first] = post({ type: 'message', message });
  if (first?.type !== 'verify') return effects;
  return post({ type: 'verified', good: crypto.verify(first.publicKey, first.message, first.signature) });
};
const sent = <K extends Message['kind']>(kind: K): MessageOf<K> | undefined => {
  for (const effect of effects)
    if (effect.type === 'send' && effect.message.kind === kind) return effect.message as MessageOf<K>;
  return undefined;
};
const hello = (key = client.publicKey): Message => ({ kind: 'hello', client: key, nonce: NONCE, agent: 'test' });
const prove = (challenge: MessageOf<'challenge'>, signer = client): Message => ({
  kind: 'proof',
  signature: signFields(crypto, signer, LABELS.proof, challenge.nonce, challenge.coordinator, client.publicKey),
});
/** Brings the session into a phase by the legal way. */
function reach(phase: Exclude<SessionPhase, 'closed'>): void {
  if (phase === 'fresh') return;
  say(hello());
  if (phase === 'challenged') return;
  const challenge = sent('challenge');
  if (challenge === undefined) throw new Error('no challenge');
  if (phase === 'proving') return void post({ type: 'message', message: prove(challenge) });
  say(prove(challenge));
  if (phase === 'pooled') post({ type: 'accepted', round: 1 });
}

beforeEach(() => {
  ({ state, effects } = startSession(setup, 1_000));
});

describe('the handshake', () => {
  it('proves the coordinator to the client, over the nonce of this client and this connection', () => {
    say(hello());
    const challenge = sent('challenge');
    expect(challenge?.coordinator).toEqual(coordinator.publicKey);
    const signed = (nonce: Uint8Array, key: Uint8Array): boolean =>
      verifyFields(
        crypto,
        coordinator.publicKey,
        challenge?.signature ?? NONCE,
        LABELS.challenge,
        nonce,
        challenge?.nonce ?? NONCE,
        key,
      );
    expect(signed(NONCE, client.publicKey)).toBe(true);
    expect(signed(new Uint8Array(32), client.publicKey)).toBe(false);
    expect(signed(NONCE, other.publicKey)).toBe(false);
  });

  it('welcomes a client that proves its key, and names its tasks', () => {
    reach('welcomed');
    expect(state).toMatchObject({ phase: 'welcomed', client: client.id });
    expect(effects[0]).toEqual({ type: 'authenticated', client: client.id, agent: 'test' });
    expect(sent('welcome')).toEqual({ kind: 'welcome', tasks: ['digits'], pingMs: 20_000 });
  });

  it('I claim the key of another client: refused, and that client is not blamed', () => {
    reach('challenged');
    const challenge = sent('challenge');
    if (challenge === undefined) throw new Error('no challenge');
    say(prove(challenge, other));
    expect(effects).toEqual([
      { type: 'offence', code: 'AUTH_BAD_PROOF', text: expect.any(String) },
      { type: 'send', message: expect.objectContaining({ kind: 'fault', code: 'AUTH_BAD_PROOF' }) },
      { type: 'close', code: CLOSE.unauthenticated, reason: 'AUTH_BAD_PROOF' },
    ]);
  });

  it('I replay a proof from an earlier connection: refused', () => {
    reach('challenged');
    const earlier = sent('challenge');
    if (earlier === undefined) throw new Error('no challenge');
    const proof = prove(earlier);
    ({ state, effects } = startSession(setup, 1_000));
    say(hello());
    expect(say(proof).at(-1)).toMatchObject({ type: 'close', reason: 'AUTH_BAD_PROOF' });
  });

  it('I relay a challenge of one coordinator to a client of another: the proof names the coordinator and fails here', () => {
    reach('challenged');
    const challenge = sent('challenge');
    if (challenge === undefined) throw new Error('no challenge');
    const proof = prove({ ...challenge, coordinator: other.publicKey });
    expect(say(proof).at(-1)).toMatchObject({ type: 'close', reason: 'AUTH_BAD_PROOF' });
  });

  it('somebody not on the roster is refused only after it has proven who it is: nobody can probe the roster', () => {
    ({ state, effects } = startSession({ ...setup, admit: () => ({ ok: false, code: 'AUTH_REVOKED' }) }, 1_000));
    reach('challenged');
    expect(sent('challenge')).toBeDefined();
    const challenge = sent('challenge');
    if (challenge === undefined) throw new Error('no challenge');
    say(prove(challenge));
    expect(effects.map((e) => e.type)).toEqual(['offence', 'send', 'close']);
    expect(effects.at(-1)).toMatchObject({ code: CLOSE.forbidden, reason: 'AUTH_REVOKED' });
    expect(effects[0]).toMatchObject({ client: client.id });
  });

  it('while its proof is being checked the client may give up or go, and nothing else; the deadline is no longer its own', () => {
    reach('proving');
    expect(post({ type: 'tick', now: 1e9 })).toEqual([]);
    expect(post({ type: 'accepted', round: 1 })).toEqual([]);
    expect(state.phase).toBe('proving');
    for (const [event, ends] of [
      [{ type: 'message', message: { kind: 'checkIn', task: 'digits', head: NONCE } }, ['offence', 'send', 'close']],
      [{ type: 'message', message: { kind: 'fault', code: 'AUTH_TIMEOUT', text: '' } }, ['close']],
      [{ type: 'end', code: 'SESSION_BUSY' }, ['send', 'close']],
      [{ type: 'gone' }, []],
    ] as const satisfies [SessionEvent, string[]][]) {
      ({ state, effects } = startSession(setup, 1_000));
      reach('proving');
      expect(post(event).map(({ type }) => type)).toEqual(ends);
      expect(state.phase).toBe('closed');
      // The answer comes too late.
      expect(post({ type: 'verified', good: true })).toEqual([]);
    }
  });

  it('an answer to a question that was not asked lets nobody in', () => {
    for (const phase of ['fresh', 'challenged'] as const) {
      ({ state, effects } = startSession(setup, 1_000));
      reach(phase);
      expect(post({ type: 'verified', good: true })).toEqual([]);
      expect(state.phase).toBe(phase);
    }
  });

  it.each(['fresh', 'challenged'] as const)('silent while %s: closed at the deadline, not before', (phase) => {
    reach(phase);
    // It asks to be called again: the driver may have taken its own backlog off the time.
    const at = 1_000 + AUTH_DEADLINE_MS;
    expect(post({ type: 'tick', now: at - 1 })).toEqual([{ type: 'wakeAt', at }]);
    expect(post({ type: 'tick', now: 1_000 + AUTH_DEADLINE_MS }).at(-1)).toMatchObject({
      type: 'close',
      code: CLOSE.tooSlow,
      reason: 'AUTH_TIMEOUT',
    });
  });

  it.each(['fresh', 'challenged'] as const)('a client that gives up while %s and says so is no offender', (phase) => {
    reach(phase);
    say({ kind: 'fault', code: 'AUTH_TIMEOUT', text: 'AUTH_TIMEOUT' });
    expect(state).toEqual({ phase: 'closed' });
    expect(effects).toEqual([{ type: 'close', code: CLOSE.done, reason: 'done' }]);
  });

  it('an authenticated connection has no such deadline', () => {
    reach('welcomed');
    expect(post({ type: 'tick', now: 1e9 })).toEqual([]);
  });
});

describe('what may be said when (default deny)', () => {
  const KINDS = Object.keys(TYPE_BYTES) as Message['kind'][];
  const stub = (kind: Message['kind']): Message => {
    if (kind === 'hello') return hello();
    if (kind === 'checkIn') return { kind, task: 'digits', head: new Uint8Array(0) };
    if (kind === 'fault') return { kind, code: 'GUARD_POLICY', text: 'no' };
    // The machine looks at the kind first; the codec has checked the rest long before.
    return { kind } as unknown as Message;
  };
  const cases = (['fresh', 'challenged', 'proving', 'welcomed', 'pooled'] as const).flatMap((phase) =>
    KINDS.map((kind) => ({ phase, kind })),
  );

  it.each(cases.filter(({ phase, kind }) => !(ALLOWED[phase] as readonly string[]).includes(kind)))(
    '$kind while $phase closes the connection and blames only a proven name',
    ({ phase, kind }) => {
      reach(phase);
      say(stub(kind));
      expect(state).toEqual({ phase: 'closed' });
      expect(effects.map((e) => e.type)).toEqual(['offence', 'send', 'close']);
      expect(effects.at(-1)).toMatchObject({ code: CLOSE.unexpected, reason: 'SESSION_UNEXPECTED' });
      const proven = phase === 'welcomed' || phase === 'pooled';
      expect('client' in (effects[0] ?? {})).toBe(proven);
    },
  );

  it.each(
    cases.filter(
      ({ phase, kind }) =>
        phase !== 'fresh' &&
        phase !== 'challenged' &&
        phase !== 'proving' &&
        (ALLOWED[phase] as readonly string[]).includes(kind),
    ),
  )('$kind while $phase is passed on under the proven name', ({ phase, kind }) => {
    reach(phase);
    say(stub(kind));
    expect(effects).toHaveLength(1);
    expect(effects[0]).toMatchObject({ type: kind === 'fault' ? 'complaint' : 'deliver', client: client.id });
  });

  it('nothing at all comes out of a closed session', () => {
    reach('pooled');
    post({ type: 'end', code: 'AUTH_REPLACED' });
    expect(effects.at(-1)).toEqual({ type: 'close', code: CLOSE.replaced, reason: 'AUTH_REPLACED' });
    for (const kind of KINDS) expect(say(stub(kind))).toEqual([]);
    expect(post({ type: 'tick', now: 1e9 })).toEqual([]);
  });

  it('round messages are not taken from somebody who has left the pool or was rejected', () => {
    for (const event of [
      { type: 'message', message: { kind: 'leave', reason: 'bye' } },
      { type: 'rejected', code: 'SESSION_BUSY', retryAfterMs: 5 },
    ] as const satisfies SessionEvent[]) {
      ({ state, effects } = startSession(setup, 1_000));
      reach('pooled');
      post(event);
      expect(state.phase).toBe('welcomed');
      expect(say(stub('keys')).at(-1)).toMatchObject({ reason: 'SESSION_UNEXPECTED' });
    }
  });

  it('a task that is not run here ends the connection with its own code', () => {
    reach('welcomed');
    say({ kind: 'checkIn', task: 'letters', head: new Uint8Array(0) });
    expect(effects.at(-1)).toMatchObject({ code: CLOSE.unknownTask, reason: 'SESSION_UNKNOWN_TASK' });
  });
});

describe('faults', () => {
  it('the peer hears a code and its general meaning; what exactly was wrong stays here', () => {
    reach('pooled');
    post({ type: 'undecodable', code: 'WIRE_SCHEMA', text: 'a bad field at 12 in run.group' });
    expect(effects[0]).toEqual({
      type: 'offence',
      client: client.id,
      code: 'WIRE_SCHEMA',
      text: 'a bad field at 12 in run.group',
    });
    expect(JSON.stringify(sent('fault'))).not.toContain('run.group');
    expect(effects.at(-1)).toMatchObject({ code: CLOSE.malformed });
  });

  it('a fault with a code that this version does not know is refused: codes lead to texts and counters here', () => {
    reach('pooled');
    say({ kind: 'fault', code: 'CODE_OF_TOMORROW' as ErrorCode, text: 'no' });
    expect(effects[0]).toMatchObject({ type: 'offence', client: client.id, code: 'WIRE_SCHEMA' });
    expect(state.phase).toBe('closed');
  });

  it('answers to a check-in reach the client; they change who is in the pool', () => {
    reach('welcomed');
    post({ type: 'accepted', round: 7 });
    expect(sent('accepted')).toEqual({ kind: 'accepted', task: 'digits', round: 7 });
    post({ type: 'rejected', code: 'SESSION_EXCLUDED', retryAfterMs: 9 });
    expect(sent('rejected')).toEqual({ kind: 'rejected', code: 'SESSION_EXCLUDED', retryAfterMs: 9 });
  });

  it('an answer that comes before anybody is authenticated goes nowhere', () => {
    expect(post({ type: 'accepted', round: 1 })).toEqual([]);
    expect(post({ type: 'rejected', code: 'SESSION_BUSY', retryAfterMs: 1 })).toEqual([]);
    expect(state.phase).toBe('fresh');
  });

  it('the table and the machine name the same phases', () => {
    expect(Object.keys(ALLOWED)).toEqual(Object.keys(SESSION_TRANSITIONS));
  });
});
