/** Laws of the schedules as a client of a fleet has them: no server, an engine that answers as told. */
import { expect, it } from 'vitest';
import { FleetSchedules } from '../../src/restate/client/fleet-schedules.ts';
import { refusal } from '../kit/rig.ts';

function schedules(answer: unknown) {
  const called: unknown[] = [];
  const engine = {
    now: async () => 7,
    call: async (target: object, given: unknown) => {
      called.push({ ...target, given });
      return answer;
    },
  };
  const commands = { assertOpen: () => called.push('open') };
  return { called, of: new FleetSchedules(engine as never, commands as never, {} as never) };
}

it('they are listed in the order in which they were set, whatever their names', async () => {
  const looks = [3, 1, 2].map((setAt) => ({ record: { name: `s${9 - setAt}`, setAt }, alerts: [] }));
  const { of } = schedules(looks);
  expect((await of.list()).map(({ setAt }) => setAt)).toEqual([1, 2, 3]);
  expect(await of.looks()).toBe(looks);
});

it('one is removed by its name, at the time of the engine, with who it was', async () => {
  const { of, called } = schedules({ value: undefined });
  await of.remove('nightly', { by: 'ann' });
  expect(called).toEqual([
    'open',
    { service: expect.any(String), key: 'nightly', method: 'remove', given: { at: 7, by: 'ann' } },
  ]);
});

it.each([
  { name: '', what: 'no text' },
  { name: 7, what: 'a number' },
  { name: '\uD800', what: 'half a character' },
])('$what is the name of no schedule, and nobody is asked', async ({ name }) => {
  const { of, called } = schedules({ value: undefined });
  expect(await refusal(of.remove(name as string, {}))).toMatchObject({ code: 'TASK_UNKNOWN' });
  expect(called).toEqual(['open']);
});

it('a schedule whose name is half a character is refused before anything is asked', async () => {
  const { of, called } = schedules({ value: undefined });
  const options = { name: '\uD800', everyMs: 1_000, target: 'ada', task: { type: 'add' } };
  expect(await refusal(of.set(options))).toMatchObject({ code: 'TASK_INPUT_INVALID' });
  expect(called).toEqual(['open']);
});
