/** Who has the seat, and who is said to have lost it: an engine that is a list of deployments. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Deployment } from '../../src/restate/engine/engine-admin.ts';
import { AGENT, hostOf } from '../../src/restate/engine/names.ts';
import { ControlSeat, markOf } from '../../src/restate/nodes/control-seat.ts';

const control = (id: string, node: string, revision = 1, version = 'v'): Deployment => ({
  id,
  uri: `http://${node}/control/`,
  services: [AGENT],
  metadata: markOf(version),
  revision,
});
const host = (node: string, metadata = {}): Deployment => ({
  id: `host of ${node}`,
  uri: `http://${node}/host`,
  services: [hostOf(node)],
  metadata,
  revision: 1,
});

/** @param empty where nobody is */
function seatOf(node: string, deployments: readonly Deployment[], empty?: string) {
  const done: string[] = [];
  const seat = new ControlSeat({
    admin: {
      deployments: () => Promise.resolve(deployments),
      register: (uri) => Promise.resolve(void done.push(`register ${uri}`)),
      move: (id, uri) => {
        if (uri === empty) return Promise.reject(new Error(`nobody at ${uri}`));
        done.push(`move ${id} to ${uri}`);
        return Promise.resolve();
      },
    },
    uri: `http://${node}/control`,
    version: 'v',
    logger: pino({ level: 'silent' }),
  });
  return { seat, done };
}

test('a node takes the seat of another, and says whose it was', async () => {
  const { seat, done } = seatOf('b', [host('a'), host('b'), control('s', 'a')]);
  expect((await seat.others()).map(({ id }) => id)).toEqual(['s']);
  expect(await seat.take(() => true)).toEqual({ from: 'a' });
  expect(done).toEqual(['move s to http://b/control']);
});

test('a seat that is not free stays, and so does its own', async () => {
  const { seat, done } = seatOf('b', [host('a'), control('s', 'a'), control('t', 'b', 2)]);
  expect((await seat.others()).map(({ id }) => id)).toEqual(['s']);
  expect(await seat.take(() => false)).toBeUndefined();
  expect(done).toEqual([]);
});

test('of two versions it takes both, and the node that had the newer one is the one that did not answer', async () => {
  const { seat, done } = seatOf('c', [host('a'), host('b'), control('new', 'b', 2), control('old', 'a', 1)]);
  expect(await seat.take(() => true)).toEqual({ from: 'b' });
  expect(done).toEqual(['move new to http://c/control', 'move old to http://c/control']);
});

test('where the older version alone is free, nobody is said to have been silent', async () => {
  const { seat } = seatOf('c', [host('a'), host('b'), control('new', 'b', 2), control('old', 'a', 1)]);
  expect(await seat.take(({ id }) => id === 'old')).toEqual({ from: undefined });
});

test('where nobody has it, it is registered', async () => {
  const { seat, done } = seatOf('a', [host('a')]);
  expect(await seat.take(() => false)).toEqual({ from: undefined });
  expect(done).toEqual(['register http://a/control']);
});

test('a seat is of the version of the node that has it, and only where that has no mark of the version it was made for', async () => {
  const nodes = [host('a', markOf('v')), host('b', markOf('w')), host('c')];
  const seats = [control('s', 'a', 3, 'w'), control('t', 'b', 2, 'v'), control('u', 'c', 1, 'v')];
  const { seat } = seatOf('d', [...nodes, ...seats]);
  const others = await seat.others();
  expect(others.map(({ id, isOwnVersion }) => [id, isOwnVersion])).toEqual([
    ['s', true],
    ['t', false],
    ['u', true],
  ]);
});

test('a call without an answer is the doing of the newest seat, or where this node has that of any other', async () => {
  const seats = [control('new', 'b', 2), control('old', 'a', 1)];
  const suspectsOf = async (node: string) => {
    const others = await seatOf(node, seats).seat.others();
    return others.filter(({ isSuspect }) => isSuspect).map(({ id }) => id);
  };
  expect(await suspectsOf('c')).toEqual(['new']);
  expect(await suspectsOf('a')).toEqual(['new']);
  expect(await suspectsOf('b')).toEqual(['old']);
});

test('a node that leaves gives its seats to a node of its version first, and to any other if there is none', async () => {
  const other = host('b', markOf('w'));
  const { seat, done } = seatOf('a', [control('s', 'a'), control('t', 'b', 2)]);
  await seat.giveToOneOf([other, host('c', markOf('v'))]);
  await seat.giveToOneOf([other]);
  await seat.giveToOneOf([]);
  expect(done).toEqual(['move s to http://c/control', 'move s to http://b/control']);
});

test('a node that leaves gives its seats to none that never answers for the fleet', async () => {
  const { seat, done } = seatOf('a', [control('s', 'a')]);
  const never = host('b', markOf('v', false));
  await seat.giveToOneOf([never, host('c', markOf('w'))]);
  await seat.giveToOneOf([never]);
  expect(done).toEqual(['move s to http://c/control']);
});

test('a node that leaves gives its seats to the next of these where the engine finds nobody at the first', async () => {
  const { seat, done } = seatOf('a', [control('s', 'a')], 'http://b/control');
  await seat.giveToOneOf([host('b', markOf('v')), host('c', markOf('w'))]);
  expect(done).toEqual(['move s to http://c/control']);
  await expect(seat.giveToOneOf([host('b', markOf('v'))])).rejects.toThrow('nobody at http://b/control');
});

test('one that leaves gives what it was about to take, too', async () => {
  const moved = Promise.withResolvers<void>();
  const deployments = [host('a'), host('b', markOf('v')), host('c', markOf('v')), control('s', 'a')];
  const done: string[] = [];
  const seat = new ControlSeat({
    admin: {
      deployments: () => Promise.resolve(deployments),
      register: () => Promise.reject(new Error('it is there')),
      move: async (id, uri) => {
        if (done.length === 0) await moved.promise;
        done.push(`move ${id} to ${uri}`);
        deployments[3] = { ...deployments[3]!, uri };
      },
    },
    uri: 'http://b/control',
    version: 'v',
    logger: pino({ level: 'silent' }),
  });
  const taking = seat.take(() => true);
  const giving = seat.giveToOneOf([host('c', markOf('v'))]);
  moved.resolve();
  await Promise.all([taking, giving]);
  expect(done).toEqual(['move s to http://b/control', 'move s to http://c/control']);
});

/** An engine in which seats move, and a node that settles one whose heir takes its time to answer. */
function slowlySettled() {
  const deployments = [host('a', markOf('w')), host('b'), host('c', markOf('w'))];
  deployments.push(control('old', 'a', 1, 'w'), control('new', 'd', 2));
  const moves: string[] = [];
  const seat = new ControlSeat({
    admin: {
      deployments: () => Promise.resolve([...deployments]),
      register: () => Promise.reject(new Error('it is there')),
      move: (id, uri) => {
        moves.push(`${id} to ${uri}`);
        const at = deployments.findIndex((one) => one.id === id);
        deployments[at] = { ...deployments[at]!, uri };
        return Promise.resolve();
      },
    },
    uri: 'http://b/control',
    version: 'v',
    logger: pino({ level: 'silent' }),
  });
  const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<boolean>()];
  const isThere = (): Promise<boolean> => {
    asked.resolve();
    return answer.promise;
  };
  return { seat, moves, isThere, asked: asked.promise, answer: answer.resolve };
}

test('a node takes the seat while it still looks who may have that of an older version', async () => {
  const { seat, moves, isThere, asked, answer } = slowlySettled();
  const old = (await seat.others()).find(({ id }) => id === 'old')!;
  const settling = seat.settle(old, isThere, () => true);
  await asked;
  expect(await seat.take(({ id }) => id === 'new')).toEqual({ from: undefined });
  answer(true);
  await settling;
  expect(moves).toEqual(['new to http://b/control', 'old to http://a/control']);
});

test('a seat that it takes meanwhile is its own, and is given to nobody', async () => {
  const { seat, moves, isThere, asked, answer } = slowlySettled();
  const old = (await seat.others()).find(({ id }) => id === 'old')!;
  const settling = seat.settle(old, isThere, () => true);
  await asked;
  await seat.take(({ id }) => id === 'old');
  answer(true);
  await settling;
  expect(moves).toEqual(['old to http://b/control']);
});

test('one that leaves waits for both before it gives what it has', async () => {
  const { seat, moves, isThere, asked, answer } = slowlySettled();
  const old = (await seat.others()).find(({ id }) => id === 'old')!;
  const settling = seat.settle(old, isThere, () => true);
  await asked;
  const giving = seat.giveToOneOf([host('c', markOf('v'))]);
  const taking = seat.take(({ id }) => id === 'new');
  answer(false);
  await Promise.all([settling, taking, giving]);
  expect(moves).toContain('old to http://c/control');
});
