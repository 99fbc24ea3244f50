// Charts as SVG text, made without a browser: lines, bars, heat maps; each once for light and once for dark pages. Reports of
// every kind share them. Not here: pages (html.ts), and what is in the charts.

import type { BarSeriesOption, EChartsOption, LineSeriesOption } from 'echarts';
import { escapeHtml } from './html.js';

/** Two drawings of one chart; the page shows the one that fits its colours. */
export interface Chart {
  readonly title: string;
  /** For those who cannot see it; numbers belong in a table beside. */
  readonly description: string;
  readonly light: string;
  readonly dark: string;
}
interface About {
  readonly title: string;
  readonly description: string;
  /** Of the drawing, in pixels; it scales with the page. */
  readonly width?: number;
  readonly height?: number;
}
export interface Axis {
  readonly name: string;
  readonly min?: number;
  readonly max?: number;
  /** Of a tick. */
  readonly format?: (value: number) => string;
}
export interface Series {
  readonly name: string;
  /** null: a gap. */
  readonly values: readonly (number | null)[];
}
export interface LineChart extends About {
  readonly x: { readonly name: string; readonly values: readonly (string | number)[] };
  readonly y: Axis;
  readonly series: readonly Series[];
}
export interface BarChart extends About {
  readonly categories: readonly string[];
  readonly y: Axis;
  readonly series: readonly Series[];
  /** A line across, such as a bar to reach. */
  readonly mark?: number;
}
export interface HeatMap extends About {
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  /** By row, then column; null: nothing there. Numbers are printed in the cells: colour is never all there is. */
  readonly values: readonly (readonly (number | null)[])[];
  readonly min: number;
  readonly max: number;
  readonly format: (value: number) => string;
}

/** Okabe and Ito's colours, which stay apart for the colour-blind, without the yellow that white swallows. */
const SERIES = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#8d6bd1', '#7f7f7f'];
/** Lines are told apart by their marks as well. */
const MARKS = ['circle', 'rect', 'triangle', 'diamond', 'pin', 'arrow', 'roundRect', 'emptyCircle'];
/** From bad to good, from dark to light (viridis): brightness alone tells the order. */
const SCALE = ['#440154', '#3b528b', '#21918c', '#5ec962', '#fde725'];
const THEMES = {
  light: { ink: '#222222', faint: '#d0d0d0' },
  dark: { ink: '#e8e8e8', faint: '#4a4a4a' },
} as const;
type Theme = (typeof THEMES)[keyof typeof THEMES];
const FONT = 'system-ui, sans-serif';

export function lineChart(chart: LineChart): Promise<Chart> {
  return drawn(chart, (theme) => ({
    legend: legend(theme, chart.series.length),
    grid: { left: 64, right: 24, top: 24 + legendHeight(chart.series.length), bottom: 48 },
    xAxis: {
      type: 'category',
      data: [...chart.x.values],
      ...named(chart.x.name, theme, 28),
      axisTick: { alignWithLabel: true },
      axisLabel: ticks(theme),
    },
    yAxis: { type: 'value', ...scaled(chart.y, theme), ...named(chart.y.name, theme, 48), ...lines(theme) },
    series: chart.series.map(
      ({ name, values }, i): LineSeriesOption => ({
        type: 'line',
        name,
        data: [...values],
        symbol: MARKS[i % MARKS.length] ?? 'circle',
        symbolSize: 7,
        lineStyle: { width: 2, type: i < SERIES.length ? 'solid' : 'dashed' },
      }),
    ),
  }));
}

export function barChart(chart: BarChart): Promise<Chart> {
  const { mark } = chart;
  return drawn(chart, (theme) => ({
    legend: legend(theme, chart.series.length),
    grid: { left: 64, right: 24, top: 24 + legendHeight(chart.series.length), bottom: 64 },
    xAxis: {
      type: 'category',
      data: [...chart.categories],
      axisLabel: { color: theme.ink, fontFamily: FONT, interval: 0, width: 110, overflow: 'break' },
      axisLine: { lineStyle: { color: theme.ink } },
    },
    yAxis: { type: 'value', ...scaled(chart.y, theme), ...named(chart.y.name, theme, 48), ...lines(theme) },
    series: chart.series.map(
      ({ name, values }, i): BarSeriesOption => ({
        type: 'bar',
        name,
        data: values.map((value) => value ?? '-'),
        ...(i === 0 &&
          mark !== undefined && {
            markLine: {
              silent: true,
              symbol: 'none',
              lineStyle: { color: theme.ink, type: 'dashed' },
              label: { show: false },
              data: [{ yAxis: mark }],
            },
          }),
      }),
    ),
  }));
}

export function heatMap(chart: HeatMap): Promise<Chart> {
  const { columns, rows, values, min, max, format } = chart;
  return drawn({ height: 96 + 40 * rows.length, ...chart }, (theme) => ({
    grid: { left: 150, right: 24, top: 16, bottom: 72 },
    xAxis: {
      type: 'category',
      data: [...columns],
      axisLabel: { color: theme.ink, fontFamily: FONT, interval: 0, rotate: columns.length > 5 ? 30 : 0 },
      axisLine: { show: false },
      axisTick: { show: false },
    },
    yAxis: {
      type: 'category',
      data: [...rows],
      inverse: true,
      axisLabel: { color: theme.ink, fontFamily: FONT },
      axisLine: { show: false },
      axisTick: { show: false },
    },
    visualMap: { show: false, min, max, dimension: 2, inRange: { color: SCALE } },
    series: [
      {
        type: 'heatmap',
        label: { show: false },
        itemStyle: { borderWidth: 2, borderColor: theme.faint },
        data: values.flatMap((row, y) =>
          row.flatMap((value, x) =>
            value === null
              ? []
              : [
                  {
                    value: [x, y, value],
                    label: {
                      show: true,
                      formatter: format(value),
                      fontFamily: FONT,
                      // On the bright end of the scale black, on the dark end white.
                      color: (value - min) / (max - min) > 0.6 ? '#000000' : '#ffffff',
                    },
                  },
                ],
          ),
        ),
      },
    ],
  }));
}

const legendHeight = (series: number): number => (series > 1 ? 24 * Math.ceil(series / 5) : 0);
const legend = (theme: Theme, series: number) => ({
  show: series > 1,
  top: 0,
  textStyle: { color: theme.ink, fontFamily: FONT },
});
const named = (name: string, theme: Theme, nameGap: number) => ({
  name,
  nameLocation: 'middle' as const,
  nameGap,
  nameTextStyle: { color: theme.ink, fontFamily: FONT },
  axisLine: { lineStyle: { color: theme.ink } },
});
const lines = (theme: Theme) => ({ splitLine: { lineStyle: { color: theme.faint } } });
const ticks = (theme: Theme) => ({ color: theme.ink, fontFamily: FONT });
const scaled = ({ min, max, format }: Axis, theme: Theme) => ({
  ...(min !== undefined && { min }),
  ...(max !== undefined && { max }),
  axisLabel: { ...ticks(theme), ...(format && { formatter: format }) },
});

async function drawn(about: About, option: (theme: Theme) => EChartsOption): Promise<Chart> {
  const { title, description, width = 860, height = 380 } = about;
  const { init } = await engine();
  const draw = (theme: Theme): string => {
    const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
    try {
      const common = {
        animation: false,
        color: SERIES,
        backgroundColor: 'transparent',
        textStyle: { fontFamily: FONT, color: theme.ink },
      };
      chart.setOption({ ...common, ...option(theme) });
      return labelled(chart.renderToSVGString(), title, description);
    } finally {
      chart.dispose();
    }
  };
  return { title, description, light: draw(THEMES.light), dark: draw(THEMES.dark) };
}

let counter = 0;
/** Title and description for screen readers, a width that follows the page, and no styles for pointers: nothing here moves. */
function labelled(svg: string, title: string, description: string): string {
  const id = `chart-${++counter}`;
  const head = /^<svg width="(\d+)" height="(\d+)"/;
  const names = `<title id="${id}-t">${escapeHtml(title)}</title><desc id="${id}-d">${escapeHtml(description)}</desc>`;
  return svg
    .replaceAll(/<style[^>]*>[\s\S]*?<\/style>/g, '')
    .replace(head, `<svg role="img" aria-labelledby="${id}-t ${id}-d"`)
    .replace('>', `>${names}`);
}

/** Width of a letter in heights, of wide fonts. */
const WIDE = 0.62;
/** Only what is drawn here, and only when something is: echarts takes a while to load. */
async function engine() {
  const [core, charts, components, renderers] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ]);
  // Without a browser nobody knows how wide a text will be: rather too wide than one over the other.
  core.setPlatformAPI({
    measureText: (text, font = '') => ({ width: WIDE * text.length * Number(/(\d+)px/.exec(font)?.[1] ?? 12) }),
  });
  core.use([
    charts.LineChart,
    charts.BarChart,
    charts.HeatmapChart,
    components.GridComponent,
    components.LegendComponent,
    components.MarkLineComponent,
    components.VisualMapComponent,
    renderers.SVGRenderer,
  ]);
  return core;
}
