// AssemblyScript, not TypeScript: the two stages of a sketch (protocol/sketch/matrix.ts says what they compute). Built by
// tools/build-kernels.mjs into ../sketch.wasm.ts; the twin in ../../sketch/project.ts gives the same bits. All arithmetic is mod 2^32.
// pages: 100

/** Adds blocks of 64 coordinates, signs applied, to three bucket arrays at their offsets. `x`: 4 bytes a coordinate. */
export function absorb32(x: usize, blocks: u32, signs: usize, offsets: usize, z: usize, stride: usize): void {
  const lanes = i32x4(1, 2, 4, 8);
  for (; blocks > 0; blocks--, signs += 8, offsets += 6) {
    const z0 = z + 4 * <usize>load<u16>(offsets);
    const z1 = z + stride + 4 * <usize>load<u16>(offsets, 2);
    const z2 = z + 2 * stride + 4 * <usize>load<u16>(offsets, 4);
    let bits = load<u64>(signs);
    for (let at: usize = 0; at < 256; at += 16, x += 16, bits >>= 4) {
      const minus = i32x4.eq(v128.and(i32x4.splat(<i32>bits), lanes), lanes);
      const v = i32x4.sub(v128.xor(v128.load(x), minus), minus);
      v128.store(z0 + at, i32x4.add(v128.load(z0 + at), v));
      v128.store(z1 + at, i32x4.add(v128.load(z1 + at), v));
      v128.store(z2 + at, i32x4.add(v128.load(z2 + at), v));
    }
  }
}

/** The same for 2 bytes a coordinate, sign-extended. */
export function absorb16(x: usize, blocks: u32, signs: usize, offsets: usize, z: usize, stride: usize): void {
  const lanes = i32x4(1, 2, 4, 8);
  for (; blocks > 0; blocks--, signs += 8, offsets += 6) {
    const z0 = z + 4 * <usize>load<u16>(offsets);
    const z1 = z + stride + 4 * <usize>load<u16>(offsets, 2);
    const z2 = z + 2 * stride + 4 * <usize>load<u16>(offsets, 4);
    let bits = load<u64>(signs);
    for (let at: usize = 0; at < 256; at += 16, x += 8, bits >>= 4) {
      const minus = i32x4.eq(v128.and(i32x4.splat(<i32>bits), lanes), lanes);
      const v = i32x4.sub(v128.xor(v128.load16x4_s(x), minus), minus);
      v128.store(z0 + at, i32x4.add(v128.load(z0 + at), v));
      v128.store(z1 + at, i32x4.add(v128.load(z1 + at), v));
      v128.store(z2 + at, i32x4.add(v128.load(z2 + at), v));
    }
  }
}

/** out[r] = Σ_b D[r][b]·z[b] for `rows` rows of `width` entries of one signed byte each; width a multiple of 16. */
export function dense(z: usize, d: usize, rows: u32, width: usize, out: usize): void {
  for (; rows > 0; rows--, out += 4) {
    let a = i32x4.splat(0);
    let b = i32x4.splat(0);
    let at = z;
    for (const end = d + width; d < end; d += 16, at += 64) {
      const low = i16x8.extend_low_i8x16_s(v128.load(d));
      const high = i16x8.extend_high_i8x16_s(v128.load(d));
      a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_s(low), v128.load(at)));
      b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_s(low), v128.load(at, 16)));
      a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_s(high), v128.load(at, 32)));
      b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_s(high), v128.load(at, 48)));
    }
    const sum = i32x4.add(a, b);
    store<u32>(
      out,
      i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3),
    );
  }
}
