// The engine of the in-memory world: vectors under slot names, one job after the other, in this thread. Not the coordinator's
// (server/engine); written apart from it, so that both are checked. Runtime-neutral: what it computes with is handed in.

import type { OpenKeystream, Prg, Primitives } from '../../protocol/crypto/primitives.js';
import { toHex } from '../../protocol/ids.js';
import type { Kernels } from '../../protocol/kernels/kernels.js';
import type { Words } from '../../protocol/secagg/encode.js';
import type { Encoding, EngineResult, EngineWork } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { foldInput, newAccumulator } from '../../protocol/secagg/mask.js';
import { unmaskSum } from '../../protocol/secagg/unmask.js';
import type { SketchMatrix } from '../../protocol/sketch/matrix.js';
import { openProjector, type Projector } from '../../protocol/sketch/project.js';
import { auditSum, openMatrix, projectInput } from '../../protocol/sketch/work.js';

export class MemoryEngine {
  readonly sums = new Map<string, Words>();
  readonly rows = new Map<string, Float32Array>();
  /** Every input that was folded, as it came over the wire: what a curious coordinator could have kept. */
  readonly inputs = new Map<string, Uint8Array>();
  /** Chunks of inputs that are not complete. */
  readonly slots = new Map<string, Map<number, Uint8Array>>();
  readonly #primitives: Primitives;
  readonly #open: OpenKeystream;
  readonly #kernels: Kernels;

  constructor(primitives: Primitives, open: OpenKeystream, kernels: Kernels) {
    this.#primitives = primitives;
    this.#open = open;
    this.#kernels = kernels;
  }

  run(work: EngineWork): EngineResult {
    switch (work.type) {
      case 'chunk': {
        const fits = this.#primitives.sha256(work.section).every((byte, i) => byte === work.hash[i]);
        if (!fits) return { ok: false, code: 'ROUND_BAD_VECTOR' };
        const slot = this.slots.get(work.slot) ?? new Map();
        this.slots.set(work.slot, slot.set(work.index, new Uint8Array(work.section)));
        return { ok: true };
      }
      case 'fold': {
        const bytes = this.#whole(work.slot);
        this.inputs.set(work.slot, bytes);
        const sum = this.sums.get(work.accumulator) ?? newAccumulator(work.encoding);
        foldInput(sum, bytes, work.encoding, this.#kernels);
        this.sums.set(work.accumulator, sum);
        return { ok: true };
      }
      case 'keep': {
        const row = new Float32Array(this.#whole(work.slot).buffer);
        if (!row.every(Number.isFinite)) return { ok: false, code: 'ROUND_BAD_VECTOR' };
        this.rows.set(work.slot, row);
        return { ok: true };
      }
      case 'drop':
        this.slots.delete(work.slot);
        this.sums.delete(work.slot);
        this.rows.delete(work.slot);
        return { ok: true };
      case 'unmask':
        runStreaming(
          unmaskSum(work, this.sums.get(work.accumulator) as Words, this.#primitives, this.#kernels),
          work.prg,
          this.#open,
        );
        return { ok: true };
      case 'project': {
        const projector = this.#projector(work.matrixKey, work.rows, work.encoding, work.prg);
        const bytes = this.#whole(work.slot, true);
        return { ok: true, values: projectInput(projector, work, bytes, this.#kernels) };
      }
      case 'audit': {
        const { encoding, prg, accumulator } = work.unmask;
        const projector = this.#projector(work.matrixKey, work.rows, encoding, prg);
        const sum = this.sums.get(accumulator) as Words;
        return { ok: true, values: runStreaming(auditSum(work, sum, projector, this.#primitives), prg, this.#open) };
      }
      default:
        return work satisfies never;
    }
  }

  forget(keepAccumulators: boolean): void {
    if (!keepAccumulators) {
      this.sums.clear();
      this.rows.clear();
    }
    this.slots.clear();
  }

  #matrix: { readonly key: string; readonly projector: Projector } | undefined;
  #projector(key: Uint8Array, rows: number, encoding: Encoding, prg: Prg): Projector {
    const make = (matrix: SketchMatrix) => openProjector(WebAssembly, matrix);
    if (this.#matrix?.key !== toHex(key))
      this.#matrix = {
        key: toHex(key),
        projector: runStreaming(openMatrix(key, rows, encoding, make), prg, this.#open),
      };
    return this.#matrix.projector;
  }

  #whole(slot: string, keep = false): Uint8Array<ArrayBuffer> {
    const pieces = [...(this.slots.get(slot) ?? [])].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
    if (!keep) this.slots.delete(slot);
    const out = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
    let at = 0;
    for (const piece of pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }
}
