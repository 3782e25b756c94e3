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
 * - what leads from elsewhere, and not from its siblings, to a target that many states still lead to.
 */
import { type ChartGraph, type ChartTransition, triggerName } from './chart-graph.ts';
import { type IsCommand, type TransitionKind, kindOf } from './transition-kind.ts';

/** Transitions shown as one: same source, targets and kind. */
export interface Bundle {
  readonly kind: TransitionKind;
  readonly source: string;
  readonly targets: readonly string[];
  readonly shownAs: 'edge' | 'inside' | 'jump';
  readonly transitions: readonly ChartTransition[];
}

const MANY_SOURCES = 4;
const MANY_WAYS_OUT = 5;

/** The transitions of `graph` in bundles, in document order. */
export function bundlesOf(graph: ChartGraph, isCommand: IsCommand): readonly Bundle[] {
  const jumps = jumpsOf(graph);
  const bundles = new Map<string, Bundle & { transitions: ChartTransition[] }>();
  for (const transition of graph.transitions) {
    const { source, targets, order } = transition;
    const kind = kindOf(transition.trigger, isCommand);
    const shownAs = staysInside(transition) ? 'inside' : jumps.has(transition) ? 'jump' : 'edge';
    // What stays inside keeps its own line, so that a box reads in document order.
    const key = JSON.stringify([source, targets, kind, shownAs, shownAs === 'inside' ? order : '']);
    const bundle = bundles.get(key);
    if (bundle) bundle.transitions.push(transition);
    else bundles.set(key, { kind, source, targets, shownAs, transitions: [transition] });
  }
  return [...bundles.values()];
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
    (transition) => !isFromSibling(transition) && sourcesOf(left, transition).size >= MANY_SOURCES,
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

function isFromSibling({ source, targets }: ChartTransition): boolean {
  return targets.every((target) => parentOf(target) === parentOf(source));
}

function parentOf(path: string): string {
  return path.split('.').slice(0, -1).join('.');
}

/** No target, or a state that is its own. */
function staysInside({ source, targets }: ChartTransition): boolean {
  return targets.length === 0 || (targets.length === 1 && targets[0] === source);
}
