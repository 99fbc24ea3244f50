// The sending side of the upload bar: real clients over real sockets whose inputs are computed before the clock starts, and the same
// bytes over bare websockets and bare TCP. Not a test.

import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { inlineEngine } from '../../../client/engine.js';
import { FederatedClient, memoryGuards } from '../../../client/node/index.js';
import { nodeTransport } from '../../../client/node/websocket.js';
import type { Link, Transport } from '../../../client/transport/transport.js';
import { CHUNK_BYTES } from '../../../protocol/limits.js';
import { nativeKernels, nativeKeystream, nativePrimitives } from '../../../protocol/native/index.js';
import { TYPE_BYTES } from '../../../protocol/wire/types.js';
import { WEAK_POLICY } from '../../protocol/tasks.js';
import { generator } from '../random.js';
import { identityNumber, STEP, type UploadPlan } from './setting.js';

export type ToFleet =
  | { readonly type: 'plan'; readonly plan: UploadPlan; readonly url: string; readonly inputBytes: number }
  /** Inputs that are ready may go. */
  | { readonly type: 'go' }
  | { readonly type: 'bare'; readonly over: 'ws' | 'tcp'; readonly port: number; readonly lines: number };
export type FromFleet =
  /** Everybody's input of this round is computed and waits. */
  | { readonly type: 'computed'; readonly round: number }
  /** Every input has come whole. */
  | { readonly type: 'bare done' }
  | { readonly type: 'cuts'; readonly count: number }
  | { readonly type: 'failed'; readonly text: string };

const tell = (message: FromFleet): void => {
  if (process.connected) process.send?.(message);
};
process.once('disconnect', () => process.exit(0));
process.on('message', (message: ToFleet) => {
  if (message.type === 'plan') new Fleet(message.plan, message.url, message.inputBytes);
  if (message.type === 'bare') void bare(message.over, message.port, message.lines, planned);
});
let planned = { inputs: 0, inputBytes: 0 };

class Fleet {
  readonly #plan: UploadPlan;
  readonly #random: () => number;
  /** By round: who waits with a computed input. */
  readonly #waiting: (() => void)[] = [];
  #round = 0;
  #cuts = 0;

  constructor(plan: UploadPlan, url: string, inputBytes: number) {
    this.#plan = plan;
    this.#random = generator(plan.seed);
    planned = { inputs: plan.clients, inputBytes };
    process.on('message', (message: ToFleet) => {
      if (message.type === 'go') for (const go of this.#waiting.splice(0)) go();
    });
    for (let i = 0; i < plan.clients; i++) this.#start(i, url);
  }

  #start(index: number, url: string): void {
    const { seed } = this.#plan;
    const tools = { primitives: nativePrimitives, kernels: nativeKernels(), openKeystream: nativeKeystream };
    const engine = inlineEngine(tools);
    const client = new FederatedClient({
      url,
      identity: identityNumber(seed, index),
      coordinator: identityNumber(seed, -1).id,
      task: 'uploads',
      policy: { ...WEAK_POLICY, maxRounds: 1_000_000 },
      trainer: {
        init: async ({ dimension }) => ({ dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] }),
        train: async (weights) => {
          const update = new Float32Array(weights.length);
          update[index] = STEP;
          return { update, examples: 1, metrics: {} };
        },
      },
      guards: memoryGuards(),
      engine: {
        ...engine,
        run: async (work, update) => {
          const result = await engine.run(work, update);
          await this.#gate();
          return result;
        },
      },
      transport: this.#cutting(nodeTransport()),
      reconnect: { minMs: 20, maxMs: 200 },
    });
    client.on('guard', ({ code, text }) => tell({ type: 'failed', text: `client ${index}: ${code} ${text}` }));
    client.run().then(
      ({ how }) => how !== 'finished' && tell({ type: 'failed', text: `client ${index} ${how}` }),
      (error: unknown) => tell({ type: 'failed', text: `client ${index}: ${String(error)}` }),
    );
  }

  /** Holds what is computed until everybody has. */
  #gate(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === this.#plan.clients) tell({ type: 'computed', round: ++this.#round });
    });
  }

  /** In the last rounds every other line is cut after one of its chunks, but never the last: that would be a loss after R3. */
  #cutting(transport: Transport): Transport {
    return {
      connect: (url, handlers) => {
        const link: Link = transport.connect(url, handlers);
        const chunks = Math.ceil((4 * this.#plan.dimension) / CHUNK_BYTES);
        const draw = (): number =>
          this.#round > this.#plan.rounds && this.#random() < 0.5 ? Math.ceil(this.#random() * (chunks - 1)) : -1;
        let left = draw();
        let round = this.#round;
        return {
          get bufferedBytes() {
            return link.bufferedBytes;
          },
          hearsPings: link.hearsPings,
          drained: (bytes) => link.drained(bytes),
          close: (code, reason) => link.close(code, reason),
          send: (frame) => {
            link.send(frame);
            if (frame[5] !== TYPE_BYTES.inputChunk) return;
            if (this.#round !== round) {
              round = this.#round;
              left = draw();
            }
            if (--left !== 0) return;
            tell({ type: 'cuts', count: ++this.#cuts });
            link.close(4000, 'cut');
          },
        };
      },
    };
  }
}

/** As many inputs over `lines` connections, each in pieces of a chunk, the next one when one has come whole. */
async function bare(
  over: 'ws' | 'tcp',
  port: number,
  lines: number,
  { inputs, inputBytes }: { readonly inputs: number; readonly inputBytes: number },
): Promise<void> {
  let begun = 0;
  const piece = new Uint8Array(CHUNK_BYTES).fill(7);
  const pieces = inputBytes / CHUNK_BYTES;
  const line = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = over === 'ws' ? new WebSocket(`ws://127.0.0.1:${port}`) : connect(port, '127.0.0.1');
      const next = (): void => {
        if (begun++ >= inputs) {
          if (socket instanceof WebSocket) socket.close();
          else socket.end();
          resolve();
          return;
        }
        for (let n = 0; n < pieces; n++) socket instanceof WebSocket ? socket.send(piece) : socket.write(piece);
      };
      socket.on('error', reject);
      socket.on(over === 'ws' ? 'open' : 'connect', next);
      socket.on(over === 'ws' ? 'message' : 'data', next);
    });
  try {
    await Promise.all(Array.from({ length: lines }, line));
    tell({ type: 'bare done' });
  } catch (error) {
    tell({ type: 'failed', text: String(error) });
  }
}
