/**
 * Text as it will be drawn: styled spans in lines, and how wide they get. Pure.
 *
 * Which font a viewer has nobody knows. Every character is taken to be as wide as it is in the widest of those that
 * stand for `sans-serif`: Helvetica, Arial and Liberation Sans, which share their widths, and DejaVu Sans. So text
 * never runs out of its box, a picture is laid out the same on every machine, and no browser is needed to measure.
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

/** Widths of the characters from space to `~`, in thousandths of the font size: the widest of all those fonts. */
const REGULAR = widths(`
  318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 636 636 636 337
  337 838 838 838 556 1015 684 686 722 770 667 611 778 752 295 500 667 557 863 748 787 667 787 722 667 611 732
  684 989 685 667 685 390 337 390 838 556 500 613 635 550 635 615 352 635 634 278 278 579 278 974 634 612 635
  635 411 521 392 634 592 818 592 592 525 636 337 636 838`);
const BOLD = widths(`
  348 456 521 838 696 1002 872 306 457 457 523 838 380 415 380 365 696 696 696 696 696 696 696 696 696 696 400
  400 838 838 838 611 1000 774 762 734 830 683 683 821 837 372 556 775 637 995 837 850 733 850 770 720 682 812
  774 1103 771 724 725 457 365 457 838 556 500 675 716 593 716 678 435 716 712 343 343 665 343 1042 712 687
  716 716 493 595 478 712 652 924 645 652 582 712 365 712 838`);
const SUPERSCRIPTS = '¹²³⁴⁵⁶⁷⁸⁹';
const SUPERSCRIPT = 440;
/** Arrows and dots, from whatever font has them. */
const OTHER = 1_000;
const LINE_HEIGHT = 1.32;

function spanWidth({ text, size, bold }: Span): number {
  const table = bold ? BOLD : REGULAR;
  let thousandths = 0;
  for (const character of text) {
    const other = SUPERSCRIPTS.includes(character) ? SUPERSCRIPT : OTHER;
    thousandths += table[(character.codePointAt(0) ?? 0) - 32] ?? other;
  }
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
