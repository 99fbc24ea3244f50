// A page for each error code, from the sections of docs/errors.md (which is made from protocol/errors.ts and the remedies of `sotto explain`).
import { readFileSync } from 'node:fs';

const WHO = {
  remote:
    'Whoever sent the bad value. You can do nothing about it here but look who it was: its client or its operator has to act.',
  local: 'This side: its settings, its disk, its state, or how it was called.',
  config: 'Whoever wrote the settings. Change them as the message says, then start again.',
  nobody: 'Nobody: chance or time. If it happens often, look at deadlines and at the network.',
};
const AGAIN = {
  never: 'No. The same attempt ends the same way.',
  later: 'Yes, after a while; the client of Sotto does so by itself, with growing pauses.',
  'next-attempt': 'Yes, in the next attempt of the same round, by itself.',
  'next-round': 'Yes, in the next round, by itself.',
};

export default {
  paths() {
    const text = readFileSync(new URL('../errors.md', import.meta.url), 'utf8');
    const section = /^##+ ([A-Z]+(?:_[A-Z0-9_]+)?)\n\n(.+)\n\n- blame `(\S+)`, retry `(\S+)`, exit (\d+)\n- (.+)$/gm;
    return [...text.matchAll(section)].map(([, code, says, blame, retry, exit, remedy]) => ({
      params: { code },
      content: [
        `# ${code}`,
        '',
        says,
        '',
        '## What to do',
        '',
        remedy,
        '',
        '## Who has to act',
        '',
        `${WHO[blame] ?? blame}`,
        '',
        '## Does it help to try again?',
        '',
        `${AGAIN[retry] ?? `${retry}.`}`,
        '',
        `A command of \`sotto\` that ends with it exits with ${exit}. The message beside the code names the culprit (file and line, setting, client, message) and the way out. [All codes](/errors).`,
      ].join('\n'),
    }));
  },
};
