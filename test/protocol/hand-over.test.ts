// The hand-over of a coordinator's key as bytes and signatures, and which key then signs which record. Not here: who follows one
// (test/client/hand-over.test.ts), the log (test/store/hand-over.test.ts).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  askHandOver,
  askLineage,
  type HandOver,
  handOverBytes,
  makeHandOver,
  parseHandOvers,
  signersOf,
} from '../../protocol/chain/hand-over.js';
import { recordHash } from '../../protocol/chain/record.js';
import { answered } from '../../protocol/crypto/asking.js';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import { MAX_HAND_OVERS } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { HAND_OVER_BYTES } from '../../protocol/wire/fields.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';

const fresh = (): Identity => generateIdentity(nativePrimitives, nativeRng);
const [first, second, third, fourth] = [fresh(), fresh(), fresh(), fresh()];
const hash = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);
const give = (old: Identity, next: Identity, round: number, head = hash(round)): HandOver =>
  makeHandOver(nativePrimitives, 'wards', old, next, { round, head });
const holds = (task: string, one: HandOver): boolean => answered(askHandOver(task, one), nativePrimitives);
const problem = (...list: HandOver[]): string | undefined => answered(askLineage('wards', list), nativePrimitives);

describe('a hand-over', () => {
  const one = give(first, second, 7);
  const bytes = handOverBytes([one]);

  it('has 228 bytes, and reads back as it was', () => {
    expect(bytes.length).toBe(HAND_OVER_BYTES);
    expect(HAND_OVER_BYTES).toBe(228);
    expect(parseHandOvers(bytes)).toEqual([one]);
    expect(parseHandOvers(new Uint8Array(0))).toEqual([]);
    for (const cut of [1, 227, 229]) expect(parseHandOvers(new Uint8Array(cut))).toBeUndefined();
    expect(parseHandOvers(new Uint8Array(228 * (MAX_HAND_OVERS + 1)))).toBeUndefined();
  });

  it('I flip any bit of any byte, and it holds no more', () => {
    expect(holds('wards', one)).toBe(true);
    for (let at = 0; at < bytes.length; at++) {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      const parsed = parseHandOvers(bad)?.[0];
      expect(parsed !== undefined && holds('wards', parsed)).toBe(false);
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 * bytes.length - 1 }), (bit) => {
        const bad = bytes.slice();
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const parsed = parseHandOvers(bad)?.[0];
        return parsed === undefined || !holds('wards', parsed);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('is of one task, and needs both signatures: the old key gives nothing to whoever does not hold the new one', () => {
    expect(holds('other', one)).toBe(false);
    expect(holds('wards', { ...one, taken: one.given })).toBe(false);
    expect(holds('wards', { ...one, given: one.taken })).toBe(false);
    expect(() => give(first, first, 7)).toThrow('CONFIG_INVALID');
  });

  it('travels in a challenge, of 1 to MAX_HAND_OVERS', () => {
    const challenge = {
      kind: 'challenge',
      coordinator: hash(1),
      nonce: hash(2),
      signature: new Uint8Array(64),
    } as const;
    const sent = (count: number) =>
      decodeFrame(encodeFrame({ ...challenge, handOvers: new Uint8Array(count * HAND_OVER_BYTES) }));
    expect(sent(1).ok).toBe(true);
    expect(sent(MAX_HAND_OVERS).ok).toBe(true);
    expect(() => sent(0)).toThrow();
    expect(() => sent(MAX_HAND_OVERS + 1)).toThrow();
    expect(decodeFrame(encodeFrame(challenge)).ok).toBe(true);
  });
});

describe('hand-overs one after the other', () => {
  it('hold where each follows the one before, at the same record or a later one', () => {
    expect(problem(give(first, second, 7), give(second, third, 7), give(third, fourth, 9))).toBeUndefined();
  });

  it.each<[string, HandOver[], RegExp]>([
    ['a gap', [give(first, second, 7), give(third, fourth, 9)], /hands over, and the key before it had handed over/],
    ['back to a key', [give(first, second, 7), give(second, first, 9)], /goes back/],
    ['an earlier round', [give(first, second, 7), give(second, third, 6)], /earlier round/],
    ['two records of one round', [give(first, second, 7), give(second, third, 7, hash(1))], /different records/],
    ['a signature by nobody', [{ ...give(first, second, 7), given: new Uint8Array(64) }], /not signed by both/],
    ['a signature of another', [{ ...give(third, second, 7), from: first.publicKey }], /not signed by both/],
  ])('%s', (_, list, says) => {
    expect(problem(...list)).toMatch(says);
  });
});

describe('which key signs a record', () => {
  const record = (round: number): ChainRecordBody => ({
    task: 'wards',
    type: 'update',
    round,
    attempt: 1,
    previous: hash(round),
    config: hash(0),
    modelBefore: hash(1),
    aggregate: hash(2),
    modelAfter: hash(3),
    optimizerAfter: new Uint8Array(0),
    step: round,
    transcript: hash(4),
    clip: 0,
    fraction: 0,
    signature: new Uint8Array(64),
  });
  const at = (round: number): Uint8Array => recordHash(nativePrimitives, record(round));
  const signerOf = signersOf(nativePrimitives, [
    give(first, second, 3, at(3)),
    give(second, third, 3, at(3)),
    give(third, fourth, 5, at(5)),
  ]);

  it('the one in force at its round: the old one up to the record that is named, the new one behind it', () => {
    const who = (round: number) => signerOf(record(round), record(round - 1));
    expect([1, 2, 3].map(who)).toEqual(Array(3).fill(first.publicKey));
    expect([4, 5].map(who)).toEqual(Array(2).fill(third.publicKey));
    expect([6, 90].map((round) => signerOf(record(round)))).toEqual(Array(2).fill(fourth.publicKey));
  });

  it('nobody, for another record of that round, or one that leaves it out', () => {
    expect(() => signerOf({ ...record(3), step: 2 })).toThrow('GUARD_MODEL_CHAIN');
    expect(() => signerOf(record(4), record(2))).toThrow('GUARD_MODEL_CHAIN');
    expect(() => signerOf(record(6), record(4))).toThrow('GUARD_MODEL_CHAIN');
  });
});
