import { describe, expect, it } from 'vitest';
import { type AgentSystemOptions, type SystemLimits } from '../../src/index.ts';
import { type ScriptedBody, scriptedHost, settled } from '../../src/testing/index.ts';
import { plain } from '../fleet/plain.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, codeOf, fateOf, refusal, rig } from '../kit/rig.ts';

const MB = 1_000_000;

/** Agents whose bodies do as the test says, and may have a memory limit. */
async function scripted(limits: SystemLimits, options: Omit<AgentSystemOptions, 'clock' | 'limits'> = {}) {
  const host = scriptedHost();
  const made = await rig({ limits, hosts: { 'in-process': host }, ...options });
  const register = (id: string, maxMemoryBytes?: number, restart: object = { policy: 'never' }) =>
    made.agents.register({
      id,
      module: plain,
      restart,
      resources: maxMemoryBytes === undefined ? {} : { maxMemoryBytes },
    });
  const bodyOf = (id: string): ScriptedBody => host.bodiesOf(id).at(-1)!;
  const start = async (id: string): Promise<void> => {
    const started = made.agents.start(id);
    await settled();
    bodyOf(id).ready();
    await started;
  };
  const left = () => {
    const { agents, memoryBytes } = made.system.resources();
    return [agents, memoryBytes];
  };
  return { ...made, host, register, start, bodyOf, left };
}

describe('limits.maxAgents', () => {
  it('refuses a start beyond it, naming the limit and what is left, and changes nothing', async () => {
    const { agents, events, register, start, left } = await scripted({ maxAgents: 2 });
    for (const id of ['a', 'b', 'c']) await register(id);
    await start('a');
    await start('b');
    const before = events.length;
    const error = await refusal(agents.start('c'));
    expect(error).toMatchObject({
      code: 'RESOURCES_EXHAUSTED',
      agentId: 'c',
      details: { agentsLeft: 0 },
    });
    expect(error.message).toMatch(/limits\.maxAgents is 2, and 0 are left/);
    expect(agents.get('c')).toMatchObject({ status: 'registered', incarnation: 0 });
    expect(events).toHaveLength(before);
    expect(left()).toEqual([2, 0]);
  });

  it('counts agents that start, and does not count those at rest', async () => {
    const { agents, register, bodyOf, left } = await scripted({ maxAgents: 1 });
    await register('a');
    await register('b');
    expect(left()).toEqual([0, 0]);
    const first = awaited(agents.start('a'));
    expect(await codeOf(agents.start('b'))).toBe('RESOURCES_EXHAUSTED');
    await settled();
    bodyOf('a').exit({ exitCode: 1 });
    expect(await fateOf(first)).toBe('AGENT_START_FAILED');
    expect(left()).toEqual([0, 0]);
    const second = awaited(agents.start('b'));
    await settled();
    bodyOf('b').ready();
    expect(await fateOf(second)).toMatchObject({ value: { id: 'b' } });
  });

  it('admits just as many of a crowd that starts in one turn', async () => {
    const { agents, host, register } = await scripted({ maxAgents: 7 });
    const ids = Array.from({ length: 20 }, (_, index) => `agent ${index}`);
    for (const id of ids) await register(id);
    const starts = ids.map((id) => awaited(agents.start(id)));
    await settled();
    for (const body of host.live) body.ready();
    const fates = await Promise.all(starts.map((start) => fateOf(start)));
    expect(fates.filter((fate) => fate === 'RESOURCES_EXHAUSTED')).toHaveLength(13);
    expect(agents.list({ status: 'running' })).toHaveLength(7);
  });

  it('of 0 starts nothing', async () => {
    const { agents, register } = await scripted({ maxAgents: 0 });
    await register('a');
    expect(await codeOf(agents.start('a'))).toBe('RESOURCES_EXHAUSTED');
  });
});

describe('limits.maxMemoryBytes', () => {
  it('refuses a start that reserves more than is left, naming all three', async () => {
    const { agents, register, start, left } = await scripted({ maxMemoryBytes: 100 * MB });
    await register('a', 60 * MB);
    await register('b', 50 * MB);
    await register('c', 40 * MB);
    await register('free');
    await start('a');
    const error = await refusal(agents.start('b'));
    expect(error.code).toBe('RESOURCES_EXHAUSTED');
    expect(error.message).toContain('50000000 bytes');
    expect(error.message).toContain('(100000000)');
    expect(error.message).toContain('40000000 are left');
    expect(error.details).toMatchObject({ memoryBytesAsked: 50 * MB, memoryBytesLeft: 40 * MB });
    await start('c');
    await start('free');
    expect(left()).toEqual([3, 100 * MB]);
  });
});

it('of both limits the one is named that has no room: the number first, and the memory while a place is left', async () => {
  const { agents, register, start } = await scripted({ maxAgents: 2, maxMemoryBytes: 100 * MB });
  for (const id of ['a', 'b', 'c']) await register(id, 60 * MB);
  await register('free');
  await start('a');
  const full = await refusal(agents.start('b'));
  expect(full.details).toEqual({ agentsLeft: 1, memoryBytesLeft: 40 * MB, memoryBytesAsked: 60 * MB });
  expect(full.message).toMatch(/limits\.maxMemoryBytes/);
  await start('free');
  const both = await refusal(agents.start('c'));
  expect(both.details).toEqual({ agentsLeft: 0, memoryBytesLeft: 40 * MB, memoryBytesAsked: 60 * MB });
  expect(both.message).toMatch(/limits\.maxAgents is 2, and 0 are left/);
});

describe('a group', () => {
  it('reserves its memory once, from its first member on until its last is gone', async () => {
    const { agents, register, start, bodyOf, left } = await scripted({ maxMemoryBytes: 50 * MB });
    for (const id of ['a', 'b', 'c']) {
      await agents.register({
        id,
        module: plain,
        restart: { policy: 'never' },
        resources: { group: 'g', maxMemoryBytes: 40 * MB },
      });
    }
    await register('alone', 20 * MB);
    for (const id of ['a', 'b', 'c']) await start(id);
    expect(left()).toEqual([3, 40 * MB]);
    expect(await codeOf(agents.start('alone'))).toBe('RESOURCES_EXHAUSTED');
    bodyOf('a').exit('normal');
    bodyOf('c').exit({ exitCode: 1 });
    await settled();
    expect(left()).toEqual([1, 40 * MB]);
    await start('a');
    bodyOf('b').exit('normal');
    await settled();
    expect(left()).toEqual([1, 40 * MB]);
    bodyOf('a').exit('normal');
    await settled();
    expect(left()).toEqual([0, 0]);
    await start('alone');
    expect(left()).toEqual([1, 20 * MB]);
    bodyOf('alone').exit('normal');
    await settled();
    await start('b');
    expect(left()).toEqual([1, 40 * MB]);
  });

  it('whose members do not agree gives back just what it took', async () => {
    const { agents, start, bodyOf, left } = await scripted({ maxMemoryBytes: 100 * MB });
    for (const [id, maxMemoryBytes] of [['a', 30 * MB] as const, ['b', 50 * MB] as const]) {
      await agents.register({
        id,
        module: plain,
        restart: { policy: 'never' },
        resources: { group: 'g', maxMemoryBytes },
      });
      await start(id);
    }
    for (const id of ['a', 'b']) {
      bodyOf(id).exit('normal');
      await settled();
    }
    expect(left()).toEqual([0, 0]);
  });
});

describe('what was reserved is given back', () => {
  const ends: [string, (world: Awaited<ReturnType<typeof scripted>>) => Promise<unknown>][] = [
    [
      'a stop',
      async ({ agents, bodyOf }) => {
        const stop = agents.stop('a');
        await settled();
        bodyOf('a').report({ type: 'state.saved', state: { json: '1', stateVersion: 1 } });
        await settled();
        bodyOf('a').exit('shutdown');
        return stop;
      },
    ],
    [
      'a stop without grace',
      async ({ agents, bodyOf }) => {
        const stop = agents.stop('a', { timeoutMs: 0 });
        bodyOf('a').exit('killed');
        return stop;
      },
    ],
    [
      'a kill',
      async ({ agents, bodyOf }) => {
        const kill = agents.kill('a');
        bodyOf('a').exit('killed');
        return kill;
      },
    ],
    ['a crash', async ({ bodyOf }) => bodyOf('a').exit({ signal: 'SIGSEGV' })],
    ['running out of memory', async ({ bodyOf }) => bodyOf('a').exit('out_of_memory')],
    ['its normal end', async ({ bodyOf }) => bodyOf('a').exit('normal')],
    [
      'missed health checks',
      async ({ clock, bodyOf }) => {
        await clock.advance(1_000_000);
        bodyOf('a').exit('killed');
      },
    ],
  ];
  it.each(ends)('after %s', async (_, end) => {
    const world = await scripted({ maxAgents: 1, maxMemoryBytes: 10 * MB });
    await world.register('a', 10 * MB);
    await world.register('b', 10 * MB);
    await world.start('a');
    expect(world.left()).toEqual([1, 10 * MB]);
    await end(world);
    await settled();
    expect(world.left()).toEqual([0, 0]);
    await world.start('b');
    expect(world.left()).toEqual([1, 10 * MB]);
  });

  const failures: [string, (world: Awaited<ReturnType<typeof scripted>>) => Promise<unknown>][] = [
    ['fails', async ({ bodyOf }) => bodyOf('a').exit({ error: { name: 'Error', message: 'no' } })],
    [
      'times out',
      async ({ clock, bodyOf }) => {
        await clock.advance(30_000);
        bodyOf('a').exit('killed');
      },
    ],
    [
      'is stopped',
      async ({ agents, bodyOf }) => {
        void awaited(agents.stop('a'));
        bodyOf('a').exit('shutdown');
      },
    ],
    [
      'is killed',
      async ({ agents, bodyOf }) => {
        void awaited(agents.kill('a'));
        bodyOf('a').exit('killed');
      },
    ],
  ];
  it.each(failures)('after a start that %s', async (_, fail) => {
    const world = await scripted({ maxAgents: 1, maxMemoryBytes: 10 * MB });
    await world.register('a', 10 * MB);
    const start = awaited(world.agents.start('a'));
    await settled();
    expect(world.left()).toEqual([1, 10 * MB]);
    await fail(world);
    expect(await fateOf(start)).toMatch(/^AGENT_START_(FAILED|TIMED_OUT)$/);
    expect(world.left()).toEqual([0, 0]);
  });

  it('after a start whose host could not open a body, or whose state could not be read', async () => {
    const host = Object.assign(scriptedHost(), {
      open: () => {
        throw new Error('no room on this machine');
      },
    });
    const broken = await scripted({ maxAgents: 1 }, { hosts: { 'in-process': host } });
    await broken.register('a');
    expect(await refusal(broken.agents.start('a'))).toMatchObject({
      code: 'AGENT_START_FAILED',
      cause: { message: 'no room on this machine' },
    });
    expect(broken.left()).toEqual([0, 0]);

    const unread = Object.assign(failingStore(), { state: () => Promise.reject(new Error('bad sector')) });
    const blind = await scripted({ maxAgents: 1 }, { store: unread });
    await blind.register('a');
    expect(await codeOf(blind.agents.start('a'))).toBe('AGENT_START_FAILED');
    expect(blind.left()).toEqual([0, 0]);
  });

  it('while a restart waits: another may take the place', async () => {
    const { agents, register, start, bodyOf, left } = await scripted({ maxAgents: 1 });
    await register('a', undefined, { policy: 'immediate' });
    await register('b');
    await start('a');
    bodyOf('a').exit({ exitCode: 1 });
    await settled();
    expect(left()).toEqual([0, 0]);
    await start('b');
    expect(agents.get('a').status).toBe('crashed');
    expect(left()).toEqual([1, 0]);
  });
});

describe('a restart that finds no room', () => {
  it('counts as a failed start, is told, and is tried again until there is room', async () => {
    const world = await scripted({ maxAgents: 1 });
    const { agents, clock, register, start, bodyOf, eventsOf } = world;
    await register('a', undefined, { policy: 'immediate', delayMs: 100, maxRestarts: 10 });
    await register('b');
    await start('a');
    bodyOf('a').exit({ exitCode: 1 });
    await settled();
    await start('b');
    await clock.advance(100);
    expect(eventsOf('agent.start_failed')).toMatchObject([
      { agentId: 'a', incarnation: 2, reason: { error: { code: 'RESOURCES_EXHAUSTED' } } },
    ]);
    expect(agents.get('a')).toMatchObject({ state: 'crashed.waiting', restarts: 1 });
    await clock.advance(100);
    expect(agents.get('a')).toMatchObject({ state: 'crashed.waiting', restarts: 2 });
    bodyOf('b').exit('normal');
    await clock.advance(100);
    bodyOf('a').ready();
    await settled();
    expect(agents.get('a')).toMatchObject({ status: 'running', incarnation: 4, restarts: 3 });
  });

  it('as often as it may, gives up with an alert', async () => {
    const { agents, system, clock, register, start, bodyOf } = await scripted({ maxAgents: 1 });
    await register('a', undefined, { policy: 'immediate', delayMs: 100, maxRestarts: 2 });
    await register('b');
    await start('a');
    bodyOf('a').exit({ exitCode: 1 });
    await settled();
    await start('b');
    await clock.advance(1_000);
    expect(agents.get('a').state).toBe('crashed.gaveUp');
    expect(system.alerts.list()).toMatchObject([{ alert: 'gave_up', agentId: 'a' }]);
    expect(system.alerts.list()[0]!.message).toContain('maxAgents');
  });
});

describe('resources()', () => {
  it('says what is reserved and what is left', async () => {
    const { system, register, start } = await scripted({ maxAgents: 3, maxMemoryBytes: 100 * MB });
    expect(system.resources()).toEqual({
      agents: 0,
      memoryBytes: 0,
      agentsLeft: 3,
      memoryBytesLeft: 100 * MB,
    });
    await register('a', 30 * MB);
    await start('a');
    expect(system.resources()).toEqual({
      agents: 1,
      memoryBytes: 30 * MB,
      agentsLeft: 2,
      memoryBytesLeft: 70 * MB,
    });
  });

  it('without limits there is no end to it', async () => {
    const { system, register, start } = await scripted({});
    await register('a', 30 * MB);
    await start('a');
    expect(system.resources()).toEqual({
      agents: 1,
      memoryBytes: 30 * MB,
      agentsLeft: Infinity,
      memoryBytesLeft: Infinity,
    });
  });
});
