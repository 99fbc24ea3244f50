// The samples in examples/deploy name commands that there are. Not here: systemd and Docker, which are not where this is developed.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Commands } from '../../server/cli/program.js';
import { run } from '../../server/cli/run.js';
import { fakeIo } from './fake-io.js';

/** Every command line of ours in the sample. */
const LINES: Readonly<Record<string, (text: string) => readonly string[][]>> = {
  'sotto-coordinator.service': (text) =>
    [...text.matchAll(/^ExecStart=.*\/sotto (.*)$/gm)].map(([, line]) => (line ?? '').split(' ')),
  Dockerfile: (text) => [
    ...[...text.matchAll(/^CMD (\[.*\])$/gm)].map(([, json]) => JSON.parse(json ?? '') as string[]),
    ...[...text.matchAll(/^#.* sotto (keys .*)$/gm)].map(([, line]) => (line ?? '').split(' ')),
  ],
};

it.each(Object.entries(LINES))('%s asks for commands and options that there are', async (name, linesOf) => {
  const lines = linesOf(readFileSync(`examples/deploy/${name}`, 'utf8'));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    const asked: string[] = [];
    const recorder = new Proxy({} as Commands, { get: (_, command) => async () => void asked.push(String(command)) });
    const io = fakeIo();
    expect([await run(line, io, recorder), io.err()]).toEqual([undefined, '']);
    expect(asked).toHaveLength(1);
  }
});
