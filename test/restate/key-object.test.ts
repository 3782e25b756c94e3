/** Laws of the object that knows which agent has the task of a key, over state that is data. */
import { expect, it } from 'vitest';
import { keyObject } from '../../src/restate/tasks/key-object.ts';
import { objectContext } from './object-context.ts';

const DAY_MS = 24 * 3_600_000;
const keys = { idempotencyKey: 'k' };

function rig() {
  const tasks: Record<string, object | null> = {};
  const command = { answer: { value: { id: 'new' } } as object };
  const object = objectContext(keyObject, {
    key: JSON.stringify([{ type: 'worker' }, keys]),
    answer: (to) => (to.endsWith('taskOf') ? (tasks[to.split(' ')[1]!] ?? null) : command.answer),
  });
  const submit = (picked: object) => object.does('submit', { picked, work: { type: 'work' }, at: 3 });
  return { ...object, tasks, command, submit };
}

it('the first is given to the agent that was picked, and looked after in a day', async () => {
  const { submit, called, sent } = rig();
  expect(await submit({ value: 'ada' })).toEqual({ value: { id: 'new' } });
  expect(called()).toEqual([
    { to: 'agent ada command', given: { type: 'submit', work: { type: 'work' }, at: 3 } },
  ]);
  expect(sent()).toMatchObject([{ to: expect.stringMatching(/^key .* look$/) as string, delay: DAY_MS }]);
});

it('the same again is the same task, whoever was picked, or where nobody could be', async () => {
  const { submit, called, sent, tasks } = rig();
  await submit({ value: 'ada' });
  tasks['ada'] = { id: 'new' };
  called();
  sent();
  expect(await submit({ value: 'eve' })).toEqual({ value: { id: 'new' } });
  const given = { type: 'submit', work: { type: 'work' }, at: 3 };
  expect(called()).toEqual([
    { to: 'agent ada taskOf', given: keys },
    { to: 'agent ada command', given },
  ]);
  expect(await submit({ refusal: { code: 'AGENT_NOT_FOUND' } })).toEqual({ value: { id: 'new' } });
  expect(sent()).toEqual([]);
});

it('once its agent has no record of it, it is a new task of the one that is picked, looked after once', async () => {
  const { submit, sent, kept, called } = rig();
  await submit({ value: 'ada' });
  sent();
  called();
  expect(await submit({ value: 'eve' })).toEqual({ value: { id: 'new' } });
  expect(called().map(({ to }) => to)).toEqual(['agent ada taskOf', 'agent eve command']);
  expect([kept('agent'), sent()]).toEqual(['eve', []]);
});

it('what is refused is not kept', async () => {
  const { submit, command, sent, keys: stateKeys, called } = rig();
  const refusal = { code: 'AGENT_NOT_RUNNING' };
  expect(await submit({ refusal })).toEqual({ refusal });
  expect(called()).toEqual([]);
  command.answer = { refusal };
  expect(await submit({ value: 'ada' })).toEqual({ refusal });
  expect([sent(), stateKeys()]).toEqual([[], []]);
});

it('a look asks for the next as long as there is a record, and forgets the key when there is none', async () => {
  const { submit, does, sent, tasks, keys: stateKeys } = rig();
  await submit({ value: 'ada' });
  tasks['ada'] = { id: 'new' };
  sent();
  await does('look');
  expect(sent()).toMatchObject([{ given: null, delay: DAY_MS }]);
  tasks['ada'] = null;
  await does('look');
  expect([sent(), stateKeys()]).toEqual([[], []]);
  await does('look');
  expect(sent()).toEqual([]);
});
