// The heavy vector work of a round as data: what the machines ask for and a driver runs, in a worker with native crypto where
// there is one. Vectors live with the driver under slot names; the machines hold names, hashes and counts only.
// Not here: the arithmetic (encode.ts, mask.ts, unmask.ts), who runs it (server/engine, client/engine).

import type { Prg } from '../crypto/primitives.js';
import type { Rank } from '../ids.js';
import type { IntegerNoise } from '../privacy/spec.js';

/** Bits of the ring Z/2^ρ in which masked inputs live; the wire carries ρ/8 bytes a coordinate. */
export type Ring = 16 | 24 | 32;

/** How an update becomes integers. Derived from the signed task (task.ts), never configured by hand. */
export interface Encoding {
  /** Coordinates of the update, d. */
  readonly dimension: number;
  readonly clipNorm: number;
  readonly range: number;
  /** L: levels are −L…L. */
  readonly levels: number;
  readonly ring: Ring;
  /** A weighted task sends one more coordinate, the weight on the grid 0…L, and w·x in the others. */
  readonly weighted: boolean;
  /** How the norm is held exactly, and what is added after opening. Absent where the task has no differential privacy of clients. */
  readonly mechanism?: Mechanism;
}

/** Of one round. Everything in grid steps; `range` is the clipping norm and `levels` the grid steps in it. */
export interface Mechanism {
  /** Of the streams below. */
  readonly prg: Prg;
  /** ⌊Δ₂²⌋: no rounded update is longer. */
  readonly maxSquare: number;
  /** Of the public stream of signs. */
  readonly rotationKey: 'none' | Uint8Array;
  /** ½ of the bit of adaptive clipping, the last coordinate; 0 where there is none. */
  readonly bitSteps: number;
  /** Of the noise that the coordinator adds to an opened sum; 0 where clients add theirs. */
  readonly centralVariance: number;
}

/** One client's share of the noise in one sum. */
export interface NoiseDraw {
  /** What the coordinates of the update get; the bit's is discrete Gaussian. */
  readonly from: IntegerNoise;
  /** σ_l², a whole number. */
  readonly variance: number;
  /** Of the bit's coordinate; 0 where there is none. */
  readonly bitVariance: number;
  /** 32 bytes of a CSPRNG, for this input alone. */
  readonly key: Uint8Array;
}

/** One pairwise mask: +PRG(key) for a peer of higher rank, − for a lower one (protocol.md §5). */
export interface PairMask {
  readonly key: Uint8Array;
  readonly sign: 1 | -1;
}

// ---- client ----------------------------------------------------------------------------------------------------------
/** Encode the update in the trainer's slot (clip, weigh, round), add all masks, pack, cut into chunks, hash them. The update is gone afterwards. */
export interface MaskWork {
  readonly type: 'mask';
  readonly encoding: Encoding;
  readonly prg: Prg;
  /** 0 < w ≤ 1; 1 where the task is not weighted. */
  readonly weight: number;
  /** 32 bytes that seed the stochastic rounding (PRG of the suite, one 32-bit word a coordinate). From the CSPRNG; from a seed in simulation only. */
  readonly roundingKey: Uint8Array;
  /** Absent where the task has no distributed noise. */
  readonly noise?: NoiseDraw;
  readonly selfKey: Uint8Array;
  readonly pairs: readonly PairMask[];
}
/** Profile `open`: clip only, float32 bytes, chunks, hashes. */
export interface PlainWork {
  readonly type: 'plain';
  readonly encoding: Encoding;
}
/** R4: A·q of the update that was masked with `mask`, and A·m of each of its pair masks, as they travel. The update is still the trainer's. */
export interface SketchWork {
  readonly type: 'sketch';
  /** As it was run for this input: the same keys give the same q and the same masks. */
  readonly mask: MaskWork;
  /** Seeds A (sketch/matrix.ts). */
  readonly matrixKey: Uint8Array;
  readonly rows: number;
}
export type ClientWork = MaskWork | PlainWork;
export type ClientWorkResult =
  /** `bytes` in all, `chunks`: SHA-256 of each chunk back to back. The vector stays with the driver, ready to upload by index. */
  | { readonly ok: true; readonly bytes: number; readonly chunks: Uint8Array }
  | { readonly ok: false; readonly code: 'SECAGG_NON_FINITE' | 'SECAGG_LENGTH' };

// ---- coordinator -----------------------------------------------------------------------------------------------------
/** Keep one chunk of a client's input if its SHA-256 is `hash`. `section` may be a view into the receive buffer: copy it. */
export interface ChunkWork {
  readonly type: 'chunk';
  readonly slot: string;
  readonly bytes: number;
  readonly index: number;
  readonly section: Uint8Array;
  readonly hash: Uint8Array;
}
/** Add a complete masked input to the group's accumulator (mod 2^ρ) and free the slot. */
export interface FoldWork {
  readonly type: 'fold';
  readonly slot: string;
  readonly accumulator: string;
  readonly encoding: Encoding;
}
/** A plain update (profile `open`) is complete: check that all values are finite, keep it as a row. */
export interface KeepWork {
  readonly type: 'keep';
  readonly slot: string;
  readonly encoding: Encoding;
}
/** Drop a slot or accumulator. */
export interface DropWork {
  readonly type: 'drop';
  readonly slot: string;
}
/** A dropped member's mask secret with the survivors whose masks with it must come off. */
export interface DroppedSecret {
  readonly rank: Rank;
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly survivors: readonly { readonly rank: Rank; readonly publicKey: Uint8Array }[];
}
/** Take self masks of U4 and left-over pair masks of U2∖U3 off the accumulator. Agreements are done by the worker as well. */
export interface UnmaskWork {
  readonly type: 'unmask';
  readonly accumulator: string;
  readonly encoding: Encoding;
  readonly prg: Prg;
  readonly gctx: Uint8Array;
  readonly selfSecrets: readonly { readonly rank: Rank; readonly secret: Uint8Array }[];
  readonly dropped: readonly DroppedSecret[];
}
/** A·y of a complete input that stays in its slot. Answers with k words. */
export interface ProjectWork {
  readonly type: 'project';
  readonly slot: string;
  readonly encoding: Encoding;
  readonly prg: Prg;
  readonly matrixKey: Uint8Array;
  readonly rows: number;
}
/** After `unmask`: what the claimed sketches are checked against. Answers with k words each: A·PRG(b_i) per self secret, A·m per dropped member and survivor, A·sum. */
export interface AuditWork {
  readonly type: 'audit';
  readonly unmask: UnmaskWork;
  readonly matrixKey: Uint8Array;
  readonly rows: number;
}
export type EngineWork = ChunkWork | FoldWork | KeepWork | DropWork | UnmaskWork | ProjectWork | AuditWork;
export type EngineResult =
  | { readonly ok: true; readonly values?: Uint32Array }
  /** The sender's fault: `ROUND_BAD_VECTOR`. Ours: `ENGINE_FAILED`. */
  | { readonly ok: false; readonly code: 'ROUND_BAD_VECTOR' | 'ENGINE_FAILED' };
