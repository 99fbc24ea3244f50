// A bar for work that takes long and says nothing meanwhile (`verify`, `doctor`, `privacy audit`), by @clack/prompts: on a terminal
// only, on stderr, never with --json. Not here: rounds as they run, which have lines of their own (live.ts, view.ts).

import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Io } from './io.js';

/** A bar is redrawn by a timer, so work that never waits must wait for one turn of the loop now and then, ms. */
const TURN_MS = 100;

export interface Steps {
  /** Share of the work that is done, 0 to 1. Awaits a turn of the event loop where none has been for a while. */
  reached(share: number): Promise<void>;
}

/** @returns what `work` returns; its errors pass, and the bar is gone before they do */
export async function withProgress<T>(
  io: Pick<Io, 'stderr' | 'env'>,
  { json, label }: { readonly json: boolean; readonly label: string },
  work: (steps: Steps) => Promise<T>,
): Promise<T> {
  if (json || !io.stderr.isTTY || io.env.TERM === 'dumb') return await work({ reached: async () => {} });
  const { progress } = await import('@clack/prompts');
  const bar = progress({ max: 100, output: terminalOf(io.stderr) });
  bar.start(label);
  let shown = 0;
  let last = performance.now();
  try {
    return await work({
      async reached(share) {
        const percent = Math.min(100, Math.floor(share * 100));
        if (percent > shown) bar.advance(percent - shown, `${label} ${percent} %`);
        shown = Math.max(shown, percent);
        if (performance.now() - last < TURN_MS) return;
        await turn();
        last = performance.now();
      },
    });
  } finally {
    bar.clear();
  }
}

function terminalOf(output: Io['stderr']): Writable {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      output.write(String(chunk));
      done();
    },
  });
  return Object.assign(stream, { isTTY: true, columns: output.columns, rows: 24 });
}
