/** Traces, metrics and the inspector: the same laws on one program and on a fleet. */
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type AgentSystem, createAgentSystem, defineAgent, type Tally, variable } from '../../src/index.ts';
import { createInspector } from '../../src/inspector.ts';
import { connectFleet, createAgentNode, type Fleet } from '../../src/restate.ts';
import { hasEngine } from './engine.ts';
import { eventually } from '../kit/eventually.ts';
import { recordedSpans } from '../kit/recorded-spans.ts';
import { fresh, PATIENT_MS, sharedEngine } from './fleet-rig.ts';

/** Tasks that have run into a limit. */
const limited = new Set<string>();

const worker = defineAgent({
  type: 'traced',
  init: () => ({}),
  tasks: {
    work: {
      run: () => {
        trace.getTracer('the agent').startSpan('inside').end();
        return 'done';
      },
    },
    fail: {
      run: () => {
        throw new Error('no luck');
      },
    },
    spend: {
      run: async ({ budget }) => {
        const reserved = await budget.reserve({ calls: 8 });
        await reserved.settle({ calls: 8 });
      },
    },
    /** Runs into a limit, once. */
    limited: {
      run: ({ taskId, park }) => {
        if (limited.has(taskId)) return 'done';
        limited.add(taskId);
        return park({ until: Date.now() + 3_600_000, why: 'enough' });
      },
    },
    ask: { run: ({ input, agents }) => agents.execute(input as string, { type: 'work' }) },
  },
});

let gate = Promise.withResolvers<void>();
/** Votes once the gate is open. */
const decider = defineAgent({
  type: 'decider',
  variables: ['rate'],
  init: () => ({}),
  tasks: {},
  vote: async ({ proposal }) => {
    await gate.promise;
    return (proposal.value as number) > 10 ? 'reject' : 'accept';
  },
});

const { spans } = recordedSpans();
const silent = pino({ level: 'silent' });

type Watched = (AgentSystem | Fleet) & { readonly agents: AgentSystem['agents'] };
type Options = Pick<Parameters<typeof createAgentSystem>[0] & object, 'telemetry'> & {
  readonly inspect?: Awaited<ReturnType<typeof createInspector>>['observe'];
};

type Context = Readonly<Record<string, unknown>>;
interface Snapshot {
  readonly value?: unknown;
  readonly context?: Context;
}
interface Told {
  readonly name?: string;
  readonly sessionId: string;
  readonly snapshot: Snapshot;
}

/** A pool that has so many members, and wants no others. */
function isSteady({ value, context }: Snapshot, size: number): boolean {
  const { live, wanted } = context ?? {};
  return isDeepStrictEqual(value, { serving: 'steady' }) && live === size && wanted === size;
}

function laws(opened: (options: Options) => Promise<Watched>) {
  test('a task is a child of its caller, and what its agent does is a child of the task, over all calls', async () => {
    const { agents, pools } = await opened({});
    const [asking, asked] = [fresh('asking'), fresh('asked')];
    for (const id of [asking, asked]) await agents.start(await agents.register({ id, module: worker }));
    const caller = trace.getTracer('the caller');
    spans.reset();
    await caller.startActiveSpan('outside', async (span) => {
      await agents.execute(asking, { type: 'ask', input: asked });
      span.end();
    });
    await agents.execute(asking, { type: 'fail' }).catch(() => undefined);
    const finished = spans.getFinishedSpans();
    const of = (name: string) => finished.find((span) => span.name === name)!;
    const parentOf = (name: string) => of(name).parentSpanContext?.spanId;
    const idOf = (name: string) => of(name).spanContext().spanId;
    expect(parentOf('task ask')).toBe(idOf('outside'));
    expect(parentOf('task work')).toBe(idOf('task ask'));
    expect(parentOf('inside')).toBe(idOf('task work'));
    expect(of('task work').attributes).toMatchObject({ 'mabeam.agent.id': asked, 'mabeam.task': 'work' });
    expect(of('task fail').attributes).toMatchObject({ 'mabeam.error.code': 'TASK_FAILED' });
    const name = fresh('crew');
    await pools.create({ name, spec: { module: worker }, min: 1, max: 1 });
    spans.reset();
    await (pools as AgentSystem['pools']).execute(name, { type: 'work' });
    const ofPool = spans.getFinishedSpans();
    const traces = new Set(ofPool.map((span) => span.spanContext().traceId));
    expect([traces.size, ofPool.map((span) => span.name)]).toEqual([
      1,
      expect.arrayContaining(['pool task work', 'inside']),
    ]);
    await pools.close(name);
  });

  test('metrics count starts, tasks and agents by type, of the whole fleet', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meters = new MeterProvider({ readers: [reader] });
    onTestFinished(() => meters.shutdown());
    const early = await opened({ telemetry: { meter: meters.getMeter('test') } });
    const { agents } = early;
    const points = async (name: string) => {
      await meters.forceFlush();
      const metrics =
        exporter
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
      const found = metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
      return found.map(({ attributes, value }) => ({ ...attributes, value }));
    };
    const id = await agents.register({ id: fresh('ada'), module: worker });
    await agents.start(id);
    await agents.execute(id, { type: 'work' } as never);
    await agents.execute(id, { type: 'fail' }).catch(() => undefined);
    const ofTasks = await eventually(
      () => points('mabeam.tasks'),
      (found) => found.length === 2,
    );
    expect(ofTasks).toEqual(
      expect.arrayContaining([
        { type: 'traced', task: 'work', as: 'completed', value: 1 },
        { type: 'traced', task: 'fail', as: 'failed', code: 'TASK_FAILED', value: 1 },
      ]),
    );
    expect(await points('mabeam.agent.starts')).toEqual([{ type: 'traced', value: 1 }]);
    const running = (await points('mabeam.agents')).filter(
      (point) => 'status' in point && point.status === 'running',
    );
    expect(running).toEqual([{ type: 'traced', status: 'running', value: expect.any(Number) }]);
  });

  /** An inspector of charts with these names, and what it has told a viewer of each. */
  async function inspected(charts: readonly string[]) {
    const inspector = await createInspector({
      logger: silent,
      filter: ({ definition }) => charts.includes(definition?.id ?? ''),
    });
    onTestFinished(() => inspector.close());
    const watched = await opened({ inspect: inspector.observe });
    const viewer = new WebSocket(inspector.webSocketUrl);
    onTestFinished(() => viewer.terminate());
    const told: Told[] = [];
    viewer.on('message', (data: Buffer) => void told.push(JSON.parse(String(data)) as Told));
    await once(viewer, 'open');
    /** How the last chart stands that is called so, and of which this is true. */
    const standing = (name: string, isWanted: (context: Context) => boolean = () => true) => {
      const called = new Set(told.filter((one) => one.name === name).map(({ sessionId }) => sessionId));
      const { value, context = {} } =
        told.findLast(({ sessionId, snapshot }) => called.has(sessionId) && isWanted(snapshot.context ?? {}))
          ?.snapshot ?? {};
      return { value, context };
    };
    return { ...watched, agents: watched.agents, standing };
  }

  test('an inspector is shown each agent, where it stands, and its end', async () => {
    const { agents, standing } = await inspected(['agent']);
    const id = await agents.register({ id: fresh('ada'), module: worker });
    const stands = () => JSON.stringify(standing(id).value ?? '');
    await agents.start(id);
    await eventually(stands, (value) => value.includes('serving'));
    await agents.stop(id);
    await eventually(stands, (value) => value === '"stopped"');
    await agents.forget(id);
    await eventually(stands, (value) => value === '"forgotten"');
  });

  test('an inspector is shown each pool with its autoscaler, how it grows, and its end', async () => {
    const { pools, standing } = await inspected(['pool', 'autoscaler']);
    const name = fresh('crew');
    const [pool, autoscaler] = [() => standing(`pool ${name}`), () => standing(`autoscaler of ${name}`)];
    const scale = { intervalMs: 60_000 };
    await pools.create({ name, spec: { module: worker }, min: 1, max: 2, scale });
    await eventually(pool, (stands) => isSteady(stands, 1));
    await eventually(autoscaler, ({ value }) => value === 'watching');
    await pools.ensureSize(name, 2);
    await eventually(pool, (stands) => isSteady(stands, 2));
    await eventually(autoscaler, ({ value }) => value === 'coolingDown');
    await pools.close(name);
    await eventually(pool, ({ value }) => value === 'closed');
    await eventually(autoscaler, ({ value }) => value === 'closed');
  });

  test('an inspector is shown each round while it is open, and how it ended', async () => {
    gate = Promise.withResolvers();
    const { agents, variables, consensus, standing } = await inspected(['consensus']);
    await (variables as AgentSystem['variables']).define('rate', variable.integer({ default: 1 }));
    await agents.start(await agents.register({ id: fresh('judge'), module: decider }));
    const proposed = consensus.propose({ variable: 'rate', value: 2 });
    const open = await eventually(
      () => standing('consensus'),
      ({ context }) => (context['tally'] as Tally | undefined)?.voters.total === 1,
    );
    expect(open.value).toBe('voting');
    gate.resolve();
    const { roundId } = await proposed;
    expect(open.context['roundId']).toBe(roundId);
    const end = (id: string) => () => standing('consensus', (context) => context['roundId'] === id);
    await eventually(end(roundId), ({ value }) => value === 'accepted');
    const refused = await consensus.propose({ variable: 'rate', value: 20 });
    const { context } = await eventually(end(refused.roundId), ({ value }) => value === 'rejected');
    expect((context['tally'] as Tally).voters).toMatchObject({ total: 1, reject: 1 });
  });
}

describe('one program', () => {
  laws(async (options) => {
    const system = await createAgentSystem({ logger: silent, ...options });
    onTestFinished(async () => void (await system.close({ timeoutMs: 0 })));
    return system;
  });
});

describe.runIf(hasEngine())('a fleet', () => {
  const engine = sharedEngine();
  laws(async (options) => {
    const { ingressUrl, adminUrl } = engine();
    const node = await createAgentNode({
      name: fresh('n'),
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl },
      agents: [worker, decider],
      logger: silent,
      leaseMs: PATIENT_MS,
    });
    const fleet = await connectFleet({ ingressUrl, agents: [worker, decider], logger: silent, ...options });
    onTestFinished(async () => {
      await fleet.stopAgents({ timeoutMs: 0 });
      await fleet.close();
      await node.close({ timeoutMs: 2_000 });
    });
    return fleet as unknown as Watched;
  });

  test('an inspector is shown limits, budgets, and whether there is coordination', async () => {
    const inspector = await createInspector({
      logger: silent,
      filter: ({ definition }) => ['quota', 'budget', 'coordinator'].includes(definition?.id ?? ''),
    });
    onTestFinished(() => inspector.close());
    const { ingressUrl } = engine();
    const fleet = await connectFleet({
      ingressUrl,
      agents: [worker],
      logger: silent,
      inspect: inspector.observe,
    });
    const { adminUrl } = engine();
    const node = await createAgentNode({
      name: fresh('n'),
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl },
      agents: [worker],
      logger: silent,
      leaseMs: PATIENT_MS,
    });
    onTestFinished(async () => {
      await fleet.coordination.resume();
      await fleet.stopAgents({ timeoutMs: 0 });
      await fleet.close();
      await node.close({ timeoutMs: 2_000 });
    });
    const viewer = new WebSocket(inspector.webSocketUrl);
    onTestFinished(() => viewer.terminate());
    const told: Told[] = [];
    viewer.on('message', (data: Buffer) => void told.push(JSON.parse(String(data)) as Told));
    await once(viewer, 'open');
    const stands = (name: string) => () => {
      const session = told.findLast((one) => one.name === name)?.sessionId;
      return told.findLast(({ sessionId }) => sessionId === session)?.snapshot ?? {};
    };
    const [budget, group] = [fresh('llm'), fresh('api')];
    await fleet.budgets.define({ name: budget, limits: { calls: 10 } });
    const [shared, alone] = [fresh('shared'), fresh('alone')];
    await fleet.agents.register({ id: shared, module: worker, quota: group });
    await fleet.agents.register({ id: alone, module: worker });
    for (const id of [shared, alone]) await fleet.agents.start(id);
    await fleet.agents.execute(shared, { type: 'spend' });
    const spent = await eventually(
      stands(`budget ${budget}`),
      ({ context }) => context?.['spent'] !== undefined && isDeepStrictEqual(context['spent'], { calls: 8 }),
    );
    expect(spent.value).toEqual({ open: 'low' });
    for (const id of [shared, alone]) await fleet.tasks.submit(id, { type: 'limited' });
    for (const name of [`quota ${group}`, `quota of ${alone}`])
      await eventually(stands(name), ({ value }) => value === 'parked');
    for (const name of [group, alone]) await fleet.quotas.lift(name);
    for (const name of [`quota ${group}`, `quota of ${alone}`])
      await eventually(stands(name), ({ value }) => value === 'open');
    await eventually(stands('coordinator'), ({ value }) => value === 'available');
    await fleet.coordination.suspend();
    await eventually(stands('coordinator'), ({ value }) => isDeepStrictEqual(value, { away: 'suspended' }));
  });

  test('what is no observer of an inspector, or no telemetry, is refused by name', async () => {
    const { ingressUrl } = engine();
    for (const given of [
      { inspect: () => undefined },
      { telemetry: { tracer: {} } },
      { telemetry: { x: 1 } },
    ]) {
      await expect(connectFleet({ ingressUrl, ...given } as never)).rejects.toMatchObject({
        code: 'AGENT_SPEC_INVALID',
        message: expect.stringContaining(Object.keys(given)[0]!) as string,
      });
    }
  });
});
