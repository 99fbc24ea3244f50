// Public-key operations by WebCrypto (here Node's; Chromium's in test/browser): the same answers as noble, also where verifiers are
// known to differ, and identities that cannot be read out.
import { describe, expect, it } from 'vitest';
import { FederatedClient as PortableClient } from '../../client/federated-client.js';
import { memoryGuards } from '../../client/guards.js';
import { nodeTransport } from '../../client/node/index.js';
import type { FederatedClientOptions } from '../../client/options.js';
import { generateWebIdentity, webIdentityOf, webKeys } from '../../client/web-keys.js';
import { identityOf } from '../../protocol/crypto/identity.js';
import { Secret } from '../../protocol/crypto/secret.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { inProcessEngine, startCoordinator } from '../../server/index.js';
import { compareAnswers } from '../browser/web-keys-cases.js';
import { gridUpdate, taskOf, WEAK_POLICY } from '../protocol/world.js';

describe('WebCrypto in place of a curve library', () => {
  it('answers everything as noble does: honest input, damaged, above the order, of low order, with torsion', async () => {
    const { differing, counts } = await compareAnswers();
    expect(differing).toEqual([]);
    // Each kind of answer was among them, so that agreement means something.
    for (const kind of ['verify true', 'verify false', 'agree bytes', 'agree undefined', 'sign bytes'])
      expect([kind, (counts[kind] ?? 0) > 0]).toEqual([kind, true]);
  });

  it('an identity is made with a key that nobody can read, and its signatures are genuine', async () => {
    const identity = await generateWebIdentity(nativeRng);
    if (!('privateKey' in identity)) throw new Error('this runtime has no Ed25519');
    await expect(crypto.subtle.exportKey('pkcs8', identity.privateKey)).rejects.toThrow();
    const message = nativeRng(40);
    const signature = await webKeys({ ask: 'sign', signer: identity, message });
    expect(nativePrimitives.verify(identity.publicKey, message, signature as Uint8Array)).toBe(true);
  });

  it('a stored seed gives the same identity as everywhere else; another length is refused', async () => {
    const seed = nativeRng(32);
    expect((await webIdentityOf(seed)).id).toBe(identityOf(nativePrimitives, new Secret(seed)).id);
    await expect(webIdentityOf(seed.subarray(1))).rejects.toThrow(RangeError);
  });

  it('four clients whose secrets the runtime keeps finish a round, and the sum is exact', async () => {
    const config = taskOf({ size: 4, dimension: 700 });
    const windows = Object.fromEntries(
      Object.entries(config.windows).map(([phase, { count }]) => [phase, { count, time: { min: 0, max: 20_000 } }]),
    ) as typeof config.windows;
    const coordinator = await startCoordinator({
      task: { ...config, windows },
      initialWeights: new Float32Array(config.dimension),
      identity: identityOf(nativePrimitives, new Secret(nativeRng(32))),
      listen: { host: '127.0.0.1', port: 0 },
      roster: { kind: 'open' },
      campaign: { rounds: 2, attemptsPerRound: 2, clients: { min: 4, waitMs: 3_000 }, overSelection: 1, pauseMs: 0 },
      random: () => 0.5,
      engine: inProcessEngine(),
    });
    const ended = Array.from({ length: 4 }, async (_, index) => {
      const client = new PortableClient({
        url: coordinator.url,
        coordinator: coordinator.id,
        identity: await generateWebIdentity(nativeRng),
        task: 'test',
        policy: WEAK_POLICY,
        transport: nodeTransport(),
        guards: memoryGuards(),
        trainer: {
          init: async ({ dimension }) => ({ dimension, variables: [] }),
          train: async (weights) => ({
            update: Float32Array.from(gridUpdate(weights.length, index)),
            examples: 1,
            metrics: {},
          }),
        },
      } satisfies FederatedClientOptions);
      const end = await client.run();
      return { end, weights: client.model?.weights };
    });
    await coordinator.done;
    const clients = await Promise.all(ended);
    await coordinator.stop('the test is over');
    const mean = Array.from({ length: 700 }, (_, k) =>
      Math.fround((2 * [0, 1, 2, 3].reduce((sum, i) => sum + (gridUpdate(700, i)[k] ?? Number.NaN), 0)) / 4),
    );
    for (const { end, weights } of clients) {
      expect(end).toMatchObject({ how: 'finished', contributed: 2 });
      expect([...(weights ?? [])]).toEqual(mean);
    }
  });
});
