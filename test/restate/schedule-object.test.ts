/** Laws of the object that keeps one schedule of a fleet, over state that is data. */
import { describe, expect, it } from 'vitest';
import { scheduleObject } from '../../src/restate/tasks/schedule-object.ts';
import { objectContext, type Sent } from './object-context.ts';

const refused = (code: string) => ({ refusal: { code, message: 'no' } });

const brief = (id: string, state = 'alive.serving.unresponsive') => ({ id, state, isMoving: false });
const loaded = (id: string, waiting: number) => ({ record: { id, metrics: { waiting, running: 0 } } });

const wakeOf = ({ given, delay }: Sent) => [(given as { wake: number }).wake, delay];

function rig(answers: Record<string, unknown> = {}) {
  let tasks = 0;
  const object = objectContext(scheduleObject, {
    key: 'nightly',
    answer: (to) => {
      const answer = answers[to];
      if (answer !== undefined) return answer;
      return to.endsWith('command')
        ? { value: { id: `task-${(tasks += 1)}` } }
        : to.endsWith('brief')
          ? []
          : null;
    },
  });
  const { does, at, called, sent } = object;
  return {
    ...object,
    answers,
    set: (asked: object = {}, at = 0, by?: string) =>
      does('set', {
        asked: {
          name: 'nightly',
          everyMs: 10_000,
          missed: 'once',
          target: 'ada',
          task: { type: 'work' },
          ...asked,
        },
        at,
        by,
      }),
    /** What has come of the wake of this number. */
    wake: async (wake: number, time: number) => {
      at(time);
      await does('wake', { wake });
    },
    /** Wakes that it has asked for since: number and delay. */
    wakes: () => sent().map(wakeOf),
    submitted: () =>
      called()
        .filter(({ to }) => to.endsWith('command'))
        .map(({ to, given }) => [to, (given as { work: { idempotencyKey: string } }).work.idempotencyKey]),
    record: () =>
      called()
        .filter(({ to }) => to === 'registry schedules put')
        .map(({ given }) => (given as { look: { record: object; alerts: unknown[] } | null }).look)
        .at(-1),
  };
}

describe('a schedule that is set', () => {
  it('is due first after its period, is listed and told', async () => {
    const { set, wakes, record, events } = rig();
    expect(await set({}, 500, 'ann')).toMatchObject({ name: 'nightly', setAt: 500, nextAt: 10_500 });
    expect(wakes()).toEqual([[1, 10_000]]);
    expect(record()).toMatchObject({ record: { nextAt: 10_500 }, alerts: [] });
    expect(events()).toMatchObject([{ type: 'schedule.set', name: 'nightly', by: 'ann', at: 500 }]);
  });

  it('again as it is, changes and tells nothing; another one takes its place, and its wake', async () => {
    const { set, wakes, events, wake, submitted } = rig();
    await set();
    wakes();
    events();
    expect(await set({}, 3_000)).toMatchObject({ setAt: 0, nextAt: 10_000 });
    expect([wakes(), events()]).toEqual([[], []]);
    expect(await set({ everyMs: 20_000 }, 3_000)).toMatchObject({ setAt: 3_000, nextAt: 23_000 });
    expect(wakes()).toEqual([[2, 20_000]]);
    await wake(1, 10_000);
    expect(submitted()).toEqual([]);
    await wake(2, 23_000);
    expect(submitted()).toEqual([['agent ada command', 'schedule nightly 23000']]);
  });

  it('keeps what its last time was, in the next one of its name', async () => {
    const { set, wake, events } = rig();
    await set();
    await wake(1, 10_000);
    events();
    expect(await set({ everyMs: 20_000 }, 11_000)).toMatchObject({ lastDueAt: 10_000 });
    expect(events()).toMatchObject([{ type: 'schedule.set', lastDueAt: 10_000 }]);
  });

  it('without a further time, in place of another, ends the wait of that one for good', async () => {
    const { set, wakes, wake } = rig();
    await set();
    await set({ everyMs: undefined, cron: '0 0 0 1 1 * 1999' });
    await set({ everyMs: 60_000 });
    wakes();
    await wake(1, 10_000);
    expect(wakes()).toEqual([]);
  });

  it('without a further time waits for none', async () => {
    const { set, wakes, wake, submitted } = rig();
    await set({ everyMs: undefined, cron: '0 0 0 1 1 * 1999' }, 1_000_000_000_000);
    expect(wakes()).toEqual([]);
    await wake(1, 2_000_000_000_000);
    expect([submitted(), wakes()]).toEqual([[], []]);
  });
});

describe('its time', () => {
  it('gives one task, with the terms that it was set with, and asks for the next', async () => {
    const { set, wake, wakes, called, events, record } = rig();
    const retry = { maxAttempts: 2 };
    await set({ task: { type: 'work', input: 7, retry, timeoutMs: 50 } });
    wakes();
    called();
    events();
    await wake(1, 10_000);
    const calls = called();
    expect(calls[0]).toEqual({
      to: 'agent ada command',
      given: {
        type: 'submit',
        at: 10_000,
        work: {
          type: 'work',
          input: 7,
          timeoutMs: 50,
          whenDown: 'wait',
          policy: retry,
          submitted: true,
          idempotencyKey: 'schedule nightly 10000',
        },
      },
    });
    expect(calls.at(-1)!.given).toMatchObject({
      look: { record: { lastDueAt: 10_000, lastTaskId: 'task-1', nextAt: 20_000 }, alerts: [] },
    });
    expect(wakes()).toEqual([[2, 10_000]]);
    expect(events()).toEqual([
      { type: 'schedule.fired', name: 'nightly', dueAt: 10_000, submitted: 'task-1', at: 10_000 },
    ]);
    await wake(1, 20_000);
    expect([wakes(), events(), record()]).toEqual([[], [], undefined]);
  });

  it('a task that says what happens when its agent is down, keeps that', async () => {
    const { set, wake, called } = rig();
    await set({ task: { type: 'work', whenDown: 'refuse' } });
    called();
    await wake(1, 10_000);
    expect(called()[0]).toMatchObject({ given: { work: { whenDown: 'refuse' } } });
  });

  it('a wake that comes too early waits for what is left', async () => {
    const { set, wake, wakes, submitted } = rig();
    await set();
    wakes();
    await wake(1, 9_999);
    expect([wakes(), submitted()]).toEqual([[[2, 1]], []]);
    await wake(2, 10_000);
    expect(submitted()).toHaveLength(1);
  });

  it.each([
    ['once', 35_000, 30_000, 5_000],
    ['once', 44_000, 40_000, 6_000],
  ])('of those that were missed, %s at %i the latest is made up for', async (missed, now, dueAt, delay) => {
    const { set, wake, wakes, submitted } = rig();
    await set({ missed });
    wakes();
    await wake(1, now);
    expect(submitted()).toEqual([['agent ada command', `schedule nightly ${dueAt}`]]);
    expect(wakes()).toEqual([[2, delay]]);
  });

  it('missed by more than 10 s, is left out where it is to be skipped; by 10 s it is not', async () => {
    const late = rig();
    await late.set({ missed: 'skip', everyMs: 60_000 });
    late.wakes();
    await late.wake(1, 70_001);
    expect([late.submitted(), late.wakes(), late.record()]).toEqual([[], [[2, 49_999]], undefined]);
    const inTime = rig();
    await inTime.set({ missed: 'skip', everyMs: 60_000 });
    await inTime.wake(1, 70_000);
    expect(inTime.submitted()).toEqual([['agent ada command', 'schedule nightly 60000']]);
  });
});

describe('a target that is not there', () => {
  it.each(['AGENT_NOT_FOUND', 'POOL_UNKNOWN'])(
    '(%s) is looked for each second, by one alert',
    async (code) => {
      const { set, wake, wakes, events, answers, record } = rig({ 'agent ada command': refused(code) });
      await set();
      wakes();
      events();
      await wake(1, 10_000);
      expect(wakes()).toEqual([[2, 1_000]]);
      expect(events()).toMatchObject([{ type: 'alert.raised', alert: 'schedule_refused', at: 10_000 }]);
      expect(record()).toMatchObject({
        record: { lastError: { message: 'no' }, nextAt: 10_000 },
        alerts: [{ alert: 'schedule_refused', schedule: 'nightly', raisedAt: 10_000 }],
      });
      await wake(2, 11_000);
      expect([wakes(), events()]).toEqual([[[3, 1_000]], []]);
      answers['agent ada command'] = { value: { id: 't' } };
      await wake(3, 12_000);
      expect(wakes()).toEqual([[4, 8_000]]);
      expect(events()).toMatchObject([
        { type: 'alert.cleared', schedule: 'nightly', at: 12_000 },
        { type: 'schedule.fired', dueAt: 10_000, submitted: 't' },
      ]);
      const { record: last, alerts } = record()!;
      expect([last, alerts]).toMatchObject([{ lastTaskId: 't' }, []]);
      expect(last).not.toHaveProperty('lastError');
    },
  );

  it('is looked for however late that is, also where missed times are skipped', async () => {
    const { set, wake, wakes, answers, submitted } = rig({ 'agent ada command': refused('AGENT_NOT_FOUND') });
    await set({ missed: 'skip', everyMs: 60_000 });
    await wake(1, 60_000);
    answers['agent ada command'] = { value: { id: 't' } };
    wakes();
    submitted();
    await wake(2, 75_000);
    expect(submitted()).toEqual([['agent ada command', 'schedule nightly 60000']]);
    expect(wakes()).toEqual([[3, 45_000]]);
  });

  it('is given up for the next time once that has come', async () => {
    const { set, wake, answers, submitted } = rig({ 'agent ada command': refused('AGENT_NOT_FOUND') });
    await set();
    await wake(1, 10_000);
    answers['agent ada command'] = { value: { id: 't' } };
    submitted();
    await wake(2, 20_000);
    expect(submitted()).toEqual([['agent ada command', 'schedule nightly 20000']]);
  });

  it('is forgotten by a schedule that takes its place: the alert is over', async () => {
    const { set, wake, events, record } = rig({ 'agent ada command': refused('AGENT_NOT_FOUND') });
    await set();
    await wake(1, 10_000);
    events();
    await set({ target: 'eve' }, 10_500);
    expect(events().map((event) => (event as { type: string }).type)).toEqual([
      'schedule.set',
      'alert.cleared',
    ]);
    expect(record()).toMatchObject({ alerts: [] });
  });
});

it('a time that is refused for another reason is over, by an alert that goes with the next that is not', async () => {
  const { set, wake, wakes, events, answers, record } = rig({
    'agent ada command': refused('TASK_QUEUE_FULL'),
  });
  await set();
  wakes();
  events();
  await wake(1, 10_000);
  expect(wakes()).toEqual([[2, 10_000]]);
  expect(events()).toMatchObject([
    { type: 'alert.raised' },
    { type: 'schedule.fired', dueAt: 10_000, error: { message: 'no' } },
  ]);
  const { record: last } = record()!;
  expect(last).toMatchObject({ lastDueAt: 10_000, lastError: { message: 'no' } });
  expect(last).not.toHaveProperty('lastTaskId');
  answers['agent ada command'] = { value: { id: 't' } };
  await wake(2, 20_000);
  expect(events()).toMatchObject([{ type: 'alert.cleared' }, { type: 'schedule.fired', dueAt: 20_000 }]);
  expect(wakes()).toEqual([[3, 10_000]]);
});

it('what is no refusal is the engine’s: the step fails, and is done again', async () => {
  const { set, wake, submitted } = rig({ 'agent ada command': 'broken' });
  await set();
  await expect(wake(1, 10_000)).rejects.toThrow(TypeError);
  submitted();
  await expect(wake(1, 10_000)).rejects.toThrow(TypeError);
  expect(submitted()).toEqual([['agent ada command', 'schedule nightly 10000']]);
});

describe('for any agent of a type', () => {
  it('the least loaded of all shards gets it; one that is gone meanwhile does not', async () => {
    const { set, wake, submitted } = rig({
      'registry 0 brief': [brief('a'), brief('gone')],
      'registry 15 brief': [brief('b')],
      'agent a look': loaded('a', 2),
      'agent b look': loaded('b', 1),
    });
    await set({ target: { type: 'worker' } });
    await wake(1, 10_000);
    expect(submitted()).toEqual([['agent b command', 'schedule nightly 10000']]);
  });

  it.each([0, 15])('each of 16 shards is asked, once, and the one in shard %i found', async (shard) => {
    const { set, wake, called } = rig({
      [`registry ${shard} brief`]: [brief('a')],
      'agent a look': loaded('a', 2),
    });
    await set({ target: { type: 'worker' } });
    called();
    await wake(1, 10_000);
    const calls = called();
    expect(calls.filter(({ to }) => to.endsWith('brief'))).toEqual(
      Array.from({ length: 16 }, (_, at) => ({ to: `registry ${at} brief`, given: { type: 'worker' } })),
    );
    expect(calls.map(({ to }) => to)).toContain('agent a command');
  });

  it('where none takes tasks it is refused, and none is looked for', async () => {
    const { set, wake, events } = rig({ 'registry 3 brief': [brief('a', 'stopped')] });
    await set({ target: { type: 'worker' } });
    events();
    await wake(1, 10_000);
    expect(events()).toMatchObject([{ type: 'alert.raised' }, { type: 'schedule.fired' }]);
  });

  it('where all have gone while they were asked, one of them is tried', async () => {
    const { set, wake, submitted } = rig({ 'registry 3 brief': [brief('a')] });
    await set({ target: { type: 'worker' } });
    await wake(1, 10_000);
    expect(submitted()).toEqual([['agent a command', 'schedule nightly 10000']]);
  });
});

describe('a removal', () => {
  it('takes it off the list, ends its alert, and its wake does nothing', async () => {
    const { set, wake, does, events, record, keys, submitted } = rig({
      'agent ada command': refused('AGENT_NOT_FOUND'),
    });
    await set();
    await wake(1, 10_000);
    events();
    submitted();
    expect(await does('remove', { at: 11_000, by: 'ann' })).toEqual({});
    expect(events()).toMatchObject([
      { type: 'alert.cleared', at: 11_000 },
      { type: 'schedule.removed', name: 'nightly', by: 'ann', at: 11_000 },
    ]);
    expect(record()).toBe(null);
    expect(keys()).toEqual([]);
    await wake(2, 12_000);
    expect(submitted()).toEqual([]);
  });

  it('of none is refused', async () => {
    const { does } = rig();
    expect(await does('remove', { at: 1 })).toMatchObject({
      refusal: { code: 'TASK_UNKNOWN', message: 'there is no schedule "nightly"' },
    });
  });
});
