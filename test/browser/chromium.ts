// Chromium for tests: where it is, how it starts, pages on our bundles under the strict policy, screenshots. Not here: what is tested.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const CANDIDATES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const CHROMIUM = CANDIDATES.find((path) => path !== undefined && existsSync(path));
if (CHROMIUM === undefined)
  console.warn(
    'SKIPPED: no Chromium found, so nothing is tested in a browser. Install one (apt install chromium) or set CHROMIUM.',
  );

/** No traffic of the browser's own. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS });

/** A visitor with a profile of its own, and everything that went wrong in its pages. */
export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly faults: string[];
}
export async function visitor(browser: Browser, viewport = { width: 1100, height: 900 }): Promise<Visitor> {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  return { context, page, faults: listen(page) };
}
export function listen(page: Page): string[] {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  return faults;
}

/** Kept as artefacts, never compared: a person looks at them. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync('artefacts/browser', { recursive: true });
  await page.screenshot({ path: join('artefacts/browser', `${name}.png`), fullPage: true });
}

/** The example's own server (examples/browser/serve.mjs): what is tested is what is shown. */
export interface Serve {
  bundle(entryPoints: readonly string[]): Promise<Map<string, Buffer>>;
  serve(
    files: ReadonlyMap<string, Buffer>,
    socket: string,
  ): Promise<{ readonly url: string; readonly close: () => Promise<void> }>;
  startExample(options?: {
    readonly nodeClients?: number;
    readonly rounds?: number;
    readonly pauseMs?: number;
  }): Promise<Example>;
}
export interface Example {
  readonly url: string;
  readonly federation: {
    readonly coordinator: import('../../server/index.js').Coordinator;
    readonly clients: readonly import('../../client/federated-client.js').FederatedClient[];
  };
  stop(): Promise<void>;
}
export const loadServe = async (): Promise<Serve> =>
  (await import(pathToFileURL('examples/browser/serve.mjs').href)) as Serve;
