/**
 * Edges as SVG: orthogonal lines with round corners, an arrowhead, and a label on a patch of its own. Pure.
 */
import { LABEL_PADDING, type PlacedEdge, type Point } from './layout.ts';
import { INK, PAPER, arrowhead, distance, drawBlock, rect, round } from './svg-parts.ts';

const CORNER = 6;

/** The line over a halo, so that of two that cross, one is seen to pass above. */
export function drawEdge({ kind, points }: PlacedEdge): string {
  const from = points.at(-2);
  const to = points.at(-1);
  if (!from || !to) return '';
  const d = roundedPath(points);
  return [
    `<path d="${d}" fill="none" stroke="${PAPER}" stroke-width="5" stroke-opacity="0.85"/>`,
    `<path d="${d}" fill="none" stroke="${INK[kind]}" stroke-width="1.5"/>`,
    arrowhead(from, to, INK[kind]),
  ].join('\n');
}

export function drawEdgeLabel({ kind, label }: PlacedEdge): string {
  if (!label) return '';
  const text = drawBlock(label.block, label.x + LABEL_PADDING.x, label.y + LABEL_PADDING.y);
  return [rect(label, 5, '#fff', INK[kind], 0.8), ...text].join('\n');
}

/** Straight runs with round corners; the last ends a little early, under the arrowhead. */
function roundedPath(points: readonly Point[]): string {
  const [start, ...rest] = points;
  if (!start) return '';
  let d = `M${start.x} ${start.y}`;
  let before = start;
  rest.forEach((here, index) => {
    const after = rest[index + 1];
    if (after) {
      const radius = Math.min(CORNER, distance(before, here) / 2, distance(here, after) / 2);
      const [into, out] = [toward(here, before, radius), toward(here, after, radius)];
      d += `L${into.x} ${into.y}Q${here.x} ${here.y} ${out.x} ${out.y}`;
    } else {
      const end = toward(here, before, 5);
      d += `L${end.x} ${end.y}`;
    }
    before = here;
  });
  return d;
}

function toward(from: Point, to: Point, by: number): Point {
  const share = by / (distance(from, to) || 1);
  return { x: round(from.x + (to.x - from.x) * share), y: round(from.y + (to.y - from.y) * share) };
}
