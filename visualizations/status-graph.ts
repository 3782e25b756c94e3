/**
 * A chart from afar: only what its resting states are called in public, and what leads from one to another.
 *
 * Pure. Read from the whole chart: a decision that is taken at once is followed to where it ends, and what stays
 * within one status is left out. What every status of a group does is drawn once, from the group.
 */
import { type ChartGraph, type ChartState, type ChartTransition, triggerName } from './chart-graph.ts';
import { eventsOf, leavesOf, responsesOf } from './state-event.ts';

export interface Statuses {
  /** The status of a resting state, by its path. One with a dot, as in `alive.running`, is in a group. */
  readonly statusOf: (path: string) => string;
  /** One line for each status and group, in the order they are told. */
  readonly descriptions: Readonly<Record<string, string>>;
  /** Events that are no part of the everyday story. */
  readonly leaveOut?: readonly string[];
}

export function statusGraphOf(graph: ChartGraph, statuses: Statuses): ChartGraph {
  const keys = Object.keys(statuses.descriptions);
  const transitions = lifted(statusTransitions(graph, statuses), keys);
  const finals = graph.states
    .filter(({ type }) => type === 'final')
    .map(({ path }) => statuses.statusOf(path));
  const [first] = endsOf(graph, '').map(statuses.statusOf);
  return {
    id: graph.id,
    isOutline: true,
    states: [
      { ...stateAt('', 'compound'), ...(first === undefined ? {} : { initial: first }) },
      ...keys.map(
        (key): ChartState => ({
          ...stateAt(
            key,
            keys.some((other) => parentOf(other) === key)
              ? 'compound'
              : finals.includes(key)
                ? 'final'
                : 'atomic',
          ),
          parent: parentOf(key),
          description: statuses.descriptions[key] ?? '',
        }),
      ),
    ],
    transitions: transitions
      .toSorted((a, b) => keys.indexOf(a.source) - keys.indexOf(b.source))
      .map((transition, order) => ({ ...transition, order })),
  };
}

function statusTransitions(graph: ChartGraph, { statusOf, leaveOut = [] }: Statuses): ChartTransition[] {
  const events = eventsOf(graph, () => false).filter(({ name }) => !leaveOut.includes(name));
  const found = new Map<string, ChartTransition>();
  for (const state of leavesOf(graph)) {
    if (decisionsOf(graph, state.path).length > 0) continue;
    const source = statusOf(state.path);
    for (const { trigger, targets } of events.flatMap(({ name }) => responsesOf(graph, state, name))) {
      for (const target of targets.flatMap((path) => endsOf(graph, path)).map(statusOf)) {
        const key = nameOf(source, trigger, target);
        if (source === target || found.has(key)) continue;
        found.set(key, { order: 0, source, targets: [target], reenter: false, trigger, actions: [] });
      }
    }
  }
  return [...found.values()];
}

/** What all members of a group do alike, as done by the group; inner groups first. */
function lifted(transitions: readonly ChartTransition[], keys: readonly string[]): ChartTransition[] {
  const groups = [...new Set(keys.map(parentOf).filter((group) => group !== ''))];
  const found = new Map(transitions.map((one) => [nameOf(one.source, one.trigger, one.targets[0]!), one]));
  for (const group of groups.toSorted((a, b) => b.length - a.length)) {
    const [first, ...others] = keys.filter((key) => parentOf(key) === group);
    for (const one of [...found.values()].filter(({ source }) => source === first)) {
      const of = (source: string) => nameOf(source, one.trigger, one.targets[0]!);
      if (others.length === 0 || !others.every((member) => found.has(of(member)))) continue;
      for (const member of [one.source, ...others]) found.delete(of(member));
      found.set(of(group), { ...one, source: group });
    }
  }
  return [...found.values()];
}

/** The resting states that entering a state may end in. */
function endsOf(graph: ChartGraph, path: string): readonly string[] {
  const initial = graph.states.find((state) => state.path === path)?.initial;
  if (initial !== undefined) return endsOf(graph, initial);
  const decisions = decisionsOf(graph, path);
  if (decisions.length === 0) return [path];
  return decisions.flatMap(({ targets }) => targets).flatMap((target) => endsOf(graph, target));
}

function decisionsOf(graph: ChartGraph, path: string): readonly ChartTransition[] {
  return graph.transitions.filter(({ source, trigger }) => source === path && trigger.kind === 'always');
}

function nameOf(source: string, trigger: ChartTransition['trigger'], target: string): string {
  return `${source} ${triggerName(trigger)} ${target}`;
}

function stateAt(path: string, type: ChartState['type']): ChartState {
  return { path, key: path.split('.').at(-1) ?? path, type, tags: [], entry: [], exit: [], invokes: [] };
}

function parentOf(path: string): string {
  return path.split('.').slice(0, -1).join('.');
}
