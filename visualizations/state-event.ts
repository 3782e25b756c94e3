/**
 * What a state does with an event, ancestors included, and which events a chart knows. Pure.
 *
 * A state is asked before the one around it, which gets what no alternative of the inner one took for certain.
 */
import { type ChartGraph, type ChartState, type ChartTransition, triggerName } from './chart-graph.ts';
import { type IsCommand, type TransitionKind, kindOf } from './transition-kind.ts';

export interface ChartEvent {
  readonly name: string;
  readonly kind: TransitionKind;
}

/** Every event that some state handles, deadlines and ends of actors included, in document order. */
export function eventsOf(graph: ChartGraph, isCommand: IsCommand): readonly ChartEvent[] {
  const events = new Map<string, ChartEvent>();
  for (const { trigger } of graph.transitions) {
    const name = triggerName(trigger);
    const isEvent = trigger.kind !== 'always' && !isWildcard(name);
    if (isEvent && !events.has(name)) events.set(name, { name, kind: kindOf(trigger, isCommand) });
  }
  return [...events.values()];
}

/** The states a chart can rest in: those without children. */
export function leavesOf(graph: ChartGraph): readonly ChartState[] {
  const parents = new Set(graph.states.map(({ parent }) => parent));
  return graph.states.filter(({ path, type }) => type !== 'history' && !parents.has(path));
}

/** What may happen when `state` gets `event`, in the order it is tried; empty when it is ignored. */
export function responsesOf(graph: ChartGraph, state: ChartState, event: string): readonly ChartTransition[] {
  const responses: ChartTransition[] = [];
  let here: ChartState | undefined = state;
  while (here) {
    const { path, parent }: ChartState = here;
    for (const transition of handlersOf(graph, path, event)) {
      responses.push(transition);
      if (transition.guard === undefined) return responses;
    }
    here = graph.states.find((candidate) => candidate.path === parent);
  }
  return responses;
}

/** The name of a state that says which one it is: its key, or its path where another has the same key. */
export function shortName(graph: ChartGraph, path: string): string {
  const key = path.split('.').at(-1) ?? path;
  return graph.states.filter((state) => state.key === key).length > 1 ? path : key;
}

/** The exact event first, then wildcards, the longest first: as XState looks for them. */
function handlersOf(graph: ChartGraph, path: string, event: string): ChartTransition[] {
  return graph.transitions
    .filter(
      ({ source, trigger }) =>
        source === path && trigger.kind !== 'always' && matches(triggerName(trigger), event),
    )
    .toSorted((a, b) => triggerName(b.trigger).length - triggerName(a.trigger).length || a.order - b.order);
}

function matches(pattern: string, event: string): boolean {
  return (
    pattern === event || pattern === '*' || (pattern.endsWith('.*') && event.startsWith(pattern.slice(0, -1)))
  );
}

function isWildcard(name: string): boolean {
  return name === '*' || name.endsWith('.*');
}
