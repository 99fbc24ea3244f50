// How a wrong setting is reported. Not here: finding it.

import { type ErrorCode, SottoError } from '../../protocol/errors.js';

/** @param field dotted path in the file  @param text continues "<field> " */
export function settingError(field: string, text: string, code: ErrorCode = 'CONFIG_INVALID'): SottoError {
  return new SottoError(code, `${field} ${text}`, { field });
}
