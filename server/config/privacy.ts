// The settings of client-level differential privacy in a file, and what is filled in where it is silent. Not here: whether they fit
// the group, the model and the ring (protocol/privacy/provision.ts), privacy of records (the trainer's).

import * as v from 'valibot';
import { MAX_CLIP_STEPS, MAX_GROUP } from '../../protocol/limits.js';
import { defaultClipSteps } from '../../protocol/privacy/provision.js';
import type { AdaptiveClipping, PrivacySpec } from '../../protocol/privacy/spec.js';
import { settingError } from './problem.js';
import { between, choice, maybe, oneOf, positive, says, settings, whole } from './values.js';

const literal = <const T extends string>(name: T) => v.literal(name, name);
const number = () => v.pipe(v.number('a number'), v.metadata({ must: 'a number' }));

// Zeros and negatives are refused by the protocol, which says why; a file must not be kinder than a signed text.
const claim = {
  noiseMultiplier: says(
    'z: standard deviation of the noise in the sum of one group ÷ the most that one client can move it. `sotto privacy plan` finds it.',
    number(),
  ),
  budget: says(
    'What the whole task may cost a client. A round that would cost more is not announced, and clients refuse it.',
    settings({
      epsilon: says('ε, against the observer of the placement.', number()),
      delta: says('δ; less than one over the number of clients.', number()),
    }),
  ),
  clipSteps: maybe(
    '8·√d, rounded up',
    says(
      'The clipping norm in grid steps, c. More steps cost bits on the wire, fewer cost noise.',
      whole(1, MAX_CLIP_STEPS),
    ),
  ),
  rotation: maybe(
    '`hadamard`',
    says(
      'Random signs and a Walsh-Hadamard transform before rounding: a smaller ring holds the sum.',
      oneOf(['none', 'hadamard']),
    ),
  ),
  neighbours: maybe(
    '`add-or-remove`',
    says(
      'What ε compares: with a client’s contribution or without it, or with another in its place.',
      oneOf(['add-or-remove', 'replace-one']),
    ),
  ),
};

export const privacySettings = choice('placement', [
  settings({
    placement: says(
      'Each client adds a share of exact integer noise under its masks: protects from the coordinator and from everybody after it.',
      literal('distributed'),
    ),
    ...claim,
    noise: maybe('`discrete-gaussian`', says('What shares are drawn from.', oneOf(['discrete-gaussian', 'skellam']))),
    losses: maybe(
      'what the threshold leaves: group.size − t',
      says(
        'D: clients of one group that may be lost, dropouts and exclusions together. With more the sum is not opened.',
        whole(0, MAX_GROUP),
      ),
    ),
    noiseless: maybe(
      '0',
      says(
        'f_c: clients of one group that may add no noise or tell theirs; the shares of the others make up for them.',
        whole(0, MAX_GROUP),
      ),
    ),
    clipping: maybe(
      '`by: fixed`',
      says(
        'Whether the clipping norm moves from round to round.',
        choice('by', [
          settings({ by: says('It stays at encoding.clipNorm.', literal('fixed')) }),
          settings({
            by: says('It follows a quantile of the norms, by one noised bit of each client.', literal('quantile')),
            quantile: maybe('0.5', says('γ: share of clients whose updates are not cut.', between(0, 1))),
            learningRate: maybe('0.2', says('η: step of the norm, geometric.', positive())),
            bitDeviation: maybe('group.size ÷ 20', says('σ_b: noise in the sum of the bits of one group.', positive())),
            least: maybe('encoding.clipNorm ÷ 100', says('The norm never falls below.', positive())),
            most: maybe('encoding.clipNorm × 10', says('The norm never rises above.', positive())),
          }),
        ]),
      ),
    ),
  }),
  settings({
    placement: says(
      'The coordinator adds the noise after it has opened the sum: protects from those who see the model, not from the coordinator.',
      literal('central'),
    ),
    ...claim,
  }),
]);
export type PrivacyFile = v.InferOutput<typeof privacySettings>;

/** @throws CONFIG_INVALID where the grid is said twice */
export function fillPrivacy(
  file: PrivacyFile | undefined,
  dimension: number,
  { size, threshold, clipNorm }: { readonly size: number; readonly threshold: number; readonly clipNorm: number },
): PrivacySpec {
  if (file === undefined) return 'none';
  const { noiseMultiplier, budget } = file;
  const claimed = {
    noiseMultiplier,
    budget,
    clipSteps: file.clipSteps ?? defaultClipSteps(dimension),
    rotation: file.rotation ?? 'hadamard',
    neighbours: file.neighbours ?? 'add-or-remove',
  } as const;
  if (file.placement === 'central') return { placement: 'central', ...claimed };
  const clipping = file.clipping ?? { by: 'fixed' };
  return {
    placement: 'distributed',
    ...claimed,
    noise: file.noise ?? 'discrete-gaussian',
    losses: file.losses ?? Math.max(0, size - threshold),
    noiseless: file.noiseless ?? 0,
    clipping: clipping.by === 'fixed' ? clipping : fillClipping(clipping, size, clipNorm),
  };
}

type ClippingFile = Extract<
  NonNullable<Extract<PrivacyFile, { placement: 'distributed' }>['clipping']>,
  { by: 'quantile' }
>;

const fillClipping = (file: ClippingFile, size: number, clipNorm: number): AdaptiveClipping => ({
  by: 'quantile',
  quantile: file.quantile ?? 0.5,
  learningRate: file.learningRate ?? 0.2,
  bitDeviation: file.bitDeviation ?? size / 20,
  least: file.least ?? clipNorm / 100,
  most: file.most ?? clipNorm * 10,
});

/** The grid of a task with privacy follows from clipSteps. @throws CONFIG_INVALID where the file says another */
export function refuseGrid(encoding: {
  readonly range?: number | undefined;
  readonly bits?: number | undefined;
}): void {
  for (const field of ['range', 'bits'] as const)
    if (encoding[field] !== undefined)
      throw settingError(
        `encoding.${field}`,
        `is ${encoding[field]}, but with privacy the grid follows from privacy.clipSteps; leave it out`,
      );
}
