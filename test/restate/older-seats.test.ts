/** What becomes of the seat of an older version whose node is no more: an engine that is a list of deployments. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { AddressState } from '../../src/restate/nodes/address-check.ts';
import { AGENT, hostOf } from '../../src/restate/engine/names.ts';
import { ControlSeat, markOf } from '../../src/restate/nodes/control-seat.ts';
import { LOOK_EVERY_MS, OlderSeats } from '../../src/restate/nodes/older-seats.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { simulatedClock } from '../../src/testing/index.ts';

type States = Readonly<Record<string, AddressState>>;

/** Node `me` in the middle of an upgrade: o1 has the old version's seat, and `newest` the new one's. */
function upgrade(me: string, { newest = me, control = true } = {}) {
  const clock = simulatedClock({ startAt: 0 });
  const holders: Record<string, string> = { old: 'o1', new: newest };
  const moves: string[] = [];
  let mayTake = true;
  let looks = 0;
  let beforeMove: (() => void) | undefined;
  let states: States = {};
  const host = (name: string) => ({
    id: name,
    uri: `http://${name}/host`,
    services: [hostOf(name)],
    metadata: markOf(name.startsWith('o') ? 'old' : 'new', name !== 'o2' || control),
    revision: 1,
  });
  const seat = (id: string, revision: number) => ({
    id,
    uri: `http://${holders[id]}/control`,
    services: [AGENT],
    metadata: markOf(id),
    revision,
  });
  const logger = pino({ level: 'silent' });
  const seats = new OlderSeats({
    clock: steadyClock(clock),
    seat: new ControlSeat({
      admin: {
        deployments: () => {
          looks += 1;
          // Those of a look, and those right before a move.
          if (looks % 2 === 0) beforeMove?.();
          return Promise.resolve([...['o1', 'o2', 'n1', 'n2'].map(host), seat('old', 1), seat('new', 2)]);
        },
        register: () => Promise.reject(new Error('both seats are there')),
        move: (id, uri) => {
          holders[id] = new URL(uri).hostname;
          moves.push(`${id} to ${uri}`);
          return Promise.resolve();
        },
      },
      uri: `http://${me}/control`,
      version: me.startsWith('o') ? 'old' : 'new',
      logger,
    }),
    mayTake: () => mayTake,
    logger,
    check: (uri) => Promise.resolve(states[new URL(uri).hostname] ?? 'answers'),
  });
  return {
    moves,
    mayNot: () => (mayTake = false),
    beforeMove: (act: () => void) => {
      looks = 0;
      beforeMove = act;
    },
    look: async (next: States, afterMs = LOOK_EVERY_MS) => {
      states = next;
      await clock.advance(afterMs);
      await seats.look();
    },
  };
}

test.each(['refuses', 'silent'] as const)(
  'the node that has the newest seat gives an older one, whose node %s at two looks in a row, to a node of that version that is there',
  async (state) => {
    const { look, moves } = upgrade('n1');
    await look({ o1: state });
    await look({});
    await look({ o1: state });
    expect(moves).toEqual([]);
    await look({ o1: state });
    await look({ o1: state });
    expect(moves).toEqual(['old to http://o2/control']);
  },
);

test('it takes it itself where no node of that version is there, or none that answers for the fleet', async () => {
  const alone = upgrade('n1');
  const without = upgrade('n1', { control: false });
  for (const _ of [1, 2]) {
    await alone.look({ o1: 'refuses', o2: 'silent' });
    await without.look({ o1: 'refuses' });
  }
  expect([alone.moves, without.moves]).toEqual([['old to http://n1/control'], ['old to http://n1/control']]);
});

test('a node without the newest seat leaves all as they are', async () => {
  for (const me of ['n2', 'o2']) {
    const { look, moves } = upgrade(me, { newest: 'n1' });
    for (const _ of [1, 2, 3]) await look({ o1: 'refuses' });
    expect(moves).toEqual([]);
  }
});

test('a node that may not answer for the fleet any more takes none, also where it was about to', async () => {
  const { look, moves, mayNot } = upgrade('n1', { control: false });
  await look({ o1: 'refuses' });
  mayNot();
  await look({ o1: 'refuses' });
  await look({ o1: 'refuses' });
  expect(moves).toEqual([]);
  const late = upgrade('n1', { control: false });
  await late.look({ o1: 'refuses' });
  late.beforeMove(late.mayNot);
  await late.look({ o1: 'refuses' });
  expect(late.moves).toEqual([]);
});

test('it looks no more often than every two seconds, however many calls it answers', async () => {
  const { look, moves } = upgrade('n1');
  await look({ o1: 'refuses' });
  for (const _ of [1, 2, 3]) await look({ o1: 'refuses' }, LOOK_EVERY_MS / 4);
  expect(moves).toEqual([]);
  await look({ o1: 'refuses' }, LOOK_EVERY_MS / 4);
  expect(moves).toEqual(['old to http://o2/control']);
});

test('looks that an engine which stood still answers at once count for one', async () => {
  const clock = simulatedClock({ startAt: 0 });
  const held = { id: 'old', uri: 'http://o1/control', isOwnVersion: false, isSuspect: true };
  const { promise: stillness, resolve: goesOn } = Promise.withResolvers<void>();
  const settled: string[] = [];
  const seats = new OlderSeats({
    clock: steadyClock(clock),
    seat: {
      older: () => stillness.then(() => [held]),
      settle: ({ id }) => Promise.resolve(void settled.push(id)),
    },
    mayTake: () => true,
    logger: pino({ level: 'silent' }),
    check: () => Promise.resolve('silent'),
  });
  const look = async (afterMs: number) => {
    await clock.advance(afterMs);
    return { looked: seats.look() };
  };
  const first = await look(LOOK_EVERY_MS);
  const second = await look(LOOK_EVERY_MS);
  goesOn();
  await Promise.all([first.looked, second.looked]);
  await (await look(0)).looked;
  expect(settled).toEqual([]);
  await (await look(LOOK_EVERY_MS)).looked;
  expect(settled).toEqual(['old']);
});

test('the first look is two seconds after a node has come, and each next two seconds after the last was over, also where that failed', async () => {
  const clock = simulatedClock({ startAt: 0 });
  const looks: number[] = [];
  const asked: number[] = [];
  const debugged: unknown[] = [];
  let fails = true;
  const held = { id: 'old', uri: 'http://o1/control', isOwnVersion: false, isSuspect: true };
  const seats = new OlderSeats({
    clock: steadyClock(clock),
    seat: {
      older: () => {
        looks.push(clock.now());
        return fails ? Promise.reject(new Error('the engine is away')) : Promise.resolve([held]);
      },
      settle: () => Promise.reject(new Error('somebody is there')),
    },
    mayTake: () => true,
    logger: pino({ level: 'debug' }, { write: (line: string) => void debugged.push(JSON.parse(line)) }),
    check: (_, withinMs) => {
      asked.push(withinMs);
      return Promise.resolve('answers');
    },
  });
  const lookAt = async (time: number) => {
    await clock.advance(time - clock.now());
    await seats.look();
  };
  for (const time of [0, 1_999, 2_000, 2_001, 3_999]) await lookAt(time);
  expect(looks).toEqual([2_000]);
  expect(debugged).toMatchObject([{ err: { message: 'the engine is away' } }]);
  fails = false;
  for (const time of [4_000, 5_999]) await lookAt(time);
  expect([looks, asked]).toEqual([[2_000, 4_000], [500]]);
});
