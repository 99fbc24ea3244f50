// AssemblyScript, not TypeScript: SIMD kernels for masks and packing. Built by tools/build-kernels.mjs into ../mask.wasm.ts;
// the twins in ../js.ts give the same bits. Pointers and sizes are bytes. Sums touch exactly their bytes; packing works in
// groups of four numbers and reads and writes up to 16 bytes past its end, where the caller (../wasm.ts) keeps room.

export function addU32(acc: usize, x: usize, bytes: usize): void {
  const end = acc + bytes;
  const wide = acc + (bytes & ~63);
  for (; acc < wide; acc += 64, x += 64) {
    v128.store(acc, i32x4.add(v128.load(acc), v128.load(x)));
    v128.store(acc, i32x4.add(v128.load(acc, 16), v128.load(x, 16)), 16);
    v128.store(acc, i32x4.add(v128.load(acc, 32), v128.load(x, 32)), 32);
    v128.store(acc, i32x4.add(v128.load(acc, 48), v128.load(x, 48)), 48);
  }
  for (; acc < end; acc += 4, x += 4) store<u32>(acc, load<u32>(acc) + load<u32>(x));
}

export function subU32(acc: usize, x: usize, bytes: usize): void {
  const end = acc + bytes;
  const wide = acc + (bytes & ~63);
  for (; acc < wide; acc += 64, x += 64) {
    v128.store(acc, i32x4.sub(v128.load(acc), v128.load(x)));
    v128.store(acc, i32x4.sub(v128.load(acc, 16), v128.load(x, 16)), 16);
    v128.store(acc, i32x4.sub(v128.load(acc, 32), v128.load(x, 32)), 32);
    v128.store(acc, i32x4.sub(v128.load(acc, 48), v128.load(x, 48)), 48);
  }
  for (; acc < end; acc += 4, x += 4) store<u32>(acc, load<u32>(acc) - load<u32>(x));
}

export function addU16(acc: usize, x: usize, bytes: usize): void {
  const end = acc + bytes;
  const wide = acc + (bytes & ~63);
  for (; acc < wide; acc += 64, x += 64) {
    v128.store(acc, i16x8.add(v128.load(acc), v128.load(x)));
    v128.store(acc, i16x8.add(v128.load(acc, 16), v128.load(x, 16)), 16);
    v128.store(acc, i16x8.add(v128.load(acc, 32), v128.load(x, 32)), 32);
    v128.store(acc, i16x8.add(v128.load(acc, 48), v128.load(x, 48)), 48);
  }
  for (; acc < end; acc += 2, x += 2) store<u16>(acc, load<u16>(acc) + load<u16>(x));
}

export function subU16(acc: usize, x: usize, bytes: usize): void {
  const end = acc + bytes;
  const wide = acc + (bytes & ~63);
  for (; acc < wide; acc += 64, x += 64) {
    v128.store(acc, i16x8.sub(v128.load(acc), v128.load(x)));
    v128.store(acc, i16x8.sub(v128.load(acc, 16), v128.load(x, 16)), 16);
    v128.store(acc, i16x8.sub(v128.load(acc, 32), v128.load(x, 32)), 32);
    v128.store(acc, i16x8.sub(v128.load(acc, 48), v128.load(x, 48)), 48);
  }
  for (; acc < end; acc += 2, x += 2) store<u16>(acc, load<u16>(acc) - load<u16>(x));
}

/** `count` u32 at `from` to 3 bytes each at `into`, little-endian; the top byte is dropped. Four at a time, the last store 4 bytes over. */
export function pack24(from: usize, into: usize, count: usize): void {
  const end = from + 4 * count;
  for (; from < end; from += 16, into += 12) {
    v128.store(into, i8x16.swizzle(v128.load(from), i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1)));
  }
}

/** The inverse: `count` times 3 bytes at `from` to u32 below 2^24 at `into`. Whole groups of four are written. */
export function unpack24(from: usize, into: usize, count: usize): void {
  const end = into + 4 * count;
  for (; into < end; from += 12, into += 16) {
    v128.store(into, i8x16.swizzle(v128.load(from), i8x16(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1)));
  }
}
