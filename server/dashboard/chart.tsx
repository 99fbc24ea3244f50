// Curves over rounds: uPlot with the colours of the page, and words for those who do not see it. Not here: which curves (the views).

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { theme } from './theme.js';

export interface Curve {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** A colour of the page: the name of a CSS variable. */
  readonly color: string;
  readonly axis?: 'left' | 'right';
  readonly show: (value: number) => string;
  readonly dashed?: boolean;
}

const HEIGHT = 220;
const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Chart(props: {
  readonly rounds: readonly number[];
  readonly curves: readonly Curve[];
  /** Read aloud in place of the picture. */
  readonly label: string;
}): JSX.Element {
  const { rounds, curves, label } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = [rounds, ...curves.map(({ values }) => values)] as unknown as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;
  const look = `${theme.value} ${curves.map(({ name }) => name).join()}`;
  // made anew where theme or curves change, not for each point.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    plot.current = new uPlot(optionsOf(curves, element.clientWidth), latest.current, element);
    const observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
  }, [look]);
  useEffect(() => plot.current?.setData(data));
  return (
    <figure class="chart">
      <div ref={box} role="img" aria-label={label} />
      <figcaption>
        {curves.map(({ name, color: line, values, show, dashed }) => (
          <span key={name}>
            <i class={dashed ? 'key dashed' : 'key'} style={{ borderColor: `var(${line})` }} aria-hidden="true" />
            {name} <b>{lastOf(values, show)}</b>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function lastOf(values: readonly (number | null)[], show: Curve['show']): string {
  const last = values.filter((value) => value !== null).at(-1);
  return last === undefined || last === null ? '–' : show(last);
}

function optionsOf(curves: readonly Curve[], width: number): uPlot.Options {
  const axis = (side: 'left' | 'right'): uPlot.Axis => {
    const curve = curves.find((one) => (one.axis ?? 'left') === side);
    return {
      scale: side,
      side: side === 'left' ? 3 : 1,
      stroke: color('--muted'),
      font: '12px system-ui, sans-serif',
      size: 58,
      grid: { show: side === 'left', stroke: color('--line'), width: 1 },
      ticks: { show: false },
      values: (_, ticks) => ticks.map((tick) => curve?.show(tick) ?? String(tick)),
    };
  };
  const sides = [...new Set(curves.map(({ axis: side }) => side ?? 'left'))];
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: false } },
    axes: [
      {
        stroke: color('--muted'),
        font: '12px system-ui, sans-serif',
        grid: { show: false },
        ticks: { show: false },
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
      },
      ...sides.map(axis),
    ],
    series: [
      {},
      ...curves.map(
        (curve): uPlot.Series => ({
          label: curve.name,
          scale: curve.axis ?? 'left',
          stroke: color(curve.color),
          width: 2,
          spanGaps: true,
          ...(curve.dashed && { dash: [5, 4] }),
          points: { show: curve.values.length < 40, size: 5, fill: color(curve.color) },
        }),
      ),
    ],
  };
}
