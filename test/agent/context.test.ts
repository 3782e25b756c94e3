import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { defineAgent, type TaskContext } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { codeOf, gate, rig } from '../kit/rig.ts';

async function doing<Output>(run: (context: TaskContext<{ n: number }, unknown>) => Output) {
  const made = await rig();
  const module = defineAgent({ type: 'doing', init: () => ({ n: 1 }), tasks: { go: { run } } });
  const id = await made.agents.register({ module });
  await made.agents.start(id);
  return { ...made, go: (input?: unknown) => made.agents.execute(id, { type: 'go', input }) };
}

describe('what a task is given', () => {
  it('can be taken apart and put together again', async () => {
    const { go } = await doing(({ input, ...rest }) => {
      const context = { ...rest, extra: input };
      context.progress(1);
      return { keys: Object.keys(context).toSorted(), n: context.state.n, isAborted: context.signal.aborted };
    });
    expect(await go('more')).toEqual({
      keys: [
        'agents',
        'ask',
        'attempt',
        'budget',
        'complete',
        'emit',
        'extra',
        'log',
        'park',
        'progress',
        'repeated',
        'resources',
        'signal',
        'state',
        'step',
        'steps',
        'taskId',
        'transfer',
        'variables',
      ],
      n: 1,
      isAborted: false,
    });
  });

  it('has one signal, however often it is asked for', async () => {
    const { go } = await doing((context) => context.signal === context.signal);
    expect(await go()).toBe(true);
  });
});

describe('the asynchronous context of a task', () => {
  it('is its caller’s, also when it had to wait for another caller’s task', async () => {
    const callers = new AsyncLocalStorage<string>();
    const first = gate();
    const { go } = await doing(async ({ input }) => {
      if (input === 'ada') await first.promise;
      return callers.getStore();
    });
    const names = ['ada', 'alan', 'grace'];
    const asked = names.map((name) => callers.run(name, () => go(name)));
    await settled();
    first.resolve();
    expect(await Promise.all(asked)).toEqual(names);
  });

  it('is its caller’s, also when it had to wait in the line of a pool', async () => {
    const callers = new AsyncLocalStorage<string>();
    const first = gate();
    const { system } = await rig();
    const module = defineAgent({
      type: 'member',
      init: () => ({}),
      tasks: {
        go: {
          run: async ({ input }) => {
            if (input === 'ada') await first.promise;
            return callers.getStore();
          },
        },
      },
    });
    await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module } });
    const names = ['ada', 'alan', 'grace'];
    const asked = names.map((name) =>
      callers.run(name, () => system.pools.execute('p', { type: 'go', input: name })),
    );
    await settled();
    first.resolve();
    expect(await Promise.all(asked)).toEqual(names);
  });
});

describe('a state that JSON would not give back', () => {
  const kept = {
    'a Map': [{ seen: new Map() }, 'got a Map at state.seen'],
    'a Set in a list': [{ deep: [{ seen: new Set() }] }, 'got a Set at state.deep[0].seen'],
    'weights in a typed array': [new Float32Array(2), 'got a Float32Array at state'],
    Infinity: [{ best: { loss: Infinity } }, 'got Infinity at state.best.loss'],
    'not a number': [[Number.NaN], 'got NaN at state[0]'],
    'an error': [{ last: new Error('x') }, 'got a Error at state.last'],
    'a promise': [{ pending: Promise.resolve() }, 'got a Promise at state.pending'],
  } as const;

  it.each(Object.entries(kept))('is refused by name: %s', async (_, [state, problem]) => {
    const { agents } = await rig();
    const module = defineAgent({ type: 'lossy', init: () => state, tasks: { go: { run: () => 1 } } });
    const id = await agents.register({ module });
    await agents.start(id);
    await expect(agents.execute(id, { type: 'go' })).rejects.toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining(problem),
    });
  });

  it('is kept when it says itself what it is in JSON, or is an instance with fields', async () => {
    class Model {
      readonly weights = [1, 2];
      readonly at = new Date(0);
    }
    const { agents } = await rig();
    const module = defineAgent({ type: 'kept', init: () => new Model(), tasks: { go: { run: () => 1 } } });
    const id = await agents.register({ module });
    await agents.start(id);
    await agents.execute(id, { type: 'go' });
    expect(await agents.savedState(id)).toEqual({ weights: [1, 2], at: '1970-01-01T00:00:00.000Z' });
  });

  it('of an asynchronous save is refused, and what that promise says is not left unheard', async () => {
    const { agents } = await rig();
    const module = defineAgent({
      type: 'late',
      init: () => ({}),
      save: () => Promise.reject(new Error('nobody hears this')),
      tasks: { go: { run: () => 1 } },
    });
    const id = await agents.register({ module });
    await agents.start(id);
    expect(await codeOf(agents.execute(id, { type: 'go' }))).toBe('TASK_FAILED');
  });
});
