/**
 * States as SVG: boxes, double ones for final states, containers with a head, and the dot of an initial state. Pure.
 *
 * Whatever belongs to a state says which one in `data-state`, so that a page can find it.
 */
import { STATE_PADDING, TITLE_GAP, headHeight, isContainer, textArea } from './layout.ts';
import type { Box, PlacedState } from './placed-chart.ts';
import { arrowhead, drawBlock, escape, rect, round } from './svg-parts.ts';

/** The frame of a container; its text comes later, over the edges. */
export function drawContainer(placed: PlacedState): string {
  const lineY = round(placed.y + headHeight(placed));
  const dashes = placed.state.type === 'parallel' ? ' stroke-dasharray="5 4"' : '';
  return [
    `<g class="frame"${nameOf(placed)}>`,
    rect(placed, 12, `group ${shadeOf(placed)}`),
    `<path class="rule" d="M${placed.x} ${lineY}h${placed.width}"${dashes}/>`,
    '</g>',
  ].join('\n');
}

/** The text of a container, on a veil of its own colour: edges may cross its head. */
export function drawHead(placed: PlacedState): string {
  const veil = rect(textArea(placed), 4, `veil ${shadeOf(placed)}`);
  return [`<g class="heading"${nameOf(placed)}>`, veil, ...drawText(placed), '</g>'].join('\n');
}

export function drawLeaf(placed: PlacedState): string {
  const { x, y, width, height, state } = placed;
  const inner = { x: x + 3, y: y + 3, width: width - 6, height: height - 6 };
  return [
    `<g class="state"${nameOf(placed)}>`,
    rect(placed, 10, 'box'),
    ...(state.type === 'final' ? [rect(inner, 7, 'inner')] : []),
    ...drawText(placed),
    '</g>',
  ].join('\n');
}

/** A dot at the shoulder of the state that is entered first. */
export function drawInitial({ x, y }: Box): string {
  const [dotX, dotY, endX, endY] = [round(x - 9), round(y - 4), round(x - 4), round(y + 13)];
  const d = `M${dotX} ${dotY}V${round(endY - 5)}Q${dotX} ${endY} ${endX} ${endY}`;
  return [
    '<g class="initial plain">',
    `<circle class="dot" cx="${dotX}" cy="${dotY}" r="4.5"/>`,
    `<path class="line" d="${d}"/>`,
    arrowhead({ x: dotX, y: endY }, { x, y: endY }, 5),
    '</g>',
  ].join('\n');
}

function nameOf({ state }: PlacedState): string {
  return ` data-state="${escape(state.path)}"`;
}

function drawText(placed: PlacedState): string[] {
  const { x, y, width, height, title, body } = placed;
  if (title.lines.length === 0) return [];
  const name = `<title>${escape(placed.state.path)}</title>`;
  const isBare = body.height === 0 && title.lines.length === 1 && !isContainer(placed);
  if (isBare) {
    return [name, ...drawBlock(title, x + width / 2, y + (height - title.height) / 2, 'middle')];
  }
  const left = placed.textX;
  return [name, ...drawBlock(title, left, y + STATE_PADDING.top), ...drawBlock(body, left, bodyTop(placed))];
}

function bodyTop({ y, title }: PlacedState): number {
  return y + STATE_PADDING.top + title.height + TITLE_GAP;
}

/** Nested containers take turns in their shade. */
function shadeOf({ state }: PlacedState): string {
  return state.path.split('.').length % 2 === 1 ? 'odd' : 'even';
}
