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
import { statusGraphOf } from './status-graph.ts';
import { layoutNameIn, svgOf } from './svg.ts';

export interface Output {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FOLDER = 'visualizations';
const LIFECYCLE = 'docs/lifecycle.md';
/** A page for each chart. */
const TABLES = 'docs/lifecycle';
const BEGIN = '<!-- generated:begin -->';
const END = '<!-- generated:end -->';

/**
 * The files of `charts`. The hand-written part of `docs/lifecycle.md` is read from the file.
 *
 * @param layout `searched` for the best there is; `kept`, which is faster, as the pictures that are there have it
 */
export async function outputsOf(
  charts: readonly Chart[],
  layout: 'searched' | 'kept',
): Promise<readonly Output[]> {
  const drawn = charts.map((chart) => ({ chart, graph: chartGraphOf(chart.machine) }));
  const draw = async (name: string, graph: ChartGraph, title: string, { isCommand }: Chart) => {
    const path = `${FOLDER}/${name}.svg`;
    const kept = layout === 'kept' ? layoutNameIn((await textOf(path)) ?? '') : undefined;
    return { path, text: await svgOf(graph, title, isCommand, kept) };
  };
  const pictures = drawn.map(async ({ chart, graph }): Promise<Output[]> => {
    const { name, title, statuses } = chart;
    const afar = statuses
      ? [draw(`${name}-statuses`, statusGraphOf(graph, statuses), statuses.title, chart)]
      : [];
    const mermaid = { path: `${FOLDER}/${name}.mmd`, text: mermaidOf(graph) };
    return [...(await Promise.all([draw(name, graph, title, chart), ...afar])), mermaid];
  });
  const page = await readFile(absolute(LIFECYCLE), 'utf8');
  const chapters = charts.map(chapter).join('\n\n');
  const tables = drawn.map(({ chart, graph }) => ({
    path: `${TABLES}/${chart.name}.md`,
    text: tablePage(chart, graph),
  }));
  return [
    ...(await Promise.all(pictures)).flat(),
    { path: LIFECYCLE, text: withGenerated(page, chapters) },
    ...tables,
  ];
}

/** Paths of the outputs whose files differ or are missing, and of pictures and pages that no chart has any more. */
export async function staleIn(outputs: readonly Output[]): Promise<readonly string[]> {
  const checks = outputs.map(async ({ path, text }) => ((await textOf(path)) === text ? [] : [path]));
  const pictures = (await readdir(absolute(FOLDER))).filter((name) => /\.(svg|mmd)$/.test(name));
  const pages = await readdir(absolute(TABLES)).catch(() => []);
  const known = new Set(outputs.map(({ path }) => path));
  const there = [...pictures.map((name) => `${FOLDER}/${name}`), ...pages.map((name) => `${TABLES}/${name}`)];
  const orphans = there.filter((path) => !known.has(path));
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

function chapter({ name, title, statuses }: Chart): string {
  const picture = `![${title}](../${FOLDER}/${name}.svg)`;
  const afar = statuses ? [`![${statuses.title}](../${FOLDER}/${name}-statuses.svg)`, ''] : [];
  const tables = `[What each state does on every event](lifecycle/${name}.md)`;
  return [`## ${title}`, '', ...afar, picture, '', tables].join('\n');
}

function tablePage({ name, title, isCommand }: Chart, graph: ChartGraph): string {
  const about = `Rendered from the chart that runs. [How to read the tables](../lifecycle.md)`;
  const picture = `![${title}](../../${FOLDER}/${name}.svg)`;
  const tables = lifecycleTables(graph, isCommand).replaceAll(/^##(#+) /gm, '#$1 ');
  return `${[`# ${title}`, '', about, '', picture, '', tables].join('\n')}\n`;
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(absolute(path), 'utf8').catch(() => undefined);
}
