/** Laws of an event that a store has to be able to keep. */
import { expect, test } from 'vitest';
import { keepableEvent, keepableState } from '../../src/runtime/journal/keepable-event.ts';
import type { SystemEvent } from '../../src/runtime/journal/system-event.ts';

const event = (fields: object) =>
  ({
    type: 'task.failed',
    sequence: 7,
    at: 5,
    agentId: 'a',
    taskId: 't1',
    ...fields,
  }) as unknown as SystemEvent;

test('an event of JSON data is kept as it is: the very object', () => {
  const plain = event({ error: { name: 'Error', message: 'no' }, left: Infinity });
  expect(keepableEvent(plain)).toBe(plain);
});

test('a field that JSON cannot hold is told in words, and all others are kept as they are', () => {
  const details = { tried: [1, 2] };
  const kept = keepableEvent(event({ details, input: { by: Math.abs }, size: 12n }));
  expect(kept).toEqual(event({ details, input: '{"by":[function abs]}', size: '12' }));
  expect((kept as unknown as { readonly details: object }).details).toBe(details);
});

test('an error that JSON cannot hold is kept as what is told of errors', () => {
  expect(keepableEvent(event({ error: new TypeError('no such thing') }))).toMatchObject({
    sequence: 7,
    error: { name: 'TypeError', message: 'no such thing' },
  });
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const kept = keepableEvent(event({ reason: circle })) as unknown as { readonly reason: string };
  expect(typeof kept.reason).toBe('string');
  expect(() => JSON.stringify(kept)).not.toThrow();
});

test('a state is kept as it is: the very object; one whose text is not well-formed is made so', () => {
  const state = { json: '{"n":"\\ud800"}', stateVersion: 3 };
  expect(keepableState(state)).toBe(state);
  expect(keepableState(null)).toBeNull();
  expect(keepableState({ json: '"\ud800"', stateVersion: 3 })).toEqual({ json: '"\ufffd"', stateVersion: 3 });
});
