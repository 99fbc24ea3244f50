// The documentation site. `npm run build` in this folder writes .vitepress/dist: plain files for any web server.
import { withMermaid } from 'vitepress-plugin-mermaid';
import { repositoryLinks } from './links.mjs';
import { sidebar } from './sidebar.mjs';

/** Anchors as GitHub makes them, so that one link works in both places. */
const slugify = (title) =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const page = (text, link) => ({ text, link });

export default withMermaid({
  title: 'Sotto',
  description: 'Federated learning in which secure aggregation and robustness compose',
  lang: 'en-GB',
  cleanUrls: true,
  srcExclude: ['node_modules/**', 'README.md'],
  markdown: {
    anchor: { slugify },
    headers: { slugify },
    config: (md) => md.use(repositoryLinks),
    // `yaml part`, `js run`: words after the language tell our tests what to do with a block.
    languageAlias: { console: 'sh' },
  },
  // Labels as SVG text: as HTML they take the site's line height, which their boxes do not know.
  mermaid: { flowchart: { htmlLabels: false } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [page('Start', '/'), page('Concepts', '/concepts'), page('API', '/api/'), page('Numbers', '/numbers')],
    sidebar,
  },
});
