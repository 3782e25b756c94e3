/** What a program can tell of an error by its class. */
import { expect, test } from 'vitest';
import { AgentSystemError } from '../../src/index.ts';

test('an error is an instance of its class and of those that this extends, and of no other', () => {
  class Busy extends AgentSystemError<'TASK_FAILED'> {}
  class Late extends AgentSystemError<'TASK_FAILED'> {}
  const plain = new AgentSystemError('TASK_FAILED', 'it failed');
  const busy = new Busy('TASK_FAILED', 'it was busy');
  const classes = [AgentSystemError, Busy, Late];
  expect(classes.map((one) => plain instanceof one)).toEqual([true, false, false]);
  expect(classes.map((one) => busy instanceof one)).toEqual([true, true, false]);
});
