/** Laws of a pool's tasks: those that wait in its line are in the store, as those of an agent are. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAgentSystem, defineAgent, memoryStore, type Store } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { diskOf, disks } from '../fleet/program.ts';
import { failingStore } from '../journal/failing-store.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { gatedRun } from '../kit/gated-run.ts';
import { awaited, codeOf, fateOf, rig, silent } from '../kit/rig.ts';

function flaky({ attempt }: { readonly attempt: number }): string {
  if (attempt === 1) throw new Error('not yet');
  return `done at attempt ${attempt}`;
}

function worker() {
  const { begun, open, run } = gatedRun();
  const module = defineAgent({
    type: 'worker',
    init: () => ({}),
    tasks: {
      work: { run },
      again: { retry: 'on_host_loss', run },
      single: { concurrency: 1, run },
      quick: { run: ({ input }) => input },
      flaky: { run: flaky },
      stubborn: { retry: { attempts: 2, backoff: { delayMs: 1_000 } }, run: flaky },
    },
  });
  const finishAll = async () => {
    for (await settled(); open.length > 0; await settled()) open.splice(0).forEach((resolve) => resolve());
  };
  return { module, begun, finishAll };
}

const POOL = { name: 'p', min: 1, max: 1 } as const;

async function busy(spec: object = {}, store: Store = memoryStore()) {
  const subject = worker();
  const made = await rig({ store });
  const { spec: member, ...pool } = spec as { readonly spec?: object };
  await made.system.pools.create({ ...POOL, ...pool, spec: { module: subject.module, ...member } });
  void awaited(made.system.pools.execute('p', { type: 'work', input: 'before' }));
  await settled();
  const submit = (input: unknown, task: object = {}) =>
    made.system.tasks.submit({ pool: 'p' }, { type: 'work', input, ...task });
  return { ...made, ...subject, submit, tasks: made.system.tasks };
}

describe('a submitted task for which no member is free', () => {
  it('is accepted at once, waits without an agent, and is done under its id by the one that is free', async () => {
    const { tasks, submit, finishAll, eventsOf } = await busy();
    const task = await submit(1);
    expect(task).toMatchObject({ status: 'waiting', agentId: '', pool: 'p', attempts: 0 });
    await finishAll();
    expect(await tasks.result(task.id)).toBe(1);
    expect(tasks.get(task.id)).toMatchObject({ status: 'done', attempts: 1, agentId: 'p-1' });
    expect(tasks.get(task.id).pool).toBe('p');
    expect(eventsOf('task.started').filter(({ taskId }) => taskId === task.id)).toHaveLength(1);
  });

  it('times out there, is cancelled there, and is asked for again there', async () => {
    const { tasks, submit, finishAll, begun, clock } = await busy();
    const late = await submit('late', { timeoutMs: 100 });
    const unwanted = await submit('unwanted');
    expect(await tasks.cancel(unwanted.id, 'not needed')).toMatchObject({ status: 'cancelled' });
    await clock.advance(100);
    expect(tasks.get(late.id).status).toBe('timed_out');
    expect(await codeOf(tasks.result(late.id))).toBe('TASK_TIMED_OUT');
    expect(await tasks.retry(unwanted.id)).toMatchObject({ status: 'waiting', pool: 'p' });
    await finishAll();
    expect(await tasks.result(unwanted.id)).toBe('unwanted');
    expect(begun).toEqual(['before', 'unwanted']);
  });

  it('is abandoned when its pool is closed before', async () => {
    const { tasks, system, submit, clock } = await busy();
    const { id } = await submit(1);
    const closed = system.pools.close('p', { timeoutMs: 100 });
    await clock.advance(100);
    expect(await closed).toMatchObject({ tasksAbandoned: 1 });
    expect(tasks.get(id).status).toBe('abandoned');
  });

  it('keeps its id when the member that has begun it crashes, and another one may', async () => {
    const { tasks, system, submit, agents, finishAll, begun, clock } = await busy({ retryAbandoned: 2 });
    const { id } = await submit('twice', { type: 'again', idempotencyKey: 'k' });
    await finishAll();
    const other = await submit('held', { type: 'again', idempotencyKey: 'other' });
    await agents.kill(system.pools.get('p').members[0]!);
    await clock.advance(1_000);
    await finishAll();
    expect([tasks.get(id).status, tasks.get(other.id).status]).toEqual(['done', 'done']);
    expect(tasks.list().filter(({ idempotencyKey }) => idempotencyKey !== undefined)).toHaveLength(2);
    expect(begun.filter((input) => input === 'held')).toHaveLength(2);
  });
});

describe('a task of a pool', () => {
  it('that is executed is accepted when it comes to wait, and cancelled by its id, too', async () => {
    const { tasks, system, eventsOf } = await busy();
    const executed = awaited(system.pools.execute('p', { type: 'work', input: 1 }));
    await settled();
    const [task] = tasks.list({ pool: 'p', status: 'waiting' });
    expect(task).toMatchObject({ agentId: '', attempts: 0 });
    expect(eventsOf('task.accepted').at(-1)).toMatchObject({ taskId: task!.id, pool: 'p', agentId: '' });
    await tasks.cancel(task!.id, 'not needed');
    expect(await fateOf(executed)).toBe('TASK_ABANDONED');
    expect(tasks.get(task!.id).status).toBe('cancelled');
  });

  it('counts against the queueLimit from the moment that it is asked for', async () => {
    const { system, submit } = await busy({ queueLimit: 2 });
    const asked = Array.from({ length: 3 }, () =>
      awaited(system.pools.execute('p', { type: 'work', input: 1 })),
    );
    expect(system.pools.get('p').waiting).toBe(2);
    expect(await codeOf(asked[2]!)).toBe('TASK_QUEUE_FULL');
    expect(await codeOf(submit(1, { delayMs: 10 }))).toBe('TASK_QUEUE_FULL');
  });

  it('waits for its time even if a member is free, and its timeoutMs counts from then', async () => {
    const { tasks, system, submit, finishAll, begun, clock } = await busy();
    await finishAll();
    const later = await submit('later', { delayMs: 1_000, timeoutMs: 50 });
    const unwanted = await submit('unwanted', { notBefore: clock.now() + 1_000 });
    expect(tasks.get(later.id)).toMatchObject({ status: 'waiting', dueAt: clock.now() + 1_000 });
    expect(system.pools.get('p').waiting).toBe(0);
    await tasks.cancel(unwanted.id);
    await clock.advance(999);
    expect(begun).toEqual(['before']);
    await clock.advance(1);
    expect(begun).toEqual(['before', 'later']);
    await finishAll();
    expect(await tasks.result(later.id)).toBe('later');
    const late = await submit('late', { delayMs: 1_000, timeoutMs: 50 });
    await clock.advance(1_049);
    expect(tasks.get(late.id).status).toBe('running');
    await clock.advance(1);
    expect(tasks.get(late.id).status).toBe('timed_out');
  });

  it('that has failed for good is listed, done again by whichever member there is, and forgotten', async () => {
    const { tasks, system, submit } = await busy({ min: 1, max: 2, target: 2 });
    const { id } = await submit('no', { type: 'flaky' });
    expect(await codeOf(tasks.result(id))).toBe('TASK_FAILED');
    const [dead] = tasks.list({ pool: 'p', status: 'failed' });
    expect(dead).toMatchObject({ id, agentId: 'p-2', attempts: 1 });
    await system.pools.ensureSize('p', 1);
    await system.agents.kill('p-1');
    expect(() => system.agents.get('p-2')).toThrow('p-2');
    expect(await tasks.retry(id)).toMatchObject({ status: 'waiting' });
    await settled();
    await system.pools.ensureSize('p', 2);
    expect(await tasks.result(id)).toBe('done at attempt 2');
    await tasks.forget(id);
    expect(tasks.list({ pool: 'p', status: 'done' })).toEqual([]);
  });

  it('that waits for its next attempt goes to another member when its own has to leave', async () => {
    const { tasks, system, submit, clock, eventsOf } = await busy({ min: 1, max: 2, target: 2 });
    const { id } = await submit('no', { type: 'flaky', retry: { attempts: 3, backoff: { delayMs: 1_000 } } });
    await settled();
    const { dueAt } = tasks.get(id);
    expect(tasks.get(id)).toMatchObject({ status: 'waiting', agentId: 'p-2', attempts: 1 });
    await system.pools.ensureSize('p', 1);
    expect(tasks.get(id)).toMatchObject({ status: 'waiting', agentId: '', pool: 'p', attempts: 1, dueAt });
    await system.pools.ensureSize('p', 2);
    await clock.advance(1_000);
    expect(await tasks.result(id)).toBe('done at attempt 2');
    expect(tasks.get(id)).toMatchObject({ agentId: 'p-3', attempts: 2 });
    expect(eventsOf('task.failed')).toEqual([]);
    // The next program counts on from there, too.
    const accepted = eventsOf('task.accepted').filter(({ taskId }) => taskId === id);
    expect(accepted.map(({ agentId, attempts, before }) => [agentId, attempts, before])).toEqual([
      ['p-2', undefined, undefined],
      ['', 1, 0],
      ['p-3', 1, 0],
    ]);
  });

  it('is done by the rules of its kind: so many at once by each member, by priority, and tried again', async () => {
    const { tasks, system, clock, begun, finishAll } = await busy({
      min: 2,
      max: 2,
      spec: { tasks: { concurrency: 3 } },
    });
    const asked = await Promise.all(
      [1, 2, 3, 4].map((input) => tasks.submit({ pool: 'p' }, { type: 'single', input })),
    );
    await settled();
    expect(asked.map(({ id }) => tasks.get(id).status)).toEqual(['running', 'running', 'waiting', 'waiting']);
    await finishAll();
    expect(begun).toEqual(['before', 1, 2, 3, 4]);
    const { id } = await tasks.submit({ pool: 'p' }, { type: 'stubborn' });
    await clock.advance(1_000);
    expect(await tasks.result(id)).toBe('done at attempt 2');
    expect(system.pools.get('p').waiting).toBe(0);
  });
});

describe('a store that fails once a task of a pool was accepted ends it no more', () => {
  const RETRY_MS = 1_000;

  it.each([
    ['work', 1],
    ['again', 1],
    ['stubborn', 2],
  ])('when a member is given it: %s', async (type, attempts) => {
    const store = failingStore();
    const { tasks, submit, finishAll, clock, eventsOf } = await busy({}, store);
    const ids = [(await submit(1, { type })).id, (await submit(2, { type })).id];
    store.trouble = 'rejects';
    await finishAll();
    expect(ids.map((id) => tasks.get(id).status)).not.toContain('abandoned');
    await clock.advance(RETRY_MS);
    store.trouble = undefined;
    for (let times = 0; times < 4; times++) {
      await clock.advance(RETRY_MS);
      await finishAll();
    }
    expect(ids.map((id) => tasks.get(id).status)).toEqual(['done', 'done']);
    // And each attempt is told to begin once.
    const begun = eventsOf('task.started').map(({ taskId }) => taskId);
    expect(ids.map((id) => begun.filter((taskId) => taskId === id).length)).toEqual([attempts, attempts]);
  });

  it('when a member that leaves gives it back', async () => {
    const store = failingStore();
    const { tasks, system, submit, clock } = await busy({ min: 1, max: 2, target: 2 }, store);
    const { id } = await submit('no', { type: 'flaky', retry: { attempts: 3, backoff: { delayMs: 5_000 } } });
    await settled();
    store.trouble = 'rejects';
    void awaited(system.pools.ensureSize('p', 1));
    await settled();
    expect(tasks.get(id)).toMatchObject({ status: 'waiting', agentId: '', attempts: 1 });
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    await system.pools.ensureSize('p', 2);
    await clock.advance(5_000);
    expect(await tasks.result(id)).toBe('done at attempt 2');
  });

  it.each([1, 2, 3])('at the recovery of its program, however often: %d times', async (times) => {
    const kept = memoryStore();
    const before = mortalStore(kept, { isDurable: true });
    const dead = await busy({ max: 2, target: 2 }, before);
    const ids: string[] = [];
    for (const type of ['again', 'again', 'work', 'again']) ids.push((await dead.submit(type, { type })).id);
    void awaited(dead.system.pools.execute('p', { type: 'again', input: 'executed' }));
    await settled();
    before.die();
    const store = failingStore(kept);
    const { module, begun, finishAll } = worker();
    const { system, clock } = await rig({ store, agents: [module] });
    store.trouble = 'rejects';
    void awaited(system.pools.create({ ...POOL, max: 2, spec: { module } }));
    for (let failed = 0; failed < times; failed++) {
      await finishAll();
      await clock.advance(RETRY_MS);
    }
    store.trouble = undefined;
    for (let turn = 0; turn < 4; turn++) {
      await clock.advance(RETRY_MS);
      await finishAll();
    }
    expect(ids.map((id) => system.tasks.get(id).status)).toEqual(['done', 'done', 'done', 'done']);
    expect(begun.map(String).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'again',
      'again',
      'again',
      'executed',
      'work',
    ]);
  });
});

describe.each(disks)('over the death of a program, on a %s, a task of a pool', (kind) => {
  it('that was executed goes on where it may be done twice, and is unknown where it may not', async () => {
    const disk = await diskOf(kind);
    const dead = worker();
    const first = await disk.boot({ agents: [dead.module] });
    await first.system.pools.create({ ...POOL, spec: { module: dead.module } });
    for (const type of ['work', 'work', 'again', 'again']) {
      void awaited(first.system.pools.execute('p', { type, input: type }));
    }
    await settled();
    const [running, once, ...twice] = first.system.tasks.list();
    const { module, begun, finishAll } = worker();
    const second = await disk.boot({ agents: [module] });
    const { tasks, pools } = second.system;
    await second.clock.advance(0);
    expect([running!, once!].map(({ id }) => tasks.get(id).status)).toEqual(['unknown', 'unknown']);
    expect(twice.map(({ id }) => tasks.get(id).status)).toEqual(['waiting', 'waiting']);
    await pools.create({ ...POOL, spec: { module } });
    await second.clock.advance(2_000);
    await finishAll();
    expect(begun).toEqual(['again', 'again']);
    expect(twice.map(({ id }) => tasks.get(id).status)).toEqual(['done', 'done']);
  });

  it('waits for its time, is in time or times out, also without its pool', async () => {
    const disk = await diskOf(kind);
    const dead = worker();
    const first = await disk.boot({ agents: [dead.module] });
    await first.system.pools.create({ ...POOL, spec: { module: dead.module } });
    const later = await first.system.tasks.submit({ pool: 'p' }, { type: 'quick', input: 1, delayMs: 5_000 });
    const late = await first.system.tasks.submit(
      { pool: 'p' },
      { type: 'quick', delayMs: 1_000, timeoutMs: 500 },
    );
    const { module } = worker();
    const second = await disk.boot({ agents: [module] }, 100);
    const { tasks, pools } = second.system;
    await second.clock.advance(1_399);
    expect(tasks.get(late.id).status).toBe('waiting');
    await second.clock.advance(1);
    expect(tasks.get(late.id).status).toBe('timed_out');
    await pools.create({ ...POOL, spec: { module } });
    await second.clock.advance(3_499);
    expect(tasks.get(later.id)).toMatchObject({ status: 'waiting', dueAt: later.dueAt });
    await second.clock.advance(1);
    expect(await tasks.result(later.id)).toBe(1);
  });
});

describe.each(disks)('over the death of a program, on a %s, what waits in a line', (kind) => {
  it('waits for its pool, and is done there, each once, by priority', async () => {
    const disk = await diskOf(kind);
    const dead = worker();
    const first = await disk.boot({ agents: [dead.module] });
    await first.system.pools.create({ ...POOL, spec: { module: dead.module } });
    void awaited(first.system.pools.execute('p', { type: 'work', input: 'before' }));
    await settled();
    const ids: string[] = [];
    for (const [input, priority] of [
      ['plain', 0],
      ['urgent', 5],
      ['unwanted', 0],
    ] as const) {
      const asked = { type: 'work', input, priority, idempotencyKey: input };
      ids.push((await first.system.tasks.submit({ pool: 'p' }, asked)).id);
    }
    const late = await first.system.tasks.submit(
      { pool: 'p' },
      { type: 'work', input: 'late', timeoutMs: 50 },
    );
    const { module, begun, finishAll } = worker();
    const second = await disk.boot({ agents: [module] }, 100);
    const { tasks, pools } = second.system;
    expect(ids.map((id) => tasks.get(id))).toMatchObject(ids.map(() => ({ status: 'waiting', pool: 'p' })));
    await tasks.cancel(ids[2]!);
    // The same key is the same task, without its pool, too.
    expect((await tasks.submit({ pool: 'p' }, { type: 'work', idempotencyKey: 'plain' })).id).toBe(ids[0]);
    const created = pools.create({ ...POOL, spec: { module } });
    await second.clock.advance(2_000);
    await created;
    await second.clock.advance(0);
    await finishAll();
    expect(begun).toEqual(['urgent', 'plain']);
    expect(ids.map((id) => tasks.get(id).status)).toEqual(['done', 'done', 'cancelled']);
    expect(tasks.get(late.id).status).toBe('timed_out');
  });
});

it('a clean close leaves what waits in a line, and its report says so', async () => {
  const path = join(temporaryDirectory(), 'fleet.db');
  const { module, begun, finishAll } = worker();
  const boot = () => createAgentSystem({ store: sqliteStore(path), agents: [module], logger: silent });
  const first = await boot();
  await first.pools.create({ ...POOL, spec: { module } });
  void awaited(first.pools.execute('p', { type: 'work', input: 'before' }));
  const { id } = await first.tasks.submit({ pool: 'p' }, { type: 'work', input: 'left' });
  const result = awaited(first.tasks.result(id));
  expect(await first.close({ timeoutMs: 30 })).toMatchObject({ leftTasks: [id] });
  expect(await codeOf(result)).toBe('SYSTEM_CLOSED');
  await using second = await boot();
  expect(second.tasks.get(id)).toMatchObject({ status: 'waiting', pool: 'p' });
  begun.length = 0;
  await second.pools.create({ ...POOL, spec: { module } });
  const done = second.tasks.result(id);
  while (begun.length === 0) await settled();
  await finishAll();
  expect(await done).toBe('left');
});

it('what the store takes only at the end of a close is left, too, and its report says so', async () => {
  const clock = simulatedClock();
  const memory = memoryStore();
  let lateMs = 0;
  const { module } = worker();
  const store: Store = {
    isDurable: true,
    append(batch) {
      void memory.append(batch);
      return lateMs === 0 ? undefined : new Promise((kept) => void clock.setTimeout(kept, lateMs));
    },
    recover: () => memory.recover(),
    read: (query) => memory.read(query),
    state: (agentId) => memory.state(agentId),
    close: () => {},
  };
  const first = await createAgentSystem({ store, clock, agents: [module], logger: silent });
  await first.pools.create({ ...POOL, spec: { module } });
  void awaited(first.pools.execute('p', { type: 'work', input: 'before' }));
  await settled();
  lateMs = 1_000;
  void awaited(first.tasks.submit({ pool: 'p' }, { type: 'work', input: 'late' }));
  const closing = first.close({ timeoutMs: 0 });
  await clock.advance(30_000);
  lateMs = 0;
  const { leftTasks } = await closing;
  await using second = await createAgentSystem({ store, clock, agents: [module], logger: silent });
  expect(second.tasks.list().map(({ id, status }) => [id, status])).toEqual([[leftTasks?.[0], 'waiting']]);
  expect(leftTasks).toHaveLength(1);
});
