// The live feed: frames of rows for whoever watches, at most four a second, as server-sent events. A watcher holds no queue of its own:
// when it has taken its frame it gets whatever has changed since, so a slow one sees fewer steps and costs no memory; one that takes
// nothing for half a minute is cut off and resumes by Last-Event-ID. Not here: the rows (board.ts), who may watch (http/).

import { FEED_MS, FEED_STALLED_MS, MAX_WATCHERS } from '../../protocol/limits.js';
import type { Clock } from '../driver/clock.js';
import type { Table } from './table.js';

interface Watcher {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** The version it knows; −1: nothing. */
  at: number;
  tookAt: number;
  beatAt: number;
}

/** Without traffic a proxy takes a connection for dead. */
const BEAT_MS = 15_000;
const encoder = new TextEncoder();

export interface FeedSetup {
  readonly table: Table;
  readonly clock: Clock;
  /** Names this process: versions of another one mean nothing here. */
  readonly epoch: string;
  /** Called before each look at the table. */
  readonly refresh: () => void;
}

export class Feed {
  readonly #setup: FeedSetup;
  readonly #watchers = new Set<Watcher>();
  /** Frames of this tick by the version they start from: watchers that are up to date share one. */
  readonly #frames = new Map<number, Uint8Array>();
  #cancel: () => void = () => {};
  #closed = false;

  constructor(setup: FeedSetup) {
    this.#setup = setup;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** @param lastEventId of the watcher before it was cut off @returns `undefined`: there are too many already */
  open(lastEventId: string | undefined): ReadableStream<Uint8Array> | undefined {
    if (this.#closed || this.#watchers.size >= MAX_WATCHERS) return undefined;
    let watcher: Watcher;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          const now = this.#setup.clock.now();
          watcher = { controller, at: this.#resumeAt(lastEventId), tookAt: now, beatAt: now };
          this.#watchers.add(watcher);
          controller.enqueue(encoder.encode('retry: 1000\n\n'));
          if (this.#watchers.size === 1) this.#schedule(0);
        },
        pull: () => {
          watcher.tookAt = this.#setup.clock.now();
        },
        cancel: () => void this.#watchers.delete(watcher),
      },
      // One frame at a time: it is not even made before the last one is taken.
      { highWaterMark: 1 },
    );
  }

  /** Everybody is told that it is over, and comes back after a while. */
  close(): void {
    this.#closed = true;
    this.#cancel();
    for (const watcher of this.#watchers) end(watcher);
    this.#watchers.clear();
  }

  #resumeAt(id: string | undefined): number {
    const [epoch, version] = (id ?? '').split(':');
    const at = Number(version);
    return epoch === this.#setup.epoch && Number.isSafeInteger(at) && at >= 0 && at <= this.#setup.table.version
      ? at
      : -1;
  }

  #schedule(ms: number): void {
    this.#cancel();
    const { clock } = this.#setup;
    this.#cancel = clock.at(clock.now() + ms, () => this.#tick());
  }

  #tick(): void {
    if (this.#watchers.size === 0) return;
    const { clock, refresh } = this.#setup;
    refresh();
    this.#frames.clear();
    const now = clock.now();
    for (const watcher of [...this.#watchers]) this.#serve(watcher, now);
    if (this.#watchers.size > 0) this.#schedule(FEED_MS);
  }

  #serve(watcher: Watcher, now: number): void {
    const { table } = this.#setup;
    if ((watcher.controller.desiredSize ?? 0) <= 0) {
      if (now - watcher.tookAt < FEED_STALLED_MS) return;
      this.#watchers.delete(watcher);
      watcher.controller.error(new Error('a watcher took nothing and was cut off'));
      return;
    }
    if (watcher.at < table.version) {
      watcher.controller.enqueue(this.#frame(watcher.at));
      watcher.at = table.version;
      watcher.beatAt = now;
    } else if (now - watcher.beatAt >= BEAT_MS) {
      watcher.controller.enqueue(encoder.encode(':\n\n'));
      watcher.beatAt = now;
    }
  }

  #frame(from: number): Uint8Array {
    const made = this.#frames.get(from);
    if (made !== undefined) return made;
    const { table, epoch } = this.#setup;
    const delta = from < 0 ? undefined : table.since(from);
    const name = delta === undefined ? 'snapshot' : 'delta';
    const data = JSON.stringify(delta ?? table.everything());
    const frame = encoder.encode(`id: ${epoch}:${table.version}\nevent: ${name}\ndata: ${data}\n\n`);
    this.#frames.set(from, frame);
    return frame;
  }
}

function end({ controller }: Watcher): void {
  try {
    controller.close();
  } catch {
    // It went away by itself in this moment.
  }
}
