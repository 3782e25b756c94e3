/** Laws of tasks as things: submitted by one, asked for by another, kept over the end of a program. */
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createAgentSystem, defineAgent, memoryStore, type Store } from '../../src/index.ts';
import { Agent } from '../../src/runtime/agent/agent.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig, silent } from '../kit/rig.ts';

const worker = defineAgent({
  type: 'worker',
  init: ({ restored }) => (restored as { n: number } | undefined) ?? { n: 0 },
  tasks: {
    add: { run: ({ input, state }) => (state.n += Number(input)) },
    repeatable: { retry: 'on_host_loss', run: ({ input }) => input },
    fail: {
      run: () => {
        throw Object.assign(new Error('no luck'), { code: 'E_LUCK' });
      },
    },
    hang: { run: () => new Promise(() => {}) },
    hangRepeatable: { retry: 'on_host_loss', run: () => new Promise(() => {}) },
  },
});

async function started(options: Parameters<typeof rig>[0] = {}) {
  const made = await rig(options);
  await made.agents.register({ id: 'ada', module: worker });
  await made.agents.start('ada');
  return { ...made, tasks: made.system.tasks };
}

describe('a task that is submitted', () => {
  test('is there at once, runs, and is done: its record says when, and its output', async () => {
    const { tasks, clock } = await started();
    const task = await tasks.submit('ada', { type: 'add', input: 2 });
    expect(task).toMatchObject({ agentId: 'ada', task: 'add', acceptedAt: clock.now() });
    expect(await tasks.result(task.id)).toBe(2);
    expect(tasks.get(task.id)).toEqual({
      id: task.id,
      agentId: 'ada',
      task: 'add',
      status: 'done',
      attempts: 1,
      acceptedAt: clock.now(),
      startedAt: clock.now(),
      endedAt: clock.now(),
      output: 2,
    });
  });

  test('has the input that it was given, and keeps the output that it gave, whatever is done to them', async () => {
    let runs = 0;
    const changing = defineAgent({
      type: 'changing',
      init: () => ({}),
      tasks: {
        wait: { run: () => new Promise((resolve) => setImmediate(resolve)) },
        change: {
          run: ({ input, park }) => {
            (input as number[]).push(0);
            if ((runs += 1) % 2 === 1) park({ afterMs: 1, why: 'runs again' });
            return input;
          },
        },
      },
    });
    await using system = await createAgentSystem({ logger: silent });
    const { agents, pools, tasks, events } = system;
    await agents.start(await agents.register({ id: 'bob', module: changing }));
    await pools.create({ name: 'p', spec: { module: changing }, min: 1, max: 1 });
    for (const target of ['bob', { pool: 'p' }] as const) {
      await tasks.submit(target, { type: 'wait' });
      const input = [1];
      const { id } = await tasks.submit(target, { type: 'change', input });
      input.push(2);
      const output = (await tasks.result(id)) as number[];
      expect(output).toEqual([1, 0]);
      output.push(3);
      expect(() => (tasks.get(id).output as number[]).push(3)).toThrow(TypeError);
      expect([await tasks.result(id), tasks.get(id).output]).toEqual([
        [1, 0],
        [1, 0],
      ]);
      const told = [];
      for await (const event of events.read()) if (event.type === 'task.completed') told.push(event.output);
      expect(told.at(-1)).toEqual([1, 0]);
    }
  });

  test.each([
    ['a date', () => ({ at: new Date(0) }), 'output.at is an instance of Date'],
    ['a map', () => new Map([['a', 1]]), 'output is an instance of Map'],
    ['a bigint', () => [1n], 'output[0] is the bigint 1'],
    ['an instance', () => [new URL('https://host/')], 'output[0] is an instance of URL'],
  ])(
    'that gives %s, which no record can keep, fails, and leaves the state as it was',
    async (_, give, says) => {
      const module = defineAgent({
        type: 'giver',
        init: () => ({ n: 0 }),
        tasks: {
          give: {
            run: ({ state }) => {
              state.n += 1;
              return give();
            },
          },
          n: { run: ({ state }) => state.n },
        },
      });
      const { system } = await rig();
      const id = await system.agents.register({ module });
      await system.agents.start(id);
      const submitted = await system.tasks.submit(id, { type: 'give' });
      const { code, message } = await refusal(system.tasks.result(submitted.id));
      expect(code).toBe('TASK_FAILED');
      expect(message).toContain(`${says}, expected JSON data`);
      expect(system.tasks.get(submitted.id)).toMatchObject({ status: 'failed' });
      expect(await system.agents.execute(id, { type: 'n' })).toBe(0);
      // Its caller has it, and nobody keeps it.
      expect(await system.agents.execute(id, { type: 'give' })).toEqual(give());
    },
  );

  test('that fails says with what, and its result is refused with that', async () => {
    const { tasks } = await started();
    const { id } = await tasks.submit('ada', { type: 'fail' });
    const error = await refusal(tasks.result(id));
    expect(error).toMatchObject({
      code: 'TASK_FAILED',
      agentId: 'ada',
      details: { taskId: id, status: 'failed' },
    });
    expect(error.cause).toMatchObject({ message: 'no luck', code: 'E_LUCK' });
    expect(tasks.get(id)).toMatchObject({ status: 'failed', attempts: 1, error: { message: 'no luck' } });
  });

  test('has a record that nobody can change: its output, its error and what it waits for, in a later program, too', async () => {
    const path = join(temporaryDirectory(), 'fleet.db');
    const module = defineAgent({
      type: 'several',
      init: () => ({}),
      tasks: {
        give: { run: () => ({ list: [1] }) },
        fail: {
          run: () => {
            throw new Error('no', { cause: new Error('because') });
          },
        },
        wait: { run: ({ park }) => park({ afterMs: 60_000, why: 'a limit' }) },
      },
    });
    const open = () => createAgentSystem({ store: sqliteStore(path), logger: silent, agents: [module] });
    const first = await open();
    await first.agents.ensure({ id: 'ada', module }, { autoStart: true });
    const isParked = gate();
    first.events.subscribe(() => isParked.resolve(), { types: ['task.parked'] });
    const ids: string[] = [];
    for (const type of ['give', 'fail', 'wait'] as const) {
      const { id } = await first.tasks.submit('ada', { type });
      ids.push(id);
      await Promise.race([first.tasks.result(id), isParked.promise]).catch(() => undefined);
    }
    const shown = ({ tasks }: typeof first) =>
      ids.map((id) => tasks.get(id)).map(({ output, error, parked }) => output ?? error ?? parked);
    const change = (data: unknown): void => {
      expect(Object.isFrozen(data)).toBe(true);
      if (typeof data === 'object' && data !== null) Object.values(data).forEach(change);
    };
    shown(first).forEach(change);
    await first.close();
    await using second = await open();
    shown(second).forEach(change);
    expect(shown(second)).toMatchObject([{ list: [1] }, { message: 'no' }, { why: 'a limit' }]);
  });

  test('times out by its own time, and a wait for it by its own', async () => {
    const { tasks, clock } = await started();
    const { id } = await tasks.submit('ada', { type: 'hang', timeoutMs: 100 });
    const waited = awaited(tasks.result(id, { timeoutMs: 50 }));
    const result = awaited(tasks.result(id));
    await clock.advance(49);
    expect(await fateOf(waited)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(waited)).toBe('TASK_TIMED_OUT');
    expect(tasks.get(id).status).toBe('running');
    await clock.advance(50);
    expect(await fateOf(result)).toBe('TASK_TIMED_OUT');
    expect(tasks.get(id).status).toBe('timed_out');
  });

  test.each(['waiting', 'running'])(
    'and is cancelled while it is %s is cancelled, and its place is free',
    async (when) => {
      const { tasks, agents } = await started();
      const first = await tasks.submit('ada', { type: 'hang' });
      const second = await tasks.submit('ada', { type: 'add', input: 1 });
      const { id } = when === 'running' ? first : second;
      expect(tasks.get(id).status).toBe(when);
      const result = tasks.result(id);
      expect(await tasks.cancel(id, 'not needed')).toMatchObject({
        status: 'cancelled',
        error: { message: 'not needed' },
      });
      expect(await fateOf(result)).toBe('TASK_ABANDONED');
      expect(await codeOf(tasks.cancel(id))).toBe('AGENT_ILLEGAL_COMMAND');
      await agents.kill('ada');
      expect(tasks.get(second.id).status).toBe(when === 'running' ? 'waiting' : 'cancelled');
    },
  );

  test('is of the same record as one that is executed', async () => {
    const { tasks, agents } = await started();
    expect(await agents.execute('ada', { type: 'add', input: 3 })).toBe(3);
    expect(tasks.list()).toEqual([
      expect.objectContaining({ agentId: 'ada', task: 'add', status: 'done', attempts: 1 }),
    ]);
  });

  test('to a type goes to the least loaded agent of it, and is refused where none takes tasks', async () => {
    const { tasks, agents } = await started();
    await agents.register({ id: 'bob', module: worker });
    await agents.start('bob');
    await tasks.submit('ada', { type: 'hang' });
    expect(await tasks.submit({ type: 'worker' }, { type: 'add', input: 1 })).toMatchObject({
      agentId: 'bob',
    });
    await agents.stop('ada', { timeoutMs: 0 });
    await agents.stop('bob');
    expect(await codeOf(tasks.submit({ type: 'worker' }, { type: 'add', input: 1 }))).toBe(
      'AGENT_NOT_RUNNING',
    );
    expect(await codeOf(tasks.submit({ type: 'nobody' }, { type: 'add' }))).toBe('AGENT_NOT_FOUND');
  });

  test('to a type goes to a busy agent of it before one that is paused, which gets it where no other takes tasks', async () => {
    const { tasks, agents } = await started();
    await agents.pause('ada');
    await agents.register({ id: 'bob', module: worker });
    await agents.start('bob');
    await tasks.submit('bob', { type: 'hang' });
    const toAny = () => tasks.submit({ type: 'worker' }, { type: 'add', input: 1 });
    expect(await toAny()).toMatchObject({ agentId: 'bob' });
    await agents.stop('bob', { timeoutMs: 0 });
    expect(await toAny()).toMatchObject({ agentId: 'ada' });
  });

  test('to a type of which one is idle looks no further than to that one', async () => {
    const { tasks, agents } = await started();
    for (let n = 0; n < 50; n++) await agents.start(await agents.register({ module: worker }));
    const looks = vi.spyOn(Agent.prototype, 'load', 'get');
    onTestFinished(() => looks.mockRestore());
    expect(await tasks.submit({ type: 'worker' }, { type: 'add', input: 1 })).toMatchObject({
      agentId: 'ada',
    });
    expect(looks.mock.calls.length).toBeLessThan(10);
  });

  test('to a type of which none is idle looks no further than to a few, once a task was sent to it', async () => {
    const { tasks, agents } = await started();
    for (let n = 0; n < 50; n++) await agents.start(await agents.register({ module: worker }));
    for (const id of agents.ids()) await tasks.submit(id, { type: 'hang' });
    const toAny = () => tasks.submit({ type: 'worker' }, { type: 'add', input: 1 });
    expect(await toAny()).toMatchObject({ agentId: 'ada' });
    const looks = vi.spyOn(Agent.prototype, 'load', 'get');
    onTestFinished(() => looks.mockRestore());
    expect(await toAny()).not.toMatchObject({ agentId: 'ada' });
    expect(looks.mock.calls.length).toBeLessThan(10);
  });

  test('to a pool goes to a member', async () => {
    const { tasks, system } = await started();
    await system.pools.create({ name: 'many', spec: { module: worker }, min: 1, max: 2 });
    const task = await tasks.submit({ pool: 'many' }, { type: 'add', input: 5 });
    expect(task.agentId).not.toBe('ada');
    expect(await tasks.result(task.id)).toBe(5);
    expect(await codeOf(tasks.submit({ pool: 'none' }, { type: 'add' }))).toBe('POOL_UNKNOWN');
  });
});

describe('an idempotency key', () => {
  test('stands for one task: asked twice at once, after its end, and with another input', async () => {
    const { tasks } = await started();
    const asked = { type: 'add', input: 1, idempotencyKey: 'once' };
    const [one, two] = await Promise.all([tasks.submit('ada', asked), tasks.submit('ada', asked)]);
    expect(two.id).toBe(one.id);
    expect(await tasks.result(one.id)).toBe(1);
    expect(await tasks.submit('ada', { ...asked, input: 9 })).toMatchObject({
      id: one.id,
      status: 'done',
      output: 1,
    });
    expect(tasks.list()).toHaveLength(1);
  });

  test('is free again when its task was refused, or was forgotten', async () => {
    const { tasks } = await started();
    expect(await codeOf(tasks.submit('ada', { type: 'nothing', idempotencyKey: 'k' }))).toBe(
      'TASK_INCOMPATIBLE',
    );
    const { id } = await tasks.submit('ada', { type: 'add', input: 1, idempotencyKey: 'k' });
    await tasks.result(id);
    await tasks.forget(id);
    expect((await tasks.submit('ada', { type: 'add', input: 1, idempotencyKey: 'k' })).id).not.toBe(id);
  });
});

test('a task that was executed can be forgotten: it is unknown then, and nothing is told of it', async () => {
  const { agents, tasks, eventsOf } = await started();
  await agents.execute('ada', { type: 'fail' }).catch(() => {});
  const [failed] = tasks.list();
  await tasks.forget(failed!.id);
  expect(tasks.list()).toEqual([]);
  expect(await codeOf(tasks.forget(failed!.id))).toBe('TASK_UNKNOWN');
  expect(eventsOf('task.forgotten')).toEqual([]);
});

describe('a task that ended without an output', () => {
  test('can be done again under its id, as often as one likes', async () => {
    let calls = 0;
    const unlucky = defineAgent({
      type: 'unlucky',
      init: () => ({}),
      tasks: {
        try: {
          run: ({ input }) => {
            calls += 1;
            if (calls < 3) throw new Error(`luck ${calls}`);
            return input;
          },
        },
      },
    });
    const { system, agents } = await rig();
    const { tasks } = system;
    await agents.register({ id: 'bob', module: unlucky });
    await agents.start('bob');
    const { id } = await tasks.submit('bob', { type: 'try', input: 'this' });
    expect(await codeOf(tasks.result(id))).toBe('TASK_FAILED');
    await tasks.retry(id);
    expect(await codeOf(tasks.result(id))).toBe('TASK_FAILED');
    await tasks.retry(id);
    expect(await tasks.result(id)).toBe('this');
    expect(tasks.get(id)).toMatchObject({ status: 'done', attempts: 3, output: 'this' });
    expect(await codeOf(tasks.retry(id))).toBe('AGENT_ILLEGAL_COMMAND');
  });

  test('waits for its agent, when that does not run, and is done when it does', async () => {
    const { tasks, agents } = await started();
    const { id } = await tasks.submit('ada', { type: 'hang' });
    await agents.stop('ada', { timeoutMs: 0 });
    expect(tasks.get(id).status).toBe('abandoned');
    expect(await tasks.retry(id)).toMatchObject({ status: 'waiting', attempts: 1 });
    await agents.start('ada');
    expect(await fateOf(tasks.result(id))).toBe('pending');
    expect(tasks.get(id)).toMatchObject({ status: 'running', attempts: 2 });
  });

  test('and was only executed cannot be: its input is not kept', async () => {
    const { tasks, agents } = await started();
    expect(await codeOf(agents.execute('ada', { type: 'fail' }))).toBe('TASK_FAILED');
    const [task] = tasks.list({ status: 'failed' });
    expect(tasks.legal(task!.id)).toEqual(['forget']);
    expect(await codeOf(tasks.retry(task!.id))).toBe('AGENT_ILLEGAL_COMMAND');
  });
});

describe('records of tasks', () => {
  test('are kept of all that are open, and of the newest that have ended', async () => {
    const { tasks } = await started({ limits: { maxEndedTasks: 2 } });
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) {
      const { id } = await tasks.submit('ada', { type: 'add', input: n });
      await tasks.result(id);
      ids.push(id);
    }
    const open = await tasks.submit('ada', { type: 'hang' });
    expect(tasks.list().map(({ id }) => id)).toEqual([...ids.slice(2), open.id]);
    expect(() => tasks.get(ids[0]!)).toThrow(
      expect.objectContaining({
        code: 'TASK_UNKNOWN',
        message: expect.stringContaining('the newest 2 are kept (limits.maxEndedTasks'),
      }),
    );
  });

  test.each([0, 1, 2])(
    'are kept of exactly %d that are done and as many that failed, and by a later program, too',
    async (max) => {
      const path = join(temporaryDirectory(), 'fleet.db');
      const open = () =>
        createAgentSystem({
          store: sqliteStore(path),
          logger: silent,
          agents: [worker],
          limits: { maxEndedTasks: max },
        });
      const first = await open();
      await first.agents.ensure({ id: 'ada', module: worker }, { autoStart: true });
      const ended: Record<'add' | 'fail', string[]> = { add: [], fail: [] };
      for (let n = 0; n <= max; n++) {
        for (const type of ['add', 'fail'] as const) {
          const { id } = await first.tasks.submit('ada', { type, input: n });
          await fateOf(first.tasks.result(id));
          ended[type].push(id);
        }
        const kept = Math.min(n + 1, max);
        expect(first.tasks.list({ status: 'done' })).toHaveLength(kept);
        expect(first.tasks.list({ status: 'failed' })).toHaveLength(kept);
      }
      const idsOf = (tasks: typeof first.tasks) =>
        tasks
          .list()
          .map(({ id }) => id)
          .toSorted();
      const newest = [...ended.add.slice(1), ...ended.fail.slice(1)].toSorted();
      expect(idsOf(first.tasks)).toEqual(newest);
      await first.close();
      await using second = await open();
      expect(idsOf(second.tasks)).toEqual(newest);
    },
  );

  test.each<[string, { type: 'repeatable' | 'fail'; input: string }]>([
    ['outputs', { type: 'repeatable', input: 'x'.repeat(100_000) }],
    ['inputs of what failed', { type: 'fail', input: 'x'.repeat(200_000) }],
  ])('hold no more bytes of %s than is allowed, the newest first, and at the least one', async (_, task) => {
    const path = join(temporaryDirectory(), 'fleet.db');
    const open = () =>
      createAgentSystem({
        store: sqliteStore(path),
        logger: silent,
        agents: [worker],
        limits: { maxEndedTaskBytes: 1_000_000 },
      });
    const first = await open();
    await first.agents.ensure({ id: 'ada', module: worker }, { autoStart: true });
    const submit = async (given: typeof task) => {
      const { id } = await first.tasks.submit('ada', given);
      await fateOf(first.tasks.result(id));
      return id;
    };
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await submit(task));
    // Texts are reckoned at two bytes a character.
    expect(first.tasks.list().map(({ id }) => id)).toEqual(ids.slice(-2));
    const small = await submit({ type: task.type, input: 'x' });
    expect(first.tasks.list().map(({ id }) => id)).toEqual([...ids.slice(-2), small]);
    const large = await submit({ ...task, input: 'x'.repeat(600_000) });
    expect(first.tasks.list().map(({ id }) => id)).toEqual([large]);
    await first.close();
    await using second = await open();
    expect(second.tasks.list().map(({ id }) => id)).toEqual([large]);
  });

  test('of what was submitted and failed are driven out by no number of calls', async () => {
    const { agents, tasks } = await started({ limits: { maxEndedTasks: 2 } });
    const failed: string[] = [];
    for (let n = 0; n < 3; n++) {
      const { id } = await tasks.submit('ada', { type: 'fail' });
      await refusal(tasks.result(id));
      failed.push(id);
    }
    for (let n = 0; n < 5; n++) await agents.execute('ada', { type: 'add', input: n });
    expect(tasks.list({ status: 'failed' }).map(({ id }) => id)).toEqual(failed.slice(1));
    expect(tasks.counts()).toMatchObject({ failed: 2, done: 2 });
    // One that is done again, and fails again, is the newest; one that is forgotten makes room.
    await tasks.retry(failed[1]!);
    await refusal(tasks.result(failed[1]!));
    await refusal(tasks.result((await tasks.submit('ada', { type: 'fail' })).id));
    expect(tasks.counts().failed).toBe(2);
    expect(await codeOf(() => tasks.get(failed[2]!))).toBe('TASK_UNKNOWN');
    await tasks.forget(failed[1]!);
    expect(tasks.counts()).toMatchObject({ failed: 1, done: 2 });
  });

  test('whose bound drops keys or dead letters are told of in the log, once for each', async () => {
    const warned: { readonly task: string; readonly msg: string }[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void warned.push(JSON.parse(line)) });
    const { agents, tasks } = await started({ limits: { maxEndedTasks: 1 }, logger });
    for (let n = 0; n < 3; n++) await agents.execute('ada', { type: 'add', input: n });
    for (let n = 0; n < 3; n++) await tasks.result((await tasks.submit('ada', { type: 'add', input: n })).id);
    expect(warned).toEqual([]);
    for (let n = 0; n < 4; n++) {
      const { id } = await tasks.submit('ada', { type: 'add', input: n, idempotencyKey: `order-${n}` });
      await tasks.result(id);
    }
    for (let n = 0; n < 4; n++) await fateOf(tasks.result((await tasks.submit('ada', { type: 'fail' })).id));
    expect(warned.map(({ task, msg }) => [task, /dropped, and [^:]*:/.exec(msg)?.[0]])).toEqual([
      ['add', 'dropped, and such a key now begins a new task:'],
      ['fail', 'dropped, and they cannot be retried:'],
    ]);
  });

  test('are listed by agent, by name and by status', async () => {
    const { tasks } = await started();
    await tasks.result((await tasks.submit('ada', { type: 'add', input: 1 })).id);
    await tasks.submit('ada', { type: 'hang' });
    await tasks.submit('ada', { type: 'add', input: 2 });
    expect(tasks.list({ type: 'add' })).toHaveLength(2);
    expect(tasks.list({ status: 'waiting' })).toHaveLength(1);
    expect(tasks.list({ agentId: 'ada', type: 'hang', status: 'running' })).toHaveLength(1);
    expect(tasks.list({ agentId: 'bob' })).toEqual([]);
    expect(tasks.counts()).toMatchObject({ waiting: 1, running: 1, done: 1, failed: 0, cancelled: 0 });
    const all = tasks.list();
    for (const limit of [0, 1, 2, 3, 4]) {
      expect(tasks.list({ limit })).toEqual(all.slice(0, limit));
      expect(tasks.list({ limit, newest: true })).toEqual(all.slice(Math.max(0, 3 - limit)));
    }
    expect(await codeOf(() => tasks.list({ status: 'lost' as never }))).toBe('TASK_INPUT_INVALID');
    expect(await codeOf(() => tasks.list({ limit: -1 }))).toBe('TASK_INPUT_INVALID');
  });

  test.each([
    ['a target that is none', () => [7, { type: 'add' }]],
    ['a key that is no text', () => ['ada', { type: 'add', idempotencyKey: 7 }]],
    ['an input that is no JSON data', () => ['ada', { type: 'add', input: () => 1 }]],
    ['an option that there is not', () => ['ada', { type: 'add', sooner: true }]],
  ])('are not made for %s', async (_, given) => {
    const { tasks } = await started();
    const [target, task] = given() as [never, never];
    expect(await codeOf(tasks.submit(target, task))).toBe('TASK_INPUT_INVALID');
    expect(tasks.list()).toEqual([]);
  });
});

describe('a dedupe key', () => {
  test('stands for one task until that has ended, asked for at once or later; then for the next', async () => {
    const { tasks } = await started();
    const asked = { type: 'add', input: 1, dedupeKey: 'report', delayMs: 1_000 };
    const [one, two] = await Promise.all([tasks.submit('ada', asked), tasks.submit('ada', asked)]);
    expect(one).toMatchObject({ dedupeKey: 'report' });
    expect(two.id).toBe(one.id);
    expect((await tasks.submit('ada', asked)).id).toBe(one.id);
    await tasks.cancel(one.id);
    const next = await tasks.submit('ada', { type: 'add', input: 1, dedupeKey: 'report' });
    expect(next.id).not.toBe(one.id);
    await tasks.result(next.id);
    expect((await tasks.submit('ada', asked)).id).not.toBe(next.id);
  });

  test('is nothing to an idempotency key of the same words, and both at once are refused', async () => {
    const { tasks } = await started();
    const one = await tasks.submit('ada', { type: 'hang', dedupeKey: 'k' });
    const two = await tasks.submit('ada', { type: 'hang', idempotencyKey: 'k' });
    expect(two.id).not.toBe(one.id);
    const both = { type: 'hang', dedupeKey: 'k', idempotencyKey: 'k' };
    expect(await codeOf(tasks.submit('ada', both))).toBe('TASK_INPUT_INVALID');
    expect(await codeOf(tasks.submit('ada', { type: 'hang', dedupeKey: '' }))).toBe('TASK_INPUT_INVALID');
  });

  test('a task that waits to be done again can be cancelled, also while its old work does not end', async () => {
    const { tasks } = await started();
    const { id } = await tasks.submit('ada', { type: 'hang' });
    await tasks.cancel(id);
    expect(await tasks.retry(id)).toMatchObject({ status: 'waiting' });
    expect(await tasks.cancel(id)).toMatchObject({ status: 'cancelled' });
  });

  test('of a task that is done again is its own, unless another has it by then', async () => {
    const { tasks } = await started();
    const one = await tasks.submit('ada', { type: 'hang', dedupeKey: 'k' });
    await tasks.cancel(one.id);
    await tasks.retry(one.id);
    expect((await tasks.submit('ada', { type: 'hang', dedupeKey: 'k' })).id).toBe(one.id);
    await tasks.cancel(one.id);
    const two = await tasks.submit('ada', { type: 'hang', dedupeKey: 'k' });
    await tasks.retry(one.id);
    expect((await tasks.submit('ada', { type: 'hang', dedupeKey: 'k' })).id).toBe(two.id);
    await tasks.cancel(one.id);
    expect((await tasks.submit('ada', { type: 'hang', dedupeKey: 'k' })).id).toBe(two.id);
  });

  test('holds in a later program, for a task of an agent and for one in a pool’s line', async () => {
    const path = join(temporaryDirectory(), 'fleet.db');
    const first = await open(path);
    await first.agents.register({ id: 'ada', module: worker });
    await first.agents.start('ada');
    await first.pools.create({ name: 'line', spec: { module: worker }, min: 1, max: 1 });
    await first.tasks.submit({ pool: 'line' }, { type: 'hang' });
    const waiting = await first.tasks.submit('ada', { type: 'add', dedupeKey: 'a', delayMs: 600_000 });
    const inLine = await first.tasks.submit({ pool: 'line' }, { type: 'add', dedupeKey: 'b' });
    await first.close({ timeoutMs: 0 });
    await using second = await open(path);
    expect((await second.tasks.submit('ada', { type: 'add', dedupeKey: 'a' })).id).toBe(waiting.id);
    expect((await second.tasks.submit('ada', { type: 'add', dedupeKey: 'b' })).id).toBe(inLine.id);
  });
});

const open = (path: string) =>
  createAgentSystem({ store: sqliteStore(path), agents: [worker], logger: silent });

describe('over the end of a program', () => {
  test('what is done is still known, by its id and by its key', async () => {
    const path = join(temporaryDirectory(), 'fleet.db');
    const first = await open(path);
    await first.agents.register({ id: 'ada', module: worker });
    await first.agents.start('ada');
    const done = await first.tasks.submit('ada', { type: 'add', input: 4, idempotencyKey: 'four' });
    await first.tasks.result(done.id);
    const failed = await first.tasks.submit('ada', { type: 'fail' });
    await first.tasks.result(failed.id).catch(() => undefined);
    const before = [first.tasks.get(done.id), first.tasks.get(failed.id)];
    await first.close();

    await using second = await open(path);
    expect([second.tasks.get(done.id), second.tasks.get(failed.id)]).toEqual(before);
    expect(await second.tasks.result(done.id)).toBe(4);
    expect(await second.tasks.submit('ada', { type: 'add', input: 4, idempotencyKey: 'four' })).toEqual(
      before[0],
    );
    await second.agents.start('ada');
    await second.tasks.retry(failed.id);
    expect(await codeOf(second.tasks.result(failed.id))).toBe('TASK_FAILED');
    expect(second.tasks.get(failed.id).attempts).toBe(2);
  });

  test('a clean close leaves what was not begun, and what may be repeated; the rest is abandoned, and the report says which', async () => {
    const path = join(temporaryDirectory(), 'fleet.db');
    const first = await open(path);
    await first.agents.register({ id: 'ada', module: worker, tasks: { concurrency: 2 } });
    await first.agents.start('ada');
    const hanging = await first.tasks.submit('ada', { type: 'hang' });
    const repeatable = await first.tasks.submit('ada', { type: 'hangRepeatable' });
    const waiting = await first.tasks.submit('ada', { type: 'add', input: 7 });
    const closed = await first.close({ timeoutMs: 50 });
    expect(closed).toMatchObject({ leftTasks: [repeatable.id, waiting.id] });
    expect(await codeOf(first.tasks.result(hanging.id))).toBe('TASK_ABANDONED');

    await using second = await open(path);
    const statuses = () => [hanging, repeatable, waiting].map(({ id }) => second.tasks.get(id).status);
    expect(statuses()).toEqual(['abandoned', 'waiting', 'waiting']);
    await second.agents.start('ada');
    expect(await second.tasks.result(waiting.id)).toBe(7);
    expect(second.tasks.get(repeatable.id)).toMatchObject({ status: 'running', attempts: 2 });
    await second.close({ timeoutMs: 50 });
  });

  test.each(['what waits', 'what was repeatable'])(
    '%s is done once by the program after the next, when the next did not run its agent',
    async (which) => {
      const path = join(temporaryDirectory(), 'fleet.db');
      const first = await open(path);
      await first.agents.register({ id: 'ada', module: worker });
      await first.agents.start('ada');
      const hanging = await first.tasks.submit('ada', {
        type: which === 'what waits' ? 'hang' : 'hangRepeatable',
      });
      const waiting = await first.tasks.submit('ada', { type: 'add', input: 1 });
      await first.close({ timeoutMs: 20 });
      await (await open(path)).close();
      await using third = await open(path);
      const { id } = which === 'what waits' ? waiting : hanging;
      expect(third.tasks.get(id).status).toBe('waiting');
      const begun = gate();
      third.events.subscribe(
        (event) => event.type === 'task.started' && event.taskId === id && begun.resolve(),
      );
      await third.agents.start('ada');
      await begun.promise;
      if (which === 'what waits') expect(await third.tasks.result(id)).toBe(1);
      else expect(third.tasks.get(id)).toMatchObject({ status: 'running' });
      expect(third.tasks.list({ status: 'waiting' }).map((task) => task.id)).not.toContain(id);
      await third.close({ timeoutMs: 20 });
    },
  );

  test('a store that is not durable leaves nothing: all is abandoned', async () => {
    const store: Store = memoryStore();
    const system = await createAgentSystem({ store, logger: silent });
    await system.agents.register({ id: 'ada', module: worker });
    await system.agents.start('ada');
    const { id } = await system.tasks.submit('ada', { type: 'hang' });
    const waiting = await system.tasks.submit('ada', { type: 'add', input: 1 });
    expect(await system.close({ timeoutMs: 20 })).not.toHaveProperty('leftTasks');
    expect([system.tasks.get(id).status, system.tasks.get(waiting.id).status]).toEqual([
      'abandoned',
      'abandoned',
    ]);
  });

  test('nothing is submitted to a system that closes', async () => {
    const { tasks, system, clock } = await started();
    const closed = system.close();
    await clock.advance(10_000);
    await closed;
    expect(await codeOf(tasks.submit('ada', { type: 'add', input: 1 }))).toBe('SYSTEM_CLOSED');
  });
});

describe('when the store fails', () => {
  const order = { type: 'add', input: 1, idempotencyKey: 'k' };

  test('a submit is refused, and nothing of it stays: asked for again under its key it is done', async () => {
    for (const pool of [undefined, 'crew']) {
      const store = failingStore();
      const { system, tasks, clock } = await started({ store });
      if (pool !== undefined)
        await system.pools.create({ name: pool, spec: { module: worker }, min: 1, max: 1 });
      const submit = () => tasks.submit(pool === undefined ? 'ada' : { pool }, order);
      store.trouble = 'throws';
      for (const _ of ['at once', 'again']) expect(await codeOf(submit())).toBe('STORE_FAILED');
      expect(tasks.list()).toEqual([]);
      store.trouble = undefined;
      await clock.advance(1_000);
      expect(await tasks.result((await submit()).id)).toBe(1);
      expect(tasks.list()).toMatchObject([{ status: 'done', idempotencyKey: 'k' }]);
      await system.close();
      const next = await rig({ store: store.kept, agents: [worker] });
      expect(next.system.tasks.list()).toMatchObject([{ status: 'done', idempotencyKey: 'k' }]);
    }
  });

  test('a submit of a task that another one has called is refused until that it goes on without it is durable', async () => {
    const store = failingStore();
    const { tasks, agents, clock } = await started({ store });
    const caller = defineAgent({
      type: 'caller',
      init: () => ({}),
      tasks: {
        ask: { run: (task) => task.agents.execute('ada', { type: 'hangRepeatable', idempotencyKey: 'k' }) },
      },
    });
    await agents.start(await agents.register({ id: 'bob', module: caller }));
    const { id } = await tasks.submit('bob', { type: 'ask' });
    await settled();
    const submit = () => tasks.submit('ada', { type: 'hangRepeatable', idempotencyKey: 'k' });
    store.trouble = 'throws';
    for (const _ of ['at once', 'again']) expect(await codeOf(submit())).toBe('STORE_FAILED');
    store.trouble = undefined;
    await clock.advance(1_000);
    const called = await submit();
    await tasks.cancel(id);
    expect(tasks.get(called.id).status).toBe('running');
  });

  test.each(['cancel', 'forget'] as const)('a %s is refused, and done all the same', async (command) => {
    const store = failingStore();
    const { tasks } = await started({ store });
    const { id } = await tasks.submit('ada', command === 'cancel' ? { type: 'hang' } : order);
    if (command === 'forget') await tasks.result(id);
    store.trouble = 'throws';
    expect(await codeOf(tasks[command](id))).toBe('STORE_FAILED');
    expect(tasks.list().map(({ status }) => status)).toEqual(command === 'cancel' ? ['cancelled'] : []);
  });
});

test('a scripted body that loses its agent leaves a task that is not repeated as abandoned, once', async () => {
  const host = scriptedHost({ onOpen: (body) => body.ready() });
  const { system, agents, eventsOf } = await rig({ hosts: { 'in-process': host } });
  await agents.register({ id: 'ada', module: worker, restart: { policy: 'never' } });
  await agents.start('ada');
  const { id } = await system.tasks.submit('ada', { type: 'add', input: 1 });
  const ended = gate();
  system.tasks.result(id).catch(() => ended.resolve());
  host.live[0]!.exit('killed');
  await ended.promise;
  expect(system.tasks.get(id).status).toBe('abandoned');
  expect(eventsOf('task.abandoned')).toHaveLength(1);
});

describe('a caller that waits for the result of a task', () => {
  test('is refused with STORE_FAILED when its end was not kept, and told once the store has it', async () => {
    const store = failingStore();
    const { tasks, agents, clock } = await started({ store });
    const turn = gate<number>();
    const slow = defineAgent({
      type: 'slow',
      init: () => ({}),
      tasks: { wait: { run: () => turn.promise } },
    });
    await agents.start(await agents.register({ id: 'bob', module: slow }));
    const { id } = await tasks.submit('bob', { type: 'wait' });
    const waiting = awaited(tasks.result(id));
    store.trouble = 'rejects';
    turn.resolve(2);
    expect(await codeOf(waiting)).toBe('STORE_FAILED');
    expect(tasks.get(id).status).toBe('done');
    expect(await codeOf(tasks.result(id))).toBe('STORE_FAILED');
    store.trouble = undefined;
    await clock.advance(1_000);
    expect(await tasks.result(id)).toBe(2);
  });

  test('is told what was kept before the store failed', async () => {
    const store = failingStore();
    const { tasks, agents } = await started({ store });
    const { id } = await tasks.submit('ada', { type: 'add', input: 2 });
    expect(await tasks.result(id)).toBe(2);
    store.trouble = 'throws';
    expect(await codeOf(agents.execute('ada', { type: 'add', input: 1 }))).toBe('STORE_FAILED');
    expect(await tasks.result(id)).toBe(2);
  });

  test('is refused with SYSTEM_CLOSED when the task is left to the next program, later too', async () => {
    const { system, tasks, clock } = await started({ store: failingStore() });
    await tasks.submit('ada', { type: 'hang' });
    const { id } = await tasks.submit('ada', { type: 'add', input: 2 });
    const waiting = awaited(tasks.result(id));
    const closing = system.close();
    await clock.advance(10_000);
    expect((await closing).leftTasks).toEqual([id]);
    expect(await codeOf(waiting)).toBe('SYSTEM_CLOSED');
    expect(await codeOf(tasks.result(id))).toBe('SYSTEM_CLOSED');
  });
});

describe('what is said of a task that gives no output, in plain words', () => {
  const slow = defineAgent({
    type: 'slow',
    init: () => ({}),
    tasks: {
      parks: { run: () => new Promise(() => {}) },
      fails: {
        run: () => {
          throw new Error('no luck');
        },
      },
    },
  });

  test('names it, whose it is, and how it ended', async () => {
    const { agents, system, clock } = await rig();
    const { tasks, pools } = system;
    await agents.register({ id: 'ada', module: slow, tasks: { concurrency: 9 } });
    await agents.start('ada');
    await pools.create({ name: 'none', spec: { module: slow }, min: 0, max: 1 });
    const said = async (id: string, options: object = {}) =>
      (await refusal(tasks.result(id, options))).message.replace(id, 'N');
    const late = await tasks.submit('ada', { type: 'parks', timeoutMs: 10 });
    const running = await tasks.submit('ada', { type: 'parks' });
    const failed = await tasks.submit('ada', { type: 'fails' });
    const waiting = await tasks.submit({ pool: 'none' }, { type: 'parks' });
    await clock.advance(10);
    expect(await said(late.id)).toBe('task N (parks of agent ada) has timed out');
    expect(await said(failed.id)).toBe('task N (fails of agent ada) has failed: no luck');
    const [unmet] = await Promise.all([said(running.id, { timeoutMs: 5 }), clock.advance(5)]);
    expect(unmet).toBe('task N (parks of agent ada) has not ended within 5 ms: it is running');
    await tasks.cancel(waiting.id, 'not needed');
    expect(await said(waiting.id)).toBe('task N (parks of pool none) was cancelled: not needed');
    expect((await refusal(tasks.cancel(late.id))).message).toContain(
      'has timed out: cancel is not allowed; allowed here: retry, forget',
    );
    await tasks.cancel(running.id);
  });
});

test('a task that is asked for again while its cancelled work goes on begins once that has ended', async () => {
  const open: (() => void)[] = [];
  const deaf = defineAgent({
    type: 'deaf',
    init: () => ({}),
    tasks: {
      work: {
        run: async ({ attempt }) => {
          const { promise, resolve } = gate();
          open.push(resolve);
          await promise;
          return attempt;
        },
      },
    },
  });
  const { agents, system, clock } = await rig();
  await agents.register({ id: 'ada', module: deaf, tasks: { concurrency: 2 } });
  await agents.start('ada');
  const { id } = await system.tasks.submit('ada', { type: 'work' });
  await clock.advance(0);
  await system.tasks.cancel(id);
  expect(await system.tasks.retry(id)).toMatchObject({ status: 'waiting', attempts: 1 });
  await clock.advance(1);
  expect(open).toHaveLength(1);
  open[0]!();
  await clock.advance(1);
  expect(system.tasks.get(id)).toMatchObject({ status: 'running', attempts: 2 });
  open[1]!();
  expect(await system.tasks.result(id)).toBe(2);
});
