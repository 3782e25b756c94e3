/** Small pools, every move in every state of them, played on a real system and on the model at once. */
import { drivenBy, type Watching } from '../../kit/drivers.ts';
import { strict as assert } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import { coveringTours, type Tours } from '../life/tours.ts';
import {
  type Deed,
  firstLife,
  isPossible,
  keyOf,
  type Move,
  movesOf,
  play,
  type PoolLife,
  type PoolSetup,
  recordOf,
} from './model.ts';
import { PoolWorld } from './world.ts';

const SHOWN_MOVES = 25;
const ofTasks: readonly Deed[] = ['task', 'done', 'done draining'];
const ofStarts: readonly Deed[] = ['ready', 'fail', 'retry'];
const ofEnds: readonly Deed[] = ['close', 'halt', 'deadline'];
const base = {
  min: 1,
  max: 2,
  target: 1,
  queueLimit: 1,
  maxAgents: Infinity,
  maxStarts: 16,
  isSlowToEnd: false,
  isOpening: false,
};

export const smallPools: readonly PoolSetup[] = [
  {
    ...base,
    name: 'first members that start',
    policy: 'never',
    min: 2,
    target: 2,
    maxStarts: 1,
    isOpening: true,
    deeds: ['ready', 'fail', 'crash idle', 'halt'],
  },
  {
    ...base,
    name: 'first members that crash while others start',
    policy: 'manual',
    min: 2,
    target: 2,
    isOpening: true,
    deeds: ['ready', 'fail', 'crash idle', 'revive', 'forget down'],
  },
  {
    ...base,
    name: 'no member at first',
    policy: 'manual',
    min: 0,
    max: 1,
    target: 0,
    deeds: ['task', 'done', 'ready', 'halt', 'deadline'],
  },
  {
    ...base,
    name: 'members that nobody restarts',
    policy: 'never',
    queueLimit: 0,
    deeds: [...ofStarts, 'crash idle', 'stop idle'],
  },
  {
    ...base,
    name: 'members that finish what they have begun',
    policy: 'manual',
    max: 3,
    deeds: [...ofTasks, 'ready', 'crash draining'],
  },
  {
    ...base,
    name: 'members that an operator brings back',
    policy: 'manual',
    target: 2,
    queueLimit: 0,
    deeds: [...ofTasks, ...ofStarts, 'crash busy', 'revive', 'forget down'],
  },
  {
    ...base,
    name: 'a close of members that crash',
    policy: 'manual',
    max: 1,
    deeds: [...ofTasks, ...ofEnds, 'ready', 'crash busy', 'revive'],
  },
  {
    ...base,
    name: 'a close of the system while members drain',
    policy: 'never',
    target: 2,
    deeds: ['task', 'done draining', 'halt', 'deadline'],
  },
  {
    ...base,
    name: 'members that take their time to end',
    policy: 'never',
    isSlowToEnd: true,
    deeds: [...ofTasks, 'ready', 'close', 'deadline', 'crash draining', 'end'],
  },
  {
    ...base,
    name: 'a close while members start and fail',
    policy: 'never',
    max: 1,
    deeds: [...ofStarts, ...ofEnds, 'task', 'crash busy'],
  },
  {
    ...base,
    name: 'no room for all of them',
    policy: 'never',
    min: 0,
    max: 3,
    maxAgents: 2,
    queueLimit: 0,
    deeds: ['ready', 'retry', 'stop idle'],
  },
  {
    ...base,
    name: 'members that start one after the other, and no room for all of them',
    policy: 'never',
    max: 3,
    target: 2,
    maxStarts: 1,
    maxAgents: 2,
    queueLimit: 0,
    deeds: ['ready', 'retry', 'crash idle', 'rival starts'],
  },
  {
    ...base,
    name: 'no room for the least of them',
    policy: 'never',
    max: 1,
    maxAgents: 1,
    queueLimit: 0,
    deeds: ['ready', 'retry', 'crash idle', 'rival starts', 'rival stops'],
  },
];

export function toursOf(setup: PoolSetup): Tours<Move> {
  return coveringTours({
    name: setup.name,
    moves: movesOf(setup),
    first: firstLife(setup),
    isPossible,
    after: (life: PoolLife, move: Move) => play(setup, life, move).life,
    keyOf,
  });
}

/** @throws AssertionError at the first move after which the two differ, with the way to it */
export async function judgePool(
  setup: PoolSetup,
  moves: Iterable<Move>,
  watching: Watching = drivenBy('table'),
): Promise<void> {
  const world = await PoolWorld.open(setup, watching);
  const trail: string[] = [];
  try {
    let life = firstLife(setup);
    for (const move of moves) {
      if (!isPossible(life, move)) continue;
      const { life: after, outcome } = play(setup, life, move);
      trail.push(move);
      const seen = await world.play(move);
      const expected = { ...outcome, ...(isOver(after) ? {} : lookedUp(after)) };
      const actual = {
        ...seen,
        ...(isOver(after) ? {} : { statuses: world.statuses() }),
        ...(isOver(after) || after.mode === 'opening' ? {} : { record: world.record() }),
        ...(isServing(after) ? { timers: world.timers() } : {}),
      };
      if (!isDeepStrictEqual(actual, expected)) {
        const way = trail.slice(-SHOWN_MOVES).join(', ');
        assert.deepStrictEqual(
          actual,
          expected,
          `${setup.name}, move ${trail.length} (actual + / expected -): ${way}\nfrom ${JSON.stringify(life)}`,
        );
      }
      life = after;
    }
  } finally {
    await world.dispose();
  }
}

function isServing({ mode }: PoolLife): boolean {
  return mode === 'balanced' || mode === 'backing_off' || mode === 'degraded';
}

function isOver({ mode }: PoolLife): boolean {
  return mode === 'closed' || mode === 'halted';
}

function lookedUp(life: PoolLife) {
  const { idle, busy, finishing, starting, down, ending, mode, queue, retryInMs } = life;
  const isEnding = mode === 'closing' && queue === 0;
  const running = isEnding ? 0 : idle + busy + finishing;
  const stopping = isEnding ? busy + finishing + ending : ending;
  const statuses = { running, starting, stopping, crashed: down };
  const record = recordOf(life);
  return {
    // In an end that is under way all members are on their way out.
    ...(mode === 'opening'
      ? {}
      : { record: isEnding ? { ...record, live: 0, draining: busy + finishing + ending } : record }),
    statuses: Object.fromEntries(Object.entries(statuses).filter(([, count]) => count > 0)),
    ...(isServing(life) ? { timers: retryInMs === undefined ? [] : [retryInMs] } : {}),
  };
}
