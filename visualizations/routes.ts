/**
 * How each transition is shown: as an edge, or as a line in the box of the state it leaves. Pure.
 *
 * I1  Every transition of the graph is in exactly one bundle.
 *
 * Lines that everybody draws to one place, as from each resting state to `forgotten`, hide the rest of a
 * picture. So some transitions are *jumps*, written in the box they leave as `agent.forget → forgotten`:
 * - what holds everywhere, since the root has no box to leave;
 * - a decision with many ways out;
 * - one event that leads many states to the same target, but for the state the chart begins in;
 * - what leads from elsewhere, and not from its siblings, to a target that many states still lead to, but for an
 *   event that one state alone answers.
 *
 * And some share one edge between the states around them, whose label says where each really leads:
 * - the alternatives of one event that all lead into one other state (`health.passed` back to *running*);
 * - one event that leads from each part of a state to the same part of another (*idle* to *idle*, *busy* to *busy*).
 */
import { type ChartGraph, type ChartTransition, showsActions, triggerName } from './chart-graph.ts';
import { type IsCommand, type TransitionKind, kindOf } from './transition-kind.ts';

/** Transitions shown as one. */
export interface Bundle {
  readonly kind: TransitionKind;
  /** Where it is drawn from: the source of its transitions, or the state around their sources. */
  readonly source: string;
  /** Where it is drawn to: the targets of its transitions, or the state around them. */
  readonly targets: readonly string[];
  readonly shownAs: 'edge' | 'inside' | 'jump';
  readonly transitions: readonly ChartTransition[];
}

const MANY_SOURCES = 4;
const MANY_WAYS_OUT = 5;

/** The transitions of `graph` in bundles, in document order. */
export function bundlesOf(graph: ChartGraph, isCommand: IsCommand): readonly Bundle[] {
  const jumps = jumpsOf(graph);
  const edges = graph.transitions.filter((transition) => !staysInside(transition) && !jumps.has(transition));
  const ends = sharedEndsOf(edges);
  const bundles = new Map<string, Bundle & { transitions: ChartTransition[] }>();
  for (const transition of graph.transitions) {
    const { order } = transition;
    const { source, targets } = ends.get(transition) ?? transition;
    const kind = kindOf(transition.trigger, isCommand);
    const shownAs = staysInside(transition) ? 'inside' : jumps.has(transition) ? 'jump' : 'edge';
    // What stays inside and says what it does keeps its own line, so that a box reads in document order.
    const isAlone = shownAs === 'inside' && (showsActions(graph) || targets.length > 0);
    const key = JSON.stringify([source, targets, kind, shownAs, isAlone ? order : '']);
    const bundle = bundles.get(key);
    if (bundle) bundle.transitions.push(transition);
    else bundles.set(key, { kind, source, targets, shownAs, transitions: [transition] });
  }
  return [...bundles.values()];
}

type Ends = Pick<Bundle, 'source' | 'targets'>;

/** The ends of the edges that are shared, by transition. */
function sharedEndsOf(edges: readonly ChartTransition[]): ReadonlyMap<ChartTransition, Ends> {
  const shared = new Map<ChartTransition, Ends>();
  for (const alternatives of groupsOf(edges, ({ source, trigger }) => `${source} ${triggerName(trigger)}`)) {
    const { source } = alternatives[0]!;
    const around = commonAncestor(alternatives.flatMap(({ targets }) => targets));
    const areSeveral = new Set(alternatives.map(({ targets }) => targets.join())).size > 1;
    if (!areSeveral || around === '' || isWithin(source, around) || isWithin(around, source)) continue;
    for (const alternative of alternatives) shared.set(alternative, { source, targets: [around] });
  }
  const left = edges.filter((edge) => !shared.has(edge) && edge.targets.length === 1);
  for (const moves of groupsOf(left, moveName)) {
    const [from, to] = [parentOf(moves[0]!.source), parentOf(moves[0]!.targets[0]!)];
    const keepsItsPart = moves.every(({ source, targets }) => keyOf(source) === keyOf(targets[0]!));
    if (moves.length < 2 || !keepsItsPart || from === to || from === '' || to === '') continue;
    for (const move of moves) shared.set(move, { source: from, targets: [to] });
  }
  return shared;
}

/** The same for all edges that might be one move: one event, from parts of one state to parts of another. */
function moveName({ source, targets, trigger, guard }: ChartTransition): string {
  return JSON.stringify([parentOf(source), parentOf(targets[0]!), triggerName(trigger), guard]);
}

function jumpsOf(graph: ChartGraph): ReadonlySet<ChartTransition> {
  const leaving = graph.transitions.filter((transition) => !staysInside(transition));
  const first = graph.states.find(({ path }) => path === '')?.initial;
  const byEvent = leaving.filter((transition) => {
    if (transition.source === '' || transition.targets.includes('')) return true;
    const alike = leaving.filter(({ trigger }) => triggerName(trigger) === triggerName(transition.trigger));
    if (alike.filter(({ source }) => source === transition.source).length >= MANY_WAYS_OUT) return true;
    return transition.source !== first && sourcesOf(alike, transition).size >= MANY_SOURCES;
  });
  const left = leaving.filter((transition) => !byEvent.includes(transition));
  const fromElsewhere = left.filter(
    (transition) =>
      transition.source !== first &&
      !isFromSibling(transition) &&
      !isAnsweredOnce(left, transition) &&
      sourcesOf(left, transition).size >= MANY_SOURCES,
  );
  return new Set([...byEvent, ...fromElsewhere]);
}

/** The states from which `transitions` lead where this one does. */
function sourcesOf(
  transitions: readonly ChartTransition[],
  { targets }: ChartTransition,
): ReadonlySet<string> {
  return new Set(
    transitions.filter((other) => other.targets.join() === targets.join()).map(({ source }) => source),
  );
}

function isAnsweredOnce(transitions: readonly ChartTransition[], { trigger }: ChartTransition): boolean {
  const isEvent = trigger.kind === 'event';
  return isEvent && transitions.filter((other) => triggerName(other.trigger) === trigger.name).length === 1;
}

function groupsOf<Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups.values()];
}

function isFromSibling({ source, targets }: ChartTransition): boolean {
  return targets.every((target) => parentOf(target) === parentOf(source));
}

/** The innermost state that is, or holds, all of `paths`. */
function commonAncestor(paths: readonly string[]): string {
  const [first = '', ...others] = paths;
  let around = first;
  while (around !== '' && !others.every((path) => isWithin(path, around))) around = parentOf(around);
  return around;
}

function isWithin(path: string, around: string): boolean {
  return path === around || around === '' || path.startsWith(`${around}.`);
}

function parentOf(path: string): string {
  return path.split('.').slice(0, -1).join('.');
}

function keyOf(path: string): string {
  return path.split('.').at(-1) ?? path;
}

/** No target, or a state that is its own. */
function staysInside({ source, targets }: ChartTransition): boolean {
  return targets.length === 0 || (targets.length === 1 && targets[0] === source);
}
