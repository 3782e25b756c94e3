import { expect, it } from 'vitest';
import { pino } from 'pino';
import {
  type AgentRecord,
  createAgentSystem,
  defineAgent,
  type LifeStep,
  memoryStore,
  type SystemEvent,
} from '../../src/index.ts';
import { stepOf } from '../../src/runtime/journal/replay.ts';
import { simulatedClock } from '../../src/testing/index.ts';

let isSound = true;

const worker = defineAgent({
  type: 'worker',
  init: () => {
    if (!isSound) throw new Error('not sound');
    return { done: 0 };
  },
  tasks: {
    work: { run: ({ state }) => ++state.done },
    hang: { run: () => new Promise<void>(() => {}) },
    park: { run: ({ park }) => park({ afterMs: 60_000, why: 'full' }) },
    end: { run: ({ complete }) => complete() },
    fail: {
      run: () => {
        throw new Error('no');
      },
    },
  },
});

/** What a replay must say, taken from a record of the moment. */
function stepOfRecord(record: AgentRecord): Partial<LifeStep> {
  const { status, incarnation, restarts, reason, restartAt, startedAt, endedAt, abandoned, metrics } = record;
  const { paused, parked } = record;
  const { done, failed, timedOut, abandoned: left } = metrics;
  return {
    status,
    incarnation,
    restarts,
    ...(reason === undefined ? {} : { reason }),
    ...(restartAt === undefined ? {} : { restartAt }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(paused === undefined ? {} : { paused }),
    ...(parked === undefined ? {} : { parked }),
    abandoned,
    tasks: { done, failed, timedOut, abandoned: left },
  };
}

const ofLife = ({ tasks: _, ...step }: LifeStep) => step;

async function livedThrough() {
  const clock = simulatedClock();
  const system = await createAgentSystem({
    clock,
    store: memoryStore(),
    random: () => 0.5,
    logger: pino({ level: 'silent' }),
  });
  const { agents, events } = system;
  /** Records at settled moments, by the sequence of the last event before each. */
  const moments = new Map<number, AgentRecord>();
  let last = 0;
  events.subscribe(({ sequence }) => {
    last = sequence;
  });
  const id = await agents.register({ module: worker, restart: { policy: 'delayed', delayMs: 100 } });
  const look = async () => {
    await clock.advance(0);
    moments.set(last, agents.get(id));
  };
  await look();
  await agents.start(id);
  await look();
  await agents.execute(id, { type: 'work' });
  await look();
  await agents.execute(id, { type: 'fail' }).catch(() => undefined);
  await look();
  await agents.kill(id);
  await look();
  await clock.advance(100);
  await look();
  await agents.execute(id, { type: 'work' });
  await look();
  await agents.stop(id);
  await look();
  await agents.restart(id);
  await look();
  await agents.kill(id);
  await look();
  await agents.stop(id);
  await look();
  // A second life, and how its first one ended must not show.
  await agents.start(id);
  await look();
  const known: string = id;
  const left = ['hang', 'work'].map((type) => agents.execute(known, { type }).catch(() => undefined));
  await look();
  await agents.kill(id);
  await Promise.all(left);
  await look();
  expect(agents.get(id).abandoned).toHaveLength(2);
  await clock.advance(1_000);
  await look();
  expect(agents.get(id)).toMatchObject({ status: 'running', abandoned: [] });
  await agents.stop(id);
  await look();
  isSound = false;
  await agents.start(id).catch(() => undefined);
  isSound = true;
  await look();
  await agents.start(id);
  await look();
  await agents.execute(id, { type: 'end' });
  await look();
  expect(agents.get(id).status).toBe('completed');
  return { system, id, moments };
}

it('a replay up to any moment says what the live record said then', async () => {
  const { system, id, moments } = await livedThrough();
  expect(moments.size).toBe(19);
  for (const [sequence, record] of moments) {
    const steps = await system.events.replay(id, sequence);
    const { sequence: _, at: __, type: ___, ...said } = steps.at(-1)!;
    expect(said, `after event ${sequence}`).toEqual(stepOfRecord(record));
  }
  await system.close();
});

it.each(['kill', 'stop'] as const)(
  'what it is parked and paused for is shown as long as its record shows it (%s)',
  async (end) => {
    const clock = simulatedClock();
    const system = await createAgentSystem({ clock, random: () => 0.5, logger: pino({ level: 'silent' }) });
    const { agents } = system;
    const id = await agents.register({ module: worker });
    const saysTheSame = async () => {
      await clock.advance(0);
      const { sequence: _, at: __, type: ___, ...said } = (await system.events.replay(id)).at(-1)!;
      expect(said).toEqual(stepOfRecord(agents.get(id)));
      return said;
    };
    await agents.start(id);
    const parking = agents.execute(id, { type: 'park' }).catch(() => undefined);
    expect((await saysTheSame()).parked).toMatchObject({ why: 'full' });
    await agents.pause(id);
    expect(await saysTheSame()).toMatchObject({ parked: { why: 'full' }, paused: { at: clock.now() } });
    await agents[end](id, end === 'stop' ? { timeoutMs: 0 } : {});
    await parking;
    expect(await saysTheSame()).not.toHaveProperty('parked');
    await system.close();
  },
);

it('a replay goes state by state', async () => {
  const { system, id } = await livedThrough();
  const path = (await system.events.replay(id)).map(({ status }) => status);
  const turns = path.filter((status, index) => status !== path[index - 1]);
  expect(turns).toEqual([
    'registered',
    'starting',
    'running',
    'crashed',
    'starting',
    'running',
    'stopping',
    'stopped',
    'starting',
    'running',
    'crashed',
    'stopped',
    'starting',
    'running',
    'crashed',
    'starting',
    'running',
    'stopping',
    'stopped',
    'starting',
    'stopped',
    'starting',
    'running',
    'stopping',
    'completed',
  ]);
  await system.close();
});

it('a forgotten agent can still be replayed, and an unknown one has no life', async () => {
  const { system, id } = await livedThrough();
  await system.agents.forget(id);
  expect((await system.events.replay(id)).at(-1)?.status).toBe('forgotten');
  expect(await system.events.replay('nobody')).toEqual([]);
  await system.close();
});

it('an agent that is registered anew under its id has nothing of the one before', async () => {
  const { system, id } = await livedThrough();
  await system.agents.forget(id);
  await system.agents.register({ id, module: worker });
  const steps = await system.events.replay(id);
  expect(steps.at(-1)).toEqual({
    sequence: steps.at(-1)!.sequence,
    at: steps.at(-1)!.at,
    type: 'agent.registered',
    status: 'registered',
    incarnation: 0,
    restarts: 0,
    abandoned: [],
    tasks: { done: 0, failed: 0, timedOut: 0, abandoned: 0 },
  });
  await system.agents.start(id);
  expect((await system.events.replay(id)).at(-1)).toMatchObject({
    status: 'running',
    incarnation: 1,
    tasks: { done: 0, failed: 0, timedOut: 0, abandoned: 0 },
  });
  await system.close();
});

it('begins where retention has left off, and says the same from there', async () => {
  const { system, id } = await livedThrough();
  const whole = await system.events.replay(id);
  const events: SystemEvent[] = [];
  for await (const event of system.events.read({ agentId: id })) events.push(event);
  const first = events.findIndex((event) => event.type === 'agent.crashed');
  const late: LifeStep[] = [];
  for (const event of events.slice(first)) {
    const step = stepOf(late.at(-1), event);
    if (step) late.push(step);
  }
  const from = whole.findIndex(({ sequence }) => sequence === events[first]!.sequence);
  expect(late.map(ofLife)).toEqual(whole.slice(from).map(ofLife));
  expect(late[0]!.tasks).toEqual({ done: 0, failed: 0, timedOut: 0, abandoned: 0 });
  await system.close();
});

it('an update, an end of a task or a forgetting says when it was, and nothing of a life that is not known', () => {
  const at = { sequence: 7, at: 5, agentId: 'a' };
  const [registered, ...others] = ['agent.registered', 'agent.updated', 'task.failed', 'agent.forgotten'].map(
    (type) => ({ ...at, type }) as unknown as SystemEvent,
  );
  const before = stepOf(undefined, { ...registered!, sequence: 1, at: 1 });
  for (const event of others) {
    expect(stepOf(undefined, event)).toBeUndefined();
    expect(stepOf(before, event)).toMatchObject({ sequence: 7, at: 5, type: event.type, incarnation: 0 });
  }
});
