/** Laws of a task as an agent, or a pool's queue, keeps it: its names, what it is accepted as, and which of them are sent. */
import { describe, expect, test } from 'vitest';
import type { TaskRecord } from '../../src/index.ts';
import type { RetryPolicy } from '../../src/machines/index.ts';
import type { AgentManifest } from '../../src/runtime/definition/manifest.ts';
import {
  agentOfTask,
  type AskedWork,
  enteredTask,
  type Entering,
  lineIdOf,
  lineOf,
  lineOfTask,
  mayBeDoneAgain,
  mayBeTriedAgain,
  type TaskEntry,
  taskIdOf,
  wishedOf,
} from '../../src/restate/tasks/task-entries.ts';

const records = [5, 1, 4, 2, 3].map((acceptedAt) => ({
  id: `task-${acceptedAt}`,
  acceptedAt,
  task: acceptedAt > 3 ? 'late' : 'early',
  status: acceptedAt === 2 ? 'failed' : 'done',
})) as unknown as readonly TaskRecord[];

test.each([
  [{}, [1, 2, 3, 4, 5]],
  [{ limit: 2 }, [1, 2]],
  [{ limit: 2, newest: true }, [4, 5]],
  [{ limit: 2, type: 'early', newest: true }, [2, 3]],
  [{ limit: 2, status: 'done' } as const, [1, 3]],
  [{ limit: 0 }, []],
  [{ limit: 0, newest: true }, []],
  [{ limit: 9, newest: true }, [1, 2, 3, 4, 5]],
  [{ limit: 2, after: 'task-2' }, [3, 4]],
  [{ limit: 9, after: 'task-1', type: 'early' }, [2, 3]],
  [{ after: '', status: 'failed' } as const, [2]],
])('of its tasks %j sends %j, and no more', (wish, sent) => {
  expect(wishedOf(records, wish).map(({ acceptedAt }) => acceptedAt)).toEqual(sent);
});

test('an id names its agent, or its pool and its number there, whatever these are called', () => {
  for (const agent of ['ada', 'a/b', 'a/task-b', 'a\nb']) {
    const id = taskIdOf(agent, 'x1', 7);
    expect(id).toBe(`${agent}/task-x1-7`);
    expect(agentOfTask(id)).toBe(agent);
    expect(lineIdOf(agent, 12)).toBe(`${agent}/line-12`);
    expect(lineOfTask(`${agent}/line-12`)).toEqual({ pool: agent, number: 12 });
  }
  expect(agentOfTask('ada/line-1')).toBeUndefined();
  for (const none of ['pool', 'pool/line-', 'pool/line-x', '/line-1', 'pool/line-1/2'])
    expect(lineOfTask(none)).toBeUndefined();
});

test('agents of one id are told apart by when they were registered, and by chance', () => {
  expect([0, 0.5, 1 - Number.EPSILON].map((chance) => lineOf(1_000, chance))).toEqual([
    'rs0',
    'rsi000',
    'rszzzz',
  ]);
});

const policy = { attempts: 3 } as RetryPolicy;

test.each([
  [{}, { tried: false, done: false }],
  [{ retry: true }, { tried: false, done: true }],
  [
    { retry: true, policy, attempts: 2 },
    { tried: true, done: true },
  ],
  [
    { retry: true, policy, attempts: 3 },
    { tried: false, done: false },
  ],
  [
    { retry: true, policy, attempts: 5, before: 3 },
    { tried: true, done: true },
  ],
  [
    { retry: true, policy, attempts: 6, before: 3 },
    { tried: false, done: false },
  ],
  [
    { retry: true, terms: { isStreamed: true } },
    { tried: false, done: false },
  ],
  [
    { retry: true, policy, attempts: 1, terms: { isStreamed: true } },
    { tried: false, done: false },
  ],
] as const)(
  '%j: whether there is another attempt, and whether it is done again after a loss: %j',
  (given, may) => {
    const entry = { retry: false, attempts: 1, before: 0, ...given } as TaskEntry;
    expect({ tried: mayBeTriedAgain(entry), done: mayBeDoneAgain(entry) }).toEqual(may);
  },
);

describe('a task is accepted', () => {
  const kinds = {
    sum: { requires: [], retry: false, timeoutMs: 500, priority: 3, concurrency: 2 },
    plain: { requires: [], retry: false },
    again: { requires: [], retry: true },
    tried: { requires: [], retry: false, policy },
  };
  const manifest = { tasks: kinds } as unknown as AgentManifest;
  const accepted = (asked: Partial<AskedWork> = {}, entering: Partial<Entering> = {}): TaskEntry => {
    let order = 0;
    return enteredTask(
      { type: 'sum', submitted: true, ...asked },
      {
        id: 'a/task-x-1',
        before: 0,
        manifest,
        endedAt: undefined,
        now: 1_000,
        incarnation: 2,
        takesInTurn: true,
        nextOrder: () => (order += 1),
        ...entering,
      },
    );
  };

  test('with what its kind says, where its caller says nothing', () => {
    expect(accepted()).toEqual({
      id: 'a/task-x-1',
      task: 'sum',
      retry: false,
      timeoutMs: 500,
      submitted: true,
      rank: 3,
      kindLimit: 2,
      outlivesAgent: false,
      before: 0,
      order: 1,
      acceptedAt: 1_000,
      place: 'waiting.queued',
      where: 'queued',
      incarnation: 2,
      attempts: 0,
      isAnswered: false,
      waiting: [],
      timeout: { dueAt: 1_500, order: 2 },
    });
  });

  test('with what its caller says', () => {
    const given = { idempotencyKey: 'i', dedupeKey: 'd', terms: { callId: 'c' } };
    expect(
      accepted({ ...given, submitted: false, token: 't', priority: 0, policy, timeoutMs: 20 }),
    ).toMatchObject({
      ...given,
      submitted: false,
      waiting: ['t'],
      priority: 0,
      rank: 0,
      policy,
      retry: true,
      timeoutMs: 20,
      timeout: { dueAt: 1_020 },
    });
    const limitless = accepted({ timeoutMs: Infinity });
    expect([limitless.timeoutMs, limitless.timeout]).toEqual([undefined, undefined]);
  });

  test.each(['plain', 'unknown', 'toString'])(
    'as %s, of which nothing is said, with no limit and no rank',
    (type) => {
      const { rank, retry, kindLimit, timeoutMs, timeout } = accepted({ type });
      const none = undefined;
      expect([rank, retry, kindLimit, timeoutMs, timeout]).toEqual([0, false, none, none, none]);
    },
  );

  test('to be done again where its kind may be, or has a policy', () => {
    expect(accepted({ type: 'again' })).toMatchObject({ retry: true });
    expect(accepted({ type: 'tried' })).toMatchObject({ retry: true, policy });
  });

  test.each([
    [{ delayMs: 10.2 }, 1_011],
    [{ notBefore: 1_200 }, 1_200],
    [{ notBefore: 1_001 }, 1_001],
    [{ notBefore: 900, delayMs: 1 }, 1_001],
  ])('%j: not before %i, and its time runs from then', (when, dueAt) => {
    expect(accepted(when)).toMatchObject({
      place: 'waiting.delayed',
      where: 'delayed',
      timeout: { dueAt: dueAt + 500, order: 2 },
      due: { dueAt, order: 3 },
    });
  });

  test.each([{ delayMs: 0 }, { notBefore: 1_000 }, { notBefore: 900 }])('%j: at once', (when) => {
    const entry = accepted(when);
    expect(entry).toMatchObject({ place: 'waiting.queued', where: 'queued', timeout: { dueAt: 1_500 } });
    expect(entry.due).toBeUndefined();
  });

  test('for the next life of its agent, where it is too late for this one', () => {
    const entry = accepted({}, { takesInTurn: false });
    expect(entry).toMatchObject({ place: 'waiting.queued', where: 'delayed' });
    expect(entry.due).toBeUndefined();
  });

  test('once more, with its input and the attempts that it had', () => {
    for (const before of [1, 2])
      expect(accepted({}, { before })).toMatchObject({ before, attempts: before, outlivesAgent: true });
    const again = { place: 'waiting.queued', hasInput: true, outlivesAgent: true };
    expect(accepted({}, { endedAt: 'failed' })).toMatchObject(again);
    expect(accepted({ delayMs: 5 }, { endedAt: 'cancelled' }).place).toBe('waiting.delayed');
    expect(accepted()).not.toHaveProperty('hasInput');
  });

  test.each([
    ['wait', true],
    ['refuse', false],
  ] as const)('with `whenDown: %s` it waits for its agent to run again: %j', (whenDown, outlivesAgent) => {
    expect(accepted({ whenDown })).toMatchObject({ outlivesAgent });
  });
});
