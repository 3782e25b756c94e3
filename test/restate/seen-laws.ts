/** Laws of what is seen of a fleet, and of streams between agents. As laws.ts, run on one program and on machines. */
import { setup } from 'xstate';
import { expect, test } from 'vitest';
import { type ChartEvent, defineChartAgent } from '../../src/chart-agent.ts';
import { type AgentCode, type Coverage, defineAgent, type QuotaRecord } from '../../src/index.ts';
import { agentMachine } from '../../src/machines/index.ts';
import { countsOf } from '../../src/runtime/engine/chart-counts.ts';
import { eventually } from '../kit/eventually.ts';
import { refusal } from '../kit/rig.ts';
import type { Subject } from './laws.ts';

type Either<Value> = Value | Promise<Value>;

/** What both have, as far as these laws use it. */
export interface SeenSubject extends Subject {
  readonly agents: Subject['agents'] & {
    can(id: string, asked: string | object): Either<boolean>;
    next(id: string): Promise<readonly string[]>;
    chart(id: string): Promise<{ readonly active: readonly string[] } | undefined>;
  };
  readonly tasks: Subject['tasks'] & { legal(taskId: string): Either<readonly string[]> };
  readonly quotas: {
    list(): Either<readonly QuotaRecord[]>;
    lift(name: string, options?: { readonly by?: string }): Promise<QuotaRecord>;
  };
  readonly events: Subject['events'] & {
    replay(agentId: string, until?: number): Promise<readonly { readonly type: string }[]>;
  };
  resources(): Either<{ readonly agents: number; readonly memoryBytes: number; readonly agentsLeft: number }>;
  coverage(): Either<Coverage>;
}

const tasks = { open: { answer: 'taken' }, shut: { answer: 'taken' } } as const;

const doorOf = (type: string) =>
  defineChartAgent({
    type,
    tasks,
    machine: setup({ types: { events: {} as ChartEvent<typeof tasks> } }).createMachine({
      id: type,
      initial: 'closed',
      states: { closed: { on: { open: 'ajar' } }, ajar: { on: { shut: 'closed' } } },
    }),
  });

const door = doorOf('door');
/** One law counts its steps. */
const gate = doorOf('gate');

/** Tasks that have run into a limit. */
const limited = new Set<string>();

const source = defineAgent({
  type: 'source',
  init: () => ({}),
  tasks: {
    emit: {
      run: async ({ input, emit }) => {
        for (let chunk = 1; chunk <= (input as number); chunk++) await emit(chunk);
        return 'all';
      },
    },
    fail: {
      run: async ({ emit }) => {
        await emit('first');
        throw new RangeError('dry');
      },
    },
    flying: { requires: ['wings'], run: () => 'up' },
    /** Until it is lifted. */
    limited: {
      run: ({ taskId, park }) => {
        if (limited.has(taskId)) return 'done';
        limited.add(taskId);
        return park({ until: Date.now() + 3_600_000, why: 'enough' });
      },
    },
  },
});

const reader = defineAgent({
  type: 'reader',
  init: () => ({}),
  tasks: {
    read: {
      run: async ({ input, agents }) => {
        const {
          target,
          task,
          count = Infinity,
        } = input as {
          target: string | { type: string };
          task: { type: string; input?: unknown };
          count?: number;
        };
        const stream = agents.stream(target, task);
        const chunks: unknown[] = [];
        for await (const chunk of stream) {
          chunks.push(chunk);
          if (chunks.length >= count) break;
        }
        return { chunks, ...(count === Infinity ? { output: await stream.output } : {}) };
      },
    },
  },
});

export const seenAgents: readonly AgentCode[] = [door, gate, source, reader];

/** A read may throw at once in one program. */
const reading = async <Value>(read: () => Either<Value>): Promise<Value> => read();

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function seenLaws(subjectOf: () => SeenSubject): void {
  const agents = () => subjectOf().agents;
  const started = async (spec: object): Promise<string> => {
    const id = await agents().register(spec);
    await agents().start(id);
    return id;
  };

  test('an agent says which tasks it takes as it stands, and shows the chart that it is', async () => {
    const [chart, plain] = [await started({ module: door }), await started({ module: source })];
    expect(await agents().next(chart)).toEqual(['open']);
    expect(await agents().can(chart, { type: 'open' })).toBe(true);
    expect(await agents().can(chart, { type: 'shut' })).toBe(false);
    expect((await agents().chart(chart))?.active).toEqual(['closed']);
    await agents().execute(chart, { type: 'open' });
    expect(await agents().next(chart)).toEqual(['shut']);
    expect((await agents().chart(chart))?.active).toEqual(['ajar']);
    expect([...(await agents().next(plain))].toSorted()).toEqual(['emit', 'fail', 'limited']);
    expect(await agents().can(plain, { type: 'emit', input: 1 })).toBe(true);
    expect(await agents().can(plain, { type: 'flying' })).toBe(false);
    expect(await agents().can(plain, 'stop')).toBe(true);
    expect(await agents().chart(plain)).toBeUndefined();
    expect((await refusal(reading(() => agents().can(plain, { task: 'emit' })))).code).toBe(
      'TASK_INPUT_INVALID',
    );
    await agents().stop(chart);
    expect(await agents().can(chart, { type: 'open' })).toBe(false);
    expect((await refusal(agents().next(chart))).code).toBe('AGENT_NOT_RUNNING');
    expect((await refusal(agents().chart(chart))).code).toBe('AGENT_NOT_RUNNING');
    expect((await refusal(agents().next('stranger'))).code).toBe('AGENT_NOT_FOUND');
  });

  test('a task reads what another agent streams, to its end, to its failure, or as far as it wants', async () => {
    const [from, id] = [await started({ module: source }), await started({ module: reader })];
    const read = (input: object): Promise<unknown> => agents().execute(id, { type: 'read', input });
    const all = Array.from({ length: 40 }, (_, index) => index + 1);
    expect(await read({ target: from, task: { type: 'emit', input: 40 } })).toEqual({
      chunks: all,
      output: 'all',
    });
    expect(await read({ target: from, task: { type: 'emit', input: 1_000_000 }, count: 3 })).toEqual({
      chunks: [1, 2, 3],
    });
    await eventually(
      () => agents().get(from),
      ({ metrics }) => metrics.running === 0,
    );
    expect((await refusal(read({ target: from, task: { type: 'fail' } }))).cause).toMatchObject({
      cause: { message: 'dry' },
    });
    expect((await refusal(read({ target: 'nobody', task: { type: 'emit' } }))).cause).toMatchObject({
      code: 'AGENT_NOT_FOUND',
    });
  });

  test('a limit is seen by its name, and is lifted by who knows better', async () => {
    const { quotas, tasks: given, events } = subjectOf();
    const quota = `provider ${crypto.randomUUID()}`;
    const own = await started({ module: source });
    const shared = await started({ module: source, quota });
    for (const [id, name, isShared] of [
      [own, own, false],
      [shared, quota, true],
    ] as const) {
      const { id: taskId } = await given.submit(id, { type: 'limited' });
      const parked = await eventually(
        async () => (await quotas.list()).find((found) => found.name === name),
        (found) => found?.waiting.includes(id) === true,
      );
      expect(parked).toMatchObject({
        name,
        isShared,
        status: 'parked',
        parked: { why: 'enough' },
        waiting: [id],
      });
      expect([...(await given.legal(taskId))]).toEqual(['cancel']);
      expect((await quotas.lift(name, { by: 'ann' })).status).not.toBe('parked');
      await eventually(
        async () => {
          const told: { readonly type: string; readonly quota?: string; readonly by?: string }[] = [];
          for await (const event of events.read()) if (event.type === 'quota.lifted') told.push(event);
          return told;
        },
        (told) => told.some((event) => event.quota === name && event.by === 'ann'),
      );
      expect(await given.result(taskId)).toBe('done');
      expect([...(await given.legal(taskId))].toSorted()).toEqual(['forget']);
    }
    expect((await refusal(quotas.lift('nobody'))).code).toBe('QUOTA_UNKNOWN');
    expect((await refusal(reading(() => given.legal('no task')))).code).toBe('TASK_UNKNOWN');
  });

  test('the life of an agent is told by its events, what is reserved is counted, and so are the steps of charts', async () => {
    const { events } = subjectOf();
    const before = await subjectOf().resources();
    const id = await agents().register({ module: source });
    await agents().start(id);
    const running = await subjectOf().resources();
    expect(running.agents).toBe(before.agents + 1);
    expect(running.agentsLeft).toBe(before.agentsLeft - 1);
    await agents().stop(id);
    const steps = await eventually(
      () => events.replay(id),
      (found) => found.at(-1)?.type === 'agent.stopped',
    );
    expect(steps.map(({ type }) => type)).toEqual([
      'agent.registered',
      'agent.starting',
      'agent.started',
      'agent.stopping',
      'agent.stopped',
    ]);
    expect(steps.at(-1)).toMatchObject({ status: 'stopped', incarnation: 1, reason: 'shutdown' });
    expect(await events.replay('stranger')).toEqual([]);
    await agents().execute(await started({ module: gate }), { type: 'open' });
    const coverage = await subjectOf().coverage();
    expect(coverage.report('gate').transitions).toEqual({ taken: 1, all: 2 });
    const life = coverage.report('agent');
    expect(life.transitions.all).toBe(Object.keys(countsOf(agentMachine).transitions).length);
    expect(life.transitions.taken).toBeGreaterThan(3);
    expect(life.never).not.toContain('agent.registered: agent.start → alive');
    expect(coverage.report('quota').guards.all).toBeGreaterThan(0);
    expect(coverage.charts.filter(({ chart }) => chart === 'agent')).toHaveLength(1);
  });
}
