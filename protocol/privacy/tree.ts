// The price of tree aggregation (DP-FTRL, Kairouz et al. 2021): no sampling assumption at all. A formula for plans; the mechanism
// is not built yet, so no event has this type. Not here: prices of events (price.ts).

/**
 * RDP at `order` of `restarts` trees of `steps` leaves each, a client in at most one leaf of a tree:
 * α·⌈log₂(T+1)⌉/(2z²) for each tree.
 */
export const treeHeight = (steps: number): number => Math.ceil(Math.log2(steps + 1));
export const rdpTree = (noiseMultiplier: number, steps: number, restarts: number, order: number): number =>
  (restarts * order * treeHeight(steps)) / (2 * noiseMultiplier ** 2);
