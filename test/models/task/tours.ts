/** Ways through a task's life: every move in every state of it, and, for hosts that are slow, every transition once. */
import { coveringTours, type Tours } from '../life/tours.ts';
import { after, firstLife, isPossible, keyOf, type Life, type Move, moves, type Profile } from './model.ts';

/** What a tour is about, and the moves that matter for it. */
export const themes = {
  'its work': [
    'submit',
    'submit with a time',
    'submit for later',
    'submit again by its key',
    'complete',
    'fail',
    'park',
    'ask',
    'answer',
    'cancel',
    'retry',
    'forget',
    'time goes on',
    'pause',
    'resume',
  ],
  'its agent': [
    'submit',
    'submit with a time',
    'complete',
    'fail',
    'ask',
    'answer',
    'cancel',
    'retry',
    'forget',
    'time goes on',
    'crash',
    'stop',
    'start',
    'forget agent',
    'register agent',
  ],
  'its program': [
    'submit',
    'submit with a time',
    'submit for later',
    'submit again by its key',
    'complete',
    'fail',
    'ask',
    'answer',
    'retry',
    'forget',
    'time goes on',
    'start',
    'open pool',
    'close',
    'kill -9',
    'kill -9, and time goes on',
  ],
  'its program, at a limit': [
    'submit',
    'complete',
    'park',
    'cancel',
    'time goes on',
    'pause',
    'resume',
    'start',
    'open pool',
    'close',
    'kill -9',
    'forget',
  ],
} as const satisfies Record<string, readonly Move[]>;
export type Theme = keyof typeof themes;

/** Tours that make every move that matters to a theme, in every state that it leads to. */
export function toursOf(theme: Theme, profile: Profile): Tours<Move> {
  return coveringTours<Life, Move>({
    name: `${theme}: ${profile.kind}, to ${profile.target}`,
    moves: themes[theme],
    first: firstLife(0),
    isPossible: (life, move) => isPossible(profile, life, move),
    after: (life, move) => after(profile, life, move),
    keyOf: (life) => keyOf(profile, life),
  });
}

/** What a move makes of a task; `undefined` where that stays where it is. */
type Transition = (before: Life, move: Move, after: Life) => string | undefined;

const isSame = (before: Life, { place, told }: Life) => place === before.place && told.length === 0;

/** Each by each move that brings it about. */
export const byMove: Transition = (before, move, after) =>
  isSame(before, after) ? undefined : `${before.place} - ${move} -> ${after.place}`;

/** Each once, whatever brings it about: for hosts that are slow. */
export const byEvent: Transition = (before, _, after) =>
  isSame(before, after) ? undefined : `${before.place} - ${after.told.join(', ')} -> ${after.place}`;

/** How far ahead a transition is looked for that was not made yet. */
const MAX_LOOKED_AT = 3_000;

/** One way that makes every transition of a task: a shortest way to the next that was not made, again and again. */
export function wayOfTransitions(profile: Profile, transitionOf: Transition = byMove): readonly Move[] {
  const way: Move[] = [];
  const made = new Set<string>();
  let life = firstLife(0);
  const toNew = () => wayToNew(profile, life, made, transitionOf);
  for (let next = toNew(); next !== undefined; next = toNew()) {
    for (const move of next) {
      const before = life;
      life = after(profile, before, move);
      way.push(move);
      const transition = transitionOf(before, move, life);
      if (transition !== undefined) made.add(transition);
    }
  }
  return way;
}

function wayToNew(
  profile: Profile,
  from: Life,
  made: ReadonlySet<string>,
  transitionOf: Transition,
): readonly Move[] | undefined {
  const seen = new Set([keyOf(profile, from)]);
  const ways: { readonly life: Life; readonly moves: readonly Move[] }[] = [{ life: from, moves: [] }];
  for (const { life, moves: soFar } of ways) {
    for (const move of moves) {
      if (!isPossible(profile, life, move)) continue;
      const next = after(profile, life, move);
      const transition = transitionOf(life, move, next);
      if (transition !== undefined && !made.has(transition)) return [...soFar, move];
      const key = keyOf(profile, next);
      if (seen.has(key) || ways.length > MAX_LOOKED_AT) continue;
      seen.add(key);
      ways.push({ life: next, moves: [...soFar, move] });
    }
  }
  return undefined;
}
