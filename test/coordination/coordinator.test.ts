import { createActor, SimulatedClock } from 'xstate';
import { expect, it } from 'vitest';
import { consensusMachine, coordinatorMachine, restartPolicy } from '../../src/machines/index.ts';
import { exploreCoordinator } from './coordinator-walk.ts';

it('every move in every state, against the model', () => {
  const { states, moves } = exploreCoordinator({ coordinatorMachine, consensusMachine });
  expect(states).toBeGreaterThan(50);
  expect(moves).toBeGreaterThan(1_000);
});

it('its recovery takes longer after each failure, and as long as at first after a healthy period', () => {
  const clock = new SimulatedClock();
  const actor = createActor(coordinatorMachine, {
    clock,
    input: {
      maxOpenRounds: 1,
      recovery: restartPolicy.parse({ delayMs: 100, maxDelayMs: 300, maxRestarts: 9, withinMs: 10_000 }),
    },
  });
  actor.start();
  const downFor = () => {
    actor.send({
      type: 'coordination.failed',
      at: clock.now(),
      chance: 0.5,
      error: { name: 'Error', message: 'it' },
    });
    const from = clock.now();
    while (!actor.getSnapshot().matches('available')) clock.increment(1);
    return clock.now() - from;
  };
  expect([downFor(), downFor(), downFor(), downFor()]).toEqual([75, 150, 225, 225]);
  clock.increment(10_000);
  expect(downFor()).toBe(75);
});
