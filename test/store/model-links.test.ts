// The model chain in a log, by a coordinator that signs whatever it likes: each record that does not fit what was before it is named.
// Not here: the order of rounds (round-rules.test.ts), records that were changed behind the coordinator's back (data.test.ts).

import { describe, expect, it } from 'vitest';
import { recordToJson } from '../../protocol/audit/record-json.js';
import { hashOfBlob, weightsBytes } from '../../protocol/chain/model.js';
import { recordHash, signRecord } from '../../protocol/chain/record.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { utf8Encode } from '../../protocol/crypto/utf8.js';
import { type Hash, hashOf } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { configHash, deriveTask } from '../../protocol/task.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import { ModelLinks } from '../../server/audit/verify-chain.js';
import { taskOf } from '../protocol/tasks.js';

const identity = generateIdentity(nativePrimitives, nativeRng);
const DIMENSION = 3;
const { text } = deriveTask(taskOf({ size: 4, dimension: DIMENSION }));
const NOTHING = new Uint8Array(0);

/** A chain of models in which every weight is one number; an aggregate adds to it (fedavg with rate 1). */
class Chain {
  readonly blobs = new Map<Hash, Uint8Array>();
  readonly records: ChainRecordBody[] = [];

  #blob(bytes: Uint8Array): Uint8Array {
    const hash = hashOfBlob(nativePrimitives, bytes);
    this.blobs.set(hashOf(hash), bytes);
    return hash;
  }
  weights(value: number): Uint8Array {
    return this.#blob(weightsBytes(new Float32Array(DIMENSION).fill(value)));
  }
  reason(words: string): Uint8Array {
    return this.#blob(utf8Encode(words));
  }
  /** @param change what the coordinator lies about */
  add(record: Partial<ChainRecordBody>, change: Partial<ChainRecordBody> = {}, signer = identity): this {
    const before = this.records.at(-1);
    this.records.push(
      signRecord(nativePrimitives, signer, {
        task: 'test',
        type: 'update',
        round: before === undefined ? 0 : before.round + 1,
        attempt: 1,
        previous: before === undefined ? NOTHING : recordHash(nativePrimitives, before),
        config: new Uint8Array(configHash(nativePrimitives, text)),
        modelBefore: before?.modelAfter ?? NOTHING,
        aggregate: NOTHING,
        modelAfter: NOTHING,
        optimizerAfter: NOTHING,
        step: (before?.step ?? -1) + 1,
        transcript: NOTHING,
        clip: 0,
        fraction: 0,
        ...record,
        ...change,
      }),
    );
    return this;
  }
  genesis(change: Partial<ChainRecordBody> = {}): this {
    return this.add({ type: 'genesis', modelAfter: this.weights(0) }, change);
  }
  update(from: number, by: number, change: Partial<ChainRecordBody> = {}, signer = identity): this {
    return this.add({ aggregate: this.weights(by), modelAfter: this.weights(from + by) }, change, signer);
  }
  back(to: number, change: Partial<ChainRecordBody> = {}): this {
    const ancestor = this.records[to] as ChainRecordBody;
    const { modelAfter, step } = ancestor;
    const transcript = recordHash(nativePrimitives, ancestor);
    return this.add({ type: 'rollback', modelAfter, step, transcript, aggregate: this.reason('poisoned') }, change);
  }
}

function problems(chain: Chain, named: (record: ChainRecordBody) => Hash = nameOf) {
  const found: string[] = [];
  const links = new ModelLinks(
    nativePrimitives,
    { current: identity.publicKey },
    (hash) => chain.blobs.get(hash),
    (text) => found.push(text),
  );
  links.begin('test', text);
  for (const [at, record] of chain.records.entries()) links.take(at + 1, named(record), recordToJson(record));
  return { found, ...links.summary() };
}
const nameOf = (record: ChainRecordBody): Hash => hashOf(recordHash(nativePrimitives, record));

describe('a chain that holds', () => {
  it('updates and a roll-back in between, and training that goes on from the ancestor', () => {
    const chain = new Chain().genesis().update(0, 1).update(1, 2).back(1).update(1, 4);
    expect(problems(chain)).toMatchObject({ found: [], records: 5, recomputed: 4, rollBacks: 1, notRecomputed: 0 });
  });
});

describe('I sign a chain in which', () => {
  const other = generateIdentity(nativePrimitives, nativeRng);
  const elsewhere = new Uint8Array(32).fill(7);
  it.each<[string, () => Chain, RegExp]>([
    [
      'a model is not what its aggregate makes',
      () => {
        const chain = new Chain().genesis();
        return chain.update(0, 1, { modelAfter: chain.weights(9) });
      },
      /round 1: the model is not what its aggregate makes/,
    ],
    [
      'an optimiser remembers something',
      () => {
        const chain = new Chain().genesis();
        return chain.update(0, 1, { optimizerAfter: chain.weights(3) });
      },
      /round 1: the optimiser's state is not/,
    ],
    [
      'a record is signed by somebody else',
      () => new Chain().genesis().update(0, 1, {}, other),
      /round 1: it is not signed/,
    ],
    ['a record is of another task', () => new Chain().genesis().update(0, 1, { task: 'mine' }), /of another task/],
    [
      'the settings were others',
      () => new Chain().genesis().update(0, 1, { config: elsewhere }),
      /or of other settings/,
    ],
    ['the first record is no genesis', () => new Chain().update(0, 1), /starts with genesis/],
    ['it begins anew in the middle', () => new Chain().genesis().update(0, 1).genesis(), /starts with genesis/],
    [
      'a record follows another one',
      () => new Chain().genesis().update(0, 1, { previous: elsewhere }),
      /does not follow/,
    ],
    [
      'a record starts from another model',
      () => new Chain().genesis().update(0, 1, { modelBefore: elsewhere }),
      /starts from another model/,
    ],
    [
      'two models are of one round',
      () => new Chain().genesis().update(0, 1).update(1, 1, { round: 1 }),
      /follows round 1/,
    ],
    [
      'a roll-back has no number of its own',
      () => new Chain().genesis().update(0, 1).update(1, 1).back(1, { round: 2 }),
      /round 2: it follows round 2/,
    ],
    [
      'a roll-back takes a number from long ago',
      () => new Chain().genesis().update(0, 1).update(1, 1).back(0, { round: 1 }),
      /round 1: it follows round 2/,
    ],
    [
      'a roll-back goes to a record that nobody knows',
      () => new Chain().genesis().update(0, 1).back(0, { transcript: elsewhere }),
      /not in the log/,
    ],
    [
      'a roll-back gives another model than its ancestor had',
      () => {
        const chain = new Chain().genesis().update(0, 1);
        return chain.back(0, { modelAfter: chain.weights(8) });
      },
      /another model than that of its ancestor/,
    ],
    [
      'a roll-back winds the steps of the optimiser on',
      () => new Chain().genesis().update(0, 1).back(0, { step: 5 }),
      /another model than that of its ancestor/,
    ],
    [
      'a roll-back remembers what its ancestor did not',
      () => {
        const chain = new Chain().genesis().update(0, 1);
        return chain.back(0, { optimizerAfter: chain.weights(3) });
      },
      /another model than that of its ancestor/,
    ],
    [
      'the reason of a roll-back was another',
      () => {
        const chain = new Chain().genesis().update(0, 1).back(0);
        const reason = hashOf((chain.records[2] as ChainRecordBody).aggregate);
        chain.blobs.set(reason, utf8Encode('a better one'));
        return chain;
      },
      /the bytes of its reason/,
    ],
  ])('%s: it is named', (_, chainOf, says) => {
    expect(problems(chainOf()).found).toContainEqual(expect.stringMatching(says));
  });

  it('an aggregate is of another length: it is named, and so is what comes after it', () => {
    const chain = new Chain().genesis();
    const bytes = weightsBytes(new Float32Array(DIMENSION + 1));
    const aggregate = hashOfBlob(nativePrimitives, bytes);
    chain.blobs.set(hashOf(aggregate), bytes);
    chain.update(0, 1, { aggregate }).update(1, 1, { previous: elsewhere });
    expect(problems(chain).found).toEqual([
      expect.stringMatching(/^event 2, model of round 1: SECAGG_LENGTH/),
      expect.stringMatching(/^event 3, model of round 2: it does not follow/),
    ]);
  });
  it('a record has the name of another: it is named', () => {
    const { found } = problems(new Chain().genesis().update(0, 1), () => '0'.repeat(64) as Hash);
    expect(found[0]).toMatch(/round 0: its hash is another one/);
  });
  it('a record is none: it is named', () => {
    const found: string[] = [];
    const links = new ModelLinks(
      nativePrimitives,
      { current: identity.publicKey },
      () => undefined,
      (text) => found.push(text),
    );
    links.begin('test', text);
    links.take(4, '0'.repeat(64) as Hash, { type: 'update', round: 'one' });
    expect(found).toEqual(['event 4: this is no record of a model chain']);
  });
});
