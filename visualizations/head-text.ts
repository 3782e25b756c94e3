/**
 * Where the text of a container stands in its head: as far left as no line runs through it. Pure.
 *
 * Lines from outside to the states in a container cross its head, and ELK knows nothing of the text there.
 */
import type { Box, PlacedEdge, Point } from './placed-chart.ts';

/** Between the text and a line that passes by. */
const GAP = 4;

/** @param area where the text stands at the left of its head; it may move up to `right` */
export function freeLeft(area: Box, right: number, edges: readonly PlacedEdge[]): number {
  const { y, width, height } = area;
  const passing = [...edges.flatMap(({ points }) => spansOf(points)), ...edges.flatMap(labelOf)]
    .filter((span) => span.top < y + height && span.bottom > y)
    .map((span) => ({ from: span.left - GAP, to: span.right + GAP }));
  const lefts = [area.x, ...passing.map(({ to }) => to)].filter(
    (left) => left >= area.x && left + width <= right,
  );
  const free = lefts.filter((left) => passing.every(({ from, to }) => left + width <= from || left >= to));
  return free.length === 0 ? area.x : Math.min(...free);
}

interface Span {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function spansOf(points: readonly Point[]): Span[] {
  return points.slice(1).map((to, index) => {
    const from = points[index]!;
    return {
      left: Math.min(from.x, to.x),
      right: Math.max(from.x, to.x),
      top: Math.min(from.y, to.y),
      bottom: Math.max(from.y, to.y),
    };
  });
}

function labelOf({ label }: PlacedEdge): Span[] {
  if (label === undefined) return [];
  const { x, y, width, height } = label;
  return [{ left: x, right: x + width, top: y, bottom: y + height }];
}
