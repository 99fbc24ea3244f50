// Sends the chunks of a computed vector for which there is credit, without filling memory: what the socket has not taken, stays with the
// engine. Not here: which chunks there are (the machine says), resume (it says so again, with those that are missing).
import { CHUNK_BYTES, UPLOAD_BUFFERED_BYTES } from '../protocol/limits.js';
import type { InputChunk } from '../protocol/wire/messages.js';
import type { ClientEngine } from './engine.js';
import type { Run } from './run.js';

export interface UploadLink {
  send(message: InputChunk): void;
  drained(bytes: number): Promise<void>;
}

/**
 * @param chunks credited; those that are sent already are left out
 * @param wanted asked before each chunk: false ends the upload (the run is over, the connection is another one)
 * @returns bytes sent; `undefined` where it was ended
 * @throws SottoError ENGINE_FAILED
 */
export async function uploadChunks(
  engine: ClientEngine,
  run: Run,
  chunks: readonly number[],
  link: UploadLink,
  wanted: () => boolean,
): Promise<number | undefined> {
  let bytes = 0;
  for (const index of chunks) {
    await link.drained(UPLOAD_BUFFERED_BYTES - CHUNK_BYTES);
    if (!wanted()) return undefined;
    if (!run.unsent.delete(index)) continue;
    const section = engine.chunk(index);
    link.send({ kind: 'inputChunk', run: run.ref, index, section });
    bytes += section.length;
  }
  return bytes;
}
