import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';
import { worker } from './worker.ts';

async function running(tasks: { concurrency?: number; queueLimit?: number } = {}) {
  const made = await rig();
  const { module, begun } = worker();
  const id = await made.agents.register({ module, tasks, health: { intervalMs: Infinity } });
  await made.agents.start(id);
  return { ...made, id, begun };
}

describe('a task with a timeout', () => {
  it('that runs too long is answered then, not a ms before, and its signal fires', async () => {
    const { agents, clock, id, begun, eventsOf } = await running();
    const task = awaited(agents.execute(id, { type: 'held', timeoutMs: 100 }));
    await clock.advance(99);
    expect(await fateOf(task)).toBe('pending');
    expect(begun[0]!.signal.aborted).toBe(false);
    await clock.advance(1);
    const error = await refusal(task);
    expect(error).toMatchObject({ code: 'TASK_TIMED_OUT', agentId: id });
    expect(error.message).toMatch(/still running after 100 ms/);
    expect(begun[0]!.signal).toMatchObject({ aborted: true, reason: expect.any(Error) });
    expect(eventsOf('task.timed_out')).toMatchObject([{ timeoutMs: 100 }]);
  });

  it('keeps its place until its work settles, and what that gives is dropped', async () => {
    const { agents, clock, id, begun, events } = await running();
    const first = awaited(agents.execute(id, { type: 'held', timeoutMs: 100 }));
    const second = awaited(agents.execute(id, { type: 'note', input: 2 }));
    await clock.advance(100);
    expect(await codeOf(first)).toBe('TASK_TIMED_OUT');
    expect(agents.get(id).metrics).toMatchObject({ running: 1, waiting: 1, timedOut: 1 });
    expect(agents.get(id).state).toContain('busy');
    expect(await fateOf(second)).toBe('pending');
    begun[0]!.done('too late');
    expect(await second).toBe(1);
    const ends = events.filter(({ type }) => /^task\.(completed|failed|timed_out|abandoned)$/.test(type));
    expect(ends.map(({ type }) => type)).toEqual(['task.timed_out', 'task.completed']);
    expect(agents.get(id).metrics).toMatchObject({ running: 0, done: 1, timedOut: 1 });
  });

  it('that fails after its time is not heard either', async () => {
    const { agents, clock, id, begun, eventsOf } = await running();
    const task = awaited(agents.execute(id, { type: 'held', timeoutMs: 1 }));
    await clock.advance(1);
    begun[0]!.fail(new Error('too late'));
    expect(await codeOf(task)).toBe('TASK_TIMED_OUT');
    await settled();
    expect(eventsOf('task.failed')).toEqual([]);
    expect(agents.get(id).metrics).toMatchObject({ running: 0, failed: 0, timedOut: 1 });
  });

  it('that waits too long leaves the queue, and never runs', async () => {
    const { agents, clock, id, begun } = await running();
    const first = agents.execute(id, { type: 'held', input: 1 });
    const second = awaited(agents.execute(id, { type: 'held', input: 2, timeoutMs: 50 }));
    await clock.advance(50);
    const error = await refusal(second);
    expect(error.code).toBe('TASK_TIMED_OUT');
    expect(error.message).toMatch(/still waiting after 50 ms/);
    begun[0]!.done();
    await first;
    await settled();
    expect(begun.map(({ input }) => input)).toEqual([1]);
    expect(agents.get(id).state).toContain('idle');
  });

  it('counts from acceptance, through waiting and running', async () => {
    const { agents, clock, id, begun } = await running();
    const first = agents.execute(id, { type: 'held' });
    const second = awaited(agents.execute(id, { type: 'held', timeoutMs: 100 }));
    await clock.advance(60);
    begun[0]!.done();
    await first;
    await clock.advance(39);
    expect(await fateOf(second)).toBe('pending');
    await clock.advance(1);
    expect(await codeOf(second)).toBe('TASK_TIMED_OUT');
    expect(begun[1]!.signal.aborted).toBe(true);
  });

  it('that is done in time leaves no timer behind', async () => {
    const { agents, clock, id } = await running();
    await agents.execute(id, { type: 'note', timeoutMs: 60_000 });
    await codeOf(agents.execute(id, { type: 'fail', timeoutMs: 60_000 }));
    expect(clock.pending()).toEqual([]);
  });

  it('of 0 is over before it began; of Infinity it never is', async () => {
    const { agents, clock, id, begun } = await running();
    const never = agents.execute(id, { type: 'held', timeoutMs: Infinity });
    expect(clock.pending()).toEqual([]);
    const zero = awaited(agents.execute(id, { type: 'held', timeoutMs: 0 }));
    await clock.advance(0);
    expect(await codeOf(zero)).toBe('TASK_TIMED_OUT');
    begun[0]!.done('at last');
    expect(await never).toBe('at last');
  });

  it('on a restarting agent times out at its time, too', async () => {
    const { agents, clock, id } = await running();
    await agents.kill(id);
    expect(await codeOf(agents.execute(id, { type: 'note', timeoutMs: 5 }))).toBe('AGENT_NOT_RUNNING');
    expect(clock.pending()).toHaveLength(1);
  });
});

describe("a task with its caller's signal", () => {
  it('that has fired already is refused with its reason, and nothing happened', async () => {
    const { agents, id, events } = await running();
    const before = events.length;
    const reason = new Error('changed my mind');
    const error = await refusal(agents.execute(id, { type: 'note', signal: AbortSignal.abort(reason) }));
    expect(error.code).toBe('TASK_ABANDONED');
    expect(error.cause).toBe(reason);
    expect(events).toHaveLength(before);
    expect(agents.get(id).metrics).toMatchObject({ abandoned: 0 });
  });

  it('that fires while it waits takes it out of the queue', async () => {
    const { agents, id, begun, eventsOf } = await running();
    const first = agents.execute(id, { type: 'held', input: 1 });
    const controller = new AbortController();
    const second = awaited(agents.execute(id, { type: 'held', input: 2, signal: controller.signal }));
    await settled();
    controller.abort(new Error('no'));
    expect(await refusal(second)).toMatchObject({ code: 'TASK_ABANDONED', cause: { message: 'no' } });
    expect(eventsOf('task.abandoned')).toMatchObject([{ why: 'cancelled by its caller' }]);
    begun[0]!.done();
    await first;
    await settled();
    expect(begun).toHaveLength(1);
  });

  it('that fires while it runs fires that of its work, whose place stays taken until it settles', async () => {
    const { agents, id, begun } = await running();
    const controller = new AbortController();
    const task = awaited(agents.execute(id, { type: 'held', signal: controller.signal }));
    await settled();
    controller.abort();
    expect(await codeOf(task)).toBe('TASK_ABANDONED');
    expect(begun[0]!.signal.aborted).toBe(true);
    expect(agents.get(id)).toMatchObject({ abandoned: [], metrics: { running: 1, abandoned: 1 } });
    begun[0]!.fail(new Error('obeyed'));
    await settled();
    expect(agents.get(id).metrics).toMatchObject({ running: 0, failed: 0, abandoned: 1 });
    expect(agents.get(id)).toMatchObject({ status: 'running', state: expect.stringContaining('idle') });
  });

  it('that fires in the turn in which it was sent is abandoned before it began', async () => {
    const { agents, id, begun } = await running();
    const controller = new AbortController();
    const task = awaited(agents.execute(id, { type: 'held', signal: controller.signal }));
    controller.abort();
    expect(await codeOf(task)).toBe('TASK_ABANDONED');
    await settled();
    expect(begun).toEqual([]);
  });

  it('is let go of when it is answered: a late abort does nothing', async () => {
    const { agents, id, eventsOf } = await running();
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    Object.assign(signal, {
      addEventListener: (...args: Parameters<typeof add>) => {
        listeners += 1;
        add(...args);
      },
      removeEventListener: (...args: Parameters<typeof remove>) => {
        listeners -= 1;
        remove(...args);
      },
    });
    for (let count = 0; count < 3; count++) await agents.execute(id, { type: 'note', signal });
    await codeOf(agents.execute(id, { type: 'fail', signal }));
    expect(listeners).toBe(0);
    controller.abort();
    await settled();
    expect(eventsOf('task.abandoned')).toEqual([]);
  });

  it('one signal for many tasks cancels them all, each once', async () => {
    const { agents, id, eventsOf } = await running({ concurrency: 2 });
    const { signal, abort } = controllerOf();
    const tasks = Array.from({ length: 5 }, () => awaited(agents.execute(id, { type: 'held', signal })));
    await settled();
    abort();
    for (const task of tasks) expect(await fateOf(task)).toBe('TASK_ABANDONED');
    expect(eventsOf('task.abandoned')).toHaveLength(5);
  });
});

describe('progress', () => {
  it('reaches the caller in order, while the task runs and never after it', async () => {
    const { agents, id, begun } = await running();
    const seen: unknown[] = [];
    const task = agents.execute(id, { type: 'held', onProgress: (value) => seen.push(value) });
    await settled();
    begun[0]!.progress(1);
    begun[0]!.progress({ share: 0.5 });
    begun[0]!.done('end');
    expect(await task).toBe('end');
    begun[0]!.progress('late');
    await settled();
    expect(seen).toEqual([1, { share: 0.5 }]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('listener');
      },
    ],
    ['rejects', () => Promise.reject(new Error('listener'))],
  ])('a listener that %s harms neither task nor agent', async (_, onProgress) => {
    const { agents, id, begun } = await running();
    const task = agents.execute(id, { type: 'held', onProgress });
    await settled();
    begun[0]!.progress(1);
    await settled();
    begun[0]!.done('end');
    expect(await task).toBe('end');
    expect(agents.get(id).status).toBe('running');
  });

  it('of a task that was answered early is not told', async () => {
    const { agents, id, clock, begun } = await running();
    const seen: unknown[] = [];
    const task = awaited(
      agents.execute(id, { type: 'held', timeoutMs: 10, onProgress: (value) => seen.push(value) }),
    );
    await clock.advance(10);
    begun[0]!.progress('late');
    await settled();
    expect(seen).toEqual([]);
    expect(await codeOf(task)).toBe('TASK_TIMED_OUT');
  });
});

describe('work that does not end', () => {
  it('is told to, is not waited for beyond the grace, and is listed as abandoned', async () => {
    const { agents, clock, id, begun, events, eventsOf } = await running();
    const task = awaited(agents.execute(id, { type: 'held' }));
    await settled();
    const stop = agents.stop(id, { timeoutMs: 1_000 });
    await clock.advance(799);
    expect(begun[0]!.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(begun[0]!.signal.aborted).toBe(true);
    expect(await codeOf(task)).toBe('TASK_ABANDONED');
    await clock.advance(200);
    const record = await stop;
    const { taskId } = eventsOf('task.accepted')[0]!;
    expect(record).toMatchObject({ status: 'stopped', abandoned: [taskId] });
    expect(eventsOf('agent.stopped')).toMatchObject([{ abandoned: [taskId] }]);
    // What it may have changed of the state is not the state after an acknowledged task.
    expect(events.some(({ type }) => type === 'agent.state_saved')).toBe(false);
  });

  it('that obeys its signal in time is followed by a save and an orderly end', async () => {
    const { agents, clock, id, begun } = await running();
    void awaited(agents.execute(id, { type: 'held' }));
    await settled();
    begun[0]!.signal.addEventListener('abort', () => begun[0]!.fail(new Error('obeyed')));
    const stop = agents.stop(id, { timeoutMs: 1_000 });
    await clock.advance(800);
    expect(await fateOf(stop)).toMatchObject({ value: { status: 'stopped', reason: 'shutdown' } });
    expect(await agents.savedState(id)).toEqual({ log: [] });
  });

  it('does not hold up a kill', async () => {
    const { agents, id } = await running();
    const task = awaited(agents.execute(id, { type: 'held' }));
    await settled();
    expect(await agents.kill(id)).toMatchObject({ status: 'crashed', reason: 'killed' });
    expect(await codeOf(task)).toBe('TASK_ABANDONED');
  });
});

describe('the figures of an agent', () => {
  it('count every task once, over all its incarnations', async () => {
    const { agents, clock, id, begun, events } = await running({ queueLimit: 1 });
    await agents.execute(id, { type: 'note' });
    await codeOf(agents.execute(id, { type: 'fail' }));
    const slow = awaited(agents.execute(id, { type: 'held', timeoutMs: 30 }));
    await clock.advance(30);
    await codeOf(slow);
    begun[0]!.done();
    await settled();
    void awaited(agents.execute(id, { type: 'held' }));
    void awaited(agents.execute(id, { type: 'note' }));
    await codeOf(agents.execute(id, { type: 'note' }));
    const known: string = id;
    await codeOf(agents.execute(known, { type: 'nope' }));
    await agents.kill(id);
    await clock.advance(500);
    await agents.execute(id, { type: 'note' });
    expect(agents.get(id).metrics).toMatchObject({
      done: 2,
      failed: 1,
      timedOut: 1,
      abandoned: 2,
      running: 0,
      waiting: 0,
    });
    const count = (end: string) => events.filter(({ type }) => type === `task.${end}`).length;
    expect(['accepted', 'completed', 'failed', 'timed_out', 'abandoned'].map(count)).toEqual([6, 2, 1, 1, 2]);
  });

  it('measure latency from acceptance to answer', async () => {
    const { agents, clock, id, begun, eventsOf } = await running();
    const first = agents.execute(id, { type: 'held' });
    const second = agents.execute(id, { type: 'held' });
    await clock.advance(100);
    begun[0]!.done();
    await first;
    expect(agents.get(id).metrics.latencyMs).toEqual({ last: 100, mean: 100, max: 100 });
    await settled();
    await clock.advance(20);
    begun[1]!.done();
    await second;
    expect(agents.get(id).metrics.latencyMs).toEqual({ last: 120, mean: 110, max: 120 });
    await agents.execute(id, { type: 'note' });
    expect(agents.get(id).metrics.latencyMs).toEqual({ last: 0, mean: 220 / 3, max: 120 });
    expect(eventsOf('task.completed')).toMatchObject([
      { waitedMs: 0, ranMs: 100 },
      { waitedMs: 100, ranMs: 20 },
      { waitedMs: 0, ranMs: 0 },
    ]);
  });

  it('of one moment stay as they were', async () => {
    const { agents, id } = await running();
    void awaited(agents.execute(id, { type: 'held' }));
    await settled();
    const before = agents.get(id);
    await agents.kill(id);
    expect(before).toMatchObject({ status: 'running', abandoned: [], metrics: { running: 1, abandoned: 0 } });
  });
});

function controllerOf() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** The fields of an event, at any depth, that are times, with their values. */
function timesIn(value: unknown): [string, number][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, field]: [string, unknown]) =>
    typeof field === 'number' && /(^at|At|until)$/.test(key)
      ? ([[key, field]] as [string, number][])
      : timesIn(field),
  );
}

describe('on a clock that counts parts of a ms', () => {
  it('all times that events and records tell are whole', async () => {
    const wall = simulatedClock();
    let parts = 0;
    const { system, agents, clock, events } = await rig({
      clock: { ...wall, elapsed: () => wall.now() + (parts += 0.001) },
    });
    const open: (() => void)[] = [];
    let refused = 0;
    const module = defineAgent({
      type: 'worker',
      init: () => ({}),
      tasks: {
        held: { run: () => new Promise<void>((resolve) => open.push(resolve)) },
        ask: { run: ({ ask }) => ask({ question: 'go on?', deadlineMs: 2_000.5 }) },
        limited: {
          run: ({ park }) => {
            if (refused++ === 0) park({ afterMs: 10.5, why: 'busy' });
          },
        },
      },
    });
    await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module, tasks: { concurrency: 1 } } });
    for (let given = 0; given < 3; given++) {
      await system.tasks.submit({ pool: 'p' }, { type: 'held', timeoutMs: 10_000 });
      await settled();
    }
    await clock.advance(10);
    while (open.length > 0) {
      open.splice(0).forEach((resolve) => resolve());
      await settled();
    }
    await agents.register({ id: 'ada', module, tasks: { concurrency: 3 } });
    await agents.start('ada');
    await system.tasks.submit('ada', { type: 'ask', timeoutMs: 5_000 });
    await system.tasks.submit('ada', { type: 'held', delayMs: 100 / 3 });
    await settled();
    await system.tasks.submit('ada', { type: 'limited' });
    await settled();
    const times = [events, system.tasks.list(), system.questions.list(), agents.list()].flatMap(timesIn);
    const told = new Set(times.map(([key]) => key));
    for (const key of ['at', 'deadlineAt', 'dueAt', 'askedAt', 'until']) expect(told).toContain(key);
    expect(times.filter(([, time]) => !Number.isInteger(time))).toEqual([]);
  });
});

it('what a task calls has the ms that are left of its own time, in whole ones', async () => {
  const { agents, clock, eventsOf } = await rig();
  const asks = gate();
  const { module } = worker();
  const caller = defineAgent({
    type: 'caller',
    init: () => ({}),
    tasks: {
      call: {
        run: async ({ agents: others }) => {
          await asks.promise;
          return others.execute('callee', { type: 'held', idempotencyKey: 'k' });
        },
      },
    },
  });
  for (const [id, given] of Object.entries({ callee: module, caller })) {
    await agents.register({ id, module: given });
    await agents.start(id);
  }
  const called = awaited(agents.execute('caller', { type: 'call', timeoutMs: 2_000 }));
  await clock.advance(765.433);
  asks.resolve();
  await settled();
  expect(
    eventsOf('task.accepted')
      .map(({ timeoutMs }) => timeoutMs)
      .at(-1),
  ).toBe(1_235);
  await clock.advance(1_234.567);
  expect((await refusal(called)).message).toContain(
    'task call of agent caller was still running after 2000 ms',
  );
});
