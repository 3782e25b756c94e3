/**
 * Which parts of a chart the running actors really went through.
 *
 * Denominator: every transition of the definition, deadlines, ends of actors and `always` included, and both
 * outcomes of every guard. Numerator: the transitions that XState's inspection shows as taken, and what the
 * guards answered when they were asked.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { ChartInspectionEvent } from '../../../src/index.ts';

type Transition = NonNullable<AnyStateNode['always']>[number];
type Guard = (args: unknown, params: unknown) => boolean;

export interface ChartCoverage {
  /** To be given to `createAgentSystem`. */
  readonly inspect: (event: ChartInspectionEvent) => void;
  /** How many there are to take. */
  readonly total: number;
  /** What was not taken, in words; empty when all of it was. */
  untaken(): readonly string[];
}

/** Watches the actors of `machine`: from now on its guards tell what they answer. */
export function chartCoverage(machine: AnyStateMachine): ChartCoverage {
  const untaken = new Set<string>();
  for (const node of nodesUnder(machine.root)) {
    for (const [trigger, transitions] of transitionsOf(node)) {
      for (const transition of transitions) {
        untaken.add(nameOf(trigger, transition, transitions));
        if (transition.guard === undefined) continue;
        for (const answer of [true, false]) untaken.add(answerName(transition.guard, answer));
      }
    }
  }
  const total = untaken.size;
  const guards = machine.implementations.guards as Record<string, Guard>;
  for (const [type, guard] of Object.entries(guards)) {
    guards[type] = (args, params) => {
      const answer = guard(args, params);
      untaken.delete(answerName({ type, params }, answer));
      return answer;
    };
  }
  return {
    inspect(event) {
      if (event.type !== '@xstate.microstep') return;
      for (const taken of event._transitions) {
        const node = taken.source as AnyStateNode;
        const isAlways = taken.eventType === '';
        const alternatives = isAlways ? node.always : node.transitions.get(taken.eventType);
        if (alternatives)
          untaken.delete(nameOf(isAlways ? 'always' : taken.eventType, taken as Transition, alternatives));
      }
    },
    total,
    untaken: () => [...untaken],
  };
}

function transitionsOf(node: AnyStateNode): [string, readonly Transition[]][] {
  return [...node.transitions, ...(node.always ? [['always', node.always] as [string, Transition[]]] : [])];
}

function nodesUnder(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesUnder)];
}

/** `place: event #alternative`, the same for every copy of the chart. */
function nameOf(trigger: string, transition: Transition, alternatives: readonly Transition[]): string {
  return `${transition.source.path.join('.')}: ${trigger} #${alternatives.indexOf(transition) + 1}`;
}

function answerName(guard: unknown, answer: boolean): string {
  const { type, params } =
    typeof guard === 'string'
      ? { type: guard, params: undefined }
      : (guard as { type: string; params?: unknown });
  // Params that are made of the event stand for any: what matters is which guard it is.
  const which =
    typeof params === 'object' && params !== null && 'startedFrom' in params
      ? ` of ${String(params.startedFrom)}`
      : '';
  return `guard ${type}${which} answers ${answer}`;
}
