// Claims about the documentation site (docs/.vitepress): no page is left out, links of the repository lead to its pages.
// Not here: what the pages say (docs.test.ts); that the site builds (.ci/run).

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ERRORS } from '../protocol/errors.js';

interface Sidebar {
  readonly sidebar: readonly { readonly items: readonly { readonly link: string }[] }[];
}
interface Links {
  readonly siteAddress: (href: string, page: string) => string | undefined;
}
const load = async <T>(name: string): Promise<T> =>
  (await import(pathToFileURL(resolve('docs/.vitepress', name)).href)) as T;

describe('the site', () => {
  let shown: string[] = [];
  beforeAll(async () => {
    const { sidebar } = await load<Sidebar>('sidebar.mjs');
    shown = sidebar.flatMap(({ items }) => items.map(({ link }) => link));
  });

  it('names pages that are there, the API reference apart, which is made when the site is', () => {
    const file = (link: string) => `docs${link === '/' ? '/index' : link}.md`;
    expect(shown.filter((link) => link !== '/api/' && !existsSync(file(link)))).toEqual([]);
  });
  it('leaves out no page of docs/ but decisions and the pages of single codes', () => {
    const pages = readdirSync('docs')
      .filter((name) => name.endsWith('.md'))
      .map((name) => (name === 'index.md' ? '/' : `/${name.slice(0, -3)}`));
    expect(pages.filter((page) => !shown.includes(page))).toEqual([]);
  });
  it('has a page for every error code of the table', async () => {
    const { default: made } = await load<{ default: { paths(): { params: { code: string }; content: string }[] } }>(
      '../errors/[code].paths.mjs',
    );
    const codes = Object.keys(ERRORS);
    expect(codes.length).toBeGreaterThan(60);
    expect(new Set(made.paths().map(({ params }) => params.code))).toEqual(new Set(codes));
    for (const { content, params } of made.paths()) expect(content, params.code).not.toContain('undefined');
  });
});

describe('the pages', () => {
  /** What a page says outside of code: there a tag is HTML, to GitHub (which hides it) and to the site (which does not build). */
  const outside = (text: string) => text.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
  const placeholders = (text: string) => outside(text).match(/<[a-z][a-z -]*>/g) ?? [];

  it.each(readdirSync('docs').filter((name) => name.endsWith('.md')))('docs/%s writes placeholders as code', (name) => {
    expect(placeholders(readFileSync(`docs/${name}`, 'utf8'))).toEqual([]);
  });
  it('a bare one would be seen', () => expect(placeholders('export <data> to `<folder>`')).toEqual(['<data>']));
});

describe('a link of the repository', () => {
  it.each([
    ['privacy.md#audits', 'docs/concepts.md', '/privacy#audits'],
    ['../SECURITY.md', 'docs/threat-model.md', '/security'],
    ['docs/cli.md', 'README.md', '/cli'],
    ['../../docs/embedding.md', 'examples/edge/README.md', '/embedding'],
    ['../protocol/PROTOCOL.md#3-header', 'docs/concepts.md', '/protocol#3-header'],
    ['https://example.org/a.md', 'docs/cli.md', 'https://example.org/a.md'],
    ['#audits', 'docs/privacy.md', '#audits'],
  ])('%s on %s leads to %s', async (href, page, address) => {
    const { siteAddress } = await load<Links>('links.mjs');
    expect(siteAddress(href, page)).toBe(address);
  });
  it.each(['../examples/private.yaml', '../LICENSE', '../server/index.ts'])(
    'to %s, which the site does not show, is none',
    async (href) => {
      const { siteAddress } = await load<Links>('links.mjs');
      expect(siteAddress(href, 'docs/privacy.md')).toBeUndefined();
    },
  );
});
