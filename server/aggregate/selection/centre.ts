// The robust centre of sketches: the point that distances and angles are taken to. Not here: what is far from it (distance.ts, cosine.ts).

import type { CentreSpec } from '../../../protocol/selection.js';
import type { DistanceKernel } from '../distances.js';
import { weiszfeld } from '../geometric-median.js';
import { checkSquarable, type Sketch, type Vector } from '../inputs.js';
import { nnm } from '../nnm.js';
import { medianSelection, orderPlain, trimmedSelection } from '../order.js';
import { requireMajority, vectorsOf } from '../rule.js';

/**
 * Median and trimmed mean are taken coordinate by coordinate. That is sound here: a sketch is a linear map of the update, so the
 * honest sketches lie round the sketch of the honest mean, and the centre only has to be near it, not to be anybody's sketch.
 * `nnm-trimmed-mean` is the trimmed mean of the neighbourhood means (Allouah et al. 2023), `geometric-median` starts at the median.
 * Each stays near the honest sketches for f < n/2.
 * @throws the codes of `checkSquarable`; AGGREGATE_PRECONDITION where 2f ≥ sketches
 */
export function centreOf(
  sketches: readonly Sketch[],
  spec: CentreSpec,
  faulty: number,
  distances: DistanceKernel,
): Vector {
  checkSquarable(sketches);
  requireMajority(`the centre (${spec.name})`, faulty, sketches.length);
  const rows = vectorsOf(sketches);
  const n = rows.length;
  switch (spec.name) {
    case 'median':
      return orderPlain(rows, medianSelection(n, faulty)).vector;
    case 'trimmed-mean':
      return orderPlain(rows, trimmedSelection(n, faulty)).vector;
    case 'nnm-trimmed-mean': {
      const mixed = nnm<Sketch>(distances).apply(sketches, faulty).inputs;
      return orderPlain(vectorsOf(mixed), trimmedSelection(n, faulty)).vector;
    }
    case 'geometric-median':
      return weiszfeld(rows, { nu: spec.nu, steps: spec.steps, start: 'median' }, orderPlain).point;
    default:
      return spec satisfies never;
  }
}
