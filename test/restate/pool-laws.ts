/**
 * Laws of pools, whatever a fleet runs on: what is told of a task while a member does it, tasks that are given to another
 * member, and pools that size themselves. As laws.ts, run on one program and on machines.
 */
import { expect, test } from 'vitest';
import {
  type AgentCode,
  defineAgent,
  defineScalingSignal,
  type NamedScalingSignal,
  type PoolRecord,
  type TaskStream,
} from '../../src/index.ts';
import type { PoolLoad } from '../../src/machines/index.ts';
import { eventually } from '../kit/eventually.ts';
import { codeOf } from '../kit/rig.ts';
import type { Subject } from './laws.ts';

/** What both have, as far as these laws use it. */
export interface PoolSubject extends Subject {
  readonly pools: Subject['pools'] & { stream(name: string, task: object): TaskStream };
}

interface Scaled {
  readonly pool: string;
  readonly from: number;
  readonly to: number;
}

/** Members that have begun a task, by its input. */
const begun = new Map<string, string[]>();
const begunBy = (input: string): string[] => begun.get(input) ?? [];

const held = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('let go'))));

/** Holds the first attempt until its agent ends. */
const firstHolds = async (id: string, input: unknown, signal: AbortSignal): Promise<string> => {
  const key = String(input);
  begun.set(key, [...begunBy(key), id]);
  return begunBy(key).length === 1 ? held(signal) : id;
};

interface State {
  readonly id: string;
}

const member = defineAgent({
  type: 'member',
  init: ({ agentId }): State => ({ id: agentId }),
  tasks: {
    tell: {
      run: ({ input, progress }) => {
        for (let step = 1; step <= (input as number); step++) progress(step);
        return 'told';
      },
    },
    emit: {
      run: async ({ input, emit }) => {
        for (let chunk = 1; chunk <= (input as number); chunk++) await emit(chunk);
        return 'all';
      },
    },
    again: { retry: 'on_host_loss', run: ({ state, input, signal }) => firstHolds(state.id, input, signal) },
    once: { run: ({ state, input, signal }) => firstHolds(state.id, input, signal) },
    hold: { run: ({ signal }) => held(signal) },
    quick: { run: () => 'done' },
  },
});

const follower = defineAgent({
  type: 'follower',
  init: () => ({}),
  tasks: {
    sum: {
      run: async ({ agents, input }) => {
        let sum = 0;
        const stream = agents.stream({ pool: input as string }, { type: 'emit', input: 50 });
        for await (const chunk of stream) sum += chunk as number;
        return [sum, await stream.output];
      },
    },
  },
});

/** A queue elsewhere, and what pools told of their load when they asked how long it is. */
const elsewhere = { waiting: 0, heard: [] as PoolLoad[] };
const backlog = defineScalingSignal('backlog', (load) => {
  elsewhere.heard.push(load);
  return { waiting: elsewhere.waiting, busyShare: 0 };
});
const broken = defineScalingSignal('broken', () => Promise.reject(new Error('no figures today')));

export const lawSignals: readonly NamedScalingSignal[] = [backlog, broken];

export const poolAgents: readonly AgentCode[] = [member, follower];

const byItsSignal = (signal: NamedScalingSignal): object => ({
  scale: { intervalMs: 400, up: { cooldownMs: 0 }, down: { cooldownMs: 0 }, signal },
});

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function poolLaws(subjectOf: () => PoolSubject): void {
  const pools = () => subjectOf().pools;
  const created = (more: object): Promise<string> =>
    pools().create({
      name: `members-${crypto.randomUUID()}`,
      spec: { module: member, restart: { policy: 'immediate', delayMs: 50 } },
      min: 1,
      max: 2,
      ...more,
    });
  const until = (name: string, isIt: (record: PoolRecord) => boolean): Promise<PoolRecord> =>
    eventually(async () => pools().get(name), isIt);

  test('a task that waits for a member is listed with its pool, is known by its id, and can be cancelled', async () => {
    const { tasks, agents } = subjectOf();
    const name = await created({ max: 1 });
    const [only = ''] = (await pools().get(name)).members;
    const release = new AbortController();
    const first = codeOf(pools().execute(name, { type: 'hold', signal: release.signal }));
    await eventually(
      async () => agents.get(only),
      ({ metrics }) => metrics.running === 1,
    );
    const cancelled = codeOf(pools().execute(name, { type: 'quick' }));
    await until(name, (record) => record.waiting === 1);
    const next = pools().execute(name, { type: 'tell', input: 1 });
    await until(name, (record) => record.waiting === 2);
    const listed = async (filter: object) =>
      (await tasks.list(filter)).map(({ task, pool, agentId, status, attempts }) => ({
        task,
        pool,
        agentId,
        status,
        attempts,
      }));
    const waits = { pool: name, agentId: '', status: 'waiting', attempts: 0 };
    expect(await listed({ pool: name })).toEqual([
      { task: 'hold', pool: name, agentId: only, status: 'running', attempts: 1 },
      { task: 'quick', ...waits },
      { task: 'tell', ...waits },
    ]);
    expect(await listed({ pool: name, status: 'waiting', limit: 1 })).toEqual([{ task: 'quick', ...waits }]);
    expect(await listed({ pool: name, type: 'tell' })).toEqual([{ task: 'tell', ...waits }]);
    expect(await listed({ agentId: only, pool: name })).toHaveLength(1);
    const [quick] = await tasks.list({ pool: name, type: 'quick' });
    expect(await tasks.list({ type: 'quick', status: 'waiting' })).toEqual([quick]);
    expect(await tasks.get(quick!.id)).toEqual(quick);
    expect(await tasks.legal(quick!.id)).toEqual(['cancel']);
    expect(await tasks.cancel(quick!.id, 'no need')).toMatchObject({ id: quick!.id, status: 'cancelled' });
    expect(await cancelled).toBe('TASK_ABANDONED');
    expect(await listed({ pool: name, type: 'quick', status: 'waiting' })).toEqual([]);
    release.abort();
    expect([await first, await next]).toEqual(['TASK_ABANDONED', 'told']);
    await pools().close(name);
  });

  test('who has a pool do a task hears its progress in order, also of one that waited for a member', async () => {
    const name = await created({ max: 1 });
    const release = new AbortController();
    const first = codeOf(pools().execute(name, { type: 'hold', signal: release.signal }));
    const told: unknown[] = [];
    const onProgress = (value: unknown): void => void told.push(value);
    const waiting = pools().execute(name, { type: 'tell', input: 3, onProgress });
    await until(name, (record) => record.waiting === 1);
    release.abort();
    expect(await first).toBe('TASK_ABANDONED');
    expect(await waiting).toBe('told');
    expect(told).toEqual([1, 2, 3]);
    expect(await pools().execute(name, { type: 'tell', input: 2, onProgress })).toBe('told');
    expect(told).toEqual([1, 2, 3, 1, 2]);
    await pools().close(name);
  });

  test('a stream of a pool gives every chunk, in order, to a program and to an agent', async () => {
    const name = await created({});
    const stream = pools().stream(name, { type: 'emit', input: 60 });
    const chunks: unknown[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect(await stream.output).toBe('all');
    const { agents } = subjectOf();
    const id = await agents.register({ module: follower });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'sum', input: name })).toEqual([1_275, 'all']);
    expect(await codeOf(pools().stream('no such pool', { type: 'emit' }).output)).toBe('POOL_UNKNOWN');
    await agents.stop(id);
    await pools().close(name);
  });

  test('a task whose member is killed is given to another, as often as retryAbandoned says, and only if its kind allows it', async () => {
    const { agents } = subjectOf();
    const name = await created({ min: 2, retryAbandoned: 1 });
    const [input, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const output = pools().execute(name, { type: 'again', input });
    const [first] = await eventually(
      async () => begunBy(input),
      ({ length }) => length === 1,
    );
    await agents.kill(first!);
    const by = await output;
    expect(begunBy(input)).toEqual([first, by]);
    expect(by).not.toBe(first);
    await until(name, ({ live }) => live === 2);
    const once = codeOf(pools().execute(name, { type: 'once', input: other }));
    const [second] = await eventually(
      async () => begunBy(other),
      ({ length }) => length === 1,
    );
    await agents.kill(second!);
    expect(await once).toBe('TASK_ABANDONED');
    expect(begunBy(other)).toEqual([second]);
    await pools().close(name);
  });

  test('a pool that sizes itself has a member once a task waits, more while all are busy, and none once none is needed', async () => {
    const scale = {
      intervalMs: 400,
      up: { cooldownMs: 0 },
      down: { cooldownMs: 0 },
      ceilings: { memoryPressure: 1, memoryUsed: 1 },
    };
    const name = await created({ min: 0, scale });
    expect(await pools().get(name)).toMatchObject({
      wanted: 0,
      members: [],
      scaling: { policy: { intervalMs: 400 } },
    });
    expect(await pools().execute(name, { type: 'quick' })).toBe('done');
    const release = new AbortController();
    const { signal } = release;
    const held = [1, 2].map(() => codeOf(pools().execute(name, { type: 'hold', signal })));
    expect(await until(name, ({ live }) => live === 2)).toMatchObject({ wanted: 2, max: 2 });
    release.abort();
    expect(await Promise.all(held)).toEqual(['TASK_ABANDONED', 'TASK_ABANDONED']);
    await until(name, ({ wanted, members }) => wanted === 0 && members.length === 0);
    const scaled: (readonly [number, number])[] = [];
    for await (const event of subjectOf().events.read()) {
      const { type, pool, from, to } = event as typeof event & Partial<Scaled>;
      if (type === 'pool.scaled' && pool === name) scaled.push([from!, to!]);
    }
    expect(scaled[0]).toEqual([0, 1]);
    expect(scaled).toContainEqual([1, 2]);
    expect(scaled.at(-1)![1]).toBe(0);
    await pools().close(name);
  });

  test('a pool is sized by a signal with a name, which is told its load; its record names it', async () => {
    elsewhere.waiting = 5;
    const name = await created(byItsSignal(backlog));
    const grown = await until(name, ({ live }) => live === 2);
    expect(grown.scaling).toMatchObject({ signal: 'backlog', metrics: { waiting: 5, busyShare: 0 } });
    expect(grown.waiting).toBe(0);
    expect(elsewhere.heard[0]).toEqual({
      size: 1,
      waiting: 0,
      busyShare: 0,
      admissible: expect.any(Number),
      isSettled: true,
    });
    elsewhere.waiting = 0;
    await until(name, ({ members }) => members.length === 1);
    await pools().close(name);
  });

  test('a pool whose signal fails keeps its size, but for a first member; an alert says why', async () => {
    const name = await created({ min: 0, ...byItsSignal(broken) });
    expect(await pools().execute(name, { type: 'quick' })).toBe('done');
    const raised = await eventually(
      async () => (await subjectOf().alerts.list()).find(({ pool }) => pool === name),
      (alert) => alert !== undefined,
    );
    expect(raised).toMatchObject({
      alert: 'scaling_signal_failed',
      message: `pool ${name} is not sized by its signal, which could not be read: no figures today`,
    });
    expect((await pools().get(name)).live).toBe(1);
    await pools().close(name);
  });
}
