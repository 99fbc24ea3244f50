// The example as visitors use it: Chromium tabs and clients in Node finish rounds together under secure aggregation; tabs close, pages
// reload. Everything is real: sockets, masks, training on WebAssembly in a worker. Screenshots stay in artefacts/browser.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RoundReport } from '../../server/index.js';
import { CHROMIUM, type Example, launch, loadServe, screenshot, type Visitor, visitor } from './chromium.js';

/** The bar of an idle machine, where a page that does nothing has gaps below 10 ms. A busy one stops such a page too: ten times its gap passes. */
const LONGEST_GAP_MS = 100;
const gapOf = (page: Page): Promise<number> =>
  page.evaluate(() => (globalThis as unknown as { longestGap: number }).longestGap);

let browser: Browser;
let example: Example;
const reports: RoundReport[] = [];
const idOf = (page: Page): Promise<string> => page.locator('#identity').textContent() as Promise<string>;
const spentOf = async (page: Page): Promise<number> => Number(await page.locator('#spent').textContent());
const spends = (page: Page, atLeast: number): Promise<unknown> =>
  page.waitForFunction((n) => Number(document.getElementById('spent')?.textContent) >= n, atLeast, { timeout: 60_000 });
/** The next report that satisfies `fits`, also if it has come already. */
async function reported(fits: (report: RoundReport) => boolean): Promise<RoundReport> {
  const found = reports.find(fits);
  if (found !== undefined) return found;
  return new Promise((resolve) => {
    const end = example.federation.coordinator.on('round', (report) => {
      if (!fits(report)) return;
      end();
      resolve(report);
    });
  });
}
const arrive = async (options?: { width: number; height: number }): Promise<Visitor> => {
  const guest = await visitor(browser, options);
  await guest.page.goto(example.url);
  await guest.page.waitForSelector('#join:enabled');
  return guest;
};

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  browser = await launch();
  example = await (await loadServe()).startExample({ nodeClients: 6, pauseMs: 200 });
  example.federation.coordinator.on('round', (report) => void reports.push(report));
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await example?.stop();
}, 60_000);

describe.skipIf(CHROMIUM === undefined)('visitors of the example', () => {
  let anna: Visitor;
  let ben: Visitor;
  let gaps = { training: Number.POSITIVE_INFINITY, idle: 0 };

  it('two tabs and six clients in Node finish rounds together; all eight are in the sum', async () => {
    anna = await arrive();
    await screenshot(anna.page, 'before');
    ben = await arrive({ width: 390, height: 844 });
    const idle = await arrive();
    await Promise.all([idle.page, anna.page].map((page) => page.evaluate(measureGaps)));
    await anna.page.click('#join');
    await anna.page.waitForFunction(
      () => document.getElementById('status-text')?.textContent === 'Waiting for the others',
    );
    expect(reports).toEqual([]); // seven are not enough
    await ben.page.click('#join');
    await Promise.all([spends(anna.page, 2), spends(ben.page, 2)]);
    gaps = { training: await gapOf(anna.page), idle: await gapOf(idle.page) };
    await idle.context.close();
    const both = [await idOf(anna.page), await idOf(ben.page)];
    const full = await reported((report) => both.every((id) => report.survivors.some((one) => one === id)));
    expect([full.outcome.type, full.survivors.length, full.excluded]).toEqual(['committed', 8, []]);
    await screenshot(anna.page, 'in-a-round');
    await screenshot(ben.page, 'phone');
    expect([anna.faults, ben.faults]).toEqual([[], []]);
  });

  it('the page stayed awake while its worker trained, and what it sent was masks, not pictures', async () => {
    const { training, idle } = gaps;
    console.log(`longest gap while training ${training.toFixed(0)} ms, of an idle page ${idle.toFixed(0)} ms`);
    expect(training).toBeLessThan(Math.max(LONGEST_GAP_MS, 10 * idle));
    expect(await anna.page.locator('#sent-input').textContent()).toMatch(/ kB| MB/);
    expect(await anna.page.locator('#sample').getAttribute('aria-label')).toBe('Bytes of your masked update: noise');
  });

  it("the page shows what its visitor has spent: an ε that grows with each round and stands in the page's own ledger", async () => {
    const epsilonOf = async (page: Page): Promise<number> => Number(await page.locator('#epsilon').textContent());
    const grows = (page: Page, above: number): Promise<unknown> =>
      page.waitForFunction((e) => Number(document.getElementById('epsilon')?.textContent) > e, above, {
        timeout: 60_000,
      });
    const first = await epsilonOf(anna.page);
    expect(first).toBeGreaterThan(1); // two rounds of DP-SGD with z = 1.5, q = 0.1
    await grows(anna.page, first);
    const last = await epsilonOf(anna.page);
    expect(await anna.page.locator('#epsilon-most').textContent()).toBe('8');
    expect(last).toBeLessThan(8);
    const entries = await anna.page.evaluate(countLedger);
    expect(entries).toBeGreaterThanOrEqual(2 * (await spentOf(anna.page))); // reserved and settled
    expect(await anna.page.locator('#wire-title + table tr').allTextContents()).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Your update, noised.*masked: nobody/),
        expect.stringMatching(/^Pictures and labels0 Bstay here/),
      ]),
    );
    await screenshot(anna.page, 'epsilon');
  });

  it('a tab that is closed in the middle of a round is a dropout: the round is committed without it', async () => {
    const carla = await arrive();
    // Her worker never starts, so she deals her shares and then is closed before she has sent an update.
    await carla.context.route('**/worker.js', () => undefined);
    await carla.page.click('#join');
    await carla.page.waitForFunction(
      () => document.querySelector('#phases [data-phase=training]')?.getAttribute('data-at') === 'now',
      undefined,
      { timeout: 60_000 },
    );
    const id = await idOf(carla.page);
    await carla.page.close();
    const report = await reported(({ dropped }) => dropped.some(({ client }) => client === id));
    expect([report.outcome.type, report.survivors.length]).toEqual(['committed', 7]);
    expect(report.survivors).not.toContain(id);
  });

  it('after a reload it is the same client: same name, its rounds remembered, and it goes on', async () => {
    const before = { id: await idOf(anna.page), spent: await spentOf(anna.page) };
    await anna.page.reload();
    await anna.page.waitForSelector('#join:enabled');
    await anna.page.emulateMedia({ colorScheme: 'dark' });
    await anna.page.click('#join');
    await anna.page.waitForFunction(() => document.getElementById('join')?.textContent === 'Leave');
    expect(await idOf(anna.page)).toBe(before.id);
    expect(await spentOf(anna.page)).toBeGreaterThanOrEqual(before.spent);
    await spends(anna.page, before.spent + 2);
    await screenshot(anna.page, 'dark');
  });

  it('a second tab of the same browser is told that the first one takes part already', async () => {
    const second = await anna.context.newPage();
    await second.goto(example.url);
    await second.waitForSelector('#join:enabled');
    await second.click('#join');
    await second.waitForSelector('#problem:not([hidden])');
    expect(await second.locator('#problem').textContent()).toContain('another tab');
    await screenshot(second, 'second-tab');
    await second.close();
  });

  it('a visitor draws ten digits with the pointer, labels them by keyboard, takes part and leaves', async () => {
    await ben.page.click('#join');
    await ben.page.waitForFunction(() => document.getElementById('join')?.textContent === 'Take part');
    await ben.page.setViewportSize({ width: 1100, height: 900 });
    await ben.page.getByLabel('Draw my own').check();
    expect(await ben.page.locator('#join').isDisabled()).toBe(true);
    const pad = await ben.page.locator('#pad').boundingBox();
    if (pad === null) throw new Error('no pad');
    for (let n = 0; n < 10; n++) {
      const x = pad.x + pad.width * (0.4 + 0.02 * n);
      await ben.page.mouse.move(x, pad.y + 20);
      await ben.page.mouse.down();
      await ben.page.mouse.move(x + 4, pad.y + pad.height - 20, { steps: 4 });
      await ben.page.mouse.up();
      await ben.page.getByRole('button', { name: '1', exact: true }).focus();
      await ben.page.keyboard.press('Enter');
    }
    expect(await ben.page.locator('#drawn-count').textContent()).toBe('10 drawn.');
    await screenshot(ben.page, 'drawn');
    const before = await spentOf(ben.page);
    await ben.page.click('#join');
    await spends(ben.page, before + 1);
    await ben.page.click('#join');
    await ben.page.waitForFunction(() => document.getElementById('join')?.textContent === 'Take part');
    expect(ben.faults).toEqual([]);
  });

  it('a page whose federation has ended says so and what to do', async () => {
    const late = await visitor(browser);
    await late.context.route('**/federation.json', (route) => route.fulfill({ status: 404 }));
    await late.page.goto(example.url);
    await late.page.waitForSelector('#problem:not([hidden])');
    expect(await late.page.locator('#problem').textContent()).toContain('npm run example:browser');
    await screenshot(late.page, 'no-federation');
  });
});

/** In the page: the longest time for which its thread did nothing of ours. A MessageChannel is not slowed like a timer. */
function measureGaps(): void {
  const scope = globalThis as unknown as { longestGap: number };
  scope.longestGap = 0;
  const { port1, port2 } = new MessageChannel();
  let last = performance.now();
  port1.onmessage = () => {
    const now = performance.now();
    scope.longestGap = Math.max(scope.longestGap, now - last);
    last = now;
    setTimeout(() => port2.postMessage(0), 4);
  };
  port2.postMessage(0);
}

/** In the page: entries of its privacy ledger. The database is open in the page's own client too, which does not disturb reading. */
function countLedger(): Promise<number> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('sotto digits');
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const all = opening.result.transaction('ledgers').objectStore('ledgers').getAll();
      all.onerror = () => reject(all.error);
      all.onsuccess = () => {
        opening.result.close();
        resolve((all.result as unknown[][]).flat().length);
      };
    };
  });
}
