/** Laws of supervision: an agent is made known, and started. After OTP's and Elixir's suites of supervisors. */
import { describe, expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { mortal } from '../kit/mortal.ts';
import { rig } from '../kit/rig.ts';

describe('a spec', () => {
  test('without a module is refused, the field is named, and nothing is registered', async () => {
    const made = await rig();
    const refused = made.agents.register({ id: 'nobody' } as never);
    await expect(refused).rejects.toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringContaining('module') as string,
    });
    expect(made.agents.list()).toEqual([]);
    expect(made.events).toEqual([]);
  });

  test('with an id that is in use is refused, and the agent that has it is as it was', async () => {
    const made = await rig();
    await made.agents.register({ id: 'one', module: mortal() });
    await made.agents.start('one');
    const before = made.agents.get('one');
    await expect(made.agents.register({ id: 'one', module: mortal() })).rejects.toMatchObject({
      code: 'AGENT_EXISTS',
      agentId: 'one',
    });
    expect(made.agents.get('one')).toEqual(before);
    expect(made.agents.list()).toHaveLength(1);
  });

  test('given twice at the same moment is refused the second time', async () => {
    const made = await rig();
    const outcomes = await Promise.allSettled([
      made.agents.register({ id: 'one', module: mortal() }),
      made.agents.register({ id: 'one', module: mortal() }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(made.agents.list()).toHaveLength(1);
  });

  test('that leaves fields out has the documented defaults in it when it is read back', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    expect(made.agents.get(id).spec).toMatchObject({
      isolation: 'in-process',
      resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
      coordination: {
        participatesInConsensus: true,
        leadershipEligible: false,
        communicationPattern: 'async',
        voteWeight: 1,
      },
      restart: { policy: 'delayed', delayMs: 1_000, maxDelayMs: 60_000, maxRestarts: 5, withinMs: 60_000 },
      shutdownMs: 5_000,
      startTimeoutMs: 30_000,
      health: { intervalMs: 30_000, timeoutMs: 5_000, failuresBeforeKill: 3 },
      tasks: { concurrency: 1, queueLimit: 1_000 },
    });
  });

  test('with a key that nobody knows is refused, and the key is named', async () => {
    const made = await rig();
    const refused = made.agents.register({ module: mortal(), restartt: { policy: 'never' } } as never);
    await expect(refused).rejects.toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringContaining('restartt') as string,
    });
    expect(made.agents.list()).toEqual([]);
  });
});

describe('a start', () => {
  const failures: readonly (readonly [string, () => unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('no model to load');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no model to load'))],
    [
      'throws what is no error',
      () => {
        throw 'no model to load'; // oxlint-disable-line no-throw-literal -- some code does
      },
    ],
  ];

  test.each(failures)(
    'whose init %s tells its caller why, and the agent is where it was',
    async (_, init) => {
      const made = await rig();
      const id = await made.agents.register({ module: defineAgent({ type: 'broken', init, tasks: {} }) });
      await expect(made.agents.start(id)).rejects.toMatchObject({
        code: 'AGENT_START_FAILED',
        agentId: id,
        message: expect.stringContaining('no model to load') as string,
      });
      expect(made.agents.get(id)).toMatchObject({ status: 'registered', restarts: 0 });
      expect(made.clock.pending()).toEqual([]);
      expect(made.system.resources().agents).toBe(0);
    },
  );

  test('beyond the limit of agents is refused, and nothing is started', async () => {
    const made = await rig({ limits: { maxAgents: 1 } });
    const first = await made.agents.register({ module: mortal() });
    const second = await made.agents.register({ module: mortal() });
    await made.agents.start(first);
    await expect(made.agents.start(second)).rejects.toMatchObject({ code: 'RESOURCES_EXHAUSTED' });
    expect(made.agents.get(second)).toMatchObject({ status: 'registered', incarnation: 0 });
    await made.agents.stop(first);
    expect((await made.agents.start(second)).incarnation).toBe(1);
  });

  test('under a limit of none is refused', async () => {
    const made = await rig({ limits: { maxAgents: 0 } });
    const id = await made.agents.register({ module: mortal() });
    await expect(made.agents.start(id)).rejects.toMatchObject({ code: 'RESOURCES_EXHAUSTED' });
  });
});
