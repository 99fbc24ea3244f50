// The dashboard as a person uses it: signs in with the code, watches real rounds, finds a client by keyboard, pauses, quarantines, hears
// an appeal, reads the log, on a phone and in the dark. Nothing is mocked: a coordinator, clients, masks. Screenshots stay in
// artefacts/browser. Not here: the addresses behind it (test/http).

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FederatedClient, memoryGuards } from '../../client/node/index.js';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import type { ClientId } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { type Coordinator, createHttp, type Http, inProcessEngine, startCoordinator } from '../../server/index.js';
import { taskOf, WEAK_POLICY } from '../protocol/tasks.js';
import { CHROMIUM, launch, listen, screenshot, type Visitor, visitor } from './chromium.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** Gate: everything that the page loads, compressed. */
const MOST_BYTES = 60_000;

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}
async function violations(page: Page): Promise<string[]> {
  // As a script of the page itself would be refused by its policy: the debugger may.
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
  });
  return found;
}

/** In the page: the longest time without a frame in the next three seconds, milliseconds. */
const measureFrames = (): Promise<number> =>
  new Promise((done) => {
    const from = performance.now();
    let last = from;
    let longest = 0;
    const frame = (now: number): void => {
      longest = Math.max(longest, now - last);
      last = now;
      if (now - from < 3_000) requestAnimationFrame(frame);
      else done(longest);
    };
    requestAnimationFrame(frame);
  });

/** In the page: tasks of 50 ms and more in the next four seconds, as the browser counts them, and how often the list changed. */
const measureTasks = (): Promise<{ longTasks: number; longestMs: number; updates: number }> =>
  new Promise((done) => {
    const seen: number[] = [];
    let updates = 0;
    const tasks = new PerformanceObserver((list) => seen.push(...list.getEntries().map(({ duration }) => duration)));
    tasks.observe({ entryTypes: ['longtask'] });
    const main = document.querySelector('main');
    const changes = new MutationObserver(() => updates++);
    if (main !== null) changes.observe(main, { subtree: true, childList: true, characterData: true, attributes: true });
    setTimeout(() => {
      tasks.disconnect();
      changes.disconnect();
      done({ longTasks: seen.length, longestMs: Math.round(Math.max(0, ...seen)), updates });
    }, 4_000);
  });

/** A line to the coordinator that can be cut. */
async function openLine(to: number) {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => open.delete(one) && other.destroy());
    }
  });
  const listenAt = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  await listenAt(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async cut() {
      const closed = new Promise((done) => server.close(done));
      for (const socket of open) socket.destroy();
      await closed;
    },
    mend: () => listenAt(port),
  };
}

describe('what the page loads', () => {
  it(`is at most ${MOST_BYTES} bytes compressed, and names no other place`, () => {
    const files = ['index.html', 'app.css', 'app.js', 'icon.svg'].map((name) =>
      readFileSync(join('dist/server/dashboard/public', name)),
    );
    expect(files.reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0)).toBeLessThanOrEqual(MOST_BYTES);
    const addresses = files.flatMap((bytes) =>
      [...bytes.toString().matchAll(/https?:\/\/[^\s"'`)]+/g)].map(([url]) => url),
    );
    // Names of vocabularies, which nobody loads.
    expect(addresses.filter((url) => !url.startsWith('http://www.w3.org/'))).toEqual([]);
  });
});

describe.skipIf(CHROMIUM === undefined)('somebody who looks after a federation', () => {
  const SIZE = 8;
  const config = taskOf({ size: SIZE, colluders: 1, dimension: 64 });
  const directory = mkdtempSync(join(tmpdir(), 'sotto-dashboard-'));
  let browser: Browser;
  let coordinator: Coordinator;
  let http: Http;
  let running: ReturnType<Http['attach']>;
  let olga: Visitor;
  const clients: FederatedClient[] = [];
  const identities: Identity[] = Array.from({ length: SIZE + 1 }, () => generateIdentity(nativePrimitives, nativeRng));
  const id = (n: number): ClientId => identities[n]?.id as ClientId;

  beforeAll(async () => {
    browser = await launch();
    http = createHttp({ tokens: [], listenHost: '127.0.0.1' });
    const campaign = {
      rounds: 500,
      attemptsPerRound: 3,
      clients: { min: SIZE, waitMs: 3_600_000 },
      overSelection: 1,
      pauseMs: 400,
    };
    let measured = 0;
    coordinator = await startCoordinator({
      task: config,
      initialWeights: new Float32Array(config.dimension),
      identity: generateIdentity(nativePrimitives, nativeRng),
      listen: { host: '127.0.0.1', port: 0 },
      roster: { kind: 'open' },
      campaign,
      random: Math.random,
      engine: inProcessEngine(),
      fetch: http.fetch,
      data: { directory: join(directory, 'data'), backupRounds: 0 },
      // A curve with a shape; what a model is worth is not what is tested here.
      evaluate: async () => {
        measured++;
        return { examples: 100, accuracy: 0.9 - 0.8 / (measured + 1), loss: 2.3 / measured };
      },
    });
    running = http.attach(coordinator, { task: config, campaign, evaluates: true, version: '0.1' });
    olga = await visitor(browser, { width: 1280, height: 900 });
  }, 60_000);
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.stop()));
    http?.close();
    await coordinator?.stop('the test is over');
    await browser?.close();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  const join_ = (n: number): void => {
    const identity = identities[n];
    if (identity === undefined) throw new RangeError('no such client');
    const client = new FederatedClient({
      url: coordinator.url,
      coordinator: coordinator.id,
      identity,
      task: config.task,
      policy: { ...WEAK_POLICY, rollBack: 'signed' },
      guards: memoryGuards(),
      trainer: {
        init: async ({ dimension }) => ({ dimension, variables: [] }),
        train: async () => ({ update: new Float32Array(64).fill(n / 128), examples: 1, metrics: {} }),
      },
    });
    client.run().catch(() => undefined);
    clients.push(client);
  };
  const goTo = (name: string) => olga.page.getByRole('navigation').getByRole('link', { name }).click();
  const committed = async (least: number) =>
    olga.page.waitForFunction((n) => document.querySelectorAll('main table tbody tr').length >= n, least, {
      timeout: 60_000,
    });

  it('a wrong code is told so; the right one opens the page, and its address holds no secret', async () => {
    const { page } = olga;
    await page.goto(coordinator.url.replace('ws:', 'http:'));
    await page.getByLabel('One-time code or token').fill('WRONG-CODE');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await screenshot(page, 'dashboard-sign-in');
    expect(await violations(page)).toEqual([]);
    await page.getByLabel('One-time code or token').fill(http.startCode() ?? '');
    await page.keyboard.press('Enter');
    await page.getByText('0 of 8 clients are here').waitFor();
    expect(new URL(page.url()).search).toBe('');
    // The one refusal above is what the browser itself writes down.
    olga.faults.length = 0;
    await screenshot(page, 'dashboard-empty');
    expect(await violations(page)).toEqual([]);
  });

  it('clients come, rounds run, and the page shows each without being reloaded', async () => {
    for (let n = 0; n < SIZE; n++) join_(n);
    await committed(3);
    expect(await olga.page.locator('.squares i').count()).toBe(SIZE);
    await olga.page.waitForSelector('.uplot canvas');
    await screenshot(olga.page, 'dashboard-overview-light');
    expect(await violations(olga.page)).toEqual([]);
  });

  it('every page opens, says what it has to say, and can be used by everybody, in the light and in the dark', async () => {
    const found: Record<string, string[]> = {};
    for (const name of ['Clients', 'Stopped', 'Groups', 'Privacy', 'Traffic', 'Models', 'Audit log', 'Alerts']) {
      await goTo(name);
      await olga.page.waitForSelector('main .card');
      if (name === 'Audit log') await olga.page.waitForSelector('.log li');
      found[name] = await violations(olga.page);
      await screenshot(olga.page, `dashboard-${name.toLowerCase().replace(' ', '-')}`);
      await olga.page.emulateMedia({ colorScheme: 'dark' });
      found[`${name}, dark`] = await violations(olga.page);
      await olga.page.emulateMedia({ colorScheme: 'light' });
    }
    expect(Object.keys(found)).toHaveLength(16);
    expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, []])));
  });

  it('a client is found by keyboard, opened, and closed with Escape', async () => {
    const { page } = olga;
    await goTo('Clients');
    await page.getByLabel('Search').fill(id(2).slice(0, 6));
    await page.waitForFunction(() => document.querySelectorAll('.tall .row').length === 1);
    await page.locator('.tall a').focus();
    await page.keyboard.press('Enter');
    await page.getByText(id(2)).waitFor();
    await screenshot(page, 'dashboard-client');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.querySelector('dialog[open]') === null);
    await page.getByLabel('Search').fill('');
    await page.waitForFunction((n) => document.querySelectorAll('.tall .row').length === n, SIZE);
    await page.locator('.tall a').first().focus();
    await page.keyboard.press('End');
    await page.waitForFunction(() => document.activeElement?.getAttribute('data-at') === '7');
  });

  it('pausing asks why, stops the next round, and stands in the audit log with name and reason', async () => {
    const { page } = olga;
    await page.getByRole('button', { name: 'Pause' }).click();
    const go = page.getByRole('dialog').getByRole('button', { name: 'Pause' });
    expect(await go.isDisabled()).toBe(true);
    await page.getByLabel('Reason, for the audit log').fill('looking at a suspicious client');
    await screenshot(page, 'dashboard-pause');
    expect(await violations(page)).toEqual([]);
    await go.click();
    await page.getByText('paused by local: looking at a suspicious client').waitFor();
    expect(coordinator.admin.status().hold.type).toBe('paused');
    await goTo('Audit log');
    await page.getByLabel('Kind').selectOption('paused');
    await page.getByText('reason looking at a suspicious client').waitFor();
    await page.getByText('sound', { exact: true }).waitFor();
  });

  it('quarantines a client; a reserve takes its seat; the appeal lets it in again', async () => {
    const { page } = olga;
    join_(SIZE);
    await goTo('Clients');
    await page.locator(`.tall a:text("${id(3).slice(0, 8)}")`).click();
    await page.getByRole('button', { name: 'Quarantine…' }).click();
    await page.getByLabel('Rounds', { exact: true }).fill('50');
    await page.getByLabel('Reason, for the audit log').fill('its operator reports a break-in');
    await page.getByRole('button', { name: 'Quarantine', exact: true }).click();
    await page.getByRole('button', { name: 'Grant appeal' }).waitFor();
    await screenshot(page, 'dashboard-quarantined');
    await page.keyboard.press('Escape');
    const next = new Promise<readonly ClientId[]>((done) => {
      const off = coordinator.on('round', ({ cohort }) => {
        off();
        done(cohort);
      });
    });
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByLabel('Reason, for the audit log').fill('seen');
    await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
    expect(await next).not.toContain(id(3));
    await goTo('Stopped');
    await page.getByText('its operator reports a break-in').first().waitFor();
    await screenshot(page, 'dashboard-stopped-one');
    await goTo('Clients');
    await page.locator(`.tall a:text("${id(3).slice(0, 8)}")`).click();
    await page.getByRole('button', { name: 'Grant appeal' }).click();
    await page.getByLabel('Reason, for the audit log').fill('the machine is clean again');
    await page.getByRole('button', { name: 'Grant', exact: true }).click();
    await page.getByRole('button', { name: 'Quarantine…' }).waitFor();
    await page.keyboard.press('Escape');
    expect(coordinator.monitor().clients.get(id(3))?.quarantinedUntil).toBe(0);
  });

  it('the weights of a model are downloaded, and are those of the coordinator', async () => {
    await goTo('Models');
    const [download] = await Promise.all([
      olga.page.waitForEvent('download'),
      olga.page.getByRole('link', { name: /the model of round 1$/ }).click(),
    ]);
    const bytes = readFileSync(await download.path());
    expect(bytes.length).toBe(4 * config.dimension);
  });

  it('an administrator goes back to an earlier model: asked why, signed into the chain, told to everybody who watches', async () => {
    const { page } = olga;
    await goTo('Models');
    await page.getByRole('button', { name: /to the model of round 1$/ }).click();
    const go = page.getByRole('dialog').getByRole('button', { name: 'Roll back' });
    expect(await go.isDisabled()).toBe(true);
    await page.getByLabel('Reason, for every client and the audit log').fill('round 2 was poisoned');
    await screenshot(page, 'dashboard-roll-back');
    expect(await violations(page)).toEqual([]);
    await go.click();
    await page.getByText('going back to round 1').waitFor();
    await page.locator('td').getByText('rollback', { exact: true }).first().waitFor();
    await screenshot(page, 'dashboard-rolled-back');
    const chain = coordinator.chain();
    const back = chain.find(({ type }) => type === 'rollback');
    expect(back?.modelAfter).toEqual(chain[1]?.modelAfter);
    await goTo('Alerts');
    await page.getByText(/local went back to the model of round 1.*round 2 was poisoned/).waitFor();
  });

  it('in the dark and on a phone: nothing is cut off sideways, and it can still be used by everybody', async () => {
    const phone = await browser.newContext({
      viewport: { width: 390, height: 844 },
      colorScheme: 'dark',
      storageState: await olga.context.storageState(),
    });
    const page = await phone.newPage();
    const faults = listen(page);
    await page.goto(coordinator.url.replace('ws:', 'http:'));
    await page.waitForSelector('.uplot canvas');
    for (const name of ['Overview', 'Clients', 'Stopped', 'Traffic', 'Models', 'Audit log']) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.waitForSelector('main .card');
      if (name === 'Overview') await page.waitForSelector('.uplot canvas');
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect([name, wide]).toEqual([name, 0]);
      expect([name, await violations(page)]).toEqual([name, []]);
      await screenshot(page, `dashboard-phone-dark-${name.toLowerCase().replace(' ', '-')}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
    await page.waitForSelector('.uplot canvas');
    for (const name of ['Clients', 'Models', 'Privacy', 'Alerts', 'Overview']) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.waitForSelector(name === 'Overview' ? '.uplot canvas' : 'main .card');
      await screenshot(page, `dashboard-${name.toLowerCase()}-dark`);
    }
    expect(faults).toEqual([]);
    await phone.close();
  });

  it('all of it without one error in the console', () => expect(olga.faults).toEqual([]));

  it('ten thousand clients: only the visible rows exist, the last is one key away, updates keep coming', async () => {
    const board = running.attached.board;
    const many = (i: number) => `${i.toString(16).padStart(8, '0')}${'c'.repeat(56)}` as ClientId;
    for (let i = 0; i < 10_000; i++) board.notice({ type: 'connected', client: many(i), agent: 'sotto-client/0.1' }, 0);
    const { page } = olga;
    await goTo('Clients');
    await page.getByText(/10,00\d of 10,00\d/).waitFor();
    expect(await page.locator('.tall .row').count()).toBeLessThan(60);
    await page.locator('.tall a').first().focus();
    await page.keyboard.press('End');
    await page
      .locator(`.tall a:text("${many(9_999).slice(0, 8)}")`)
      .first()
      .waitFor();
    // Every client changes a hundred times while somebody scrolls: the page must come to the newest state, not to its end.
    const gap = page.evaluate(measureFrames);
    for (let turn = 0; turn < 20; turn++) {
      for (let i = 0; i < 10_000; i += 5) board.notice({ type: 'left', client: many(i) }, 0);
      for (let i = 0; i < 10_000; i += 5)
        board.notice({ type: 'connected', client: many(i), agent: `turn ${turn}` }, 0);
      await page.mouse.wheel(0, turn % 2 === 0 ? -4_000 : 3_000);
      await new Promise((done) => setImmediate(done));
    }
    await page.getByLabel('Search').fill('turn 19');
    await page.getByText(/^2,000 of/).waitFor();
    console.log(
      `10,000 clients: the longest gap between two frames was ${Math.round(await gap)} ms while other processes ran`,
    );
    // And as in real life: four pictures a second, each with news of a hundred clients.
    await page.getByLabel('Search').fill('');
    await page.getByText(/10,00\d of 10,00\d/).waitFor();
    const idle = await page.evaluate(measureTasks);
    const busy = page.evaluate(measureTasks);
    for (let turn = 0; turn < 16; turn++) {
      for (let i = 0; i < 100; i++)
        board.notice({ type: 'connected', client: many((turn * 631 + i * 97) % 10_000), agent: `beat ${turn}` }, 0);
      await new Promise((done) => setTimeout(done, 250));
    }
    const load = loadavg()[0]?.toFixed(1);
    console.log(
      `10,000 clients at 4 Hz for 4 s: ${JSON.stringify(await busy)}, without news ${JSON.stringify(idle)} (load ${load})`,
    );
    expect((await busy).updates).toBeGreaterThanOrEqual(8);
    await screenshot(page, 'dashboard-ten-thousand');
    await page.getByLabel('Search').fill('');
  });

  it('a cut line is told, with the time of the picture, and heals by itself', async () => {
    const line = await openLine(Number(new URL(coordinator.url).port));
    const page = await olga.context.newPage();
    await page.goto(`http://127.0.0.1:${line.port}`);
    await page.waitForSelector('main .card');
    await line.cut();
    await page.getByText('The coordinator does not answer. This is the picture of').waitFor();
    await screenshot(page, 'dashboard-lost');
    expect(await violations(page)).toEqual([]);
    await line.mend();
    await page.waitForFunction(() => document.querySelector('.banner') === null, undefined, { timeout: 60_000 });
    await line.cut();
  });
});
