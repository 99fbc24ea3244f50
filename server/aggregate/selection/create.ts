// From the selection of a configuration to the one that runs. Not here: whether the spec makes sense (protocol/selection.ts checkSelection).

import type { FilterSpec, SelectionSpec } from '../../../protocol/selection.js';
import type { DistanceKernel } from '../distances.js';
import { createDistanceKernel } from '../distances-simd.js';
import { cosineFilter, distanceFilter, krumFilter, normFilter } from './filters.js';
import { type Filter, type SelectionRule, selection } from './selection.js';

export function createSelection(
  [norm, ...rest]: SelectionSpec,
  distances: DistanceKernel = createDistanceKernel(),
): SelectionRule {
  return selection([normFilter(norm), ...rest.map((spec) => filterOf(spec, distances))]);
}

function filterOf(spec: Exclude<FilterSpec, { name: 'norm' }>, distances: DistanceKernel): Filter {
  switch (spec.name) {
    case 'distance':
      return distanceFilter(spec, distances);
    case 'cosine':
      return cosineFilter(spec, distances);
    case 'multi-krum':
      return krumFilter(spec, distances);
    default:
      return spec satisfies never;
  }
}
