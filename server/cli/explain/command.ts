// `sotto explain`: the page of one error code, or the list of all. Not here: what stands on a page (page.ts).

import { InvalidArgumentError } from 'commander';
import { ERRORS, type ErrorCode } from '../../../protocol/errors.js';
import { closest } from '../../config/closest.js';
import { EXIT, type ExitCode, exitCodeOfCode } from '../exit.js';
import { colorsFor, type Io } from '../io.js';
import { errorPage, isCode } from './page.js';

export interface ExplainOptions {
  readonly json: boolean;
}

/** @param code absent: all of them, a line each */
export async function explain(code: ErrorCode | undefined, { json }: ExplainOptions, io: Io): Promise<ExitCode> {
  const paint = colorsFor(io.stdout, io.env);
  if (code === undefined) {
    const all = Object.keys(ERRORS).filter(isCode);
    if (json)
      io.stdout.write(
        `${JSON.stringify({ type: 'errors', errors: all.map((one) => errorPage(one, exitCodeOfCode)) })}\n`,
      );
    else io.stdout.write(all.map((one) => `${paint.bold(one)}  ${ERRORS[one].says}\n`).join(''));
    return EXIT.ok;
  }
  const page = errorPage(code, exitCodeOfCode);
  if (json) io.stdout.write(`${JSON.stringify({ type: 'explanation', ...page })}\n`);
  else
    io.stdout.write(
      [
        paint.bold(page.code),
        `  means   ${page.says}`,
        `  blame   ${page.blame}`,
        `  retry   ${page.retry}`,
        `  exit    ${page.exit}`,
        `  remedy  ${page.remedy}`,
        `  page    ${page.page}`,
        '',
      ].join('\n'),
    );
  return EXIT.ok;
}

/** For commander: upper or lower case. */
export function errorCode(text: string): ErrorCode {
  const code = text.toUpperCase().replaceAll('-', '_');
  if (isCode(code)) return code;
  const near = closest(code, Object.keys(ERRORS));
  throw new InvalidArgumentError(
    near === undefined ? 'There is no such code; `sotto explain` alone lists them.' : `Did you mean ${near}?`,
  );
}
