/** Every move in every state of a task's progress, on the real watch with simulated time, held against a model. */
import { strict as assert } from 'node:assert';
import type { OnStall } from '../../../src/machines/index.ts';
import { ProgressWatch } from '../../../src/runtime/agent/progress-watch.ts';
import { chartWatch } from '../../../src/runtime/engine/chart-watch.ts';
import { steadyClock } from '../../../src/runtime/time/clock.ts';
import { simulatedClock } from '../../../src/testing/index.ts';
import { drivenBy, type Watching } from '../../kit/drivers.ts';
import { coveringTours } from '../life/tours.ts';

export type Move = 'progress' | 'almost due' | 'due' | 'end';
export interface ProgressTour {
  readonly onStall: OnStall;
  readonly moves: readonly Move[];
}

const AFTER_MS = 1_000;

interface State {
  readonly place: 'moving' | 'stalled' | 'ended';
  /** Since it was heard of last. */
  readonly quietMs: number;
}

function play(onStall: OnStall, state: State, move: Move): { state: State; told: readonly string[] } {
  const { place, quietMs } = state;
  if (move === 'end') return { state: { place: 'ended', quietMs: 0 }, told: [] };
  if (move === 'progress') {
    if (place === 'ended') return { state, told: [] };
    return { state: { place: 'moving', quietMs: 0 }, told: place === 'stalled' ? ['progressed'] : [] };
  }
  if (move === 'almost due')
    return { state: { ...state, quietMs: Math.max(quietMs, AFTER_MS - 1) }, told: [] };
  if (place !== 'moving') return { state, told: [] };
  if (onStall === 'warn') return { state: { place: 'stalled', quietMs: 0 }, told: ['stalled'] };
  return { state: { place: 'ended', quietMs: 0 }, told: ['stalled', onStall] };
}

export function progressTours(): readonly ProgressTour[] {
  return (['warn', 'abort', 'crash'] as const).flatMap((onStall) =>
    coveringTours<State, Move>({
      name: `a task that ${onStall}s`,
      moves: ['progress', 'almost due', 'due', 'end'],
      first: { place: 'moving', quietMs: 0 },
      isPossible: ({ place, quietMs }, move) =>
        move !== 'almost due' || (place === 'moving' && quietMs === 0),
      after: (state, move) => play(onStall, state, move).state,
      keyOf: (state) => JSON.stringify(state),
    }).tours.map((moves) => ({ onStall, moves })),
  );
}

export async function judgeProgress(
  { onStall, moves }: ProgressTour,
  watching: Watching = drivenBy('table'),
): Promise<void> {
  const clock = simulatedClock();
  const faults: unknown[] = [];
  let told: string[] = [];
  const tell = (what: string) => () => void told.push(what);
  const watch = new ProgressWatch(
    { stalledAfterMs: AFTER_MS, onStall },
    { stalled: tell('stalled'), progressed: tell('progressed'), abort: tell('abort'), crash: tell('crash') },
    {
      ...chartWatch(watching, (thrown) => faults.push(thrown)),
      clock: steadyClock(clock),
      onBug: (error) => faults.push(error),
    },
  );
  let state: State = { place: 'moving', quietMs: 0 };
  for (const [at, move] of moves.entries()) {
    const expected = play(onStall, state, move);
    told = [];
    if (move === 'progress') watch.progressed();
    else if (move === 'end') watch.end();
    else await clock.advance(move === 'due' ? AFTER_MS - state.quietMs : AFTER_MS - 1 - state.quietMs);
    ({ state } = expected);
    const said = `${onStall}: ${moves.slice(0, at + 1).join(', ')}`;
    assert.deepEqual(told, expected.told, said);
    const dueIn = clock.pending().map(({ dueAt }) => dueAt - clock.now());
    assert.deepEqual(dueIn, state.place === 'moving' ? [AFTER_MS - state.quietMs] : [], said);
  }
  watch.end();
  assert.deepEqual(clock.pending(), []);
  assert.deepEqual(faults, []);
}
