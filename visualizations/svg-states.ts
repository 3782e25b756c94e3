/**
 * States as SVG: boxes, double ones for final states, containers with a head, and the dot of an initial state. Pure.
 */
import {
  type Box,
  type PlacedState,
  STATE_PADDING,
  TITLE_GAP,
  headHeight,
  isContainer,
  textArea,
} from './layout.ts';
import { INK, arrowhead, drawBlock, escape, rect, round } from './svg-parts.ts';

/** The frame of a container; its text comes later, over the edges. */
export function drawContainer(placed: PlacedState): string {
  const lineY = round(placed.y + headHeight(placed));
  const dashes = placed.state.type === 'parallel' ? ' stroke-dasharray="5 4"' : '';
  return [
    rect(placed, 12, fillOf(placed), '#8b95a5', 1.2),
    `<path d="M${placed.x} ${lineY}h${placed.width}" stroke="#d3d9e2"${dashes}/>`,
  ].join('\n');
}

/** The text of a container, on a veil of its own colour: edges may cross its head. */
export function drawHead(placed: PlacedState): string {
  const veil = rect(textArea(placed), 4, fillOf(placed)).replace('/>', ' fill-opacity="0.85"/>');
  return [veil, ...drawText(placed)].join('\n');
}

export function drawLeaf(placed: PlacedState): string {
  const { x, y, width, height, state } = placed;
  if (state.type !== 'final')
    return [rect(placed, 10, '#fff', '#475569', 1.4), ...drawText(placed)].join('\n');
  const inner = { x: x + 3, y: y + 3, width: width - 6, height: height - 6 };
  return [
    rect(placed, 10, '#fff', INK.plain, 1.4),
    rect(inner, 7, 'none', INK.plain, 1),
    ...drawText(placed),
  ].join('\n');
}

/** A dot at the shoulder of the state that is entered first. */
export function drawInitial({ x, y }: Box): string {
  const [dotX, dotY, endX, endY] = [round(x - 9), round(y - 4), round(x - 4), round(y + 13)];
  const d = `M${dotX} ${dotY}V${round(endY - 5)}Q${dotX} ${endY} ${endX} ${endY}`;
  return [
    `<circle cx="${dotX}" cy="${dotY}" r="4.5" fill="${INK.plain}"/>`,
    `<path d="${d}" fill="none" stroke="${INK.plain}" stroke-width="1.4"/>`,
    arrowhead({ x: dotX, y: endY }, { x, y: endY }, INK.plain, 5),
  ].join('\n');
}

function drawText(placed: PlacedState): string[] {
  const { x, y, width, height, title, body } = placed;
  const isBare = body.height === 0 && !isContainer(placed);
  const left = isBare ? x + (width - title.width) / 2 : x + STATE_PADDING.x;
  const top = isBare ? y + (height - title.height) / 2 : y + STATE_PADDING.top;
  const [first] = title.lines;
  const name = `<title>${escape(placed.state.path)}</title>`;
  return first
    ? [
        '<g>',
        name,
        ...drawBlock(title, left, top),
        ...drawBlock(body, x + STATE_PADDING.x, bodyTop(placed)),
        '</g>',
      ]
    : [];
}

function bodyTop({ y, title }: PlacedState): number {
  return y + STATE_PADDING.top + title.height + TITLE_GAP;
}

/** Nested containers take turns in their shade. */
function fillOf({ state }: PlacedState): string {
  return state.path.split('.').length % 2 === 1 ? '#f1f4f9' : '#f8f9fb';
}
