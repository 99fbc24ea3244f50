// The transcript of a round from the log alone: it is what the record of its model was signed with, and no other facts are.
// Not here: the rest of the verification (data.test.ts), what a transcript holds (test/protocol).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { memoryGuards } from '../../client/node/index.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { publicKeyOf } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { TranscriptFacts } from '../../protocol/round/transcript.js';
import { Transcripts } from '../../server/audit/verify-transcript.js';
import { openData } from '../../server/data/open.js';
import { taskOf } from '../protocol/tasks.js';
import { live } from './life.js';

const root = mkdtempSync(join(tmpdir(), 'sotto-transcripts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const identity = generateIdentity(nativePrimitives, nativeRng);
const members = Array.from({ length: 4 }, () => ({
  identity: generateIdentity(nativePrimitives, nativeRng),
  guards: memoryGuards(),
}));

it('I tell other facts of a round than its model was signed with, and am found out: who was refused, who was there', async () => {
  const directory = join(root, 'data');
  const config = taskOf({ size: 4, dimension: 4 });
  await live({ directory, identity, config, rounds: 2 }, members);
  const data = await openData({ directory, identity, limitBytes: 1e9 });
  const events = [...data.store.events(1)];
  await data.close();
  const problemsOf = (change: (facts: TranscriptFacts) => TranscriptFacts): string[] => {
    const problems: string[] = [];
    const transcripts = new Transcripts(nativePrimitives, { current: publicKeyOf(identity.id) }, (text) =>
      problems.push(text),
    );
    for (const event of events) {
      const { transcript } = event.body as { readonly transcript?: { readonly facts: TranscriptFacts } };
      const body = transcript
        ? { ...event.body, transcript: { ...transcript, facts: change(transcript.facts) } }
        : event.body;
      transcripts.take({ ...event, body } as never, event.seq);
    }
    return problems;
  };
  expect(problemsOf((facts) => facts)).toEqual([]);
  const group = (facts: TranscriptFacts, patch: object): TranscriptFacts => ({
    ...facts,
    done: facts.done.map((one) => ({ ...one, ...patch })),
  });
  const refused = problemsOf((facts) => group(facts, { refused: [[0, 'ROUND_TOO_LATE']] }));
  expect(refused.length).toBeGreaterThan(0);
  for (const text of refused)
    expect(text).toMatch(/the transcript of round \d is not the one that its model was signed/);
  expect(problemsOf((facts) => group(facts, { u4: [0] })).some((text) => text.includes('other survivors'))).toBe(true);
}, 60_000);
