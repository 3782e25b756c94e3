/**
 * Whole fleets from seeds: what `npm run simulate` does for as long as one likes, for a minute.
 *
 * A seed that breaks a law here is looked at with `npm run simulate -- --seed N`.
 */
import { expect, test } from 'vitest';
import type { SystemEventType } from '../../src/index.ts';
import { type FleetFault, fleetFaults, type FleetRun, simulateFleet } from '../../src/testing/index.ts';
import { fleet } from './fleet.ts';

const SEEDS = 120;
/** Of fleet life, for each seed. */
const HOURS = 1;

const EVENTS: readonly SystemEventType[] = [
  'agent.registered',
  'agent.starting',
  'agent.started',
  'agent.start_failed',
  'agent.unresponsive',
  'agent.recovered',
  'agent.stopping',
  'agent.stopped',
  'agent.completed',
  'agent.crashed',
  'agent.restart_scheduled',
  'agent.gave_up',
  'agent.state_saved',
  'agent.forgotten',
  'agent.pausing',
  'agent.paused',
  'agent.resumed',
  'agent.parked',
  'agent.unparked',
  'quota.lifted',
  'task.accepted',
  'task.started',
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.unknown',
  'task.parked',
  'task.step',
  'question.asked',
  'question.answered',
  'question.expired',
  'question.withdrawn',
  'budget.reserved',
  'budget.settled',
  'budget.refilled',
  'schedule.set',
  'schedule.fired',
  'schedule.removed',
  'variable.changed',
  'variable.acknowledged',
  'round.opened',
  'round.voted',
  'round.closed',
  'leader.elected',
  'coordination.lost',
  'coordination.restored',
  'pool.scaled',
  'alert.raised',
  'alert.cleared',
  'store.degraded',
  'store.recovered',
];

const runs: FleetRun[] = [];

test('whatever a seed does to a fleet, the laws hold', { timeout: 600_000 }, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = await simulateFleet({ ...fleet, seed, hours: HOURS });
    if (run.finding) throw run.finding;
    runs.push(run);
  }
});

test('and it goes somewhere: every fault came about, every kind of event was told, programs followed each other', () => {
  const faults = new Map<FleetFault, number>();
  const events = new Set<string>();
  for (const run of runs) {
    for (const fault of fleetFaults) faults.set(fault, (faults.get(fault) ?? 0) + (run.faults[fault] ?? 0));
    for (const type of Object.keys(run.eventCounts)) events.add(type);
  }
  for (const fault of fleetFaults) expect(faults.get(fault), fault).toBeGreaterThan(20);
  expect(runs.some(({ programs }) => programs > 5)).toBe(true);
  for (const type of EVENTS) expect([...events], type).toContain(type);
});

test('one seed gives the same events, to the byte, and another seed others', async () => {
  const [one, two] = runs;
  const again = await simulateFleet({ ...fleet, seed: 1, hours: HOURS });
  expect(again).toEqual(one);
  expect(two!.hash).not.toBe(one!.hash);
});
