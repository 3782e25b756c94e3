/** Laws of submitted tasks that wait in a pool's line: they are in the store, as those of an agent are. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAgentSystem, defineAgent } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { settled } from '../../src/testing/index.ts';
import { diskOf, disks } from '../fleet/program.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { awaited, codeOf, gate, rig, silent } from '../kit/rig.ts';

function worker() {
  const begun: unknown[] = [];
  const open: (() => void)[] = [];
  const run = async ({ input }: { readonly input: unknown }) => {
    begun.push(input);
    const { promise, resolve } = gate();
    open.push(resolve);
    await promise;
    return input;
  };
  const module = defineAgent({
    type: 'worker',
    init: () => ({}),
    tasks: { work: { run }, again: { retry: 'on_host_loss', run }, quick: { run: ({ input }) => input } },
  });
  const finishAll = async () => {
    for (await settled(); open.length > 0; await settled()) open.splice(0).forEach((resolve) => resolve());
  };
  return { module, begun, finishAll };
}

const POOL = { name: 'p', min: 1, max: 1 } as const;

async function busy(spec: object = {}) {
  const subject = worker();
  const made = await rig();
  await made.system.pools.create({ ...POOL, ...spec, spec: { module: subject.module } });
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
    expect(tasks.get(task.id)).not.toHaveProperty('pool');
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
