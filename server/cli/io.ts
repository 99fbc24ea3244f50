// What a command may touch of the outside: two streams, the environment, the way to be stopped. Tests hand in their own.
// Not here: files and sockets.

import pc from 'picocolors';

export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Width of a line; 80 where nobody says. */
  readonly columns: number;
}

export interface Io {
  /** Results. With `--json` nothing but JSON, one value in a line. */
  readonly stdout: Output;
  /** Progress, logs and errors. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls `handler` on SIGINT and SIGTERM until the returned function is called. */
  onInterrupt(handler: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
  /** Calls `handler` on SIGHUP, which else ends a process, until the returned function is called. */
  onHangup(handler: () => void): () => void;
  /** Calls `handler` for errors that nobody caught, thrown or rejected, until the returned function is called. */
  onUncaught(handler: (error: unknown) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): never;
}

export type Colors = ReturnType<typeof pc.createColors>;

/** Colours only on a terminal, and never where NO_COLOR is set to anything (no-color.org) or the terminal is dumb. */
export function colorsFor(output: Output, env: Io['env']): Colors {
  return pc.createColors(output.isTTY && !env.NO_COLOR && env.TERM !== 'dumb');
}

export function processIo(): Io {
  const output = (stream: NodeJS.WriteStream): Output => ({
    write: (text) => {
      stream.write(text);
    },
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns ?? 80;
    },
  });
  return {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    onInterrupt(handler) {
      const int = () => handler('SIGINT');
      const term = () => handler('SIGTERM');
      process.on('SIGINT', int);
      process.on('SIGTERM', term);
      return () => {
        process.off('SIGINT', int);
        process.off('SIGTERM', term);
      };
    },
    onHangup(handler) {
      process.on('SIGHUP', handler);
      return () => void process.off('SIGHUP', handler);
    },
    onUncaught(handler) {
      process.on('uncaughtException', handler);
      process.on('unhandledRejection', handler);
      return () => {
        process.off('uncaughtException', handler);
        process.off('unhandledRejection', handler);
      };
    },
    exit: (code) => process.exit(code),
  };
}
