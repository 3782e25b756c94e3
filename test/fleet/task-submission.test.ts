/** Laws of reading what is submitted, at its bounds. */
import { describe, expect, it } from 'vitest';
import { readSubmission } from '../../src/runtime/fleet/task-submission.ts';
import { refusal } from '../kit/rig.ts';

const NOW = 1_000;
const read = (more: object) => readSubmission('ada', { type: 'add', ...more }, NOW);

describe.each(['idempotencyKey', 'dedupeKey'])('%s', (key) => {
  it.each([1, 1_024])('of %i characters is taken', (length) => {
    const text = 'k'.repeat(length);
    expect(read({ [key]: text }).keys).toMatchObject({ [key]: text });
  });

  it.each(['', 'k'.repeat(1_025), 7])('that is none is refused by its name', async (value) => {
    const { code, message } = await refusal(() => read({ [key]: value }));
    expect(code).toBe('TASK_INPUT_INVALID');
    expect(message).toContain(key);
  });
});

describe('when it is due', () => {
  it.each([
    [{}, undefined],
    [{ delayMs: 0 }, NOW],
    [{ delayMs: 0.5 }, NOW + 1],
    [{ delayMs: 10 }, NOW + 10],
    [{ notBefore: 7 }, 7],
  ])('%o', (more, dueAt) => {
    expect(read(more).request.dueAt).toBe(dueAt);
  });

  it.each([
    ['a delay of less than nothing', { delayMs: -1 }],
    ['both', { delayMs: 0, notBefore: 0 }],
  ])('with %s is refused', async (_, more) => {
    expect((await refusal(() => read(more))).code).toBe('TASK_INPUT_INVALID');
  });
});

it('it waits for an agent that is down, unless it says otherwise', () => {
  expect(read({}).request.whenDown).toBe('wait');
  expect(read({ whenDown: 'fail' }).request.whenDown).toBe('fail');
});

it('who submitted it is read, and its input is nobody else’s from then on', () => {
  const input = { list: [1] };
  const { by, request, to } = read({ by: 'ann', input });
  input.list.push(2);
  expect({ by, to, input: request.input }).toEqual({ by: 'ann', to: 'ada', input: { list: [1] } });
});

it.each([
  ['no task', undefined, /expected a task, \{ type, input\? \}, got undefined/],
  ['a list', [], /expected a task/],
  ['an input that is no JSON', { type: 'add', input: { at: new Date(0) } }, /the input of "add": .*at/],
])('%s is refused', async (_, task, said) => {
  const error = await refusal(() => readSubmission('ada', task as never, NOW));
  expect(error.code).toBe('TASK_INPUT_INVALID');
  expect(error.message).toMatch(said);
});
