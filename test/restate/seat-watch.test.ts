/** When a node takes the seat, and when it leaves it to who has it: on a clock that moves when it is told to. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { AddressState } from '../../src/restate/nodes/address-check.ts';
import { AGENT, hostOf } from '../../src/restate/engine/names.ts';
import { ControlSeat, type HeldSeat, markOf, type Taken } from '../../src/restate/nodes/control-seat.ts';
import { DOUBT_MS, MISSED_MS, SeatWatch } from '../../src/restate/nodes/seat-watch.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

function rig() {
  const clock = simulatedClock({ startAt: 0 });
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
    clock: steadyClock(clock),
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
    finds: (next: AddressState | Promise<AddressState>) => void (found = next),
    pass: async (ms: number) => {
      await clock.advance(ms);
      await settled();
    },
    /** A call that nobody answers, until `answer`. */
    ask: (timeoutMs?: number) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const answered = watch.answerTo(
        (signal) =>
          new Promise<string>((resolveCall, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
            void promise.then(resolveCall);
          }),
        timeoutMs,
      );
      const outcome = answered.then(
        () => 'answered',
        (err: unknown) => (err as Error).message,
      );
      return { outcome, answer: () => resolve('') };
    },
  };
}

const MISSED = `no answer in ${MISSED_MS} ms`;

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
    expect(await outcome).toBe('the seat was taken');
    await pass(20);
    expect(watch.unseated).toEqual({ name: 'a', silentMs: DOUBT_MS + 20 });
    watch.told();
    expect(watch.unseated).toBeUndefined();
  },
);

test('one that answers there, and no call, keeps it until two calls in a row have no answer', async () => {
  const { ask, pass, takenAt, watch } = rig();
  const first = ask();
  await pass(MISSED_MS);
  expect([await first.outcome, takenAt()]).toEqual([MISSED, []]);
  const second = ask();
  await pass(MISSED_MS);
  expect([await second.outcome, takenAt()]).toEqual([MISSED, [2 * MISSED_MS]]);
  expect(watch.unseated).toEqual({ name: 'a', silentMs: 2 * MISSED_MS });
});

test.each([
  ['after one call', 1],
  ['when it was about to be taken', 2],
])('an engine that stands still itself takes it from nobody: %s', async (_, calls) => {
  const { ask, pass, takenAt, watch, standsStill } = rig();
  let engine = standsStill();
  for (let call = 0; call < calls; call++) {
    ask();
    await pass(MISSED_MS);
  }
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
  const { outcome } = ask();
  await pass(MISSED_MS);
  expect([await outcome, takenAt(), watch.unseated]).toEqual([MISSED, [], undefined]);
  ask();
  await pass(MISSED_MS);
  expect(takenAt()).toEqual([10_000 + (calls + 3) * MISSED_MS]);
});

test('one that the engine moves too late stays where it is', async () => {
  const { ask, pass, takenAt, finds, standsStill } = rig();
  const looking = Promise.withResolvers<AddressState>();
  finds(looking.promise);
  ask();
  await pass(DOUBT_MS);
  const engine = standsStill();
  looking.resolve('refuses');
  await pass(5_000);
  engine.goesOn();
  await pass(0);
  expect(takenAt()).toEqual([]);
});

test('an answer ends the count', async () => {
  const { ask, pass, takenAt } = rig();
  for (const isAnswered of [false, true, false]) {
    const { outcome, answer } = ask();
    await pass(MISSED_MS / 2);
    if (isAnswered) answer();
    await pass(MISSED_MS / 2);
    expect(await outcome).toBe(isAnswered ? 'answered' : MISSED);
  }
  expect(takenAt()).toEqual([]);
});

test('a call that waits for longer counts for as many', async () => {
  const { ask, pass, takenAt } = rig();
  const { outcome } = ask(4_000);
  await pass(4_000);
  expect([await outcome, takenAt()]).toEqual(['no answer in 4000 ms', [4_000]]);
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
  const first = ask();
  await pass(DOUBT_MS);
  holds('b');
  looking.resolve('silent');
  await pass(0);
  expect(takenAt()).toEqual([]);
  finds('answers');
  // The first call has waited for a, not for b.
  await pass(MISSED_MS - DOUBT_MS);
  expect(await first.outcome).toBe(MISSED);
  for (const taken of [[], [3 * MISSED_MS]]) {
    const { outcome } = ask();
    await pass(MISSED_MS);
    expect([await outcome, takenAt()]).toEqual([MISSED, taken]);
  }
});

test('a node that was held up itself counts anew', async () => {
  const { ask, pass, takenAt } = rig();
  const first = ask();
  await pass(MISSED_MS);
  await first.outcome;
  // It fails only long after it should have: this program stood still.
  const late = rig();
  const { watch } = late;
  const standing = Promise.withResolvers<void>();
  const held = watch.answerTo(() => standing.promise).catch(() => 'failed');
  await late.pass(MISSED_MS + 501);
  standing.reject(new Error('late'));
  expect(await held).toBe('failed');
  const next = late.ask();
  await late.pass(MISSED_MS);
  expect([await next.outcome, late.takenAt(), takenAt()]).toEqual([MISSED, [], []]);
});

test('who may not take it does not; who has taken it twice lately does not for an address alone', async () => {
  const forbidden = rig();
  forbidden.finds('refuses');
  forbidden.mayNot();
  const { outcome } = forbidden.ask();
  await forbidden.pass(MISSED_MS);
  expect([await outcome, forbidden.takenAt()]).toEqual([MISSED, []]);
  const often = rig();
  often.finds('refuses');
  for (const taken of [1, 1, 0]) {
    often.holds('a');
    const asked = often.ask();
    await often.pass(DOUBT_MS);
    expect(often.takenAt().length).toBe(taken);
    await often.pass(MISSED_MS);
    await asked.outcome;
  }
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
  return {
    moves,
    move,
    holdUp: () => (isHeldUp = true),
    /** Signs of life, one after the other, over this time. */
    beats: async (ms: number) => {
      const end = clock.now() + ms;
      while (clock.now() < end) {
        const isStuck = isHeldUp && states[holders['old']!] !== undefined;
        const isAnswered = states[holders['new']!] === undefined && !isStuck;
        const call = (signal: AbortSignal) =>
          isAnswered
            ? Promise.resolve()
            : new Promise<void>((_, reject) =>
                signal.addEventListener('abort', () => reject(signal.reason as Error)),
              );
        const over = watch.answerTo(call).catch(() => undefined);
        for (const passing of [DOUBT_MS, MISSED_MS - DOUBT_MS]) {
          await clock.advance(passing);
          await settled();
        }
        await over;
      }
    },
  };
}

const WHILE_MS = 40 * MISSED_MS;

test.each([
  ['n2', 'mute', ['new to n2 after 1500']],
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
