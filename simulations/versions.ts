// The versions that a report names. Not here: a build number; there is none.

import { readFileSync } from 'node:fs';
import type { SimulationReport } from './report.js';

export function versions(): SimulationReport['versions'] {
  // From dist/simulations/ two folders up, both in the repository and in the installed package.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { readonly version: string };
  return { sotto: version, protocol: 'sotto/1', node: process.version };
}
