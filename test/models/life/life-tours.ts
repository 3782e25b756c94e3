/** The tours of one profile: every move that matters for it, in every state that its lives can be in. */
import { bodyOf, firstLife, isPossible, play } from './life-model.ts';
import { DOWNTIME_MS, type Life, type Move, type Profile } from './life-state.ts';
import { coveringTours, type Tours } from './tours.ts';

export const START_AT = Date.UTC(2026, 0, 1);

/** A start that fails: from then on there is a body that is gone, and may yet be heard of. */
const PRELUDE: readonly Move[] = ['start', 'exit error'];

export function lifeTours(profile: Profile): Tours<Move> {
  const after = (life: Life, move: Move): Life => play(profile, life, move).life;
  // Who can be registered anew has first lives enough.
  const prelude = profile.moves.includes('register') ? [] : PRELUDE;
  const { tours, ...size } = coveringTours({
    name: profile.name,
    moves: profile.moves,
    first: prelude.reduce(after, firstLife(START_AT)),
    isPossible,
    after,
    keyOf: (life) => keyOf(profile, life),
  });
  return { tours: tours.map((tour) => [...prelude, ...tour]), ...size };
}

function keyOf(profile: Profile, life: Life): string {
  const { withinMs } = profile.restart;
  const { place, startedFrom, order, health } = life;
  const isUp = place === 'running' || place === 'unresponsive';
  const isStarting = place === 'initializing' || place === 'cancelling';
  const isEnding = bodyOf(life) && !isUp;
  const mayRestart =
    isUp ||
    place === 'waiting' ||
    place === 'queued' ||
    (isStarting && (startedFrom === 'restart' || startedFrom === 'waiting')) ||
    (place === 'killing' && order?.forGood === false);
  const recent = life.recent.filter((at) => life.now - at < withinMs).length;
  return [
    place,
    isStarting && startedFrom,
    isEnding && order && `${JSON.stringify(order.reason)}${order.forGood ? ' for good' : ''}`,
    isEnding && place !== 'killing' && !isStarting && `within ${life.stopTimeoutMs}`,
    // Beyond this the delay has grown to its cap.
    mayRestart && `recent ${recent} attempt ${Math.min(life.attempt, 2)}`,
    isUp && life.now - (life.startedAt ?? life.now) >= withinMs && 'rested',
    isUp && `misses ${health.misses}`,
    life.checkAskedAt !== undefined && 'check open',
    life.paused !== undefined && 'paused',
    life.isResting && 'resting',
    life.parked !== undefined && 'parked',
    life.parked !== undefined && life.parked.until !== life.limit?.until && 'of a limit that is gone',
    life.limit !== undefined && `limit${life.limit.guessed ? ' guessed' : ''}`,
    life.guesses > 0 && `guesses ${Math.min(life.guesses, 2)}`,
    life.limit !== undefined &&
      `reset in ${Math.min(3, Math.ceil((life.limit.until - life.now) / DOWNTIME_MS))}`,
    !life.isCoordinated && 'fallback',
    life.isPermitTaken && 'permit taken',
    life.isPermitReclaimed && 'permit reclaimed',
    life.hasGhost && 'ghost',
    life.known === undefined && 'new',
    ...[...life.deadlines.keys()].filter((name) => !name.startsWith('task')),
    ...life.tasks.map(
      ({ id, isRunning, isAnswered, begun }) =>
        `${isRunning ? (begun === Math.max(...life.tasks.map((task) => task.begun)) ? 'runs last' : 'runs') : 'waits'}${isAnswered ? ' answered' : ''}${life.deadlines.has(`task ${id}`) ? ' briefly' : ''}`,
    ),
  ]
    .filter(Boolean)
    .join(' | ');
}
