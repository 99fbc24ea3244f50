// The client core where there is next to nothing, as in React Native or a small engine: one bundle, in a context without Node, DOM,
// WebCrypto, WebAssembly or import(). Only what docs/embedding.md names is put there. Training is one line.
import { createContext, Script } from 'node:vm';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import WebSocket from 'ws';
import { FederatedClient, memoryGuards } from '../../client/node/index.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { inProcessEngine, startCoordinator } from '../../server/index.js';
import { taskOf, WEAK_POLICY } from '../protocol/world.js';

const CORE = './index.js';
const APP = `
import { FederatedClient, generateWebIdentity, memoryGuards, webRng } from '${CORE}';
export const start = async (given) => {
  const identity = await generateWebIdentity(webRng);
  const policy = JSON.parse(given.policy);
  const trainer = { init: async ({ dimension }) => ({ dimension, variables: [] }),
    train: async (weights) => ({ update: weights.map(() => 1), examples: 1, metrics: {} }) };
  const client = new FederatedClient({ ...given, policy, identity, guards: memoryGuards(), trainer });
  client.on('error', (error) => given.tell(error.message));
  client.on('guard', ({ text }) => given.tell(text));
  const { how, contributed } = await client.run();
  return [how, contributed, 'seed' in identity, Math.round(client.model.weights[0])].join(' ');
};`;

it('joins Node clients in two rounds in a context that has WebSocket, random values, a clock and timers, and nothing else', async () => {
  const { outputFiles } = await build({
    stdin: { contents: APP, resolveDir: 'dist/client', loader: 'js' },
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'app',
    logLevel: 'silent',
  });
  const context = createContext({
    // A socket's frames must be arrays of the context's own realm, as they would be in any real one.
    crypto: { getRandomValues: (array: Uint8Array) => array.set(nativeRng(array.length)) },
    performance: { now: () => performance.now() },
    setTimeout,
    clearTimeout,
    queueMicrotask,
    AbortController,
  });
  const realm = new Script('({ ArrayBuffer, Uint8Array })').runInContext(context) as typeof globalThis;
  (context as { WebSocket?: unknown }).WebSocket = function open(url: string, protocol: string) {
    const socket = new WebSocket(url, protocol, { perMessageDeflate: false });
    let listener: ((event: { data: unknown }) => void) | undefined;
    socket.onmessage = ({ data }) =>
      listener?.({ data: realm.Uint8Array.from(new Uint8Array(data as ArrayBuffer)).buffer });
    Object.defineProperty(socket, 'onmessage', {
      set: (next) => {
        listener = next;
      },
    });
    return socket;
  };

  const config = taskOf({ size: 4, dimension: 50 });
  const windows = Object.fromEntries(
    Object.entries(config.windows).map(([phase, { count }]) => [phase, { count, time: { min: 0, max: 20_000 } }]),
  ) as typeof config.windows;
  const coordinator = await startCoordinator({
    task: { ...config, windows },
    initialWeights: new Float32Array(config.dimension),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: { rounds: 2, attemptsPerRound: 1, clients: { min: 4, waitMs: 20_000 }, overSelection: 1, pauseMs: 0 },
    random: () => 0.5,
    engine: inProcessEngine(),
  });
  const given = { url: coordinator.url, coordinator: coordinator.id, task: 'test' };
  const others = [1, 2, 3].map(() =>
    new FederatedClient({
      ...given,
      identity: generateIdentity(nativePrimitives, nativeRng),
      policy: WEAK_POLICY,
      guards: memoryGuards(),
      trainer: {
        init: async ({ dimension }) => ({ dimension, variables: [] }),
        train: async (weights) => ({ update: weights.map(() => 1), examples: 1, metrics: {} }),
      },
    }).run(),
  );
  new Script(outputFiles[0]?.text ?? '').runInContext(context);
  const { start } = (context as unknown as { app: { start(given: object): Promise<string> } }).app;
  const told: string[] = [];
  const bare = start({ ...given, policy: JSON.stringify(WEAK_POLICY), tell: (text: string) => told.push(text) });
  const { rounds } = await coordinator.done;
  expect(told).toEqual([]);
  expect(rounds.map(({ outcome, survivors }) => [outcome.type, survivors.length])).toEqual([
    ['committed', 4],
    ['committed', 4],
  ]);
  // No WebCrypto there, so the identity is a seed, and curves and key streams were noble's.
  expect(await bare).toMatch(/^finished 2 /);
  await Promise.all(others);
  await coordinator.stop('the test is over');
}, 60_000);
