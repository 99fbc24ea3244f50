// A transport without sockets: two ends in one process. Tests script the coordinator's end; simulations put a virtual clock
// and faults in `deliver`. Not here: loss or reordering by itself; a link is ordered and reliable until it closes.
import type { Link, LinkClosed, LinkHandlers, Transport } from './transport.js';

/** Carries one step of a link from one end to the other: calls `run` later, in order per `link`. Default: a microtask. */
export type Deliver = (run: () => void, link: number, bytes: number) => void;

/** The coordinator's end. `onFrame` and `onClose` are set by whoever accepts. */
export interface MemoryPeer {
  readonly url: string;
  send(frame: Uint8Array): void;
  close(code: number, reason: string): void;
  onFrame: (frame: Uint8Array) => void;
  onClose: (why: LinkClosed) => void;
}

export interface MemoryHub {
  readonly transport: Transport;
  /** Who answers connections; `undefined`: they are refused. */
  accept: ((peer: MemoryPeer) => void) | undefined;
}

export function memoryHub(deliver: Deliver = (run) => queueMicrotask(run)): MemoryHub {
  let links = 0;
  const hub: MemoryHub = {
    accept: undefined,
    transport: {
      connect(url, handlers) {
        return join(url, handlers, hub, deliver, links++);
      },
    },
  };
  return hub;
}

function join(url: string, handlers: LinkHandlers, hub: MemoryHub, deliver: Deliver, id: number): Link {
  let buffered = 0;
  let state: 'connecting' | 'open' | 'closed' = 'connecting';
  let waiting: { bytes: number; resolve: () => void }[] = [];
  const wake = (): void => {
    waiting = waiting.filter(({ bytes, resolve }) => {
      const ready = state === 'closed' || buffered <= bytes;
      if (ready) resolve();
      return !ready;
    });
  };
  const end = (why: LinkClosed): void => {
    if (state === 'closed') return;
    const accepted = state === 'open';
    state = 'closed';
    wake();
    handlers.closed(why);
    if (accepted) peer.onClose(why);
  };
  const peer: MemoryPeer = {
    url,
    // Both ends copy: an array in flight must not be shared, or one end could change what the other reads.
    send(frame) {
      const bytes = frame.slice();
      deliver(() => state === 'open' && handlers.frame(bytes), id, bytes.length);
    },
    close: (code, reason) => deliver(() => end({ code, reason }), id, 0),
    onFrame: () => undefined,
    onClose: () => undefined,
  };
  deliver(
    () => {
      if (state === 'closed') return;
      if (hub.accept === undefined) return end({ code: 1006, reason: 'refused' });
      state = 'open';
      hub.accept(peer);
      handlers.opened();
    },
    id,
    0,
  );
  return {
    get bufferedBytes() {
      return buffered;
    },
    hearsPings: false,
    send(frame) {
      if (state !== 'open') return;
      const bytes = frame.slice();
      buffered += bytes.length;
      deliver(
        () => {
          buffered -= bytes.length;
          wake();
          if (state === 'open') peer.onFrame(bytes);
        },
        id,
        bytes.length,
      );
    },
    drained: (bytes) =>
      new Promise((resolve) => {
        waiting.push({ bytes, resolve });
        wake();
      }),
    close: (code, reason) => deliver(() => end({ code, reason }), id, 0),
  };
}
