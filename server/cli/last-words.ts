// What a coordinator does about an error that nobody caught: its state is nobody's word any more, so it takes nothing new, waits until
// what it has promised is on disk, says so in one line and ends with code 70. The next start goes on as after a crash.
// Not here: errors that somebody catches (exit.ts).

import type { Coordinator } from '../index.js';
import { EXIT, reportError } from './exit.js';
import type { Io } from './io.js';

/** Longer than any flush of a disk that still works. */
const FLUSH_MS = 5_000;

export interface LastWords {
  readonly io: Io;
  readonly json: boolean;
  /** The structured log. */
  readonly log: { fatal(fields: object, text: string): void };
  /** Absent while it starts. */
  readonly running: () => Coordinator | undefined;
}

/** @returns what takes the handlers off again */
export function lastWords({ io, json, log, running }: LastWords): () => void {
  let dying = false;
  const die = async (error: unknown): Promise<void> => {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.fatal(
      { error: stack },
      dying ? 'one more error while it ends' : 'an error that nobody caught; the coordinator ends',
    );
    if (dying) return;
    dying = true;
    const code = reportError(error, io, json);
    const timer = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), FLUSH_MS).unref());
    const written: keyof typeof SAYS = await Promise.race([flush(running()), timer]);
    io.stderr.write(`${SAYS[written]}\n`);
    io.exit(code === EXIT.internal ? code : EXIT.internal);
  };
  return io.onUncaught((error) => void die(error));
}

async function flush(coordinator: Coordinator | undefined): Promise<'nothing' | 'written' | 'lost'> {
  if (coordinator === undefined) return 'nothing';
  try {
    await coordinator.abort();
    return 'written';
  } catch {
    return 'lost';
  }
}

const SAYS = {
  written: 'ending: everything that was promised is on disk; start again to go on',
  lost: 'ending: the disk took no more; look at it with sotto doctor, then start again',
  late: `ending: the disk has not answered for ${FLUSH_MS / 1_000} s; look at it with sotto doctor, then start again`,
  nothing: 'ending before it had started',
} as const;
