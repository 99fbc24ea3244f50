// The blocks of a report as Markdown: what the page says, with tables in place of its charts. Not here: the page itself (html.ts).

import { type Block, type Cell, isWords, type Table } from './html.js';

/** @param title first heading */
export function markdownDocument(title: string, blocks: readonly Block[]): string {
  const parts = blocks.flatMap((block): string[] => {
    const text = markdownBlock(block);
    return text === undefined ? [] : [text];
  });
  return `# ${escaped(title)}\n\n${parts.join('\n\n')}\n`;
}

/** Charts are left out: every one of them stands beside a table. */
function markdownBlock(block: Block): string | undefined {
  switch (block.type) {
    case 'heading':
      return `## ${escaped(block.text)}`;
    case 'text':
      return escaped(block.text);
    case 'list':
      return block.items.map((item) => `- ${escaped(item)}`).join('\n');
    case 'table':
      return markdownTable(block.table);
    case 'tiles':
      return block.items.map(({ name, value }) => `- ${escaped(name)}: **${escaped(value)}**`).join('\n');
    case 'chart':
      return undefined;
    default:
      return block satisfies never;
  }
}

export function markdownTable({ caption, head, rows }: Table): string {
  const line = (cells: readonly Cell[]): string => `| ${cells.map(cellOf).join(' | ')} |`;
  const words = (i: number): boolean => rows.some((row) => isWords(row[i] ?? null));
  const rule = `| ${head.map((_, i) => (i === 0 || words(i) ? '---' : '---:')).join(' | ')} |`;
  return [`**${escaped(caption)}**`, '', line(head), rule, ...rows.map(line)].join('\n');
}

const cellOf = (cell: Cell): string => (cell === null ? '–' : escaped(String(cell)));
/** Neither markup nor the end of a cell. */
const escaped = (text: string): string => text.replaceAll(/[\\`*_[\]<>|#]/g, '\\$&').replaceAll('\n', ' ');
