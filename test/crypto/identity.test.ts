// Identities, commitments, and secrets that do not print.
import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { commit, opens } from '../../protocol/crypto/commit.js';
import { generateIdentity, identityOf, signFields, verifyFields } from '../../protocol/crypto/identity.js';
import { LABELS } from '../../protocol/crypto/labels.js';
import { Secret } from '../../protocol/crypto/secret.js';
import { isHex32, toHex } from '../../protocol/ids.js';
import { nativePrimitives as crypto, nativeRng } from '../../protocol/native/index.js';
import { range, testRng } from './implementations.js';

describe('identity', () => {
  const identity = generateIdentity(crypto, testRng(1));

  it('is its public key, and comes back from its stored seed', () => {
    expect(isHex32(identity.id)).toBe(true);
    expect(identity.id).toBe(toHex(identity.publicKey));
    const again = identityOf(crypto, new Secret(identity.secret.exposeSecret().slice()));
    expect(again.id).toBe(identity.id);
    expect(generateIdentity(crypto, nativeRng).id).not.toBe(generateIdentity(crypto, nativeRng).id);
  });

  it('a signature is good for its label, fields and key, and for no others', () => {
    const signature = signFields(crypto, identity, LABELS.keys, 'task', 3);
    const other = generateIdentity(crypto, testRng(2));
    expect(verifyFields(crypto, identity.publicKey, signature, LABELS.keys, 'task', 3)).toBe(true);
    expect(verifyFields(crypto, identity.publicKey, signature, LABELS.shares, 'task', 3)).toBe(false);
    expect(verifyFields(crypto, identity.publicKey, signature, LABELS.keys, 'task', 4)).toBe(false);
    expect(verifyFields(crypto, identity.publicKey, signature, LABELS.keys, ['task', 3])).toBe(false);
    expect(verifyFields(crypto, other.publicKey, signature, LABELS.keys, 'task', 3)).toBe(false);
  });

  it('a seed of a wrong length is refused', () => {
    expect(() => identityOf(crypto, new Secret(new Uint8Array(31)))).toThrow(RangeError);
  });
});

describe('commitments', () => {
  const [salt, value] = [range(0, 15), range(100, 131)];
  const commitment = commit(crypto, LABELS.commitB, ['gctx', 1], salt, value);

  it('open to their value, salt, context and label, and to nothing else', () => {
    expect(opens(crypto, commitment, LABELS.commitB, ['gctx', 1], salt, value)).toBe(true);
    expect(opens(crypto, commitment, LABELS.shareB, ['gctx', 1], salt, value)).toBe(false);
    expect(opens(crypto, commitment, LABELS.commitB, ['gctx', 2], salt, value)).toBe(false);
    expect(opens(crypto, commitment, LABELS.commitB, ['gctx', 1], range(1, 16), value)).toBe(false);
    expect(opens(crypto, commitment, LABELS.commitB, ['gctx', 1], salt, range(101, 132))).toBe(false);
    expect(opens(crypto, commitment.subarray(1), LABELS.commitB, ['gctx', 1], salt, value)).toBe(false);
  });

  it('I move bytes between salt and value, and am refused', () => {
    const longer = range(0, 16);
    expect(opens(crypto, commitment, LABELS.commitB, ['gctx', 1], longer, value.subarray(1))).toBe(false);
    expect(() => commit(crypto, LABELS.commitB, [], longer, value)).toThrow(RangeError);
  });
});

describe('secrets', () => {
  const content = range(0xa1, 0xa8);
  const secret = new Secret(content.slice());

  it('show [redacted] in JSON, text, errors, the inspector and the console, at any depth', () => {
    const holder = { name: 'state', keys: { mask: secret }, list: [secret] };
    const prints = [
      JSON.stringify(holder),
      `${secret}`,
      String(secret),
      inspect(holder, { depth: 9, showHidden: true }),
      format('%o %j %s %O', holder, holder, secret, secret),
      String(new Error(`bad ${secret}`)),
      JSON.stringify({ ...secret }),
      inspect(structuredClone({ keys: { ...secret } })),
    ].join('\n');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[redacted]"}');
    expect(`${secret} ${inspect(secret)} ${format('%s', secret)}`).toBe('[redacted] [redacted] [redacted]');
    for (const trace of ['161', 'a1', 'oaKj', '162']) expect(prints).not.toContain(trace);
    expect(Object.keys(secret)).toEqual([]);
  });

  it('are compared by content', () => {
    expect(secret.equals(new Secret(content.slice()))).toBe(true);
    expect(secret.equals(new Secret(range(0xa1, 0xa7)))).toBe(false);
    expect(secret.equals(new Secret(range(0xa2, 0xa9)))).toBe(false);
    expect(secret.length).toBe(8);
  });

  it('are zero after a wipe, equal nothing, and are not exposed again', () => {
    const bytes = content.slice();
    const wiped = new Secret(bytes);
    const zeros = new Secret(new Uint8Array(8));
    wiped.wipe();
    wiped.wipe();
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(wiped.wiped).toBe(true);
    expect(wiped.equals(zeros)).toBe(false);
    expect(zeros.equals(wiped)).toBe(false);
    expect(() => wiped.exposeSecret()).toThrow(RangeError);
  });
});
