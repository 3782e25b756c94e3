/** Every move in every state of a shared limit, on the real `Quotas` with simulated time, held against the model. */
import { strict as assert } from 'node:assert';
import type { Parked } from '../../../src/machines/index.ts';
import { chartWatch } from '../../../src/runtime/engine/chart-watch.ts';
import { type Quota, type QuotaMember, Quotas } from '../../../src/runtime/limits/quotas.ts';
import { steadyClock } from '../../../src/runtime/time/clock.ts';
import { simulatedClock } from '../../../src/testing/index.ts';
import { drivenBy, type Watching } from '../../kit/drivers.ts';
import { coveringTours, type Tours } from '../life/tours.ts';
import {
  CHANCE,
  first,
  GUEST,
  isPossible,
  keyOf,
  LOADS,
  LONG_MS,
  type Move,
  moves,
  play,
  RESET_MS,
} from './model.ts';

const START_AT = Date.UTC(2026, 0, 1);
const NAME = 'provider';
const WHY = 'too many requests';

export function quotaTours(): Tours<Move> {
  return coveringTours({
    name: 'a shared limit',
    moves,
    first: first(START_AT),
    isPossible,
    after: (state, move) => play(state, move).state,
    keyOf,
  });
}

export async function judgeQuota(
  tour: readonly Move[],
  watching: Watching = drivenBy('table'),
): Promise<void> {
  const clock = simulatedClock({ startAt: START_AT });
  const faults: unknown[] = [];
  const quotas = new Quotas({
    clock: steadyClock(clock),
    random: () => CHANCE,
    chart: {
      ...chartWatch(watching, (thrown) => faults.push(thrown)),
      clock: steadyClock(clock),
      onBug: (error) => faults.push(error),
    },
    assertOpen: () => undefined,
    lifted: async (name, by) => void lifts.push([name, by]),
  });
  const lifts: unknown[] = [];
  let told: [number, string][] = [];
  const parked: (Parked | undefined)[] = [];
  const members: QuotaMember[] = LOADS.map((load, index) => ({
    id: `agent-${index}`,
    load,
    quota: NAME,
    quotaParked: (given) => {
      parked[index] = given;
      told.push([index, 'parked']);
    },
    quotaReleased: () => {
      parked[index] = undefined;
      told.push([index, 'released']);
    },
  }));
  const joined: (Quota | undefined)[] = members.map((member) => quotas.join(member, undefined));
  const limited = (until: number | undefined) => {
    let heard: Parked | undefined;
    quotas.limited(members[0]!, { at: clock.now(), until, why: WHY }, (given) => (heard = given));
    assert.equal(heard, parked[0], 'who ran into it hears what all wait for');
  };
  const perform: Record<Move, () => unknown> = {
    limited: () => limited(clock.now() + RESET_MS),
    'limited for long': () => limited(clock.now() + LONG_MS),
    'limited, who knows how long': () => limited(undefined),
    'limited, and reset long ago': () => limited(clock.now() - 1),
    passed: () => joined[1]!.passed(),
    lifted: async () => {
      const wasParked = quotas.list()[0]?.status === 'parked';
      lifts.length = 0;
      if (quotas.list().length > 0) await quotas.lift(NAME, { by: 'ada' });
      assert.deepEqual(
        lifts,
        wasParked ? [[NAME, 'ada']] : [],
        'a lift is told once, where it changes something',
      );
    },
    'one ends': () => {
      joined[GUEST]!.part(members[GUEST]!);
      parked[GUEST] = undefined;
    },
    'one starts': () => {
      joined[GUEST] = quotas.join(members[GUEST]!, undefined);
    },
    due: () => clock.advance(clock.pending()[0]!.dueAt - clock.now()),
    'almost due': () => clock.advance(clock.pending()[0]!.dueAt - 1 - clock.now()),
  };
  let state = first(START_AT);
  const trail: string[] = [];
  for (const move of tour) {
    if (!isPossible(state, move)) continue;
    const expected = play(state, move);
    trail.push(`${state.status}: ${move}`);
    told = [];
    await perform[move]();
    state = expected.state;
    const [record] = quotas.list();
    const { parked: shown, waiting, ...rest } = record!;
    const waits = state.members.flatMap(({ waits }, index) => (waits ? [`agent-${index}`] : []));
    const of = `\n  ${trail.slice(-20).join('\n  ')}`;
    assert.deepEqual(told, expected.told, `told${of}`);
    assert.deepEqual(rest, { name: NAME, isShared: true, status: state.status }, of);
    assert.deepEqual(waiting.toSorted(), waits, `waiting${of}`);
    if (state.status !== 'open') {
      const { at: _, ...shownRest } = shown!;
      const guessed = state.guessed ? { guessed: true } : {};
      assert.deepEqual(shownRest, { until: state.until, why: WHY, quota: NAME, ...guessed }, of);
    } else assert.equal(shown, undefined, of);
    for (const [index, { waits: isWaiting }] of state.members.entries()) {
      assert.equal(joined[index]!.holds(members[index]!), isWaiting, of);
      if (isWaiting) assert.equal(parked[index]?.until, state.until, of);
    }
    assert.deepEqual(
      clock.pending().map(({ dueAt }) => dueAt),
      state.dueAt === undefined ? [] : [state.dueAt],
      `timers${of}`,
    );
  }
  quotas.close();
  assert.deepEqual(clock.pending(), []);
  assert.deepEqual(faults, []);
}
