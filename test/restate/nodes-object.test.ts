/** Laws of steps of the object that knows the nodes, over state that is data. */
import { type ObjectContext, RestatePromise, TerminalError } from '@restatedev/restate-sdk';
import { expect, it } from 'vitest';
import { nodesObject, type Standing } from '../../src/restate/nodes/nodes-object.ts';
import type { Occupant } from '../../src/restate/nodes/placement.ts';
import { type KnownNode, Reservations, type Roster } from '../../src/restate/nodes/reservations.ts';
import { agentSpec } from '../../src/machines/index.ts';
import { objectContext, type Sent } from './object-context.ts';

const node: KnownNode = {
  name: 'n',
  epoch: 'e',
  labels: {},
  types: ['worker'],
  maxAgents: 100,
  maxMemoryBytes: Infinity,
  beatAt: 0,
  isDraining: false,
  agents: 0,
  memoryBytes: 0,
  leaseMs: 1_000,
};
const asking = (agentId: string, incarnation = 1): Occupant => ({
  agentId,
  incarnation,
  type: 'worker',
  isModule: false,
  memoryBytes: 10,
  wish: {},
});
const { coordination } = agentSpec.parse({ module: {} });
const voter = { variables: ['rate'], coordination };

type Handler = (ctx: ObjectContext, given: unknown) => Promise<unknown>;
const { object } = nodesObject as unknown as {
  readonly object: Readonly<Record<'stands' | 'requestRestart' | 'sweep' | 'coordinate', Handler>>;
};

function rig() {
  const roster: Roster = { nodes: [node], sweepAt: undefined, permits: 0, queue: [], gone: [] };
  const kept = new Map<string, unknown>([['roster', structuredClone(roster)]]);
  const sent: unknown[] = [];
  let now = 0;
  const ctx = {
    get: (key: string) => RestatePromise.resolve(structuredClone(kept.get(key) ?? null)),
    set: (key: string, value: unknown) => void kept.set(key, structuredClone(value)),
    clear: (key: string) => void kept.delete(key),
    genericSend: ({ key, method, parameter }: { key: string; method: string; parameter: unknown }) =>
      void sent.push([key, method, parameter]),
    date: { now: () => RestatePromise.resolve(now) },
    request: () => ({ attemptCompletedSignal: AbortSignal.abort() }),
  } as unknown as ObjectContext;
  return {
    sent: () => sent.splice(0),
    permits: () => (kept.get('roster') as Roster).permits,
    asks: (occupant: Occupant) => object.requestRestart(ctx, occupant),
    /** The watch looks, at that time: the node is there. */
    sweeps: async (at: number) => {
      now = at;
      const known = kept.get('roster') as Roster;
      kept.set('roster', {
        ...known,
        sweepAt: at,
        nodes: known.nodes.map((each) => ({ ...each, beatAt: at, reachedAt: at })),
      });
      await object.sweep(ctx, { at });
    },
    coordinate: (turns: number) => object.coordinate(ctx, { turns }),
    stands: (standing: Standing) => object.stands(ctx, standing),
    reservation: async (agentId: string) => (await Reservations.open(ctx)).get(agentId),
  };
}

it('an agent that runs is known as a voter, and its permit is free', async () => {
  const state = rig();
  expect(await state.asks(asking('a'))).toEqual({ node: 'n', epoch: 'e' });
  expect(state.permits()).toBe(1);
  await state.stands({ agentId: 'a', incarnation: 1, voter, hasPermit: true });
  expect(state.permits()).toBe(0);
  const known = await state.reservation('a');
  expect(known).toMatchObject({ node: 'n', incarnation: 1, voter });
  expect(known).not.toHaveProperty('hasPermit');
  await state.stands({ agentId: 'a', incarnation: 1, voter: undefined, hasPermit: false });
  expect((await state.reservation('a'))?.voter).toBeUndefined();
});

it('a restart that hangs keeps its permit for a minute while others wait, and no longer; what it gives back later is nothing', async () => {
  const state = rig();
  for (let at = 1; at <= 32; at++) await state.asks(asking(`a${at}`));
  const permitted = () =>
    (state.sent() as [string, string][]).filter(([, method]) => method === 'permit').map(([id]) => id);
  await state.sweeps(100_000);
  expect(await state.asks(asking('b'))).toBeNull();
  await state.sweeps(101_000);
  await state.sweeps(160_999);
  expect(permitted()).toEqual([]);
  await state.sweeps(161_000);
  expect(permitted()).toEqual(['b']);
  expect(state.permits()).toBe(1);
  await state.stands({ agentId: 'a1', incarnation: 1, voter, hasPermit: true });
  expect(state.permits()).toBe(1);
  expect(await state.reservation('a1')).toMatchObject({ node: 'n', voter });
  // The storm is over: nobody loses a permit.
  await state.sweeps(300_000);
  expect(state.permits()).toBe(1);
});

it('a permit that is free is given to who has waited longest: 32 of a node are on their way back at once', async () => {
  const state = rig();
  for (let at = 1; at <= 32; at++) {
    expect(await state.asks(asking(`a${at}`))).toEqual({ node: 'n', epoch: 'e' });
  }
  for (const id of ['b', 'c']) expect(await state.asks(asking(id))).toBeNull();
  expect(state.sent()).toEqual([]);
  await state.stands({ agentId: 'a7', incarnation: 1, voter: undefined, hasPermit: true });
  expect(state.sent()).toEqual([['b', 'permit', { placement: { node: 'n', epoch: 'e' }, incarnation: 1 }]]);
  expect(state.permits()).toBe(32);
  await state.stands({ agentId: 'a8', incarnation: 1, voter: undefined, hasPermit: true });
  expect(state.sent()).toMatchObject([['c', 'permit', {}]]);
  await state.stands({ agentId: 'a9', incarnation: 1, voter: undefined, hasPermit: true });
  expect([state.sent(), state.permits()]).toEqual([[], 31]);
});

it('one that says so without a permit leaves that to its start', async () => {
  const state = rig();
  await state.asks(asking('a'));
  await state.stands({ agentId: 'a', incarnation: 1, voter, hasPermit: false });
  expect(state.permits()).toBe(1);
  expect(await state.reservation('a')).toMatchObject({ voter, hasPermit: true });
});

it('an earlier life of it changes nothing', async () => {
  const state = rig();
  await state.asks(asking('a', 2));
  await state.stands({ agentId: 'a', incarnation: 1, voter, hasPermit: true });
  expect(state.permits()).toBe(1);
  expect(await state.reservation('a')).toMatchObject({ incarnation: 2, hasPermit: true });
  expect((await state.reservation('a'))?.voter).toBeUndefined();
  await state.stands({ agentId: 'unknown', incarnation: 1, voter, hasPermit: true });
  expect(await state.reservation('unknown')).toBeUndefined();
  expect(state.sent()).toEqual([]);
});

const turned = (turns: number) => ['a', 'b'].map((id) => [id, 'command', { type: 'coordinate', turns }]);

it('that coordination is gone, or back, is told to each that has a place, once for each turn', async () => {
  const state = rig();
  for (const id of ['a', 'b']) await state.asks(asking(id));
  state.sent();
  const told = () => (state.sent() as [string, string, unknown][]).toSorted(([a], [b]) => (a < b ? -1 : 1));
  await state.coordinate(1);
  expect(told()).toEqual(turned(1));
  for (const turns of [1, 0]) await state.coordinate(turns);
  expect(told()).toEqual([]);
  await state.coordinate(2);
  expect(told()).toEqual(turned(2));
});

const isProbe = ({ to }: Sent): boolean => to === 'nodes fleet probe';

it.each([
  ['at once', 300, []],
  ['after some attempts', 7_000, ['n']],
])('a silent node that the engine gives up on %s', async (_, afterMs, left) => {
  const { does, at, sent } = objectContext(nodesObject, {
    answer: () => {
      throw new TerminalError('it was killed');
    },
  });
  await does('join', { ...node, leaseMs: 60_000 });
  let messages = sent();
  while (!messages.some(isProbe)) {
    const due = messages[0]!.given as { at: number };
    at(due.at);
    await does('sweep', due);
    messages = sent();
  }
  await does('probe', messages.find(isProbe)!.given);
  const [answered] = sent();
  expect(answered).toEqual({ to: 'nodes fleet probed', given: { epoch: 'e', isThere: false, at: 1_250 } });
  at(1_250 + afterMs);
  await does('probed', answered!.given);
  expect((await does('list')) as KnownNode[]).toMatchObject(left.map((name) => ({ name })));
});
