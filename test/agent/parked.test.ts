/** Tasks that run into a limit: they wait for its reset, count as no attempt, and go on by themselves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type AgentSystemOptions,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
} from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { awaited, codeOf, fateOf, refusal, rig, silent } from '../kit/rig.ts';
import { failingStore } from '../journal/failing-store.ts';
import { mortalStore } from '../kit/mortal-store.ts';

const MODULE = new URL('../fixtures/agents/limited.ts', import.meta.url);
const WAIT_MS = 5_000;

/** An agent whose service is shut, until it is opened. */
function service() {
  const gate = { isShut: true, calls: 0, said: { retryAfterMs: WAIT_MS } as object };
  const module = defineAgent({
    type: 'client',
    init: () => ({ done: 0 }),
    tasks: {
      call: {
        run: ({ state }) => {
          gate.calls += 1;
          state.done += 1;
          if (gate.isShut) throw Object.assign(new Error('too many requests'), gate.said);
          return state.done;
        },
      },
    },
  });
  return { gate, module };
}

async function client(options: Omit<AgentSystemOptions, 'clock'> = {}, spec: object = {}) {
  const { gate, module } = service();
  const made = await rig(options);
  const id = await made.agents.register({
    id: 'ada',
    module,
    restart: { policy: 'immediate', delayMs: 10 },
    ...spec,
  });
  await made.agents.start(id);
  return {
    ...made,
    gate,
    module,
    call: (request: object = {}) => made.agents.execute(id, { type: 'call', ...request }),
  };
}

it('an agent that is forgotten leaves nothing of its limit behind: one of its name begins without it', async () => {
  const { system, agents, clock, gate, module } = await client();
  await system.tasks.submit('ada', { type: 'call' });
  expect(agents.get('ada').parked).toBeDefined();
  await awaited(agents.stop('ada'));
  await awaited(agents.forget('ada'));
  expect(clock.pending()).toEqual([]);
  gate.isShut = false;
  await agents.start(await agents.register({ id: 'ada', module }));
  expect(agents.get('ada').parked).toBeUndefined();
  expect(await agents.execute('ada', { type: 'call' })).toBe(1);
});

describe('a task that runs into a limit', () => {
  it('waits to the millisecond, is done once, and counts as one attempt; its state is as it was', async () => {
    const { system, agents, clock, gate, eventsOf } = await client();
    const { id } = await system.tasks.submit('ada', { type: 'call' });
    const until = clock.now() + WAIT_MS;
    const why = 'too many requests';
    expect(system.tasks.get(id)).toMatchObject({ status: 'parked', attempts: 0, parked: { until, why } });
    expect(agents.get('ada')).toMatchObject({ status: 'running', parked: { until, why }, restarts: 0 });
    expect(agents.get('ada').state).toBe('alive.serving.running.parked');
    gate.isShut = false;
    await clock.advance(WAIT_MS - 1);
    expect(gate.calls).toBe(1);
    await clock.advance(1);
    expect(await system.tasks.result(id)).toBe(1);
    expect(system.tasks.get(id)).toMatchObject({ status: 'done', attempts: 1 });
    expect(agents.get('ada').parked).toBeUndefined();
    expect(eventsOf('task.parked')).toMatchObject([{ taskId: id, until, why }]);
    expect(eventsOf('agent.parked')).toHaveLength(1);
    expect(eventsOf('agent.unparked')).toHaveLength(1);
    expect(eventsOf('task.failed')).toEqual([]);
  });

  it('that is said as a wait is known, however late it is noted', async () => {
    const { gate, module } = service();
    gate.said = { retryAfterMs: 40 };
    const clock = simulatedClock();
    let lateMs = 0;
    // Whoever looks at it twice finds that the wait is over.
    const now = () => clock.now() + (lateMs += 50);
    await using system = await createAgentSystem({ clock: { ...clock, now }, logger: silent });
    await system.agents.start(await system.agents.register({ id: 'ada', module }));
    await system.tasks.submit('ada', { type: 'call' });
    const { at, until, guessed } = system.agents.get('ada').parked!;
    expect([until - at, guessed]).toEqual([40, undefined]);
  });

  it('is the next again, before what came after it', async () => {
    const { clock, gate, call } = await client();
    const order: number[] = [];
    const calls = [0, 1, 2].map((n) => call().then(() => order.push(n)));
    await settled();
    gate.isShut = false;
    await clock.advance(WAIT_MS);
    await Promise.all(calls);
    expect(order).toEqual([0, 1, 2]);
  });

  it('is guessed for where nobody says when: longer each time, 60 s at the most, and shown as a guess', async () => {
    const { agents, clock, gate, call } = await client();
    gate.said = { status: 503 };
    const called = awaited(call());
    await settled();
    const waits: number[] = [];
    for (let n = 0; n < 9; n++) {
      const { until, at, guessed } = agents.get('ada').parked!;
      expect(guessed).toBe(true);
      waits.push(until - at);
      await clock.advance(until - at);
    }
    // Chance is 0 here: a wait is half of its ceiling.
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    gate.isShut = false;
    await clock.advance(30_000);
    expect(await called).toBe(1);
    // One that is done ends the row.
    gate.isShut = true;
    void call().catch(() => undefined);
    await settled();
    const { until, at } = agents.get('ada').parked!;
    expect(until - at).toBe(500);
  });

  it('times out, and is cancelled, as one that waits', async () => {
    const { clock, call, system, gate } = await client();
    const timed = awaited(call({ timeoutMs: 100 }));
    const { id } = await system.tasks.submit('ada', { type: 'call' });
    await clock.advance(100);
    expect((await refusal(timed)).code).toBe('TASK_TIMED_OUT');
    await system.tasks.cancel(id);
    expect(system.tasks.get(id).status).toBe('cancelled');
    await clock.advance(WAIT_MS);
    expect(gate.calls).toBe(1);
  });

  it('is abandoned at once by a stop, which waits for no reset', async () => {
    const { agents, call } = await client();
    const called = awaited(call());
    await settled();
    expect((await agents.stop('ada')).status).toBe('stopped');
    expect((await refusal(called)).code).toBe('TASK_ABANDONED');
  });

  it('stays parked over a crash of its agent', async () => {
    const { agents, call, clock, gate } = await client();
    void call().catch(() => undefined);
    await settled();
    const { until } = agents.get('ada').parked!;
    await agents.kill('ada');
    await clock.advance(10);
    expect(agents.get('ada')).toMatchObject({ incarnation: 2, parked: { until } });
    const called = call();
    gate.isShut = false;
    await clock.advance(until - clock.now() - 1);
    expect(await fateOf(called)).toBe('pending');
    await clock.advance(1);
    expect(await called).toBe(1);
  });

  it('goes on at once when somebody lifts the limit of its agent', async () => {
    const { gate, call, system, agents } = await client();
    const done = awaited(call());
    await settled();
    gate.isShut = false;
    await system.quotas.lift('ada', { by: 'grace' });
    expect(await done).toBe(1);
    expect(agents.get('ada').parked).toBeUndefined();
    expect(await codeOf(system.quotas.lift('nobody'))).toBe('QUOTA_UNKNOWN');
    expect(await codeOf(system.quotas.lift('ada', { by: '' }))).toBe('REQUEST_INVALID');
  });

  it('goes on when somebody lifts the limit while the store fails, who is refused', async () => {
    const store = failingStore();
    const { gate, call, system, agents } = await client({ store });
    void call().catch(() => undefined);
    await settled();
    gate.isShut = false;
    store.trouble = 'throws';
    expect(await codeOf(system.quotas.lift('ada'))).toBe('STORE_FAILED');
    expect(agents.get('ada').parked).toBeUndefined();
  });

  it('fails as any other with onLimit: fail', async () => {
    const { agents } = await rig();
    const module = defineAgent({
      type: 'strict',
      onLimit: 'fail',
      init: () => ({}),
      tasks: {
        call: {
          run: () => {
            throw Object.assign(new Error('too many requests'), { status: 429 });
          },
        },
      },
    });
    await agents.start(await agents.register({ id: 'ada', module }));
    expect((await refusal(agents.execute('ada', { type: 'call' }))).code).toBe('TASK_FAILED');
    expect(agents.get('ada').parked).toBeUndefined();
  });

  it('leaves nothing of the limit of an agent that is forgotten: another one of its id is not parked', async () => {
    const { system, agents, clock, module } = await client();
    await system.tasks.submit('ada', { type: 'call' });
    await settled();
    expect(system.quotas.list()).toMatchObject([{ name: 'ada', status: 'parked' }]);
    await agents.stop('ada', { timeoutMs: 0 });
    await agents.forget('ada');
    expect(system.quotas.list()).toEqual([]);
    expect(await codeOf(system.quotas.lift('ada'))).toBe('QUOTA_UNKNOWN');
    expect(clock.pending()).toEqual([]);
    await agents.register({ id: 'ada', module });
    await agents.start('ada');
    expect(agents.get('ada').parked).toBeUndefined();
  });
});

describe('agents that share a quota', () => {
  it('park together, and after the reset go on one, then two, then four', async () => {
    const { gate, module } = service();
    const { agents, clock, system } = await rig();
    const ids = Array.from({ length: 7 }, (_, n) => `agent-${n}`);
    for (const id of ids) {
      await agents.register({ id, module, quota: 'provider' });
      await agents.start(id);
    }
    const first = awaited(agents.execute(ids[0]!, { type: 'call' }));
    await settled();
    expect(agents.list({ isParked: true }).map(({ id }) => id)).toEqual(ids);
    expect(system.quotas.list()).toMatchObject([{ name: 'provider', status: 'parked', waiting: ids }]);
    // They begin, and none of them ends: only time lets others go on.
    gate.said = { retryAfterMs: 1e9 };
    const parked = () => agents.list({ isParked: true }).length;
    const counts: number[] = [];
    await clock.advance(WAIT_MS - 1);
    counts.push(parked());
    gate.isShut = false;
    await clock.advance(1);
    await first;
    // One went on, and with what it had done two more.
    counts.push(parked());
    await clock.advance(1_000);
    counts.push(parked());
    await clock.advance(1_000);
    counts.push(parked());
    expect(counts).toEqual([7, 4, 2, 0]);
    expect(system.quotas.list()).toMatchObject([{ status: 'open', waiting: [] }]);
  });

  it('go on when somebody lifts the limit: one, then with what it has done two more; who did is told', async () => {
    const { gate, module } = service();
    const { agents, clock, system, eventsOf } = await rig();
    const ids = Array.from({ length: 5 }, (_, n) => `agent-${n}`);
    for (const id of ids) {
      await agents.register({ id, module, quota: 'provider' });
      await agents.start(id);
    }
    gate.said = { status: 429 };
    const first = awaited(agents.execute(ids[0]!, { type: 'call' }));
    await settled();
    expect(agents.get(ids[4]!).parked).toMatchObject({ guessed: true });
    gate.isShut = false;
    expect(await system.quotas.lift('provider', { by: 'grace' })).toMatchObject({ status: 'releasing' });
    expect(await first).toBe(1);
    await settled();
    expect(agents.list({ isParked: true })).toHaveLength(2);
    await clock.advance(1_000);
    expect(agents.list({ isParked: true })).toEqual([]);
    expect(await system.quotas.lift('provider')).toMatchObject({ status: 'open' });
    expect(eventsOf('quota.lifted')).toMatchObject([{ quota: 'provider', by: 'grace' }]);
  });

  it('one that starts meanwhile is parked, too; a pool gives its tasks to others', async () => {
    const { gate, module } = service();
    const { agents, system } = await rig();
    for (const id of ['one', 'late']) await agents.register({ id, module, quota: 'provider' });
    await agents.start('one');
    void agents.execute('one', { type: 'call' }).catch(() => undefined);
    await settled();
    await agents.start('late');
    expect(agents.get('late').parked?.quota).toBe('provider');
    await system.pools.create({ name: 'free', min: 2, max: 2, spec: { module } });
    void system.pools.execute('free', { type: 'call' }).catch(() => undefined);
    await settled();
    expect(agents.list({ isParked: true })).toHaveLength(3);
    gate.isShut = false;
    expect(await system.pools.execute('free', { type: 'call' })).toBe(1);
  });

  it('a quota ends with the last agent that has worked under it', async () => {
    const { module } = service();
    const { agents, system } = await rig();
    const names = () => system.quotas.list().map(({ name }) => name);
    for (const id of ['one', 'two']) {
      await agents.start(await agents.register({ id, module, quota: 'provider' }));
      await awaited(agents.stop(id));
    }
    await agents.forget('one');
    expect(names()).toEqual(['provider']);
    await agents.update('two', { quota: 'other' });
    await agents.start('two');
    expect(names()).toEqual(['other']);
    await awaited(agents.stop('two'));
    await agents.forget('two');
    expect(names()).toEqual([]);
  });

  it('an agent that runs works under another quota as soon as its spec names that', async () => {
    const { gate, module } = service();
    const { agents, system } = await rig();
    for (const id of ['one', 'two']) await agents.start(await agents.register({ id, module, quota: id }));
    for (const id of ['one', 'two']) void system.tasks.submit(id, { type: 'call' });
    await settled();
    await agents.update('one', { quota: 'two' });
    expect(system.quotas.list()).toMatchObject([{ waiting: [] }, { waiting: ['two', 'one'] }]);
    // Both are reset at the same time.
    expect(agents.get('one').parked).toMatchObject({ until: agents.get('two').parked?.until, quota: 'two' });
    gate.isShut = false;
    await agents.update('one', { quota: 'free' });
    expect(agents.get('one').parked).toBeUndefined();
    await settled();
    expect(system.tasks.list({ status: 'done' })).toHaveLength(1);
  });

  it('one that goes on after a reset goes on where something else of its spec is changed', async () => {
    const { module } = service();
    const { agents, system, clock } = await rig();
    for (const id of ['one', 'two']) await agents.start(await agents.register({ id, module, quota: 'both' }));
    void system.tasks.submit('one', { type: 'call', timeoutMs: WAIT_MS });
    await clock.advance(WAIT_MS);
    expect(system.quotas.list()).toMatchObject([{ status: 'releasing', waiting: ['two'] }]);
    await agents.update('one', { shutdownMs: 1 });
    expect(system.quotas.list()).toMatchObject([{ status: 'releasing', waiting: ['two'] }]);
  });

  it('a quota that is parked holds back agents that are made once all others are forgotten, until its reset', async () => {
    const { module } = service();
    const { agents, system, clock } = await rig();
    const make = async (id: string) => {
      await agents.start(await agents.register({ id, module, quota: 'provider' }));
      return agents.get(id);
    };
    const end = async (id: string) => {
      await awaited(agents.stop(id));
      await agents.forget(id);
    };
    await make('one');
    void agents.execute('one', { type: 'call' }).catch(() => undefined);
    await settled();
    await end('one');
    expect((await make('two')).parked).toMatchObject({ quota: 'provider' });
    await end('two');
    await clock.advance(WAIT_MS);
    expect(system.quotas.list()).toEqual([]);
    expect(clock.pending()).toEqual([]);
    expect((await make('three')).parked).toBeUndefined();
  });
});

describe.each(['in-process', 'thread', 'process'] as const)('in a host %s', (isolation) => {
  it.each(['own', 'plain', 'wrapped', 'parks'])('what task %s says of its limit arrives', async (type) => {
    await using system = await createAgentSystem({ logger: silent });
    const id = await system.agents.register({ module: MODULE, isolation });
    await system.agents.start(id);
    const parked: string[] = [];
    system.events.subscribe((event) => {
      if (event.type === 'task.parked') parked.push(event.guessed ? 'guessed' : 'known');
    });
    const { id: taskId } = await system.tasks.submit(id, { type });
    expect(await system.tasks.result(taskId)).toBe(type === 'own' ? 1 : 'done');
    expect(parked).toEqual(['known']);
    expect(system.tasks.get(taskId).attempts).toBe(1);
    expect(system.agents.get(id)).toMatchObject({ status: 'running', incarnation: 1, restarts: 0 });
  });

  it('a budget is reserved, settled and refused', async () => {
    await using system = await createAgentSystem({ logger: silent });
    system.budgets.define({ name: 'all', limits: { tokens: 100, calls: 5 } });
    const id = await system.agents.register({ module: MODULE, isolation });
    await system.agents.start(id);
    expect(await system.agents.execute(id, { type: 'spends' })).toBe('BUDGET_EXHAUSTED');
    expect(system.budgets.get('all')).toMatchObject({ spent: { tokens: 7, calls: 1 }, reserved: {} });
  });
});

describe('over the end of its program', () => {
  it.each(['killed', 'closed'] as const)('it goes on waiting for what is left: %s, memory', async (how) => {
    const kept = memoryStore();
    const { gate, module } = service();
    const clock = simulatedClock();
    const store = mortalStore(kept);
    const first = await rig({ store: how === 'killed' ? store : durable(kept), clock });
    await first.agents.register({ id: 'ada', module });
    await first.agents.start('ada');
    const { id } = await first.system.tasks.submit('ada', { type: 'call' });
    const { until } = first.agents.get('ada').parked!;
    await clock.advance(1_000);
    if (how === 'killed') store.die();
    else expect((await first.system.close()).leftTasks).toEqual([id]);
    gate.isShut = false;
    const next = await rig({
      store: how === 'killed' ? mortalStore(kept) : durable(kept),
      clock: simulatedClock({ startAt: clock.now() + 500 }),
      agents: [module],
    });
    if (how === 'closed') await next.agents.start('ada');
    await next.clock.advance(0);
    expect(next.agents.get('ada')).toMatchObject({ status: 'running', parked: { until } });
    await next.clock.advance(until - next.clock.now() - 1);
    expect(gate.calls).toBe(1);
    await next.clock.advance(1);
    expect(await next.system.tasks.result(id)).toBe(1);
    expect(next.system.tasks.get(id).attempts).toBe(1);
  });

  it('a shared limit ends with its reset, if none of those that waited for it is left', async () => {
    const kept = memoryStore();
    const { module } = service();
    const first = await rig({ store: durable(kept) });
    await first.agents.start(await first.agents.register({ id: 'ada', module, quota: 'provider' }));
    await first.system.tasks.submit('ada', { type: 'call' });
    await first.system.close();
    const { agents, system, clock } = await rig({
      store: durable(kept),
      clock: simulatedClock({ startAt: first.clock.now() }),
      agents: [module],
    });
    expect(system.quotas.list()).toMatchObject([{ name: 'provider', status: 'parked' }]);
    await agents.forget('ada');
    await clock.advance(WAIT_MS);
    expect(system.quotas.list()).toEqual([]);
  });

  it.each([0, 1, 60_000])(
    'it goes on at once where nothing is left, %i ms after the reset',
    async (lateMs) => {
      const kept = memoryStore();
      const { gate, module } = service();
      const clock = simulatedClock();
      const store = mortalStore(kept);
      const first = await rig({ store, clock });
      await first.agents.register({ id: 'ada', module });
      await first.agents.start('ada');
      const { id } = await first.system.tasks.submit('ada', { type: 'call' });
      const { until } = first.agents.get('ada').parked!;
      store.die();
      gate.isShut = false;
      const {
        agents,
        system,
        clock: later,
      } = await rig({
        store: mortalStore(kept),
        clock: simulatedClock({ startAt: until + lateMs }),
        agents: [module],
      });
      await later.advance(0);
      expect(await system.tasks.result(id)).toBe(1);
      expect(agents.get('ada')).toMatchObject({ status: 'running' });
      expect(agents.get('ada').parked).toBeUndefined();
      expect(system.quotas.list()).toEqual([]);
    },
  );

  it('it goes on waiting for what is left: sqlite', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-parked-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'fleet.db');
    const { gate, module } = service();
    const clock = simulatedClock();
    const first = await rig({ store: sqliteStore(path), clock });
    await first.agents.register({ id: 'ada', module });
    await first.agents.start('ada');
    const parked = Promise.withResolvers<void>();
    first.system.events.subscribe(({ type }) => {
      if (type === 'agent.parked') parked.resolve();
    });
    const { id } = await first.system.tasks.submit('ada', { type: 'call' });
    await parked.promise;
    const { until } = first.agents.get('ada').parked!;
    await first.system.close();
    gate.isShut = false;
    const next = await rig({
      store: sqliteStore(path),
      clock: simulatedClock({ startAt: clock.now() }),
      agents: [module],
    });
    expect(next.system.tasks.get(id)).toMatchObject({ status: 'parked', parked: { until } });
    await next.agents.start('ada');
    expect(next.agents.get('ada').parked).toMatchObject({ until });
    await next.clock.advance(WAIT_MS);
    expect(await next.system.tasks.result(id)).toBe(1);
  });
});

/** A store that outlives its system, as a file would. */
function durable(kept: Store): Store {
  return {
    isDurable: true,
    recover: () => kept.recover(),
    append: (batch) => kept.append(batch),
    read: (query) => kept.read(query),
    state: (agentId) => kept.state(agentId),
    close: () => undefined,
  };
}
