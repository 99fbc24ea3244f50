// The scripted network over links in memory: what leaves, what does not, and when the next connection comes about.
// Not here: real clients over it (fleet.test.ts).

import { describe, expect, it, vi } from 'vitest';
import { type MemoryPeer, memoryHub } from '../../client/transport/memory.js';
import type { LinkClosed } from '../../client/transport/transport.js';
import type { ClientPhase } from '../../protocol/task.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { Message } from '../../protocol/wire/messages.js';
import { type DroppingTransport, droppingTransport } from '../../simulations/fleet/dropping.js';

const keys = (round: number): Message => ({
  kind: 'keys',
  run: { round, attempt: 1, group: 0 },
  channel: new Uint8Array(32).fill(1),
  mask: new Uint8Array(32).fill(2),
  signature: new Uint8Array(64),
});
const consistent = (round: number): Message => ({
  kind: 'consistent',
  run: { round, attempt: 1, group: 0 },
  signature: new Uint8Array(64),
});

interface Scene {
  readonly transport: DroppingTransport;
  readonly peers: MemoryPeer[];
  /** Kinds of the messages that reached the coordinator. */
  readonly arrived: string[];
  readonly cuts: [number, ClientPhase][];
  /** Connects; `closed` collects the ends of the link. */
  connect(): { link: ReturnType<DroppingTransport['connect']>; opened: () => boolean; closed: LinkClosed[] };
}
function scene(script: readonly (readonly [number, ClientPhase])[]): Scene {
  const hub = memoryHub();
  const peers: MemoryPeer[] = [];
  const arrived: string[] = [];
  const cuts: [number, ClientPhase][] = [];
  hub.accept = (peer) => {
    peers.push(peer);
    peer.onFrame = (frame) => {
      const decoded = decodeFrame(frame);
      arrived.push(decoded.ok ? decoded.message.kind : decoded.code);
    };
  };
  const transport = droppingTransport({
    inner: hub.transport,
    script: new Map(script),
    onCut: (round, phase) => cuts.push([round, phase]),
  });
  const connect = () => {
    let isOpen = false;
    const closed: LinkClosed[] = [];
    const link = transport.connect('memory', {
      opened: () => {
        isOpen = true;
      },
      frame: () => undefined,
      heard: () => undefined,
      closed: (why) => closed.push(why),
    });
    return { link, opened: () => isOpen, closed };
  };
  return { transport, peers, arrived, cuts, connect };
}
/** Lets every microtask run: links in memory deliver in microtasks. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the scripted network', () => {
  it('cuts in place of the message of the phase, closes once, and lets nothing pass behind it', async () => {
    const { connect, arrived, cuts, peers } = scene([[2, 'keys']]);
    const { link, closed } = connect();
    await settle();
    let gone = 0;
    for (const peer of peers) peer.onClose = () => gone++;
    link.send(encodeFrame(keys(1)));
    link.send(encodeFrame(keys(2)));
    link.send(encodeFrame(consistent(2)));
    await settle();
    link.send(encodeFrame(consistent(2)));
    await settle();
    expect(arrived).toEqual(['keys']);
    expect(cuts).toEqual([[2, 'keys']]);
    expect(closed).toEqual([{ code: 4900, reason: 'scripted dropout' }]);
    expect(gone).toBe(1);
  });

  it('is mute from the cut on, even while the connection below it is still closing', async () => {
    const sent: Uint8Array[] = [];
    const transport = droppingTransport({
      inner: {
        connect: () => ({
          bufferedBytes: 0,
          hearsPings: false,
          send: (frame) => void sent.push(frame),
          drained: async () => undefined,
          close: () => undefined,
        }),
      },
      script: new Map([[1, 'keys']]),
      onCut: () => undefined,
    });
    const ignore = (): void => undefined;
    const link = transport.connect('stub', { opened: ignore, frame: ignore, heard: ignore, closed: ignore });
    link.send(encodeFrame(keys(1)));
    link.send(encodeFrame(consistent(1)));
    expect(sent).toEqual([]);
  });

  it('lets no connection come about until the round is over, then every one that waits', async () => {
    const { connect, transport, peers } = scene([[2, 'keys']]);
    const first = connect();
    await settle();
    first.link.send(encodeFrame(keys(2)));
    await settle();
    const second = connect();
    await settle();
    transport.release(1);
    await settle();
    expect(second.opened()).toBe(false);
    expect(peers).toHaveLength(1);
    transport.release(2);
    await settle();
    expect(second.opened()).toBe(true);
    expect(peers).toHaveLength(2);
  });

  it('cuts a round once: its second attempt finds the client there', async () => {
    const { connect, transport, arrived } = scene([[2, 'keys']]);
    const first = connect();
    await settle();
    first.link.send(encodeFrame(keys(2)));
    transport.release(2);
    const second = connect();
    await settle();
    second.link.send(encodeFrame(keys(2)));
    await settle();
    expect(arrived).toEqual(['keys']);
  });

  it('ends a link that waits for the network when the client gives it up', async () => {
    const { connect, transport, peers } = scene([[1, 'consistency']]);
    const first = connect();
    await settle();
    first.link.send(encodeFrame(consistent(1)));
    await settle();
    const second = connect();
    second.link.close(4008, 'no answer');
    await settle();
    transport.release(1);
    await settle();
    expect(second.closed).toEqual([{ code: 4008, reason: 'no answer' }]);
    expect(peers).toHaveLength(1);
  });

  it('passes everything where nothing is scripted, frames it cannot read included', async () => {
    const { connect, arrived } = scene([]);
    const { link } = connect();
    await settle();
    link.send(encodeFrame(keys(1)));
    link.send(Uint8Array.of(1, 2, 3));
    await settle();
    expect(arrived[0]).toBe('keys');
    expect(arrived).toHaveLength(2);
  });
});

describe('a line that holds an input back', () => {
  it('delivers it and all that follows in order, after the time it was told, and nothing before', () => {
    vi.useFakeTimers();
    try {
      const hub = memoryHub((step) => step());
      const arrived: string[] = [];
      hub.accept = (peer) => {
        peer.onFrame = (frame) => {
          const decoded = decodeFrame(frame);
          arrived.push(decoded.ok ? decoded.message.kind : decoded.code);
        };
      };
      const transport = droppingTransport({
        inner: hub.transport,
        script: new Map(),
        inputDelayMs: (round) => (round === 2 ? 5_000 : 0),
        onCut: () => undefined,
      });
      const nothing = {
        opened: () => undefined,
        frame: () => undefined,
        heard: () => undefined,
        closed: () => undefined,
      };
      const link = transport.connect('memory', nothing);
      const send = (message: Message) => link.send(encodeFrame(message));
      const masked = (round: number): Message => ({
        kind: 'masked',
        run: { round, attempt: 1, group: 0 },
        chunks: new Uint8Array(32),
        bytes: 12,
        u2: [0, 1],
        signature: new Uint8Array(64),
      });
      send(masked(1));
      send(consistent(1));
      send(masked(2));
      send(consistent(2));
      vi.advanceTimersByTime(4_999);
      expect(arrived).toEqual(['masked', 'consistent']);
      vi.advanceTimersByTime(1);
      expect(arrived).toEqual(['masked', 'consistent', 'masked', 'consistent']);
    } finally {
      vi.useRealTimers();
    }
  });
});
