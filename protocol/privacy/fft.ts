// A radix-2 Fourier transform in place, for convolutions of privacy losses. Own code because the core may import none that exists
// in the packages it is allowed, and it is forty lines; twiddles are computed, not accumulated, or round-off would reach δ.
// Not here: what is transformed (pld-compose.ts).

/**
 * Forward transform, without scaling. @param re @param im both of the same length, a power of two; overwritten
 */
export function fft(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j] as number, re[i] as number];
      [im[i], im[j]] = [im[j] as number, im[i] as number];
    }
  }
  const cos = Float64Array.from({ length: n / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sin = Float64Array.from({ length: n / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / n));
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    const step = n / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0, w = 0; k < half; k++, w += step) {
        const [a, b] = [start + k, start + k + half];
        const [c, s] = [cos[w] as number, sin[w] as number];
        const [x, y] = [re[b] as number, im[b] as number];
        const [u, v] = [x * c - y * s, x * s + y * c];
        re[b] = (re[a] as number) - u;
        im[b] = (im[a] as number) - v;
        re[a] = (re[a] as number) + u;
        im[a] = (im[a] as number) + v;
      }
    }
  }
}

/** Inverse transform, scaled by 1/n: the forward one with real and imaginary parts exchanged. */
export function inverseFft(re: Float64Array, im: Float64Array): void {
  fft(im, re);
  const n = re.length;
  for (let i = 0; i < n; i++) {
    re[i] = (re[i] as number) / n;
    im[i] = (im[i] as number) / n;
  }
}
