/** Who asked for an act is in its events, and in no others; in every way that an act can go. */
import { describe, expect, it } from 'vitest';
import { defineAgent, type SystemEvent, type SystemEventType, variable } from '../../src/index.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { plain, withInit } from '../fleet/plain.ts';
import { disks, diskOf } from '../fleet/program.ts';
import { drivenBy, drivers } from '../kit/drivers.ts';
import { awaited, codeOf, refusal, rig } from '../kit/rig.ts';

const by = 'grace';

/** Every event of the life, with who asked for it. */
function said(events: readonly SystemEvent[]): string[] {
  return events
    .filter(({ type }) => type.startsWith('agent.') && type !== 'agent.state_saved')
    .map((event) => `${event.type.slice('agent.'.length)}${'by' in event ? ` by ${event.by}` : ''}`);
}

async function running(restart: { readonly policy: 'delayed' | 'never' } = { policy: 'delayed' }) {
  const world = await rig();
  const id = await world.agents.register({ id: 'ada', module: plain, restart });
  await world.agents.start(id, { by });
  return { ...world, id };
}

async function scripted() {
  const host = scriptedHost();
  const world = await rig({ hosts: { 'in-process': host } });
  const id = await world.agents.register({ module: plain, restart: { policy: 'never' } });
  const started = awaited(world.agents.start(id));
  await settled();
  return { ...world, id, started, body: host.bodiesOf(id)[0]! };
}

it('a start, a stop, a restart and a forget', async () => {
  const { agents, id, events } = await running();
  await agents.stop(id, { by: 'alan' });
  await agents.restart(id, { by });
  await agents.stop(id);
  await agents.forget(id, { by });
  expect(said(events)).toEqual([
    'registered',
    'starting by grace',
    'started',
    'stopping by alan',
    'stopped by alan',
    'starting by grace',
    'started',
    'stopping',
    'stopped',
    'forgotten by grace',
  ]);
});

it('a kill is a crash by somebody; the restart that follows is the policy’s', async () => {
  const { agents, id, events, clock } = await running();
  await agents.kill(id, { by });
  await clock.advance(1_000);
  expect(said(events).slice(3)).toEqual(['crashed by grace', 'restart_scheduled', 'starting', 'started']);
  await agents.kill(id);
  await clock.advance(2_000);
  expect(said(events).slice(7)).toEqual(['crashed', 'restart_scheduled', 'starting', 'started']);
});

it('a restart that waits is cancelled by somebody, or started before its time', async () => {
  const { agents, id, events } = await running();
  await agents.kill(id);
  await agents.start(id, { by });
  await agents.kill(id, { by: 'alan' });
  await agents.stop(id, { by });
  expect(said(events).slice(5)).toEqual([
    'starting by grace',
    'started',
    'crashed by alan',
    'restart_scheduled',
    'stopped by grace',
  ]);
});

it('by a handle', async () => {
  const { agents, id, events } = await running();
  await agents.handle(id).stop({ by, timeoutMs: 100 });
  await (await agents.start(id)).kill({ by });
  expect(
    said(events)
      .filter((line) => line.includes(by))
      .slice(1),
  ).toEqual(['stopping by grace', 'stopped by grace', 'crashed by grace']);
});

describe('of an end that two asked for, or nobody', () => {
  it('who killed what somebody else was stopping', async () => {
    const { agents, id, started, body, events } = await scripted();
    body.ready();
    await started;
    void awaited(agents.stop(id, { by: 'alan' }));
    void awaited(agents.kill(id, { by }));
    body.exit('killed');
    await settled();
    expect(said(events).slice(3)).toEqual(['stopping by alan', 'crashed by grace']);
  });

  it('a crash that comes before the kill is nobody’s', async () => {
    const { agents, id, started, body, events } = await scripted();
    body.ready();
    await started;
    void awaited(agents.kill(id, { by }));
    body.exit({ signal: 'SIGSEGV' });
    await settled();
    expect(said(events).at(-1)).toBe('crashed');
  });

  it('a stop past its deadline is still theirs', async () => {
    const { agents, id, started, body, events, clock } = await scripted();
    body.ready();
    await started;
    void awaited(agents.stop(id, { by, timeoutMs: 10 }));
    await clock.advance(10);
    body.exit('killed');
    await settled();
    expect(said(events).at(-1)).toBe('stopped by grace');
  });

  it('a start that was killed while it was under way', async () => {
    const { agents, id, started, body, events } = await scripted();
    void awaited(agents.kill(id, { by }));
    body.exit('killed');
    expect(await codeOf(started)).toBe('AGENT_START_FAILED');
    expect(said(events).at(-1)).toBe('start_failed by grace');
  });

  it('a start that fails by itself is nobody’s', async () => {
    const { agents, events } = await rig();
    const failing = withInit(() => {
      throw new Error('no');
    });
    const id = await agents.register({ module: failing });
    expect(await codeOf(agents.start(id, { by }))).toBe('AGENT_START_FAILED');
    expect(said(events)).toEqual(['registered', 'starting by grace', 'start_failed']);
  });
});

it('a pool: its size, and its close', async () => {
  const { system, eventsOf } = await rig();
  await system.pools.create({ name: 'p', spec: { module: plain }, min: 0, max: 3 });
  await system.pools.ensureSize('p', 2, { by });
  await system.pools.ensureSize('p', 1);
  await system.pools.close('p', { by });
  expect(eventsOf('pool.scaled').map(({ from, to, by: who }) => [from, to, who])).toEqual([
    [0, 2, by],
    [2, 1, undefined],
    [1, 0, by],
  ]);
});

/** An act of a fleet in which it is allowed: given what to say of who asks for it. */
interface Act {
  /** What has to be done before. */
  readonly before?: (fleet: Fleet) => Promise<unknown>;
  readonly act: (fleet: Fleet, said: never) => unknown;
  readonly event: SystemEventType;
}
type Fleet = Awaited<ReturnType<typeof fleet>>;

const worker = defineAgent({
  type: 'worker',
  quota: 'model',
  variables: ['rate'],
  init: () => ({ n: 0 }),
  tasks: {
    fail: {
      retry: 'on_host_loss',
      run: () => {
        throw new Error('no');
      },
    },
    ask: { run: ({ ask }) => ask({ question: 'Really?' }) },
    limit: { run: ({ park }) => park({ afterMs: 60_000, why: 'enough' }) },
  },
});
const spec = { id: 'bob', module: worker };
const rate = variable.float({ min: 0, max: 1, default: 0 });

async function fleet() {
  const world = await rig();
  await world.agents.register({ id: 'ada', module: worker, restart: { policy: 'never' } });
  await world.agents.start('ada');
  return { ...world.system, ...world, taskId: '' };
}

async function submitted(fleet: Fleet, type: string): Promise<void> {
  fleet.taskId = (await fleet.tasks.submit('ada', { type })).id;
  await settled();
}
const failed = async (fleet: Fleet): Promise<void> => {
  await submitted(fleet, 'fail');
  await settled();
};
const stopped = ({ agents }: Fleet) => agents.stop('ada');
const defined = ({ variables }: Fleet) => variables.define('rate', rate);
const pool = { name: 'p', spec: { module: worker }, min: 1, max: 3 };
const budget = { name: 'money', scope: 'fleet', limits: { money: 1 } } as const;
const schedule = { name: 'often', everyMs: 60_000, target: 'ada', task: { type: 'fail' } };

const acts: Readonly<Record<string, Act>> = {
  'agents.register': { act: ({ agents }, said) => agents.register(spec, said), event: 'agent.registered' },
  'agents.ensure, of a new one': {
    act: ({ agents }, said) => agents.ensure(spec, said),
    event: 'agent.registered',
  },
  'agents.ensure, of one that is there': {
    act: ({ agents }, said) => agents.ensure({ id: 'ada', module: worker }, said),
    event: 'agent.updated',
  },
  'agents.update': {
    act: ({ agents }, said) => agents.update('ada', { shutdownMs: 7 }, said),
    event: 'agent.updated',
  },
  'agents.start': {
    before: stopped,
    act: ({ agents }, said) => agents.start('ada', said),
    event: 'agent.starting',
  },
  'agents.startAll': {
    before: stopped,
    act: ({ agents }, said) => agents.startAll({}, said),
    event: 'agent.starting',
  },
  'agents.restart': {
    before: stopped,
    act: ({ agents }, said) => agents.restart('ada', said),
    event: 'agent.starting',
  },
  'agents.stop': { act: ({ agents }, said) => agents.stop('ada', said), event: 'agent.stopped' },
  'agents.kill': { act: ({ agents }, said) => agents.kill('ada', said), event: 'agent.crashed' },
  'agents.pause': { act: ({ agents }, said) => agents.pause('ada', said), event: 'agent.paused' },
  'agents.resume': {
    before: ({ agents }) => agents.pause('ada'),
    act: ({ agents }, said) => agents.resume('ada', said),
    event: 'agent.resumed',
  },
  'agents.forget': {
    before: stopped,
    act: ({ agents }, said) => agents.forget('ada', said),
    event: 'agent.forgotten',
  },
  'tasks.submit': {
    act: ({ tasks }, said: object) => tasks.submit('ada', { type: 'fail', ...said }),
    event: 'task.accepted',
  },
  'tasks.cancel': {
    before: (fleet) => submitted(fleet, 'ask'),
    act: ({ tasks, taskId }, said) => tasks.cancel(taskId, 'enough', said),
    event: 'task.abandoned',
  },
  'tasks.retry': {
    before: failed,
    act: ({ tasks, taskId }, said) => tasks.retry(taskId, said),
    event: 'task.accepted',
  },
  'tasks.forget': {
    before: failed,
    act: ({ tasks, taskId }, said) => tasks.forget(taskId, said),
    event: 'task.forgotten',
  },
  'tasks.schedule': {
    act: ({ tasks }, said: object) => tasks.schedule({ ...schedule, ...said }),
    event: 'schedule.set',
  },
  'tasks.unschedule': {
    before: ({ tasks }) => tasks.schedule(schedule),
    act: ({ tasks }, said) => tasks.unschedule('often', said),
    event: 'schedule.removed',
  },
  'questions.answer': {
    before: (fleet) => submitted(fleet, 'ask'),
    act: ({ questions }, said) => questions.answer(questions.list()[0]!.id, 'yes', said),
    event: 'question.answered',
  },
  'quotas.lift': {
    before: (fleet) => submitted(fleet, 'limit'),
    act: ({ quotas }, said) => quotas.lift('model', said),
    event: 'quota.lifted',
  },
  'budgets.refill': {
    before: async ({ budgets }) => budgets.define(budget),
    act: ({ budgets }, said) => budgets.refill('money', said),
    event: 'budget.refilled',
  },
  'variables.set': {
    before: defined,
    act: ({ variables }, said) => variables.set('rate', 1, said),
    event: 'variable.changed',
  },
  'variables.rollback': {
    before: defined,
    act: ({ variables }, said) => variables.rollback('rate', 1, said),
    event: 'variable.changed',
  },
  'consensus.propose': {
    before: defined,
    act: ({ consensus }, said: object) => consensus.propose({ variable: 'rate', value: 1, ...said }),
    event: 'round.opened',
  },
  'coordination.suspend': {
    act: ({ coordination }, said) => coordination.suspend(said),
    event: 'coordination.lost',
  },
  'coordination.resume': {
    before: async ({ coordination }) => coordination.suspend(),
    act: ({ coordination }, said) => coordination.resume(said),
    event: 'coordination.restored',
  },
  'pools.create': { act: ({ pools }, said) => pools.create(pool, said), event: 'pool.scaled' },
  'pools.ensureSize': {
    before: ({ pools }) => pools.create(pool),
    act: ({ pools }, said) => pools.ensureSize('p', 2, said),
    event: 'pool.scaled',
  },
  'pools.close': {
    before: ({ pools }) => pools.create(pool),
    act: ({ pools }, said) => pools.close('p', said),
    event: 'pool.scaled',
  },
};

describe('every act', () => {
  it.each(Object.entries(acts))('%s: its event says who', async (_, { before, act, event }) => {
    const world = await fleet();
    await before?.(world);
    const from = world.events.length;
    await act(world, { by } as never);
    await settled();
    const told = world.events.slice(from).filter(({ type }) => type === event);
    expect(told.map((told) => ('by' in told ? told.by : undefined))).toContain(by);
  });

  it.each(Object.entries(acts))('%s: nobody, or an operator, where nobody is named', async (_, given) => {
    const world = await fleet();
    await given.before?.(world);
    const from = world.events.length;
    await given.act(world, {} as never);
    await settled();
    const told = world.events.slice(from).filter(({ type }) => type === given.event);
    const who = told.map((told) => ('by' in told ? told.by : undefined));
    expect(who.filter((name) => name !== undefined && name !== 'operator')).toEqual([]);
  });

  it.each(Object.entries(acts))(
    '%s: without a name it is refused, before anything is done',
    async (_, given) => {
      const world = await fleet();
      await given.before?.(world);
      const from = world.events.length;
      for (const bad of [{ by: '' }, { by: 7 }, { by: null }, { by: 'x'.repeat(257) }, { who: by }]) {
        const refused = await refusal(async () => given.act(world, bad as never));
        expect(refused.code).toMatch(/^(AGENT_SPEC|TASK_INPUT|VARIABLE|ROUND|REQUEST)_INVALID$/);
        expect(refused.message).toMatch(/by: expected who asks for it, 1 to 256 characters|who/);
      }
      expect(world.events.slice(from)).toEqual([]);
    },
  );
});

it.each(drivers)('whatever drives the chart: %s', async (driver) => {
  const { agents, events } = await rig({ inspect: drivenBy(driver) });
  const id = await agents.register({ module: plain, restart: { policy: 'never' } });
  await agents.start(id, { by });
  await agents.kill(id, { by });
  expect(said(events)).toEqual(['registered', 'starting by grace', 'started', 'crashed by grace']);
});

it.each(disks)('it is kept, on a %s', async (kind) => {
  const disk = await diskOf(kind);
  const { agents } = await disk.boot();
  const id = await agents.register({ module: plain });
  await agents.start(id, { by });
  await agents.stop(id, { by });
  const later = await disk.boot({ agents: [plain] });
  const read: SystemEvent[] = [];
  for await (const event of later.system.events.read()) read.push(event);
  expect(said(read).filter((line) => line.includes(by))).toEqual([
    'starting by grace',
    'stopping by grace',
    'stopped by grace',
  ]);
});
