/**
 * A definition as a table: XState's parsed nodes with everything worked out that does not depend on an event.
 *
 * Made once per definition, for all charts of it: positions and plans are made when a chart first comes to them, and
 * kept. Throws `ChartRefused` for what it cannot do exactly as XState does.
 */
import type { AnyStateMachine } from 'xstate';
import { ChartRefused } from '../refusal.ts';
import { limitOf } from '../settling.ts';
import { nodesOf } from '../transition-name.ts';
import {
  enteredBy,
  exitedBy,
  type HistoryValue,
  initialTransition,
  isFinal,
  type Recall,
  recordedBy,
  type StateNode,
  type Transition,
  withoutConflicts,
} from './configuration.ts';
import { candidatesFor } from './event-descriptors.ts';
import { type Guard, guardOf } from './guards.ts';
import { type Completion, DO, Operation, operationOf } from './operations.ts';
import { Candidate, isMove, keyOf, type Plan, Position, type PositionTable } from './position.ts';
import { InputScope } from './scope.ts';

/** Positions are kept up to so many: a chart with many parallel regions may have no end of them. */
const MAX_POSITIONS = 2_000;

const tables = new WeakMap<AnyStateMachine, CompiledChart>();

/**
 * Compiles any XState 5 definition; docs/engine.md lists what is supported.
 *
 * @throws ChartRefused naming the definition, the state and what is not supported there
 */
export function compileChart(definition: AnyStateMachine): CompiledChart {
  let table = tables.get(definition);
  if (table === undefined) {
    table = new CompiledChart(definition);
    tables.set(definition, table);
  }
  return table;
}

export class CompiledChart implements PositionTable {
  readonly definition: AnyStateMachine;
  /** Where a chart is before its first step. */
  readonly origin: Position;
  readonly initial: Plan;
  /** Where a chart is after its first step, if that does nothing but lead there. */
  readonly beginning: Position | undefined;
  /** Iterations of one event that the definition allows, or the default. */
  readonly maxIterations: number;
  private readonly positions = new Map<string, Position>();
  /** By descriptor, of each state. */
  private readonly candidatesByNode = new Map<StateNode, ReadonlyMap<string, readonly Candidate[]>>();
  private readonly eventless = new Map<StateNode, readonly Candidate[]>();
  private readonly numbers = new Map<Transition, number>();
  private readonly entries = new Map<StateNode, readonly Operation[]>();
  private readonly defaultEntries = new Map<StateNode, readonly Operation[]>();
  private readonly exits = new Map<StateNode, readonly Operation[]>();
  private readonly actions = new Map<Transition, readonly Operation[]>();

  constructor(definition: AnyStateMachine) {
    const { root } = definition;
    this.definition = definition;
    this.maxIterations = limitOf(definition, undefined);
    for (const node of nodesOf(root)) this.read(node);
    const initial = initialTransition(root);
    this.origin = new Position(this, [root]);
    this.initial = this.build(this.origin, [initial], () => undefined, true);
    this.beginning = isMove(this.initial) ? this.initial.next : undefined;
  }

  /** A context before the first step. */
  contextOf(input: unknown): unknown {
    const context: unknown = this.definition.config.context;
    if (typeof context !== 'function') return context || {};
    return { ...((context as (scope: InputScope) => unknown)(new InputScope(input)) as object) };
  }

  candidatesOf(node: StateNode, type: string): readonly Candidate[] {
    return candidatesFor(this.candidatesByNode.get(node)!, type);
  }

  eventlessOf(node: StateNode): readonly Candidate[] {
    return this.eventless.get(node)!;
  }

  /** All transitions of the definition, with how often each was taken. */
  *candidates(): Iterable<Candidate> {
    for (const ofNode of this.candidatesByNode.values()) for (const ofType of ofNode.values()) yield* ofType;
    for (const ofNode of this.eventless.values()) yield* ofNode;
  }

  numberOf(transition: Transition): number {
    return this.numbers.get(transition)!;
  }

  operationOf(action: unknown, awaited: readonly string[] | undefined): Operation {
    const { root } = this.definition;
    return operationOf(action, root, awaited, (feature) => this.refuse(root, feature));
  }

  guardOf(guard: unknown): Guard {
    const { root } = this.definition;
    return guardOf(guard, root, (feature) => this.refuse(root, feature));
  }

  plan(
    from: Position,
    transitions: readonly Transition[],
    history: HistoryValue | undefined,
  ): { readonly plan: Plan; readonly isLasting: boolean } {
    let isLasting = true;
    const recall: Recall = (node) => {
      isLasting = false;
      return history?.[node.id];
    };
    const plan = this.build(from, transitions, recall, false);
    return { plan, isLasting };
  }

  private build(
    from: Position,
    transitions: readonly Transition[],
    recall: Recall,
    isInitial: boolean,
  ): Plan {
    const active = new Set(from.nodes);
    const taken = withoutConflicts(transitions, active, recall);
    const operations: Operation[] = [];
    let recorded: HistoryValue | undefined;

    if (!isInitial) {
      const exited = exitedBy(taken, active, recall);
      recorded = recordedBy(exited, active);
      for (const node of exited) {
        operations.push(...this.exits.get(node)!);
        active.delete(node);
      }
    }
    for (const transition of taken) operations.push(...(this.actions.get(transition) ?? []));

    // A history node of a state that is being left recalls what is left now.
    const { entered, byDefault } = enteredBy(taken, (node) => recorded?.[node.id] ?? recall(node));
    const completed = new Set<StateNode>();
    let isDone = false;
    for (const node of entered) {
      active.add(node);
      operations.push(...(byDefault.has(node) ? this.defaultEntries : this.entries).get(node)!);
      if (node.type !== 'final') continue;
      const completions = completionsOf(node, active, completed);
      operations.push(...completions);
      isDone ||= completions.some(({ kind }) => kind === DO.finish);
    }
    let nodes = [...active];
    if (isDone) {
      nodes = nodes.toSorted((a, b) => b.order - a.order);
      for (const node of nodes) operations.push(...this.exitActions(node));
    }
    const isSame = from.nodes.length === active.size && from.nodes.every((node) => active.has(node));
    const changes = !isSame || recorded !== undefined;
    return { operations, next: changes ? this.positionOf(nodes) : from, changes, recorded };
  }

  private positionOf(nodes: readonly StateNode[]): Position {
    const key = keyOf(nodes);
    let position = this.positions.get(key);
    if (position === undefined) {
      position = new Position(this, nodes);
      if (this.positions.size >= MAX_POSITIONS) this.positions.clear();
      this.positions.set(key, position);
    }
    return position;
  }

  /** Exit actions without the ends of invoked children. */
  private exitActions(node: StateNode): readonly Operation[] {
    return this.exits.get(node)!.slice(0, node.exit.length);
  }

  private read(node: StateNode): void {
    const { root } = this.definition;
    const refuse = (feature: string): never => this.refuse(node, feature);
    const read = (actions: readonly unknown[], awaited?: readonly string[]): Operation[] =>
      actions.map((action) => operationOf(action, root, awaited, refuse));
    const invoked = node.invoke.map(({ id }) => id);
    const invocations = node.invoke.map((invocation) => {
      const { id, src, input, systemId } = invocation;
      if (systemId !== undefined) refuse('systemId');
      if ('onSnapshot' in invocation && invocation.onSnapshot !== undefined) refuse('onSnapshot');
      if (/^xstate\.invoke\.\d+\./.test(src as string)) refuse('invoke of an actor that has no name');
      return new Operation(DO.spawn, { id, src, input });
    });
    const entry = [...read(node.entry, invoked), ...invocations];
    const initial = node.type === 'compound' ? read(node.initial.actions, invoked) : [];
    const resolve = invoked.length > 0 ? [new Operation(DO.resolve, undefined)] : [];
    this.entries.set(node, [...entry, ...resolve]);
    this.defaultEntries.set(node, [...entry, ...initial, ...resolve]);
    this.exits.set(node, [...read(node.exit), ...invoked.map((id) => new Operation(DO.stop, id))]);

    const candidate = (transition: Transition): Candidate => {
      const operations = read(transition.actions);
      this.actions.set(transition, operations);
      this.numbers.set(transition, this.numbers.size);
      return new Candidate(
        transition,
        transition.guard ? guardOf(transition.guard, root, refuse) : undefined,
      );
    };
    const candidates = new Map<string, readonly Candidate[]>();
    for (const [type, transitions] of node.transitions) candidates.set(type, transitions.map(candidate));
    this.candidatesByNode.set(node, candidates);
    this.eventless.set(node, (node.always ?? []).map(candidate));
  }

  private refuse(node: StateNode, feature: string): never {
    throw new ChartRefused(this.definition.id, node.id, feature);
  }
}

/** What follows from a final state that was entered, given the states entered so far. */
function completionsOf(
  node: StateNode,
  active: ReadonlySet<StateNode>,
  completed: Set<StateNode>,
): Operation[] {
  const operations: Operation[] = [];
  const complete = (of: StateNode, output?: unknown): void => {
    const completion: Completion = { type: `xstate.done.state.${of.id}`, output };
    operations.push(new Operation(DO.complete, completion));
  };
  const { parent } = node;
  let ancestor = parent?.type === 'parallel' ? parent : parent?.parent;
  let last = ancestor ?? node;
  if (parent?.type === 'compound') complete(parent, node.output);
  while (ancestor?.type === 'parallel' && !completed.has(ancestor) && isFinal(active, ancestor)) {
    completed.add(ancestor);
    complete(ancestor);
    last = ancestor;
    ancestor = ancestor.parent;
  }
  if (ancestor !== undefined) return operations;
  const completion: Completion = {
    type: `xstate.done.state.${last.id}`,
    output: last.parent ? last.output : undefined,
    final: node.machine.root.output,
  };
  return [...operations, new Operation(DO.finish, completion)];
}
