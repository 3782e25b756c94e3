/** Laws of leaders, and of rounds that ask them. As laws.ts, run on one program and on machines. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentCode, defineAgent, type Leader, variable } from '../../src/index.ts';
import type { Subject } from './laws.ts';

/** What both have, as far as these laws use it. */
export interface LedSubject extends Subject {
  readonly coordination: { leader(): Leader | undefined | Promise<Leader | undefined> };
}

const answer = z.enum(['accept', 'reject', 'abstain']);

const partisan = defineAgent({
  type: 'partisan',
  variables: ['course'],
  initArgs: z.object({ says: answer }),
  init: ({ initArgs }) => ({ says: initArgs.says }),
  vote: ({ state }) => state.says,
  tasks: {},
});

/** Votes on nothing, and rules as it was told. */
const chair = defineAgent({
  type: 'chair',
  initArgs: z.object({ rules: answer }),
  init: ({ initArgs }) => ({ rules: initArgs.rules }),
  vote: ({ proposal, state }) => (proposal.as === 'leader' ? state.rules : 'abstain'),
  tasks: {},
});

export const ledAgents: readonly AgentCode[] = [partisan, chair];

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function leaderLaws(subjectOf: () => LedSubject): void {
  test('a leader has the casting vote, may decide after all, and is followed by the next that was registered once it ends', async () => {
    const { agents, variables, consensus, coordination, events } = subjectOf();
    await variables.define('course', variable.integer({ min: 0, max: 100, default: 1 }));
    const started = async (spec: object): Promise<string> => {
      const id = await agents.register({ restart: { policy: 'never' }, ...spec });
      await agents.start(id);
      return id;
    };
    const votes = ['accept', 'reject'].map((says) => started({ module: partisan, initArgs: { says } }));
    const voters = await Promise.all(votes);
    const propose = (value: number, terms: object) =>
      consensus.propose({ variable: 'course', value, ...terms });
    expect(await coordination.leader()).toBeUndefined();
    expect(await propose(2, { tie: 'leader' })).toMatchObject({ outcome: 'rejected', decidedBy: 'voters' });
    const leadership = { leadershipEligible: true };
    const first = await started({ module: chair, coordination: leadership, initArgs: { rules: 'accept' } });
    const second = await started({ module: chair, coordination: leadership, initArgs: { rules: 'reject' } });
    const { term, ...leader } = (await coordination.leader())!;
    expect(leader).toMatchObject({ agentId: first, incarnation: 1 });
    expect(await propose(3, { tie: 'leader' })).toMatchObject({ outcome: 'accepted', decidedBy: 'leader' });
    expect(await variables.get('course')).toMatchObject({ value: 3 });
    const unanimous = { rule: 'unanimous', fallback: 'leader_decides' };
    expect(await propose(4, unanimous)).toMatchObject({ outcome: 'rejected', decidedBy: 'leader' });
    expect(await variables.get('course')).toMatchObject({ value: 4 });
    await agents.kill(first);
    expect(await propose(5, { tie: 'leader' })).toMatchObject({ outcome: 'rejected', decidedBy: 'leader' });
    expect(await coordination.leader()).toMatchObject({ agentId: second, term: term + 1 });
    for (const id of [...voters, second]) await agents.stop(id);
    expect(await coordination.leader()).toBeUndefined();
    const elected: unknown[] = [];
    for await (const event of events.read()) if (event.type === 'leader.elected') elected.push(event);
    expect(elected).toMatchObject([
      { agentId: first, term },
      { agentId: second, term: term + 1 },
    ]);
  });
}
