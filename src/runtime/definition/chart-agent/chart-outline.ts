/**
 * A chart for people: its states and transitions as plain data. Pure.
 *
 * I1  Its size is bounded for every chart.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** One way out of a state. */
export interface OutlinedTransition {
  /** The event, or in words what is waited for: `after 5000 ms`, `when fetch is done`. */
  readonly on: string;
  /** Paths of the states that it leads to; of none it stays where it is. */
  readonly to: readonly string[];
  /** Whether a guard decides. */
  readonly isGuarded?: true;
}

export interface OutlinedState {
  /** Keys joined by dots. */
  readonly path: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** Whether the state around it begins here. */
  readonly isInitial?: true;
  readonly description?: string;
  readonly transitions: readonly OutlinedTransition[];
}

export interface ChartOutline {
  readonly id: string;
  /** Ways that are open in every state. */
  readonly transitions: readonly OutlinedTransition[];
  /** Each before those within it. */
  readonly states: readonly OutlinedState[];
}

const MAX_STATES = 300;
const MAX_TRANSITIONS = 50;
const MAX_TEXT = 200;

export function outlineOf(machine: AnyStateMachine): ChartOutline {
  const states: OutlinedState[] = [];
  const walk = (node: AnyStateNode): void => {
    for (const child of Object.values(node.states) as AnyStateNode[]) {
      if (states.length >= MAX_STATES) return;
      states.push(stateOf(child, node));
      walk(child);
    }
  };
  walk(machine.root);
  return { id: cut(machine.id), transitions: transitionsOf(machine.root), states };
}

function stateOf(node: AnyStateNode, parent: AnyStateNode): OutlinedState {
  const isInitial = parent.type === 'compound' && parent.initial.target.includes(node as never);
  return {
    path: pathOf(node),
    type: node.type,
    ...(isInitial ? { isInitial: true as const } : {}),
    ...(node.description === undefined ? {} : { description: cut(node.description) }),
    transitions: transitionsOf(node),
  };
}

function transitionsOf(node: AnyStateNode): OutlinedTransition[] {
  const always = (node.always ?? []).map((transition) => ['always', transition] as const);
  const others = [...node.transitions].flatMap(([event, transitions]) =>
    transitions.map((transition) => [wordsOf(event), transition] as const),
  );
  return [...always, ...others].slice(0, MAX_TRANSITIONS).map(([on, { target, guard }]) => ({
    on: cut(on),
    to: (target ?? []).map((state) => pathOf(state as AnyStateNode)),
    ...(guard === undefined ? {} : { isGuarded: true as const }),
  }));
}

function wordsOf(event: string): string {
  const [, delay] = /^xstate\.after\.(.+?)\./.exec(event) ?? [];
  if (delay !== undefined) return /^\d+$/.test(delay) ? `after ${delay} ms` : `after ${delay}`;
  const [, outcome, , id] = /^xstate\.(done|error)\.(actor|state)\.(.+)$/.exec(event) ?? [];
  if (outcome === undefined) return event;
  return outcome === 'done' ? `when ${id} is done` : `when ${id} fails`;
}

function pathOf(node: AnyStateNode): string {
  return node.path.map(cut).join('.');
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}
