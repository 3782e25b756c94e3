/**
 * The pencil: text, rectangles and arrows as SVG markup. Pure, and every number is rounded.
 *
 * What a thing is, its class says; svg-style.ts gives it colours, and so may a page that shows the picture.
 */
import type { Box, Point } from './placed-chart.ts';
import { type Block, type Line, type Span, lineHeight } from './text.ts';

export function rect(box: Box, radius: number, kind: string): string {
  const { x, y, width, height } = box;
  const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}"`;
  return `<rect class="${kind}" ${place}/>`;
}

/** An arrowhead at `to`, for a line that comes from `from`. */
export function arrowhead(from: Point, to: Point, size = 8): string {
  const length = distance(from, to) || 1;
  const [dx, dy] = [(to.x - from.x) / length, (to.y - from.y) / length];
  const back = { x: to.x - size * dx, y: to.y - size * dy };
  const half = size / 2;
  const corners = [
    to,
    { x: back.x - half * dy, y: back.y + half * dx },
    { x: back.x + half * dy, y: back.y - half * dx },
  ];
  return `<path class="head" d="M${corners.map(({ x, y }) => `${round(x)} ${round(y)}`).join('L')}Z"/>`;
}

/** The lines of `block`, one below the other from `y`; `x` is their left end, or their middle. */
export function drawBlock(
  block: Block,
  x: number,
  y: number,
  anchor: 'start' | 'middle' = 'start',
): string[] {
  let top = y;
  return block.lines.map((line) => {
    const height = lineHeight(line);
    const drawn = drawLine(line, x, top + height * 0.76, anchor);
    top += height;
    return drawn;
  });
}

/** One line on the baseline `y`. */
export function drawLine(line: Line, x: number, y: number, anchor: 'start' | 'middle' = 'start'): string {
  const spans = line.map((span) => `<tspan${look(span)}>${escape(span.text)}</tspan>`).join('');
  const from = anchor === 'middle' ? ' text-anchor="middle"' : '';
  return `<text x="${round(x)}" y="${round(y)}"${from} xml:space="preserve">${spans}</text>`;
}

export function escape(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

export function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function look({ size, tone, bold, italic }: Span): string {
  const weight = bold ? ' font-weight="bold"' : '';
  const style = italic ? ' font-style="italic"' : '';
  return ` class="${tone}" font-size="${size}"${weight}${style}`;
}
