// Finds the directory of an installed data package, or says how to install it. Not here: reading it.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { SottoError } from '../../protocol/errors.js';

const require = createRequire(import.meta.url);

/**
 * Data packages are development dependencies of Sotto: users of the library do not get them unasked.
 * @throws DATA_MISSING with the command that helps
 */
export function locatePackage(name: string): string {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    throw new SottoError('DATA_MISSING', `the package ${name} is not installed; run: npm install --save-dev ${name}`, {
      package: name,
    });
  }
}

/** @throws DATA_MISSING */
export function requireFile(path: string): string {
  if (!existsSync(path))
    throw new SottoError('DATA_MISSING', `no file ${path}; the data package is incomplete, install it again`);
  return path;
}
