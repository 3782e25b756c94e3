/** The place of a task is what its chart says: along every path that the chart has. */
import { describe, expect, test } from 'vitest';
import { transition } from 'xstate';
import {
  hasTaskEnded,
  legalForTask,
  taskMachine,
  type TaskPlace,
  taskPlaceAfter,
  taskStatuses,
  taskStatusOf,
} from '../../src/machines/index.ts';

const events = [
  'task.accepted',
  'task.deferred',
  'task.due',
  'task.started',
  'task.retry_scheduled',
  'task.parked',
  'task.asked',
  'task.told',
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.cancelled',
  'task.unknown',
  'task.forgotten',
] as const;

const places: readonly TaskPlace[] = [
  'waiting.queued',
  'waiting.delayed',
  ...taskStatuses.filter((status) => status !== 'waiting'),
];
const valueOf = (place: string) =>
  place.startsWith('waiting.') ? { waiting: place.slice('waiting.'.length) } : place;

describe('a task', () => {
  test('has the statuses that the chart has, and is forgotten in the end', () => {
    expect(Object.keys(taskMachine.states).toSorted()).toEqual([...taskStatuses, 'forgotten'].toSorted());
    expect(new Set(places.map(taskStatusOf))).toEqual(new Set(taskStatuses));
  });

  test.each(places)('that is %s goes where the chart goes, on every event', (place) => {
    const at = taskMachine.resolveState({ value: valueOf(place), context: {} });
    for (const type of events) {
      const [after] = transition(taskMachine, at, { type });
      expect([type, valueOf(taskPlaceAfter(place, type))]).toEqual([type, after.value]);
    }
  });

  test.each(places)(
    'that is %s can be cancelled while it is open, and forgotten once it has ended',
    (place) => {
      const legal = legalForTask(place);
      const status = taskStatusOf(place);
      expect(legal.includes('cancel')).toBe(!hasTaskEnded(status));
      expect(legal.includes('forget')).toBe(hasTaskEnded(status));
      expect(legal.includes('retry')).toBe(hasTaskEnded(status) && status !== 'done');
    },
  );

  test('is begun only from the queue, and waits for its time before each further attempt', () => {
    expect(taskPlaceAfter('running', 'task.retry_scheduled')).toBe('waiting.delayed');
    expect(taskPlaceAfter('waiting.delayed', 'task.started')).toBe('waiting.delayed');
    expect(taskPlaceAfter('waiting.delayed', 'task.due')).toBe('waiting.queued');
    expect(taskPlaceAfter('waiting.queued', 'task.started')).toBe('running');
  });
});
