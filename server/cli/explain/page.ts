// The page of an error: what the code says, whose fault it is, whether trying again helps, what to do. As lines for a terminal, and all
// of them as docs/errors.md. Pure. Not here: the texts (protocol/errors.ts, remedies.ts), the command (command.ts).

import { type Blame, ERRORS, type ErrorCode, type ErrorSpec } from '../../../protocol/errors.js';
import { REMEDIES } from './remedies.js';

const BLAME: Readonly<Record<Blame, string>> = {
  remote: 'the sender of the bad value',
  local: 'this side',
  config: 'whoever wrote the settings',
  nobody: 'chance or time',
};
const RETRY: Readonly<Record<ErrorSpec['retry'], string>> = {
  never: 'the same again fails again',
  later: 'later it may work',
  'next-attempt': 'the next attempt of the same round may work',
  'next-round': 'the next round may work',
};
/** Where nobody wrote more. */
const ADVICE: Readonly<Record<Blame, string>> = {
  remote:
    'The peer sent what an honest peer of this version does not send. It is refused and counted, and nothing of it is used; there is nothing to do here. If it is your own client, bring both sides to the same version.',
  local: 'The message names what was wrong. If nothing in your own code or machine explains it, please report it.',
  config: 'The message names the field; docs/configuration.md says what it may be.',
  nobody: 'Nothing has to be done: Sotto goes on by itself.',
};

export const isCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text);
/** Below the root of the repository and the site. */
export const pageOf = (code: ErrorCode): string => `docs/errors.md#${code.toLowerCase()}`;
export const remedyOf = (code: ErrorCode): string => REMEDIES[code] ?? ADVICE[ERRORS[code].blame];

export interface ErrorPage {
  readonly code: ErrorCode;
  readonly says: string;
  readonly blame: string;
  readonly retry: string;
  readonly remedy: string;
  readonly exit: number;
  readonly page: string;
}

/** @param exitOf the exit code of a command that ends with it */
export function errorPage(code: ErrorCode, exitOf: (code: ErrorCode) => number): ErrorPage {
  const { says, blame, retry } = ERRORS[code];
  return {
    code,
    says,
    blame: `${blame}: ${BLAME[blame]}`,
    retry: `${retry}: ${RETRY[retry]}`,
    remedy: remedyOf(code),
    exit: exitOf(code),
    page: pageOf(code),
  };
}

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
const area = (code: string): string => code.slice(0, code.indexOf('_') + 1 || code.length);

/** docs/errors.md. */
export function errorsPage(exitOf: (code: ErrorCode) => number): string {
  const codes = Object.keys(ERRORS).filter(isCode);
  const areas = [...new Set(codes.map(area))];
  const out = [
    '# Error codes',
    '',
    'What this page is: every error code of Sotto, what it means and what to do, made from `protocol/errors.ts` and',
    '`server/cli/explain/remedies.ts` by `npm run docs`. A code never changes its meaning once released. What it is not: where each is',
    'raised; search the sources for the code. The same on a terminal: `sotto explain STORE_LOCKED`.',
    '',
    '*Blame* decides who is counted, refused and quarantined:',
    '',
    ...Object.entries(BLAME).map(([blame, who]) => `- \`${blame}\`: ${who}`),
    '',
    '*Retry* says whether trying again can help: never, later, in the next attempt of the same round, or in the next round. *Exit* is what a',
    'command of `sotto` ends with where it ends by this error.',
  ];
  for (const one of areas) {
    const members = codes.filter((code) => area(code) === one);
    if (one.endsWith('_')) out.push('', `## ${one}…`);
    for (const code of members) {
      const { says, blame, retry } = ERRORS[code];
      out.push(
        '',
        `${one.endsWith('_') ? '###' : '##'} ${code}`,
        '',
        `${capital(says).replaceAll('<', '&lt;')}.`,
        '',
        `- blame \`${blame}\`, retry \`${retry}\`, exit ${exitOf(code)}`,
        `- ${remedyOf(code)}`,
      );
    }
  }
  return `${out.join('\n')}\n`;
}
