/** Laws of the list of those that take part in coordination: it tells what the reservations do, in one piece. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { agentSpec } from '../../src/machines/index.ts';
import { nodesObject, type SeatedVoter, type Standing } from '../../src/restate/nodes/nodes-object.ts';
import type { Roster } from '../../src/restate/nodes/reservations.ts';
import { VOTERS } from '../../src/restate/nodes/voter-list.ts';
import { objectContext } from './object-context.ts';
import { asking, joining } from './occupants.ts';

const { coordination } = agentSpec.parse({ module: {} });
const RATE = { variables: ['rate'], coordination };
const SIZE = { variables: ['size'], coordination: { ...coordination, leadershipEligible: true } };
const LIST = { to: 'nodes fleet listVoters', given: null };

async function fleetOf(...ids: readonly string[]) {
  const object = objectContext(nodesObject);
  await object.does('join', joining('n', { maxAgents: 1_000 }));
  await object.does('join', joining('m', { maxAgents: 1_000 }));
  const stands = (agentId: string, voter: Standing['voter'], incarnation = 1) =>
    object.does('stands', { agentId, incarnation, voter, hasPermit: false });
  for (const id of ids) {
    await object.does('place', asking(id));
    await stands(id, RATE);
  }
  object.sent();
  const voters = (variable = 'rate'): Promise<readonly SeatedVoter[]> => object.does('voters', { variable });
  return { ...object, stands, voters };
}

/** As if there were no list. */
async function readAnew({ kept, keep, voters }: Awaited<ReturnType<typeof fleetOf>>, variable: string) {
  const { unlisted, ...roster } = kept('roster') as Roster;
  keep('roster', roster);
  const answer = await voters(variable);
  keep('roster', { ...roster, unlisted });
  return answer;
}

it('a round that had to look at the bucket of every agent has the voters listed, and the next one reads the list alone', async () => {
  const fleet = await fleetOf('a', 'b');
  expect((await fleet.voters()).map(({ agentId }) => agentId)).toEqual(['a', 'b']);
  expect(fleet.sent()).toEqual([LIST]);
  await fleet.does('listVoters');
  for (const key of fleet.keys()) if (key.startsWith('bucket')) fleet.keep(key, 'nobody reads it');
  expect((await fleet.voters()).map(({ agentId }) => agentId)).toEqual(['a', 'b']);
  expect(fleet.sent()).toEqual([]);
});

it('a list whose buckets have nearly all stayed as they were is not written anew', async () => {
  const ids = Array.from({ length: 40 }, (_, at) => `a${at}`);
  const fleet = await fleetOf(...ids);
  await fleet.does('listVoters');
  const listed = fleet.kept(VOTERS);
  const unlisted = (): number => (fleet.kept('roster') as Roster).unlisted!.length;
  for (let at = 0; unlisted() < 8; at++) await fleet.stands(ids[at]!, SIZE);
  expect(await fleet.voters()).toHaveLength(32);
  await fleet.does('listVoters');
  expect([fleet.sent(), fleet.kept(VOTERS)]).toEqual([[], listed]);
  for (let at = 0; unlisted() < 9; at++) await fleet.stands(ids[at]!, SIZE);
  expect(await fleet.voters('size')).toHaveLength(9);
  expect(fleet.sent()).toEqual([LIST]);
  await fleet.does('listVoters');
  expect(unlisted()).toBe(0);
  expect(await fleet.voters('size')).toHaveLength(9);
});

it('a fleet without rounds keeps no list, and says of no bucket that it is not listed', async () => {
  const fleet = await fleetOf('a');
  expect(fleet.kept(VOTERS)).toBeNull();
  expect(fleet.kept('roster')).not.toHaveProperty('unlisted');
});

it('whatever happens to agents and nodes, the list and what is read beside it are who the reservations say', async () => {
  const id = fc.integer({ min: 0, max: 30 }).map((at) => `a${at}`);
  const incarnation = fc.integer({ min: 1, max: 2 });
  const act = fc.oneof(
    fc.record({ do: fc.constant('place'), id, incarnation }),
    fc.record({ do: fc.constant('stands'), id, incarnation, voter: fc.constantFrom(RATE, SIZE, undefined) }),
    fc.record({ do: fc.constantFrom('vacate', 'giveBack', 'requestRestart'), id, incarnation }),
    fc.record({ do: fc.constantFrom('leave', 'join'), node: fc.constantFrom('n', 'm') }),
    fc.record({ do: fc.constant('listVoters') }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 60 }), async (acts) => {
      const fleet = await fleetOf('a1', 'a2', 'a3', 'a4');
      for (const one of acts) {
        if ('node' in one) {
          const epoch = joining(one.node).epoch;
          await fleet.does(one.do, one.do === 'leave' ? { epoch } : joining(one.node, { maxAgents: 1_000 }));
        } else if (!('id' in one)) await fleet.does('listVoters');
        else if ('voter' in one) await fleet.stands(one.id, one.voter, one.incarnation);
        else if (one.do === 'vacate' || one.do === 'giveBack')
          await fleet.does(one.do, { agentId: one.id, incarnation: one.incarnation });
        else await fleet.does(one.do, asking(one.id, one.incarnation));
        for (const variable of ['rate', 'size'])
          expect(await fleet.voters(variable)).toEqual(await readAnew(fleet, variable));
      }
    }),
    { numRuns: 60 },
  );
});
