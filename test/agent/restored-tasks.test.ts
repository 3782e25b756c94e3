/** Tasks that an earlier program accepted, and that this one goes on with: none is lost on the way. */
import { describe, expect, it } from 'vitest';
import { type AgentSystem, createAgentSystem, defineAgent, type Store } from '../../src/index.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { awaited, gate, rig, silent } from '../kit/rig.ts';

/** Longer than a store that failed is left alone. */
const RETRY_MS = 1_000;

interface Done {
  readonly done: unknown[];
}

/** An agent whose tasks are done when the test says so; what was begun, in order. @param isReady its init waits for it */
function worker(isReady?: Promise<unknown>) {
  const begun: unknown[] = [];
  const open: (() => void)[] = [];
  const work = async (input: unknown, { done }: Done) => {
    begun.push(input);
    const { promise, resolve } = gate();
    open.push(resolve);
    await promise;
    done.push(input);
  };
  const module = defineAgent({
    type: 'worker',
    init: ({ restored }): Done | Promise<Done> => {
      const state = (restored as Done | undefined) ?? { done: [] };
      return isReady ? isReady.then(() => state) : state;
    },
    tasks: {
      work: { retry: 'on_host_loss', run: ({ input, state }) => work(input, state) },
      once: { run: ({ input, state }) => work(input, state) },
    },
  });
  /** Lets all that is begun be done, and what follows it, until nothing more is begun. */
  const finishAll = async () => {
    for (await settled(); open.length > 0; await settled()) open.splice(0).forEach((resolve) => resolve());
  };
  return { module, begun, finishAll };
}

type Policy = { readonly concurrency: number; readonly queueLimit: number };

/** A store on which a program has died whose agent `a` had accepted `tasks` tasks, that may be repeated. */
const withUndone = (tasks: number, policy: Policy) =>
  afterDeath(policy, async ({ agents }) => {
    for (let input = 1; input <= tasks; input++) {
      void awaited(agents.execute('a', { type: 'work', input }));
      await settled();
    }
  });

/** The same of tasks that were submitted, may not be repeated, and were not begun. */
const withUnbegun = (tasks: number, policy: Policy) =>
  afterDeath(policy, async ({ agents, tasks: submitted }) => {
    for (let place = 0; place < policy.concurrency; place++) {
      void awaited(agents.execute('a', { type: 'once', input: 'before them' }));
    }
    for (let input = 1; input <= tasks; input++) await submitted.submit('a', { type: 'once', input });
  });

async function afterDeath(policy: Policy, life: (system: AgentSystem) => Promise<void>): Promise<Store> {
  const store = mortalStore(undefined, { isDurable: true });
  const { module } = worker();
  const system = await createAgentSystem({ store, clock: simulatedClock(), logger: silent });
  await system.agents.register({ id: 'a', module, tasks: policy });
  await system.agents.start('a');
  await life(system);
  return store.die();
}

const endsOf = async (system: AgentSystem) => {
  const ends: string[] = [];
  for await (const { type } of system.events.read()) {
    if (/^task\.(completed|failed|timed_out|abandoned)$/.test(type)) ends.push(type);
  }
  return ends;
};

describe('tasks that are done again', () => {
  it.each([
    { concurrency: 4, queueLimit: 2, tasks: 6 },
    { concurrency: 2, queueLimit: 0, tasks: 2 },
    { concurrency: 1, queueLimit: 3, tasks: 4 },
  ])(
    'pass the limit of the queue, in their order: $tasks with $concurrency at once and $queueLimit waiting',
    async (policy) => {
      const { tasks, ...limits } = policy;
      const subject = worker();
      const store = await withUndone(tasks, limits);
      const { agents, system, clock } = await rig({ store, agents: [subject.module] });
      await clock.advance(0);
      await subject.finishAll();
      const all = Array.from({ length: tasks }, (_, index) => index + 1);
      expect(subject.begun).toEqual(all);
      expect(agents.get('a').metrics).toMatchObject({ done: tasks, abandoned: 0 });
      expect(await endsOf(system)).toEqual(all.map(() => 'task.completed'));
    },
  );

  it('come before those that are asked for while their agent starts', async () => {
    const { promise: isReady, resolve: ready } = gate();
    const subject = worker(isReady);
    const store = await withUndone(2, { concurrency: 1, queueLimit: 3 });
    const { agents, clock } = await rig({ store, agents: [subject.module] });
    await clock.advance(0);
    const later = agents.execute('a', { type: 'work', input: 'later' });
    ready();
    await subject.finishAll();
    await later;
    expect(subject.begun).toEqual([1, 2, 'later']);
    expect(agents.get('a').metrics).toMatchObject({ done: 3, abandoned: 0 });
  });

  it('leave the limit to those that are asked for anew', async () => {
    const subject = worker();
    const store = await withUndone(3, { concurrency: 1, queueLimit: 2 });
    const { agents, clock } = await rig({ store, agents: [subject.module] });
    await clock.advance(0);
    await settled();
    await expect(agents.execute('a', { type: 'work', input: 4 })).rejects.toMatchObject({
      code: 'TASK_QUEUE_FULL',
    });
  });
});

describe('tasks that were not begun, and may be begun once', () => {
  it('wait for a store that fails just then, and are all done once it is back', async () => {
    const subject = worker();
    const kept = await withUnbegun(3, { concurrency: 1, queueLimit: 5 });
    const store = failingStore(kept);
    const { agents, system, clock } = await rig({ store, agents: [subject.module] });
    await settled();
    store.trouble = 'throws';
    await clock.advance(0);
    await subject.finishAll();
    expect(agents.get('a').status).toBe('running');
    expect(subject.begun).toEqual([]);
    // It may fail for long, and more than once.
    await clock.advance(5 * RETRY_MS);
    expect(subject.begun).toEqual([]);
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    await subject.finishAll();
    expect(subject.begun).toEqual([1, 2, 3]);
    expect(agents.get('a').metrics).toMatchObject({ done: 3, abandoned: 0, waiting: 0, running: 0 });
    expect(await endsOf(system)).toEqual(['task.completed', 'task.completed', 'task.completed']);
  });

  it.each(['throws', 'rejects', 'keeps, then throws', 'keeps, then rejects'] as const)(
    'are carried on when their one append %s',
    async (trouble) => {
      const subject = worker();
      const kept = await withUnbegun(2, { concurrency: 1, queueLimit: 5 });
      const store = failingStore(kept);
      const { agents, clock } = await rig({ store, agents: [subject.module] });
      await settled();
      store.trouble = trouble;
      await clock.advance(0);
      store.trouble = undefined;
      await clock.advance(RETRY_MS);
      await subject.finishAll();
      expect(subject.begun).toEqual([1, 2]);
      expect(agents.get('a').metrics).toMatchObject({ done: 2, abandoned: 0 });
    },
  );

  it('survive a crash of their agent while the store fails', async () => {
    const subject = worker();
    const kept = await withUnbegun(2, { concurrency: 1, queueLimit: 5 });
    const store = failingStore(kept);
    const { agents, clock } = await rig({ store, agents: [subject.module] });
    await settled();
    store.trouble = 'throws';
    await clock.advance(0);
    void awaited(agents.kill('a'));
    await settled();
    expect(agents.get('a').status).toBe('crashed');
    expect(subject.begun).toEqual([]);
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    await subject.finishAll();
    expect(agents.get('a')).toMatchObject({ status: 'running', metrics: { done: 2, abandoned: 0 } });
    expect(subject.begun).toEqual([1, 2]);
  });

  it('are done by a third program when the second one dies while its store fails', async () => {
    const subject = worker();
    const kept = await withUnbegun(2, { concurrency: 1, queueLimit: 5 });
    const store = failingStore(kept);
    const second = await rig({ store, agents: [subject.module] });
    await settled();
    store.trouble = 'throws';
    await second.clock.advance(0);
    subject.begun.length = 0;
    const third = await rig({ store: kept, agents: [subject.module] });
    await third.clock.advance(0);
    await subject.finishAll();
    expect(subject.begun).toEqual([1, 2]);
    expect(third.agents.get('a').metrics).toMatchObject({ done: 2, abandoned: 0 });
  });

  it('are nobody’s once their agent is forgotten', async () => {
    const subject = worker();
    const kept = await withUnbegun(1, { concurrency: 1, queueLimit: 5 });
    const store = failingStore(kept);
    const { agents, clock } = await rig({ store, agents: [subject.module] });
    await settled();
    store.trouble = 'throws';
    await clock.advance(0);
    void awaited(agents.stop('a'));
    await clock.advance(0);
    store.trouble = undefined;
    subject.begun.length = 0;
    void awaited(agents.forget('a'));
    await clock.advance(5 * RETRY_MS);
    await agents.register({ id: 'a', module: subject.module });
    await agents.start('a');
    await clock.advance(5 * RETRY_MS);
    expect(subject.begun).toEqual([]);
  });
});
