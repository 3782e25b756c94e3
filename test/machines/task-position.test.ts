/** The status of a task is what its chart says: along every path that the chart has. */
import { describe, expect, test } from 'vitest';
import { transition } from 'xstate';
import {
  hasTaskEnded,
  legalForTask,
  taskMachine,
  taskStatusAfter,
  taskStatuses,
} from '../../src/machines/index.ts';

const events = [
  'task.accepted',
  'task.started',
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.cancelled',
  'task.unknown',
  'task.forgotten',
] as const;

describe('a task', () => {
  test('has the statuses that the chart has, and is forgotten in the end', () => {
    expect(Object.keys(taskMachine.states).toSorted()).toEqual([...taskStatuses, 'forgotten'].toSorted());
  });

  test.each(taskStatuses)('that is %s goes where the chart goes, on every event', (value) => {
    const at = taskMachine.resolveState({ value, context: {} });
    for (const type of events) {
      const [after] = transition(taskMachine, at, { type });
      expect([type, taskStatusAfter(value, type)]).toEqual([type, after.value]);
    }
  });

  test.each(taskStatuses)(
    'that is %s can be cancelled while it is open, and forgotten once it has ended',
    (status) => {
      const legal = legalForTask(status);
      expect(legal.includes('cancel')).toBe(!hasTaskEnded(status) || status === 'unknown');
      expect(legal.includes('forget')).toBe(hasTaskEnded(status));
      expect(legal.includes('retry')).toBe(hasTaskEnded(status) && status !== 'done');
    },
  );
});
