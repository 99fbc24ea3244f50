// Streams and signals of a command under test. Not here: commands.

import type { Io } from '../../server/cli/io.js';

export interface FakeIo extends Io {
  readonly out: () => string;
  readonly err: () => string;
  /** What Ctrl+C does. */
  readonly interrupt: () => void;
  /** What an error does that nobody caught. */
  readonly uncaught: (error: unknown) => void;
  readonly exits: number[];
}

export function fakeIo(
  options: { readonly tty?: boolean; readonly columns?: number; readonly env?: Io['env'] } = {},
): FakeIo {
  const written = { out: '', err: '' };
  const handlers = new Set<(signal: 'SIGINT' | 'SIGTERM') => void>();
  const broken = new Set<(error: unknown) => void>();
  const exits: number[] = [];
  const stream = (name: 'out' | 'err') => ({
    write: (text: string) => {
      written[name] += text;
    },
    isTTY: options.tty ?? false,
    columns: options.columns ?? 80,
  });
  return {
    stdout: stream('out'),
    stderr: stream('err'),
    env: options.env ?? {},
    onHangup: () => () => {},
    onUncaught(handler) {
      broken.add(handler);
      return () => broken.delete(handler);
    },
    onInterrupt(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    exit(code) {
      exits.push(code);
      throw new Error(`exit ${code}`);
    },
    out: () => written.out,
    err: () => written.err,
    interrupt: () => {
      for (const handler of handlers) handler('SIGINT');
    },
    uncaught: (error) => {
      for (const handler of broken) handler(error);
    },
    exits,
  };
}
