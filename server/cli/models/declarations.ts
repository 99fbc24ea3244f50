// Declarations of clients as files: read, and refused where the client that is named did not sign them for this task.
// Not here: making one (verify.ts).

import { SottoError } from '../../../protocol/errors.js';
import { nativePrimitives } from '../../../protocol/native/index.js';
import { type Declaration, isDeclaration, isDeclaredBy, readBytes } from '../../models/index.js';

/** Most bytes of a declaration. */
const MAX_DECLARATION_BYTES = 1 << 16;

/** @throws CONFIG_UNREADABLE, MODEL_MALFORMED, MODEL_UNPROVEN */
export function readDeclaration(file: string, task: string): Declaration {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(readBytes(file, MAX_DECLARATION_BYTES)));
  } catch (error) {
    if (error instanceof SottoError) throw error;
    value = undefined;
  }
  if (!isDeclaration(value))
    throw new SottoError('MODEL_MALFORMED', `${file} is no declaration; clients make one with: sotto models declare`, {
      file,
    });
  return checked(value, task, file);
}

/** @param from names the file @throws MODEL_UNPROVEN */
export function checked(declaration: Declaration, task: string, from: string): Declaration {
  if (declaration.task !== task || !isDeclaredBy(nativePrimitives, declaration))
    throw new SottoError('MODEL_UNPROVEN', `${from} is not signed by its client for task ${task}`, { file: from });
  return declaration;
}
