/**
 * The charts of lives, of restarts and of coordination, composed: no order in which commands, crashes, answers and
 * deadlines can come breaks what they promise together, and all of it comes to rest by itself.
 *
 * The bounds are small, and within them nothing is left out; `npm run composed` has larger ones.
 */
import type { AnyStateMachine } from 'xstate';
import { describe, expect, test } from 'vitest';
import { agentMachine, coordinatorMachine, supervisorMachine } from '../../../src/machines/index.ts';
import { chartMutantsOf } from '../../mutation/chart-mutants.ts';
import { explore } from './explore.ts';
import type { Bounds, Charts } from './world.ts';

const PATIENCE = { timeout: 600_000 };
const one = { permits: 1, maxRestarts: 1 };

const bounds: readonly (readonly [string, Bounds, number])[] = [
  [
    'two agents, from nothing, four disturbances',
    { ...one, agents: 2, disturbances: 4, from: 'registered' },
    5_000,
  ],
  ['two agents that run, four disturbances', { ...one, agents: 2, disturbances: 4, from: 'running' }, 10_000],
  [
    'three agents that run, three disturbances',
    { ...one, agents: 3, disturbances: 3, from: 'running' },
    2_000,
  ],
  [
    'three agents that run, two permits, two restarts, three disturbances',
    { agents: 3, permits: 2, maxRestarts: 2, disturbances: 3, from: 'running' },
    2_000,
  ],
];

test.each(bounds)('%s: every invariant holds, and everything comes to rest', PATIENCE, (_, within, least) => {
  const { finding, worlds, settled } = explore(within);
  expect(finding).toBeUndefined();
  expect(worlds).toBeGreaterThan(least);
  expect(settled).toBeGreaterThan(10);
});

/** One mutant of a chart by its name. */
function mutantOf(machine: AnyStateMachine, name: string): AnyStateMachine {
  const mutant = chartMutantsOf(machine).find(({ what }) => what === name);
  if (mutant === undefined) throw new Error(`no mutant "${name}"`);
  return mutant.machine;
}

describe('a fault in a chart that only shows beside others is found', () => {
  const two: Bounds = { ...one, agents: 2, disturbances: 3, from: 'running' };
  test.each<[string, keyof Charts, AnyStateMachine, string, RegExp]>([
    [
      'a permit that is not withdrawn',
      'agent',
      agentMachine,
      'crashed.queued exit without handlePermit',
      /waits for a permit/,
    ],
    [
      'a permit that is never given back',
      'agent',
      agentMachine,
      'alive.starting exit without handlePermit',
      /has a permit/,
    ],
    [
      'a crash during a stop that is restarted',
      'agent',
      agentMachine,
      'crashed.deciding always #1 left out',
      /was asked to end/,
    ],
    [
      'a body that is not killed',
      'agent',
      agentMachine,
      'alive.killing entry without commandBody',
      /livelock|deadlock/,
    ],
    [
      'a withdrawal that is not counted',
      'supervisor',
      supervisorMachine,
      'storm on permit.withdrawn #1 without countServed',
      /wait by the supervisor/,
    ],
    [
      'a permit that is not passed on',
      'supervisor',
      supervisorMachine,
      'storm on permit.released #2 left out',
      /nobody waits/,
    ],
    [
      'a round that stays open when coordination goes',
      'coordinator',
      coordinatorMachine,
      'available on coordination.suspend without cutRounds',
      /a round is open/,
    ],
  ])('%s', PATIENCE, (_, chart, machine, name, problem) => {
    const { finding } = explore({ ...two, charts: { [chart]: mutantOf(machine, name) } });
    expect(finding?.problem ?? '').toMatch(problem);
  });
});
