/** A small plot over time: uPlot, in the page's colours, with what the pointer is over in words. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { time } from '../words.ts';
import { colour, palette } from './theme.ts';

export interface Series {
  readonly label: string;
  /** A colour of the tokens. */
  readonly tone: string;
  readonly values: readonly (number | null)[];
  readonly isFilled?: boolean;
  readonly isDashed?: boolean;
  /** Drawn as steps: what is set stays until it is set again. */
  readonly isStepped?: boolean;
}

export interface PlotProps {
  readonly label: string;
  /** Epoch ms, ascending. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly height: number;
  readonly format: (value: number) => string;
  /** Without axes: a line that is read at a glance. */
  readonly isSmall?: boolean;
  /** How much time is shown, when there is less data; ms. */
  readonly spanMs?: number;
  /** Between two points that are further apart, no line is drawn; ms. */
  readonly gapMs?: number;
}

export function Plot(props: PlotProps) {
  const { label, times, series, height, format, isSmall = false, spanMs } = props;
  const holder = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const drawn = useRef<uPlot | undefined>(undefined);
  const newest = useRef(props);
  newest.current = props;
  const shape = series
    .map(({ label, tone, isFilled, isDashed, isStepped }) =>
      [label, tone, isFilled, isDashed, isStepped].join(),
    )
    .join();
  const colours = palette.value;

  useEffect(() => {
    const element = holder.current!;
    const axis: uPlot.Axis = {
      stroke: colour('ink-3'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
      font: `11px ${getComputedStyle(element).fontFamily}`,
    };
    const plot = new uPlot(
      {
        width: Math.max(60, element.clientWidth),
        height,
        legend: { show: false },
        padding: isSmall ? [4, 0, 4, 0] : [8, 6, 0, 0],
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
        scales: {
          x: {
            time: true,
            range: (_, min, max) => (spanMs === undefined ? [min, max] : [max - spanMs / 1_000, max]),
          },
          y: { range: (_, min, max) => rangeOf(min, max) },
        },
        axes: isSmall
          ? [{ show: false }, { show: false }]
          : [
              {
                ...axis,
                size: 22,
                gap: 3,
                space: 90,
                values: (_, splits) =>
                  splits.map((split) => time(split * 1_000).slice(0, spanOf(splits) < 240 ? 8 : 5)),
              },
              {
                ...axis,
                size: 46,
                gap: 5,
                space: 28,
                values: (_, splits) => splits.map((split) => newest.current.format(split)),
              },
            ],
        series: [
          {},
          ...series.map(
            ({ tone, isFilled, isDashed, isStepped }): uPlot.Series => ({
              stroke: colour(tone),
              width: 1.5,
              points: { show: false },
              ...(isFilled ? { fill: faded(colour(tone)) } : {}),
              ...(isDashed ? { dash: [4, 3] } : {}),
              ...(isStepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
            }),
          ),
        ],
        hooks: { setCursor: [(self) => show(self, tip.current, newest.current)] },
      },
      dataOf(newest.current),
      element,
    );
    drawn.current = plot;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [shape, height, isSmall, spanMs, colours]);

  useEffect(() => drawn.current?.setData(dataOf(props)), [times, series]);

  const says = series
    .map(({ label, values }) => {
      const last = values.findLast((value) => value !== null);
      return last === undefined || last === null ? '' : `${label} ${format(last)}`;
    })
    .filter((said) => said !== '')
    .join(', ');
  return (
    <div class="plot" role="img" aria-label={says === '' ? `${label}: nothing yet` : `${label}: ${says}`}>
      <div ref={holder} class={`plot-${height}`} />
      <div ref={tip} class="plot-tip" />
    </div>
  );
}

function dataOf({ times, series, gapMs }: PlotProps): uPlot.AlignedData {
  const at: number[] = [];
  const columns: (number | null)[][] = series.map(() => []);
  for (const [place, time] of times.entries()) {
    const before = times[place - 1];
    if (gapMs !== undefined && before !== undefined && time - before > gapMs) {
      at.push((before + 1) / 1_000);
      for (const column of columns) column.push(null);
    }
    at.push(time / 1_000);
    for (const [index, column] of columns.entries()) column.push(series[index]?.values[place] ?? null);
  }
  return [at, ...columns];
}

/** From 0 on, and never without height: a line at the bottom says "nothing". */
function rangeOf(min: number | null, max: number | null): [number, number] {
  const [low, high] = [min ?? 0, max ?? 0];
  if (low < 0) return [low * 1.1, Math.max(0, high) * 1.1 || 1];
  return [0, high <= 0 ? 1 : high * 1.15];
}

function spanOf(splits: readonly number[]): number {
  return (splits.at(-1) ?? 0) - (splits[0] ?? 0);
}

function faded(rgb: string): string {
  return rgb.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.11)').replace(/^(color|oklch)\((.*)\)$/, '$1($2 / 0.11)');
}

function show(plot: uPlot, tip: HTMLDivElement | null, { series, format }: PlotProps): void {
  if (tip === null) return;
  const { idx, left = -1 } = plot.cursor;
  const at = idx === null || idx === undefined ? undefined : plot.data[0][idx];
  if (at === undefined || left < 0) {
    tip.style.visibility = 'hidden';
    return;
  }
  const lines = series.map(({ label }, index) => {
    const value = plot.data[index + 1]?.[idx!];
    return `${label}  ${value === null || value === undefined ? '–' : format(value)}`;
  });
  tip.textContent = [time(at * 1_000), ...lines].join('\n');
  const room = plot.width - tip.offsetWidth - 4;
  tip.style.transform = `translate(${Math.max(0, Math.min(room, left + 14))}px, 2px)`;
  tip.style.visibility = 'visible';
}
