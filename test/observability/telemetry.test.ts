import {
  context,
  createNoopMeter,
  type Meter,
  metrics,
  ProxyTracerProvider,
  trace,
} from '@opentelemetry/api';
import {
  type DataPoint,
  InMemoryMetricExporter,
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { pino } from 'pino';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import {
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
  type TelemetryOptions,
} from '../../src/index.ts';
import { Telemetry } from '../../src/runtime/observability/telemetry.ts';
import { DURATION_BUCKETS_SECONDS } from '../../src/runtime/observability/duration-buckets.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { simulatedClock } from '../../src/testing/index.ts';
import { recordedSpans } from '../kit/recorded-spans.ts';

const worker = defineAgent({
  type: 'worker',
  init: () => ({}),
  tasks: {
    work: {
      run: ({ log }) => {
        log.info('at work');
        trace.getTracer('the agent').startSpan('inside').end();
        return 'done';
      },
    },
    fail: {
      run: () => {
        throw new Error('no luck');
      },
    },
  },
});

const { spans, tracers } = recordedSpans();

const silent = pino({ level: 'silent' });

const idOf = (span: { spanContext(): { spanId: string } }) => span.spanContext().spanId;

/** A meter, and what it has measured. */
function measuring() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meters = new MeterProvider({ readers: [reader] });
  return {
    meter: meters.getMeter('test'),
    points: async (name: string) => {
      exporter.reset();
      await reader.forceFlush();
      return exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) =>
          (dataPoints as DataPoint<unknown>[]).map(({ attributes, value }) => ({ ...attributes, value })),
        );
    },
    close: () => meters.shutdown(),
  };
}

it("a task is a span of its caller's trace, and the agent's own spans are its children", async () => {
  spans.reset();
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  await using system = await createAgentSystem({ logger });
  const id = await system.agents.register({ id: 'one', module: worker });
  await system.agents.start(id);
  const caller = trace.getTracer('the caller').startSpan('caller');
  await context.with(trace.setSpan(context.active(), caller), () =>
    system.agents.execute(id, { type: 'work' }),
  );
  caller.end();

  const byName = Object.fromEntries(spans.getFinishedSpans().map((span) => [span.name, span]));
  const task = byName['task work'];
  expect(task?.parentSpanContext?.spanId).toBe(caller.spanContext().spanId);
  expect(byName['inside']?.parentSpanContext?.spanId).toBe(task?.spanContext().spanId);
  expect(task?.attributes).toMatchObject({
    'mabeam.agent.id': 'one',
    'mabeam.agent.type': 'worker',
    'mabeam.agent.incarnation': 1,
    'mabeam.task': 'work',
  });
  const line = lines.find(({ msg }) => msg === 'at work');
  expect(line).toMatchObject({
    agentId: 'one',
    incarnation: 1,
    trace_id: task?.spanContext().traceId,
    span_id: task?.spanContext().spanId,
  });
});

it('a task that fails is a span with the error and its code', async () => {
  spans.reset();
  await using system = await createAgentSystem({ logger: pino({ level: 'silent' }) });
  const id = await system.agents.register({ module: worker });
  await system.agents.start(id);
  await expect(system.agents.execute(id, { type: 'fail' })).rejects.toMatchObject({ code: 'TASK_FAILED' });
  const [span] = spans.getFinishedSpans();
  expect(span?.name).toBe('task fail');
  expect(span?.status.message).toMatch(/no luck/);
  expect(span?.attributes['mabeam.error.code']).toBe('TASK_FAILED');
  expect(span?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
    [
      'exception',
      {
        'exception.type': 'TASK_FAILED',
        'exception.message': expect.stringContaining('no luck'),
        'exception.stacktrace': expect.stringContaining('AgentSystemError'),
      },
    ],
  ]);
});

const noGauge = (): never => {
  throw new Error('no gauge');
};
const meterWithoutGauge = {
  createObservableGauge: noGauge,
  createCounter: noGauge,
  createHistogram: noGauge,
};

it.each([
  [{ meter: {} }, /telemetry\.meter: expected an object with createObservableGauge, createCounter/],
  [{ tracer: {} }, /telemetry\.tracer: expected an object with startSpan, got \{\}/],
  [{ meter: meterWithoutGauge }, /telemetry\.meter: expected a Meter of OpenTelemetry: no gauge/],
])(
  'telemetry of another make is refused by name, and the store is free for the next',
  async (telemetry, message) => {
    const directory = await mkdtemp(join(tmpdir(), 'mabeam-telemetry-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const store = () => sqliteStore(join(directory, 'fleet.db'));
    const logger = pino({ level: 'silent' });
    await expect(
      createAgentSystem({ store: store(), logger, telemetry: telemetry as TelemetryOptions }),
    ).rejects.toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringMatching(message) as string,
    });
    await (await createAgentSystem({ store: store(), logger })).close();
  },
);

it('metrics count agents by status, and what became of bodies and tasks, with no id in a label', async () => {
  const meters = measuring();
  const clock = simulatedClock();
  const system = await createAgentSystem({
    clock,
    random: () => 0,
    logger: silent,
    telemetry: { meter: meters.meter },
  });
  const { agents } = system;
  const ids = await Promise.all(Array.from({ length: 3 }, () => agents.register({ module: worker })));
  for (const id of ids) await agents.start(id);
  await agents.execute(ids[0]!, { type: 'work' });
  await agents.execute(ids[0]!, { type: 'fail' }).catch(() => undefined);
  await agents.stop(ids[1]!);
  await agents.kill(ids[2]!);

  expect(await meters.points('mabeam.agents')).toEqual([
    { type: 'worker', status: 'running', value: 1 },
    { type: 'worker', status: 'stopped', value: 1 },
    { type: 'worker', status: 'crashed', value: 1 },
  ]);
  expect(await meters.points('mabeam.agent.starts')).toEqual([{ type: 'worker', value: 3 }]);
  expect(await meters.points('mabeam.agent.ends')).toEqual([
    { type: 'worker', as: 'stopped', value: 1 },
    { type: 'worker', as: 'crashed', value: 1 },
  ]);
  expect(await meters.points('mabeam.agent.restarts')).toEqual([{ type: 'worker', value: 1 }]);
  expect(await meters.points('mabeam.tasks')).toEqual([
    { type: 'worker', task: 'work', as: 'completed', value: 1 },
    { type: 'worker', task: 'fail', as: 'failed', code: 'TASK_FAILED', value: 1 },
  ]);
  expect(await meters.points('mabeam.task.duration')).toMatchObject([
    { type: 'worker', task: 'work', as: 'completed', value: { count: 1 } },
    { type: 'worker', task: 'fail', as: 'failed', code: 'TASK_FAILED', value: { count: 1 } },
  ]);
  await system.close();
  await meters.close();
});

it('durations are divided from 1 ms to ten minutes, as in Prometheus', async () => {
  const meters = measuring();
  const system = await createAgentSystem({ logger: silent, telemetry: { meter: meters.meter } });
  await system.agents.start(await system.agents.register({ id: 'ada', module: worker }));
  await system.pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 1 });
  await system.agents.execute('ada', { type: 'work' });
  await system.pools.execute('crew', { type: 'work' });
  const divided = { value: { buckets: { boundaries: [...DURATION_BUCKETS_SECONDS] } } };
  for (const name of ['mabeam.task.duration', 'mabeam.task.wait', 'mabeam.pool.task.duration']) {
    expect([name, await meters.points(name)]).toMatchObject([name, [divided]]);
  }
  await system.close();
  await meters.close();
});

it('metrics count what tasks park for, try again and spend, by unit', async () => {
  const meters = measuring();
  const clock = simulatedClock();
  const system = await createAgentSystem({
    clock,
    random: () => 0,
    logger: silent,
    telemetry: { meter: meters.meter },
  });
  let call = 0;
  const module = defineAgent({
    type: 'client',
    init: () => ({}),
    tasks: {
      call: {
        retry: { attempts: 2 },
        run: async ({ budget, park }) => {
          await (await budget.reserve({ tokens: 10, money: 0.5 })).settle({ tokens: 4, money: 0.25 });
          call += 1;
          if (call === 1) park({ afterMs: 10, why: 'full' });
          if (call === 2) throw new Error('once');
        },
      },
    },
  });
  system.budgets.define({ name: 'all', limits: { tokens: 100 } });
  const id = await system.agents.register({ module });
  await system.agents.start(id);
  const done = system.agents.execute(id, { type: 'call' });
  await clock.advance(60_000);
  await done;
  const of = { type: 'client', task: 'call' };
  expect(await meters.points('mabeam.task.parks')).toEqual([{ ...of, value: 1 }]);
  expect(await meters.points('mabeam.task.retries')).toEqual([{ ...of, code: 'TASK_FAILED', value: 1 }]);
  expect(await meters.points('mabeam.budget.used')).toEqual([
    { type: 'client', budget: 'all', unit: 'tokens', value: 12 },
    { type: 'client', budget: 'all', unit: 'money', value: 0.75 },
  ]);
  expect(await meters.points('mabeam.alerts')).toEqual([]);
  await system.close();
  await meters.close();
});

it.each(['has closed', 'could not be created'])(
  'a system that %s is not asked for its gauges any more',
  async (how) => {
    const asked = new Set<unknown>();
    const meters = measuring();
    const meter = Object.create(meters.meter, {
      createObservableGauge: {
        value: () => ({
          addCallback: (callback: unknown) => asked.add(callback),
          removeCallback: (callback: unknown) => asked.delete(callback),
        }),
      },
    }) as Meter;
    const kept = memoryStore();
    const first = await createAgentSystem({ store: kept, logger: silent, telemetry: { meter } });
    await first.agents.register({ module: worker });
    expect(asked.size).toBeGreaterThan(0);
    await first.close();
    if (how === 'could not be created') {
      const broken = async () => {
        const recovery = await kept.recover();
        const agents = recovery.agents.map(({ registered, latest }) => ({
          registered: { ...registered, spec: { ...registered.spec, shutdownMs: 'long' as never } },
          latest,
        }));
        return { ...recovery, agents };
      };
      const store: Store = {
        isDurable: false,
        recover: broken,
        append: (batch) => kept.append(batch),
        read: (query) => kept.read(query),
        state: (agentId) => kept.state(agentId),
        close: () => kept.close(),
      };
      await expect(
        createAgentSystem({ store, logger: silent, telemetry: { meter }, agents: [worker] }),
      ).rejects.toMatchObject({ code: 'STORE_FAILED' });
    }
    expect(asked.size).toBe(0);
    await meters.close();
  },
);

it('durations are in seconds: a task that runs 2.5 s, one that waits as long, and a pool that knows both', async () => {
  const meters = measuring();
  const clock = simulatedClock();
  const system = await createAgentSystem({ clock, logger: silent, telemetry: { meter: meters.meter } });
  const module = defineAgent({
    type: 'slow',
    init: () => ({}),
    tasks: {
      take: { run: () => new Promise((resolve) => void clock.setTimeout(() => resolve('done'), 2_500)) },
    },
  });
  const sumsOf = async (name: string) =>
    (await meters.points(name)).map(({ value }) => {
      const { sum, count } = value as { sum: number; count: number };
      return { sum, count };
    });
  const id = await system.agents.register({ module });
  await system.agents.start(id);
  const both = [system.agents.execute(id, { type: 'take' }), system.agents.execute(id, { type: 'take' })];
  await clock.advance(5_000);
  await Promise.all(both);
  expect(await sumsOf('mabeam.task.wait')).toEqual([{ sum: 2.5, count: 2 }]);
  expect(await sumsOf('mabeam.task.duration')).toEqual([{ sum: 5, count: 2 }]);

  await system.pools.create({ name: 'crowd', min: 1, max: 1, spec: { module } });
  const pooled = [1, 2].map(() => system.pools.execute('crowd', { type: 'take' }));
  await clock.advance(5_000);
  await Promise.all(pooled);
  expect(await sumsOf('mabeam.pool.task.duration')).toEqual([{ sum: 7.5, count: 2 }]);
  await system.close();
  await meters.close();
});

it.each([
  ['in this program', worker],
  ['in a process', new URL('../fixtures/agents/mortal.ts', import.meta.url)],
])('tasks of a pool %s are spans of their own callers, with their time in the line', async (_, module) => {
  const meters = measuring();
  const system = await createAgentSystem({ logger: silent, telemetry: { meter: meters.meter } });
  const spec = { module, initArgs: { inits: [] } };
  await system.pools.create({ name: 'crowd', min: 1, max: 1, queueLimit: 2, spec });
  const type = module === worker ? 'work' : 'count';
  const tracer = trace.getTracer('the caller');
  const callers = ['ada', 'alan', 'grace', 'one too many'].map((name) => tracer.startSpan(name));
  spans.reset();
  const fates = await Promise.allSettled(
    callers.map((caller) =>
      context.with(trace.setSpan(context.active(), caller), () => system.pools.execute('crowd', { type })),
    ),
  );
  expect(fates.map(({ status }) => status)).toEqual([...Array(3).fill('fulfilled'), 'rejected']);

  const ended = spans.getFinishedSpans();
  const pooled = callers.map((caller) =>
    ended.find(({ parentSpanContext }) => parentSpanContext?.spanId === idOf(caller)),
  );
  expect(pooled.map((span) => span?.name)).toEqual(Array(4).fill(`pool task ${type}`));
  expect(pooled[0]?.attributes).toEqual({ 'mabeam.pool': 'crowd', 'mabeam.task': type });
  expect(pooled[3]?.attributes).toMatchObject({ 'mabeam.error.code': 'TASK_QUEUE_FULL' });
  const tasks = ended.filter(({ name }) => name === `task ${type}`);
  expect(tasks.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
    pooled.slice(0, 3).map((span) => span && idOf(span)),
  );
  expect(await meters.points('mabeam.pool.task.duration')).toMatchObject([
    { pool: 'crowd', task: type, as: 'failed', code: 'TASK_QUEUE_FULL', value: { count: 1 } },
    { pool: 'crowd', task: type, as: 'completed', value: { count: 3 } },
  ]);
  await system.close();
  await meters.close();
});

it('a task is a span where somebody may see it: with a tracer of its own, or as soon as an SDK is there', () => {
  trace.disable();
  try {
    const global = new Telemetry();
    expect(global.isTracing).toBe(false);
    expect(new Telemetry({ tracer: tracers.getTracer('own') }).isTracing).toBe(true);
    expect(global.isTracing).toBe(false);
    trace.setGlobalTracerProvider(tracers);
    expect([global.isTracing, global.isTracing, new Telemetry().isTracing]).toEqual([true, true, true]);
  } finally {
    trace.disable();
    trace.setGlobalTracerProvider(tracers);
  }
});

it('starts that fail, tasks that are out of time, abandoned or unknown, and alerts are counted one by one', async () => {
  const meters = measuring();
  const counting = new Telemetry({ meter: meters.meter }).count({
    typeOf: (agentId) => (agentId === 'ada' ? 'worker' : undefined),
    counts: () => [],
  })!;
  for (const agentId of ['ada', 'ada', 'gone', undefined]) {
    for (const event of [
      { type: 'agent.start_failed' },
      { type: 'task.timed_out', task: 'work' },
      { type: 'task.abandoned', task: 'work' },
      { type: 'task.unknown', task: 'work' },
      { type: 'alert.raised', alert: 'gave_up' },
    ])
      counting.listener({ ...event, agentId } as never);
  }
  expect(await meters.points('mabeam.agent.start_failures')).toEqual([
    { type: 'worker', value: 2 },
    { type: 'unknown', value: 2 },
  ]);
  const ends = ['timed_out', 'abandoned', 'unknown'];
  const tasks = await meters.points('mabeam.tasks');
  expect(tasks).toHaveLength(6);
  expect(tasks).toEqual(
    expect.arrayContaining([
      ...ends.map((as) => ({ type: 'worker', task: 'work', as, value: 2 })),
      ...ends.map((as) => ({ type: 'unknown', task: 'work', as, value: 2 })),
    ]),
  );
  expect(await meters.points('mabeam.alerts')).toEqual([{ alert: 'gave_up', value: 4 }]);
  await meters.close();
});

const failing = (): never => {
  throw new Error('no exporter');
};

it('the first failure of a tracer is told, and no other; the work is done', async () => {
  const report = vi.fn();
  const telemetry = new Telemetry({ tracer: { startSpan: failing } as never }, report);
  const task = { agentId: 'ada', task: 'work' };
  const outputs = [1, 2].map((n) => telemetry.task(task, async (parent) => [n, parent]));
  expect(await Promise.all(outputs)).toEqual([
    [1, undefined],
    [2, undefined],
  ]);
  expect(report.mock.calls).toEqual([
    ['a tracer or meter has failed, which is told once', new Error('no exporter')],
  ]);
});

it('a global tracer that cannot be asked for is told of, and traces nothing', () => {
  trace.disable();
  const report = vi.fn();
  const telemetry = new Telemetry({}, report);
  const asked = vi.spyOn(ProxyTracerProvider.prototype, 'getDelegateTracer').mockImplementation(failing);
  try {
    expect([telemetry.isTracing, telemetry.isTracing]).toEqual([false, false]);
    expect(report).toHaveBeenCalledTimes(1);
  } finally {
    asked.mockRestore();
    trace.setGlobalTracerProvider(tracers);
  }
});

it('of a span that nobody records nothing is a child, and it is not ended', async () => {
  const end = vi.fn();
  const span = {
    isRecording: () => false,
    spanContext: () => ({ traceId: 'a', spanId: 'b', traceFlags: 0 }),
    end,
  };
  const telemetry = new Telemetry({ tracer: { startSpan: () => span } as never });
  expect(await telemetry.task({ agentId: 'ada', task: 'work' }, async (parent) => parent)).toBeUndefined();
  expect(end).not.toHaveBeenCalled();
});

it('a task of a pool is a span where nothing is measured, is measured where nothing is traced, and is done anyway', async () => {
  const untraced = { startSpan: () => ({ isRecording: () => false }) } as never;
  const noMeter = createNoopMeter();
  const elapsed = vi.fn(() => 0);
  const done = (telemetry: Telemetry) =>
    telemetry.poolTask({ pool: 'crew', task: 'work', clock: { elapsed } as never }, async () => 'done');
  spans.reset();
  expect(await done(new Telemetry({ tracer: untraced, meter: noMeter }))).toBe('done');
  expect([elapsed.mock.calls.length, spans.getFinishedSpans()]).toEqual([0, []]);
  expect(await done(new Telemetry({ tracer: tracers.getTracer('own'), meter: noMeter }))).toBe('done');
  expect(spans.getFinishedSpans().map(({ name }) => name)).toEqual(['pool task work']);
  const meters = measuring();
  const measured = new Telemetry({ tracer: untraced, meter: meters.meter });
  measured.count({ typeOf: () => undefined, counts: () => [] });
  elapsed.mockReturnValueOnce(1_000).mockReturnValueOnce(3_500);
  expect(await done(measured)).toBe('done');
  expect(await meters.points('mabeam.pool.task.duration')).toMatchObject([
    { pool: 'crew', task: 'work', as: 'completed', value: { sum: 2.5, count: 1 } },
  ]);
  await meters.close();
});

it('counts nothing where nobody would read it, or where there is no meter to be had', () => {
  const fleet = { typeOf: () => undefined, counts: () => [] };
  expect(new Telemetry({ meter: createNoopMeter() }).count(fleet)).toBeUndefined();
  const asked = vi.spyOn(metrics, 'getMeter').mockImplementation(failing);
  const none = new Telemetry();
  asked.mockRestore();
  expect(none.count(fleet)).toBeUndefined();
});

it('counts of agents that fail to come are the meter’s to hear of, and end no program', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  onTestFinished(() => void process.off('unhandledRejection', unhandled));
  let observe: ((result: object) => unknown) | undefined;
  const made = { add() {}, record() {} };
  const meter = {
    createObservableGauge: () => ({
      addCallback: (callback: NonNullable<typeof observe>) => (observe = callback),
    }),
    createCounter: () => made,
    createHistogram: () => made,
  };
  const observed = vi.fn();
  let counts: () => Promise<{ type: string; status: 'running'; count: number }[]> = failing;
  new Telemetry({ meter: meter as never }).count({ typeOf: () => undefined, counts: () => counts() });
  counts = async () => [{ type: 'worker', status: 'running', count: 3 }];
  await observe!({ observe: observed });
  expect(observed.mock.calls).toEqual([[3, { type: 'worker', status: 'running' }]]);
  counts = async () => failing();
  const told = observe!({ observe: observed });
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
  await expect(told).rejects.toThrow('no exporter');
  expect(unhandled).not.toHaveBeenCalled();
});

it("takes the API that a project's SDK brings, before 1.10 and since: beside another one nothing would be traced", async () => {
  const own = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { dependencies } = JSON.parse(own) as { readonly dependencies: Readonly<Record<string, string>> };
  const [, minor] = /^\^1\.(\d+)\.\d+$/.exec(dependencies['@opentelemetry/api']!)!;
  expect(Number(minor)).toBeLessThan(10);
});
