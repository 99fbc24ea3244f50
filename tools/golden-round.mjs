// Writes test/golden/round-n4.json, the frozen round of test/protocol/replay.ts, where it does not exist yet. It is never
// overwritten: to change it before a release of the protocol, delete it first. Needs a build; run from the repository root.

import { existsSync, writeFileSync } from 'node:fs';

const FILE = 'test/golden/round-n4.json';
if (existsSync(FILE)) {
  console.error(`${FILE} exists and stays as it is`);
  process.exitCode = 1;
} else {
  const { replay, portablePrimitives } = await import('../dist/test/protocol/replay.js');
  writeFileSync(FILE, `${JSON.stringify(replay(portablePrimitives), null, 1)}\n`);
}
