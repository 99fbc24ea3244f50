// The lines of docs/embedding.md for a page, as they stand there, in Chromium: they take part with clients in Node until the task ends.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CHROMIUM, launch, loadServe, visitor } from './chromium.js';

it.skipIf(CHROMIUM === undefined)('the lines for a page take part in two rounds and end with the task', async () => {
  const lines = /^```js browser\n([\s\S]*?)^```$/m.exec(readFileSync('docs/embedding.md', 'utf8'))?.[1] ?? '';
  expect(lines).toContain('openBrowserStore');
  const given = `
    const { url, coordinator, task, policy, model } = await (await fetch('/federation.json')).json();
    const data = { inputs: new Uint8Array(784 * 30).fill(9), labels: Uint8Array.from({ length: 30 }, (_, i) => i % 10), shape: [784], classes: 10 };
    const {`;
  writeFileSync(
    'dist/test/browser/quick-start-page.js',
    `${lines.replace('const {', given)}\nglobalThis.ended = { how, contributed };\n`,
  );
  const { bundle, startExample } = await loadServe();
  const example = await startExample({ nodeClients: 7, rounds: 2, pauseMs: 0 });
  const browser = await launch();
  try {
    const files = await bundle(['dist/test/browser/quick-start-page.js']);
    const { page, context, faults } = await visitor(browser);
    for (const [path, body] of files)
      await context.route(`**${path}`, (route) => route.fulfill({ body, contentType: 'text/javascript' }));
    await context.route('**/app.js', (route) =>
      route.fulfill({ body: "import '/quick-start-page.js';", contentType: 'text/javascript' }),
    );
    await page.goto(example.url);
    await page.waitForFunction(() => 'ended' in globalThis, undefined, { timeout: 60_000 });
    expect(await page.evaluate('globalThis.ended')).toEqual({ how: 'finished', contributed: 2 });
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
    await example.stop();
  }
});
