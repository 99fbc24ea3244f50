// A few lines at the bottom of a terminal that are redrawn in place, with lasting lines scrolling off above them.
// Off a terminal only the lasting lines are written. Not here: what the lines say (view.ts).

import type { Output } from './io.js';

/** Redraws come at most so often, ms: a terminal over a slow line must not be flooded. */
const REDRAW_MS = 80;
const ESCAPE = String.fromCharCode(27);
const CLEAR_BELOW = `${ESCAPE}[0J`;
const HIDE_CURSOR = `${ESCAPE}[?25l`;
const SHOW_CURSOR = `${ESCAPE}[?25h`;

export class LiveLines {
  readonly #out: Output;
  readonly #picture: () => readonly string[];
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param picture gives the lines of now; each is cut at the width of the terminal */
  constructor(out: Output, picture: () => readonly string[]) {
    this.#out = out;
    this.#picture = picture;
    if (out.isTTY) out.write(HIDE_CURSOR);
  }

  /** Lasting lines. */
  print(lines: readonly string[]): void {
    if (lines.length === 0) return;
    if (this.#out.isTTY && !this.#closed) this.#erase();
    this.#out.write(`${lines.join('\n')}\n`);
    if (this.#out.isTTY && !this.#closed) this.#draw();
  }

  /** The picture has changed. */
  changed(): void {
    if (!this.#out.isTTY || this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#erase();
      this.#draw();
    }, REDRAW_MS).unref();
  }

  /** Takes the picture away and gives the cursor back. Afterwards `print` still works. */
  close(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    if (this.#out.isTTY) {
      this.#erase();
      this.#out.write(SHOW_CURSOR);
    }
    this.#closed = true;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`${ESCAPE}[${this.#drawn}A\r${CLEAR_BELOW}`);
    this.#drawn = 0;
  }

  #draw(): void {
    const lines = this.#picture().map((line) => cut(line, this.#out.columns - 1));
    if (lines.length === 0) return;
    this.#out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }
}

/** The first `width` characters that show; escape sequences take no room and are kept. A wrapped line could not be erased. */
export function cut(line: string, width: number): string {
  let shown = 0;
  let out = '';
  for (let i = 0; i < line.length; i++) {
    if (line[i] === ESCAPE) {
      const end = line.indexOf('m', i);
      if (end < 0) break;
      out += line.slice(i, end + 1);
      i = end;
    } else if (shown < width) {
      out += line[i];
      shown++;
    }
  }
  return out;
}
