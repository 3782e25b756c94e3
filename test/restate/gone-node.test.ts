/** What the agents of a node that is gone are told: a place for each at once, or a turn among those that wait. */
import { expect, it } from 'vitest';
import { nodesObject } from '../../src/restate/nodes/nodes-object.ts';
import type { Roster } from '../../src/restate/nodes/reservations.ts';
import { objectContext, type Sent } from './object-context.ts';
import { asking, joining } from './occupants.ts';

const node = (name: string, epoch: string, maxAgents = 100) => joining(name, { epoch, maxAgents });

/** Messages to agents: whom, which, and where it may be. */
const toAgents = (sent: readonly Sent[]): unknown[] =>
  sent
    .filter(({ to }) => to.startsWith('agent '))
    .map(({ to, given }) => {
      const { offer, placement } = given as { offer?: { place: unknown }; placement?: unknown };
      return [to, offer?.place ?? placement];
    });

it('of the agents of one node as many are on their way back at once as may be, and the others wait', async () => {
  const { does, sent, kept } = objectContext(nodesObject);
  await does('join', node('m', 'of m'));
  const ids = Array.from({ length: 40 }, (_, place) => `a${place}`);
  for (const id of ids) await does('place', asking(id));
  await does('join', node('n', 'of n'));
  sent();
  await does('leave', { epoch: 'of m' });
  const told = toAgents(sent());
  expect(told.map((each) => (each as [string])[0]).toSorted()).toEqual(
    ids.map((id) => `agent ${id} lost`).toSorted(),
  );
  const placed = { node: 'n', epoch: 'of n' };
  expect(told.map((each) => (each as [string, unknown])[1])).toEqual(
    ids.map((_, place) => (place < 32 ? placed : 'queued')),
  );
  expect((kept('roster') as Roster).permits).toBe(32);
});

it('who has waited longer for a place has it before those that have just lost theirs', async () => {
  const { does, sent } = objectContext(nodesObject);
  await does('join', node('m', 'first', 1));
  await does('place', asking('a'));
  expect(await does('requestRestart', asking('b'))).toBeNull();
  sent();
  // A second life of the node has room for one, and ends the first.
  await does('join', node('m', 'second', 1));
  expect(toAgents(sent())).toEqual([
    ['agent a lost', 'queued'],
    ['agent b permit', { node: 'm', epoch: 'second' }],
  ]);
});
