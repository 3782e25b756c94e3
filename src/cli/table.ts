/** Rows as a table of text: as wide as its contents, and no wider than the terminal. Pure. */
import stringWidth from 'string-width';
import { plainText } from './console.ts';

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly align?: 'right';
  /** Styles the text of a cell, after it was fitted to the width. */
  readonly look?: (text: string, row: Row) => string;
  /** Gets the width that the other columns leave, if the width is limited. */
  readonly isFlexible?: boolean;
}

const GAP = '  ';
const MIN_FLEXIBLE = 12;

/** Lines of the table, the titles first. @param columns width that it must keep to; default any */
export function tableOf<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { width = Infinity, title = (text) => text }: { width?: number; title?: (text: string) => string } = {},
): readonly string[] {
  const cells = rows.map((row) => columns.map(({ text }) => plainText(text(row))));
  const widths = columns.map((column, place) =>
    Math.max(widthOf(column.title), ...cells.map((row) => widthOf(row[place]!))),
  );
  const total = widths.reduce((sum, one) => sum + one, GAP.length * (columns.length - 1));
  const flexible = columns.findIndex(({ isFlexible }) => isFlexible);
  if (total > width && flexible >= 0) {
    widths[flexible] = Math.max(MIN_FLEXIBLE, widths[flexible]! - (total - width));
  }
  const line = (texts: readonly string[], look: (text: string, place: number) => string) => {
    const parts = texts.map((text, place) => {
      const isLast = place === columns.length - 1 && columns[place]!.align !== 'right';
      return look(
        isLast ? cutTo(text, widths[place]!) : fitted(text, widths[place]!, columns[place]!.align),
        place,
      );
    });
    return parts.join(GAP).trimEnd();
  };
  return [
    line(
      columns.map((column) => column.title),
      title,
    ),
    ...rows.map((row, index) =>
      line(cells[index]!, (text, place) => columns[place]!.look?.(text, row) ?? text),
    ),
  ];
}

/** Text that takes exactly so many columns. */
export function fitted(text: string, width: number, align?: 'right'): string {
  const cut = cutTo(text, width);
  const room = ' '.repeat(Math.max(0, width - widthOf(cut)));
  return align === 'right' ? room + cut : cut + room;
}

/** Columns that a text takes in a terminal. */
export function widthOf(text: string): number {
  return PRINTABLE_ASCII.test(text) ? text.length : stringWidth(text);
}

const PRINTABLE_ASCII = /^[\x20-\x7E]*$/;
const graphemes = new Intl.Segmenter();

/** Text that takes so many columns at the most: what is cut off ends in an ellipsis. */
export function cutTo(text: string, width: number): string {
  if (PRINTABLE_ASCII.test(text)) {
    return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}${width > 0 ? '…' : ''}`;
  }
  if (widthOf(text) <= width) return text;
  let [kept, taken] = ['', 0];
  for (const { segment } of graphemes.segment(text)) {
    const more = widthOf(segment);
    if (taken + more > width - 1) break;
    kept += segment;
    taken += more;
  }
  return width > 0 ? `${kept}…` : '';
}
