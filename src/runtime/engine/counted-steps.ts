/**
 * Steps of a chart that are taken as data, counted like those of a chart that runs: docs/observing.md "What has been taken".
 *
 * XState gives each of its pure functions an actor of its own, which ends with the step.
 */
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import type { InterpretedCounts } from './interpreted-counts.ts';

/** The machine for one step from a snapshot. */
export function countingStep(machine: AnyStateMachine, counts: InterpretedCounts): AnyStateMachine {
  return Object.assign(Object.create(machine) as AnyStateMachine, {
    transition: (snapshot: AnyMachineSnapshot, event: EventObject, scope: AnyActorScope) => {
      counts.stands(scope.self, snapshot);
      scope.system.inspect((told) => counts.observe(told));
      return machine.transition(snapshot, event, scope);
    },
  });
}

/** The machine for one first step. */
export function countingBegin(machine: AnyStateMachine, counts: InterpretedCounts): AnyStateMachine {
  // XState begins the actor before it begins the chart.
  let hasActor = false;
  return Object.assign(Object.create(machine) as AnyStateMachine, {
    getInitialSnapshot: (scope: AnyActorScope, input: unknown) => {
      if (hasActor) scope.system.inspect((told) => counts.observe(told));
      hasActor = true;
      return machine.getInitialSnapshot(scope, input);
    },
  });
}
