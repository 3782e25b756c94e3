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

test('an error has the fields that it was given, and no others', () => {
  const bare = new AgentSystemError('TASK_FAILED', 'it failed');
  expect(['agentId', 'details', 'cause'].map((field) => Object.hasOwn(bare, field))).toEqual([
    false,
    false,
    false,
  ]);
  const cause = new Error('why');
  const details = { incarnation: 1 } as never;
  const whole = new AgentSystemError('TASK_FAILED', 'it failed', { agentId: 'ada', cause, details });
  expect(whole).toMatchObject({ code: 'TASK_FAILED', message: 'it failed', agentId: 'ada', cause, details });
});

test('what cannot be looked at, and what is no error, is an instance of none', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const alike: object = Object.create(AgentSystemError.prototype);
  for (const value of [proxy, alike, new Error('x'), 'text', undefined])
    expect(value instanceof AgentSystemError).toBe(false);
});
