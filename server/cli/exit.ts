// Exit codes, and how an error becomes one of them and a line of text. docs/cli.md lists them.
// Not here: the codes of errors (protocol/errors.ts).

import { ERRORS, type ErrorCode, SottoError } from '../../protocol/errors.js';
import { pageOf } from './explain/page.js';
import type { Io } from './io.js';
import { colorsFor } from './io.js';

export const EXIT = {
  /** Done, or stopped as asked. */
  ok: 0,
  /** The run failed: a campaign that stalled, a peer that refused, data or a backend that is missing. */
  failed: 1,
  /** The command line or a file of settings is wrong. */
  usage: 2,
  /** Everything ran, and a bar of `sotto redteam --gate` was missed, or a privacy budget or claim does not hold. */
  gate: 3,
  /** A bug of ours (EX_SOFTWARE). */
  internal: 70,
  /** Interrupted before there was a result (128 + SIGINT). */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof SottoError ? exitCodeOfCode(error.code) : EXIT.internal;
}

export function exitCodeOfCode(code: ErrorCode): ExitCode {
  if (code === 'INTERNAL') return EXIT.internal;
  return ERRORS[code].blame === 'config' ? EXIT.usage : EXIT.failed;
}

/**
 * One message without a stack, and where its code is explained; the stack with SOTTO_DEBUG. What is no SottoError is a bug of ours and
 * says so.
 */
export function reportError(error: unknown, io: Io, json: boolean): ExitCode {
  const code = exitCodeOf(error);
  const message = printable(error instanceof Error ? error.message : String(error));
  const paint = colorsFor(io.stderr, io.env);
  const known = error instanceof SottoError;
  if (json) {
    const details = known ? { code: error.code, page: pageOf(error.code), ...error.details } : { code: 'INTERNAL' };
    io.stdout.write(`${JSON.stringify({ type: 'error', message, ...details })}\n`);
  }
  io.stderr.write(`${paint.red('error')} ${known ? '' : 'INTERNAL: '}${message}\n`);
  if (known && code !== EXIT.internal) io.stderr.write(`${paint.dim(whereExplained(error.code))}\n`);
  if (io.env.SOTTO_DEBUG && error instanceof Error) io.stderr.write(`${error.stack}\n`);
  else if (code === EXIT.internal) {
    io.stderr.write('This is a bug of Sotto. Set SOTTO_DEBUG=1 for the stack, and please report it.\n');
  }
  return code;
}

export const whereExplained = (code: ErrorCode): string => `sotto explain ${code} says more, or ${pageOf(code)}`;

/** Longest message that is shown, characters: some quote what they could not read. */
const MAX_MESSAGE = 4_000;
/** Of a file by others anything may be quoted: nothing of it may steer a terminal. */
function printable(text: string): string {
  const shown = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
  return [...shown].map((char) => (char !== '\n' && char !== '\t' && isControl(char) ? '\ufffd' : char)).join('');
}
/** C0, DEL and C1. */
function isControl(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}
