/**
 * Plays moves on the real system and on the flat model at once, and compares all there is to see after each.
 *
 * Nothing is left out because it did not change: an event, a timer, a request or an answer too many is found as
 * well as one too few.
 */
import { drivenBy, type Watching } from '../../kit/drivers.ts';
import { assertSeen } from './comparison.ts';
import { bodyOf, firstLife, isPossible, legalOf, play, viewOf } from './life-model.ts';
import type { Life, Move, Profile } from './life-state.ts';
import { START_AT } from './life-tours.ts';
import { LifeWorld } from './life-world.ts';

/** A move, or how to choose one for the life as it stands. */
export type Choice = Move | ((life: Life) => Move);

/** Plays moves from a new agent on; those that are not possible when their turn comes are left out. */
export async function judgeMoves(
  profile: Profile,
  choices: Iterable<Choice>,
  watching: Watching = drivenBy('table'),
  visited: (life: Life) => void = () => {},
): Promise<void> {
  const world = await LifeWorld.open(profile, START_AT, watching);
  let life = firstLife(START_AT);
  let sequence = 1;
  const trail: string[] = [];
  for (const choice of choices) {
    const move = typeof choice === 'string' ? choice : choice(life);
    if (!isPossible(life, move)) continue;
    const { life: after, outcome } = play(profile, life, move);
    trail.push(`${life.place}: ${move}`);
    const seen = await world.play(move);
    const expected = {
      ...outcome,
      ...lookedUp(after),
      opened: after.incarnation > life.incarnation ? [openingOf(after)] : [],
      times: outcome.events.map(() => after.now),
      sequences: seen.sequences.map((_, index) => sequence + 1 + index),
    };
    const actual = {
      ...seen,
      now: world.now(),
      view: world.view(),
      legal: after.place === 'forgotten' ? [] : world.legal(),
      deadlines: world.deadlines(),
      liveBodies: world.liveBodies(),
      reserved: world.reserved(),
      alerts: world.alerts(),
      savedState: after.place === 'forgotten' ? undefined : await world.savedState(),
    };
    assertSeen(actual, expected, profile.name, trail);
    sequence += seen.sequences.length;
    life = after;
    visited(life);
  }
}

/** What the system must show when it is asked. */
function lookedUp(life: Life) {
  const isKnown = life.place !== 'forgotten';
  return {
    now: life.now,
    view: viewOf(life),
    legal: legalOf(life).toSorted(),
    deadlines: [...life.deadlines.values()].toSorted((a, b) => a - b),
    liveBodies: bodyOf(life) ? 1 : 0,
    reserved: (bodyOf(life) ? 1 : 0) + (life.isPermitTaken ? 1 : 0),
    alerts: [
      ...(life.alert === undefined ? [] : [life.alert]),
      ...(life.place === 'queued' ? ['restart_storm'] : []),
    ],
    savedState:
      isKnown && life.savedState !== undefined ? (JSON.parse(life.savedState) as unknown) : undefined,
  };
}

/** What a body is told at its start. */
function openingOf({ incarnation, savedState, reason }: Life) {
  return { incarnation, restored: savedState, previousStop: reason };
}
