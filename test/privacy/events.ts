// Events for tests, with everything a release needs. Not a test.

import type { PrivacyEvent, Release, ReleaseContext } from '../../protocol/privacy/events.js';

export const CONTEXT: ReleaseContext = {
  task: 'digits',
  round: 1,
  attempt: 1,
  group: 0,
  unit: 'record',
  neighbours: 'add-or-remove',
  observer: 'released-model',
  arithmetic: 'exact',
};

export const event = (release: Release, context: Partial<ReleaseContext> = {}): PrivacyEvent => ({
  ...CONTEXT,
  ...context,
  ...release,
});

export const sampled = (samplingRate: number, noiseMultiplier: number, count: number): PrivacyEvent =>
  event({ type: 'poissonGaussian', samplingRate, noiseMultiplier, count });

/** A sum that ten members of a group protect, for the client's whole update, against the coordinator. */
export const groupSum = (noiseMultiplier: number, context: Partial<ReleaseContext> = {}): PrivacyEvent =>
  event(
    {
      type: 'distributedGaussian',
      honestShares: 10,
      localVariance: (100 * noiseMultiplier) ** 2 / 10,
      l2: 100,
      l1: 3200,
      dimension: 1024,
    },
    { unit: 'client', observer: 'coordinator', ...context },
  );
