/**
 * Edges as SVG: orthogonal lines with round corners, an arrowhead, and a label on a patch of its own. Pure.
 *
 * Each is a group that says where it leads from and to, so that a page can find it.
 */
import { LABEL_PADDING } from './layout.ts';
import type { PlacedEdge, Point } from './placed-chart.ts';
import { arrowhead, distance, drawBlock, escape, rect, round } from './svg-parts.ts';

const CORNER = 6;

/** The line over a halo, so that of two that cross, one is seen to pass above. */
export function drawEdge(edge: PlacedEdge): string {
  const from = edge.points.at(-2);
  const to = edge.points.at(-1);
  if (!from || !to) return '';
  const d = roundedPath(edge.points);
  return [
    `<g class="edge ${edge.kind}"${endsOf(edge)}>`,
    `<path class="halo" d="${d}"/>`,
    `<path class="line" d="${d}"/>`,
    arrowhead(from, to),
    '</g>',
  ].join('\n');
}

export function drawEdgeLabel(edge: PlacedEdge): string {
  const { kind, label } = edge;
  if (!label) return '';
  const { block, x, y, width } = label;
  // One line stands in the middle of its patch, whatever font it is in; several begin at its left.
  const text =
    block.lines.length === 1
      ? drawBlock(block, x + width / 2, y + LABEL_PADDING.y, 'middle')
      : drawBlock(block, x + LABEL_PADDING.x, y + LABEL_PADDING.y);
  return [`<g class="edge-label ${kind}"${endsOf(edge)}>`, rect(label, 5, 'label'), ...text, '</g>'].join(
    '\n',
  );
}

function endsOf({ source, target }: PlacedEdge): string {
  return ` data-source="${escape(source)}" data-target="${escape(target)}"`;
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
