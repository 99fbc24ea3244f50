// Pages of reports: one file that needs nothing else, for light and dark screens, for paper and screen readers. Blocks are values;
// whatever is text is escaped here, so that a name in a report can never become markup. Not here: drawing (chart.ts), Markdown.

import type { Chart } from './chart.js';

export type Cell = string | number | null;
export interface Table {
  readonly caption: string;
  readonly head: readonly string[];
  /** The first cell of each row names it. null is shown as a dash. */
  readonly rows: readonly (readonly Cell[])[];
}
export type Block =
  | { readonly type: 'heading'; readonly text: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'list'; readonly items: readonly string[] }
  | { readonly type: 'table'; readonly table: Table }
  | { readonly type: 'chart'; readonly chart: Chart }
  /** A few numbers that say most, each with its name. */
  | { readonly type: 'tiles'; readonly items: readonly { readonly name: string; readonly value: string }[] };

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** Safe between tags and inside quoted attributes. */
export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => ESCAPES[char] ?? '');

/** The page forbids itself everything but its own styles: nothing is loaded, nothing runs. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE = `
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #ffffff; --line: #cfcfcf; --soft: #f3f3f3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #161616; --line: #474747; --soft: #232323; } }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1, h2 { line-height: 1.2; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .3rem 0; font-weight: 600; min-width: min(40rem, 90vw); }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: right; }
thead th { background: var(--soft); }
th.text, td.text { text-align: left; }
tbody th { text-align: left; font-weight: 500; white-space: nowrap; }
td.short { white-space: nowrap; }
code { font-family: ui-monospace, monospace; font-size: .95em; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.tiles div { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; background: var(--soft); }
.tiles dt { font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; }
figcaption { font-weight: 600; }
figure > div { overflow-x: auto; }
figure svg { width: 100%; min-width: 34rem; height: auto; }
p, li, dd { overflow-wrap: anywhere; }
.dark { display: none; }
@media (prefers-color-scheme: dark) { .light { display: none; } .dark { display: block; } }
@media print { .light { display: block; } .dark { display: none; } }
`;

/** @param title of the page and its first heading */
export function htmlDocument(title: string, blocks: readonly Block[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${blocks.map(htmlBlock).join('\n')}
</main>
</body>
</html>
`;
}

function htmlBlock(block: Block): string {
  switch (block.type) {
    case 'heading':
      return `<h2>${escapeHtml(block.text)}</h2>`;
    case 'text':
      return `<p>${prose(block.text)}</p>`;
    case 'list':
      return `<ul>\n${block.items.map((item) => `<li>${prose(item)}</li>`).join('\n')}\n</ul>`;
    case 'table':
      return htmlTable(block.table);
    case 'chart': {
      const { title, light, dark } = block.chart;
      return `<figure>\n<figcaption>${escapeHtml(title)}</figcaption>\n<div class="light">${light}</div>\n<div class="dark">${dark}</div>\n</figure>`;
    }
    case 'tiles':
      return `<dl class="tiles">\n${block.items.map(({ name, value }) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`).join('\n')}\n</dl>`;
    default:
      return block satisfies never;
  }
}

function htmlTable({ caption, head, rows }: Table): string {
  const words = head.map((_, i) => rows.some((row) => isWords(row[i] ?? null)));
  const columns = head
    .map((name, i) => `<th scope="col"${i === 0 || words[i] ? ' class="text"' : ''}>${escapeHtml(name)}</th>`)
    .join('');
  const body = rows
    .map(
      ([first = null, ...rest]) =>
        `<tr><th scope="row">${shown(first)}</th>${rest.map((cell, i) => dataCell(cell, words[i + 1] ?? false)).join('')}</tr>`,
    )
    .join('\n');
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}">
<table>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${columns}</tr></thead>
<tbody>
${body}
</tbody>
</table>
</div>`;
}

/** Escaped first, so that what stands between the backticks is text all the same. */
const prose = (text: string): string => escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
const shown = (cell: Cell): string => (cell === null ? '–' : escapeHtml(String(cell)));
/** Whether it stands like words: left. */
export const isWords = (cell: Cell): boolean => typeof cell === 'string' && /^[^\d–]/.test(cell);
/** Longer ones may go over several lines; names and codes may not. */
const SHORT = 24;
/** A column with words in it stands left, one of numbers right. */
function dataCell(cell: Cell, words: boolean): string {
  const short = words && typeof cell === 'string' && cell.length <= SHORT ? ' short' : '';
  return words ? `<td class="text${short}">${shown(cell)}</td>` : `<td>${shown(cell)}</td>`;
}
