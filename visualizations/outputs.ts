/**
 * Every file that is rendered from the charts, with the text it should have.
 *
 * Owns: which files there are. Writes nothing.
 */
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ChartGraph, chartGraphOf } from './chart-graph.ts';
import type { Chart } from './charts.ts';
import { lifecycleTables } from './lifecycle-table.ts';
import { mermaidOf } from './mermaid.ts';
import { svgOf } from './svg.ts';

export interface Output {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FOLDER = 'visualizations';
const LIFECYCLE = 'docs/lifecycle.md';
const BEGIN = '<!-- generated:begin -->';
const END = '<!-- generated:end -->';

/** The files of `charts`. The hand-written part of `docs/lifecycle.md` is read from the file. */
export async function outputsOf(charts: readonly Chart[]): Promise<readonly Output[]> {
  const drawn = charts.map((chart) => ({ chart, graph: chartGraphOf(chart.machine) }));
  const pictures = drawn.map(
    async ({ chart, graph }): Promise<Output[]> => [
      { path: `${FOLDER}/${chart.name}.svg`, text: await svgOf(graph, chart.title, chart.isCommand) },
      { path: `${FOLDER}/${chart.name}.mmd`, text: mermaidOf(graph) },
    ],
  );
  const page = await readFile(absolute(LIFECYCLE), 'utf8');
  const tables = drawn.map(({ chart, graph }) => chapter(chart, graph)).join('\n\n');
  return [...(await Promise.all(pictures)).flat(), { path: LIFECYCLE, text: withGenerated(page, tables) }];
}

/** Paths of the outputs whose files differ or are missing, and of pictures that no chart has any more. */
export async function staleIn(outputs: readonly Output[]): Promise<readonly string[]> {
  const checks = outputs.map(async ({ path, text }) => ((await textOf(path)) === text ? [] : [path]));
  const pictures = (await readdir(absolute(FOLDER))).filter((name) => /\.(svg|mmd)$/.test(name));
  const known = new Set(outputs.map(({ path }) => path));
  const orphans = pictures.map((name) => `${FOLDER}/${name}`).filter((path) => !known.has(path));
  return [...(await Promise.all(checks)).flat(), ...orphans];
}

/** `page` with `generated` between its markers. Throws where the markers are not there, once and in order. */
export function withGenerated(page: string, generated: string): string {
  const [before, rest, ...more] = page.split(BEGIN);
  const [, after, ...evenMore] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined || more.length > 0 || evenMore.length > 0) {
    throw new Error(`${LIFECYCLE}: expected ${BEGIN} and then ${END}, once each`);
  }
  return `${before}${BEGIN}\n\n${generated}\n\n${END}${after}`;
}

export function absolute(path: string): string {
  return `${ROOT}${path}`;
}

function chapter(chart: Chart, graph: ChartGraph): string {
  const picture = `![${chart.title}](../${FOLDER}/${chart.name}.svg)`;
  return [`## ${chart.title}`, '', picture, '', lifecycleTables(graph, chart.isCommand)].join('\n');
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(absolute(path), 'utf8').catch(() => undefined);
}
