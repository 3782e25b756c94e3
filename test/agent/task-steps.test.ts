/** Laws of what tasks keep on their way: done once, kept before it is used, given back, and gone with the task. */
import { describe, expect, test } from 'vitest';
import { defineAgent, memoryStore, type Store, type TaskContext } from '../../src/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { disks, diskOf } from '../fleet/program.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';

const one = (): number => 1;

type Context = TaskContext<unknown, unknown>;

/** An agent whose one task does what a test says. */
function worker(work: (context: Context) => unknown) {
  return defineAgent({
    type: 'worker',
    init: () => ({}),
    tasks: { work: { retry: 'on_host_loss', run: (context) => work(context) } },
  });
}

async function working(work: (context: Context) => unknown, options: Parameters<typeof rig>[0] = {}) {
  const made = await rig(options);
  await made.agents.register({ id: 'ada', module: worker(work) });
  await made.agents.start('ada');
  return { ...made, run: () => made.agents.execute('ada', { type: 'work' }) };
}

/** A store, and whose states it has. */
function watched(): { readonly store: Store; readonly kept: Set<string> } {
  const kept = new Set<string>();
  const inner = memoryStore();
  return {
    kept,
    store: {
      isDurable: false,
      recover: () => inner.recover(),
      append(batch) {
        for (const [owner, state] of batch.states ?? []) {
          if (state === null) kept.delete(owner);
          else kept.add(owner);
        }
        return inner.append(batch);
      },
      read: (query) => inner.read(query),
      state: (owner) => inner.state(owner),
      close: () => inner.close(),
    },
  };
}

/** Adds a line to a result. */
const grown = ({ lines }: { lines: string[] }) => lines.push('more');

describe('a step', () => {
  test('gives what its work gave, and is told in the stream before the task goes on', async () => {
    const seen: unknown[] = [];
    const { run, eventsOf } = await working(async ({ step }) => {
      const first = await step('first', () => ({ n: 1 }));
      seen.push(eventsOf('task.step').map(({ key }) => key));
      const second = await step('second', async () => first.n + 1);
      return [first, second, await step('third', () => undefined)];
    });
    expect(await run()).toEqual([{ n: 1 }, 2, undefined]);
    expect(seen).toEqual([['first']]);
    expect(eventsOf('task.step')).toMatchObject([
      { agentId: 'ada', incarnation: 1, task: 'work', key: 'first' },
      { key: 'second' },
      { key: 'third' },
    ]);
  });

  test('is done once in a run, however often and however soon it is asked for', async () => {
    let times = 0;
    const work = () => (times += 1);
    const { run } = await working(async ({ step }) => [
      ...(await Promise.all([step('a', work), step('a', work)])),
      await step('a', work),
    ]);
    expect(await run()).toEqual([1, 1, 1]);
    expect(await run()).toEqual([2, 2, 2]);
  });

  test('gives each caller a result of their own: what one does to it changes no other’s, in this run or a later one', async () => {
    const lengths: number[][] = [];
    const { system, agents, clock, run } = await working(async ({ step, steps, ask }) => {
      const draft = () => step('draft', () => ({ lines: ['one'] }));
      const each = (await Promise.all([draft(), draft()])).map(grown);
      each.push(grown(await draft()));
      for (const kept of steps.values()) each.push(grown(kept as { lines: string[] }));
      each.push(grown(await draft()));
      lengths.push(each);
      return ask({ question: 'is it good?' });
    });
    const output = awaited(run());
    while (system.questions.list().length === 0) await clock.advance(0);
    await agents.kill('ada');
    await clock.advance(60_000);
    while (lengths.length < 2) await clock.advance(0);
    await system.questions.answer(system.questions.list()[0]!.id, 'yes');
    await output;
    expect(lengths).toEqual([
      [2, 2, 2, 2],
      [2, 2, 2, 2, 2],
    ]);
  });

  test('whose work throws keeps nothing, and may be tried again', async () => {
    let times = 0;
    const work = (): number => {
      times += 1;
      if (times === 1) throw new RangeError('not yet');
      return times;
    };
    const { run, eventsOf } = await working(async ({ step }): Promise<unknown> => {
      const thrown: unknown = await step('a', work).catch((error: unknown) => error);
      return [(thrown as Error).name, await step('a', work)];
    });
    expect(await run()).toEqual(['RangeError', 2]);
    expect(eventsOf('task.step')).toHaveLength(1);
  });

  test.each([
    ['a function', () => () => 1, 'is a function'],
    ['an instance', () => new Map(), 'expected JSON data'],
    ['NaN', () => Number.NaN, 'expected JSON data'],
    ['a circle', () => circle(), 'expected JSON data'],
  ])('of %s is refused, and keeps nothing', async (_, work, said) => {
    const { run, eventsOf } = await working(({ step }) => step<unknown>('a', work));
    const error = await refusal(run());
    expect(error).toMatchObject({ code: 'TASK_FAILED', message: expect.stringContaining(said) });
    expect(error.cause).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(eventsOf('task.step')).toEqual([]);
  });

  test.each([
    ['', one],
    ['x'.repeat(513), one],
    [1, one],
    ['a', 1],
  ] as const)('of key %j and work %j is refused', async (key, work) => {
    const { run } = await working(({ step }) => step(key as string, work as typeof one));
    expect((await refusal(run())).cause).toMatchObject({ code: 'REQUEST_INVALID' });
  });

  test('that could not be made durable is refused with that', async () => {
    const store = failingStore();
    const refused: unknown[] = [];
    const { run } = await working(
      async ({ step }) => {
        store.trouble = 'throws';
        refused.push(await step('a', () => 1).catch((error: unknown) => (error as { code: string }).code));
      },
      { store },
    );
    expect(await fateOf(awaited(run()))).toBe('STORE_FAILED');
    expect(refused).toEqual(['STORE_FAILED']);
  });

  test('that a store refused is kept in its place when it is tried again, once that is back', async () => {
    const store = failingStore();
    const [recovered, done] = [gate(), gate()];
    const got: unknown[] = [];
    const { run, clock, system, eventsOf } = await working(
      async ({ step }) => {
        store.trouble = 'throws';
        got.push(await codeOf(step('a', () => 'refused')));
        store.trouble = undefined;
        await recovered.promise;
        got.push(await step('a', () => 'kept'), await step('b', () => 'next'));
        await done.promise;
      },
      { store },
    );
    system.events.subscribe(() => recovered.resolve(), { types: ['store.recovered'] });
    const output = run();
    await clock.advance(1_000);
    expect(got).toEqual(['STORE_FAILED', 'kept', 'next']);
    const { taskId } = eventsOf('task.step')[0]!;
    const kept = (place: number) => store.state(`step\u0000${taskId}\u0000${place}`);
    expect([await kept(0), await kept(1), await kept(2)]).toMatchObject([
      { json: '{"key":"a","value":"kept"}' },
      { json: '{"key":"b","value":"next"}' },
      undefined,
    ]);
    done.resolve();
    await output;
  });
});

const circle = () => {
  const round: { self?: unknown } = {};
  round.self = round;
  return round;
};

describe.each(disks)('a task that runs again in a second program on a %s', (kind) => {
  test('is given what it kept, in its order, and does that work no more; the rest it does', async () => {
    const disk = await diskOf(kind);
    const done: string[] = [];
    const found: unknown[] = [];
    const held = gate();
    const module = worker(async ({ step, steps }) => {
      found.push([...steps]);
      const results: unknown[] = [];
      for (const key of ['a', 'b', 'c']) {
        if (key === 'c' && found.length === 1) await held.promise;
        results.push(
          await step(key, () => {
            done.push(key);
            return { [key]: done.length };
          }),
        );
      }
      return results;
    });
    const first = await disk.boot({ agents: [module] });
    await first.agents.register({ id: 'ada', module });
    await first.agents.start('ada');
    const { id } = await first.system.tasks.submit('ada', { type: 'work' });
    await first.clock.advance(0);
    expect(done).toEqual(['a', 'b']);
    const second = await disk.boot({ agents: [module] });
    await second.clock.advance(0);
    expect(await second.system.tasks.result(id)).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }]);
    expect(done).toEqual(['a', 'b', 'c']);
    expect(found).toEqual([
      [],
      [
        ['a', { a: 1 }],
        ['b', { b: 2 }],
      ],
    ]);
    held.resolve();
  });
});

test('what a task kept goes with its end, however it ends', async () => {
  const { store, kept } = watched();
  const ends: Record<string, (context: Context) => unknown> = {
    done: () => 1,
    failed: () => {
      throw new Error('no');
    },
    hanging: () => new Promise(() => {}),
  };
  const { agents, system, clock } = await rig({ store });
  const module = defineAgent({
    type: 'worker',
    init: () => ({}),
    tasks: {
      work: {
        run: async (context) => {
          await context.step('a', () => 1);
          await context.step('b', () => 2);
          return ends[String(context.input)]!(context);
        },
      },
    },
  });
  await agents.register({ id: 'ada', module, restart: { policy: 'never' } });
  await agents.start('ada');
  const isKept = () => [...kept].filter((owner) => owner.startsWith('step')).length;
  await agents.execute('ada', { type: 'work', input: 'done' });
  await refusal(agents.execute('ada', { type: 'work', input: 'failed' }));
  await clock.advance(0);
  expect(isKept()).toBe(0);
  const late = awaited(agents.execute('ada', { type: 'work', input: 'hanging', timeoutMs: 5 }));
  await clock.advance(0);
  expect(isKept()).toBe(2);
  await clock.advance(5);
  expect(await fateOf(late)).toBe('TASK_TIMED_OUT');
  const { id } = await system.tasks.submit('ada', { type: 'work', input: 'hanging' });
  await clock.advance(0);
  await system.tasks.cancel(id);
  const lost = awaited(agents.execute('ada', { type: 'work', input: 'hanging' }));
  await clock.advance(0);
  await agents.kill('ada');
  expect(await fateOf(lost)).toBe('TASK_ABANDONED');
  await system.events.read()[Symbol.asyncIterator]().next();
  expect(isKept()).toBe(0);
});

describe('a question that a step asks', () => {
  test('is not the one that the task asks next, where it runs again and the step is kept', async () => {
    const { system, agents, clock, run } = await working(async ({ step, ask }) => {
      const first = await step('first', () => ask({ question: 'first?' }));
      return [first, await ask({ question: 'then?' })];
    });
    const asked = async () => {
      while (system.questions.list().length === 0) await clock.advance(0);
      return system.questions.list()[0]!;
    };
    const output = awaited(run());
    await system.questions.answer((await asked()).id, 'one');
    expect((await asked()).question).toBe('then?');
    await agents.kill('ada');
    await clock.advance(60_000);
    await system.questions.answer((await asked()).id, 'two');
    expect(await output).toEqual(['one', 'two']);
  });

  test('is another one in the next try of that step', async () => {
    const { system, clock, run } = await working(async ({ step, ask }) => {
      const confirmed = () =>
        step('confirm', async () => {
          const answer = await ask({ question: 'yes?' });
          if (answer !== 'yes') throw new Error('not yet');
          return answer;
        });
      return confirmed().catch(confirmed);
    });
    const output = awaited(run());
    for (const answer of ['no', 'yes']) {
      while (system.questions.list().length === 0) await clock.advance(0);
      await system.questions.answer(system.questions.list()[0]!.id, answer);
    }
    expect(await output).toBe('yes');
  });

  test('is numbered within that step, whatever goes on beside it', async () => {
    const { system, agents, clock, run } = await working(({ step, ask, agents: others }) =>
      Promise.all([
        ask({ question: 'before' }),
        step('both', () => Promise.all([ask({ question: 'in one' }), ask({ question: 'in two' })])),
        ask({ question: 'beside' }),
        step('outer', () => step('inner', () => ask({ question: 'in the inner' }))),
        step('calls', () => others.execute('bob', { type: 'work' })),
      ]),
    );
    await agents.register({ id: 'bob', module: worker(({ ask }) => ask({ question: 'of another' })) });
    await agents.start('bob');
    const output = awaited(run());
    while (system.questions.list().length < 6) await clock.advance(0);
    const keys = system.questions.list().map(({ question, key }) => [question, key]);
    expect(Object.fromEntries(keys)).toEqual({
      before: '1',
      'in one': 'both:1',
      'in two': 'both:2',
      beside: '2',
      'in the inner': 'inner:1',
      'of another': '1',
    });
    for (const { id, key } of system.questions.list()) await system.questions.answer(id, key);
    expect(await output).toEqual(['1', ['both:1', 'both:2'], '2', 'inner:1', '1']);
  });
});
