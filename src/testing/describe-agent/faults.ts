/** Work that charts invoke, made to fail or to hang when a test says so. */
import type { AnyActorLogic, AnyStateMachine } from 'xstate';
import type { AnyAgentDefinition } from '../../runtime/definition/define-agent.ts';
import { isMachine } from '../../runtime/engine/interpreted-counts.ts';

export class Faults {
  readonly #arranged = new Map<string, 'failing' | 'hanging'>();
  /** How often work has failed because it was to. */
  failed = 0;

  /** The next invocation of that work. */
  arrange(work: string, as: 'failing' | 'hanging'): void {
    this.#arranged.set(work, as);
  }

  /** Nothing is arranged any more. */
  clear(): void {
    this.#arranged.clear();
    this.failed = 0;
  }

  take(work: string): 'failing' | 'hanging' | undefined {
    const as = this.#arranged.get(work);
    this.#arranged.delete(work);
    if (as === 'failing') this.failed += 1;
    return as;
  }
}

/** Names of the work that can be made to fail: all but charts, which go by events. */
export function workOf(machine: AnyStateMachine): readonly string[] {
  return Object.entries(machine.implementations.actors as Record<string, AnyActorLogic>)
    .filter(([, logic]) => !isMachine(logic) && logic.start !== undefined)
    .map(([name]) => name);
}

/** The same agent, whose chart's work does as it is told. */
export function withFaults(definition: AnyAgentDefinition, faults: Faults): AnyAgentDefinition {
  const { chart } = definition;
  if (chart === undefined) return definition;
  return chart.withMachine((machine) => {
    const known = machine.implementations.actors as Record<string, AnyActorLogic>;
    const actors = Object.fromEntries(
      workOf(machine).map((name) => [name, faulty(name, known[name]!, faults)]),
    );
    return machine.provide({ actors } as never);
  });
}

/** As it is given: only its start is another. */
function faulty(name: string, logic: AnyActorLogic, faults: Faults): AnyActorLogic {
  const hanging = new WeakSet<object>();
  return {
    ...logic,
    start: (snapshot, scope) => {
      const as = faults.take(name);
      if (as === 'failing') throw new Error(`${name} was made to fail`);
      if (as === 'hanging') hanging.add(scope.self);
      else logic.start?.(snapshot, scope);
    },
    transition: (snapshot, event, scope) => {
      if (!hanging.has(scope.self)) return logic.transition(snapshot, event, scope);
      return event.type === 'xstate.stop' ? { ...snapshot, status: 'stopped' } : snapshot;
    },
  } as AnyActorLogic;
}
