/**
 * The active states of a compiled chart, and what may happen there: one object per set of them, made when a chart
 * first gets there and kept with the table.
 *
 * A position without parallel states has one list of candidates per event type, innermost state first. One with
 * parallel states asks its regions, as XState does.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import {
  ancestorsOf,
  completed,
  isAtomic,
  type HistoryValue,
  type StateNode,
  type Transition,
  valueOf,
} from './configuration.ts';
import { pathOf } from '../state-path.ts';
import { isWildcard } from './event-descriptors.ts';
import type { Guard, Whereabouts } from './guards.ts';
import type { Operation } from './operations.ts';
import type { Scope } from './scope.ts';

/** The table that positions belong to: what it has worked out for all of them. */
export interface PositionTable {
  readonly definition: AnyStateMachine;
  candidatesOf(node: StateNode, type: string): readonly Candidate[];
  eventlessOf(node: StateNode): readonly Candidate[];
  /** Stands for a transition in the keys of plans. */
  numberOf(transition: Transition): number;
  /** What the microstep of these transitions does; whether that is so whatever history recalls. */
  plan(
    from: Position,
    transitions: readonly Transition[],
    history: HistoryValue | undefined,
  ): { readonly plan: Plan; readonly isLasting: boolean };
}

/** The step that asks a position: its event, and what guards and history look at. */
export interface AskingStep {
  readonly event: EventObject;
  readonly scope: Scope;
  readonly history: HistoryValue | undefined;
}

/** What one microstep does. */
export interface Plan {
  readonly operations: readonly Operation[];
  readonly next: Position;
  /** Whether it changes more than the context: states, or what history recalls. */
  readonly changes: boolean;
  /** What history nodes recall from now on. */
  readonly recorded: HistoryValue | undefined;
}

/** One transition that may be taken, and how often it was: by all charts of this definition. */
export class Candidate {
  readonly transition: Transition;
  readonly guard: Guard | undefined;
  taken = 0;
  /** How often its guard said no. */
  refused = 0;

  constructor(transition: Transition, guard: Guard | undefined) {
    this.transition = transition;
    this.guard = guard;
  }
}

/** A candidate at one position; its plan is made when it is first taken. */
class Choice {
  readonly candidate: Candidate;
  readonly guard: Guard | undefined;
  plan: Plan | undefined = undefined;
  /** Whether its plan does nothing but lead to another position. */
  isMove = false;

  constructor(candidate: Candidate) {
    this.candidate = candidate;
    this.guard = candidate.guard;
  }
}

/** What a position has for one type of event. */
export class Answer {
  readonly choices: readonly Choice[];
  /** Taken before, and all that it does is to lead to another position. */
  move: Choice | undefined = undefined;

  constructor(choices: readonly Choice[]) {
    this.choices = choices;
  }
}

const NONE: readonly Choice[] = [];

export class Position implements Whereabouts {
  /** Active, in the order in which they were entered. */
  readonly nodes: readonly StateNode[];
  readonly value: unknown;
  readonly path: string;
  private readonly chart: PositionTable;
  private readonly active: ReadonlySet<StateNode>;
  /** Whether exactly one atomic state is active. */
  private readonly isLine: boolean;
  private readonly answers = new Map<string, Answer>();
  /** The type that was looked for last, and what there is for it: mostly it is the next one, too. */
  private soughtType = '';
  private sought: Answer | undefined = undefined;
  private readonly hasWildcards: boolean;
  /** Whether an event that is in no answer surely changes nothing: but for those that XState itself sends. */
  private readonly isDeafToOthers: boolean;
  /** Whether nothing follows by itself, once a chart is here. */
  readonly isAtRest: boolean;
  private readonly eventlessChoices: readonly Choice[];
  /** One for each candidate, whichever event types it is for. */
  private readonly choiceOf = new Map<Candidate, Choice>();
  private readonly plans = new Map<string, Plan>();

  constructor(chart: PositionTable, nodes: readonly StateNode[]) {
    const { root } = chart.definition;
    const all = completed(nodes);
    this.nodes = nodes;
    this.value = valueOf(root, all);
    this.path = pathOf(root, this.value);
    this.chart = chart;
    this.active = new Set(nodes);
    this.isLine = all === nodes && nodes.filter(isAtomic).length === 1;
    this.hasWildcards = nodes.some((node) => [...node.transitions.keys()].some(isWildcard));
    this.eventlessChoices = this.isLine
      ? this.line().flatMap((node) => chart.eventlessOf(node).map((candidate) => this.choice(candidate)))
      : NONE;
    if (this.isLine) {
      for (const node of nodes) {
        for (const type of node.transitions.keys()) this.answers.set(type, new Answer(this.choicesOf(type)));
      }
    }
    this.isAtRest = this.isLine && this.eventlessChoices.length === 0;
    this.isDeafToOthers = this.isAtRest && !this.hasWildcards;
  }

  isIn(node: StateNode): boolean {
    return this.active.has(node);
  }

  /** What there is here for events of a type: to be looked for once. */
  answerTo(type: string): Answer | undefined {
    if (this.soughtType === type) return this.sought;
    this.soughtType = type;
    return (this.sought = this.answers.get(type));
  }

  /** What an event leads to: `undefined` if nothing here takes it. @param answer what there is for it */
  enabled(step: AskingStep, answer = this.answers.get(step.event.type)): Plan | undefined {
    const { event } = step;
    if (!this.isLine) {
      const taken = this.asked(this.chart.definition.root, this.value, event, step.scope);
      return taken.length === 0 ? undefined : this.planFor(taken, step);
    }
    const choices = answer?.choices ?? (this.hasWildcards ? this.choicesOf(event.type) : NONE);
    for (let at = 0; at < choices.length; at++) {
      const choice = choices[at]!;
      if (choice.guard === undefined || passes(choice.candidate, event, step.scope, this)) {
        choice.candidate.taken += 1;
        const plan = choice.plan ?? this.choose(choice, step);
        if (at === 0 && choice.isMove && choice.guard === undefined && answer !== undefined)
          answer.move = choice;
        return plan;
      }
      choice.candidate.refused += 1;
    }
    return undefined;
  }

  /**
   * Where an event leads, as it did before, if that is all that it does: nothing is asked, done or followed by another
   * transition. An event that nobody here takes leads nowhere else. `undefined`: `enabled` has to be asked.
   */
  move(type: string, answer: Answer | undefined): Position | undefined {
    if (answer === undefined) return this.isDeafToOthers && !type.startsWith('xstate.') ? this : undefined;
    const { move } = answer;
    if (move === undefined) return undefined;
    move.candidate.taken += 1;
    return move.plan!.next;
  }

  eventless(step: AskingStep): Plan | undefined {
    if (!this.isLine) return this.eventlessOfAll(step);
    const choices = this.eventlessChoices;
    for (let at = 0; at < choices.length; at++) {
      const choice = choices[at]!;
      if (choice.guard === undefined || choice.guard.passes(step.scope, this)) {
        choice.candidate.taken += 1;
        return choice.plan ?? this.choose(choice, step);
      }
      choice.candidate.refused += 1;
    }
    return undefined;
  }

  private line(): StateNode[] {
    const leaf = this.nodes.find(isAtomic)!;
    return [leaf, ...ancestorsOf(leaf)];
  }

  private choicesOf(type: string): readonly Choice[] {
    return this.line().flatMap((node) =>
      this.chart.candidatesOf(node, type).map((candidate) => this.choice(candidate)),
    );
  }

  private choice(candidate: Candidate): Choice {
    let choice = this.choiceOf.get(candidate);
    if (choice === undefined) {
      choice = new Choice(candidate);
      this.choiceOf.set(candidate, choice);
    }
    return choice;
  }

  private choose(choice: Choice, step: AskingStep): Plan {
    const { plan, isLasting } = this.chart.plan(this, [choice.candidate.transition], step.history);
    if (!isLasting) return plan;
    choice.plan = plan;
    choice.isMove = isMove(plan);
    return plan;
  }

  private planFor(transitions: readonly Transition[], step: AskingStep): Plan {
    const key = transitions.map((transition) => this.chart.numberOf(transition)).join();
    const known = this.plans.get(key);
    if (known !== undefined) return known;
    const { plan, isLasting } = this.chart.plan(this, transitions, step.history);
    if (isLasting) this.plans.set(key, plan);
    return plan;
  }

  /** The transitions that regions take; a state is asked when nothing inside it takes any. */
  private asked(node: StateNode, value: unknown, event: EventObject, scope: Scope): Transition[] {
    const taken: Transition[] = [];
    if (typeof value === 'string') taken.push(...this.asked(node.states[value]!, undefined, event, scope));
    else if (value !== undefined) {
      for (const key of Object.keys(value as object)) {
        const inner = (value as Record<string, unknown>)[key];
        taken.push(...this.asked(node.states[key]!, inner, event, scope));
      }
    }
    if (taken.length > 0) return taken;
    const candidate = this.chart
      .candidatesOf(node, event.type)
      .find((one) => counted(one, one.guard === undefined || passes(one, event, scope, this)));
    return candidate === undefined ? taken : [candidate.transition];
  }

  private eventlessOfAll(step: AskingStep): Plan | undefined {
    const taken = new Set<Transition>();
    for (const leaf of this.nodes.filter(isAtomic)) {
      const candidate = [leaf, ...ancestorsOf(leaf)]
        .flatMap((node) => this.chart.eventlessOf(node))
        .find((one) => counted(one, one.guard === undefined || one.guard.passes(step.scope, this)));
      if (candidate !== undefined) taken.add(candidate.transition);
    }
    return taken.size === 0 ? undefined : this.planFor([...taken], step);
  }
}

/** Whether a plan does nothing but lead to another position, where nothing follows by itself. */
export function isMove({ operations, recorded, next }: Plan): boolean {
  return operations.length === 0 && recorded === undefined && next.isAtRest;
}

/** Of an event, what a guard throws is told with the guard's name. */
function passes({ guard, transition }: Candidate, event: EventObject, scope: Scope, at: Position): unknown {
  try {
    return guard!.passes(scope, at);
  } catch (thrown) {
    const name = guard!.name === undefined ? '' : `'${guard!.name}' `;
    throw new Error(
      `Unable to evaluate guard ${name}in transition for event '${event.type}' in state node '${transition.source.id}':\n${(thrown as Error).message}`,
      { cause: thrown },
    );
  }
}

function counted(candidate: Candidate, passed: unknown): boolean {
  if (passed) candidate.taken += 1;
  else candidate.refused += 1;
  return Boolean(passed);
}

export const keyOf = (nodes: readonly StateNode[]): string => nodes.map((node) => node.order).join();
