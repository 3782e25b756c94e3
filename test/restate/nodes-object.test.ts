/** Laws of steps of the object that knows the nodes, over state that is data. */
import { type ObjectContext, RestatePromise, TerminalError, TimeoutError } from '@restatedev/restate-sdk';
import { describe, expect, it } from 'vitest';
import { type JoiningNode, nodesObject, type Standing } from '../../src/restate/nodes/nodes-object.ts';
import type { Occupant } from '../../src/restate/nodes/placement.ts';
import { type KnownNode, Reservations, type Roster } from '../../src/restate/nodes/reservations.ts';
import { agentSpec } from '../../src/machines/index.ts';
import { objectContext, type Sent } from './object-context.ts';
import { asking, joining as newNode, known } from './occupants.ts';

const node = known('n', { epoch: 'e', maxAgents: 100 });
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
    /** Who was given a permit that it had waited for. */
    permitted: () =>
      (sent.splice(0) as [string, string][]).filter(([, method]) => method === 'permit').map(([id]) => id),
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
  await state.sweeps(100_000);
  expect(await state.asks(asking('b'))).toBeNull();
  await state.sweeps(101_000);
  await state.sweeps(160_999);
  expect(state.permitted()).toEqual([]);
  await state.sweeps(161_000);
  expect(state.permitted()).toEqual(['b']);
  expect(state.permits()).toBe(1);
  await state.stands({ agentId: 'a1', incarnation: 1, voter, hasPermit: true });
  expect(state.permits()).toBe(1);
  expect(await state.reservation('a1')).toMatchObject({ node: 'n', voter });
  // The storm is over: nobody loses a permit.
  await state.sweeps(300_000);
  expect(state.permits()).toBe(1);
});

it('who got the permit of another has it for a period, too; a period counts from when none was free last', async () => {
  const state = rig();
  await state.sweeps(99_750);
  for (let at = 1; at <= 32; at++) await state.asks(asking(`a${at}`));
  for (let at = 1; at <= 33; at++) expect(await state.asks(asking(`b${at}`))).toBeNull();
  const first = Array.from({ length: 32 }, (_, at) => `b${at + 1}`);
  const given: (readonly [number, readonly string[]])[] = [
    [100_000, []],
    [159_999, []],
    [160_000, first],
    [220_000, []],
    [279_999, []],
    [280_000, ['b33']],
    [290_000, []],
  ];
  for (const [at, ids] of given) {
    await state.sweeps(at);
    expect(state.permitted(), `at ${at}`).toEqual(ids);
  }
  for (let at = 1; at <= 31; at++) await state.asks(asking(`c${at}`));
  expect(await state.asks(asking('d'))).toBeNull();
  await state.sweeps(300_000);
  await state.sweeps(359_999);
  expect(state.permitted()).toEqual([]);
  await state.sweeps(360_000);
  expect(state.permitted()).toEqual(['d']);
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

const joining = (name: string, more: Partial<JoiningNode> = {}) =>
  newNode(name, { maxAgents: 100, epoch: `${name}1`, ...more });
const onNode = (agentId: string, name: string): Occupant => ({ ...asking(agentId), wish: { node: name } });
const look = (at: number): Sent => ({ to: 'nodes fleet sweep', given: { at }, delay: 250 });
const permitOf = (agentId: string, name: string, incarnation = 1): Sent => ({
  to: `agent ${agentId} permit`,
  given: { placement: { node: name, epoch: `${name}1` }, incarnation },
});
const placeOn = (name: string) => ({ node: name, epoch: `${name}1` });

/** These nodes, which have just joined. */
async function joined(...nodes: readonly JoiningNode[]) {
  const made = objectContext(nodesObject);
  for (const each of nodes) await made.does('join', each);
  made.sent();
  return made;
}

/** A node that says nothing until the look at that time. */
async function silentUntil(until: number) {
  const made = await joined(joining('n'));
  await made.does('place', asking('a'));
  for (let at = 250; at <= until; at += 250) {
    made.at(at);
    await made.does('sweep', { at });
  }
  return made;
}

describe('a node', () => {
  it('of one fleet is unknown to another fleet of the same program', async () => {
    const [one, other] = [objectContext(nodesObject), objectContext(nodesObject)];
    await one.does('join', joining('n'));
    expect([await other.does('list'), await other.does('gone')]).toEqual([[], []]);
    expect(await other.does('place', asking('a'))).toEqual({ problem: 'no node of the fleet is alive' });
  });

  it('that joins is known in the order of names, with nothing on it; once more in the same life changes nothing', async () => {
    const { does, at, sent } = objectContext(nodesObject);
    at(5);
    for (const name of ['n', 'o', 'm']) expect(await does('join', joining(name))).toEqual([]);
    const fresh = { beatAt: 5, reachedAt: 5, isDraining: false, agents: 0, memoryBytes: 0 };
    const all = ['m', 'n', 'o'].map((name) => ({ ...joining(name), ...fresh }));
    expect(await does('list')).toEqual(all);
    expect(sent()).toEqual([look(255)]);
    at(9);
    expect(await does('join', joining('n'))).toEqual([]);
    expect(await does('list')).toEqual(all);
    expect(sent()).toEqual([]);
  });

  it('that begins a second life has lost what it had: each agent hears of it, with the place and the permit of its next', async () => {
    const { does, at, sent, kept } = await joined(joining('n'));
    await does('place', asking('a'));
    await does('stands', { agentId: 'a', incarnation: 1, voter, hasPermit: false });
    at(7);
    await does('join', joining('n', { epoch: 'n2' }));
    const offer = { occupant: asking('a', 2), place: { node: 'n', epoch: 'n2' } };
    expect(sent()).toEqual([{ to: 'agent a lost', given: { node: 'n', incarnation: 1, offer, at: 7 } }]);
    expect(await does('list')).toMatchObject([{ epoch: 'n2', agents: 1, memoryBytes: 10 }]);
    expect([await does('gone'), (kept('roster') as Roster).permits]).toEqual([[], 1]);
    expect(await does('voters', { variable: 'rate' })).toEqual([]);
    await does('stands', { agentId: 'a', incarnation: 2, voter, hasPermit: true });
    expect((kept('roster') as Roster).permits).toBe(0);
  });

  it('that leaves with the last room has its agents wait in turn, and nobody watches until another comes', async () => {
    const { does, sent } = await joined(joining('n'));
    for (const id of ['a', 'b']) expect(await does('place', asking(id))).toEqual({ placement: placeOn('n') });
    for (const _ of [1, 2]) await does('leave', { epoch: 'n1' });
    expect(sent()).toMatchObject([
      { to: 'agent a lost', given: { offer: { place: 'queued' } } },
      { to: 'agent b lost', given: { offer: { place: 'queued' } } },
    ]);
    await does('sweep', { at: 250 });
    expect(sent()).toEqual([]);
    await does('join', joining('m', { maxAgents: 1 }));
    expect(sent()).toEqual([look(250), permitOf('a', 'm', 2)]);
    await does('vacate', { agentId: 'a', incarnation: 2 });
    expect(sent()).toEqual([permitOf('b', 'm', 2)]);
  });

  it('that is gone is remembered for ten minutes, unless it comes back: who joins then is told the name, once', async () => {
    const { does, at } = await joined(joining('n'), joining('o'));
    at(1_000);
    await does('leave', { epoch: 'n1' });
    at(1_500);
    await does('leave', { epoch: 'o1' });
    const [n, o] = [
      { name: 'n', at: 1_000, how: 'left' },
      { name: 'o', at: 1_500, how: 'left' },
    ];
    expect(await does('gone')).toEqual([n, o]);
    at(601_000);
    expect(await does('join', joining('m'))).toEqual([]);
    expect(await does('gone')).toEqual([n, o]);
    at(601_001);
    expect(await does('join', joining('k'))).toEqual(['n']);
    expect(await does('join', joining('l'))).toEqual([]);
    expect(await does('gone')).toEqual([o]);
    at(700_000);
    expect(await does('join', joining('o', { epoch: 'o2' }))).toEqual([]);
    expect(await does('gone')).toEqual([]);
  });

  it('that says that it is alive hears whether it is known, and how many changes of variables it has missed', async () => {
    const { does, at } = await joined(joining('n'), joining('m'));
    await does('missed', { names: ['n', 'o'] });
    await does('missed', { names: ['n'] });
    at(100);
    const beat = (name: string, epoch: string) => does('beat', { name, epoch, reachedMsAgo: 40 });
    expect(await beat('n', 'n1')).toEqual({ isKnown: true, missed: 2 });
    expect(await beat('m', 'm1')).toEqual({ isKnown: true, missed: 0 });
    expect(await beat('n', 'n0')).toEqual({ isKnown: false, isReplaced: true, missed: 0 });
    expect(await beat('o', 'o1')).toEqual({ isKnown: false, isReplaced: false, missed: 0 });
    const heard = { beatAt: 100, reachedAt: 60, tellsReach: true };
    expect(await does('list')).toMatchObject([heard, heard]);
  });

  it('that has taken the seat of another has the watch look at once, and the look that was due is void', async () => {
    const { does, at, sent } = await joined(joining('n'), joining('m'));
    at(300);
    const unseated = { name: 'n', silentMs: 400 };
    await does('beat', { name: 'm', epoch: 'm1', reachedMsAgo: 0, unseated });
    expect(sent()).toEqual([
      { to: 'nodes fleet probe', given: { name: 'n', epoch: 'n1', at: 300 } },
      look(550),
    ]);
    await does('sweep', { at: 250 });
    expect(sent()).toEqual([]);
  });

  it('that is alive and was not reached for a third of its lease is sent a message', async () => {
    const { does, at, sent } = await joined(joining('n'));
    at(250);
    await does('sweep', { at: 250 });
    at(450);
    await does('beat', { name: 'n', epoch: 'n1', reachedMsAgo: 450 });
    expect(sent()).toEqual([look(500)]);
    at(500);
    await does('sweep', { at: 500 });
    const asked = { to: 'node_n serve', given: { what: 'alive', parameter: { epoch: 'n1' } } };
    expect(sent()).toEqual([asked, look(750)]);
  });

  it('tells which states its modules read, and is known by what it told last', async () => {
    const { does } = await joined(joining('n', { moduleVersions: [['worker', 1]] }));
    const versions = async () => ((await does('list')) as readonly KnownNode[])[0]!.moduleVersions;
    const beat = (moduleVersions?: KnownNode['moduleVersions']) =>
      does('beat', { name: 'n', epoch: 'n1', reachedMsAgo: 0, moduleVersions });
    expect(await versions()).toEqual([['worker', 1]]);
    await beat([['worker', 2]]);
    await beat();
    expect(await versions()).toEqual([['worker', 2]]);
  });

  it('that is silent is probed, and lost once its lease is over: it hears so, if it is reached', async () => {
    const { does, at, sent } = await silentUntil(1_000);
    const probe = { to: 'nodes fleet probe', given: { name: 'n', epoch: 'n1', at: 500 } };
    expect(sent()).toEqual([look(500), probe, look(750), look(1_000), look(1_250)]);
    at(1_250);
    await does('sweep', { at: 1_250 });
    expect(sent()).toMatchObject([
      { to: 'agent a lost', given: { offer: { place: 'queued' }, at: 1_250 } },
      { to: 'node_n serve', given: { what: 'gone', parameter: { epoch: 'n1' } } },
    ]);
    expect(await does('gone')).toEqual([{ name: 'n', at: 1_250, how: 'lost' }]);
  });

  it('that answers its probe is there, and no longer in doubt; one of which nothing is known changes nothing', async () => {
    const { does, at, sent } = await silentUntil(500);
    sent();
    at(900);
    await does('probed', { epoch: 'n0', isThere: false, at: 500 });
    await does('probed', { epoch: 'n1', isThere: true, at: 500 });
    const [known] = (await does('list')) as readonly KnownNode[];
    expect(known).toMatchObject({ beatAt: 900, reachedAt: 900, agents: 1 });
    expect(known?.doubtedAt).toBeUndefined();
    expect(sent()).toEqual([]);
  });

  it.each([
    [
      'answers',
      (): unknown => true,
      [{ to: 'nodes fleet probed', given: { epoch: 'n1', isThere: true, at: 5 } }],
    ],
    [
      'does not answer in time',
      (): never => {
        throw new TimeoutError();
      },
      [],
    ],
  ])('that %s when it is probed', async (_, answer, told) => {
    const { does, called, sent } = objectContext(nodesObject, { answer });
    await does('join', joining('n'));
    sent();
    await does('probe', { name: 'n', epoch: 'n0', at: 5 });
    expect(called()).toEqual([]);
    await does('probe', { name: 'n', epoch: 'n1', at: 5 });
    expect(called()).toEqual([{ to: 'node_n serve', given: { what: 'alive', parameter: { epoch: 'n1' } } }]);
    expect(sent()).toEqual(told);
  });

  it('is probed again by the engine where the probe itself fails', async () => {
    const { does, sent } = objectContext(nodesObject, {
      answer: () => {
        throw new Error('the step is repeated');
      },
    });
    await does('join', joining('n'));
    sent();
    await expect(does('probe', { name: 'n', epoch: 'n1', at: 5 })).rejects.toThrow('the step is repeated');
    expect(sent()).toEqual([]);
  });

  it.each([
    ['refuses', 'probed', { epoch: 'n1', isThere: false, at: 1_000 }],
    ['leaves', 'leave', { epoch: 'n1' }],
  ])('that %s frees its permits: who waited longest has the first', async (_, step, given) => {
    const { does, at, sent, kept } = await joined(joining('n'), joining('m'));
    const ids = Array.from({ length: 64 }, (__, place) => `a${place}`);
    for (const id of ids) expect(await does('requestRestart', onNode(id, 'n'))).toEqual(placeOn('n'));
    expect(await does('requestRestart', asking('b'))).toBeNull();
    at(2_000);
    await does(step, given);
    const told = sent();
    expect(
      told
        .slice(0, -1)
        .map(({ to }) => to)
        .toSorted(),
    ).toEqual(ids.map((id) => `agent ${id} lost`).toSorted());
    expect(told.at(-1)).toEqual(permitOf('b', 'm'));
    expect((kept('roster') as Roster).permits).toBe(1);
  });

  it('that drains takes no more, and each agent on it is told to move', async () => {
    const { does, sent } = await joined(joining('n'), joining('m'));
    for (const id of ['a', 'b']) await does('place', onNode(id, 'n'));
    await does('place', onNode('c', 'm'));
    expect(await does('drain', { epoch: 'n0' })).toEqual([]);
    expect(await does('drain', { epoch: 'n1' })).toEqual(['a', 'b']);
    const move = { type: 'move' };
    expect(sent()).toEqual([
      { to: 'agent a command', given: move },
      { to: 'agent b command', given: move },
    ]);
    expect(await does('place', onNode('d', 'n'))).toEqual({
      problem: 'every node that it could run on is draining',
    });
    expect(await does('list')).toMatchObject([{ isDraining: false }, { isDraining: true, agents: 2 }]);
  });
});

it.each(['place', 'withdraw', 'giveBack'])(
  'by %s an agent waits no longer: what is free later is not its',
  async (step) => {
    const { does, sent } = await joined(joining('n', { maxAgents: 1 }));
    await does('place', asking('a'));
    expect(await does('requestRestart', asking('b'))).toBeNull();
    await does(step, asking('b', 9));
    await does('vacate', { agentId: 'a', incarnation: 1 });
    expect(sent()).toEqual([]);
    expect(await does('list')).toMatchObject([{ agents: 0 }]);
  },
);

it.each(['giveBack', 'vacate'])(
  '%s frees the place of that life alone, once, for who waits',
  async (step) => {
    const { does, sent } = await joined(joining('n', { maxAgents: 1 }));
    await does('place', asking('a', 2));
    expect(await does('requestRestart', asking('b'))).toBeNull();
    await does(step, { agentId: 'a', incarnation: 1 });
    expect(sent()).toEqual([]);
    for (const _ of [1, 2]) await does(step, { agentId: 'a', incarnation: 2 });
    expect(sent()).toEqual([permitOf('b', 'n')]);
    expect(await does('list')).toMatchObject([{ agents: 1 }]);
  },
);

it('one that asks again to restart has its own permit for that, or one turn, behind those that waited', async () => {
  const { does, sent, kept } = await joined(joining('n'));
  for (let place = 1; place <= 32; place++) await does('requestRestart', asking(`a${place}`));
  expect(await does('requestRestart', asking('a1', 2))).toEqual(placeOn('n'));
  for (const id of ['b', 'c', 'd']) expect(await does('requestRestart', asking(id))).toBeNull();
  expect(await does('requestRestart', asking('b', 3))).toBeNull();
  const stands = (agentId: string, incarnation = 1) =>
    does('stands', { agentId, incarnation, voter: undefined, hasPermit: true });
  await stands('a1', 2);
  for (const id of ['a2', 'a3', 'a4']) await stands(id);
  expect(sent()).toEqual([permitOf('c', 'n'), permitOf('d', 'n'), permitOf('b', 'n', 3)]);
  expect((kept('roster') as Roster).permits).toBe(31);
});

it('one that fits nowhere keeps its turn until a node comes that it fits', async () => {
  const { does, sent } = await joined(joining('n'));
  expect(await does('requestRestart', { ...asking('b'), type: 'other' })).toBeNull();
  expect(await does('requestRestart', asking('c'))).toEqual(placeOn('n'));
  await does('stands', { agentId: 'c', incarnation: 1, voter: undefined, hasPermit: true });
  expect(sent()).toEqual([]);
  await does('join', joining('m', { types: ['other'] }));
  expect(sent()).toEqual([permitOf('b', 'm')]);
});

it('rounds are of those that run and declared the variable, elections of those that run and may lead', async () => {
  const { does } = await joined(joining('n'));
  for (const id of ['a', 'b', 'c']) await does('place', asking(id));
  const leads = { ...coordination, leadershipEligible: true };
  const stands = (agentId: string, of: Standing['voter']) =>
    does('stands', { agentId, incarnation: 1, voter: of, hasPermit: false });
  await stands('a', { variables: ['rate'], coordination: leads });
  await stands('b', { variables: ['size', 'rate'], coordination });
  const seat = (agentId: string, of: typeof coordination) => ({
    agentId,
    incarnation: 1,
    node: 'n',
    coordination: of,
  });
  expect(await does('voters', { variable: 'rate' })).toEqual([seat('a', leads), seat('b', coordination)]);
  expect(await does('voters', { variable: 'size' })).toEqual([seat('b', coordination)]);
  expect(await does('eligible')).toEqual({ seated: [seat('a', leads)], isAway: false });
});

it('while coordination is away no election is allowed, and who gets a place hears how often it went and came', async () => {
  const { does } = await joined(joining('n'));
  expect(await does('place', asking('a'))).toEqual({ placement: placeOn('n') });
  for (const [turns, isAway] of [
    [1, true],
    [2, false],
  ] as const) {
    await does('coordinate', { turns });
    expect(await does('eligible')).toEqual({ seated: [], isAway });
    expect(await does('place', asking('b'))).toEqual({ placement: { ...placeOn('n'), turns } });
  }
});

it('one that was taken for gone while it drained joins again, and gets no agents', async () => {
  const { does } = await joined(joining('n', { isDraining: true }));
  expect(await does('place', asking('a'))).toEqual({ problem: expect.stringContaining('draining') });
});
