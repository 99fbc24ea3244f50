// A network without sockets: coordinators listen in it, clients connect through it, all in one process. Both sides run the code
// they run in production, down to the frames; only what carries the bytes is another. Links are ordered and reliable until they
// close; `deliver` decides when each step of a link happens, which is where delays and losses go.
// Not here: a virtual clock (issue 5), processes and real sockets (../fleet).

import { type Deliver, memoryHub } from '../../client/transport/memory.js';
import type { Transport } from '../../client/transport/transport.js';
import type { ListenerSetup, OpenListener } from '../../server/index.js';
import { MemorySocket } from './memory-socket.js';

export interface World {
  /** For `CoordinatorOptions.openListener`: each coordinator gets an address of its own, whatever it asks for. */
  readonly openListener: OpenListener;
  /** For `FederatedClientOptions.transport`. Addresses that nobody listens on refuse. */
  readonly transport: Transport;
}

/** Close code of a refused connection: nothing was ever open (RFC 6455 §7.1.5). */
const REFUSED = { code: 1006, reason: 'refused' };

/** @param deliver runs each step of a link, in order per link; absent: as soon as the running code is through */
export function createWorld(deliver?: Deliver): World {
  const hub = memoryHub(deliver);
  const listeners = new Map<string, ListenerSetup>();
  const sockets = new Set<MemorySocket>();
  let opened = 0;
  hub.accept = (peer) => {
    const setup = listeners.get(peer.url);
    if (setup === undefined || !setup.room()) return peer.close(REFUSED.code, REFUSED.reason);
    const socket = new MemorySocket(peer);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    setup.accept(socket.asWebSocket());
  };
  return {
    transport: hub.transport,
    async openListener(setup) {
      const url = `memory://${opened++}`;
      listeners.set(url, setup);
      return {
        url,
        refuseNew: () => void listeners.delete(url),
        async close() {
          listeners.delete(url);
          await Promise.all([...sockets].filter(({ url: at }) => at === url).map((socket) => socket.closed));
        },
      };
    },
  };
}
