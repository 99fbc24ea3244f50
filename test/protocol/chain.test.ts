// The signed model chain: records bind every field, and a client that recomputes the models of all rounds gets the coordinator's
// bits, with each optimiser, also when it starts from stored bytes. Not here: fetching and catching up (client/chain).

import { describe, expect, it } from 'vitest';
import {
  hashOfBlob,
  type ModelState,
  nextModel,
  optimizerBytes,
  optimizerFromBytes,
  optimizerHash,
  weightsBytes,
  weightsFromBytes,
} from '../../protocol/chain/model.js';
import { recordHash, signRecord, type UnsignedRecord, verifyRecord } from '../../protocol/chain/record.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { portablePrimitives } from '../../protocol/crypto/portable.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { initOptimizer } from '../../protocol/optimizer/optimizer.js';
import type { OptimizerSpec } from '../../protocol/optimizer/spec.js';
import { blobHash, chunkHashList } from '../../protocol/wire/chunks.js';
import { seeded } from './world.js';

const coordinator = generateIdentity(nativePrimitives, nativeRng);
const record: UnsignedRecord = {
  task: 'test',
  type: 'update',
  round: 3,
  attempt: 2,
  previous: nativeRng(32),
  config: nativeRng(32),
  modelBefore: nativeRng(32),
  aggregate: nativeRng(32),
  modelAfter: nativeRng(32),
  optimizerAfter: nativeRng(32),
  step: 2,
  transcript: nativeRng(32),
  clip: 7,
  fraction: 3,
};

describe('a record', () => {
  const signed = signRecord(nativePrimitives, coordinator, record);

  it('that the pinned coordinator signed verifies, natively and portably', () => {
    expect(verifyRecord(nativePrimitives, coordinator.publicKey, signed)).toBe(true);
    expect(verifyRecord(portablePrimitives, coordinator.publicKey, signed)).toBe(true);
  });
  it('of another coordinator does not', () => {
    const other = generateIdentity(nativePrimitives, nativeRng);
    expect(verifyRecord(nativePrimitives, other.publicKey, signed)).toBe(false);
    expect(verifyRecord(nativePrimitives, coordinator.publicKey, signRecord(nativePrimitives, other, record))).toBe(
      false,
    );
  });
  for (const field of Object.keys(record) as (keyof UnsignedRecord)[])
    it(`with another ${field} does not verify and has another name`, () => {
      const value = record[field];
      const other =
        field === 'type'
          ? 'genesis'
          : value instanceof Uint8Array
            ? value.map((byte, i) => (i === 31 ? byte ^ 1 : byte))
            : typeof value === 'number'
              ? value + 1
              : `${value}x`;
      const forged = { ...signed, [field]: other };
      expect(verifyRecord(nativePrimitives, coordinator.publicKey, forged)).toBe(false);
      expect(recordHash(nativePrimitives, forged)).not.toEqual(recordHash(nativePrimitives, record));
    });
  it('keeps its name when it is signed again: signing does not fork the chain', () => {
    expect(recordHash(nativePrimitives, signed)).toEqual(recordHash(nativePrimitives, record));
    expect(recordHash(portablePrimitives, record)).toEqual(recordHash(nativePrimitives, record));
  });
  it('whose empty fields are moved to their neighbours has another name', () => {
    const empty = { ...record, aggregate: new Uint8Array(0), optimizerAfter: record.aggregate };
    const moved = { ...record, aggregate: record.aggregate, optimizerAfter: new Uint8Array(0) };
    expect(recordHash(nativePrimitives, empty)).not.toEqual(recordHash(nativePrimitives, moved));
  });
});

const OPTIMIZERS: readonly OptimizerSpec[] = [
  { name: 'fedavg', learningRate: 0.7 },
  { name: 'fedavgm', learningRate: 0.9, momentum: 0.85 },
  { name: 'fedadagrad', learningRate: 0.05, beta1: 0.1, tau: 1e-3 },
  { name: 'fedyogi', learningRate: 0.03, beta1: 0.9, beta2: 0.99, tau: 1e-3 },
  { name: 'fedadam', learningRate: 0.02, beta1: 0.9, beta2: 0.99, tau: 1e-3 },
];
const D = 70_001; // one chunk and a bit
const ROUNDS = 6;
const vector = (seed: number): Float32Array<ArrayBuffer> => {
  const random = seeded(seed);
  return Float32Array.from({ length: D }, () => (random(2 ** 24) / 2 ** 24 - 0.5) * 10 ** -random(6));
};
const hashes = ({ weights, optimizer }: ModelState): readonly Uint8Array[] => [
  hashOfBlob(nativePrimitives, weightsBytes(weights)),
  optimizerHash(nativePrimitives, optimizer),
];

describe('recomputing the chain', () => {
  for (const spec of OPTIMIZERS)
    it(`${spec.name}: ${ROUNDS} rounds give the same bits whether one keeps the state or restores it from bytes each time`, () => {
      let kept: ModelState = { weights: vector(1), optimizer: initOptimizer(spec, D) };
      let restored = kept;
      const names = new Set<string>();
      for (let round = 1; round <= ROUNDS; round++) {
        const aggregate = vector(100 + round);
        kept = nextModel(spec, kept, aggregate);
        const stored = nextModel(spec, restored, weightsFromBytes(weightsBytes(aggregate), D));
        restored = {
          weights: weightsFromBytes(weightsBytes(stored.weights), D),
          optimizer: optimizerFromBytes(spec, D, round, optimizerBytes(stored.optimizer)),
        };
        expect(hashes(restored)).toEqual(hashes(kept));
        expect(restored.optimizer.steps).toBe(round);
        names.add(Buffer.from(hashes(kept)[0] as Uint8Array).toString('hex'));
      }
      expect(names.size).toBe(ROUNDS);
    });

  it('a single bit of an aggregate changes the next model, and a client that was given another state ends elsewhere', () => {
    for (const spec of OPTIMIZERS) {
      const start: ModelState = { weights: vector(1), optimizer: initOptimizer(spec, D) };
      const aggregate = vector(2).fill(0.5, 7, 8);
      const changed = aggregate.slice();
      new Uint32Array(changed.buffer)[7]! ^= 1 << 20; // safe: 7 < D
      const [a, b] = [nextModel(spec, start, aggregate), nextModel(spec, start, changed)];
      expect(hashes(a)[0]).not.toEqual(hashes(b)[0]);
      if (spec.name === 'fedavg') continue;
      const forgetful = nextModel(spec, { weights: a.weights, optimizer: initOptimizer(spec, D) }, aggregate);
      expect(hashes(forgetful)[0]).not.toEqual(hashes(nextModel(spec, a, aggregate))[0]);
    }
  });

  it('changes neither the model nor the state it was given', () => {
    for (const spec of OPTIMIZERS) {
      const start: ModelState = { weights: vector(1), optimizer: initOptimizer(spec, D) };
      const before = hashes(start);
      nextModel(spec, start, vector(2));
      expect(hashes(start)).toEqual(before);
    }
  });
});

describe('blobs', () => {
  it('are named by length and chunk hashes, under their own label', () => {
    const bytes = weightsBytes(vector(3));
    expect(hashOfBlob(nativePrimitives, bytes)).toEqual(
      blobHash(nativePrimitives, bytes.length, chunkHashList(nativePrimitives, bytes)),
    );
    expect(hashOfBlob(portablePrimitives, bytes)).toEqual(hashOfBlob(nativePrimitives, bytes));
    expect(hashOfBlob(nativePrimitives, bytes.subarray(0, 262_144))).not.toEqual(hashOfBlob(nativePrimitives, bytes));
  });

  it('bytes become a vector of its own, also those of a Buffer that lies in a shared pool', () => {
    const weights = Float32Array.of(1.5, -2.25, 3e-40, -0);
    const pooled = Buffer.concat([Buffer.from([9]), Buffer.from(weightsBytes(weights))]).subarray(1);
    expect(pooled.buffer.byteLength).toBeGreaterThan(pooled.length); // it is in a pool
    const read = weightsFromBytes(pooled, 4);
    expect(read).toEqual(weights);
    pooled.fill(0);
    expect(read).toEqual(weights);
    expect(Object.is(read[3], -0)).toBe(true);
  });

  it('of a wrong length are refused', () => {
    expect(() => weightsFromBytes(new Uint8Array(15), 4)).toThrow(/SECAGG_LENGTH/);
    const adam = OPTIMIZERS[4] as OptimizerSpec;
    expect(() => optimizerFromBytes(adam, 4, 1, new Uint8Array(16))).toThrow(/2 moments of 4 float32/);
    expect(() => optimizerFromBytes(adam, 4, -1, new Uint8Array(32))).toThrow(/OPTIMIZER_SHAPE/);
    expect(optimizerHash(nativePrimitives, initOptimizer(OPTIMIZERS[0] as OptimizerSpec, 4))).toEqual(
      new Uint8Array(0),
    );
  });
});
