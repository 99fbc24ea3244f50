// How much noise each member of a group must add so that the sum is protected also after losses and with colluders who add none
// (privacy.md 6.6), and what a sum was really protected by. Not here: drawing it, the price (price.ts), sensitivities (grid.ts).

import { SottoError } from '../errors.js';
import { MIN_HONEST_SHARES } from '../limits.js';

export interface ShareSetting {
  /** Members of the group, g. */
  readonly group: number;
  /** Losses after which the sum may still be opened, D: dropouts and clients that a filter left out (their noise leaves with them). */
  readonly toleratedDropouts: number;
  /** Members assumed to add no noise or to tell theirs to the coordinator, f_c. */
  readonly colluders: number;
}

/** g − D − f_c, the shares that count at worst. @throws PRIVACY_SHARES below 2, or where a number is no count */
export function honestShares({ group, toleratedDropouts, colluders }: ShareSetting): number {
  for (const [name, value] of Object.entries({ group, toleratedDropouts, colluders }))
    if (!Number.isSafeInteger(value) || value < 0)
      throw new SottoError('PRIVACY_SHARES', `${name} is ${value}; it must be a whole number of at least 0`, {
        [name]: value,
      });
  const shares = group - toleratedDropouts - colluders;
  if (shares < MIN_HONEST_SHARES)
    throw new SottoError(
      'PRIVACY_SHARES',
      `a group of ${group} with ${toleratedDropouts} losses and ${colluders} colluders has ${shares} noise shares at worst, fewer than ${MIN_HONEST_SHARES}; make the group larger, or tolerate fewer`,
      { group, toleratedDropouts, colluders },
    );
  return shares;
}

/** Fewest survivors whose sum may be opened, g − D. Both sides hold it. */
export const survivorFloor = ({ group, toleratedDropouts }: ShareSetting): number => group - toleratedDropouts;

/**
 * σ_l² = (zΔ₂)²/(g − D − f_c), in the unit of `l2` squared; whoever draws integers rounds it up.
 * @throws PRIVACY_SHARES
 */
export const localVariance = (setting: ShareSetting, noiseMultiplier: number, l2: number): number =>
  (noiseMultiplier * l2) ** 2 / honestShares(setting);

/** Variance of the sum where nobody is lost, relative to what was asked for: the price of head-room. @throws PRIVACY_SHARES */
export const excessVariance = (setting: ShareSetting): number => setting.group / honestShares(setting);

/** Multiplier of an opened sum: √((survivors − f_c)·σ_l²)/Δ₂, from the survivors there really were. 0 where nobody's noise counts. */
export const realisedMultiplier = (survivors: number, colluders: number, variance: number, l2: number): number =>
  Math.sqrt(Math.max(0, survivors - colluders) * variance) / l2;

/** What one client's own share is worth when the secure sum itself is broken: z/√(g − D − f_c). @throws PRIVACY_SHARES */
export const fallBackMultiplier = (setting: ShareSetting, noiseMultiplier: number): number =>
  noiseMultiplier / Math.sqrt(honestShares(setting));

/**
 * Noise that survivors can take back (Dordis, Jiang et al. 2024): beside σ_c²/g each client adds seeded components
 * σ_c²/((g−j)(g−j+1)), j = 1..D, and reveals those that losses did not need. They telescope to σ_c²/(g−D).
 */
export function removableComponents(
  group: number,
  toleratedDropouts: number,
  centralVariance: number,
): { base: number; components: number[]; total: number } {
  const base = centralVariance / group;
  const components = Array.from(
    { length: toleratedDropouts },
    (_, i) => centralVariance / ((group - i - 1) * (group - i)),
  );
  return { base, components, total: components.reduce((sum, part) => sum + part, base) };
}

/** Noise on the mean of the whole cohort in groups of g, relative to one sum over all: √(n/g) (robustness.md 0.3). */
export const cohortNoiseFactor = (clients: number, group: number): number => Math.sqrt(clients / group);

/** A client in w overlapping groups has joint sensitivity √w·C: its multiplier is z/√w. */
export const overlapMultiplier = (noiseMultiplier: number, memberships: number): number =>
  noiseMultiplier / Math.sqrt(memberships);
