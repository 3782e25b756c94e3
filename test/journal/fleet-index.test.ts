/** What a recovery needs of events: each kind of them, alone and after others, once more, and of another's. */
import { describe, expect, it, test } from 'vitest';
import { FleetIndex, slotChangeOf } from '../../src/runtime/journal/fleet-index.ts';
import type { SystemEvent, SystemEventType } from '../../src/runtime/journal/system-event.ts';

/** Some fields of an event: those that matter here. */
interface Told {
  readonly type: SystemEventType;
  readonly [field: string]: unknown;
}

const numbers = (events: readonly SystemEvent[]) => events.map(({ sequence }) => sequence);

/** The events, numbered from 1, and what is recovered of them, by their numbers. */
function recovered(...told: readonly Told[]) {
  const index = new FleetIndex();
  for (const [at, event] of told.entries())
    index.note({ sequence: at + 1, ...event } as unknown as SystemEvent);
  const { agents, tasks, taskProgress, endedTasks, schedules, variables, rounds, budgets } = index.recovery();
  return {
    agents: agents.map(({ registered, latest }) => [registered.sequence, latest.sequence]),
    tasks: numbers(tasks),
    progress: [...taskProgress].map(([id, event]) => [id, event.sequence]),
    ended: endedTasks.map(({ accepted, end }) => [accepted.sequence, end.sequence]),
    schedules: schedules.map(({ set, fired }) => [set.sequence, fired?.sequence]),
    variables: numbers(variables),
    rounds: numbers(rounds),
    budgets: numbers(budgets),
  };
}

const nothing = {
  agents: [],
  tasks: [],
  progress: [],
  ended: [],
  schedules: [],
  variables: [],
  rounds: [],
  budgets: [],
};

const registered = (agentId: string): Told => ({ type: 'agent.registered', agentId });
const lived = (agentId: string): Told => ({ type: 'agent.started', agentId, life: {} });
const accepted = (taskId = 't'): Told => ({ type: 'task.accepted', taskId });
const ended = (type: SystemEventType, submitted: boolean): Told => ({ type, taskId: 't', submitted });
const changed = (name: string): Told => ({ type: 'variable.changed', name });
const ofSchedule = (type: SystemEventType, name = 's'): Told => ({ type, name });
const ofRound = (type: SystemEventType, roundId: string): Told => ({ type, roundId });
const ofBudget = (type: SystemEventType, budget: string, of?: string): Told => ({
  type,
  budget,
  taskId: 't',
  ...(of === undefined ? {} : { of }),
});
const ofTask = (sequence: number, type: SystemEventType) => ({ sequence, type, taskId: 't' }) as never;

describe('an agent', () => {
  test('is recovered with the latest of its life, and not once it is forgotten', () => {
    const forgotten: Told = { type: 'agent.forgotten', agentId: 'a' };
    expect(recovered(registered('a'), registered('b')).agents).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(recovered(registered('a'), lived('a'), registered('b'), lived('a')).agents).toEqual([
      [1, 4],
      [3, 3],
    ]);
    expect(recovered(registered('a'), lived('a'), forgotten)).toEqual(nothing);
    expect(recovered(registered('a'), forgotten, registered('b'), registered('a')).agents).toEqual([
      [3, 3],
      [4, 4],
    ]);
    expect(recovered(lived('a'), forgotten)).toEqual(nothing);
  });
  test('that is updated keeps its life, and its place in the order of registration', () => {
    const updated: Told = { type: 'agent.updated', agentId: 'a', registered: 1 };
    expect(recovered(registered('a'), registered('b'), lived('a'), updated).agents).toEqual([
      [4, 3],
      [2, 2],
    ]);
    expect(recovered(registered('a'), updated, lived('a')).agents).toEqual([[2, 3]]);
    expect(recovered(updated)).toEqual(nothing);
  });
});

describe('a task', () => {
  const ends = ['task.completed', 'task.failed', 'task.timed_out', 'task.abandoned', 'task.unknown'] as const;
  const progress = ['task.started', 'task.parked', 'task.retry_scheduled'] as const;
  test.each(progress)('is open, and has come as far as %s says', (type) => {
    expect(recovered(accepted(), accepted('other'))).toEqual({ ...nothing, tasks: [1, 2] });
    expect(recovered(accepted(), accepted('other'), { type, taskId: 't' }, { type, taskId: 't' })).toEqual({
      ...nothing,
      tasks: [1, 2],
      progress: [['t', 4]],
    });
    expect(recovered({ type, taskId: 't' })).toEqual(nothing);
  });
  test.each(ends)(
    'has ended with %s: it is recovered where it was submitted, until it is forgotten',
    (type) => {
      const started: Told = { type: 'task.started', taskId: 't' };
      const forgotten: Told = { type: 'task.forgotten', taskId: 't' };
      expect(recovered(accepted(), started, ended(type, false))).toEqual(nothing);
      expect(recovered(accepted(), started, ended(type, true))).toEqual({ ...nothing, ended: [[1, 3]] });
      expect(recovered(accepted(), ended(type, true), forgotten)).toEqual(nothing);
      expect(recovered(ended(type, true))).toEqual(nothing);
      // Once more, under its id: it comes last, and has not begun.
      const other = accepted('other');
      expect(recovered(accepted(), started, ended(type, true), other, accepted())).toEqual({
        ...nothing,
        tasks: [4, 5],
      });
    },
  );
  test('of which nobody knows, but which is to be repeated, has not ended', () => {
    const unknown: Told = { type: 'task.unknown', taskId: 't', retry: true, submitted: true };
    expect(recovered(accepted(), unknown)).toEqual({ ...nothing, tasks: [1] });
    expect(recovered(accepted(), { type: 'task.started', taskId: 't' }, unknown).progress).toEqual([
      ['t', 2],
    ]);
  });
});

test('of a variable its last change is recovered, in the order of the changes', () => {
  expect(recovered(changed('v'), changed('w'), changed('v'))).toEqual({ ...nothing, variables: [2, 3] });
});

test('a schedule is recovered with its last time, until it is removed; one that is set anew has none', () => {
  const fired = ofSchedule('schedule.fired');
  expect(
    recovered(ofSchedule('schedule.set'), ofSchedule('schedule.set', 'other'), fired, fired).schedules,
  ).toEqual([
    [1, 4],
    [2, undefined],
  ]);
  expect(recovered(ofSchedule('schedule.set'), fired, ofSchedule('schedule.set')).schedules).toEqual([
    [3, undefined],
  ]);
  expect(recovered(ofSchedule('schedule.set'), fired, ofSchedule('schedule.removed'), fired)).toEqual(
    nothing,
  );
});

test('a round is recovered while it is open', () => {
  const opened = [ofRound('round.opened', 'r'), ofRound('round.opened', 'q')];
  expect(recovered(...opened)).toEqual({ ...nothing, rounds: [1, 2] });
  expect(recovered(...opened, ofRound('round.closed', 'r')).rounds).toEqual([2]);
});

describe('a budget', () => {
  const types = ['budget.reserved', 'budget.settled', 'budget.refilled'] as const;
  it.each(types)('is recovered by the last event of each of its accounts: %s', (type) => {
    const of = (account: readonly string[]) => ofBudget(type, account[0]!, account[1]);
    const accounts = [['b'], ['b', 'x'], ['b', 'y'], ['b', 'x'], ['c'], ['b']];
    expect(recovered(...accounts.map(of)).budgets).toEqual([3, 4, 5, 6]);
  });
  it('of an agent that was forgotten is not recovered', () => {
    const closed = { type: 'budget.closed', agentId: 'x', incarnation: 1, budget: 'b', of: 'x' } as const;
    const accounts = [ofBudget('budget.settled', 'b', 'x'), ofBudget('budget.settled', 'b', 'y')];
    expect(recovered(...accounts, closed).budgets).toEqual([2]);
  });
  it('of one task alone is not recovered', () => {
    expect(recovered(ofBudget('budget.reserved', 'b', 't'), ofBudget('budget.settled', 'b', 't'))).toEqual(
      nothing,
    );
  });
});

test('most events mean nothing for a recovery', () => {
  const agentId = 'a';
  for (const type of [
    'alert.raised',
    'agent.state_saved',
    'round.voted',
    'task.progressed',
    'question.asked',
  ] as const)
    expect(slotChangeOf({ sequence: 1, at: 0, type, agentId } as never)).toBeUndefined();
});

test('a slot that is put back is as it was, and goes on from there', () => {
  const index = new FleetIndex();
  index.restore('task', 't', { held: ofTask(1, 'task.accepted'), latest: ofTask(2, 'task.started') });
  expect(index.recovery().taskProgress.get('t')).toMatchObject({ sequence: 2 });
  index.note(ofTask(3, 'task.parked'));
  expect(index.recovery().taskProgress.get('t')).toMatchObject({ sequence: 3 });
  expect(index.recovery().tasks).toMatchObject([{ sequence: 1 }]);
});
