import { expect, it } from 'vitest';
import { type AgentSystem, createAgentSystem, type Isolation, variable } from '../../src/index.ts';
import { silent } from '../kit/rig.ts';

const voter = new URL('../fixtures/agents/voter.ts', import.meta.url);

async function fleetIn(isolation: Isolation): Promise<AgentSystem> {
  const system = await createAgentSystem({ logger: silent });
  await system.variables.define('rate', variable.float({ default: 0.1 }));
  await Promise.all(
    [0.4, 0.6, 0.8].map(async (limit) => {
      await system.agents.register({
        id: `voter-${limit}`,
        module: voter,
        initArgs: { limit },
        isolation,
        coordination: { communicationPattern: 'sync' },
        restart: { policy: 'never' },
      });
      await system.agents.start(`voter-${limit}`);
    }),
  );
  return system;
}

it.each<Isolation>(['in-process', 'thread', 'process'])(
  'agents in a %s hear of variables, acknowledge them, and vote',
  async (isolation) => {
    await using system = await fleetIn(isolation);
    const { variables, consensus, agents } = system;
    const { acknowledged, outOfDate } = await variables.set('rate', 0.2);
    expect([acknowledged.length, outOfDate]).toEqual([3, []]);
    const propose = (value: number) =>
      consensus.propose({ variable: 'rate', value, quorum: 1, deadlineMs: 20_000 });
    expect(await propose(0.5)).toMatchObject({
      outcome: 'accepted',
      tally: { voters: { accept: 2, reject: 1 } },
    });
    expect(await propose(0.7)).toMatchObject({
      outcome: 'rejected',
      tally: { voters: { accept: 1, reject: 2 } },
    });
    const failed = await propose(0.66);
    expect([failed.outcome, failed.tally.voters, failed.failed.length]).toEqual([
      'no_quorum',
      { total: 3, accept: 0, reject: 0, abstain: 0, failed: 3 },
      3,
    ]);
    expect(await agents.execute('voter-0.4', { type: 'seen' })).toEqual([0.1, 0.2, 0.5]);
  },
);

it('voters whose process dies in the vote leave the electorate: a round of nobody has no quorum', async () => {
  await using system = await fleetIn('process');
  const decision = await system.consensus.propose({ variable: 'rate', value: 0.77, deadlineMs: 20_000 });
  expect(decision).toMatchObject({ outcome: 'no_quorum', tally: { voters: { total: 0 } } });
  expect(system.agents.list({ status: 'crashed' })).toHaveLength(3);
});
