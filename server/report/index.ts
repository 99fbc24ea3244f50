// Reports for people: charts, pages, Markdown. Blocks in, text out. Not here: what any report says.

export {
  type BarChart,
  barChart,
  type Chart,
  type HeatMap,
  heatMap,
  type LineChart,
  lineChart,
  type Series,
} from './chart.js';
export { type Block, type Cell, escapeHtml, htmlDocument, type Table } from './html.js';
export { markdownDocument, markdownTable } from './markdown.js';
