/** Rows as a table of text: as wide as its contents, and no wider than the terminal where columns can be cut or left out. Pure. */
import stringWidth from 'string-width';
import { type Console, plainText } from './console.ts';

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly align?: 'right';
  /** Styles the text of a cell, after it was fitted to the width. */
  readonly look?: (text: string, row: Row) => string;
  /** Gets the width that the other columns leave, if the width is limited. */
  readonly isFlexible?: boolean;
  /** Where the flexible column gets less than it should, those with the highest number are left out first; 0, the default, always stays. */
  readonly dispensability?: number;
}

const GAP = '  ';
const MIN_FLEXIBLE = 12;
/** Below that, columns that can be spared are left out. */
const WANTED_FLEXIBLE = 20;

/** Lines of the table, the titles first. @param columns width that it must keep to; default any */
export function tableOf<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { width = Infinity, title = (text) => text }: { width?: number; title?: (text: string) => string } = {},
): readonly string[] {
  const fitting = fittingIn(
    columns.map((column) => measured(rows, column)),
    width,
  );
  const line = (
    textOf: (column: Measured<Row>) => string,
    look: (text: string, column: Column<Row>) => string,
  ) => {
    const parts = fitting.map((one, place) => {
      const { column, width } = one;
      const isLast = place === fitting.length - 1 && column.align !== 'right';
      const text = textOf(one);
      return look(isLast ? cutTo(text, width) : fitted(text, width, column.align), column);
    });
    return parts.join(GAP).trimEnd();
  };
  return [
    line(({ column }) => column.title, title),
    ...rows.map((row, index) =>
      line(
        ({ cells }) => cells[index]!,
        (text, { look }) => look?.(text, row) ?? text,
      ),
    ),
  ];
}

/** Prints the table, as wide as the terminal; nothing where there are no rows. */
export function printTable<Row>(
  { out, paint, columns: width = Infinity }: Console,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): void {
  if (rows.length === 0) return;
  tableOf(rows, columns, { width, title: (text) => paint('bold', text) }).forEach((line) => out(line));
}

interface Measured<Row> {
  readonly column: Column<Row>;
  readonly cells: readonly string[];
  readonly width: number;
}

function measured<Row>(rows: readonly Row[], column: Column<Row>): Measured<Row> {
  const cells = rows.map((row) => plainText(column.text(row)));
  return { column, cells, width: Math.max(widthOf(column.title), ...cells.map(widthOf)) };
}

/** The columns that are shown, as wide as they are shown. */
function fittingIn<Row>(columns: readonly Measured<Row>[], width: number): readonly Measured<Row>[] {
  const kept = [...columns];
  const taken = (flexible: number) =>
    kept.reduce(
      (sum, one) => sum + (one.column.isFlexible ? Math.min(one.width, flexible) : one.width),
      GAP.length * (kept.length - 1),
    );
  while (taken(WANTED_FLEXIBLE) > width) {
    const most = Math.max(...kept.map(({ column }) => column.dispensability ?? 0));
    if (most === 0) break;
    kept.splice(
      kept.findIndex(({ column }) => column.dispensability === most),
      1,
    );
  }
  const over = taken(Infinity) - width;
  return kept.map((one) =>
    one.column.isFlexible && over > 0 ? { ...one, width: Math.max(MIN_FLEXIBLE, one.width - over) } : one,
  );
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
