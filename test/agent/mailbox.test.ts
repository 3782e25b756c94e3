import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { completedEvent } from '../../src/runtime/agent/task-events.ts';
import { scriptedHost, settled, simulatedClock } from '../../src/testing/index.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';
import { worker } from './worker.ts';

async function running(tasks: { concurrency?: number; queueLimit?: number } = {}) {
  const made = await rig();
  const { module, begun, seen } = worker();
  const id = await made.agents.register({ module, tasks });
  await made.agents.start(id);
  const hold = (input?: unknown) => awaited(made.agents.execute(id, { type: 'held', input }));
  return { ...made, id, begun, seen, hold };
}

describe('the events of a task', () => {
  it('give its end and the state that it has left one time, and its begin one of its own', async () => {
    const clock = simulatedClock();
    let reads = 0;
    const { agents, eventsOf } = await rig({ clock: { ...clock, now: () => clock.now() + (reads += 1) } });
    const module = defineAgent({
      type: 'counter',
      init: () => ({ n: 0 }),
      tasks: { add: { run: ({ state }) => (state.n += 1) } },
    });
    const id = await agents.register({ module });
    await agents.start(id);
    await agents.execute(id, { type: 'add' });
    const [saved] = eventsOf('agent.state_saved');
    const [started] = eventsOf('task.started');
    const [completed] = eventsOf('task.completed');
    expect(completed!.at).toBe(saved!.at);
    expect(started!.at).toBeLessThan(saved!.at);
    const [accepted] = eventsOf('task.accepted');
    expect([accepted, started, completed].map((event) => event!.task)).toEqual(['add', 'add', 'add']);
  });
});

const told = (asked: object, output: unknown) =>
  completedEvent(
    'ada',
    {
      taskId: 't',
      incarnation: 2,
      request: { type: 'work', ...asked },
      acceptedAt: 10,
      startedAt: 13,
      attempt: 1,
      output,
    } as never,
    18,
  );

describe('the end of a task', () => {
  it('holds its output where the task was submitted, and the output is JSON data', () => {
    const submission = {};
    expect(told({ submission }, { n: [1] })).toMatchObject({
      type: 'task.completed',
      waitedMs: 3,
      ranMs: 5,
      submitted: true,
      attempts: 1,
      output: { n: [1] },
    });
    expect(told({ submission }, new Map())).toMatchObject({ submitted: true });
    expect(told({ submission }, new Map())).not.toHaveProperty('output.size');
    for (const end of [told({}, { n: 1 }), told({}, new Map())])
      expect([(end as { output?: unknown }).output, (end as { submitted?: unknown }).submitted]).toEqual([
        undefined,
        undefined,
      ]);
  });
});

describe('tasks that wait', () => {
  it('are abandoned with the body that they waited for, and the next life does none of them', async () => {
    const { agents, id, begun, hold, clock } = await running();
    const tasks = [1, 2, 3].map((input) => codeOf(hold(input)));
    await settled();
    await agents.kill(id);
    expect(await Promise.all(tasks)).toEqual(['TASK_ABANDONED', 'TASK_ABANDONED', 'TASK_ABANDONED']);
    expect(agents.get(id).metrics).toMatchObject({ waiting: 0, running: 0 });
    await clock.advance(60_000);
    const after = hold(4);
    await settled();
    expect([agents.get(id).status, begun.map(({ input }) => input)]).toEqual(['running', [1, 4]]);
    begun.at(-1)!.done('done');
    expect(await after).toBe('done');
  });

  it('are abandoned, too, with a body that ends by itself: the next one is asked for none of them', async () => {
    const host = scriptedHost({ onOpen: (body) => queueMicrotask(() => body.ready()) });
    const { agents, clock } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({ module: worker().module });
    await agents.start(id);
    const tasks = [1, 2].map((input) => awaited(agents.execute(id, { type: 'held', input })));
    await settled();
    host.bodiesOf(id)[0]!.exit({ exitCode: 1 });
    expect(await Promise.all(tasks.map(fateOf))).toEqual(['TASK_ABANDONED', 'TASK_ABANDONED']);
    await clock.advance(1_000);
    expect(agents.get(id)).toMatchObject({ status: 'running', metrics: { waiting: 0, running: 0 } });
    expect(host.bodiesOf(id)[1]!.takeRequests()).toEqual([]);
  });

  it('run in the order in which they were sent, one at a time', async () => {
    const { begun, hold } = await running();
    const tasks = [1, 2, 3].map((input) => hold(input));
    for (const input of [1, 2, 3]) {
      await settled();
      expect(begun.map((work) => work.input)).toEqual([1, 2, 3].slice(0, input));
      begun.at(-1)!.done(input * 10);
    }
    expect(await Promise.all(tasks)).toEqual([10, 20, 30]);
  });

  it('run as many at once as concurrency says, and never more', async () => {
    const { agents, id, begun, hold } = await running({ concurrency: 3 });
    const tasks = [1, 2, 3, 4, 5].map((input) => hold(input));
    await settled();
    expect(begun.map(({ input }) => input)).toEqual([1, 2, 3]);
    expect(agents.get(id).metrics).toMatchObject({ running: 3, waiting: 2 });
    begun[1]!.done('b');
    await settled();
    expect(begun.map(({ input }) => input)).toEqual([1, 2, 3, 4]);
    for (const work of begun) work.done('x');
    await settled();
    begun[4]!.done('e');
    expect(await Promise.all(tasks)).toEqual(['x', 'b', 'x', 'x', 'e']);
    expect(agents.get(id).metrics).toMatchObject({ done: 5, running: 0, waiting: 0 });
  });

  it('beyond queueLimit are refused at once; those that run do not count', async () => {
    const { agents, events, id, begun, hold } = await running({ queueLimit: 2 });
    const tasks = [1, 2, 3].map((input) => hold(input));
    await settled();
    const before = events.length;
    const error = await refusal(hold(4));
    expect(error).toMatchObject({ code: 'TASK_QUEUE_FULL', agentId: id });
    expect(error.message).toContain('queueLimit is 2');
    expect(events).toHaveLength(before);
    expect(agents.get(id).metrics).toMatchObject({ waiting: 2, running: 1 });
    begun[0]!.done();
    await settled();
    tasks.push(hold(5));
    for (const place of [1, 2, 3]) {
      await settled();
      begun[place]!.done();
    }
    await Promise.all(tasks);
  });

  it('count against queueLimit in the very turn in which they are sent', async () => {
    const { begun, hold } = await running({ queueLimit: 2 });
    const fates = await Promise.all([1, 2, 3, 4, 5].map((input) => fateOf(hold(input))));
    expect(fates).toEqual(['pending', 'pending', 'pending', 'TASK_QUEUE_FULL', 'TASK_QUEUE_FULL']);
    expect(begun).toHaveLength(1);
  });

  it('may not at all when queueLimit is 0: the agent takes what it can do at once', async () => {
    const { begun, hold } = await running({ queueLimit: 0, concurrency: 2 });
    const tasks = [hold(1), hold(2)];
    expect(await codeOf(hold(3))).toBe('TASK_QUEUE_FULL');
    await settled();
    for (const work of begun) work.done(1);
    expect(await Promise.all(tasks)).toEqual([1, 1]);
    await settled();
    const next = hold(4);
    await settled();
    begun[2]!.done(2);
    expect(await next).toBe(2);
  });

  it('are counted in a refusal when they wait for their time, too', async () => {
    const { system, id } = await running({ queueLimit: 0 });
    await system.tasks.submit(id, { type: 'held', delayMs: 1_000 });
    const refused = await refusal(system.tasks.submit(id, { type: 'held', delayMs: 1_000 }));
    expect(refused.message).toContain('has 1 task waiting, its tasks.queueLimit is 0');
  });

  it('leave room for others once they are cancelled', async () => {
    const { agents, id, begun, hold } = await running({ queueLimit: 1 });
    const first = hold(1);
    const controller = new AbortController();
    const second = awaited(agents.execute(id, { type: 'held', input: 2, signal: controller.signal }));
    expect(await fateOf(hold(3))).toBe('TASK_QUEUE_FULL');
    controller.abort();
    const third = hold(4);
    expect(await fateOf(second)).toBe('TASK_ABANDONED');
    begun[0]!.done();
    await first;
    await settled();
    expect(begun.map(({ input }) => input)).toEqual([1, 4]);
    begun[1]!.done();
    await third;
  });
});

describe('a burst', () => {
  // A task that settles at once makes room for the next: a queue of them may not grow the stack.
  it('of 20,000 tasks behind one that is slow is done, in order', async () => {
    const { agents, id, begun, seen, hold } = await running({ queueLimit: 100_000 });
    const slow = hold();
    const burst = Array.from({ length: 20_000 }, (_, input) => agents.execute(id, { type: 'see', input }));
    await settled();
    expect(agents.get(id).metrics).toMatchObject({ running: 1, waiting: 20_000 });
    begun[0]!.done();
    await slow;
    await Promise.all(burst);
    expect(seen).toEqual(burst.map((_, index) => index));
    expect(agents.get(id).metrics).toMatchObject({ done: 20_001, running: 0, waiting: 0 });
  });

  it('of 20,000 tasks to an agent that starts is done once it runs', async () => {
    const { agents } = await rig();
    const { promise, resolve } = gate<{ n: number }>();
    const module = defineAgent({
      type: 'late',
      init: () => promise,
      tasks: { count: { run: ({ state }) => ++state.n } },
    });
    const id = await agents.register({ module, tasks: { queueLimit: 100_000 } });
    const start = agents.start(id);
    const burst = Array.from({ length: 20_000 }, () => agents.execute(id, { type: 'count' }));
    await settled();
    expect(agents.get(id).metrics).toMatchObject({ running: 0, waiting: 20_000 });
    resolve({ n: 0 });
    await start;
    expect((await Promise.all(burst)).at(-1)).toBe(20_000);
  });

  it('that an agent is stopped in the middle of leaves nothing unanswered', async () => {
    const { agents, id, clock, begun, hold, eventsOf } = await running({ queueLimit: 100_000 });
    const slow = hold();
    const burst = Array.from({ length: 5_000 }, (_, input) =>
      awaited(agents.execute(id, { type: 'note', input })),
    );
    await settled();
    const stop = agents.stop(id, { timeoutMs: 1_000 });
    await clock.advance(1_000);
    const record = await stop;
    expect(await fateOf(slow)).toBe('TASK_ABANDONED');
    const fates = await Promise.allSettled(burst);
    expect(fates.every(({ status }) => status === 'rejected')).toBe(true);
    expect(record.abandoned).toHaveLength(5_001);
    expect(eventsOf('task.abandoned')).toHaveLength(5_001);
    expect(begun[0]!.signal.aborted).toBe(true);
  });
});

describe('tasks of an agent that is not there yet, or no more', () => {
  it('sent while it starts wait, and are done when it runs', async () => {
    const { agents } = await rig();
    const { promise, resolve } = gate<{ n: number }>();
    const module = defineAgent({
      type: 'late',
      init: () => promise,
      tasks: { count: { run: ({ state }) => ++state.n } },
    });
    const id = await agents.register({ module });
    const start = agents.start(id);
    const task = awaited(agents.execute(id, { type: 'count' }));
    expect(await fateOf(task)).toBe('pending');
    expect(agents.get(id)).toMatchObject({ status: 'starting', metrics: { waiting: 1 } });
    resolve({ n: 41 });
    await start;
    expect(await task).toBe(42);
  });

  it('sent while it starts are abandoned when the start fails', async () => {
    const { agents, eventsOf } = await rig();
    const { promise, reject } = gate<object>();
    const module = defineAgent({ type: 'late', init: () => promise, tasks: { go: { run: () => 1 } } });
    const id = await agents.register({ module });
    const start = awaited(agents.start(id));
    const task = awaited(agents.execute(id, { type: 'go' }));
    await settled();
    reject(new Error('no'));
    expect(await fateOf(start)).toBe('AGENT_START_FAILED');
    expect(await fateOf(task)).toBe('TASK_ABANDONED');
    expect(eventsOf('task.abandoned')).toHaveLength(1);
    expect(agents.get(id)).toMatchObject({ status: 'registered', metrics: { waiting: 0, abandoned: 1 } });
  });

  it('sent while it starts count against queueLimit', async () => {
    const { agents } = await rig();
    const { promise, resolve } = gate<object>();
    const module = defineAgent({ type: 'late', init: () => promise, tasks: { go: { run: () => 1 } } });
    const id = await agents.register({ module, tasks: { queueLimit: 1 } });
    const start = agents.start(id);
    const task = agents.execute(id, { type: 'go' });
    expect(await codeOf(agents.execute(id, { type: 'go' }))).toBe('TASK_QUEUE_FULL');
    resolve({});
    await Promise.all([start, task]);
  });

  it('are refused before its start, after its end, and while it waits to restart', async () => {
    const { agents, clock } = await rig();
    const { module } = worker();
    const id = await agents.register({ module });
    const refused = () => refusal(agents.execute(id, { type: 'note' }));
    expect(await refused()).toMatchObject({ code: 'AGENT_NOT_RUNNING', details: { status: 'registered' } });
    await agents.start(id);
    await agents.kill(id);
    expect(await refused()).toMatchObject({ code: 'AGENT_NOT_RUNNING', details: { status: 'crashed' } });
    await clock.advance(1_000);
    await agents.execute(id, { type: 'finish' });
    await settled();
    expect(await refused()).toMatchObject({ code: 'AGENT_NOT_RUNNING', details: { status: 'completed' } });
    await agents.start(id);
    await agents.stop(id);
    expect(await refused()).toMatchObject({ code: 'AGENT_NOT_RUNNING', details: { status: 'stopped' } });
    await agents.forget(id);
    expect(await codeOf(agents.execute(id, { type: 'note' }))).toBe('AGENT_NOT_FOUND');
  });

  it('are refused while it stops, and those it had are done first', async () => {
    const { agents, id, begun, hold, events } = await running();
    const tasks = [hold(1), hold(2)];
    await settled();
    const stop = agents.stop(id);
    expect(await refusal(agents.execute(id, { type: 'note' }))).toMatchObject({
      code: 'AGENT_NOT_RUNNING',
      details: { status: 'stopping' },
    });
    begun[0]!.done('a');
    await settled();
    begun[1]!.done('b');
    expect(await Promise.all(tasks)).toEqual(['a', 'b']);
    expect(await stop).toMatchObject({ status: 'stopped', reason: 'shutdown', abandoned: [] });
    const types = events.map(({ type }) => type);
    expect(types.lastIndexOf('task.completed')).toBeLessThan(types.indexOf('agent.stopped'));
  });

  it('that it had when it was killed are abandoned, each once, and its signal fires', async () => {
    const { agents, id, begun, hold, eventsOf } = await running({ concurrency: 2 });
    const tasks = [hold(1), hold(2), hold(3)];
    await settled();
    const record = await agents.kill(id);
    for (const task of tasks) expect(await fateOf(task)).toBe('TASK_ABANDONED');
    const ids = eventsOf('task.accepted').map(({ taskId }) => taskId);
    expect(record.abandoned.toSorted()).toEqual(ids.toSorted());
    expect(
      eventsOf('task.abandoned')
        .map(({ taskId }) => taskId)
        .toSorted(),
    ).toEqual(ids.toSorted());
    expect(begun.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(agents.get(id).metrics).toMatchObject({ abandoned: 3, running: 0, waiting: 0 });
  });

  it('are the record of that end, and not of the next life', async () => {
    const { agents, clock, id, hold } = await running();
    void hold(1);
    await settled();
    expect((await agents.kill(id)).abandoned).toHaveLength(1);
    await clock.advance(500);
    expect(agents.get(id)).toMatchObject({ status: 'running', abandoned: [] });
    expect((await agents.stop(id)).abandoned).toEqual([]);
  });

  it('what they give after its death is not heard', async () => {
    const { agents, id, begun, hold, events } = await running();
    void hold(1);
    await settled();
    await agents.kill(id);
    const before = events.length;
    begun[0]!.progress('late');
    begun[0]!.done('late');
    await settled();
    expect(events).toHaveLength(before);
    expect(await agents.savedState(id)).toBeUndefined();
  });
});

describe('a task that crashes its agent by definition', () => {
  it('is answered with what was thrown, then the agent crashes and its others are abandoned', async () => {
    const { agents, clock, events } = await rig();
    const { promise } = gate();
    const module = defineAgent({
      type: 'fragile',
      init: () => ({}),
      onTaskError: 'crash',
      tasks: {
        wait: { run: () => promise },
        fail: {
          run: () => {
            throw new RangeError('too far');
          },
        },
      },
    });
    const id = await agents.register({ module, tasks: { concurrency: 2 } });
    await agents.start(id);
    const other = awaited(agents.execute(id, { type: 'wait' }));
    const error = await refusal(agents.execute(id, { type: 'fail' }));
    expect(error).toMatchObject({ code: 'TASK_FAILED', cause: { name: 'RangeError', message: 'too far' } });
    expect(await fateOf(other)).toBe('TASK_ABANDONED');
    expect(agents.get(id)).toMatchObject({
      status: 'crashed',
      reason: { error: { name: 'RangeError', message: 'too far' } },
    });
    const types = events.map(({ type }) => type);
    expect(types.indexOf('task.failed')).toBeLessThan(types.indexOf('agent.crashed'));
    await clock.advance(500);
    expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
  });

  it('without that, it fails alone, with its cause, and the agent goes on with its state', async () => {
    const { agents, id } = await running();
    await agents.execute(id, { type: 'note', input: 'a' });
    const error = await refusal(agents.execute(id, { type: 'fail' }));
    expect(error).toMatchObject({ code: 'TASK_FAILED', agentId: id });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.details).toMatchObject({ task: 'fail' });
    expect(await agents.execute(id, { type: 'read' })).toEqual(['a']);
  });
});

/** An agent whose task calls `complete` and ends when it is told to. */
async function completing(onTaskError: 'fail' | 'crash') {
  const made = await rig();
  const done = gate();
  const module = defineAgent({
    type: 'completing',
    onTaskError,
    init: () => ({}),
    tasks: {
      go: {
        run: async ({ complete }) => {
          complete();
          await done.promise;
        },
      },
    },
  });
  const id = await made.agents.register({ module });
  await made.agents.start(id);
  return { ...made, id, done };
}

describe('complete()', () => {
  it('answers its task, saves, ends the agent normally, and it is not restarted', async () => {
    const { agents, id, clock, eventsOf } = await running();
    await agents.execute(id, { type: 'note', input: 1 });
    expect(await agents.execute(id, { type: 'finish' })).toBe('finished');
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'completed', reason: 'normal' });
    expect(await agents.savedState(id)).toEqual({ log: [1] });
    await clock.advance(1_000_000);
    expect(agents.get(id)).toMatchObject({ status: 'completed', incarnation: 1 });
    expect(eventsOf('agent.completed')).toHaveLength(1);
    await agents.start(id);
    expect(await agents.execute(id, { type: 'read' })).toEqual([1]);
  });

  it('abandons what still waits', async () => {
    const { agents, id } = await running();
    const finish = agents.execute(id, { type: 'finish' });
    const waiting = awaited(agents.execute(id, { type: 'note' }));
    expect(await finish).toBe('finished');
    expect(await fateOf(waiting)).toBe('TASK_ABANDONED');
    expect(agents.get(id)).toMatchObject({ status: 'completed', abandoned: [expect.any(String)] });
  });

  it('lets what runs beside it finish', async () => {
    const { agents, id, begun, hold } = await running({ concurrency: 2 });
    const beside = hold(1);
    const finish = agents.execute(id, { type: 'finish' });
    const waiting = hold(2);
    expect(await finish).toBe('finished');
    expect(await fateOf(waiting)).toBe('TASK_ABANDONED');
    expect(begun[0]!.signal.aborted).toBe(false);
    expect(agents.get(id).state).toBe('alive.stopping.draining');
    begun[0]!.done('in time');
    expect(await beside).toBe('in time');
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'completed', abandoned: [expect.any(String)] });
  });

  it('while the agent drains lets what runs finish, and makes its end a normal one', async () => {
    const { agents, id, begun, hold } = await running({ concurrency: 2 });
    const beside = hold(1);
    const other = hold(2);
    const finish = awaited(agents.execute(id, { type: 'finish' }));
    await settled();
    const stopped = agents.stop(id);
    begun[1]!.done();
    await other;
    expect(await finish).toBe('finished');
    begun[0]!.done('in time');
    expect(await beside).toBe('in time');
    expect(await stopped).toMatchObject({ status: 'completed', reason: 'normal', abandoned: [] });
  });

  it('of a task that was cancelled is not heard', async () => {
    const { agents, clock, done, id } = await completing('fail');
    const task = awaited(agents.execute(id, { type: 'go', timeoutMs: 10 }));
    await clock.advance(10);
    expect(await codeOf(task)).toBe('TASK_TIMED_OUT');
    done.resolve();
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'running', metrics: { running: 0 } });
  });

  it('of a task that takes its agent down with it is a crash, and answered by the restart policy', async () => {
    const { agents, clock, done, id } = await completing('crash');
    const task = awaited(agents.execute(id, { type: 'go' }));
    done.reject(new Error('last words'));
    expect(await codeOf(task)).toBe('TASK_FAILED');
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: { error: { message: 'last words' } } });
    await clock.advance(1_000);
    expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
  });

  it('in a task that then throws ends the agent all the same', async () => {
    const { agents } = await rig();
    const module = defineAgent({
      type: 'odd',
      init: () => ({}),
      tasks: {
        go: {
          run: ({ complete }) => {
            complete();
            throw new Error('last words');
          },
        },
      },
    });
    const id = await agents.register({ module });
    await agents.start(id);
    expect(await codeOf(agents.execute(id, { type: 'go' }))).toBe('TASK_FAILED');
    await settled();
    expect(agents.get(id).status).toBe('completed');
  });
});

describe('an agent that has ended', () => {
  it('shows its figures and what it left undone until its next life, and goes on counting', async () => {
    const { agents, id, begun, hold } = await running();
    const first = hold();
    await settled();
    begun[0]!.done();
    await first;
    const cut = hold();
    await settled();
    const ended = await agents.stop(id, { timeoutMs: 0 });
    expect(await codeOf(cut)).toBe('TASK_ABANDONED');
    const figures = { done: 1, abandoned: 1, waiting: 0, running: 0 };
    expect(ended).toMatchObject({ status: 'stopped', abandoned: [expect.any(String)], metrics: figures });
    expect(agents.get(id)).toEqual(ended);
    await agents.start(id);
    expect(agents.get(id)).toMatchObject({ abandoned: [], metrics: figures });
    const next = hold();
    await settled();
    begun.at(-1)!.done();
    await next;
    expect(await agents.stop(id)).toMatchObject({ abandoned: [], metrics: { ...figures, done: 2 } });
    expect(agents.get(id).metrics.done).toBe(2);
  });

  it('of no task has figures of none in every life', async () => {
    const { agents, id } = await running();
    const ended = await agents.stop(id);
    expect(agents.get(id)).toEqual(ended);
    await agents.start(id);
    expect(await agents.kill(id)).toMatchObject({ abandoned: [], metrics: { done: 0, abandoned: 0 } });
  });
});
