// How pure code reads key streams without knowing whether they come at once (Node) or later (WebCrypto): it is a generator that
// asks for bytes, and a runner answers. Not here: the streams (crypto/keystream.ts, protocol/native, client/webcrypto.ts).

import type { Keystream, OpenKeystream, Prg } from '../crypto/primitives.js';

/** "The next `length` bytes of the stream of this key." Streams are told apart by the identity of the key's array. */
export interface Read {
  readonly key: Uint8Array;
  readonly length: number;
}
/** A computation that reads key streams. The bytes handed in are only lent until the next read. */
export type Streaming<T> = Generator<Read, T, Uint8Array>;

/** Runs to the end with a synchronous source. @throws TypeError if the source is asynchronous */
export function runStreaming<T>(job: Streaming<T>, prg: Prg, open: OpenKeystream): T {
  const streams = new Map<Uint8Array, Keystream>();
  let step = job.next();
  while (!step.done) {
    const bytes = streamOf(streams, step.value.key, prg, open).read(step.value.length);
    if (!(bytes instanceof Uint8Array))
      throw new TypeError('the key stream is asynchronous; use runStreamingAsync of the client');
    step = job.next(bytes);
  }
  return step.value;
}

/** The open stream of a key; opened on first use. */
export function streamOf(
  streams: Map<Uint8Array, Keystream>,
  key: Uint8Array,
  prg: Prg,
  open: OpenKeystream,
): Keystream {
  let stream = streams.get(key);
  if (stream === undefined) {
    stream = open(prg, key);
    streams.set(key, stream);
  }
  return stream;
}
