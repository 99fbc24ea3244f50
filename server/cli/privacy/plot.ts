// A curve in a terminal: one row of blocks for each point, the number beside it. Not here: charts of pages (server/report).

import type { LineChart } from '../../report/index.js';

/** Eighths of a block, so that a bar of 30 columns tells 240 lengths apart. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** @param columns of the terminal @returns lines */
export function plotLines({ title, x, y, series }: LineChart, columns: number): string[] {
  const labels = x.values.map(String);
  const width = Math.max(x.name.length, ...labels.map(({ length }) => length));
  const first = series[0]?.values ?? [];
  const most = Math.max(...first.map((value) => value ?? 0));
  const room = Math.max(10, Math.min(50, columns - width - 14));
  return [
    title,
    `${x.name.padStart(width)}  ${y.name} (${series[0]?.name ?? ''})`,
    ...first.map((value, i) => {
      const eighths = value === null || most === 0 ? 0 : Math.round((8 * room * value) / most);
      const bar = '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
      return `${(labels[i] ?? '').padStart(width)}  ${bar} ${value === null ? '–' : value.toPrecision(3)}`;
    }),
  ];
}
