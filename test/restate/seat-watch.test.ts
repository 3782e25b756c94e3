/** When a node takes the seat, and when it leaves it to who has it: on a clock that moves when it is told to. */
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import type { AddressState } from '../../src/restate/nodes/address-check.ts';
import { AGENT, hostOf } from '../../src/restate/engine/names.ts';
import { ControlSeat, type HeldSeat, markOf, type Taken } from '../../src/restate/nodes/control-seat.ts';
import { OWN_MISSES } from '../../src/restate/nodes/seat-patience.ts';
import { DOUBT_MS, MISSED_MS, SeatWatch } from '../../src/restate/nodes/seat-watch.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

function rig() {
  const clock = simulatedClock({ startAt: 0 });
  /** Timers that are due come later by so much. */
  let heldUpMs = 0;
  /** Who has it, as the engine knows. */
  let holder = 'a';
  let mayTake = true;
  /** The engine tells nothing before it is over. */
  let stillness: Promise<unknown> = Promise.resolve();
  let found: AddressState | Promise<AddressState> = 'answers';
  const held = (): readonly HeldSeat[] =>
    holder === 'me'
      ? []
      : [{ id: 's', uri: `http://${holder}/control`, isOwnVersion: true, isSuspect: true }];
  const takenAt: number[] = [];
  const watch = new SeatWatch({
    clock: steadyClock({
      now: () => clock.now(),
      setTimeout: (run, delayMs) => clock.setTimeout(run, delayMs + heldUpMs),
      clearTimeout: (timer) => clock.clearTimeout(timer),
    }),
    seat: () => ({
      others: async () => {
        await stillness;
        return held();
      },
      take: async (isFree): Promise<Taken | undefined> => {
        await stillness;
        const [seat] = held();
        if (seat === undefined || !isFree(seat)) return undefined;
        const from = holder;
        holder = 'me';
        takenAt.push(clock.now());
        return { from };
      },
    }),
    mayTake: () => mayTake,
    logger: pino({ level: 'silent' }),
    check: () => Promise.resolve(found),
  });
  return {
    watch,
    takenAt: () => takenAt.splice(0),
    holds: (name: string) => (holder = name),
    mayNot: () => (mayTake = false),
    standsStill: () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      stillness = promise;
      return { goesOn: resolve, fails: () => reject(new Error('no answer')) };
    },
    isHeldUp: (ms: number) => (heldUpMs = ms),
    finds: (next: AddressState | Promise<AddressState>) => void (found = next),
    pass: async (ms: number) => {
      await clock.advance(ms);
      await settled();
    },
    /** A call that nobody answers, until `answer`. */
    ask: () => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const answered = watch.answerTo(
        (signal) =>
          new Promise<string>((resolveCall, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
            void promise.then(resolveCall);
          }),
      );
      const outcome = answered.then(
        () => 'answered',
        (err: unknown) => (err as Error).message,
      );
      return { outcome, answer: () => resolve('') };
    },
  };
}

const TAKEN = 'the seat was taken';
/** How long one may be busy. */
const BUSY_MS = OWN_MISSES * MISSED_MS;

test.each(['refuses', 'silent'] as const)(
  'an address that %s loses the seat with the first call that has no answer; that is made again, and says who was silent for how long',
  async (found) => {
    const { watch, ask, pass, finds, takenAt } = rig();
    finds(found);
    const { outcome } = ask();
    await pass(DOUBT_MS - 1);
    expect(takenAt()).toEqual([]);
    await pass(1);
    expect(takenAt()).toEqual([DOUBT_MS]);
    expect(await outcome).toBe(TAKEN);
    await pass(20);
    expect(watch.unseated).toEqual({ name: 'a', silentMs: DOUBT_MS + 20 });
    watch.told('a');
    expect(watch.unseated).toBeUndefined();
  },
);

test('that the fleet was told of one who was unseated says nothing of the next: that is told with the sign of life after', async () => {
  const { watch, ask, pass, finds, holds } = rig();
  finds('refuses');
  ask();
  await pass(DOUBT_MS);
  expect(watch.unseated?.name).toBe('a');
  holds('b');
  // It carries who was unseated first, and is answered at the moment at which the seat is taken again.
  const second = ask();
  await pass(DOUBT_MS);
  second.answer();
  watch.told('a');
  expect(watch.unseated?.name).toBe('b');
});

test('a node that may not take it any more leaves it, also where it was about to', async () => {
  const { ask, pass, takenAt, finds, mayNot, standsStill } = rig();
  const looking = Promise.withResolvers<AddressState>();
  finds(looking.promise);
  ask();
  await pass(DOUBT_MS);
  const engine = standsStill();
  looking.resolve('refuses');
  await pass(0);
  mayNot();
  engine.goesOn();
  await pass(0);
  expect(takenAt()).toEqual([]);
});

test('one that answers there, and no call, may be busy: it keeps it for four misses in a row', async () => {
  const { ask, pass, takenAt, watch } = rig();
  const { outcome } = ask();
  await pass(BUSY_MS - 1);
  expect(takenAt()).toEqual([]);
  await pass(1);
  expect([await outcome, takenAt()]).toEqual([TAKEN, [BUSY_MS]]);
  expect(watch.unseated).toEqual({ name: 'a', silentMs: BUSY_MS });
});

test('a call is made again after five misses, and no sooner: those that wait for a busy node make it busier', async () => {
  const { ask, pass, mayNot } = rig();
  mayNot();
  const { outcome } = ask();
  const isOver = vi.fn<() => void>();
  void outcome.then(isOver);
  await pass(5 * MISSED_MS - 1);
  expect(isOver).not.toHaveBeenCalled();
  await pass(1);
  expect(await outcome).toBe(`no answer in ${5 * MISSED_MS} ms`);
});

test('each time without an answer the next call is waited for twice as long, up to a minute; an answer ends that', async () => {
  const { ask, pass, mayNot } = rig();
  mayNot();
  for (const misses of [5, 10, 20, 40, 80, 80]) {
    const { outcome } = ask();
    await pass(misses * MISSED_MS);
    expect(await outcome).toBe(`no answer in ${misses * MISSED_MS} ms`);
  }
  const { outcome, answer } = ask();
  answer();
  expect(await outcome).toBe('answered');
  const next = ask();
  await pass(5 * MISSED_MS);
  expect(await next.outcome).toBe(`no answer in ${5 * MISSED_MS} ms`);
});

test('one that falls silent while a call waits loses it as soon as that is seen', async () => {
  const { ask, pass, takenAt, finds } = rig();
  const { outcome } = ask();
  await pass(MISSED_MS);
  finds('refuses');
  await pass(DOUBT_MS);
  expect([await outcome, takenAt()]).toEqual([TAKEN, [MISSED_MS + DOUBT_MS]]);
});

test.each([
  ['after one miss', 1],
  ['when it was about to be taken', OWN_MISSES],
])('an engine that stands still itself takes it from nobody: %s', async (_, misses) => {
  const { ask, pass, takenAt, watch, standsStill } = rig();
  const begun = ask();
  await pass((misses - 1) * MISSED_MS);
  let engine = standsStill();
  await pass(MISSED_MS);
  begun.answer();
  await pass(10_000);
  engine.goesOn();
  await pass(0);
  expect(takenAt()).toEqual([]);
  engine = standsStill();
  ask();
  await pass(MISSED_MS);
  engine.fails();
  await pass(0);
  standsStill().goesOn();
  await pass(BUSY_MS - MISSED_MS);
  expect([takenAt(), watch.unseated]).toEqual([[], undefined]);
  await pass(MISSED_MS);
  expect(takenAt()).toEqual([10_000 + misses * MISSED_MS + BUSY_MS + MISSED_MS]);
});

test('one that the engine moves too late stays where it is', async () => {
  const { ask, pass, takenAt, finds, standsStill } = rig();
  const looking = Promise.withResolvers<AddressState>();
  finds(looking.promise);
  ask();
  await pass(DOUBT_MS);
  const engine = standsStill();
  looking.resolve('refuses');
  finds('answers');
  await pass(5_000);
  engine.goesOn();
  await pass(0);
  expect(takenAt()).toEqual([]);
});

test('an answer ends the count', async () => {
  const { ask, pass, takenAt } = rig();
  for (const _ of [1, 2]) {
    const { outcome, answer } = ask();
    await pass(BUSY_MS - 1);
    answer();
    expect(await outcome).toBe('answered');
  }
  expect(takenAt()).toEqual([]);
});

test('an answer that comes while the address is looked at leaves the seat where it is', async () => {
  const { ask, pass, finds, takenAt } = rig();
  const looking = Promise.withResolvers<AddressState>();
  finds(looking.promise);
  const { outcome, answer } = ask();
  await pass(DOUBT_MS);
  answer();
  expect(await outcome).toBe('answered');
  looking.resolve('refuses');
  await pass(0);
  expect(takenAt()).toEqual([]);
});

test('another node that has taken it while the address was looked at keeps it, and has its whole time from then on', async () => {
  const { ask, pass, finds, holds, takenAt } = rig();
  const looking = Promise.withResolvers<AddressState>();
  finds(looking.promise);
  ask();
  await pass(DOUBT_MS);
  holds('b');
  looking.resolve('silent');
  await pass(0);
  expect(takenAt()).toEqual([]);
  finds('answers');
  await pass(BUSY_MS - 1);
  expect(takenAt()).toEqual([]);
  // What had been missed of the first is not held against it.
  await pass(MISSED_MS - DOUBT_MS + 1);
  expect(takenAt()).toEqual([MISSED_MS + BUSY_MS]);
});

test.each(['silent', 'refuses'] as const)(
  'and keeps it where that was seen while the address of the one before was looked at, which %s',
  async (state) => {
    const { ask, pass, finds, holds, takenAt } = rig();
    const looking = Promise.withResolvers<AddressState>();
    finds(looking.promise);
    ask();
    await pass(DOUBT_MS);
    holds('b');
    finds('answers');
    await pass(MISSED_MS - DOUBT_MS);
    looking.resolve(state);
    await pass(0);
    expect(takenAt()).toEqual([]);
  },
);

/** A timer that is so late shows that its program was held up. */
const HELD_UP_MS = 501;

test.each([
  ['refuses', [DOUBT_MS + HELD_UP_MS]],
  ['silent', []],
] as const)(
  'a node that was held up itself takes the seat from an address that refuses, and from none that is silent: %s',
  async (found, taken) => {
    const { ask, pass, finds, isHeldUp, takenAt } = rig();
    isHeldUp(HELD_UP_MS);
    finds(found);
    ask();
    await pass(10 * (MISSED_MS + HELD_UP_MS));
    expect(takenAt()).toEqual(taken);
  },
);

test.each([
  ['refuses', [2 * MISSED_MS + HELD_UP_MS]],
  ['silent', []],
] as const)('so it does where it was held up while it looked at the address: %s', async (found, taken) => {
  const { ask, pass, finds, isHeldUp, takenAt } = rig();
  const looking = Promise.withResolvers<AddressState>();
  finds(looking.promise);
  ask();
  await pass(DOUBT_MS);
  isHeldUp(HELD_UP_MS);
  await pass(MISSED_MS - DOUBT_MS);
  await pass(MISSED_MS + HELD_UP_MS);
  looking.resolve(found);
  await pass(0);
  expect(takenAt()).toEqual(taken);
});

test('a node that was held up itself counts anew', async () => {
  const { ask, pass, takenAt, isHeldUp } = rig();
  isHeldUp(501);
  ask();
  await pass(MISSED_MS);
  isHeldUp(0);
  await pass(501);
  await pass(BUSY_MS - 1);
  expect(takenAt()).toEqual([]);
  await pass(1);
  expect(takenAt()).toEqual([MISSED_MS + 501 + BUSY_MS]);
});

test('who may not take it does not', async () => {
  const { ask, pass, takenAt, finds, mayNot } = rig();
  finds('refuses');
  mayNot();
  ask();
  await pass(2 * BUSY_MS);
  expect(takenAt()).toEqual([]);
});

test.each([
  ['silent', MISSED_MS + DOUBT_MS],
  ['refuses', DOUBT_MS],
] as const)(
  'who has taken it twice lately looks twice at one that is silent, for it may be busy, and once at one that refuses: %s',
  async (found, thirdMs) => {
    const { ask, pass, takenAt, finds, holds } = rig();
    finds(found);
    let passed = 0;
    for (const afterMs of [DOUBT_MS, DOUBT_MS, thirdMs]) {
      holds('a');
      const { outcome } = ask();
      await pass(afterMs - 1);
      expect(takenAt()).toEqual([]);
      await pass(1);
      passed += afterMs;
      expect([await outcome, takenAt()]).toEqual([TAKEN, [passed]]);
    }
  },
);

test('one that has answered between two looks is looked at twice again', async () => {
  const { ask, pass, takenAt, finds, holds } = rig();
  finds('silent');
  for (const _ of [1, 2]) {
    holds('a');
    ask();
    await pass(DOUBT_MS);
  }
  holds('a');
  takenAt();
  ask();
  await pass(DOUBT_MS);
  finds('answers');
  await pass(MISSED_MS);
  finds('silent');
  await pass(MISSED_MS);
  expect(takenAt()).toEqual([]);
  await pass(MISSED_MS);
  expect(takenAt().length).toBe(1);
});

const uriOf = (name: string) => `http://${name}/control`;
/** A call that nobody answers. */
const never = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

test('of two that take it at the same moment one has it in the end; the other leaves it that for its whole time', async () => {
  const clock = simulatedClock({ startAt: 0 });
  const logger = pino({ level: 'silent' });
  const moves: string[] = [];
  let uri = uriOf('a');
  const hosts = ['a', 'b', 'c'].map((name) => ({
    id: name,
    uri: `http://${name}/host`,
    services: [hostOf(name)],
    metadata: markOf('v'),
    revision: 1,
  }));
  const admin = {
    deployments: () =>
      Promise.resolve([...hosts, { id: 's', uri, services: [AGENT], metadata: markOf('v'), revision: 1 }]),
    register: () => Promise.reject(new Error('it is there')),
    // Both have seen who has it before either is heard.
    move: async (_: string, to: string) => {
      await settled();
      uri = to;
      moves.push(`${to} after ${clock.now()}`);
    },
  };
  const node = (name: string) => {
    const seat = new ControlSeat({ admin, uri: uriOf(name), version: 'v', logger });
    const watch = new SeatWatch({
      clock: steadyClock(clock),
      seat: () => seat,
      mayTake: () => true,
      logger,
      check: (at) => Promise.resolve(at === uriOf('a') ? 'silent' : 'answers'),
    });
    return { watch, ask: () => watch.answerTo(never).catch((err: Error) => err.message) };
  };
  const both = [node('b'), node('c')];
  const pass = async (ms: number) => {
    await clock.advance(ms);
    for (const _ of [1, 2, 3, 4]) await settled();
  };
  const first = both.map(({ ask }) => ask());
  await pass(DOUBT_MS);
  expect(await Promise.all(first)).toEqual([TAKEN, TAKEN]);
  expect(moves.splice(0)).toEqual(['http://b/control after 500', 'http://c/control after 500']);
  expect(both.map(({ watch }) => watch.unseated?.name)).toEqual(['a', 'a']);
  void both[0]!.ask();
  // It sees with its next call that another has it, and counts from there.
  await pass(MISSED_MS + BUSY_MS - 1);
  expect(moves).toEqual([]);
  await pass(1);
  expect(moves).toEqual([`http://b/control after ${DOUBT_MS + MISSED_MS + BUSY_MS}`]);
});

const versionOf = (name: string) => (name.startsWith('o') ? 'old' : 'new');

/** A fleet in the middle of an upgrade, as node `me` finds it: o1 has the old version's seat, n1 the new one's. */
function upgrade(me: string, states: Readonly<Record<string, 'dead' | 'mute'>>) {
  const clock = simulatedClock({ startAt: 0 });
  const holders: Record<string, string> = { old: 'o1', new: 'n1' };
  const moves: string[] = [];
  const hosts = ['o1', 'o2', 'n1', 'n2'].map((name) => ({
    id: name,
    uri: `http://${name}/host`,
    services: [hostOf(name)],
    metadata: markOf(versionOf(name)),
    revision: 1,
  }));
  const seats = () =>
    ['old', 'new'].map((id, index) => ({
      id,
      uri: `http://${holders[id]}/control`,
      services: [AGENT],
      metadata: markOf(id),
      revision: index + 1,
    }));
  const move = (id: string, uri: string): void => {
    const to = new URL(uri).hostname;
    holders[id] = to;
    moves.push(`${id} to ${to} after ${clock.now()}`);
  };
  const logger = pino({ level: 'silent' });
  const seat = new ControlSeat({
    admin: {
      deployments: () => Promise.resolve([...hosts, ...seats()]),
      register: () => Promise.reject(new Error('both seats are there')),
      move: (id, uri) => Promise.resolve(move(id, uri)),
    },
    uri: `http://${me}/control`,
    version: versionOf(me),
    logger,
  });
  const watch = new SeatWatch({
    clock: steadyClock(clock),
    seat: () => seat,
    mayTake: () => true,
    logger,
    check: (uri) => Promise.resolve(states[new URL(uri).hostname] === 'dead' ? 'refuses' : 'answers'),
  });
  /** Whether a call that began in the old version holds up those of the new one. */
  let isHeldUp = false;
  let isAsking = false;
  let answer: (() => void) | undefined;
  return {
    moves,
    move,
    holdUp: () => (isHeldUp = true),
    /** Signs of life, one after the other, over this time. */
    beats: async (ms: number) => {
      const end = clock.now() + ms;
      while (clock.now() < end) {
        if (!isAsking) {
          isAsking = true;
          const call = (signal: AbortSignal) =>
            new Promise<void>((resolve, reject) => {
              answer = resolve;
              signal.addEventListener('abort', () => reject(signal.reason as Error));
            });
          const over = (): void => void (isAsking = false);
          watch.answerTo(call).then(over, over);
        }
        for (const passing of [DOUBT_MS, MISSED_MS - DOUBT_MS]) {
          const isStuck = isHeldUp && states[holders['old']!] !== undefined;
          if (states[holders['new']!] === undefined && !isStuck) answer?.();
          await clock.advance(passing);
          await settled();
        }
      }
    },
  };
}

const WHILE_MS = 40 * MISSED_MS;

test.each([
  ['n2', 'mute', ['new to n2 after 3000']],
  ['n2', 'dead', ['new to n2 after 500']],
  ['o2', 'mute', ['new to o2 after 6000']],
  ['o2', 'dead', ['new to o2 after 6000']],
] as const)(
  "the new version's seat is silent: %s takes it where its node is %s and no other does, and leaves the old one's",
  async (me, state, expected) => {
    const { beats, moves } = upgrade(me, { n1: state });
    await beats(WHILE_MS);
    expect(moves).toEqual(expected);
  },
);

test.each(['mute', 'dead'] as const)(
  "the new version's seat is silent, its node %s: a node of the old version takes none while nodes of the new one take it in turn",
  async (state) => {
    const { beats, move, moves } = upgrade('o2', { n1: state, n2: 'mute' });
    for (const holder of ['n2', 'n1', 'n2', 'n1']) {
      await beats(7 * MISSED_MS);
      move('new', `http://${holder}/control`);
    }
    expect(moves.filter((told) => told.includes('o2'))).toEqual([]);
  },
);

test("the old version's seat alone is silent: nobody takes either while calls are answered", async () => {
  for (const me of ['o2', 'n2']) {
    const { beats, moves } = upgrade(me, { o1: 'dead' });
    await beats(WHILE_MS);
    expect(moves).toEqual([]);
  }
});

test.each([
  ['n2', ['new to n2 after 500']],
  ['o2', ['old to o2 after 500', 'new to o2 after 6750']],
] as const)(
  'both are silent: %s takes its own at once, and the other only if calls are still without an answer',
  async (me, expected) => {
    const { beats, moves } = upgrade(me, { o1: 'dead', n1: 'dead' });
    await beats(WHILE_MS);
    expect(moves).toEqual(expected);
  },
);

test("a call of the old version that holds up the new one's is freed in the end, if no node of the old one does it", async () => {
  const { beats, moves, holdUp } = upgrade('n2', { o1: 'dead', n1: 'dead' });
  holdUp();
  await beats(WHILE_MS);
  expect(moves).toEqual(['new to n2 after 500', 'old to n2 after 6750']);
});

test('what the engine refuses is a miss: its caller hears of it once it is decided whose', async () => {
  const { watch, standsStill } = rig();
  const still = standsStill();
  const told: string[] = [];
  const refused = watch.answerTo(() => Promise.reject(new Error('refused')));
  refused.catch(({ message }: Error) => told.push(message));
  await settled();
  expect(told).toEqual([]);
  still.goesOn();
  await settled();
  expect(told).toEqual(['refused']);
});

test('a seat that nobody has is taken once this program would have lost its own', async () => {
  const clock = simulatedClock({ startAt: 0 });
  const takes: number[] = [];
  const watch = new SeatWatch({
    clock: steadyClock(clock),
    seat: () => ({
      others: () => Promise.resolve([]),
      take: () => {
        takes.push(clock.now());
        return Promise.resolve(undefined);
      },
    }),
    mayTake: () => true,
    logger: pino({ level: 'silent' }),
    check: () => Promise.resolve('answers'),
  });
  void watch.answerTo(() => new Promise(() => {}));
  for (let misses = 1; misses <= OWN_MISSES; misses += 1) {
    expect(takes).toEqual([]);
    await clock.advance(MISSED_MS);
    await settled();
  }
  expect(takes).toEqual([BUSY_MS]);
});
