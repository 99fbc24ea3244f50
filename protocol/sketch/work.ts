// The three pieces of heavy work of verified sketches, as generators over key streams: a client's section, the projection of an
// input, the audit of an opened sum. Not here: what is asked when (participant/sketch.ts, round/phases/sketch.ts), who runs it.

import type { Primitives } from '../crypto/primitives.js';
import { SottoError } from '../errors.js';
import type { Kernels } from '../kernels/kernels.js';
import { encodedLength, type Words } from '../secagg/encode.js';
import type { AuditWork, Encoding, ProjectWork, SketchWork } from '../secagg/jobs.js';
import { pairMaskKey, selfMaskKey } from '../secagg/keys.js';
import type { Streaming } from '../secagg/keystreams.js';
import { encodeInput } from '../secagg/noised.js';
import { expandMatrix, type SketchMatrix } from './matrix.js';
import { type Projector, project, projectStream } from './project.js';

export { openProjector } from './project.js';

export type MakeProjector = (matrix: SketchMatrix) => Projector;
const widthOf = ({ ring }: Encoding): 2 | 4 => (ring === 16 ? 2 : 4);

/** A, ready to be applied. */
export function* openMatrix(
  key: Uint8Array,
  rows: number,
  encoding: Encoding,
  make: MakeProjector,
): Streaming<Projector> {
  return make(yield* expandMatrix(key, rows, encodedLength(encoding)));
}

/**
 * The section of a client's R4 message: v = A·q, then p_ij = A·m_ij for its pairs in their order; k little-endian words each.
 * @param update the same values that were masked; not changed
 * @throws SottoError SECAGG_LENGTH, SECAGG_NON_FINITE
 */
export function* sketchSection(
  work: SketchWork,
  update: Float32Array,
  make: MakeProjector,
): Streaming<Uint8Array<ArrayBuffer>> {
  const { encoding, pairs } = work.mask;
  const projector = yield* openMatrix(work.matrixKey, work.rows, encoding, make);
  const out = new Uint32Array(work.rows * (1 + pairs.length));
  out.set(project(projector, yield* encodeInput(work.mask, update)));
  for (const [at, { key }] of pairs.entries())
    out.set(yield* projectStream(projector, key, widthOf(encoding)), work.rows * (1 + at));
  return new Uint8Array(out.buffer);
}

/** A·y of an input as it came over the wire: `bytes` are ρ/8 a coordinate, checked by the caller. k words. */
export function projectInput(
  projector: Projector,
  { encoding }: Pick<ProjectWork, 'encoding'>,
  bytes: Uint8Array,
  kernels: Kernels,
): Uint32Array<ArrayBuffer> {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const buffer = aligned.buffer as ArrayBuffer;
  if (encoding.ring === 16) return project(projector, new Uint16Array(buffer, aligned.byteOffset, aligned.length / 2));
  if (encoding.ring === 32) return project(projector, new Uint32Array(buffer, aligned.byteOffset, aligned.length / 4));
  // Piece by piece: a vector of 32-bit words would be memory never touched before, and cost more than the projection.
  const words = new Uint32Array(UNPACKED_WORDS);
  const length = encodedLength(encoding);
  projector.start();
  for (let from = 0; from < length; from += UNPACKED_WORDS) {
    const part = words.subarray(0, Math.min(UNPACKED_WORDS, length - from));
    kernels.unpack24(aligned.subarray(3 * from, 3 * (from + part.length)), part);
    projector.absorb(part, from);
  }
  return projector.finish();
}

/** A multiple of the blocks of a count-sketch, as `absorb` wants it. 64 KiB. */
const UNPACKED_WORDS = 16_384;

/**
 * What check 3 needs once the secrets are rebuilt, k words each: A·PRG(b_i) of every self secret; A·m_ij of every gone member with
 * every survivor; A·sum of the opened sum, lifted to whole numbers.
 * @throws SottoError SECAGG_LOW_ORDER on a bug of ours: keys were checked at R1
 */
export function* auditSum(
  work: AuditWork,
  sum: Words,
  projector: Projector,
  primitives: Primitives,
): Streaming<Uint32Array<ArrayBuffer>> {
  const { unmask, rows } = work;
  const width = widthOf(unmask.encoding);
  const survivors = unmask.selfSecrets.length;
  const out = new Uint32Array(rows * (survivors * (1 + unmask.dropped.length) + 1));
  let at = 0;
  const push = (values: Uint32Array): void => {
    out.set(values, at);
    at += rows;
  };
  for (const { rank, secret } of unmask.selfSecrets)
    push(yield* projectStream(projector, selfMaskKey(primitives, unmask.gctx, secret, rank), width));
  for (const gone of unmask.dropped)
    for (const survivor of gone.survivors) {
      const key = pairMaskKey(primitives, unmask.gctx, gone.secret, gone, survivor);
      if (key === undefined)
        throw new SottoError('SECAGG_LOW_ORDER', `pair of ranks ${gone.rank} and ${survivor.rank}`);
      push(yield* projectStream(projector, key, width));
    }
  push(project(projector, lifted(sum, unmask.encoding)));
  return out;
}

/** Words of Z/2^ρ as signed words of 32 bits; 16-bit words are taken as signed by the projector itself. */
function lifted(sum: Words, { ring }: Encoding): Words {
  if (ring !== 24) return sum;
  const out = new Uint32Array(sum.length);
  for (let i = 0; i < sum.length; i++) out[i] = ((sum[i] as number) << 8) >> 8; // safe: i < length
  return out;
}
