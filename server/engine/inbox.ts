// Inputs on their way: each chunk is checked and put where it belongs, on the thread that has received it. The home of the sum gets a complete
// input as it lies there. Synchronous. Not here: what happens to it in the home (workbench.ts), who may send when (server/uploads).
//
// Why not in the home's own thread: to hash bytes that lie in this core's cache costs the same 0.6 CPU seconds a GB, and to hand over every
// chunk costs as much again (messages, another cache, another collector). Why memory that both threads see, and that stays for the next
// round: what is handed over and back counts as allocated anew each time, and V8 searches the whole heap for every 64 MiB of that.

import { bytesEqual } from '../../protocol/crypto/bytes.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { UPLOADING_BYTES } from '../../protocol/limits.js';
import type { ChunkWork, EngineResult } from '../../protocol/secagg/jobs.js';
import { chunkHash, chunkLength } from '../../protocol/wire/chunks.js';

export type InputBytes = Uint8Array<SharedArrayBuffer>;

const OK: EngineResult = { ok: true };
const BAD_VECTOR: EngineResult = { ok: false, code: 'ROUND_BAD_VECTOR' };
/** Erased inputs that are kept for the next ones: about as many as are on their way at a time. */
const spareOf = (bytes: number): number => Math.max(4, Math.floor(UPLOADING_BYTES / bytes));

const ZEROS = Buffer.alloc(4_096);
/** By Node's own `fill`: that of V8 takes 1.4 ms for 4 MiB of shared memory, this one 0.1. */
export function eraseInput({ buffer, byteOffset, length }: InputBytes): void {
  Buffer.from(buffer, byteOffset, length).fill(ZEROS);
}

export class Inbox {
  readonly #primitives: Primitives;
  readonly #slots = new Map<string, InputBytes>();
  #spare: InputBytes[] = [];
  /** Allocated, and not collected yet. */
  #bytes = 0;
  readonly #collected = new FinalizationRegistry<number>((bytes) => {
    this.#bytes -= bytes;
  });

  constructor(primitives: Primitives) {
    this.#primitives = primitives;
  }

  /** Done with the section when it returns. */
  chunk({ section, index, bytes, hash, slot: name }: ChunkWork): EngineResult {
    if (section.length === 0 || section.length !== chunkLength(bytes, index)) return BAD_VECTOR;
    if (!bytesEqual(chunkHash(this.#primitives, section), hash)) return BAD_VECTOR;
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = this.#fresh(bytes);
      this.#slots.set(name, slot);
    }
    if (slot.length !== bytes) return BAD_VECTOR;
    slot.set(section, index * chunkLength(bytes, 0)); // the first chunk is as long as all but the last
    return OK;
  }

  /** The input as far as it has come; it is the caller's from now on. */
  take(slot: string): InputBytes | undefined {
    const bytes = this.#slots.get(slot);
    this.#slots.delete(slot);
    return bytes;
  }

  /** Of memory that is shared with the homes, with what waits for the next inputs: the process's own numbers leave it out. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Memory of an input that was taken, erased. */
  giveBack(bytes: InputBytes): void {
    if (this.#spare.length < spareOf(bytes.length)) this.#spare.push(bytes);
  }

  drop(slot: string): void {
    const bytes = this.take(slot);
    if (bytes === undefined) return;
    eraseInput(bytes);
    this.giveBack(bytes);
  }

  forget(keep: ReadonlySet<string>): void {
    for (const slot of [...this.#slots.keys()]) if (!keep.has(slot)) this.drop(slot);
  }

  /** Keeps nothing for the next inputs. */
  rest(): void {
    this.#spare = [];
  }

  held(): string[] {
    return [...this.#slots.keys()];
  }

  #fresh(bytes: number): InputBytes {
    if (this.#spare[0]?.length !== bytes) this.#spare = [];
    return this.#spare.pop() ?? this.#allocate(bytes);
  }

  #allocate(bytes: number): InputBytes {
    const buffer = new SharedArrayBuffer(bytes);
    this.#bytes += bytes;
    this.#collected.register(buffer, bytes);
    return new Uint8Array(buffer);
  }
}
