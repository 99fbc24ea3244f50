// `sotto keys hand-over`: a stopped coordinator goes on under another key. Not here: what is written (server/data/hand-over.ts).

import { handOver } from '../data/hand-over.js';
import { EXIT, type ExitCode } from './exit.js';
import { loadIdentityFile, openIdentityFile } from './identity-file.js';
import type { Io } from './io.js';

export interface HandOverOptions {
  readonly identity: string;
  readonly next: string;
  readonly voidTokens: boolean;
  readonly json: boolean;
}

/**
 * The new public id on stdout, so that it can go straight to the clients that are told. Makes the next identity where there is none: a
 * command that was cut off is run again as it was.
 * @throws CONFIG_UNREADABLE, CONFIG_INVALID, STORE_*
 */
export async function handOverKeys(data: string, options: HandOverOptions, io: Io): Promise<ExitCode> {
  const identity = await loadIdentityFile(options.identity);
  const next = await openIdentityFile(options.next);
  const tokens = options.voidTokens ? 'void' : 'kept';
  const { from, to, task, round, tokens: told, backup } = await handOver({ directory: data, identity, next, tokens });
  io.stdout.write(
    options.json
      ? `${JSON.stringify({ type: 'hand-over', task, from, to, round, tokens: told, file: options.next, backup })}\n`
      : `${to}\n`,
  );
  io.stderr.write(
    `task ${task} is handed over from ${from} to ${to}, after round ${round}; enrolment tokens of before are ${told === 'void' ? 'void' : 'good until their date'}. Name ${options.next} as the identity in the settings and start the coordinator. Clients follow the signed hand-over by themselves, unless their policy refuses it; tell those, and auditors, the new id. ${options.identity} is of no more use for this task: destroy it, and backups older than ${backup} with it\n`,
  );
  return EXIT.ok;
}
