// Short forms of the bars about hostile input; the long ones are `npm run bar -- frames` and `npm run bar -- rfc6455`.

import { describe, expect, it } from 'vitest';
import { framesBar } from './frames/run.js';
import { harmless, cases as matrixCases } from './matrix/cases.js';
import { matrixBar } from './matrix/run.js';
import { cases } from './rfc6455/cases.js';
import { rfc6455Bar } from './rfc6455/run.js';

describe('bar 7: mutated frames', () => {
  it('20,000 of them: none throws, blocks or costs much, and what is accepted has one form', () => {
    const result = framesBar({ frames: 20_000, seed: 7 });
    expect(result).toMatchObject({ uncaught: 0, notCanonical: 0, examples: [], ok: true });
    // Neither side of the decoder is left out.
    expect(result.accepted).toBeGreaterThan(200);
    expect(Object.keys(result.refused).sort()).toEqual([
      'WIRE_MALFORMED',
      'WIRE_SCHEMA',
      'WIRE_TOO_LARGE',
      'WIRE_UNKNOWN_TYPE',
      'WIRE_VERSION',
    ]);
  }, 60_000);
});

describe('bar 10: raw RFC 6455', () => {
  it('has at least 120 cases, each with a name of its own', () => {
    const names = cases('https://fl.example.org').map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(120);
    expect(new Set(names).size).toBe(names.length);
  });

  it('each ends with its status or code, frees its socket, logs no error, and leaves the coordinator serving', async () => {
    // Those that wait out a time limit of HTTP belong to the long form.
    const result = await rfc6455Bar((name) => !/^half a|behind a body|TLS where/.test(name));
    expect(result.failed).toEqual([]);
    expect(result.errors).toEqual([]);
  }, 60_000);
});

describe('bar 6: message × phase × defect', () => {
  it('has at least 250 hostile cases, each with a name of its own and one event that must follow', () => {
    const all = matrixCases();
    const hostile = all.filter((one) => !harmless(one));
    expect(hostile.length).toBeGreaterThanOrEqual(250);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    // Each has its event, also where the connection stays; what breaks no rule is little, and counted apart.
    expect(hostile.filter(({ expected }) => expected.event === 'none')).toEqual([]);
    expect(all.length - hostile.length).toBeLessThan(10);
  });

  it('24 of them: the state stays, the close code and the one event are right, the round gives the exact sum', async () => {
    const result = await matrixBar({ cases: 24, seed: 6, say: () => {} });
    expect(result).toMatchObject({ failed: [], played: 24, ok: true });
    expect(result.hostile + result.harmless).toBe(24);
    // Offences and chance, members and strangers.
    expect(Object.keys(result.byCode).length).toBeGreaterThanOrEqual(5);
  }, 60_000);
});
