/**
 * One chart as one self-contained SVG: laid out, then drawn from the back to the front.
 *
 * The same chart gives the same bytes. Nothing is loaded: fonts are the viewer's own. It is light or dark as the page
 * that shows it.
 */
import { type NamedLayout, bestLayout } from './best-layout.ts';
import type { ChartGraph } from './chart-graph.ts';
import { isContainer } from './layout.ts';
import { type Legend, legendOf } from './legend.ts';
import { bundlesOf } from './routes.ts';
import { drawEdge, drawEdgeLabel } from './svg-edges.ts';
import { escape } from './svg-parts.ts';
import { drawContainer, drawHead, drawInitial, drawLeaf } from './svg-states.ts';
import { styleSheet } from './svg-style.ts';
import type { IsCommand } from './transition-kind.ts';

const MARGIN = 24;

/**
 * The picture of `graph` under `title`.
 *
 * @param layoutName that of an earlier picture (`layoutNameIn`), to lay it out as then; default the best there is
 */
export async function svgOf(
  graph: ChartGraph,
  title: string,
  isCommand: IsCommand,
  layoutName?: string,
): Promise<string> {
  const legend = legendOf(graph, bundlesOf(graph, isCommand), title, MARGIN);
  return draw(graph, title, legend, await bestLayout(graph, isCommand, layoutName));
}

/** How a picture was laid out. */
export function layoutNameIn(svg: string): string | undefined {
  return /data-layout="([^"]*)"/.exec(svg)?.[1];
}

function draw(graph: ChartGraph, title: string, legend: Legend, layout: NamedLayout): string {
  const width = Math.ceil(Math.max(layout.width, legend.width)) + 2 * MARGIN;
  const height = Math.ceil(legend.height + layout.height) + MARGIN;
  const initials = new Set(graph.states.map(({ initial }) => initial));
  const containers = layout.states.filter(isContainer);
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" data-layout="${layout.name}">`,
    `<title>${escape(title)}</title>`,
    `<style>${styleSheet()}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<g class="legend">`,
    legend.markup,
    '</g>',
    `<g transform="translate(${MARGIN} ${legend.height})">`,
    ...containers.map(drawContainer),
    ...layout.edges.map(drawEdge),
    ...containers.map(drawHead),
    ...layout.states.filter((placed) => !isContainer(placed)).map(drawLeaf),
    ...layout.states.filter(({ state }) => initials.has(state.path)).map(drawInitial),
    ...layout.edges.map(drawEdgeLabel),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}
