/**
 * A chart's definition as plain data: its states and every one of its transitions, in document order.
 *
 * Pure. It walks the state nodes, because `toDirectedGraph` leaves out `always`, guards and actions, and it
 * never runs anything: placeholder actors and unprovided actions do not matter.
 *
 * I1  Each transition of the definition is in the graph exactly once, targetless ones included.
 * I2  The same definition gives the same graph, value for value; the graph survives JSON.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { actionName, guardName } from './names.ts';

export interface ChartGraph {
  readonly id: string;
  readonly description?: string;
  /** It says what leads where, and not when: guards, their order and actions were left out. */
  readonly isOutline?: true;
  readonly states: readonly ChartState[];
  readonly transitions: readonly ChartTransition[];
}

export interface ChartState {
  /** Keys from the root, joined by dots; the root itself is `''`. */
  readonly path: string;
  readonly key: string;
  /** Path of the state around it; absent on the root only. */
  readonly parent?: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** Path of the child a compound state enters first. */
  readonly initial?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly { readonly id: string; readonly src: string }[];
}

/** What makes a transition happen. */
export type Trigger =
  | { readonly kind: 'event'; readonly name: string }
  | { readonly kind: 'after'; readonly delay: string }
  | { readonly kind: 'done' | 'error' | 'snapshot'; readonly actor: string }
  | { readonly kind: 'final'; readonly state: string }
  | { readonly kind: 'always' };

export interface ChartTransition {
  /** Position in document order, from 0. */
  readonly order: number;
  readonly source: string;
  /** Empty when the transition stays where it is. */
  readonly targets: readonly string[];
  readonly reenter: boolean;
  readonly trigger: Trigger;
  readonly guard?: string;
  readonly actions: readonly string[];
  readonly description?: string;
}

type Definition = NonNullable<AnyStateNode['always']>[number];

/** The chart of `machine`, as data. Pure. */
export function chartGraphOf(machine: AnyStateMachine): ChartGraph {
  const nodes = nodesUnder(machine.root);
  const transitions = nodes.flatMap(transitionsOf).map(([trigger, definition], order) => ({
    order,
    source: pathOf(definition.source),
    targets: (definition.target ?? []).map(pathOf),
    reenter: definition.reenter,
    trigger,
    ...(definition.guard === undefined ? {} : { guard: guardName(definition.guard) }),
    actions: definition.actions.map(actionName),
    ...(definition.description === undefined ? {} : { description: definition.description }),
  }));
  return {
    id: machine.id,
    ...(machine.root.description === undefined ? {} : { description: machine.root.description }),
    states: nodes.map(stateOf),
    transitions,
  };
}

/** A trigger as it is written on an edge: `agent.stop`, `after drainTimeout`, `done.body`, `always`. */
export function triggerName(trigger: Trigger): string {
  switch (trigger.kind) {
    case 'event':
      return trigger.name;
    case 'after':
      return `after ${trigger.delay}`;
    case 'final':
      return `done ${trigger.state}`;
    case 'always':
      return 'always';
    default:
      return `${trigger.kind}.${trigger.actor}`;
  }
}

const MANY_TRANSITIONS = 40;

/** On a chart of many transitions, what each does is left to its table. */
export function showsActions(graph: ChartGraph): boolean {
  return graph.transitions.length <= MANY_TRANSITIONS;
}

/** The transitions of one state for one trigger, `transition` among them, in the order they are tried. */
export function alternativesOf(graph: ChartGraph, transition: ChartTransition): readonly ChartTransition[] {
  const { source, trigger } = transition;
  return graph.transitions.filter(
    (other) =>
      other.source === source &&
      other.trigger.kind === trigger.kind &&
      triggerName(other.trigger) === triggerName(trigger),
  );
}

function nodesUnder(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesUnder)];
}

function pathOf(node: AnyStateNode): string {
  return node.path.join('.');
}

function stateOf(node: AnyStateNode): ChartState {
  // The node's own `entry` and `exit` also hold the raise and cancel behind each `after`: the config does not.
  const { entry, exit } = node.config;
  const initial = node.type === 'compound' ? node.initial.target[0] : undefined;
  return {
    path: pathOf(node),
    key: node.key,
    ...(node.parent ? { parent: pathOf(node.parent) } : {}),
    type: node.type,
    ...(initial ? { initial: pathOf(initial) } : {}),
    ...(node.description === undefined ? {} : { description: node.description }),
    tags: [...node.tags],
    entry: listOf(entry).map(actionName),
    exit: listOf(exit).map(actionName),
    invokes: node.invoke.map((invoke) => ({ id: invoke.id, src: sourceName(invoke.src) })),
  };
}

function transitionsOf(node: AnyStateNode): [Trigger, Definition][] {
  const onEvents = [...node.transitions].flatMap(([descriptor, definitions]) =>
    definitions.map((definition): [Trigger, Definition] => [
      triggerOf(descriptor, definition, node),
      definition,
    ]),
  );
  return [
    ...onEvents,
    ...(node.always ?? []).map((definition): [Trigger, Definition] => [{ kind: 'always' }, definition]),
  ];
}

/** XState writes deadlines and the ends of actors as events with reserved names: this reads them back. */
function triggerOf(descriptor: string, definition: object, node: AnyStateNode): Trigger {
  if ('delay' in definition) {
    const { delay } = definition;
    return { kind: 'after', delay: typeof delay === 'number' ? `${delay} ms` : String(delay) };
  }
  const [, reserved, rest] =
    /^xstate\.(done\.actor|error\.actor|snapshot|done\.state)\.(.+)$/.exec(descriptor) ?? [];
  switch (reserved) {
    case 'done.actor':
      return { kind: 'done', actor: actorName(rest, node) };
    case 'error.actor':
      return { kind: 'error', actor: actorName(rest, node) };
    case 'snapshot':
      return { kind: 'snapshot', actor: actorName(rest, node) };
    case 'done.state':
      return { kind: 'final', state: node.key };
    default:
      return { kind: 'event', name: descriptor };
  }
}

/** An invoke without an `id` gets one made of its position: its source says more. */
function actorName(id: string | undefined, node: AnyStateNode): string {
  const invoke = node.invoke.find((candidate) => candidate.id === id);
  return invoke && id === `${node.invoke.indexOf(invoke)}.${node.id}` ? sourceName(invoke.src) : String(id);
}

function sourceName(src: unknown): string {
  return typeof src === 'string' ? src : 'inline';
}

function listOf(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
