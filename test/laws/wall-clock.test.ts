/**
 * Laws of time: the wall clock is put forward and back while the fleet lives, and nothing is early, late, counted
 * twice or given up for it. Stamps are the wall clock's; durations are not.
 */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createAgentSystem, defineAgent, memoryStore } from '../../src/index.ts';
import { scriptedHost, settled, simulatedClock } from '../../src/testing/index.ts';
import { diskOf, disks } from '../fleet/program.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { fateOf, type Rig, rig, silent } from '../kit/rig.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const steps: readonly (readonly [how: string, ms: number])[] = [
  ['put back by an hour', -HOUR_MS],
  ['put ahead by an hour', HOUR_MS],
  ['put back by a day', -DAY_MS],
  ['put ahead by a day', DAY_MS],
];
/** It asks, with ten seconds for an answer, and takes even numbers only. */
const asking = defineAgent({
  type: 'asking',
  init: () => ({}),
  tasks: {
    ask: {
      run: ({ ask }) =>
        ask({
          question: 'how many?',
          deadlineMs: 10_000,
          otherwise: 0,
          schema: z.number().refine((number) => number % 2 === 0),
        }),
    },
    held: {
      retry: 'on_host_loss',
      run: async ({ ask }) => {
        await ask({ question: 'may it go on?' });
        await new Promise(() => {});
      },
    },
    limited: { run: ({ park, attempt }) => park({ afterMs: 10_000, why: `attempt ${attempt}` }) },
    failing: {
      run: () => {
        throw new Error('not yet');
      },
    },
  },
});
const idle = defineAgent({
  type: 'idle',
  init: () => ({}),
  tasks: { hang: { run: () => new Promise(() => {}) } },
});

describe.for(steps)('a wall clock that is %s', ([, stepMs]) => {
  test('is what stamps say from then on', async () => {
    const { clock, agents, eventsOf } = await rig();
    const id = await agents.register({ module: idle });
    const before = clock.now();
    clock.setWallClock(before + stepMs);
    await agents.start(id);
    expect(agents.get(id).startedAt).toBe(before + stepMs);
    expect(eventsOf('agent.started')[0]?.at).toBe(before + stepMs);
  });

  test('neither ends a task before its time nor lets it run beyond', async () => {
    const { clock, agents } = await rig();
    const id = await agents.register({ module: idle });
    await agents.start(id);
    const task = agents.execute(id, { type: 'hang', timeoutMs: 600_000 });
    await clock.advance(1_000);
    clock.setWallClock(clock.now() + stepMs);
    await clock.advance(598_999);
    expect(await fateOf(task)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(task)).toBe('TASK_TIMED_OUT');
  });

  test('neither gives up an agent that is healthy nor forgives one that is not', async () => {
    const host = scriptedHost({ onOpen: (body) => body.ready() });
    const { clock, agents } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({
      module: idle,
      restart: { policy: 'immediate', delayMs: 10, maxRestarts: 2, withinMs: 60_000 },
    });
    await agents.start(id);
    const crash = async () => {
      host.live[0]!.exit('killed');
      await clock.advance(10);
      return agents.get(id).status;
    };
    // One crash in a window: whatever the wall clock does between them, they never add up.
    for (let n = 0; n < 6; n++) {
      clock.setWallClock(clock.now() + (n % 2 === 0 ? stepMs : -stepMs));
      await clock.advance(60_000);
      expect(await crash()).toBe('running');
    }
    await clock.advance(60_000);
    expect(await crash()).toBe('running');
    clock.setWallClock(clock.now() + stepMs);
    expect(await crash()).toBe('running');
    expect(await crash()).toBe('crashed');
    expect(agents.get(id).state).toBe('crashed.gaveUp');
  });

  test('changes no backoff: a healthy period resets it, a short one does not', async () => {
    const host = scriptedHost({ onOpen: (body) => body.ready() });
    const { clock, agents, eventsOf } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({
      module: idle,
      restart: { policy: 'delayed', delayMs: 1_000, maxDelayMs: 60_000, maxRestarts: 100, withinMs: 60_000 },
    });
    await agents.start(id);
    const delays = async (uptimeMs: number) => {
      await clock.advance(uptimeMs / 2);
      clock.setWallClock(clock.now() + stepMs);
      await clock.advance(uptimeMs / 2);
      host.live[0]!.exit('killed');
      await clock.advance(120_000);
      return eventsOf('agent.restart_scheduled').at(-1)?.delayMs;
    };
    expect(await delays(1_000)).toBe(500);
    expect(await delays(60_000)).toBe(500);
  });

  test('holds up no schedule of a period, and has none of its times twice', async () => {
    const { clock, system, eventsOf } = await rig();
    const id = await system.agents.register({ module: idle, tasks: { concurrency: 20 } });
    await system.agents.start(id);
    await system.tasks.schedule({ name: 'often', everyMs: 10_000, target: id, task: { type: 'hang' } });
    for (let fired = 1; fired <= 3; fired += 1) {
      await clock.advance(4_000);
      if (fired === 2) clock.setWallClock(clock.now() + stepMs);
      await clock.advance(6_000);
    }
    const fired = eventsOf('schedule.fired');
    // One that is put ahead makes up for the latest of the times that seem to have passed.
    expect(fired.length).toBeGreaterThanOrEqual(3);
    expect(fired.length).toBeLessThanOrEqual(4);
    expect(new Set(fired.map(({ dueAt }) => dueAt)).size).toBe(fired.length);
    expect(system.tasks.list()).toHaveLength(fired.length);
  });

  test.for(['before its event is told', 'while it waits', 'before an answer is refused'])(
    'has no question wait longer or shorter: set %s',
    async (when) => {
      const { clock, agents, system } = await rig();
      const id = await agents.register({ module: asking });
      await agents.start(id);
      const step = () => clock.setWallClock(clock.now() + stepMs);
      system.events.subscribe(({ type }) => {
        if (type === 'question.asked' && when === 'before its event is told') step();
      });
      const answer = agents.execute(id, { type: 'ask' });
      await clock.advance(5_000);
      if (when !== 'before its event is told') step();
      if (when === 'before an answer is refused') {
        await system.questions.answer(system.questions.list()[0]!.id, 3);
      }
      await clock.advance(4_999);
      expect(await fateOf(answer)).toBe('pending');
      await clock.advance(1);
      expect(await answer).toBe(0);
    },
  );

  test('delays no attempt of a task that its pool is given back', async () => {
    const { clock, system } = await rig();
    await system.pools.create({ name: 'p', min: 1, max: 2, target: 2, spec: { module: asking } });
    const retry = { attempts: 9, backoff: { delayMs: 10_000, factor: 1, jitter: 0 } };
    const asked = [1, 2].map(() => system.tasks.submit({ pool: 'p' }, { type: 'failing', retry }));
    const ids = (await Promise.all(asked)).map(({ id }) => id);
    await clock.advance(5_000);
    clock.setWallClock(clock.now() + stepMs);
    await system.pools.ensureSize('p', 1);
    await clock.advance(4_999);
    expect(ids.map((id) => system.tasks.get(id).attempts)).toEqual([1, 1]);
    await clock.advance(1);
    expect(ids.map((id) => system.tasks.get(id).attempts)).toEqual([2, 2]);
  });

  test('takes nothing from the time of a task that waits for a person, and gives it none', async () => {
    const kept = memoryStore();
    const store = mortalStore(kept, { isDurable: true });
    const first = await rig({ store, agents: [asking] });
    await first.agents.register({ id: 'ada', module: asking });
    await first.agents.start('ada');
    const { id } = await first.system.tasks.submit('ada', { type: 'held', timeoutMs: 60_000 });
    await first.clock.advance(1_000);
    first.clock.setWallClock(first.clock.now() + stepMs);
    const asked = first.system.questions.list()[0]!;
    await first.system.questions.answer(asked.id, 'yes');
    await first.clock.advance(0);
    first.clock.setWallClock(first.clock.now() - stepMs);
    store.die();
    const clock = simulatedClock({ startAt: first.clock.now() });
    const { system } = await rig({ store: mortalStore(kept), clock, agents: [asking] });
    await clock.advance(58_000);
    expect(system.tasks.get(id).status).toBe('running');
    await clock.advance(3_000);
    expect(system.tasks.get(id).status).toBe('timed_out');
  });

  test('changes neither when a pool looks at its load nor how long its cooldown is', async () => {
    const { clock, system, eventsOf } = await rig();
    await system.pools.create({
      name: 'p',
      min: 1,
      max: 5,
      spec: { module: idle },
      scale: { intervalMs: 10_000, up: { cooldownMs: 30_000 }, signal: () => ({}) },
    });
    for (let n = 0; n < 9; n += 1) await system.tasks.submit({ pool: 'p' }, { type: 'hang' });
    const scaledAfter = async (ms: number) => {
      await clock.advance(ms - 1);
      const before = eventsOf('pool.scaled').length;
      await clock.advance(1);
      return [before, eventsOf('pool.scaled').length];
    };
    clock.setWallClock(clock.now() + stepMs);
    expect(await scaledAfter(10_000)).toEqual([1, 2]);
    await clock.advance(15_000);
    clock.setWallClock(clock.now() + stepMs);
    expect(await scaledAfter(15_000)).toEqual([2, 3]);
  });

  test('neither cuts a stop short nor draws it out', async () => {
    const { clock, agents, system } = await rig();
    const id = await agents.register({ module: idle, shutdownMs: 5_000 });
    await agents.start(id);
    agents.execute(id, { type: 'hang' }).catch(() => undefined);
    const closed = system.close();
    await clock.advance(1_000);
    clock.setWallClock(clock.now() + stepMs);
    await clock.advance(2_999);
    expect(agents.get(id).state).toBe('alive.stopping.draining');
    await clock.advance(1);
    expect(agents.get(id).state).not.toBe('alive.stopping.draining');
    await clock.advance(20_000);
    expect(await closed).toMatchObject({ abandoned: [id] });
  });
});

test('a schedule of a pattern whose last time was stamped days ahead goes on after the correction', async () => {
  const { clock, system, eventsOf } = await rig();
  const id = await system.agents.register({ module: idle, tasks: { concurrency: 20 } });
  await system.agents.start(id);
  const right = clock.now();
  clock.setWallClock(right + 3 * DAY_MS);
  const task = { type: 'hang' } as const;
  await system.tasks.schedule({ name: 'minutely', cron: '* * * * *', timezone: 'UTC', target: id, task });
  await clock.advance(60_000);
  expect(eventsOf('schedule.fired')).toHaveLength(1);
  clock.setWallClock(right + 60_000);
  await clock.advance(180_000);
  expect(eventsOf('schedule.fired').length).toBeGreaterThanOrEqual(3);
  // Put back by an hour, none of its times comes twice.
  const before = eventsOf('schedule.fired').length;
  clock.setWallClock(clock.now() - HOUR_MS);
  await clock.advance(HOUR_MS - 120_000);
  expect(eventsOf('schedule.fired')).toHaveLength(before);
  await clock.advance(180_000);
  expect(eventsOf('schedule.fired').length).toBeGreaterThan(before);
});

describe.for([
  ['a day ahead', DAY_MS],
  ['an hour ahead', HOUR_MS],
  ['right', 0],
] as const)(
  'what waits since an earlier program, whose clock was %s, waits no longer than it was to',
  ([, errorMs]) => {
    const begin = async (type: string) => {
      const kept = memoryStore();
      const store = mortalStore(kept, { isDurable: true });
      const first = await rig({ store, agents: [asking] });
      first.clock.setWallClock(first.clock.now() + errorMs);
      await first.agents.register({ id: 'ada', module: asking });
      await first.agents.start('ada');
      await first.system.tasks.submit('ada', { type });
      await first.clock.advance(4_000);
      store.die();
      const clock = simulatedClock({ startAt: first.clock.now() - errorMs });
      return rig({ store: mortalStore(kept), clock, agents: [asking] });
    };

    test('for a person', async () => {
      const { clock, eventsOf } = await begin('ask');
      await clock.advance(errorMs === 0 ? 5_999 : 9_999);
      expect(eventsOf('question.expired')).toEqual([]);
      await clock.advance(1);
      expect(eventsOf('question.expired')).toHaveLength(1);
    });

    test('for a limit', async () => {
      const { clock, agents, eventsOf } = await begin('limited');
      expect(agents.get('ada').parked).toBeUndefined();
      await clock.advance(0);
      const { until } = agents.get('ada').parked!;
      expect(until - clock.now()).toBe(errorMs === 0 ? 6_000 : 10_000);
      await clock.advance(until - clock.now() - 1);
      expect(eventsOf('task.started')).toEqual([]);
      await clock.advance(1);
      expect(eventsOf('task.started')).toHaveLength(1);
    });
  },
);

describe('a restart that an earlier program recorded', () => {
  test.for([
    ['while its clock was a day ahead', DAY_MS],
    ['while its clock was a day behind', -DAY_MS],
    ['by a clock that was right', 0],
  ] as const)('%s waits no longer than its delay', async ([, errorMs]) => {
    const store = memoryStore();
    const module = idle;
    const first = simulatedClock();
    first.setWallClock(first.now() + errorMs);
    const host = scriptedHost({ onOpen: (body) => body.ready() });
    const one = await createAgentSystem({
      store,
      clock: first,
      logger: silent,
      random: () => 0,
      hosts: { 'in-process': host },
    });
    const id = await one.agents.register({ module, restart: { policy: 'immediate', delayMs: 30_000 } });
    await one.agents.start(id);
    host.live[0]!.exit('killed');
    await first.advance(10_000);
    const kept = memoryStore();
    await kept.recover();
    for (const event of await store.read({ limit: 1_000 })) await kept.append({ events: [event] });

    const clock = simulatedClock({ startAt: first.now() - errorMs });
    const { agents } = await rig({ store: kept, clock, agents: [module] });
    expect(agents.get(id).status).toBe('crashed');
    const restartAt = agents.get(id).restartAt!;
    expect(restartAt - clock.now()).toBeLessThanOrEqual(30_000);
    await clock.advance(Math.max(0, restartAt - clock.now()));
    expect(agents.get(id).status).toBe('running');
    const closed = one.close({ timeoutMs: 0 });
    await first.advance(120_000);
    await closed;
  });
});

function makePool({ system }: Rig): Promise<string> {
  return system.pools.create({ name: 'p', min: 1, max: 1, spec: { module: idle } });
}

describe.for(['an agent', 'a pool'] as const)('a task of %s that is not to begin yet', (of) => {
  type Due = { readonly notBefore: number } | { readonly delayMs: number };
  const startAt = Date.UTC(2026, 0, 1);
  const notBefore = startAt + 10_000;
  const submit = async (it: Rig, due: Due) => {
    if (of === 'a pool') await makePool(it);
    else await it.agents.start(await it.agents.register({ id: 'ada', module: idle }));
    const task = { type: 'hang', timeoutMs: 5_000, ...due };
    const { id } = await it.system.tasks.submit(of === 'a pool' ? { pool: 'p' } : 'ada', task);
    return id;
  };
  const submitted = async (due: Due) => {
    const it = await rig({ clock: simulatedClock({ startAt }) });
    const id = await submit(it, due);
    return { clock: it.clock, status: () => it.system.tasks.get(id).status };
  };

  test('begins no earlier than the time that was named, once the clock is put back; its timeoutMs counts from then', async () => {
    const { clock, status } = await submitted({ notBefore });
    await clock.advance(4_000);
    clock.setWallClock(clock.now() - HOUR_MS);
    await clock.advance(HOUR_MS + 5_999);
    expect(status()).toBe('waiting');
    await clock.advance(1);
    expect(status()).toBe('running');
    await clock.advance(4_999);
    expect(status()).toBe('running');
    await clock.advance(1);
    expect(status()).toBe('timed_out');
  });

  test('begins within a minute once the clock is put ahead of the time that was named; its timeoutMs counts from then', async () => {
    const { clock, status } = await submitted({ notBefore: startAt + DAY_MS });
    await clock.advance(100_000);
    clock.setWallClock(clock.now() + DAY_MS);
    await clock.advance(20_000);
    expect(status()).toBe('running');
    await clock.advance(4_999);
    expect(status()).toBe('running');
    await clock.advance(1);
    expect(status()).toBe('timed_out');
  });

  test.for(steps)('waits as long as its delay by a clock that is %s', async ([, stepMs]) => {
    const { clock, status } = await submitted({ delayMs: 10_000 });
    await clock.advance(4_000);
    clock.setWallClock(clock.now() + stepMs);
    await clock.advance(5_999);
    expect(status()).toBe('waiting');
    await clock.advance(1);
    expect(status()).toBe('running');
  });

  describe.for(disks)('with a %s, in a next program whose clock is an hour back', (kind) => {
    test.for<readonly [what: string, due: Due, waitMs: number]>([
      ['waits for the time that was named', { notBefore }, HOUR_MS + 10_000],
      ['waits as long as its delay', { delayMs: 10_000 }, 10_000],
    ])('%s', async ([, due, waitMs]) => {
      const disk = await diskOf(kind);
      const first = await disk.boot({ agents: [idle] });
      const id = await submit(first, due);
      const second = await disk.boot({ agents: [idle] }, -HOUR_MS);
      if (of === 'a pool') await makePool(second);
      await second.clock.advance(waitMs - 1);
      expect(second.system.tasks.get(id).status).toBe('waiting');
      await second.clock.advance(1);
      await settled();
      expect(second.system.tasks.get(id).status).toBe('running');
    });
  });
});

describe.for(['of its own', 'that it shares'] as const)('a task that waits for a limit %s', (of) => {
  const startAt = Date.UTC(2026, 0, 1);
  const quota = of === 'of its own' ? {} : { quota: 'provider' };
  /** How the reset is said, `ms` from the start. */
  const says = {
    'by park, as a time': (park: Park, ms: number) => park({ until: startAt + ms, why: 'full' }),
    'by an error, as a date': (_: Park, ms: number) => {
      const headers = { 'retry-after': new Date(startAt + ms).toUTCString() };
      throw Object.assign(new Error('full'), { status: 429, headers });
    },
    'by park, as a wait': (park: Park, ms: number) => park({ afterMs: ms, why: 'full' }),
    'by an error, as a wait': (_: Park, ms: number) => {
      throw Object.assign(new Error('full'), { status: 429, retryAfterMs: ms });
    },
  };
  type Park = (options: { why: string } & ({ until: number } | { afterMs: number })) => never;
  type How = keyof typeof says;
  const times: How[] = ['by park, as a time', 'by an error, as a date'];
  const waits: How[] = ['by park, as a wait', 'by an error, as a wait'];
  const limitedUntil = (ms: number, how: How) => {
    const gate = { isShut: true };
    const run = ({ park }: { park: Park }) => (gate.isShut ? says[how](park, ms) : 'done');
    return { gate, module: defineAgent({ type: 'limited', init: () => ({}), tasks: { call: { run } } }) };
  };
  const submit = async ({ agents, system }: Rig, module: ReturnType<typeof limitedUntil>['module']) => {
    await agents.start(await agents.register({ id: 'ada', module, ...quota }));
    const { id } = await system.tasks.submit('ada', { type: 'call' });
    await settled();
    return id;
  };
  const parked = async (ms: number, how: How) => {
    const { gate, module } = limitedUntil(ms, how);
    const it = await rig({ clock: simulatedClock({ startAt }) });
    const id = await submit(it, module);
    gate.isShut = false;
    return { ...it, status: () => it.system.tasks.get(id).status };
  };

  test.for(times)('said %s, begins no earlier once the clock is put back', async (how) => {
    const { agents, clock, status } = await parked(10_000, how);
    await clock.advance(4_000);
    clock.setWallClock(clock.now() - HOUR_MS);
    await clock.advance(HOUR_MS + 5_999);
    expect(status()).toBe('parked');
    expect(agents.get('ada').parked).toMatchObject({ until: startAt + 10_000, named: true });
    await clock.advance(1);
    expect(status()).toBe('done');
  });

  // The second is longer than timers of Node hold.
  test.for(times.flatMap((how) => [1, 40].map((days) => [how, days] as const)))(
    'said %s, %i days away, begins within a minute once the clock is put ahead of it',
    async ([how, days]) => {
      const { clock, status } = await parked(days * DAY_MS, how);
      await clock.advance(100_000);
      expect(status()).toBe('parked');
      clock.setWallClock(clock.now() + days * DAY_MS);
      await clock.advance(20_000);
      expect(status()).toBe('done');
      // Its health check.
      expect(clock.pending()).toHaveLength(1);
    },
  );

  test.for(waits.flatMap((how) => steps.map(([step, stepMs]) => [how, step, stepMs] as const)))(
    'said %s, waits as long by a clock that is %s',
    async ([how, , stepMs]) => {
      const { clock, status } = await parked(10_000, how);
      await clock.advance(4_000);
      clock.setWallClock(clock.now() + stepMs);
      await clock.advance(5_999);
      expect(status()).toBe('parked');
      await clock.advance(1);
      expect(status()).toBe('done');
    },
  );

  test('is let go at once by who lifts it, whatever the clock says', async () => {
    const { clock, status, system } = await parked(DAY_MS, 'by park, as a time');
    clock.setWallClock(clock.now() - HOUR_MS);
    await system.quotas.lift(of === 'of its own' ? 'ada' : 'provider');
    await clock.advance(1_000);
    expect(status()).toBe('done');
    // Its health check.
    expect(clock.pending()).toHaveLength(1);
  });

  describe.for(disks)('with a %s, in a next program whose clock is an hour back', (kind) => {
    test.for([
      [times[0]!, HOUR_MS + 10_000],
      [times[1]!, HOUR_MS + 10_000],
      [waits[0]!, 10_000],
      [waits[1]!, 10_000],
    ] as const)('said %s, waits %i ms', async ([how, waitMs]) => {
      const { gate, module } = limitedUntil(10_000, how);
      const disk = await diskOf(kind);
      const first = await disk.boot({ agents: [module] });
      const id = await submit(first, module);
      gate.isShut = false;
      const { clock, system } = await disk.boot({ agents: [module] }, -HOUR_MS);
      await clock.advance(waitMs - 1);
      expect(system.tasks.get(id).status).toBe('parked');
      await clock.advance(1);
      await settled();
      expect(system.tasks.get(id).status).toBe('done');
    });
  });
});
