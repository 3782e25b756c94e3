import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { bestLayout } from '../../visualizations/best-layout.ts';
import { chartGraphOf } from '../../visualizations/chart-graph.ts';
import { charts } from '../../visualizations/charts.ts';
import { isContainer, textArea } from '../../visualizations/layout.ts';
import type { Box, Point } from '../../visualizations/placed-chart.ts';
import { mermaidOf } from '../../visualizations/mermaid.ts';
import { bundlesOf } from '../../visualizations/routes.ts';
import { statusGraphOf } from '../../visualizations/status-graph.ts';
import { absolute } from '../../visualizations/outputs.ts';
import { layoutNameIn, svgOf } from '../../visualizations/svg.ts';
import { smallMachine } from './small-machine.ts';

const small = {
  name: 'small',
  title: 'Small',
  machine: smallMachine as AnyStateMachine,
  isCommand: () => true,
};
const all = [...charts, small];

/** Every picture there is. The choice of the layout is kept in the file: no need to search for it again. */
const pictures = all.flatMap((chart) => {
  const { name, title, machine, isCommand } = chart;
  const graph = chartGraphOf(machine);
  const statuses = 'statuses' in chart ? chart.statuses : undefined;
  return [
    { name, title, graph, isCommand },
    ...(statuses
      ? [{ name: `${name}-statuses`, title, graph: statusGraphOf(graph, statuses), isCommand }]
      : []),
  ];
});

async function keptLayout(name: string): Promise<string | undefined> {
  const svg = await readFile(absolute(`visualizations/${name}.svg`), 'utf8').catch(() => '');
  return layoutNameIn(svg);
}

/** Coordinates are rounded to a tenth of a pixel: what touches does not overlap. */
const TOUCH = 0.2;

function overlap(one: Box, other: Box): boolean {
  return (
    one.x + TOUCH < other.x + other.width &&
    other.x + TOUCH < one.x + one.width &&
    one.y + TOUCH < other.y + other.height &&
    other.y + TOUCH < one.y + one.height
  );
}

/** The straight runs of a line, as boxes; ends touch what they lead to, and do not count. */
function runsOf(points: readonly Point[]): Box[] {
  return points.slice(1).map((to, index) => {
    const from = points[index] ?? to;
    const [x, y] = [Math.min(from.x, to.x), Math.min(from.y, to.y)];
    return { x, y, width: Math.abs(from.x - to.x), height: Math.abs(from.y - to.y) };
  });
}

describe('a picture', () => {
  it.each(pictures)('shows every transition of $name once', ({ graph, isCommand }) => {
    const shown = bundlesOf(graph, isCommand).flatMap(({ transitions }) =>
      transitions.map(({ order }) => order),
    );
    expect(shown.toSorted((a, b) => a - b)).toEqual(graph.transitions.map(({ order }) => order));
  });

  it.each(pictures)(
    'of $name has no label over another or over a state, no line through words or states, and nothing off the paper',
    async ({ name, graph, isCommand }) => {
      const layout = await bestLayout(graph, isCommand, await keptLayout(name));
      const labels = layout.edges.flatMap(({ label }) => (label ? [label] : []));
      const leaves = layout.states.filter((placed) => !isContainer(placed));
      const boxes: Box[] = [...labels, ...leaves];
      const clashes = boxes.flatMap((one, index) =>
        boxes.slice(index + 1).filter((other) => overlap(one, other)),
      );
      expect(clashes).toEqual([]);
      const lines = layout.edges.map(({ points, label }) => ({ label, runs: runsOf(points) }));
      const heads = layout.states.filter(isContainer).map(textArea);
      const crossed = [...boxes, ...heads].filter((box) =>
        lines.some(({ label, runs }) => label !== box && runs.some((run) => overlap(run, box))),
      );
      expect(crossed).toEqual([]);
      const outside = boxes.filter(
        ({ x, y, width, height }) => x < 0 || y < 0 || x + width > layout.width || y + height > layout.height,
      );
      expect(outside).toEqual([]);
    },
  );

  it('is the same, byte for byte, each time', async () => {
    const graph = chartGraphOf(small.machine);
    const searched = await svgOf(graph, small.title, small.isCommand);
    expect(await svgOf(graph, small.title, small.isCommand, layoutNameIn(searched))).toBe(searched);
  });

  it('writes what its names hold as text, not as markup', async () => {
    const svg = await svgOf(chartGraphOf(small.machine), '<b>', small.isCommand);
    expect(svg).toContain('[isFirst &amp;&amp; !isLast]');
    expect(svg).toContain('<title>&lt;b&gt;</title>');
  });
});

describe('mermaid text', () => {
  it('holds the nesting, the first states and what leads where', () => {
    const lines = mermaidOf(chartGraphOf(small.machine)).split('\n');
    expect(lines).toContain('  [*] --> resting');
    expect(lines).toContain('    state "trying" as working_trying');
    expect(lines).toContain(
      '  working --> over : done.job [isLast], error.job, after patience [isFirst && !isLast]',
    );
    expect(lines.filter((line) => line.trim() === '--')).toHaveLength(1);
  });
});
