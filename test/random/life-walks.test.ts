/**
 * Random lives with random numbers, through the real system, judged by the flat model at every step.
 *
 * The tours visit every state with numbers that keep the deadlines apart; here they meet, and lives are longer.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgeMoves } from '../life/judge.ts';
import { commands, exits, type Move, type Profile, reports, surroundings } from '../life/life-state.ts';
import { LIMIT_MS, walks } from './runs.ts';

const ms = fc.constantFrom(0, 1, 10, 500, 700, 1_000, 5_000, Infinity);
const msAboveZero = fc.constantFrom(1, 10, 500, 700, 1_000, 5_000, Infinity);

const moves: fc.Arbitrary<Move> = fc.oneof(
  // A life goes on only if its body gets somewhere: these are as likely as all others together.
  {
    weight: 4,
    arbitrary: fc.constantFrom<Move>('start', 'ready', 'due', 'execute', 'task completed', 'exit error'),
  },
  { weight: 1, arbitrary: fc.constantFrom<Move>(...commands) },
  { weight: 1, arbitrary: fc.constantFrom<Move>(...reports) },
  { weight: 1, arbitrary: fc.constantFrom<Move>(...(Object.keys(exits) as Move[])) },
  { weight: 1, arbitrary: fc.constantFrom<Move>(...surroundings) },
);

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

test(
  'whatever happens to an agent, and with whatever numbers, it does as the model says',
  async () => {
    let played = 0;
    await fc.assert(
      fc.asyncProperty(
        profiles,
        fc.array(moves, { minLength: 10, maxLength: 120 }),
        async (profile, walk) => {
          await judgeMoves(profile, walk, undefined, () => {
            played += 1;
          });
        },
      ),
      walks(60),
    );
    expect(played).toBeGreaterThan(600);
  },
  LIMIT_MS,
);
