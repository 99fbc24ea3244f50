// The Rényi orders at which everything is accounted. Fixed for all ledgers: a filter over orders chosen in advance stays valid
// when later rounds depend on earlier ones. Not here: the divergences at these orders (rdp.ts), prices (convert.ts).

/**
 * 1.1 to 10.9 by tenths, 11 to 63, then 128, 256, 512, 1024. The large ones matter for little noise in few rounds: one Gaussian
 * with z = 30 at δ = 1e-5 costs 0.1157 at order 128 and 0.1379 at 63; the exact value is 0.1027.
 */
export const ORDERS: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => (11 + i) / 10),
  ...Array.from({ length: 53 }, (_, i) => 11 + i),
  128,
  256,
  512,
  1024,
];
