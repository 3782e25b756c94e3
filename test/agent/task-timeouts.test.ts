/** The `timeoutMs` of a kind of task: for tasks whose caller gives none. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { settled } from '../../src/testing/index.ts';
import { refusal, rig } from '../kit/rig.ts';

const module = defineAgent({
  type: 'sleeper',
  init: () => ({}),
  tasks: {
    sleep: {
      timeoutMs: 100,
      run: ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
    },
    never: { timeoutMs: Infinity, run: () => undefined },
  },
});

describe('the timeoutMs of a kind of task', () => {
  it.each([
    ['none', undefined, 100],
    ['a shorter one', 40, 40],
    ['a longer one', 250, 250],
  ])('with a caller that gives %s (%s): it times out after %s ms', async (_, timeoutMs, afterMs) => {
    const { agents, clock, eventsOf } = await rig();
    const id = await agents.register({ module });
    await agents.start(id);
    const asked = refusal(agents.execute(id, { type: 'sleep', ...(timeoutMs ? { timeoutMs } : {}) }));
    await settled();
    await clock.advance(afterMs - 1);
    expect(eventsOf('task.timed_out')).toEqual([]);
    await clock.advance(1);
    expect(await asked).toMatchObject({ code: 'TASK_TIMED_OUT' });
    expect(eventsOf('task.timed_out')).toMatchObject([{ timeoutMs: afterMs }]);
  });

  it('holds in a pool from the time that the task is given to it, and for what is submitted', async () => {
    const { system, clock } = await rig();
    await system.pools.create({ name: 'sleepers', spec: { module }, min: 1, max: 1 });
    const given = { type: 'sleep' } as const;
    const asked = [1, 2].map(() => refusal(system.pools.execute('sleepers', given)));
    await settled();
    await clock.advance(100);
    for (const { code } of await Promise.all(asked)) expect(code).toBe('TASK_TIMED_OUT');
    const { id } = await system.tasks.submit({ pool: 'sleepers' }, given);
    await settled();
    await clock.advance(100);
    expect(system.tasks.get(id).status).toBe('timed_out');
  });

  it('is in the manifest, unless it is without end', () => {
    expect(manifestOf(module).tasks).toMatchObject({
      sleep: { requires: [], retry: false, timeoutMs: 100 },
      never: { requires: [], retry: false },
    });
    expect(manifestOf(module).tasks['never']).not.toHaveProperty('timeoutMs');
  });

  it.each([-1, Number.NaN, '100'])('is refused where it is %s', async (timeoutMs) => {
    const tasks = { go: { timeoutMs: timeoutMs as number, run: () => 1 } };
    const error = await refusal(() => defineAgent({ type: 'wrong', init: () => ({}), tasks }));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toMatch(/timeoutMs.*milliseconds/);
  });
});

describe('a schema that never answers', () => {
  const mute = {
    '~standard': { version: 1 as const, vendor: 'test', validate: () => new Promise<never>(() => {}) },
  };
  const judged = defineAgent({
    type: 'judged',
    init: () => ({ n: 0 }),
    tasks: {
      input: { input: mute, timeoutMs: 100, run: () => undefined },
      output: { output: mute, timeoutMs: 100, run: () => undefined as never },
      chunk: { chunk: mute, timeoutMs: 100, run: ({ emit }) => emit(1) },
      answer: { timeoutMs: 100, run: ({ ask }) => ask({ question: 'yes?', schema: mute, countsTime: true }) },
      attempt: {
        input: mute,
        retry: { attempts: 2, backoff: { delayMs: 1, maxDelayMs: 1 }, attemptTimeoutMs: 100 },
        run: () => undefined,
      },
      add: { run: ({ state }) => (state.n += 1) },
    },
  });

  it.each(['input', 'output', 'chunk', 'answer', 'attempt'] as const)(
    'of its %s holds no place of its agent once the task is over, nor keeps its state from being saved',
    async (type) => {
      const { system, agents, clock } = await rig();
      const id = await agents.register({ module: judged });
      await agents.start(id);
      const asked = refusal(agents.execute(id, { type }));
      await settled();
      for (const { id: question } of system.questions.list())
        void system.questions.answer(question, 'yes', { by: 'ann' });
      for (let turn = 0; turn < 3; turn += 1) {
        await clock.advance(100);
        await settled();
      }
      expect((await asked).code).toBe('TASK_TIMED_OUT');
      expect(await agents.execute(id, { type: 'add' })).toBe(1);
      expect(await agents.savedState(id)).toEqual({ n: 1 });
    },
  );

  it('of a chunk that its task does not wait for refuses that to nobody once the task is over', async () => {
    const rejected: unknown[] = [];
    const note = (why: unknown) => rejected.push(why);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const eager = defineAgent({
      type: 'eager',
      init: () => ({}),
      tasks: {
        tell: {
          chunk: mute,
          timeoutMs: 100,
          run: ({ emit, signal }) => {
            void emit(1);
            return new Promise<never>((_, reject) =>
              signal.addEventListener('abort', () => reject(signal.reason as Error)),
            );
          },
        },
      },
    });
    const { agents, clock } = await rig();
    const id = await agents.register({ module: eager });
    await agents.start(id);
    const asked = refusal(agents.execute(id, { type: 'tell' }));
    await settled();
    await clock.advance(100);
    expect((await asked).code).toBe('TASK_TIMED_OUT');
    await settled();
    expect(rejected).toEqual([]);
  });
});
