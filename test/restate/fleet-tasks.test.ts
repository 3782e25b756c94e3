/** Laws of a fleet's tasks, on an engine that answers at once: whom a call asks, and what it is refused for. */
import { describe, expect, it } from 'vitest';
import { FleetTasks } from '../../src/restate/client/fleet-tasks.ts';
import { taskStatuses } from '../../src/machines/index.ts';
import { AgentSystemError } from '../../src/runtime/values/errors.ts';
import { codeOf, refusal } from '../kit/rig.ts';

const TASK = 'ada/task-x-1';
const LINE = 'crew/line-2';
const taking = { state: 'alive.serving.unresponsive', isMoving: false };

interface Given {
  readonly briefs?: readonly object[];
  readonly tasks?: Record<string, readonly object[]>;
  readonly lines?: Record<string, readonly object[]>;
  readonly pools?: readonly { name: string; waiting: number }[];
  readonly give?: (command: { type: string }, more?: { signal?: AbortSignal }) => unknown;
}

function rig({ briefs = [], tasks = {}, lines = {}, pools = [], give = () => 'given' }: Given = {}) {
  const asked: unknown[] = [];
  const engine = {
    assertOpen: () => undefined,
    now: () => Promise.resolve(7),
    call: ({ key, method }: { key: string; method: string }, given: unknown) => {
      asked.push([method, key, given]);
      if (method === 'list') return Promise.resolve(pools.map((record) => ({ record })));
      return Promise.resolve(method === 'tasks' ? (lines[key] ?? []) : { value: 'asked' });
    },
  };
  const commands = {
    give: async (id: string, command: { type: string }, more?: { signal?: AbortSignal }) => {
      asked.push(['give', id, command]);
      return give(command, more);
    },
    submitOnce: (...all: unknown[]) => {
      asked.push(['once', ...all]);
      return Promise.resolve('once');
    },
    read: (id: string, what: string, wish: unknown) => {
      asked.push([what, id, wish]);
      if (what === 'tasks') return Promise.resolve(tasks[id] ?? []);
      return Promise.resolve({ value: what === 'task' ? { id: TASK, status: 'running' } : ['cancel'] });
    },
  };
  const agents = {
    briefs: (filter: unknown) => {
      asked.push(['briefs', filter]);
      return Promise.resolve(briefs);
    },
    get: (id: string) =>
      id === 'gone'
        ? Promise.reject(new AgentSystemError('AGENT_NOT_FOUND', 'gone'))
        : Promise.resolve({ id, metrics: { waiting: id === 'busy' ? 3 : 0, running: 0 } }),
  };
  const schedules = {
    set: (options: unknown) => Promise.resolve(['set', options]),
    list: () => Promise.resolve('listed'),
    remove: (...all: unknown[]) => Promise.resolve(['removed', ...all]),
  };
  const all = new FleetTasks(engine as never, commands as never, agents as never, schedules as never);
  return { all, asked };
}
const ended = (id: string, acceptedAt: number, more: object = {}) => ({
  id,
  acceptedAt,
  status: 'done',
  task: 'work',
  ...more,
});

describe('a submission', () => {
  it('goes to the agent that is named, as it was given; what its caller does to the input later is nothing to it', async () => {
    const { all, asked } = rig();
    const input = { a: 1 };
    const submitted = all.submit('ada', {
      type: 'work',
      input,
      retry: { attempts: 2 },
      by: 'ann',
      idempotencyKey: 'k',
    });
    input.a = 2;
    expect(await submitted).toBe('given');
    expect(asked).toMatchObject([
      [
        'give',
        'ada',
        {
          type: 'submit',
          work: {
            type: 'work',
            input: { a: 1 },
            policy: { attempts: 2 },
            by: 'ann',
            idempotencyKey: 'k',
            submitted: true,
            whenDown: 'wait',
          },
        },
      ],
    ]);
  });

  it('for any of a type goes to the least loaded that is still there', async () => {
    const { all, asked } = rig({ briefs: ['gone', 'busy', 'free'].map((id) => ({ id, ...taking })) });
    await all.submit({ type: 'worker' }, { type: 'work' });
    expect(asked).toMatchObject([
      ['briefs', { type: 'worker' }],
      ['give', 'free', {}],
    ]);
  });

  it('for any where all are gone meanwhile tries one; where there is none it is refused', async () => {
    const { all, asked } = rig({ briefs: [{ id: 'gone', ...taking }] });
    await all.submit({ pool: 'crew' }, { type: 'work' });
    expect(asked.at(-1)).toMatchObject(['give', 'gone', {}]);
    expect(await codeOf(rig().all.submit({ type: 'worker' }, { type: 'work' }))).toBe('AGENT_NOT_FOUND');
  });

  it.each([['idempotencyKey'], ['dedupeKey']])(
    'for any with an %s is one task, also where none takes tasks now',
    async (key) => {
      const { all, asked } = rig({ briefs: [{ id: 'free', ...taking }] });
      expect(await all.submit({ type: 'worker' }, { type: 'work', [key]: 'k' })).toBe('once');
      expect(asked.at(-1)).toMatchObject([
        'once',
        { type: 'worker' },
        { [key]: 'k' },
        { value: 'free' },
        { type: 'work' },
      ]);
      const none = rig();
      await none.all.submit({ type: 'worker' }, { type: 'work', [key]: 'k' });
      expect(none.asked.at(-1)).toMatchObject(['once', {}, {}, { refusal: { code: 'AGENT_NOT_FOUND' } }, {}]);
    },
  );

  it.each([
    [{ type: 'work', notBefore: 1, delayMs: 1 }, 'submit: expected notBefore or delayMs, got both'],
    [
      { type: 'work', idempotencyKey: 'a', dedupeKey: 'b' },
      'submit: expected idempotencyKey or dedupeKey, got both',
    ],
  ])('of %o is refused', async (task, message) => {
    expect(await refusal(rig().all.submit('ada', task))).toMatchObject({
      code: 'TASK_INPUT_INVALID',
      message,
    });
    for (const field of Object.keys(task).filter((key) => key !== 'type'))
      expect(
        await rig().all.submit('ada', {
          type: 'work',
          [field]: (task as object as Record<string, never>)[field],
        }),
      ).toBe('given');
  });

  it.each([
    { idempotencyKey: '' },
    { idempotencyKey: 'k'.repeat(1_025) },
    { dedupeKey: '' },
    { dedupeKey: 'k'.repeat(1_025) },
    { delayMs: -1 },
  ])('with %o is refused, and one at the edge is not', async (field) => {
    expect(await codeOf(rig().all.submit('ada', { type: 'work', ...field }))).toBe('TASK_INPUT_INVALID');
    const [[name, value]] = Object.entries(field) as [[string, string | number]];
    const edge = typeof value === 'number' ? 0 : value === '' ? 'k' : 'k'.repeat(1_024);
    expect(await rig().all.submit('ada', { type: 'work', [name]: edge })).toBe('given');
  });
});

describe('a list', () => {
  it('is of every agent and of every queue in which tasks wait, in the order of their acceptance', async () => {
    const { all, asked } = rig({
      briefs: [{ id: 'ada' }, { id: 'bob' }],
      tasks: { ada: [ended('a1', 1), ended('a2', 4)], bob: [ended('b1', 2)] },
      pools: [
        { name: 'crew', waiting: 1 },
        { name: 'idle', waiting: 0 },
      ],
      lines: { crew: [ended('l1', 3)], idle: [ended('no', 0)] },
    });
    expect((await all.list()).map(({ id }) => id)).toEqual(['a1', 'b1', 'l1', 'a2']);
    expect(asked).toContainEqual(['briefs', { agentId: undefined, pool: undefined }]);
  });

  it('of one agent asks that one alone; of a pool its members and its queue', async () => {
    const { all, asked } = rig({ tasks: { ada: [ended('a1', 1)] } });
    expect(await all.list({ agentId: 'ada' })).toMatchObject([{ id: 'a1' }]);
    expect(asked.map((one) => (one as string[]).slice(0, 2))).toEqual([['tasks', 'ada']]);
    const crew = rig({
      briefs: [{ id: 'ada' }],
      tasks: { ada: [ended('a1', 2)] },
      lines: { crew: [ended('l1', 1)] },
    });
    expect((await crew.all.list({ pool: 'crew' })).map(({ id }) => id)).toEqual(['l1', 'a1']);
    expect(crew.asked).toContainEqual(['briefs', { agentId: undefined, pool: 'crew' }]);
    const both = rig({ briefs: [], tasks: { ada: [ended('a1', 2)] }, lines: { crew: [ended('l1', 1)] } });
    expect(await both.all.list({ pool: 'crew', agentId: 'ada' })).toEqual([]);
  });

  it('of nothing asks nobody: no agent, no pool, no more than 0', async () => {
    for (const filter of [{ limit: 0 }, { agentId: '' }]) {
      const { all, asked } = rig({ briefs: [{ id: 'ada' }] });
      expect([await all.list(filter), asked]).toEqual([[], []]);
    }
    const { all, asked } = rig();
    expect([await all.list({ pool: '' }), asked.length]).toEqual([[], 1]);
  });

  it('gives the counts of all statuses', async () => {
    const { all } = rig({
      briefs: [{ id: 'ada' }],
      tasks: { ada: [ended('1', 1), ended('2', 2), ended('3', 3, { status: 'running' })] },
    });
    const none = Object.fromEntries(taskStatuses.map((status) => [status, 0]));
    expect(await all.counts()).toEqual({ ...none, done: 2, running: 1 });
  });
});

describe('a task by its id', () => {
  it('is asked of the agent that the id names', async () => {
    const { all, asked } = rig();
    expect(await all.get(TASK)).toMatchObject({ id: TASK });
    expect(await all.legal(TASK)).toEqual(['cancel']);
    await all.retry(TASK, { by: 'ann' });
    await all.forget(TASK, { by: 'ann' });
    await all.cancel(TASK, 'enough', { by: 'ann' });
    await all.cancel(TASK);
    expect(asked).toEqual([
      ['task', 'ada', { taskId: TASK }],
      ['legalForTask', 'ada', { taskId: TASK }],
      ['give', 'ada', { type: 'retryTask', taskId: TASK, by: 'ann' }],
      ['give', 'ada', { type: 'forgetTask', taskId: TASK, by: 'ann' }],
      ['give', 'ada', { type: 'cancelTask', taskId: TASK, why: 'enough', by: 'ann' }],
      ['give', 'ada', { type: 'cancelTask', taskId: TASK, why: 'cancelled by its caller', by: undefined }],
    ]);
  });

  it('that waits in the queue of a pool is asked of the pool', async () => {
    const { all, asked } = rig({ lines: { crew: [ended('crew/line-1', 1), ended(LINE, 2)] } });
    expect(await all.get(LINE)).toMatchObject({ id: LINE });
    expect(await all.legal(LINE)).toEqual(['cancel']);
    asked.length = 0;
    expect(await all.cancel(LINE, 'enough')).toBe('asked');
    expect(asked).toEqual([['ask', 'crew', { type: 'cancelTask', number: 2, why: 'enough', at: 7 }]]);
    const gone = rig();
    expect([await codeOf(gone.all.get(LINE)), await codeOf(gone.all.legal(LINE))]).toEqual([
      'TASK_UNKNOWN',
      'TASK_UNKNOWN',
    ]);
  });

  it.each(['', 'nobody', 7, null, undefined])('%o is no task’s', async (id) => {
    const { all, asked } = rig();
    for (const act of ['get', 'legal', 'result', 'cancel', 'retry', 'forget'] as const)
      expect(await codeOf(all[act](id as string))).toBe('TASK_UNKNOWN');
    expect(asked).toEqual([]);
  });

  it.each(['', 'x'.repeat(65_537)])(
    'is not cancelled without a reason, nor with too long a one',
    async (reason) => {
      expect(await codeOf(rig().all.cancel(TASK, reason))).toBe('TASK_INPUT_INVALID');
      expect(await rig().all.cancel(TASK, 'x'.repeat(65_536))).toBe('given');
    },
  );
});

describe('a result', () => {
  it('is waited for; what it is refused with is told as it is', async () => {
    const { all, asked } = rig();
    expect(await all.result(TASK)).toBe('given');
    expect(asked).toEqual([['give', 'ada', { type: 'awaitTask', taskId: TASK }]]);
    const failing = rig({ give: () => Promise.reject(new AgentSystemError('TASK_FAILED', 'no')) });
    expect(await codeOf(failing.all.result(TASK, { timeoutMs: 60_000 }))).toBe('TASK_FAILED');
    const broken = rig({ give: () => Promise.reject(new TypeError('bug')) });
    await expect(broken.all.result(TASK, { timeoutMs: 60_000 })).rejects.toThrow('bug');
  });

  it('that is not there in time says how the task stands', async () => {
    const { all } = rig({
      give: (_, more) =>
        new Promise((_resolve, reject) => {
          more!.signal!.addEventListener('abort', () => reject(more!.signal!.reason as Error));
        }),
    });
    expect(await refusal(all.result(TASK, { timeoutMs: 1 }))).toMatchObject({
      code: 'TASK_TIMED_OUT',
      message: `task ${TASK} has not ended within 1 ms: it is running`,
      details: { status: 'running' },
    });
  });
});

it('its schedules are the fleet’s', async () => {
  const { all } = rig();
  expect(await all.schedules()).toBe('listed');
  expect(await all.unschedule('nightly', { by: 'ann' })).toEqual(['removed', 'nightly', { by: 'ann' }]);
});
