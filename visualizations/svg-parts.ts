/**
 * The pencil: colours, text, rectangles and arrows as SVG markup. Pure, and every number is rounded.
 */
import type { Box, Point } from './layout.ts';
import { type Block, type Line, type Span, type Tone, lineHeight, lineWidth } from './text.ts';

export const INK: Record<Tone, string> = {
  plain: '#1f2937',
  quiet: '#5b6472',
  command: '#1d4ed8',
  report: '#0f766e',
  deadline: '#b45309',
  always: '#7e22ce',
};
export const PAPER = '#fdfdfc';

export function rect(box: Box, radius: number, fill: string, stroke = 'none', strokeWidth = 0): string {
  const { x, y, width, height } = box;
  const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}"`;
  const line = stroke === 'none' ? '' : ` stroke="${stroke}" stroke-width="${strokeWidth}"`;
  return `<rect ${place} fill="${fill}"${line}/>`;
}

/** An arrowhead at `to`, for a line that comes from `from`. */
export function arrowhead(from: Point, to: Point, ink: string, size = 8): string {
  const length = distance(from, to) || 1;
  const [dx, dy] = [(to.x - from.x) / length, (to.y - from.y) / length];
  const back = { x: to.x - size * dx, y: to.y - size * dy };
  const half = size / 2;
  const corners = [
    to,
    { x: back.x - half * dy, y: back.y + half * dx },
    { x: back.x + half * dy, y: back.y - half * dx },
  ];
  return `<path d="M${corners.map(({ x, y }) => `${round(x)} ${round(y)}`).join('L')}Z" fill="${ink}"/>`;
}

/** The lines of `block`, one below the other from `y`. */
export function drawBlock(block: Block, x: number, y: number): string[] {
  let top = y;
  return block.lines.map((line) => {
    const height = lineHeight(line);
    const drawn = drawLine(line, x, top + height * 0.76);
    top += height;
    return drawn;
  });
}

/** One line on the baseline `y`. `textLength` keeps it in its box where another font has to serve. */
export function drawLine(line: Line, x: number, y: number): string {
  const spans = line.map((span) => `<tspan${look(span)}>${escape(span.text)}</tspan>`).join('');
  const width = `textLength="${round(lineWidth(line))}" lengthAdjust="spacingAndGlyphs"`;
  return `<text x="${round(x)}" y="${round(y)}" ${width} xml:space="preserve">${spans}</text>`;
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
  return ` font-size="${size}" fill="${INK[tone]}"${weight}${style}`;
}
