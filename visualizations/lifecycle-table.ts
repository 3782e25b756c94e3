/**
 * A chart as tables in Markdown: what every state does with every event, then state by state what happens. Pure.
 */
import { type ChartGraph, type ChartState, type ChartTransition, triggerName } from './chart-graph.ts';
import { guardText } from './labels.ts';
import { eventsOf, leavesOf, responsesOf, shortName } from './state-event.ts';
import type { IsCommand, TransitionKind } from './transition-kind.ts';

const MATRICES: readonly (readonly [TransitionKind, string])[] = [
  ['command', 'Commands'],
  ['report', 'Reports'],
  ['deadline', 'Deadlines'],
  ['always', 'Ends of states'],
];

/** The tables of `graph`, with headings from `###` down. */
export function lifecycleTables(graph: ChartGraph, isCommand: IsCommand): string {
  const events = eventsOf(graph, isCommand);
  const matrices = MATRICES.flatMap(([kind, heading]) => {
    const names = events.filter((event) => event.kind === kind).map(({ name }) => name);
    return names.length === 0 ? [] : [`### ${heading}`, '', ...matrix(graph, names), ''];
  });
  const sections = graph.states.flatMap((state) => section(graph, state));
  return [...matrices, '### State by state', '', ...sections].join('\n').trimEnd();
}

/** Rows are the states a chart can rest in; a row that ignores every event of the table is left out. */
function matrix(graph: ChartGraph, events: readonly string[]): string[] {
  const rows = leavesOf(graph).map((state) => ({
    name: shortName(graph, state.path),
    cells: events.map((event) => cell(graph, responsesOf(graph, state, event))),
  }));
  const silent = rows.filter(({ cells }) => cells.every((text) => text === '·')).map(({ name }) => name);
  return [
    ...table(
      ['', ...events.map(code)],
      rows.filter(({ name }) => !silent.includes(name)).map(({ name, cells }) => [`**${name}**`, ...cells]),
    ),
    ...(silent.length === 0 ? [] : ['', `Ignored by ${silent.join(', ')}.`]),
  ];
}

function cell(graph: ChartGraph, responses: readonly ChartTransition[]): string {
  if (responses.length === 0) return '·';
  return responses
    .map((transition) =>
      [targetText(graph, transition), guardIn(graph, transition)].filter((part) => part !== '').join(' '),
    )
    .join('<br>');
}

function targetText(graph: ChartGraph, { source, targets, actions }: ChartTransition): string {
  if (targets.length === 0) return actions.length === 0 ? '*no effect*' : '*stays*';
  if (targets.length === 1 && targets[0] === source) return '*enters itself*';
  return targets.map((target) => shortName(graph, target)).join(', ');
}

/** What a state says for itself. One that only holds others has no section. */
function section(graph: ChartGraph, state: ChartState): string[] {
  const own = graph.transitions.filter(({ source }) => source === state.path);
  const facts = [
    ...state.invokes.map(({ id, src }) => `Runs ${code(id === src ? id : `${id}: ${src}`)}`),
    ...(state.initial === undefined || state.path === ''
      ? []
      : [`Begins in ${shortName(graph, state.initial)}`]),
    ...(state.entry.length === 0 ? [] : [`On entry: ${state.entry.map(code).join(', ')}`]),
    ...(state.exit.length === 0 ? [] : [`On exit: ${state.exit.map(code).join(', ')}`]),
    ...(state.type === 'final' ? ['This state is final'] : []),
  ];
  const isSaid = own.length > 0 || facts.length > 0 || state.description !== undefined;
  if (!isSaid) return [];
  const rows = own.map((transition) => [
    code(triggerName(transition.trigger)),
    guardIn(graph, transition),
    targetText(graph, transition),
    transition.actions.map(code).join(', '),
  ]);
  return [
    `#### ${state.path === '' ? 'Everywhere' : state.path}`,
    '',
    ...(state.description === undefined ? [] : [state.description, '']),
    ...(facts.length === 0 ? [] : [`${facts.join('. ')}.`, '']),
    ...(rows.length === 0 ? [] : [...table(['on', 'when', 'goes to', 'does'], rows), '']),
  ];
}

function guardIn(graph: ChartGraph, transition: ChartTransition): string {
  const guard = guardText(graph, transition);
  return guard === '' || guard === '[else]' ? guard.slice(1, -1) : `if ${code(guard.slice(1, -1))}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [rowOf(heads), rowOf(heads.map(() => '---')), ...rows.map(rowOf)];
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
