/**
 * Text as it will be drawn: styled spans in lines, and how wide they get. Pure.
 *
 * Widths are those of Helvetica, Arial and Liberation Sans, which share them, so a picture is laid out the same
 * on every machine and no browser is needed to measure.
 */

export type Tone = 'plain' | 'quiet' | 'command' | 'report' | 'deadline' | 'always';

export interface Span {
  readonly text: string;
  readonly size: number;
  readonly tone: Tone;
  readonly bold?: boolean;
  readonly italic?: boolean;
}

export type Line = readonly Span[];

export interface Block {
  readonly lines: readonly Line[];
  readonly width: number;
  readonly height: number;
}

/** Widths of the characters from space to `~`, in thousandths of the font size. */
const REGULAR = widths(`
  278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278
  584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944
  667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500
  278 556 500 722 500 500 500 334 260 334 584`);
const BOLD = widths(`
  278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333
  584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944
  667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556
  333 611 556 778 556 556 500 389 280 389 584`);
const LINE_HEIGHT = 1.32;

function spanWidth({ text, size, bold }: Span): number {
  const table = bold ? BOLD : REGULAR;
  let thousandths = 0;
  for (const character of text) thousandths += table[(character.codePointAt(0) ?? 0) - 32] ?? 700;
  return (thousandths * size) / 1000;
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, span) => sum + spanWidth(span), 0);
}

export function lineHeight(line: Line): number {
  return Math.max(0, ...line.map((span) => span.size)) * LINE_HEIGHT;
}

export function blockOf(lines: readonly Line[]): Block {
  return {
    lines,
    width: Math.max(0, ...lines.map(lineWidth)),
    height: lines.reduce((sum, line) => sum + lineHeight(line), 0),
  };
}

/**
 * `pieces` set one after the other, `maxWidth` wide at most; a piece is never broken.
 * Lines after the first start with `indent`.
 */
export function wrap(pieces: readonly Span[], maxWidth: number, indent?: Span): Line[] {
  const lines: Span[][] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last && lineWidth(last) + spanWidth(piece) <= maxWidth) last.push(piece);
    else lines.push(last && indent ? [indent, piece] : [piece]);
  }
  return lines;
}

function widths(table: string): number[] {
  return table.trim().split(/\s+/).map(Number);
}
