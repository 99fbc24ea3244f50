// Links as GitHub shows them, made to work on the site: pages outside of this folder that the site has get their address here, and
// what the site does not have (sources, settings, a licence) becomes plain text with its path, never a link that leads nowhere.

import { posix } from 'node:path';

/** Pages of the repository that the site shows under another address. */
const ELSEWHERE = {
  'README.md': '/',
  'SECURITY.md': '/security',
  'CONTRIBUTING.md': '/contributing',
  'CHANGELOG.md': '/changelog',
  'protocol/PROTOCOL.md': '/protocol',
  'examples/browser/README.md': '/examples/browser',
  'examples/node-service/README.md': '/examples/node-service',
  'examples/edge/README.md': '/examples/edge',
};

/**
 * @param {string} href as written
 * @param {string} page path of the page in the repository, e.g. `docs/privacy.md`
 * @returns {string | undefined} the address on the site; undefined where the site has no such page
 */
export function siteAddress(href, page) {
  if (/^(https?:|mailto:|#|\/)/.test(href)) return href;
  const [path = '', hash] = href.split('#');
  const target = posix.normalize(posix.join(posix.dirname(page), path));
  const anchor = hash === undefined ? '' : `#${hash}`;
  if (ELSEWHERE[target] !== undefined) return ELSEWHERE[target] + anchor;
  if (target.startsWith('docs/') && target.endsWith('.md')) return `/${target.slice(5, -3)}${anchor}`;
  return undefined;
}

/** Which page of the repository a page of the site shows, where it is not the file itself. */
const SHOWN = {
  'security.md': 'SECURITY.md',
  'contributing.md': 'CONTRIBUTING.md',
  'changelog.md': 'CHANGELOG.md',
  'protocol.md': 'protocol/PROTOCOL.md',
  'examples/browser.md': 'examples/browser/README.md',
  'examples/node-service.md': 'examples/node-service/README.md',
  'examples/edge.md': 'examples/edge/README.md',
};

/** A markdown-it plugin. */
export function repositoryLinks(md) {
  md.core.ruler.push('repository-links', (state) => {
    const shown = state.env.relativePath ?? '';
    if (shown.startsWith('api/')) return;
    const page = SHOWN[shown] ?? `docs/${shown}`;
    for (const token of state.tokens) {
      let open;
      for (const child of token.children ?? []) {
        if (child.type === 'link_open') {
          const address = siteAddress(child.attrGet('href') ?? '', page);
          open = address === undefined ? child : undefined;
          if (address !== undefined) child.attrSet('href', address);
        }
        if (open === undefined) continue;
        if (child.type === 'link_open' || child.type === 'link_close') child.tag = 'span';
        if (child.type === 'link_open')
          child.attrs = [['title', posix.join(posix.dirname(page), open.attrGet('href') ?? '')]];
        if (child.type === 'link_close') open = undefined;
      }
    }
  });
}
