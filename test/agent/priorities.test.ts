/** Laws of priorities, of limits of a kind, and of tasks that are not to be begun before their time. */
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { diskOf, disks } from '../fleet/program.ts';
import { gatedRun } from '../kit/gated-run.ts';
import { awaited, codeOf, rig } from '../kit/rig.ts';

function worker() {
  const { begun, open, run } = gatedRun();
  const module = defineAgent({
    type: 'worker',
    init: () => ({}),
    tasks: {
      work: { run },
      urgent: { priority: 5, run },
      narrow: { concurrency: 1, run },
      quick: { run: ({ input }) => input },
    },
  });
  const finishOne = async () => {
    open.shift()!();
    await settled();
  };
  return { module, begun, open, finishOne };
}

async function started(tasks: object = {}) {
  const subject = worker();
  const made = await rig();
  await made.agents.register({ id: 'ada', module: subject.module, tasks });
  await made.agents.start('ada');
  return { ...made, ...subject, tasks: made.system.tasks };
}

describe('a priority', () => {
  it('has a task begun before those that wait with a lower one, of its kind or its own', async () => {
    const { agents, begun, finishOne } = await started();
    const ask = (type: 'work' | 'urgent', input: unknown, priority?: number) =>
      void awaited(agents.execute('ada', { type, input, ...(priority === undefined ? {} : { priority }) }));
    ask('work', 'first');
    await settled();
    ask('work', 'plain');
    ask('urgent', 'urgent by kind');
    ask('work', 'most urgent', 10);
    ask('urgent', 'not so', -1);
    ask('work', 'plain too');
    await settled();
    for (let n = 0; n < 6; n++) await finishOne();
    expect(begun).toEqual(['first', 'most urgent', 'urgent by kind', 'plain', 'plain too', 'not so']);
  });

  it('starves nobody: the one that waited longest is begun after seven that passed it by', async () => {
    const { agents, begun, finishOne } = await started();
    const ask = (input: unknown, priority: number) =>
      void awaited(agents.execute('ada', { type: 'work', input, priority }));
    ask('first', 0);
    await settled();
    ask('patient', -10);
    for (let n = 0; n < 10; n++) ask(n, 10);
    await settled();
    for (let n = 0; n < 12; n++) await finishOne();
    expect(begun).toEqual(['first', 0, 1, 2, 3, 4, 5, 6, 'patient', 7, 8, 9]);
  });

  it('is that of a pool, too', async () => {
    const { system } = await rig();
    const { module, begun, finishOne } = worker();
    await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module } });
    const ask = (input: unknown, priority?: number) =>
      void awaited(
        system.pools.execute('p', { type: 'work', input, ...(priority === undefined ? {} : { priority }) }),
      );
    ask('first');
    await settled();
    ask('plain');
    ask('urgent', 3);
    await settled();
    for (let n = 0; n < 3; n++) await finishOne();
    expect(begun).toEqual(['first', 'urgent', 'plain']);
  });

  it.each([11, -11, 0.5, 'high'])('of %s is refused', async (priority) => {
    const { agents, tasks } = await started();
    const task = { type: 'quick', priority: priority as number } as const;
    expect(await codeOf(agents.execute('ada', task))).toBe('TASK_INPUT_INVALID');
    expect(await codeOf(tasks.submit('ada', task))).toBe('TASK_INPUT_INVALID');
    const wrong = { go: { priority: priority as number, run: () => 1 } };
    expect(await codeOf(() => defineAgent({ type: 'wrong', init: () => ({}), tasks: wrong }))).toBe(
      'AGENT_SPEC_INVALID',
    );
  });

  it.each(disks)('outlives its program on a %s', async (kind) => {
    const disk = await diskOf(kind);
    const { module, begun, finishOne } = worker();
    const boot = () => disk.boot({ agents: [module] });
    const first = await boot();
    await first.agents.register({ id: 'ada', module });
    for (const [input, priority] of [
      ['plain', 0],
      ['urgent', 9],
    ] as const) {
      await first.system.tasks.submit('ada', { type: 'work', input, priority });
    }
    const second = await boot();
    await second.agents.start('ada');
    await settled();
    await finishOne();
    expect(begun).toEqual(['urgent', 'plain']);
  });
});

describe('the concurrency of a kind', () => {
  it('is within that of its agent, and holds up no other kind', async () => {
    const { agents, begun, finishOne } = await started({ concurrency: 3 });
    const ask = (type: 'work' | 'narrow', input: unknown) =>
      void awaited(agents.execute('ada', { type, input }));
    ask('narrow', 'n1');
    ask('narrow', 'n2');
    ask('narrow', 'n3');
    ask('work', 'w1');
    ask('work', 'w2');
    ask('work', 'w3');
    await settled();
    expect(begun).toEqual(['n1', 'w1', 'w2']);
    await finishOne();
    expect(begun.slice(3)).toEqual(['n2']);
    await finishOne();
    expect(begun.slice(4)).toEqual(['w3']);
  });

  it('is given back by a task that fails, is cancelled, or ends with its agent', async () => {
    const { agents, begun, tasks, clock } = await started({ concurrency: 3 });
    const one = await tasks.submit('ada', { type: 'narrow', input: 1 });
    await tasks.submit('ada', { type: 'narrow', input: 2 });
    await tasks.cancel(one.id);
    // It holds its place until its work has settled: here with its body.
    await settled();
    expect(begun).toEqual([1]);
    await agents.kill('ada');
    await clock.advance(1_000);
    expect(begun).toEqual([1, 2]);
  });
});

describe('a task that is not to be begun before its time', () => {
  it.each([
    ['delayMs', { delayMs: 1_000 }],
    ['notBefore', undefined],
  ])('by %s is begun then, to the millisecond, and its agent is idle until', async (_, delay) => {
    const { agents, tasks, begun, clock, open } = await started();
    const given = delay ?? { notBefore: clock.now() + 1_000 };
    const { id, status, dueAt } = await tasks.submit('ada', { type: 'work', input: 1, ...given });
    expect([status, dueAt]).toEqual(['waiting', clock.now() + 1_000]);
    expect(agents.get('ada').state).toMatch(/idle$/);
    await clock.advance(999);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(tasks.get(id)).toMatchObject({ status: 'running', attempts: 1 });
    expect(tasks.get(id)).not.toHaveProperty('dueAt');
    open[0]!();
    expect(await tasks.result(id)).toBe(1);
  });

  it('has all of its timeoutMs from then on', async () => {
    const { tasks, clock } = await started();
    const { id } = await tasks.submit('ada', { type: 'work', delayMs: 1_000, timeoutMs: 100 });
    await clock.advance(1_099);
    expect(tasks.get(id).status).toBe('running');
    await clock.advance(1);
    expect(tasks.get(id).status).toBe('timed_out');
  });

  it('can be cancelled; a time that is over is no time', async () => {
    const { tasks, begun, clock } = await started();
    const { id } = await tasks.submit('ada', { type: 'work', delayMs: 1_000 });
    await tasks.cancel(id);
    await clock.advance(2_000);
    expect(begun).toEqual([]);
    await tasks.submit('ada', { type: 'work', input: 'now', notBefore: clock.now() - 5 });
    await settled();
    expect(begun).toEqual(['now']);
  });

  it.each(disks)(
    'waits for what is left of it in the next program on a %s, and has its time then',
    async (kind) => {
      const disk = await diskOf(kind);
      const { module, begun } = worker();
      const boot = (afterMs = 0) => disk.boot({ agents: [module] }, afterMs);
      const first = await boot();
      await first.agents.register({ id: 'ada', module });
      await first.agents.start('ada');
      const { id } = await first.system.tasks.submit('ada', {
        type: 'work',
        input: 1,
        delayMs: 1_000,
        timeoutMs: 100,
      });
      const before = first.system.tasks.get(id);
      const second = await boot(400);
      expect(second.system.tasks.get(id)).toEqual(before);
      await second.clock.advance(0);
      await second.clock.advance(599);
      expect(begun).toEqual([]);
      await second.clock.advance(1);
      await settled();
      expect(begun).toEqual([1]);
      await second.clock.advance(100);
      expect(second.system.tasks.get(id).status).toBe('timed_out');
    },
  );

  it.each([
    ['both', { notBefore: 1, delayMs: 1 }],
    ['a negative delay', { delayMs: -1 }],
    ['one that is no number', { notBefore: 'tomorrow' as never }],
  ])('is refused for %s', async (_, given) => {
    const { tasks } = await started();
    expect(await codeOf(tasks.submit('ada', { type: 'work', ...given }))).toBe('TASK_INPUT_INVALID');
  });

  it('waits for it in a pool, too, and attempts of its own are taken there', async () => {
    const { system, clock } = await rig();
    const { module } = worker();
    await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module } });
    const { tasks } = system;
    const later = await tasks.submit({ pool: 'p' }, { type: 'quick', input: 0, delayMs: 1 });
    expect(tasks.get(later.id).status).toBe('waiting');
    await clock.advance(1);
    expect(await tasks.result(later.id)).toBe(0);
    const { id } = await tasks.submit({ pool: 'p' }, { type: 'quick', input: 1, retry: { attempts: 2 } });
    expect(await tasks.result(id)).toBe(1);
  });
});
