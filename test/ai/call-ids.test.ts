/** Each call in one answer of a model has an id of its own. */
import { expect, it } from 'vitest';
import { CallIds } from '../../src/ai/call-ids.ts';

const call = (toolCallId?: string, more: object = {}) => ({
  type: 'tool-call',
  ...(toolCallId === undefined ? {} : { toolCallId }),
  ...more,
});

it('the first of an id keeps it, and those after it are numbered past whatever is taken', () => {
  const ids = new CallIds();
  const own = ['a', 'a_2', 'a', 'b', 'a', 'a_2'].map((id) => ids.own(call(id)).toolCallId);
  expect(own).toEqual(['a', 'a_2', 'a_3', 'b', 'a_4', 'a_2_2']);
});

it('a part that keeps its id is the very same, and one that does not has all its other fields', () => {
  const ids = new CallIds();
  const first = call('a', { input: 1 });
  expect(ids.own(first)).toBe(first);
  expect(ids.own(call('a', { input: 2 }))).toEqual(call('a_2', { input: 2 }));
  expect(new CallIds().own(first)).toBe(first);
});

it.each([
  ['no call', { type: 'tool-result', toolCallId: 'a' }],
  ['a call without an id', call()],
  ['a call that the provider makes itself', call('a', { providerExecuted: true })],
])('%s stays as it is, and takes no id from others', (_, part) => {
  const ids = new CallIds();
  expect([ids.own(part), ids.own(part)]).toEqual([part, part]);
  expect(ids.own(part)).toBe(part);
  const mine = call('a', { providerExecuted: false });
  expect(ids.own(mine)).toBe(mine);
  expect(ids.own(part)).toBe(part);
});
