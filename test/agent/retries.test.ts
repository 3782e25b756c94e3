/** Laws of further attempts: of a kind whose definition says so, or of a task that was submitted with them. */
import { describe, expect, it } from 'vitest';
import { createAgentSystem, defineAgent } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { disks, livesOf } from '../fleet/program.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig, silent } from '../kit/rig.ts';

const backoff = { delayMs: 100, factor: 2, maxDelayMs: 150, jitter: 0 };

/** What was begun, in order, and how to end it. */
interface Begun {
  readonly attempt: number;
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly done: (output: unknown) => void;
  readonly fail: (error: unknown) => void;
}

function worker(
  retry: { readonly when?: (error: unknown) => boolean; readonly attemptTimeoutMs?: number } = {},
) {
  const begun: Begun[] = [];
  const module = defineAgent({
    type: 'worker',
    init: ({ restored }): { n: number } => (restored as { n: number } | undefined) ?? { n: 0 },
    tasks: {
      work: {
        retry: { attempts: 3, backoff, ...retry },
        run: async ({ attempt, input, signal, state }) => {
          state.n += 1;
          const { promise, resolve, reject } = gate<unknown>();
          begun.push({ attempt, input, signal, done: resolve, fail: reject });
          const output = await promise;
          (input as { spoilt?: boolean }).spoilt = true;
          return output ?? state.n;
        },
      },
      once: {
        run: async ({ attempt, input, signal }) => {
          const { promise, resolve, reject } = gate<unknown>();
          begun.push({ attempt, input, signal, done: resolve, fail: reject });
          return promise;
        },
      },
    },
  });
  return { module, begun };
}

async function started(retry: Parameters<typeof worker>[0] = {}, spec: object = {}) {
  const subject = worker(retry);
  const made = await rig();
  await made.agents.register({ id: 'ada', module: subject.module, ...spec });
  await made.agents.start('ada');
  return { ...made, ...subject, tasks: made.system.tasks };
}

const failing = async (begun: readonly Begun[], message = 'no luck') => {
  await settled();
  begun.at(-1)!.fail(new Error(message));
  await settled();
};

describe('a task that fails and has an attempt left', () => {
  it('waits for its backoff, to the millisecond, and is done when an attempt is', async () => {
    const { tasks, begun, clock, eventsOf } = await started();
    const { id } = await tasks.submit('ada', { type: 'work', input: {} });
    await failing(begun, 'first');
    expect(tasks.get(id)).toMatchObject({
      status: 'waiting',
      attempts: 1,
      dueAt: clock.now() + 100,
      error: { message: 'first' },
    });
    await clock.advance(99);
    expect(begun).toHaveLength(1);
    await clock.advance(1);
    expect(tasks.get(id)).toMatchObject({ status: 'running', attempts: 2 });
    expect(tasks.get(id)).not.toHaveProperty('dueAt');
    await failing(begun);
    await clock.advance(149);
    expect(begun).toHaveLength(2);
    await clock.advance(1);
    begun[2]!.done('ok');
    expect(await tasks.result(id)).toBe('ok');
    expect(begun.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(eventsOf('task.started').map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(eventsOf('task.retry_scheduled')).toMatchObject([
      { attempt: 1, code: 'TASK_FAILED', delayMs: 100, error: { message: 'first' } },
      { attempt: 2, delayMs: 150 },
    ]);
    expect(tasks.get(id)).toMatchObject({ status: 'done', attempts: 3 });
    expect(tasks.get(id)).not.toHaveProperty('error');
  });

  it('fails with its last error once they are used up, and says which attempt that was', async () => {
    const { agents, tasks, begun, clock, eventsOf } = await started();
    const asked = awaited(agents.execute('ada', { type: 'work', input: {} }));
    for (const message of ['first', 'second', 'third']) {
      await settled();
      await failing(begun, message);
      await clock.advance(150);
    }
    const error = await refusal(asked);
    expect(error).toMatchObject({ code: 'TASK_FAILED', details: { attempt: 3 } });
    expect(error.message).toContain('attempt 3');
    expect((error.cause as Error).message).toBe('third');
    expect(eventsOf('task.failed')).toMatchObject([{ attempt: 3 }]);
    expect(begun).toHaveLength(3);
    expect(agents.get('ada').metrics).toMatchObject({ failed: 1, done: 0, waiting: 0, running: 0 });
    expect(tasks.list({ status: 'failed' })).toHaveLength(1);
  });

  it('is given the same input, and the state as it was, at each', async () => {
    const { agents, begun, clock } = await started();
    const asked = agents.execute('ada', { type: 'work', input: { deep: [1] } });
    await settled();
    (begun[0]!.input as { deep: number[] }).deep.push(2);
    await failing(begun);
    await clock.advance(100);
    expect(begun[1]!.input).toEqual({ deep: [1] });
    begun[1]!.done(undefined);
    expect(await asked).toBe(1);
  });

  it('keeps its agent free for others meanwhile, and neither busy nor alive', async () => {
    const { agents, begun, clock } = await started();
    const asked = awaited(agents.execute('ada', { type: 'work', input: {} }));
    await settled();
    await failing(begun);
    expect(agents.get('ada').state).toMatch(/idle$/);
    const other = agents.execute('ada', { type: 'once' });
    await settled();
    begun[1]!.done('meanwhile');
    expect(await other).toBe('meanwhile');
    // A stop does not wait for it: it has failed then.
    const stopped = agents.stop('ada');
    expect(await stopped).toMatchObject({ status: 'stopped' });
    const error = await refusal(asked);
    expect(error).toMatchObject({ code: 'TASK_FAILED', details: { attempt: 1 } });
    await clock.advance(1_000);
    expect(begun).toHaveLength(2);
  });

  it('goes on when its agent is started again, where it was submitted', async () => {
    const { agents, tasks, begun, clock } = await started();
    const { id } = await tasks.submit('ada', { type: 'work', input: {} });
    await failing(begun);
    await agents.stop('ada');
    expect(tasks.get(id)).toMatchObject({ status: 'waiting', attempts: 1 });
    await clock.advance(1_000);
    expect(begun).toHaveLength(1);
    await agents.start('ada');
    await settled();
    begun[1]!.done('late');
    expect(await tasks.result(id)).toBe('late');
    expect(begun[1]!.attempt).toBe(2);
  });

  it('goes on in the next life where its time has come while its agent finished what ran', async () => {
    const { agents, tasks, begun, clock } = await started({}, { tasks: { concurrency: 2 } });
    const { id } = await tasks.submit('ada', { type: 'work', input: {} });
    await failing(begun);
    const other = await tasks.submit('ada', { type: 'once' });
    const stopped = agents.stop('ada', { timeoutMs: 1_000 });
    await clock.advance(100);
    expect(begun).toHaveLength(2);
    begun[1]!.done('finished');
    await stopped;
    expect(await tasks.result(other.id)).toBe('finished');
    await agents.start('ada');
    await settled();
    expect(begun[2]).toMatchObject({ attempt: 2 });
    begun[2]!.done('late');
    expect(await tasks.result(id)).toBe('late');
  });

  it('can be cancelled while it waits: nothing is begun any more', async () => {
    const { tasks, begun, clock } = await started();
    const { id } = await tasks.submit('ada', { type: 'work', input: {} });
    await failing(begun);
    const dueAt = clock.now() + 100;
    expect(clock.pending()).toContainEqual({ dueAt });
    expect(await tasks.cancel(id)).toMatchObject({ status: 'cancelled' });
    expect(clock.pending()).not.toContainEqual({ dueAt });
    await clock.advance(1_000);
    expect(begun).toHaveLength(1);
  });

  it('is asked for once more by a retry: with all of its attempts, counted on', async () => {
    const { tasks, begun, clock } = await started();
    const { id } = await tasks.submit('ada', { type: 'work', input: {} });
    for (let n = 0; n < 3; n++) {
      await failing(begun);
      await clock.advance(150);
    }
    expect(tasks.get(id)).toMatchObject({ status: 'failed', attempts: 3 });
    await tasks.retry(id);
    await settled();
    for (let n = 0; n < 3; n++) {
      await failing(begun);
      await clock.advance(150);
    }
    expect(begun.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(tasks.get(id)).toMatchObject({ status: 'failed', attempts: 6 });
  });

  it('may be submitted with attempts of its own', async () => {
    const { tasks, begun, clock } = await started();
    const retry = { attempts: 2, backoff: { delayMs: 7, jitter: 0 } };
    const one = await tasks.submit('ada', { type: 'once', retry });
    await failing(begun);
    await clock.advance(7);
    begun[1]!.done('twice');
    expect(await tasks.result(one.id)).toBe('twice');
    const other = await tasks.submit('ada', { type: 'work', input: {}, retry: { attempts: 1 } });
    await failing(begun);
    expect(tasks.get(other.id)).toMatchObject({ status: 'failed', attempts: 1 });
  });
});

describe('retry.when', () => {
  it('is asked of what was thrown, itself; a no fails the task at once', async () => {
    const asked: unknown[] = [];
    const { agents, begun } = await started({
      when: (error) => {
        asked.push(error);
        return false;
      },
    });
    const work = awaited(agents.execute('ada', { type: 'work', input: {} }));
    await settled();
    const thrown = Object.assign(new Error('bad request'), { status: 400 });
    begun[0]!.fail(thrown);
    expect(await refusal(work)).toMatchObject({ code: 'TASK_FAILED', details: { attempt: 1 } });
    expect(asked).toEqual([thrown]);
    expect(asked[0]).toBe(thrown);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('itself');
      },
    ],
    ['gives a promise', () => Promise.resolve(true)],
    ['gives no boolean', () => 1],
  ])('that %s is a no', async (_, when) => {
    const { agents, begun } = await started({ when: when as never });
    const work = awaited(agents.execute('ada', { type: 'work', input: {} }));
    await settled();
    await failing(begun);
    expect(await codeOf(work)).toBe('TASK_FAILED');
    expect(agents.get('ada').status).toBe('running');
  });

  it.each(['in-process', 'thread', 'process'] as const)(
    'runs where the agent lives: %s',
    async (isolation) => {
      await using system = await createAgentSystem({ logger: silent });
      const module = new URL('../fixtures/agents/retrying.ts', import.meta.url);
      const id = await system.agents.register({ module, isolation });
      await system.agents.start(id);
      expect(await system.agents.execute(id, { type: 'try', input: { failures: 3 } })).toBe(4);
      const error = await refusal(
        system.agents.execute(id, { type: 'try', input: { failures: 4, status: 400 } }),
      );
      expect(error).toMatchObject({ code: 'TASK_FAILED', details: { attempt: 1 }, cause: { status: 400 } });
      expect(await system.agents.execute(id, { type: 'hang' })).toBeGreaterThanOrEqual(3);
    },
  );
});

describe('attemptTimeoutMs', () => {
  it('ends an attempt by its signal, and the next one begins after its work has settled', async () => {
    const { agents, begun, clock, eventsOf } = await started({ attemptTimeoutMs: 50 });
    const work = awaited(agents.execute('ada', { type: 'work', input: {} }));
    await settled();
    await clock.advance(49);
    expect(begun[0]!.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(begun[0]!.signal.reason).toMatchObject({ name: 'TimeoutError' });
    await clock.advance(1_000);
    expect(begun).toHaveLength(1);
    // What it gives now is too late.
    begun[0]!.done('late');
    await settled();
    expect(eventsOf('task.retry_scheduled')).toMatchObject([{ attempt: 1, code: 'TASK_TIMED_OUT' }]);
    await clock.advance(100);
    begun[1]!.done(undefined);
    // Of the state that the late one made nothing is left.
    expect(await work).toBe(1);
  });

  it('stands still while the attempt waits for a person, and begins anew with the answer', async () => {
    const { agents, clock, system, eventsOf } = await rig();
    const signals: AbortSignal[] = [];
    const module = defineAgent({
      type: 'asking',
      init: () => ({}),
      tasks: {
        ask: {
          retry: { attempts: 3, attemptTimeoutMs: 50 },
          run: async ({ ask, signal }) => {
            await ask({ question: 'now?' });
            signals.push(signal);
            return await new Promise(() => {});
          },
        },
      },
    });
    await agents.register({ id: 'ada', module });
    await agents.start('ada');
    void awaited(agents.execute('ada', { type: 'ask' }));
    await clock.advance(49);
    await clock.advance(100_000);
    expect(eventsOf('task.retry_scheduled')).toEqual([]);
    await system.questions.answer(system.questions.list()[0]!.id, 'yes');
    await clock.advance(49);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await clock.advance(1);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('times the task out at the last attempt, at once', async () => {
    const { agents, begun, clock, eventsOf } = await started({ attemptTimeoutMs: 50 });
    const work = awaited(agents.execute('ada', { type: 'work', input: {} }));
    for (let n = 0; n < 2; n++) {
      await settled();
      await clock.advance(50);
      await failing(begun, 'obeyed');
      await clock.advance(150);
    }
    await clock.advance(50);
    expect(begun).toHaveLength(3);
    expect(await refusal(work)).toMatchObject({ code: 'TASK_TIMED_OUT', details: { attempt: 3 } });
    expect(eventsOf('task.timed_out')).toMatchObject([{ attempt: 3, timeoutMs: 50 }]);
    // It holds its place until its work settles.
    const other = awaited(agents.execute('ada', { type: 'once' }));
    expect(await fateOf(other)).toBe('pending');
    begun[2]!.fail(new Error('obeyed at last'));
    await settled();
    expect(begun).toHaveLength(4);
    begun[3]!.done(1);
    await other;
  });

  it('is worth no other attempt where `when` says so', async () => {
    const { agents, begun, clock, eventsOf } = await started({
      attemptTimeoutMs: 50,
      when: (error) => (error as Error).name !== 'TimeoutError',
    });
    const work = awaited(agents.execute('ada', { type: 'work', input: {} }));
    await settled();
    await clock.advance(50);
    await failing(begun, 'obeyed');
    expect(await refusal(work)).toMatchObject({ code: 'TASK_TIMED_OUT', details: { attempt: 1 } });
    expect(eventsOf('task.timed_out')).toMatchObject([{ attempt: 1, timeoutMs: 50 }]);
    expect(eventsOf('task.failed')).toEqual([]);
  });
});

describe('timeoutMs of a task with attempts', () => {
  it('is over all of them, and the waits between', async () => {
    const { agents, begun, clock } = await started();
    const work = awaited(agents.execute('ada', { type: 'work', input: {}, timeoutMs: 180 }));
    await settled();
    await failing(begun);
    await clock.advance(100);
    expect(begun).toHaveLength(2);
    await clock.advance(79);
    expect(await fateOf(work)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(work)).toBe('TASK_TIMED_OUT');
    begun[1]!.fail(new Error('obeyed'));
  });

  it.each([
    [100, 'TASK_FAILED'],
    [101, 'pending'],
  ])('of %s ms, where the next attempt would be due after 100: the task is %s', async (timeoutMs, fate) => {
    const { agents, begun } = await started();
    const work = awaited(agents.execute('ada', { type: 'work', input: {}, timeoutMs }));
    await settled();
    await failing(begun);
    expect(await fateOf(work)).toBe(fate);
  });
});

describe('an agent that ends during an attempt', () => {
  it('has it do the next one when it is back, as long as one is left', async () => {
    const { agents, tasks, begun, clock, eventsOf } = await started(
      {},
      { restart: { policy: 'immediate', delayMs: 10 } },
    );
    const { id } = await tasks.submit('ada', { type: 'work', input: {} });
    for (const attempt of [1, 2]) {
      await agents.kill('ada');
      expect(tasks.get(id)).toMatchObject({ status: 'waiting', attempts: attempt });
      await clock.advance(150);
    }
    expect(eventsOf('task.retry_scheduled').map(({ code }) => code)).toEqual([
      'TASK_ABANDONED',
      'TASK_ABANDONED',
    ]);
    await agents.kill('ada');
    expect(tasks.get(id)).toMatchObject({ status: 'abandoned', attempts: 3 });
    expect(agents.get('ada').abandoned).toEqual([id]);
    await clock.advance(1_000);
    expect(begun).toHaveLength(3);
  });

  it('that was asked to stop, too: its work is told to end, and what it gives then does not count', async () => {
    const { agents, tasks, begun, clock } = await started();
    const { id } = await tasks.submit('ada', { type: 'work', input: {} });
    const stopped = agents.stop('ada', { timeoutMs: 1_000 });
    await clock.advance(999);
    expect(begun[0]!.signal.aborted).toBe(true);
    begun[0]!.done('too late');
    await settled();
    await clock.advance(1);
    await stopped;
    expect(tasks.get(id)).toMatchObject({ status: 'waiting', attempts: 1 });
    await agents.start('ada');
    await clock.advance(1_000);
    begun[1]!.done(undefined);
    expect(await tasks.result(id)).toBe(1);
  });

  it('because its task threw, does it again when it is back', async () => {
    let calls = 0;
    const module = defineAgent({
      type: 'fragile',
      onTaskError: 'crash',
      init: () => ({}),
      tasks: {
        work: {
          retry: { attempts: 2, backoff: { delayMs: 5, jitter: 0 } },
          run: () => {
            calls += 1;
            if (calls === 1) throw new Error('down with it');
            return calls;
          },
        },
      },
    });
    const { system, clock } = await rig();
    await system.agents.register({ id: 'eve', module, restart: { policy: 'immediate', delayMs: 10 } });
    await system.agents.start('eve');
    const { id } = await system.tasks.submit('eve', { type: 'work' });
    await settled();
    expect(system.agents.get('eve').status).toBe('crashed');
    await clock.advance(10);
    expect(await system.tasks.result(id)).toBe(2);
  });
});

describe.each(disks)('over the end of a program, on a %s', (kind) => {
  const lives = () => livesOf(kind, worker());

  it.each([
    [0, 100],
    [40, 60],
    [500, 0],
  ])(
    'a task that waits for its next attempt goes on waiting, %s ms later for what is left: %s',
    async (downMs, leftMs) => {
      const { begun, boot, first } = await lives();
      const { id } = await first.system.tasks.submit('ada', { type: 'work', input: {} });
      await failing(begun);
      const before = first.system.tasks.get(id);
      const second = await boot(downMs);
      expect(second.system.tasks.get(id)).toEqual(before);
      await second.clock.advance(leftMs === 0 ? 0 : leftMs - 1);
      if (leftMs > 0) {
        expect(begun).toHaveLength(1);
        await second.clock.advance(1);
      }
      await settled();
      expect(begun.map(({ attempt }) => attempt)).toEqual([1, 2]);
      begun[1]!.done('ok');
      expect(await second.system.tasks.result(id)).toBe('ok');
      expect(second.system.tasks.get(id).attempts).toBe(2);
    },
  );

  it('waits no longer than it was given, where the wall clock was put back', async () => {
    const { begun, boot, first } = await lives();
    await first.system.tasks.submit('ada', { type: 'work', input: {} });
    await failing(begun);
    const second = await boot(-1_000_000);
    await second.clock.advance(100);
    expect(begun).toHaveLength(2);
  });

  it('an attempt that was under way counts: after the last one its task is unknown', async () => {
    const { begun, boot, first } = await lives();
    const { id } = await first.system.tasks.submit('ada', { type: 'work', input: {} });
    for (const attempts of [1, 2]) {
      await settled();
      const next = await boot();
      await next.clock.advance(0);
      await settled();
      expect(next.system.tasks.get(id)).toMatchObject({ status: 'running', attempts: attempts + 1 });
    }
    const last = await boot();
    await last.clock.advance(0);
    expect(last.system.tasks.get(id)).toMatchObject({ status: 'unknown', attempts: 3 });
    expect(begun).toHaveLength(3);
  });

  it('one that hangs again times out when the first would have', async () => {
    const { begun, boot, first } = await lives();
    const { id } = await first.system.tasks.submit('ada', { type: 'work', input: {}, timeoutMs: 1_000 });
    await settled();
    await first.clock.advance(300);
    const second = await boot(200);
    await second.clock.advance(499);
    expect(begun).toHaveLength(2);
    expect(second.system.tasks.get(id).status).toBe('running');
    await second.clock.advance(1);
    expect(second.system.tasks.get(id).status).toBe('timed_out');
    expect(second.system.tasks.get(id).endedAt).toBe(first.clock.now() + 700);
  });

  it('one whose time was over before is timed out, whether its agent runs or not', async () => {
    const { begun, boot, first } = await lives();
    await first.agents.stop('ada');
    const { id } = await first.system.tasks.submit('ada', { type: 'work', input: {}, timeoutMs: 100 });
    const second = await boot(100);
    expect(second.agents.get('ada').status).toBe('stopped');
    await second.clock.advance(0);
    await settled();
    expect(second.system.tasks.get(id).status).toBe('timed_out');
    await second.agents.start('ada');
    expect(begun).toEqual([]);
  });

  it('attempts that it was submitted with are kept', async () => {
    const { begun, boot, first } = await lives();
    const retry = { attempts: 5, backoff: { delayMs: 20, jitter: 0 } };
    const { id } = await first.system.tasks.submit('ada', { type: 'once', retry });
    await failing(begun);
    const second = await boot();
    await second.clock.advance(20);
    await failing(begun);
    expect(second.system.tasks.get(id)).toMatchObject({
      status: 'waiting',
      attempts: 2,
      dueAt: second.clock.now() + 40,
    });
  });
});

it.each([
  ['no attempts', {}],
  ['none at all', { attempts: 0 }],
  ['a delay that never ends', { attempts: 2, backoff: { delayMs: Infinity } }],
  ['a factor below 1', { attempts: 2, backoff: { factor: 0.5 } }],
  ['more chance than there is', { attempts: 2, backoff: { jitter: 1.5 } }],
  ['an option that there is not', { attempts: 2, until: 'done' }],
  ['another word', 'always'],
])('a kind of task with %s is refused, and so is a task', async (_, retry) => {
  const tasks = { go: { retry: retry as never, run: () => 1 } };
  const error = await refusal(() => defineAgent({ type: 'wrong', init: () => ({}), tasks }));
  expect(error).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
  expect(error.message).toContain('retry');
  const { tasks: submitted } = await started();
  expect(await codeOf(submitted.submit('ada', { type: 'once', retry: retry as never }))).toBe(
    'TASK_INPUT_INVALID',
  );
});
