/**
 * A chart as mermaid `stateDiagram-v2` text, for pages that draw mermaid themselves. Pure.
 *
 * It holds the states and what leads from one to another, with guards. Actions and what a state handles without
 * leaving it are in the SVG and in the tables: mermaid has no room for them.
 */
import { type ChartGraph, type ChartState, type ChartTransition, triggerName } from './chart-graph.ts';
import { guardText } from './labels.ts';

/** The text of `graph`, ending in a newline. */
export function mermaidOf(graph: ChartGraph): string {
  const lines = [
    'stateDiagram-v2',
    ...statesIn(graph, '', '  '),
    ...edgesOf(graph).map((edge) => `  ${edge}`),
  ];
  return `${lines.join('\n')}\n`;
}

function statesIn(graph: ChartGraph, parent: string, indent: string): string[] {
  const around = graph.states.find(({ path }) => path === parent);
  const start = around?.initial === undefined ? [] : [`${indent}[*] --> ${idOf(around.initial)}`];
  const children = graph.states.filter((state) => state.parent === parent);
  const blocks = children.flatMap((state, index) => {
    const divider = around?.type === 'parallel' && index > 0 ? [`${indent}--`] : [];
    return [...divider, ...stateLines(graph, state, indent)];
  });
  return [...blocks, ...start];
}

function stateLines(graph: ChartGraph, state: ChartState, indent: string): string[] {
  const declared = `${indent}state "${state.key}" as ${idOf(state.path)}`;
  const inside = statesIn(graph, state.path, `${indent}  `);
  if (inside.length > 0) return [`${declared} {`, ...inside, `${indent}}`];
  return state.type === 'final' ? [declared, `${indent}${idOf(state.path)} --> [*]`] : [declared];
}

/** What leads from one state to another is one arrow, whatever the number of events. */
function edgesOf(graph: ChartGraph): string[] {
  const labels = new Map<string, string[]>();
  for (const transition of graph.transitions) {
    for (const target of transition.targets) {
      if (transition.source === '' || target === '') continue;
      const ends = `${idOf(transition.source)} --> ${idOf(target)}`;
      labels.set(ends, [...(labels.get(ends) ?? []), labelOf(graph, transition)]);
    }
  }
  return [...labels].map(([ends, texts]) => `${ends} : ${texts.join(', ')}`);
}

function labelOf(graph: ChartGraph, transition: ChartTransition): string {
  const text = [triggerName(transition.trigger), guardText(graph, transition)]
    .filter((part) => part !== '')
    .join(' ');
  // A colon or a semicolon would end the label.
  return text.replaceAll(/[:;]/g, ' ');
}

function idOf(path: string): string {
  return path.replaceAll(/[^\w]/g, '_');
}
