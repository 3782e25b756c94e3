/** Calls between agents that have a key: done once, over limits, crashes and programs, and ended with their caller. */
import { expect, test } from 'vitest';
import { defineAgent, type Store } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';

/** A boss whose task has a clerk do one, under a key. What the clerk pays for is noted. */
function office(work: { readonly parks?: PromiseWithResolvers<void>; readonly hangs?: boolean } = {}) {
  const paid: string[] = [];
  const clerk = defineAgent({
    type: 'clerk',
    init: () => ({}),
    tasks: {
      refund: {
        retry: 'on_host_loss',
        run: async ({ input, step, ask, signal, taskId }) => {
          await step('paid', () => paid.push(`${taskId} ${String(input)}`));
          if (work.hangs)
            await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          return ask({ question: `Refund ${String(input)}?` });
        },
      },
      fail: {
        run: ({ input }) => {
          paid.push(String(input));
          throw new Error('the till is empty');
        },
      },
    },
  });
  const boss = defineAgent({
    type: 'boss',
    init: () => ({}),
    tasks: {
      decide: {
        retry: 'on_host_loss',
        run: async ({ agents, input, park, step, steps }) => {
          const {
            target = { type: 'clerk' },
            type = 'refund',
            ...more
          } = (input ?? {}) as Readonly<Record<string, never>>;
          const data = { input: more['input'] === 'undefined data' ? new Map() : 'tea' };
          const asked = agents.execute(target, { type, idempotencyKey: 'refund-tea', ...more, ...data });
          if (work.parks && !steps.has('parked')) {
            asked.catch(() => undefined);
            await work.parks.promise;
            await step('parked', () => true);
            park({ afterMs: 1_000, why: 'too many requests' });
          }
          return { answer: await asked };
        },
      },
      leave: {
        run: async ({ agents, step }) => {
          agents.execute('bob', { type: 'refund', idempotencyKey: 'left' }).catch(() => undefined);
          await step('asked', () => true);
          if (work.parks) await work.parks.promise;
        },
      },
      choose: {
        run: async ({ agents, step }) => {
          const asked = { type: 'refund', idempotencyKey: 'refund-tea', input: 'tea' };
          const ending = new AbortController();
          const [one, two] = [{ ...asked, signal: ending.signal }, asked].map((call) =>
            agents.execute('bob', call),
          );
          one!.catch(() => undefined);
          await step('asked', () => true);
          ending.abort();
          return two;
        },
      },
      read: {
        run: ({ agents }) => {
          const keyed = { type: 'refund', idempotencyKey: 'read' };
          return agents.stream('bob', keyed).output;
        },
      },
    },
  });
  return { clerk, boss, paid };
}

async function opened({ clerk, boss }: ReturnType<typeof office>, store?: Store) {
  const given = await rig({ agents: [clerk, boss], ...(store === undefined ? {} : { store }) });
  await given.agents.ensure({ id: 'ann', module: boss }, { autoStart: true });
  await given.agents.ensure({ id: 'bob', module: clerk }, { autoStart: true });
  const { tasks, questions } = given.system;
  const decide = (input?: object, more: object = {}) =>
    tasks.submit('ann', { type: 'decide', input, ...more });
  return { ...given, boss, clerk, tasks, questions, decide };
}

test('a caller that runs again in the next program waits for the task that it asked for before', async () => {
  const store = mortalStore(undefined, { isDurable: true });
  const at = office();
  const first = await opened(at, store);
  const { id } = await first.decide();
  await settled();
  const [question] = first.questions.list();

  const { tasks, questions, clock, eventsOf } = await opened(at, store.die());
  await clock.advance(1_000);
  expect(questions.list()).toEqual([question]);
  await questions.answer(question!.id, 'yes');
  await settled();
  expect(await tasks.result(id)).toEqual({ answer: 'yes' });
  expect(at.paid).toEqual([`${question!.taskId} tea`]);
  expect(eventsOf('task.accepted')).toEqual([]);
});

test('a caller that runs again before the pool is there again waits for the task that it gave to the pool', async () => {
  const store = mortalStore(undefined, { isDurable: true });
  const at = office();
  const pool = { name: 'clerks', spec: { module: at.clerk }, min: 1, max: 1 };
  const first = await opened(at, store);
  await first.system.pools.create(pool);
  const { id } = await first.decide({ target: { pool: 'clerks' } });
  await settled();

  const { system, tasks, questions, clock } = await opened(at, store.die());
  await clock.advance(1_000);
  expect(tasks.get(id).status).toBe('running');
  await system.pools.create(pool);
  await settled();
  await questions.answer(questions.list()[0]!.id, 'yes');
  await settled();
  expect(await tasks.result(id)).toEqual({ answer: 'yes' });
  expect(at.paid).toHaveLength(1);
});

test('what it asked for is kept for it, where that was done and its program died before it knew', async () => {
  const kept = mortalStore(undefined, { isDurable: true });
  const at = office();
  const first = await opened(at, kept);
  const { id } = await first.decide();
  await settled();
  const { taskId, id: questionId } = first.questions.list()[0]!;
  // The boss's end is lost.
  first.system.events.subscribe(({ type, ...event }) => {
    if (type === 'task.completed' && 'taskId' in event && event.taskId === taskId) kept.die();
  });
  await first.questions.answer(questionId, 'yes');
  await settled();

  const { tasks, clock, eventsOf } = await opened(at, kept.die());
  await clock.advance(1_000);
  expect(await tasks.result(id)).toEqual({ answer: 'yes' });
  expect(eventsOf('task.accepted')).toEqual([]);
  expect(at.paid).toHaveLength(1);
});

test('a caller that waits for a limit leaves it at work, and gets its output', async () => {
  const parks = gate();
  const at = office({ parks });
  const { decide, questions, tasks, clock } = await opened(at);
  const { id } = await decide();
  await settled();
  parks.resolve();
  await settled();
  expect(tasks.get(id).status).toBe('parked');
  await questions.answer(questions.list()[0]!.id, 'yes');
  await clock.advance(1_000);
  expect(tasks.get(id)).toMatchObject({ status: 'done', output: { answer: 'yes' } });
  expect(at.paid).toHaveLength(1);
});

test.for([
  ['is cancelled', {}, (id: string, { tasks }: Opened) => tasks.cancel(id)],
  ['times out', { timeoutMs: 500 }, (_: string, { clock }: Opened) => clock.advance(500)],
  ['loses its body, and is not begun again', {}, (_: string, { agents }: Opened) => agents.kill('ann')],
] as const)('it is cancelled when its caller %s', async ([, more, end]) => {
  const given = await opened(office({ hangs: true }));
  const { id } = await given.decide(undefined, more);
  await settled();
  const [called] = given.tasks.list({ type: 'refund' });
  expect(called?.status).toBe('running');
  await end(id, given);
  await settled();
  expect(given.tasks.get(called!.id).status).toBe('cancelled');
});
type Opened = Awaited<ReturnType<typeof opened>>;

test('it is cancelled when its caller is parked, and then given up', async () => {
  const parks = gate();
  const { decide, tasks } = await opened(office({ parks, hangs: true }));
  const { id } = await decide();
  await settled();
  parks.resolve();
  await settled();
  const [called] = tasks.list({ type: 'refund' });
  expect(called?.status).toBe('running');
  await tasks.cancel(id);
  await settled();
  expect(tasks.get(called!.id).status).toBe('cancelled');
});

test.for(['ann', 'amy'])(
  'it goes on while one of its two callers waits for it: %s ends first',
  async (first) => {
    const { agents, boss, clock, decide, questions, tasks } = await opened(office());
    await agents.ensure({ id: 'amy', module: boss }, { autoStart: true });
    const one = await decide();
    const two = await tasks.submit('amy', { type: 'decide', timeoutMs: 5_000 });
    await settled();
    const [left, other] = first === 'ann' ? [one.id, two.id] : [two.id, one.id];
    if (first === 'ann') await tasks.cancel(left);
    else await clock.advance(5_000);
    await settled();
    expect(tasks.get(left).status).not.toBe('running');
    await questions.answer(questions.list()[0]!.id, 'yes');
    await settled();
    expect(await tasks.result(other)).toEqual({ answer: 'yes' });
  },
);

test('it is cancelled when the second of its two callers ends', async () => {
  const { agents, boss, decide, tasks } = await opened(office({ hangs: true }));
  await agents.ensure({ id: 'amy', module: boss }, { autoStart: true });
  const callers = [await decide(), await tasks.submit('amy', { type: 'decide' })];
  await settled();
  const status = () => tasks.list({ type: 'refund' }).map((task) => task.status);
  for (const [place, { id }] of callers.entries()) {
    await tasks.cancel(id);
    await settled();
    expect(status()).toEqual([place === 0 ? 'running' : 'cancelled']);
  }
});

test('it goes on while its caller gives up one of its two calls', async () => {
  const { questions, tasks } = await opened(office());
  const { id } = await tasks.submit('ann', { type: 'choose' });
  await settled();
  await questions.answer(questions.list()[0]!.id, 'yes');
  await settled();
  expect(await tasks.result(id)).toBe('yes');
});

test.for(['before', 'after'])(
  'one that was submitted by somebody else, too, goes on without its caller: %s',
  async (when) => {
    const { decide, tasks } = await opened(office());
    const submitted = () => tasks.submit('bob', { type: 'refund', idempotencyKey: 'refund-tea' });
    if (when === 'before') await submitted();
    const { id } = await decide();
    await settled();
    if (when === 'after') await submitted();
    await tasks.cancel(id);
    await settled();
    expect(tasks.list({ type: 'refund' })).toMatchObject([{ status: 'waiting_for_input' }]);
  },
);

test('in the next program, too, one that somebody else has submitted goes on without its caller', async () => {
  const store = mortalStore(undefined, { isDurable: true });
  const at = office();
  const first = await opened(at, store);
  const called = await first.tasks.submit('bob', { type: 'refund', idempotencyKey: 'refund-tea' });
  const { id } = await first.decide();
  await settled();

  const { clock, tasks } = await opened(at, store.die());
  await clock.advance(1_000);
  expect(tasks.get(id).status).toBe('running');
  await tasks.cancel(id);
  await settled();
  expect(tasks.get(called.id).status).toBe('waiting_for_input');
});

test('in the next program, too, it is cancelled when its caller is', async () => {
  const store = mortalStore(undefined, { isDurable: true });
  const at = office();
  const first = await opened(at, store);
  const { id } = await first.decide();
  await settled();

  const { clock, tasks } = await opened(at, store.die());
  await clock.advance(1_000);
  await tasks.cancel(id);
  await settled();
  expect(tasks.list({ type: 'refund' })).toMatchObject([{ status: 'cancelled' }]);
});

test('a call that joins a task which waits for its caller would wait in a circle, and is refused', async () => {
  const looping = defineAgent({
    type: 'looping',
    init: () => ({}),
    tasks: {
      loop: {
        run: ({ agents, input }) => {
          const to = String(input);
          const next = to === 'one' ? 'two' : 'one';
          return agents.execute(to, { type: 'loop', input: next, idempotencyKey: `in ${to}` });
        },
      },
    },
  });
  const { agents, system } = await rig({ agents: [looping] });
  for (const id of ['one', 'two'])
    await agents.ensure({ id, module: looping, tasks: { concurrency: 2 } }, { autoStart: true });
  const { id } = await system.tasks.submit('one', { type: 'loop', input: 'two', idempotencyKey: 'in one' });
  await settled();
  expect(system.tasks.get(id)).toMatchObject({ status: 'failed' });
  expect(system.tasks.list().map(({ status }) => status)).toEqual(['failed', 'failed']);
  expect(JSON.stringify(system.tasks.list())).toContain('agent two would wait for itself: two → one → two');
});

test.for(['ann', 'amy'])(
  'a task that two ask for in one moment is waited for by both: a call of it that asks %s back is refused',
  async (back) => {
    const turn = gate();
    const asking = defineAgent({
      type: 'asking',
      init: () => ({}),
      tasks: {
        ask: { run: ({ agents }) => agents.execute('bob', { type: 'askBack', idempotencyKey: 'asked' }) },
        askBack: {
          run: async ({ agents }) => {
            await turn.promise;
            return agents.execute(back, { type: 'ask', idempotencyKey: back });
          },
        },
      },
    });
    const { agents, system } = await rig({ agents: [asking] });
    for (const id of ['ann', 'amy', 'bob'])
      await agents.ensure({ id, module: asking, tasks: { concurrency: 2 } }, { autoStart: true });
    const { tasks } = system;
    await Promise.all(['ann', 'amy'].map((id) => tasks.submit(id, { type: 'ask', idempotencyKey: id })));
    await settled();
    turn.resolve();
    await settled();
    expect(tasks.list().map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
    expect(JSON.stringify(tasks.list())).toContain(`agent bob would wait for itself: bob → ${back} → bob`);
  },
);

test('it is cancelled when its caller ends and does not wait for it', async () => {
  const { agents, tasks } = await opened(office({ hangs: true }));
  await agents.execute('ann', { type: 'leave' });
  await settled();
  expect(tasks.list({ type: 'refund' })).toMatchObject([{ status: 'cancelled' }]);
});

test('one that ended without an output is done again under its id, and no sooner than it is asked for again', async () => {
  const at = office();
  const { decide, tasks } = await opened(at);
  const one = await decide({ type: 'fail' });
  expect(await refusal(tasks.result(one.id))).toMatchObject({ code: 'TASK_FAILED' });
  const [called] = tasks.list({ type: 'fail' });
  expect(called).toMatchObject({ status: 'failed', attempts: 1 });
  const two = await decide({ type: 'fail' });
  await fateOf(tasks.result(two.id));
  expect(tasks.list({ type: 'fail' })).toMatchObject([{ id: called!.id, attempts: 2 }]);
  expect(at.paid).toEqual(['tea', 'tea']);
});

test('one that ended with an agent that is forgotten is asked of another agent of the type', async () => {
  const { agents, clerk, clock, decide, questions, tasks } = await opened(office());
  await decide();
  await settled();
  await agents.kill('bob');
  await agents.stop('bob');
  await agents.forget('bob');
  expect(tasks.list({ type: 'refund' })).toMatchObject([{ status: 'abandoned', agentId: 'bob' }]);
  await agents.ensure({ id: 'ben', module: clerk }, { autoStart: true });
  const { id } = await decide();
  await clock.advance(0);
  await questions.answer(questions.list()[0]!.id, 'yes');
  await settled();
  expect(await tasks.result(id)).toEqual({ answer: 'yes' });
  expect(tasks.list({ type: 'refund' })).toMatchObject([{ status: 'done', agentId: 'ben' }]);
});

test('a failure has the words and the cause that a call without a key has', async () => {
  const { decide, tasks } = await opened(office());
  const { id } = await decide({ type: 'fail' });
  const { cause } = await refusal(tasks.result(id));
  expect(cause).toMatchObject({ message: expect.stringContaining('the till is empty') });
});

test('an agent that does not run is refused, and so is a pool that is none, and a key or an input that is none', async () => {
  const { agents } = await opened(office());
  await agents.stop('bob');
  const code = async (input: object) =>
    (await refusal(agents.execute('ann', { type: 'decide', input }))).cause as { readonly code?: string };
  expect(await code({})).toMatchObject({ code: 'AGENT_NOT_RUNNING' });
  expect(await code({ target: 'bob' })).toMatchObject({ code: 'AGENT_NOT_RUNNING' });
  expect(await code({ target: { pool: 'none' } })).toMatchObject({ code: 'POOL_UNKNOWN' });
  expect(await code({ idempotencyKey: '' })).toMatchObject({ code: 'REQUEST_INVALID' });
  await agents.start('bob');
  expect(await code({ type: 'nothing' })).toMatchObject({ code: 'TASK_INCOMPATIBLE' });
  expect(await code({ input: 'undefined data' })).toMatchObject({ code: 'TASK_INPUT_INVALID' });
});

test.for([undefined, 'bob'])(
  'an agent that crashed, and comes back by itself, is waited for: %s',
  async (target) => {
    const { agents, clock, questions, tasks, decide } = await opened(office());
    await agents.kill('bob');
    const { id } = await decide(target === undefined ? {} : { target });
    await settled();
    expect(tasks.list({ type: 'refund' })).toMatchObject([{ status: 'waiting', agentId: 'bob' }]);
    await clock.advance(2_000);
    await questions.answer(questions.list()[0]!.id, 'yes');
    await settled();
    expect(await tasks.result(id)).toEqual({ answer: 'yes' });
  },
);

test('a stream has no key', async () => {
  const { agents } = await opened(office());
  expect(await codeOf(awaited(agents.execute('ann', { type: 'read' })))).toBe('TASK_FAILED');
});
