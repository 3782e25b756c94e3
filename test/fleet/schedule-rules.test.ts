/** Laws of the rules of schedules, over data. */
import { describe, expect, it, test } from 'vitest';
import {
  isSameSchedule,
  latestUpTo,
  LOOK_FOR_TARGET_MS,
  nextAfter,
  NOT_THERE,
  readSchedule,
  refusedInWords,
  type ScheduleOptions,
  scheduleRecord,
  type ScheduleSet,
} from '../../src/runtime/fleet/schedule-rules.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';

const DAY_MS = 86_400_000;
/** 2026-03-28, the day before Berlin's clocks go forward. */
const MIDNIGHT = Date.UTC(2026, 2, 28);

const set = (fields: Partial<ScheduleSet>): ScheduleSet => ({
  type: 'schedule.set',
  sequence: 1,
  name: 'nightly',
  missed: 'once',
  target: 'counter',
  task: { type: 'add' },
  at: 1_000,
  ...fields,
});
const asked = (fields: object) =>
  ({ name: 'nightly', target: 'counter', task: { type: 'add' }, ...fields }) as ScheduleOptions;
const problemOf = (fields: object): string => {
  try {
    readSchedule(asked(fields));
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AgentSystemError);
    expect(thrown).toMatchObject({ code: 'TASK_INPUT_INVALID' });
    return (thrown as Error).message;
  }
  throw new Error('it was not refused');
};

describe('a schedule that is asked for', () => {
  it('has a pattern or a period, its missed times are made up for once, and it says no more than was given', () => {
    expect(readSchedule(asked({ cron: '0 9 * * *', timezone: 'Europe/Berlin' }))).toEqual({
      ...asked({ cron: '0 9 * * *', timezone: 'Europe/Berlin' }),
      missed: 'once',
    });
    expect(readSchedule(asked({ everyMs: 1_000, missed: 'skip', by: 'ann' }))).toEqual(
      asked({ everyMs: 1_000, missed: 'skip', by: 'ann' }),
    );
  });

  it.each([
    [{}, 'tasks.schedule: expected cron or everyMs, got neither'],
    [{ cron: '@daily', everyMs: 5_000 }, 'tasks.schedule: expected cron or everyMs, got both'],
    [
      { everyMs: 5_000, timezone: 'Europe/Berlin' },
      'tasks.schedule: timezone: expected none with everyMs: a period has no time zone, a cron pattern has',
    ],
    [
      { cron: '@daily', timezone: 'Europe/Atlantis' },
      'tasks.schedule: timezone: expected an IANA name such as Europe/Berlin, got "Europe/Atlantis"',
    ],
    [
      { everyMs: 1_000, task: { type: 'add', input: { by: () => 1 } } },
      /^tasks\.schedule: task\.input: .*by is a function.*, expected JSON data$/,
    ],
    [{ cron: 'daily at nine' }, /^tasks\.schedule: cron: "daily at nine": /],
    [{ everyMs: 999 }, /everyMs/],
    [{ everyMs: Infinity }, /everyMs/],
    [{ name: '', everyMs: 1_000 }, /name/],
    [{ name: 'n'.repeat(201), everyMs: 1_000 }, /name/],
    [{ everyMs: 1_000, target: 7 }, /expected the id of an agent, \{ type \} or \{ pool \}/],
    [{ everyMs: 1_000, task: { type: 'add', delayMs: 5 } }, /delayMs/],
    [{ everyMs: 1_000, task: { type: 'add', timeoutMs: -1 } }, /timeoutMs/],
  ])('is refused by what is wrong with it: %j', (fields, message) => {
    if (typeof message === 'string') expect(problemOf(fields)).toBe(message);
    else expect(problemOf(fields)).toMatch(message);
  });

  it('takes a name of 1 to 200 characters, a time of 0 ms for its task, and every kind of target', () => {
    const least = asked({ name: 'n', everyMs: 1_000, task: { type: 'add', timeoutMs: 0 } });
    expect(readSchedule(least)).toMatchObject(least);
    const name = 'n'.repeat(200);
    for (const target of ['counter', { type: 'counter' }, { pool: 'counters' }]) {
      expect(readSchedule(asked({ name, everyMs: 1_000, target }))).toMatchObject({ name, target });
    }
  });
});

describe('a period', () => {
  const every = set({ everyMs: 1_000 });

  test.each([
    [0, 2_000],
    [1_000, 2_000],
    [1_999, 2_000],
    [2_000, 3_000],
    [5_500, 6_000],
  ])('is due after %i at %i', (after, next) => {
    expect(nextAfter(every, after)).toBe(next);
  });

  test.each([
    [2_000, 2_000],
    [4_999, 4_000],
    [5_000, 5_000],
  ])('was due last by %i at %i', (now, latest) => {
    expect(latestUpTo(every, 2_000, now)).toBe(latest);
  });
});

describe('a pattern', () => {
  const daily = set({ cron: '0 9 * * *', timezone: 'UTC' });
  const nine = MIDNIGHT + 9 * 3_600_000;

  test('is due at its next time, never at the very moment it is asked for', () => {
    expect(nextAfter(daily, MIDNIGHT)).toBe(nine);
    expect(nextAfter(daily, nine - 1)).toBe(nine);
    expect(nextAfter(daily, nine)).toBe(nine + DAY_MS);
  });

  test('keeps the time of the day of its zone when the clocks there change', () => {
    const there = set({ cron: '0 9 * * *', timezone: 'Europe/Berlin' });
    expect(nextAfter(there, MIDNIGHT)).toBe(MIDNIGHT + 8 * 3_600_000);
    expect(nextAfter(there, MIDNIGHT + DAY_MS)).toBe(MIDNIGHT + DAY_MS + 7 * 3_600_000);
  });

  test('was due last at the latest of its times, now included, and not before the first that is asked about', () => {
    expect(latestUpTo(daily, nine, nine)).toBe(nine);
    expect(latestUpTo(daily, nine, nine + DAY_MS - 1)).toBe(nine);
    expect(latestUpTo(daily, nine, nine + DAY_MS)).toBe(nine + DAY_MS);
    expect(latestUpTo(daily, nine + 60_000, nine + 120_000)).toBe(nine + 60_000);
  });

  test('has no time after its last one', () => {
    const past = set({ cron: '2020-01-01T00:00:00', timezone: 'UTC' });
    expect(nextAfter(past, MIDNIGHT)).toBeUndefined();
    expect(latestUpTo(past, 5, MIDNIGHT)).toBe(Date.UTC(2020, 0, 1));
  });
});

describe('a schedule that is set already', () => {
  const known = set({ everyMs: 1_000, by: 'ann', lastDueAt: 7_000 });

  it('is the same whoever set it, whenever, and however often it was due', () => {
    expect(isSameSchedule(known, readSchedule(asked({ everyMs: 1_000 })))).toBe(true);
    expect(isSameSchedule(known, { ...readSchedule(asked({ everyMs: 1_000 })), cron: undefined })).toBe(true);
  });

  it.each([
    { everyMs: 1_001 },
    { everyMs: 1_000, missed: 'skip' },
    { everyMs: 1_000, target: { type: 'counter' } },
    { everyMs: 1_000, task: { type: 'add', input: 1 } },
    { everyMs: 1_000, name: 'daily' },
  ])('is another one with %j', (fields) => {
    expect(isSameSchedule(known, readSchedule(asked(fields)))).toBe(false);
  });
});

describe('the record of a schedule', () => {
  it('has what is known of it, and no field that is not', () => {
    const shown = { name: 'nightly', missed: 'once', target: 'counter', task: { type: 'add' }, setAt: 1_000 };
    const bare = scheduleRecord({ set: set({ everyMs: 5_000, by: 'ann' }) });
    expect(bare).toStrictEqual({ ...shown, everyMs: 5_000 });
    expect(Object.isFrozen(bare)).toBe(true);
    const lastError = { name: 'Error', message: 'gone' };
    const times = { nextAt: 0, lastDueAt: 0, lastTaskId: 't1', lastError };
    expect(scheduleRecord({ set: set({ cron: '@daily', timezone: 'UTC' }), ...times })).toStrictEqual({
      ...shown,
      cron: '@daily',
      timezone: 'UTC',
      ...times,
    });
  });

  it('is looked for again in a second where its target may come, and says in words why its task was refused', () => {
    expect(LOOK_FOR_TARGET_MS).toBe(1_000);
    expect([...NOT_THERE]).toEqual(['AGENT_NOT_FOUND', 'POOL_UNKNOWN']);
    expect(refusedInWords('nightly', { name: 'Error', message: 'no agent' })).toBe(
      'schedule "nightly" was due, and submitted no task: no agent',
    );
  });
});
