// Secrets of a run (style H16, protocol.md §6): they do not print in any state, and no state holds one when the run has ended.
// Every byte string that a client draws, and every share made from it, is collected and looked for.

import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../protocol/crypto/secret.js';
import { splitSecret } from '../../protocol/crypto/shamir.js';
import { nativeRng } from '../../protocol/native/index.js';
import type { ParticipantState } from '../../protocol/participant/participant.js';
import { stepParticipant } from '../../protocol/participant/participant.js';
import type { RoundState } from '../../protocol/round/round.js';
import { dropAt, type Tamper, taskOf, World } from './world.js';

const config = taskOf({ size: 8, colluders: 1 });

/** A world whose clients' randomness is noted. `drawn(i)`: copies of all that client i has drawn so far. */
function watched(tamper: Tamper = {}, clientState?: (i: number, state: ParticipantState) => void) {
  const drawn = new Map<number, Uint8Array[]>();
  const world = new World(
    {
      config,
      tamper,
      // Training takes longer than R1 and R2, so that every phase of a client is seen.
      pick: (_, pairs) =>
        Math.max(
          0,
          pairs.findIndex((pair) => !pair.startsWith('t')),
        ),
      ...(clientState === undefined ? {} : { clientState }),
    },
    {
      rngOf: (who) => (length) => {
        const bytes = nativeRng(length);
        if (typeof who === 'number') drawn.set(who, [...(drawn.get(who) ?? []), bytes.slice()]);
        return bytes;
      },
    },
  );
  return { world, drawn: (i: number) => drawn.get(i) ?? [] };
}

/** All byte arrays that can be reached from a value, through maps, sets, arrays, objects and Secrets. */
function reachable(root: unknown): Uint8Array[] {
  const seen = new Set<object>();
  const found: Uint8Array[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof Uint8Array) found.push(value);
    else if (value instanceof Secret) {
      if (!value.wiped) found.push(value.exposeSecret());
    } else if (value instanceof Map)
      for (const [key, inner] of value) {
        visit(key);
        visit(inner);
      }
    else if (value instanceof Set) for (const inner of value) visit(inner);
    else for (const inner of Object.values(value)) visit(inner);
  };
  visit(root);
  return found;
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Ways in which bytes may come out of a log. Eight bytes in a row are enough to be a leak. */
function printed(text: string, secret: Uint8Array): boolean {
  const part = secret.subarray(0, 8);
  return [
    hex(part),
    Buffer.from(part).toString('base64').slice(0, 10),
    Buffer.from(part).toString('base64url').slice(0, 10),
    [...part].join(','),
    [...part].join(', '),
    [...part].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
    [...part].map((byte, i) => `"${i}":${byte}`).join(','),
  ].some((form) => text.includes(form));
}
const prints = (value: unknown): string =>
  [
    JSON.stringify(value, (_, one: unknown) => (one instanceof Map || one instanceof Set ? [...one] : one)),
    inspect(value, { depth: 12, maxArrayLength: 1000, breakLength: Number.POSITIVE_INFINITY }),
    inspect(value, { depth: 12, maxArrayLength: 1000, compact: false, showHidden: true }),
  ].join('\n');

describe('a client', () => {
  it('no state of it prints a key, seed or share, whole or in part', () => {
    const texts: string[] = [];
    const phases = new Set<string>();
    const held: Uint8Array[] = [];
    const { world, drawn } = watched({}, (i, state) => {
      if (i !== 0) return;
      phases.add(state.phase);
      texts.push(prints(state));
      if ('held' in state)
        for (const { b, s } of state.held.values()) held.push(b.exposeSecret().slice(), s.exposeSecret().slice());
      if ('openKeys' in state) for (const key of state.openKeys.values()) held.push(key.exposeSecret().slice());
    });
    world.start().run();
    expect([...phases]).toEqual(['keys', 'shares', 'training', 'masking', 'masked', 'agreed', 'ended']);
    // Channel key, mask key, b, and the rounding key are 32 bytes each; salts (16) are opened with their shares and are no secrets.
    const secrets = drawn(0).filter(({ length }) => length >= 32);
    expect(secrets).toHaveLength(6); // the two polynomials of the shares are 32·(t − 1)
    expect(held.length).toBeGreaterThan(16);
    for (const text of texts) for (const secret of [...secrets, ...held]) expect(printed(text, secret)).toBe(false);
    expect(printed(texts.join(), world.members[0]?.identity.secret.exposeSecret() as Uint8Array)).toBe(false);
    // The search can find something: a public key is in every text.
    expect(
      texts.every(
        (text) => printed(text, world.members[0]?.identity.publicKey as Uint8Array) || text.includes('ended'),
      ),
    ).toBe(true);
  });

  it('the secrets behind the masks are gone once masking has begun: only shares are left', () => {
    const states = new Map<string, Uint8Array[]>();
    const { world, drawn } = watched({}, (i, state) => {
      if (i === 0)
        states.set(
          state.phase,
          reachable(state).map((bytes) => bytes.slice()),
        );
    });
    world.start().run();
    const [channel, mask, b] = drawn(0)
      .filter(({ length }) => length === 32)
      .map(hex);
    const holds = (phase: string, secret: string | undefined) =>
      states.get(phase)?.some((bytes) => hex(bytes) === secret);
    expect([holds('keys', channel), holds('keys', mask)]).toEqual([true, true]);
    expect([holds('shares', channel), holds('shares', mask), holds('shares', b)]).toEqual([false, true, true]);
    expect([holds('training', mask), holds('training', b)]).toEqual([true, true]);
    for (const phase of ['masking', 'masked', 'agreed', 'ended'])
      expect(
        [channel, mask, b].map((secret) => holds(phase, secret)),
        phase,
      ).toEqual([false, false, false]);
  });

  it('mask key and b are overwritten when masking begins, the keys of the boxes when they have been opened', () => {
    const before = new Map<string, Uint8Array[]>();
    const after = new Map<string, boolean[]>();
    const { world } = watched({}, (i, state) => {
      if (i !== 0) return;
      for (const [phase, arrays] of before)
        after.set(`${phase} → ${state.phase}`, [arrays.every((bytes) => bytes.every((byte) => byte === 0))]);
      if (state.phase === 'keys') before.set('channel', [state.channel.exposeSecret()]);
      if (state.phase === 'shares')
        before.set(
          'boxes',
          [...state.openKeys.values()].map((key) => key.exposeSecret()),
        );
      if (state.phase === 'training') before.set('mask and b', [state.mask.exposeSecret(), state.b.exposeSecret()]);
    });
    world.start().run();
    expect(after.get('channel → shares')).toEqual([true]);
    expect(after.get('boxes → training')).toEqual([true]);
    expect(after.get('mask and b → masking')).toEqual([true]);
  });

  const endings: [title: string, phase: string, stop: (world: World) => void][] = [
    ['when it is told to stop in R1', 'keys', abort],
    ['when it is told to stop in R2', 'shares', abort],
    ['when it is told to stop while training', 'training', abort],
    ['when it is told to stop in R3', 'masked', abort],
    ['when it is told to stop in R5', 'agreed', abort],
    ['when its training fails', 'training', (world) => world.tell(0, { type: 'untrained', code: 'TRAIN_NON_FINITE' })],
    ['when it is refused', 'masked', (world) => world.tell(0, { type: 'refused', code: 'ROUND_DUPLICATE' })],
    ['when its connection is lost in R5', 'agreed', (world) => world.tell(0, { type: 'gone' })],
    ['when a guard stops it', 'masked', (world) => forged(world)],
  ];
  function abort(world: World): void {
    const run = { round: 1, attempt: 1, group: 0 };
    world.tell(0, {
      type: 'message',
      body: { kind: 'abort', run, code: 'ROUND_QUORUM', culprits: [], retryAfterMs: 0 },
    });
  }
  function forged(world: World): void {
    const run = { round: 1, attempt: 1, group: 0 };
    world.tell(0, { type: 'message', body: { kind: 'unmaskRequest', run, signatures: [] } });
  }
  for (const [title, phase, stop] of endings)
    it(`${title}, every secret that it had is overwritten, and its state holds none`, () => {
      const before: Uint8Array[] = [];
      const { world, drawn } = watched({}, (i, state) => {
        if (i !== 0 || state.phase !== phase || before.length > 0) return;
        // The arrays themselves, not copies: these must be zero afterwards.
        for (const secret of Object.values(state)) if (secret instanceof Secret) before.push(secret.exposeSecret());
        if ('held' in state)
          for (const { b, s } of state.held.values()) before.push(b.exposeSecret(), s.exposeSecret());
        if ('openKeys' in state) for (const key of state.openKeys.values()) before.push(key.exposeSecret());
      });
      world.start().runUntil(() => before.length > 0);
      expect(before.every((bytes) => bytes.some((byte) => byte !== 0))).toBe(true);
      stop(world);
      const state = world.members[0]?.state;
      expect(state?.phase).toBe('ended');
      expect(before.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
      expect(reachable(state)).toEqual([]);
      expect(world.members[0]?.effects.some((e) => e.type === 'forget')).toBe(true);
      expect(drawn(0).length).toBeGreaterThan(1);
      expect(stepParticipant(state as ParticipantState, { type: 'gone' }).effects).toEqual([]);
    });
});

describe('the coordinator', () => {
  it('a finished round holds no share, key or signature of anybody: done, failed and void alike', () => {
    const plans = [
      new Map(),
      new Map([[3, 'masked' as const]]),
      new Map([0, 1, 2, 3].map((i) => [i, 'unmask' as const])),
    ];
    for (const plan of plans) {
      const { world } = watched(dropAt(plan));
      world.start().run();
      expect(world.state?.phase).toBe(world.result === undefined ? 'failed' : 'done');
      expect(reachable(world.state)).toEqual([]);
    }
  });

  it('before R6 it can reach none of the secrets that clients drew, and in R6 only shares, never a rebuilt secret', () => {
    const states: { phase: string; bytes: Set<string> }[] = [];
    const { world, drawn } = watched();
    world.start();
    const note = (state: RoundState | undefined) => {
      if (state?.phase !== 'running') return;
      const { setup, ...rest } = state;
      states.push({
        phase: [...state.groups.values()][0]?.phase ?? '',
        bytes: new Set(reachable(rest).map(hex)),
      });
      expect(setup.round).toBe(1);
    };
    while (!world.ended) {
      note(world.state);
      if (world.queue.length > 0) world.deliverOne();
      else world.advance();
    }
    const secrets = world.members.flatMap((_, i) =>
      drawn(i)
        .filter(({ length }) => length === 32)
        .map(hex),
    );
    expect(secrets.length).toBe(8 * 4);
    expect(new Set(states.map(({ phase }) => phase))).toContain('opening');
    for (const { bytes, phase } of states)
      expect(
        secrets.some((secret) => bytes.has(secret)),
        phase,
      ).toBe(false);
  });

  it('no state of it prints what a client drew', () => {
    const { world, drawn } = watched();
    world.start();
    const texts = new Map<string, string>();
    while (!world.ended) {
      const phase = world.state?.phase === 'running' ? ([...world.state.groups.values()][0]?.phase ?? '') : 'ended';
      if (!texts.has(phase) && world.state?.phase === 'running')
        texts.set(phase, prints([...world.state.groups.values()]));
      if (world.queue.length > 0) world.deliverOne();
      else world.advance();
    }
    expect(texts.size).toBeGreaterThan(4);
    const secrets = world.members.flatMap((_, i) => drawn(i).filter(({ length }) => length >= 32));
    for (const text of texts.values()) for (const secret of secrets) expect(printed(text, secret)).toBe(false);
  });
});

describe('below the threshold', () => {
  it('t − 1 shares fit every secret equally: for one byte of it, each of the 256 values has exactly one polynomial', () => {
    // The shares of a 4-byte secret, t = 3 of n = 5, made with known coefficients: for two fixed shares, count the secrets that fit.
    const t = 3;
    const target = splitSecret(Uint8Array.of(7, 0, 0, 0), t, 5, (length) => new Uint8Array(length).fill(0x5a));
    const [first = 0, second = 0] = [target[0]?.[0], target[1]?.[0]];
    const fits = new Map<number, number>();
    for (let secret = 0; secret < 256; secret++)
      for (let a = 0; a < 256; a++) {
        // f(1) = s + a + c fixes c for each (s, a); then f(2) decides.
        const c = secret ^ a ^ first;
        const shares = splitSecret(Uint8Array.of(secret, 0, 0, 0), t, 2 + 1, () =>
          Uint8Array.of(a, 0, 0, 0, c, 0, 0, 0),
        );
        if (shares[0]?.[0] === first && shares[1]?.[0] === second) fits.set(secret, (fits.get(secret) ?? 0) + 1);
      }
    expect([...fits.values()]).toEqual(Array(256).fill(1));
  });
});
