// Sends blobs to one client: chunk by chunk, never more than MAX_UNSENT_BYTES ahead of what the connection takes. The frames of a
// blob are encoded once and shared by all clients. Not here: which blobs there are (store.ts), cutting slow readers (driver/).

import { MAX_UNSENT_BYTES, MAX_WANTED_BLOBS } from '../../protocol/limits.js';
import { splitChunks } from '../../protocol/wire/chunks.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import type { Blob } from '../engine/types.js';

/** The part of a connection that is needed here. */
export interface Outlet {
  /** Bytes handed over and not yet gone. */
  readonly unsentBytes: number;
  /** @param sent called when these bytes have left, not when the connection is lost */
  sendFrame(frame: Uint8Array, sent: () => void): void;
}

const cache = new WeakMap<Blob, readonly Uint8Array[]>();

/** The frames of a blob: head, then chunks. The same arrays for every caller. */
export function framesOf(blob: Blob): readonly Uint8Array[] {
  const known = cache.get(blob);
  if (known !== undefined) return known;
  const frames = [
    encodeFrame({ kind: 'blobHead', blob: blob.hash, bytes: blob.bytes.length, chunks: blob.chunks }),
    ...splitChunks(blob.bytes).map((section, index) =>
      encodeFrame({ kind: 'blobChunk', blob: blob.hash, index, section }),
    ),
  ];
  cache.set(blob, frames);
  return frames;
}

export class BlobSender {
  readonly #outlet: Outlet;
  readonly #queue: { readonly frames: readonly Uint8Array[]; next: number }[] = [];

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  /** `false` where the client has asked for more than it has taken: it has to wait for what is on its way. */
  want(blob: Blob): boolean {
    if (this.#queue.length >= MAX_WANTED_BLOBS) return false;
    this.#queue.push({ frames: framesOf(blob), next: 0 });
    this.#pump();
    return true;
  }

  #pump(): void {
    for (let job = this.#queue[0]; job !== undefined; job = this.#queue[0]) {
      const frame = job.frames[job.next];
      if (frame === undefined) {
        this.#queue.shift();
        continue;
      }
      if (this.#outlet.unsentBytes > 0 && this.#outlet.unsentBytes + frame.length > MAX_UNSENT_BYTES) return;
      job.next++;
      this.#outlet.sendFrame(frame, () => this.#pump());
    }
  }
}
