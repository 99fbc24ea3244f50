// Ctrl+C: the first asks for a graceful end, the second ends at once. Not here: what ending gracefully means to a command.

import { EXIT } from './exit.js';
import type { Io } from './io.js';

/** @param graceful what the first signal does, for the message: "stopping after this round" */
export async function stoppable<T>(io: Io, graceful: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const off = io.onInterrupt((signal) => {
    if (abort.signal.aborted) io.exit(EXIT.interrupted);
    io.stderr.write(`\n${signal}: ${graceful}; once more to stop at once\n`);
    abort.abort();
  });
  try {
    return await work(abort.signal);
  } finally {
    off();
  }
}
