/** Agents that have others do their work, in every host, to every host. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type AgentSystem, createAgentSystem, defineAgent } from '../../src/index.ts';
import { Agent } from '../../src/runtime/agent/agent.ts';
import asking from '../fixtures/agents/asking.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig, silent } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/asking.ts', import.meta.url);
const hosts = ['in-process', 'thread', 'process'] as const;

describe.for(hosts)('an agent in a host of the kind %s', (isolation) => {
  let system: AgentSystem;
  let agents: AgentSystem['agents'];
  const spans = new InMemorySpanExporter();
  const tracers = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] });
  const started = async (id: string, as: (typeof hosts)[number] = isolation, concurrency = 1) => {
    await agents.register({
      id,
      module,
      isolation: as,
      tasks: { concurrency },
      restart: { policy: 'never' },
    });
    await agents.start(id);
  };
  beforeAll(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(tracers);
    system = await createAgentSystem({ logger: silent });
    ({ agents } = system);
    await Promise.all([
      started('one'),
      started('two'),
      started('many', isolation, 2),
      ...hosts.map((host) => started(`in ${host}`, host)),
    ]);
    await system.pools.create({ name: 'pool', spec: { module: asking }, min: 2, max: 2 });
  });
  afterAll(async () => {
    for (const id of ['one', 'two'])
      expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 1 });
    await system.close();
    trace.disable();
    context.disable();
    await tracers.shutdown();
  });
  const askSeveral = (input: unknown) => agents.execute('several', { type: 'ask', input });
  const attempt = (target: unknown, task: string) =>
    agents.execute('one', { type: 'tryAsking', input: { target, task } });
  const askOne = (input: unknown) => agents.execute('one', { type: 'ask', input });

  test.for(hosts)('has one in a host of the kind %s do a task', async (other) => {
    expect(await askOne({ target: `in ${other}` })).toEqual([`in ${other}`, 'one']);
  });
  test('has one of a type, and a member of a pool', async () => {
    expect(await askOne({ target: { type: 'asking' } })).toEqual([expect.any(String), 'one']);
    expect(await askOne({ target: { pool: 'pool' } })).toEqual([expect.stringMatching(/^pool-/), 'one']);
  });
  test('asks over others, and all of them at once', async () => {
    const way = { target: 'two', next: { target: 'in process', next: { target: 'in thread' } } };
    expect(await askOne(way)).toEqual(['in thread', 'in process', 'two', 'one']);
    const all = ['two', ...hosts.map((host) => `in ${host}`)];
    expect(await agents.execute('one', { type: 'fan', input: all })).toEqual(all);
  });
  test.for(hosts)(
    'reads what one in a host of the kind %s streams, in order, and then its output',
    async (other) => {
      const chunks = Array.from({ length: 40 }, (_, chunk) => chunk);
      const read = (target: unknown, more: object = {}) =>
        agents.execute('one', { type: 'read', input: { target, to: 40, ...more } });
      expect(await read(`in ${other}`)).toEqual({ chunks, output: '40 in all' });
      expect(await read(`in ${other}`, { fails: true })).toMatchObject({
        chunks,
        thrown: { code: 'TASK_FAILED' },
        again: { done: true },
      });
      // One that stops reading cancels it.
      expect(await read(`in ${other}`, { stopAt: 3 })).toMatchObject({
        chunks: [0, 1, 2],
        thrown: { code: 'TASK_ABANDONED' },
        again: { done: true },
      });
      expect(await agents.execute(`in ${other}`, { type: 'who' })).toBe(`in ${other}`);
    },
  );
  test('reads a stream of a pool, and holds back what it does not read', async () => {
    const chunks = [0, 1, 2];
    const input = { target: { pool: 'pool' }, to: 3 };
    expect(await agents.execute('one', { type: 'read', input })).toEqual({ chunks, output: '3 in all' });
    await started('gate');
    const hanging = new Promise<void>((resolve) => {
      const stop = system.events.subscribe((event) => {
        if (event.type !== 'task.started' || event.agentId !== 'gate') return;
        stop();
        resolve();
      });
    });
    const reading = agents.execute('one', { type: 'read', input: { target: 'many', to: 100, holdAt: 5 } });
    await hanging;
    // Five were read; the others wait for the reader, within the window.
    const counted = (await agents.execute('many', { type: 'counted' })) as number;
    expect(counted).toBeGreaterThanOrEqual(5);
    expect(counted).toBeLessThanOrEqual(5 + 16 + 1);
    await agents.kill('gate');
    expect(await reading).toMatchObject({ output: '100 in all' });
  });
  test('is refused with the code and the details that its caller would have, and the cause of a failure', async () => {
    expect(await attempt('nobody', 'who')).toMatchObject({ code: 'AGENT_NOT_FOUND' });
    expect(await attempt({ type: 'nothing' }, 'who')).toMatchObject({ code: 'AGENT_NOT_FOUND' });
    expect(await attempt({ pool: 'none' }, 'who')).toMatchObject({ code: 'POOL_UNKNOWN' });
    expect(await attempt('two', 'nothing')).toMatchObject({
      code: 'TASK_INCOMPATIBLE',
      details: { got: 'nothing' },
    });
    expect(await attempt('two', 'fail')).toMatchObject({
      code: 'TASK_FAILED',
      details: { task: 'fail' },
      cause: { code: 'E_RANGE', message: 'cannot' },
    });
    expect(await attempt(7, 'who')).toMatchObject({ code: 'REQUEST_INVALID' });
  });
  test('is refused what would wait for itself, and the circle is named', async () => {
    const circle = async (...way: string[]) => {
      const asked = way.toReversed().reduce<unknown>((next, target) => ({ target, next }), undefined);
      const { message, code } = await refusal(askOne(asked));
      expect(code).toBe('TASK_FAILED');
      return /would wait for itself: (.*)$/.exec(message)?.[1];
    };
    expect(await circle('one')).toBe('one → one');
    expect(await circle('two', 'one')).toBe('two → one → two');
    expect(await circle('two', 'in thread', 'two')).toBe('in thread → two → in thread');
    // Nobody is left waiting.
    expect(await askOne({ target: 'two' })).toEqual(['two', 'one']);
  });
  test('with more places it may ask itself, as long as one is free', async () => {
    await started('several', isolation, 2);
    expect(await askSeveral({ target: 'several' })).toEqual(['several', 'several']);
    const { message } = await refusal(askSeveral({ target: 'several', next: { target: 'several' } }));
    expect(message).toContain('several → several');
  });
  test('its span is the parent of the span of what it asked for', async () => {
    spans.reset();
    const traceId = await agents.execute('one', { type: 'spanElsewhere', input: 'two' });
    const [inner, outer] = spans.getFinishedSpans().filter(({ name }) => name.startsWith('task span'));
    expect([inner!.name, outer!.name]).toEqual(['task span', 'task spanElsewhere']);
    expect(inner!.parentSpanContext?.spanId).toBe(outer!.spanContext().spanId);
    // A child has no OpenTelemetry of its own, unless its agent brings it along.
    if (isolation === 'in-process') expect(traceId).toBe(outer!.spanContext().traceId);
  });
  test('when it is cancelled, so is what it asked for', async () => {
    const controller = new AbortController();
    const began = new Promise<void>((resolve) => {
      const stop = system.events.subscribe((event) => {
        if (event.type !== 'task.started' || event.task !== 'hang') return;
        stop();
        resolve();
      });
    });
    const work = agents.execute('one', { type: 'hangElsewhere', input: 'two', signal: controller.signal });
    await began;
    controller.abort(new Error('enough'));
    expect(await codeOf(work)).toBe('TASK_ABANDONED');
    expect(await agents.execute('two', { type: 'aborted' })).toHaveLength(1);
  });
});

test('when it is killed, what it asked for is cancelled, and what it asked for in a pool leaves the queue', async () => {
  const { agents, system, eventsOf } = await rig();
  for (const id of ['one', 'two']) {
    await agents.register({ id, module: asking, restart: { policy: 'never' } });
    await agents.start(id);
  }
  await system.pools.create({ name: 'pool', spec: { module: asking }, min: 1, max: 1 });
  const busy = awaited(system.pools.execute('pool', { type: 'hang' }));
  const one = agents.execute('one', { type: 'hangElsewhere', input: 'two' });
  const two = system.pools.get('pool');
  expect(two.waiting).toBe(0);
  expect(await fateOf(one)).toBe('pending');
  await agents.kill('one');
  expect(await fateOf(one)).toBe('TASK_ABANDONED');
  expect(await agents.execute('two', { type: 'aborted' })).toContain('the task that asked has ended');
  expect(eventsOf('task.abandoned').map(({ agentId }) => agentId)).toEqual(['two', 'one']);
  expect(await fateOf(busy)).toBe('pending');
});

test('of a large pool costs what one of a small pool does: its members are not gone through', async () => {
  const { agents, system } = await rig();
  await agents.register({ id: 'asks', module: asking });
  await agents.start('asks');
  await system.pools.create({ name: 'pool', spec: { module: asking }, min: 50, max: 50 });
  const places = vi.spyOn(Agent.prototype, 'places', 'get');
  expect(await agents.execute('asks', { type: 'ask', input: { target: { pool: 'pool' } } })).toEqual([
    expect.stringMatching(/^pool-/),
    'asks',
  ]);
  expect(places).toHaveBeenCalledTimes(1);
  places.mockRestore();
});

test('through a pool: a member that asks for what only its fellows could do while all of them ask for it', async () => {
  const { agents, system, clock } = await rig();
  const open = gate();
  const member = defineAgent({
    type: 'member',
    init: () => 0,
    tasks: {
      askHub: {
        run: async ({ agents: others }) => {
          await open.promise;
          return others.execute('hub', { type: 'who' });
        },
      },
      who: { run: () => 'member' },
    },
  });
  await system.pools.create({ name: 'p', spec: { module: member }, min: 2, max: 2 });
  const hub = defineAgent({
    type: 'hub',
    init: () => 0,
    tasks: {
      who: { run: () => 'hub' },
      ask: {
        run: async ({ agents: others }) => {
          const first = others.execute({ pool: 'p' }, { type: 'askHub' });
          const second = others.execute({ pool: 'p' }, { type: 'askHub' });
          open.resolve();
          return (await Promise.allSettled([first, second])).map(
            (each) => each.status === 'rejected' && (each.reason as Error).message,
          );
        },
      },
    },
  });
  await agents.register({ id: 'hub', module: hub });
  await agents.start('hub');
  const answers = (await agents.execute('hub', { type: 'ask' })) as string[];
  await clock.advance(0);
  // Both members were begun for it: each of them would wait for the one that waits for them.
  for (const answer of answers)
    expect(answer).toMatch(/would wait for itself: member-\d+ → hub → member-\d+$|hub → pool p/);
});

test('what is asked while the system closes is refused', async () => {
  const { agents, system } = await rig();
  const open = gate();
  const late = defineAgent({
    type: 'late',
    init: () => 0,
    tasks: {
      ask: {
        run: async ({ agents: others }) => {
          await open.promise;
          return others.execute('other', { type: 'who' });
        },
      },
    },
  });
  await agents.register({ id: 'late', module: late });
  await agents.start('late');
  const asked = agents.execute('late', { type: 'ask' });
  void system.close();
  open.resolve();
  expect((await refusal(asked)).message).toMatch(/the system is closed, or closing/);
});

test.each([
  ['an agent', 'bob'],
  ['a type', { type: 'worker' }],
])(
  'a call of %s that is down and comes back waits for it if it says so, and is refused otherwise',
  async (_, target) => {
    const worker = defineAgent({ type: 'worker', init: () => ({}), tasks: { work: { run: () => 'done' } } });
    const caller = defineAgent({
      type: 'caller',
      init: () => ({}),
      tasks: {
        call: {
          run: ({ agents, input }) =>
            agents.execute(target, { type: 'work', whenDown: input as 'refuse' | 'wait' }),
        },
      },
    });
    const { agents, clock } = await rig();
    await agents.register({ id: 'bob', module: worker, restart: { policy: 'immediate', delayMs: 500 } });
    await agents.register({ id: 'ada', module: caller, tasks: { concurrency: 2 } });
    for (const id of ['ada', 'bob']) await agents.start(id);
    await agents.kill('bob');
    const [waits, is] = ['wait', 'refuse'].map((input) =>
      awaited(agents.execute('ada', { type: 'call', input })),
    );
    expect((await refusal(is!)).cause).toMatchObject({ code: 'AGENT_NOT_RUNNING' });
    expect(await fateOf(waits!)).toBe('pending');
    await clock.advance(500);
    expect(await waits).toBe('done');
    await agents.stop('bob');
    const down = await refusal(agents.execute('ada', { type: 'call', input: 'wait' }));
    expect(down.cause).toMatchObject({ code: 'AGENT_NOT_RUNNING' });
  },
);
