/**
 * Random lives with random numbers, through the real system, judged by the flat model at every step.
 *
 * The tours visit every state with numbers that keep the deadlines apart; here they meet, and lives are longer.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { drivenBy, drivers } from '../../kit/drivers.ts';
import { type Choice, judgeMoves } from '../life/judge.ts';
import { isPossible } from '../life/life-model.ts';
import { commands, exits, type Move, type Profile, reports, surroundings } from '../life/life-state.ts';
import { LIMIT_MS, walks } from './runs.ts';

const ms = fc.constantFrom(0, 1, 10, 500, 700, 1_000, 5_000, Infinity);
const msAboveZero = fc.constantFrom(1, 10, 500, 700, 1_000, 5_000, Infinity);

const moves: readonly Move[] = [...commands, ...reports, ...(Object.keys(exits) as Move[]), ...surroundings];
/** What a life goes on by. */
const progress: readonly Move[] = ['start', 'ready', 'due', 'execute', 'task completed', 'exit error'];

/** One of the moves that are possible, and every other time one that leads on. */
function chosenBy(chance: number): Choice {
  return (life) => {
    const possible = moves.filter((move) => isPossible(life, move));
    const onward = progress.filter((move) => possible.includes(move));
    const from = chance % 2 === 0 && onward.length > 0 ? onward : possible;
    return from[Math.floor(chance / 2) % from.length]!;
  };
}

const profiles: fc.Arbitrary<Profile> = fc.record({
  name: fc.constant('at random'),
  moves: fc.constant([]),
  restart: fc.record({
    policy: fc.constantFrom('immediate', 'delayed', 'manual', 'never'),
    delayMs: ms,
    maxDelayMs: ms,
    maxRestarts: fc.integer({ min: 0, max: 4 }),
    withinMs: fc.constantFrom(0, 1, 1_000, 60_000),
  }),
  startTimeoutMs: msAboveZero,
  permitPeriodMs: fc.constant(60_000),
  shutdownMs: ms,
  maxRuntimeMs: msAboveZero,
  health: fc.record({
    intervalMs: msAboveZero,
    timeoutMs: msAboveZero,
    failuresBeforeKill: fc.integer({ min: 1, max: 3 }),
  }),
  tasks: fc.record({
    concurrency: fc.integer({ min: 1, max: 3 }),
    queueLimit: fc.integer({ min: 0, max: 3 }),
  }),
  chance: fc.constantFrom(0, 0.25, 0.999),
});

test.each(drivers)(
  'whatever happens to an agent, and with whatever numbers, it does as the model says (%s)',
  async (driver) => {
    let played = 0;
    await fc.assert(
      fc.asyncProperty(
        profiles,
        fc.array(fc.nat(1_000), { maxLength: 120, size: 'max' }),
        async (profile, chances) => {
          await judgeMoves(profile, chances.map(chosenBy), drivenBy(driver), () => {
            played += 1;
          });
        },
      ),
      walks(50),
    );
    expect(played).toBeGreaterThan(1_000);
  },
  LIMIT_MS,
);
