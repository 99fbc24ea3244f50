// Verified sketches as a clause: reading their settings, what follows for the ring, and R4 at the client.
// Not here: the bounds (sketch/bounds.ts), the answers of R4 (participant/sketch.ts), the arithmetic (sketch/work.ts).

import { SottoError } from '../errors.js';
import { onSecondRequest, onSketched, onSketchRequest } from '../participant/sketch.js';
import { sketchedNoise } from '../privacy/provision.js';
import * as v from '../schema.js';
import { filtersSchema } from '../selection-schema.js';
import { checkSketch, ringBitsFor, sketchBounds } from '../sketch/bounds.js';
import { count, window } from '../task-fields.js';
import { RINGS } from '../terms.js';
import type { SketchClause } from './clauses.js';

const schema = v.strictObject({
  kind: v.literal('sketch'),
  rows: count,
  securityBits: count,
  malicious: count,
  exclusions: count,
  dropouts: count,
  selection: filtersSchema,
  window,
});

/** The ring must also hold the radius of accepted sketches, or a huge update could wrap round into it. */
const terms: SketchClause['terms'] = (config, spec, survivorFloor, summed, noise) => {
  const { profile, group, dimension, encoding } = config;
  if (profile !== 'sketch' && profile !== 'grouped')
    throw new SottoError(
      'CONFIG_SKETCH',
      `integrity sketch means nothing in profile ${profile}; use profile sketch (one cohort) or grouped`,
      { field: 'integrity' },
    );
  checkSketch(spec, group.size, survivorFloor, group.size * group.count, dimension);
  const levels = 2 ** (encoding.bits - 1) - 1;
  const grid = { ...encoding, dimension, levels, ring: summed, weighted: false } as const;
  const sketch = sketchBounds(spec, grid, noise === 'none' ? undefined : sketchedNoise(noise, dimension));
  const needed = ringBitsFor(sketch);
  const ring = RINGS.find((one) => one >= Math.max(summed, needed));
  if (ring === undefined)
    throw new SottoError(
      'CONFIG_RING',
      `encoding.bits ${encoding.bits} with verified sketches of ${spec.malicious} malicious members needs a ring of ${needed} bits, more than 32; use ${encoding.bits - (needed - 32)} bits, or a smaller clipNorm ÷ range`,
      { field: 'encoding.bits' },
    );
  return { ring, sketch };
};

export const sketchClause: SketchClause = { schema, terms, onRequest: onSketchRequest, onSketched, onSecondRequest };
