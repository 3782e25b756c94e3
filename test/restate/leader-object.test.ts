/** Laws of the object that says who leads a fleet, over state that is data. */
import { expect, it } from 'vitest';
import { leaderObject } from '../../src/restate/coordination/leader-object.ts';
import { objectContext } from './object-context.ts';

interface Member {
  readonly order: number;
  readonly incarnation?: number;
  readonly mayLead?: boolean;
  readonly status?: string;
}

/** @param members all that there are, by id; what the nodes list is `seated` */
function rig(members: Record<string, Member>) {
  const state = { seated: Object.keys(members), isAway: false, listedLife: 1 };
  const object = objectContext(leaderObject, {
    answer: (to) => {
      if (to === 'nodes fleet eligible') {
        const seated = state.seated.map((agentId) => ({
          agentId,
          incarnation: state.listedLife,
          node: `node of ${agentId}`,
        }));
        return { seated, isAway: state.isAway };
      }
      const member = members[to.split(' ')[1]!];
      if (member === undefined) return null;
      const { order, incarnation = 1, mayLead = true, status = 'running' } = member;
      return {
        record: { incarnation, status, spec: { coordination: { leadershipEligible: mayLead } } },
        registeredAt: order,
      };
    },
  });
  const { does } = object;
  return {
    ...object,
    members,
    state,
    lead: () => does('lead') as Promise<unknown>,
    elected: () => does('elected'),
  };
}

it('the one that was registered first leads, on its node, as long as it runs', async () => {
  const { lead, elected, events, at, members, state } = rig({
    b: { order: 2 },
    a: { order: 1 },
    c: { order: 3 },
  });
  expect(await elected()).toBe(null);
  at(7);
  expect(await lead()).toEqual({ agentId: 'a', incarnation: 1, term: 1, node: 'node of a' });
  expect(events()).toEqual([{ type: 'leader.elected', at: 7, agentId: 'a', incarnation: 1, term: 1 }]);
  members['older'] = { order: 0 };
  state.seated.push('older');
  expect(await lead()).toMatchObject({ agentId: 'a', term: 1 });
  expect(events()).toEqual([]);
  expect(await elected()).toEqual({ agentId: 'a', incarnation: 1, term: 1 });
});

it.each([
  ['is not there', undefined],
  ['runs in another life', { order: 1, incarnation: 2 }],
  ['has crashed', { order: 1, status: 'crashed' }],
  ['may no longer lead', { order: 1, mayLead: false }],
])('a leader that %s is followed by the next, in the next term', async (_, change) => {
  const { lead, events, members } = rig({ a: { order: 1 }, b: { order: 2 } });
  await lead();
  events();
  if (change === undefined) delete members['a'];
  else members['a'] = change;
  expect(await lead()).toEqual({ agentId: 'b', incarnation: 1, term: 2, node: 'node of b' });
  expect(events()).toMatchObject([{ agentId: 'b', term: 2 }]);
});

it('one that is listed with another life than it has is no candidate', async () => {
  const { lead, state, members } = rig({ a: { order: 1 } });
  state.listedLife = 2;
  expect(await lead()).toBe(null);
  members['a'] = { order: 1, incarnation: 2 };
  expect(await lead()).toMatchObject({ agentId: 'a', incarnation: 2, term: 1 });
});

it('nobody leads where nobody may; the term does not grow by that, and does with the next', async () => {
  const { lead, elected, members, state, events, keys } = rig({ a: { order: 1, mayLead: false } });
  expect(await lead()).toBe(null);
  expect([events(), keys()]).toEqual([[], []]);
  members['a'] = { order: 1 };
  expect(await lead()).toMatchObject({ agentId: 'a', term: 1 });
  state.seated = [];
  expect(await lead()).toBe(null);
  expect(await elected()).toBe(null);
  state.seated = ['a'];
  events();
  expect(await lead()).toMatchObject({ agentId: 'a', term: 2 });
  expect(events()).toMatchObject([{ term: 2 }]);
});

it('while coordination is away nobody is elected: one that leads goes on, one that is gone is followed by nobody', async () => {
  const { lead, elected, state, events } = rig({ a: { order: 1 }, b: { order: 2 } });
  await lead();
  events();
  state.isAway = true;
  expect(await lead()).toMatchObject({ agentId: 'a', term: 1, node: 'node of a' });
  state.seated = ['b'];
  expect(await lead()).toBe(null);
  expect(await elected()).toMatchObject({ agentId: 'a', term: 1 });
  expect(events()).toEqual([]);
  state.isAway = false;
  expect(await lead()).toMatchObject({ agentId: 'b', term: 2 });
});
