// The portable client with Node's defaults. Not here: anything it does.
import { allClauses } from '../../protocol/clauses/all.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { FederatedClient as PortableClient } from '../federated-client.js';
import type { FederatedClientOptions } from '../options.js';
import { nodeTransport } from './websocket.js';
import { workerEngine } from './worker-engine.js';

/** As in browsers, but by default over `ws`, with node:crypto, and masking large models in a worker thread. */
export class FederatedClient extends PortableClient {
  constructor(options: FederatedClientOptions) {
    super({
      ...options,
      primitives: options.primitives ?? nativePrimitives,
      rng: options.rng ?? nativeRng,
      transport: options.transport ?? nodeTransport({}, options.timers),
      engine: options.engine ?? workerEngine(),
      clauses: options.clauses ?? allClauses,
    });
  }
}
