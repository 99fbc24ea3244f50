// Claims about the bar of long commands. Not here: the lines of running rounds (screen.test.ts).

import { describe, expect, it } from 'vitest';
import { withProgress } from '../../server/cli/progress.js';
import { fakeIo } from './fake-io.js';

const work = async ({ reached }: { reached(share: number): Promise<void> }) => {
  for (let step = 1; step <= 4; step++) {
    await new Promise((done) => setTimeout(done, 120));
    await reached(step / 4);
  }
  return 'done';
};

describe('a command that takes long', () => {
  it('draws a bar on a terminal, on stderr alone, and gives the cursor back', async () => {
    const io = fakeIo({ tty: true });
    expect(await withProgress(io, { json: false, label: 'verifying audit' }, work)).toBe('done');
    expect(io.err()).toContain('verifying audit');
    expect(io.err()).toMatch(/\d+ %/);
    expect(io.err().lastIndexOf('\u001b[?25h')).toBeGreaterThan(io.err().lastIndexOf('\u001b[?25l'));
    expect(io.out()).toBe('');
  });
  it.each([
    ['in a pipe', { tty: false }, false],
    ['with --json', { tty: true }, true],
    ['on a dumb terminal', { tty: true, env: { TERM: 'dumb' } }, false],
  ])('says nothing %s', async (_where, options, json) => {
    const io = fakeIo(options);
    expect(await withProgress(io, { json, label: 'verifying audit' }, work)).toBe('done');
    expect(io.err() + io.out()).toBe('');
  });
  it('passes errors on, without a bar left behind', async () => {
    const io = fakeIo({ tty: true });
    const broken = withProgress(io, { json: false, label: 'verifying audit' }, async () => {
      throw new Error('the third event is damaged');
    });
    await expect(broken).rejects.toThrow('the third event');
    expect(io.err().lastIndexOf('\u001b[?25h')).toBeGreaterThan(io.err().lastIndexOf('\u001b[?25l'));
  });
});
