import { describe, expect, it } from 'vitest';
import { consensusMachine, coordinatorMachine } from '../../src/machines/index.ts';
import { exploreCoordinator, recoveryTimes } from '../models/coordinator/walk.ts';

describe.each(['table', 'interpreter', 'pure'] as const)('driven by the %s', (driver) => {
  it('every move in every state, against the model', () => {
    const { states, moves } = exploreCoordinator({ coordinatorMachine, consensusMachine, driver });
    expect(states).toBeGreaterThan(50);
    expect(moves).toBeGreaterThan(1_000);
  });

  it('its recovery takes longer after each failure, and as long as at first once it was well for long enough', () => {
    expect(recoveryTimes(coordinatorMachine, driver)).toEqual([75, 150, 225, 225, 75, 150, 225, 225]);
  });
});
