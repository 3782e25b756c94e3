/** Tasks that other tasks have asked for under a key, in the program after the one of their callers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type AgentSystem,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
  type StoreBatch,
  type TaskStatus,
} from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { silent } from '../kit/rig.ts';

interface Asked {
  readonly to: string | { readonly pool: string };
  readonly key: string;
  /** What the called task calls in its turn; default nothing, and it waits without end. */
  readonly next?: Asked;
  /** The call is given up, and the caller goes on. */
  readonly givesUp?: boolean;
}

const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

const worker = defineAgent({
  type: 'worker',
  init: () => ({}),
  tasks: {
    hang: { retry: 'on_host_loss', run: ({ signal }) => hang(signal) },
    mark: { run: ({ step }) => step('mark', () => true) },
    /** Is lost with its program. */
    ask: { run: ({ agents, input, step, signal }) => ask(input as Asked, { agents, step, signal }) },
    /** Is done again by the next one. */
    askAgain: {
      retry: 'on_host_loss',
      run: ({ agents, input, step, signal }) => ask(input as Asked, { agents, step, signal }),
    },
  },
});

async function ask(
  { to, key, next, givesUp }: Asked,
  {
    agents,
    step,
    signal,
  }: {
    readonly agents: { execute(target: Asked['to'], task: object): Promise<unknown> };
    readonly step: (key: string, work: () => unknown) => Promise<unknown>;
    readonly signal: AbortSignal;
  },
): Promise<unknown> {
  const ending = new AbortController();
  const type = next === undefined ? 'hang' : 'askAgain';
  const asked = agents.execute(to, { type, input: next ?? null, idempotencyKey: key, signal: ending.signal });
  if (!givesUp) return asked;
  asked.catch(() => undefined);
  // The call was made before the request of a step.
  await step('asked', () => true);
  ending.abort();
  await step('given up', () => true);
  return hang(signal);
}

const openings: Record<'memory' | 'sqlite', () => () => Store> = {
  memory() {
    const kept = memoryStore();
    return () => kept;
  },
  sqlite() {
    const folder = mkdtempSync(join(tmpdir(), 'mabeam-callers-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    return () => sqliteStore(join(folder, 'fleet.db'));
  },
};

/** Gives a store to each program, and ends programs as `how` says: the next one finds what was kept. */
function programs(how: 'kill' | 'close', kind: keyof typeof openings) {
  const open = openings[kind]();
  let kept = open();
  let mortal = mortalStore(kept, { isDurable: true });
  return {
    store: () => mortal,
    async end(system: AgentSystem): Promise<void> {
      if (how === 'kill') mortal.die();
      await system.close({ timeoutMs: 0 });
      if (how === 'kill') await kept.close();
      kept = open();
      mortal = mortalStore(kept, { isDurable: true });
    },
  };
}

async function opened(store: Store) {
  const system = await createAgentSystem({ store, agents: [worker], logger: silent });
  for (const id of ['ann', 'amy', 'bob', 'cid'])
    await system.agents.ensure({ id, module: worker, tasks: { concurrency: 4 } }, { autoStart: true });
  const { tasks } = system;
  const statusOf = (key: string): TaskStatus | undefined =>
    tasks.list().find(({ idempotencyKey }) => idempotencyKey === key)?.status;
  return {
    system,
    tasks,
    statusOf,
    /** Waits until the task of a key stands so. */
    async comesTo(key: string, status: TaskStatus): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => {
        if (statusOf(key) === status) resolve();
      };
      const stop = system.events.subscribe(look);
      look();
      await promise;
      stop();
    },
    /** Submits a caller. */
    ask: (agent: string, type: 'ask' | 'askAgain', input: Asked) =>
      tasks.submit(agent, { type, input, idempotencyKey: `${agent} ${type}` }),
  };
}

describe.for([
  ['kill', 'memory'],
  ['close', 'memory'],
  ['kill', 'sqlite'],
  ['close', 'sqlite'],
] as const)('after a %s, from %s', ([how, kind]) => {
  const program = () => programs(how, kind);

  test('a called task ends where its caller does not come back', async () => {
    const { store, end } = program();
    const first = await opened(store());
    await first.ask('ann', 'ask', { to: 'bob', key: 'b' });
    await first.comesTo('b', 'running');
    await end(first.system);

    const next = await opened(store());
    await next.comesTo('b', 'cancelled');
    expect(next.statusOf('ann ask')).not.toBe('running');
    await end(next.system);
  });

  test('so do those that it has called, and so on', async () => {
    const { store, end } = program();
    const first = await opened(store());
    await first.ask('ann', 'ask', { to: 'bob', key: 'b', next: { to: 'cid', key: 'c' } });
    await first.comesTo('c', 'running');
    await end(first.system);

    const next = await opened(store());
    await next.comesTo('b', 'cancelled');
    await next.comesTo('c', 'cancelled');
    await end(next.system);
  });

  test('those of a caller that comes back go on, and end with it', async () => {
    const { store, end } = program();
    const first = await opened(store());
    const asked = { to: 'bob', key: 'b', next: { to: 'cid', key: 'c' } };
    const { id } = await first.ask('ann', 'askAgain', asked);
    await first.comesTo('c', 'running');
    await end(first.system);

    const next = await opened(store());
    for (const key of ['ann askAgain', 'b', 'c']) await next.comesTo(key, 'running');
    const accepted: string[] = [];
    next.system.events.subscribe(({ type }) => accepted.push(type), { types: ['task.accepted'] });
    await next.tasks.cancel(id);
    for (const key of ['b', 'c']) await next.comesTo(key, 'cancelled');
    expect(accepted).toEqual([]);
    await end(next.system);
  });

  test('one of several callers that comes back keeps it, whichever came first', async () => {
    for (const [one, other] of [
      ['ask', 'askAgain'],
      ['askAgain', 'ask'],
    ] as const) {
      const { store, end } = program();
      const first = await opened(store());
      const callers = [await first.ask('ann', one, { to: 'bob', key: 'b' })];
      await first.comesTo('b', 'running');
      callers.push(await first.ask('amy', other, { to: 'bob', key: 'b' }));
      await first.comesTo(`amy ${other}`, 'running');
      // The second call was made before the request of a later task of its agent.
      await first.ask('cid', 'askAgain', { to: 'bob', key: 'c' });
      await first.comesTo('c', 'running');
      await end(first.system);

      const next = await opened(store());
      await next.comesTo('b', 'running');
      const back = callers[one === 'askAgain' ? 0 : 1]!;
      await next.comesTo(back.idempotencyKey!, 'running');
      expect(next.statusOf('b')).toBe('running');
      await next.tasks.cancel(back.id);
      await next.comesTo('b', 'cancelled');
      await end(next.system);
    }
  });

  test('a caller that had given its call up keeps nothing, though it comes back', async () => {
    const { store, end } = program();
    const first = await opened(store());
    await first.ask('ann', 'ask', { to: 'bob', key: 'b' });
    await first.comesTo('b', 'running');
    const isGivenUp = new Promise<void>((resolve) => {
      first.system.events.subscribe((event) => {
        if (event.type === 'task.step' && event.key === 'given up') resolve();
      });
    });
    const { id } = await first.ask('amy', 'askAgain', { to: 'bob', key: 'b', givesUp: true });
    await isGivenUp;
    // In the next program it waits until its agent is resumed, and calls nothing.
    await first.system.agents.pause('amy');
    await end(first.system);

    const next = await opened(store());
    await next.comesTo('b', 'cancelled');
    expect(['waiting', 'running']).toContain(next.tasks.get(id).status);
    await end(next.system);
  });

  test('one that was asked for again is kept by those that have asked since, and by no earlier one', async () => {
    const { store, end } = program();
    const first = await opened(store());
    const { id } = await first.ask('ann', 'askAgain', { to: 'bob', key: 'b', givesUp: true });
    await first.comesTo('b', 'cancelled');
    await first.ask('amy', 'ask', { to: 'bob', key: 'b' });
    await first.comesTo('b', 'running');
    await first.ask('cid', 'ask', { to: 'bob', key: 'b' });
    await first.ask('cid', 'askAgain', { to: 'bob', key: 'c' });
    await first.comesTo('c', 'running');
    // In the next program it waits until its agent is resumed, and calls nothing.
    await first.system.agents.pause('ann');
    await end(first.system);

    const next = await opened(store());
    await next.comesTo('b', 'cancelled');
    expect(['waiting', 'running']).toContain(next.tasks.get(id).status);
    await end(next.system);
  });

  test.for(['before', 'after', 'again'] as const)(
    'one that somebody else has submitted, too, goes on: %s',
    async (when) => {
      const { store, end } = program();
      const first = await opened(store());
      const submit = () => first.tasks.submit('bob', { type: 'hang', input: null, idempotencyKey: 'b' });
      if (when === 'before') await submit();
      const { id } = await first.ask('ann', 'ask', { to: 'bob', key: 'b' });
      await first.comesTo('b', 'running');
      if (when === 'after') await submit();
      if (when === 'again') {
        await first.tasks.cancel(id);
        await first.comesTo('b', 'cancelled');
        await first.tasks.retry((await submit()).id);
        await first.comesTo('b', 'running');
      }
      await end(first.system);

      const next = await opened(store());
      await next.comesTo('b', 'running');
      expect(next.tasks.get(id).status).not.toBe('running');
      expect(next.statusOf('b')).toBe('running');
      await end(next.system);
      const third = await opened(store());
      await third.comesTo('b', 'running');
      await end(third.system);
    },
  );

  test('one that waits for its pool ends, too', async () => {
    const { store, end } = program();
    const first = await opened(store());
    await first.system.pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 1 });
    await first.ask('ann', 'ask', { to: { pool: 'crew' }, key: 'b' });
    await first.comesTo('b', 'running');
    await first.ask('amy', 'ask', { to: { pool: 'crew' }, key: 'c' });
    await first.comesTo('c', 'waiting');
    await end(first.system);

    const next = await opened(store());
    for (const key of ['b', 'c']) await next.comesTo(key, 'cancelled');
    await end(next.system);
  });
});

test('that one more waits, or no longer does, takes the store no more where many wait', async () => {
  const kept = memoryStore();
  let bytes = 0;
  const append = (batch: StoreBatch) => {
    for (const [owner, state] of batch.states ?? [])
      if (owner.startsWith('caller')) bytes += (state?.json ?? '').length;
    return kept.append(batch);
  };
  const store: Store = { ...mortalStore(kept, { isDurable: true }), append };
  const { system, tasks, comesTo, statusOf } = await opened(store);
  await system.agents.update('ann', { tasks: { concurrency: 100 } });
  /** The store has it once a later task has kept a step. */
  const taken = async (acting: Promise<unknown>): Promise<number> => {
    const before = bytes;
    await acting;
    const { id } = await tasks.submit('cid', { type: 'mark', input: null });
    await tasks.result(id);
    return bytes - before;
  };
  const submit = (at: number) =>
    tasks.submit('ann', { type: 'ask', input: { to: 'bob', key: 'b' }, idempotencyKey: `${at}` });
  const callers: string[] = [];
  const joined: number[] = [];
  for (let at = 0; at < 100; at += 1) {
    joined.push(await taken(submit(at).then(({ id }) => callers.push(id))));
    if (at === 0) await comesTo('b', 'running');
  }
  const left: number[] = [];
  for (const id of callers.slice(0, -1)) left.push(await taken(tasks.cancel(id)));
  expect(statusOf('b')).toBe('running');
  expect(Math.max(...joined, ...left)).toBeLessThan(100);
  expect(joined.filter((some) => some > 0).length).toBe(99);
  await tasks.cancel(callers.at(-1)!);
  await comesTo('b', 'cancelled');
  await system.close({ timeoutMs: 0 });
});
