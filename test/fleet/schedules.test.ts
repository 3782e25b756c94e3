/** Laws of schedules: one task for each due time, whatever ends in between. */
import { describe, expect, it } from 'vitest';
import { createAgentSystem, defineAgent, memoryStore, type Store } from '../../src/index.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { codeOf, gate, refusal, rig, silent } from '../kit/rig.ts';
import { disks, livesOf } from './program.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
/** A midnight, UTC. */
const MIDNIGHT = Date.UTC(2026, 0, 5);

function worker() {
  const done: unknown[] = [];
  const module = defineAgent({
    type: 'worker',
    init: () => ({}),
    tasks: { report: { run: ({ input }) => void done.push(input) } },
  });
  return { module, done };
}

const task = { type: 'report', input: 'daily' };

async function started(startAt = MIDNIGHT) {
  const subject = worker();
  const made = await rig({ clock: simulatedClock({ startAt }) });
  await made.agents.register({ id: 'ada', module: subject.module });
  await made.agents.start('ada');
  return { ...made, ...subject, tasks: made.system.tasks };
}

describe('a schedule', () => {
  it('of a period submits its task every so often, counted from when it was set', async () => {
    const { tasks, done, clock, eventsOf } = await started();
    const set = await tasks.schedule({ name: 'often', everyMs: 10 * SECOND, target: 'ada', task });
    expect(set).toMatchObject({ setAt: MIDNIGHT, nextAt: MIDNIGHT + 10 * SECOND });
    await clock.advance(10 * SECOND - 1);
    expect(done).toEqual([]);
    await clock.advance(1);
    expect(done).toEqual(['daily']);
    await clock.advance(10 * SECOND);
    expect(done).toHaveLength(2);
    const [record] = tasks.schedules();
    expect(record).toMatchObject({ lastDueAt: MIDNIGHT + 20 * SECOND, nextAt: MIDNIGHT + 30 * SECOND });
    expect(tasks.get(record!.lastTaskId!)).toMatchObject({ status: 'done', agentId: 'ada' });
    expect(eventsOf('schedule.fired').map(({ dueAt }) => dueAt - MIDNIGHT)).toEqual([
      10 * SECOND,
      20 * SECOND,
    ]);
  });

  it('of a pattern submits it at its times, in its time zone', async () => {
    const { tasks, done, clock } = await started();
    await tasks.schedule({
      name: 'daily',
      cron: '0 9 * * *',
      timezone: 'Europe/Berlin',
      target: 'ada',
      task,
    });
    expect(tasks.schedules()[0]).toMatchObject({ nextAt: Date.UTC(2026, 0, 5, 8) });
    await clock.advance(8 * 60 * MINUTE - 1);
    expect(done).toEqual([]);
    await clock.advance(1);
    expect(done).toHaveLength(1);
    await clock.advance(DAY);
    expect(done).toHaveLength(2);
  });

  it('that is set again as it is goes on; another one of its name takes its place', async () => {
    const { tasks, done, clock, eventsOf } = await started();
    const often = { name: 'often', everyMs: 10 * SECOND, target: 'ada', task } as const;
    await tasks.schedule(often);
    await clock.advance(6 * SECOND);
    await tasks.schedule({ ...often });
    expect(eventsOf('schedule.set')).toHaveLength(1);
    await clock.advance(4 * SECOND);
    expect(done).toHaveLength(1);
    await tasks.schedule({ ...often, everyMs: 3 * SECOND, by: 'ops' });
    expect(eventsOf('schedule.set')).toMatchObject([{}, { by: 'ops', lastDueAt: MIDNIGHT + 10 * SECOND }]);
    await clock.advance(3 * SECOND);
    expect(done).toHaveLength(2);
    expect(tasks.schedules()).toHaveLength(1);
  });

  it('that is removed is due no more', async () => {
    const { tasks, done, clock, eventsOf } = await started();
    await tasks.schedule({ name: 'often', everyMs: SECOND, target: 'ada', task });
    await tasks.unschedule('often', { by: 'ops' });
    await clock.advance(MINUTE);
    expect(done).toEqual([]);
    expect(tasks.schedules()).toEqual([]);
    expect(eventsOf('schedule.removed')).toMatchObject([{ name: 'often', by: 'ops' }]);
    expect(await codeOf(tasks.unschedule('often'))).toBe('TASK_UNKNOWN');
  });

  it('whose task is refused says why, and goes on', async () => {
    const { agents, tasks, done, clock } = await started();
    const refused = { ...task, whenDown: 'refuse' } as const;
    await tasks.schedule({ name: 'often', everyMs: SECOND, target: 'ada', task: refused });
    await agents.stop('ada');
    await clock.advance(SECOND);
    expect(tasks.schedules()[0]).toMatchObject({ lastError: { code: 'AGENT_NOT_RUNNING' } });
    await agents.start('ada');
    await clock.advance(SECOND);
    expect(done).toHaveLength(1);
    expect(tasks.schedules()[0]).not.toHaveProperty('lastError');
  });

  it('submits to a type, and to a pool', async () => {
    const { tasks, system, done, module, clock } = await started();
    await system.pools.create({ name: 'many', spec: { module }, min: 1, max: 1 });
    await tasks.schedule({ name: 'a', everyMs: SECOND, target: { type: 'worker' }, task });
    await tasks.schedule({ name: 'b', everyMs: SECOND, target: { pool: 'many' }, task });
    await clock.advance(SECOND);
    expect(done).toHaveLength(2);
  });

  it.each([
    ['an agent that is not registered', 'AGENT_NOT_FOUND', { target: 'bob' }],
    ['a type that no agent has', 'AGENT_NOT_FOUND', { target: { type: 'reader' } }],
    ['a pool that is not there', 'POOL_UNKNOWN', { target: { pool: 'many' } }],
    ['a task that its agent does not have', 'TASK_INCOMPATIBLE', { task: { type: 'reprot' } }],
    [
      'a task that no agent of its type has',
      'TASK_INCOMPATIBLE',
      { target: { type: 'worker' }, task: { type: 'x' } },
    ],
    ['attempts that are none', 'TASK_INPUT_INVALID', { task: { ...task, retry: { attempts: 0 } } }],
    ['a priority that is none', 'TASK_INPUT_INVALID', { task: { ...task, priority: 99 } }],
  ] as const)('for %s is refused, and there is none', async (_, code, given) => {
    const { tasks } = await started();
    const asked = { name: 'wrong', everyMs: SECOND, target: 'ada', task, ...given } as never;
    expect(await codeOf(tasks.schedule(asked))).toBe(code);
    expect(tasks.schedules()).toEqual([]);
  });

  it('says in plain words what is wrong with its time zone, and with its pattern', async () => {
    const { tasks } = await started();
    const said = async (given: object) =>
      (await refusal(tasks.schedule({ name: 'a', target: 'ada', task, ...given }))).message;
    expect(await said({ cron: '* * * * *', timezone: 'Mars/Base' })).toBe(
      'tasks.schedule: timezone: expected an IANA name such as Europe/Berlin, got "Mars/Base"',
    );
    expect(await said({ everyMs: SECOND, timezone: 'UTC' })).toContain(
      'timezone: expected none with everyMs',
    );
    expect(await said({ cron: 'every day' })).toMatch(/^tasks.schedule: cron: "every day": /);
  });

  it('whose target is gone stays due until that is back, with an alert, and then is as before', async () => {
    const { agents, tasks, system, done, clock, module } = await started();
    await tasks.schedule({ name: 'often', everyMs: 10 * SECOND, target: 'ada', task });
    await agents.stop('ada');
    await agents.forget('ada');
    await clock.advance(12 * SECOND);
    expect(system.alerts.list()).toMatchObject([{ alert: 'schedule_refused', schedule: 'often' }]);
    expect(tasks.schedules()[0]).toMatchObject({
      nextAt: MIDNIGHT + 10 * SECOND,
      lastError: { code: 'AGENT_NOT_FOUND' },
    });
    await agents.register({ id: 'ada', module });
    await agents.start('ada');
    await clock.advance(SECOND);
    expect(done).toHaveLength(1);
    expect(system.alerts.list()).toEqual([]);
    expect(tasks.schedules()[0]).toMatchObject({ nextAt: MIDNIGHT + 20 * SECOND });
    expect(tasks.schedules()[0]).not.toHaveProperty('lastError');
    await clock.advance(7 * SECOND);
    expect(done).toHaveLength(2);
  });

  it('that is refused raises one alert, until a task is submitted, or it is removed', async () => {
    const { agents, tasks, system, clock, eventsOf } = await started();
    const refused = { ...task, whenDown: 'refuse' } as const;
    await tasks.schedule({ name: 'often', everyMs: SECOND, target: 'ada', task: refused });
    await agents.stop('ada');
    await clock.advance(3 * SECOND);
    expect(eventsOf('alert.raised')).toMatchObject([{ alert: 'schedule_refused', schedule: 'often' }]);
    await agents.start('ada');
    await clock.advance(SECOND);
    expect(system.alerts.list()).toEqual([]);
    await agents.stop('ada');
    await clock.advance(SECOND);
    expect(system.alerts.list()).toHaveLength(1);
    await tasks.unschedule('often');
    expect(system.alerts.list()).toEqual([]);
  });

  it.each([
    ['neither a pattern nor a period', {}],
    ['both', { cron: '* * * * *', everyMs: SECOND }],
    ['a pattern that is none', { cron: 'every day' }],
    ['a time zone that is none', { cron: '* * * * *', timezone: 'Mars/Base' }],
    ['a time zone of a period', { everyMs: SECOND, timezone: 'UTC' }],
    ['a period that is too short', { everyMs: 1 }],
    ['a period without end', { everyMs: Infinity }],
    ['no name', { everyMs: SECOND, name: '' }],
    ['a task that is none', { everyMs: SECOND, task: 7 }],
    ['an input that is no JSON data', { everyMs: SECOND, task: { type: 'report', input: () => 1 } }],
    ['a key of its own', { everyMs: SECOND, task: { type: 'report', idempotencyKey: 'k' } }],
    ['another option', { everyMs: SECOND, until: 'noon' }],
  ])('with %s is refused, and there is none', async (_, given) => {
    const { tasks } = await started();
    const asked = { name: 'wrong', target: 'ada', task, ...given } as never;
    expect(await codeOf(tasks.schedule(asked))).toBe('TASK_INPUT_INVALID');
    expect(tasks.schedules()).toEqual([]);
  });

  it('leaves nothing behind where another one of its program cannot be brought back', async () => {
    const kept = memoryStore();
    const first = await rig({ store: kept });
    const { module } = worker();
    await first.agents.register({ id: 'ada', module });
    for (const name of ['good', 'bad'])
      await first.system.tasks.schedule({ name, cron: '* * * * *', timezone: 'UTC', target: 'ada', task });
    const clock = simulatedClock();
    const store: Store = {
      ...mortalStore(kept),
      recover: async () => {
        const recovery = await kept.recover();
        const [good, bad] = recovery.schedules!;
        // A zone that this machine does not know.
        const schedules = [good!, { ...bad!, set: { ...bad!.set, timezone: 'Mars/Base' } }];
        return { ...recovery, schedules };
      },
    };
    const made = createAgentSystem({ store, clock, logger: silent, agents: [module] });
    expect((await refusal(made)).message).toContain('Mars/Base');
    expect(clock.pending()).toEqual([]);
  });
});

describe.each(disks)('over the end of a program, on a %s, a schedule', (kind) => {
  const lives = () => livesOf(kind, worker());

  it('goes on at its times, and submits no task twice', async () => {
    const { done, boot, first } = await lives();
    await first.system.tasks.schedule({ name: 'often', everyMs: 10 * SECOND, target: 'ada', task });
    await first.clock.advance(10 * SECOND);
    await settled();
    const second = await boot(4 * SECOND);
    await second.clock.advance(0);
    await second.clock.advance(6 * SECOND - 1);
    expect(done).toHaveLength(1);
    await second.clock.advance(1);
    await settled();
    expect(done).toHaveLength(2);
    const keys = second.system.tasks.list().map(({ idempotencyKey }) => idempotencyKey);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it.each([
    ['once', 2],
    ['skip', 1],
  ] as const)(
    'whose times passed meanwhile makes up for the latest, or for none: %s',
    async (missed, times) => {
      const { done, boot, first } = await lives();
      await first.system.tasks.schedule({ name: 'often', everyMs: 10 * SECOND, missed, target: 'ada', task });
      await first.clock.advance(10 * SECOND);
      await settled();
      const second = await boot(45 * SECOND);
      await second.clock.advance(1);
      await settled();
      expect(done).toHaveLength(times);
      // Then at its times, as before.
      await second.clock.advance(5 * SECOND);
      await settled();
      expect(done).toHaveLength(times + 1);
    },
  );

  it('of a pattern makes up for the latest only, however many there were', async () => {
    const { done, boot, first } = await lives();
    await first.system.tasks.schedule({
      name: 'minutely',
      cron: '* * * * *',
      timezone: 'UTC',
      target: 'ada',
      task,
    });
    const second = await boot(400 * DAY);
    await second.clock.advance(1);
    await settled();
    expect(done).toHaveLength(1);
  });

  it('for a pool makes up for its latest time once the program has created that', async () => {
    const { done, module, boot, first } = await lives();
    const pool = { name: 'many', spec: { module }, min: 1, max: 1 };
    await first.system.pools.create(pool);
    await first.system.tasks.schedule({
      name: 'often',
      everyMs: 10 * SECOND,
      target: { pool: 'many' },
      task,
    });
    const second = await boot(45 * SECOND);
    await second.clock.advance(2 * SECOND);
    expect(done).toEqual([]);
    expect(second.system.alerts.list()).toMatchObject([{ alert: 'schedule_refused' }]);
    await second.system.pools.create(pool);
    await second.clock.advance(SECOND);
    await settled();
    expect(done).toHaveLength(1);
    expect(second.system.alerts.list()).toEqual([]);
  });

  it('that comes due while its program closes is left to the next one', async () => {
    const held = gate();
    const holding = defineAgent({
      type: 'holding',
      init: () => ({}),
      tasks: { hold: { run: () => held.promise } },
    });
    const { done, boot, first } = await lives();
    const { system, agents, clock, eventsOf } = first;
    await agents.register({ id: 'bob', module: holding, shutdownMs: 60 * SECOND });
    await agents.start('bob');
    const holds = agents.execute('bob', { type: 'hold' });
    const often = { name: 'often', everyMs: 10 * SECOND, target: 'ada', task };
    const { nextAt: dueAt } = await system.tasks.schedule(often);
    await settled();
    const closed = system.close();
    await clock.advance(10 * SECOND);
    expect(eventsOf('schedule.fired')).toEqual([]);
    expect(system.alerts.list()).toEqual([]);
    held.resolve();
    await holds;
    expect(await closed).toMatchObject({ abandoned: [] });
    const second = await boot();
    await second.agents.start('ada');
    await second.clock.advance(0);
    await settled();
    expect(done).toHaveLength(1);
    expect(second.eventsOf('schedule.fired').map(({ dueAt }) => dueAt)).toEqual([dueAt]);
  });

  it('that was removed stays removed', async () => {
    const { boot, first } = await lives();
    await first.system.tasks.schedule({ name: 'often', everyMs: SECOND, target: 'ada', task });
    await first.system.tasks.unschedule('often');
    expect((await boot()).system.tasks.schedules()).toEqual([]);
  });
});
