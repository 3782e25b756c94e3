import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consensusMachine } from '../../src/machines/index.ts';
import { BallotBox } from '../../src/runtime/coordination/rounds/ballot-box.ts';
import { type Happening, INCARNATION, type Setup, tell } from '../models/round/model.ts';
import { runningRound } from '../models/round/running-round.ts';
import { toursOf } from '../models/round/tours.ts';
import { different, explore } from '../models/round/walk.ts';
import { fallbacks, named, quorums, rules, setupOf, ties } from '../models/round/setups.ts';

const parts = { consensusMachine, BallotBox };

/** They take as much as they take: how much that is depends on who else is at work on the machine. */
const PATIENCE = { timeout: 120_000 };

/** What can happen in the round of `setup`, and tours of all of it: found once, for every driver. */
function everythingIn(setup: Setup): Everything {
  const key = JSON.stringify(setup);
  const known = found.get(key);
  if (known) return known;
  const { first, edges } = explore(parts, setup);
  const everything = { edges, tours: toursOf(first, edges) };
  found.set(key, everything);
  return everything;
}

type Edges = ReturnType<typeof explore>['edges'];
interface Everything {
  readonly edges: Edges;
  readonly tours: readonly Edges[];
}
const found = new Map<string, Everything>();

describe('everything that can happen in a round, against the model', PATIENCE, () => {
  it.each(rules)('up to four voters and a rule of %s, for every kind of quorum', (rule) => {
    for (const quorum of quorums) {
      for (let voters = 0; voters <= 4; voters++) explore(parts, setupOf({ rule, quorum, voters }));
    }
  });

  it.each(ties)('a tie goes to %s, for every fallback, while leaders come, go and rule', (tie) => {
    for (const fallback of fallbacks) everythingIn(setupOf({ tie, fallback, voters: 2, term: 1 }));
    explore(parts, setupOf({ tie, fallback: 'leader_decides', voters: 3, term: 1, quorum: [2, 3] }));
  });

  it('voters that differ in weight, each by name', () => {
    explore(parts, { ...named, weights: [1, 2, 3] });
    const { states } = explore(parts, named, 'counts');
    expect(states).toBeGreaterThan(1_000);
  });

  it('seven voters, by counts', () => {
    const { states } = explore(parts, setupOf({ voters: 7, tie: 'keep' }), 'counts');
    expect(states).toBeGreaterThan(400);
  });
});

const drivers = ['table', 'interpreter', 'pure'] as const;

describe.each(drivers)('every step of every state of a round, on the engine, driven by the %s', (driver) => {
  it.each(ties)('with a leader, and a tie that goes to %s', PATIENCE, (tie) => {
    for (const fallback of fallbacks) {
      const setup = setupOf({ tie, fallback, voters: 2, term: 1 });
      const { edges, tours } = everythingIn(setup);
      let taken = 0;
      for (const tour of tours) {
        const round = runningRound(parts, setup, driver);
        const history: Happening[] = [];
        for (const { happening } of tour) {
          history.push(happening);
          round.take(happening);
          expect(different(round.seen(), tell(setup, history))).toBeUndefined();
          taken += 1;
        }
      }
      expect(taken).toBeGreaterThanOrEqual(edges.length);
    }
  });
});

describe.each(drivers)('rounds of any size, driven by the %s', (driver) => {
  const setups = fc.record<Setup>({
    rule: fc.constantFrom(...rules),
    tie: fc.constantFrom(...ties),
    fallback: fc.constantFrom(...fallbacks),
    quorum: fc.constantFrom(...quorums),
    weights: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 40 }),
    term: fc.constantFrom(undefined, 1),
  });
  const voter = fc.nat(41).map((i) => `v${i}`);
  const says = fc.constantFrom('accept' as const, 'reject' as const, 'abstain' as const, 'failed' as const);
  const incarnation = fc.constantFrom(
    INCARNATION,
    INCARNATION,
    INCARNATION,
    INCARNATION - 1,
    INCARNATION + 1,
  );
  const happening = fc.oneof<fc.WeightedArbitrary<Happening>[]>(
    { weight: 30, arbitrary: fc.record({ type: fc.constant('vote'), voter, incarnation, vote: says }) },
    { weight: 8, arbitrary: fc.record({ type: fc.constant('death'), voter, incarnation }) },
    { weight: 1, arbitrary: fc.constant({ type: 'deadline' }) },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('cut'),
        why: fc.constantFrom('superseded' as const, 'coordination_lost' as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('leader'), term: fc.constantFrom(undefined, 1, 2, 3) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('ruling'), term: fc.constantFrom(1, 2, 3), vote: says }),
    },
  );

  it('goes as the model tells, step by step, and does nothing a millisecond before a deadline', () => {
    fc.assert(
      fc.property(setups, fc.array(happening, { maxLength: 80 }), (setup, history) => {
        const round = runningRound(parts, setup, driver);
        expect(different(round.seen(), tell(setup, []))).toBeUndefined();
        history.forEach((next, i) => {
          round.take(next);
          expect(different(round.seen(), tell(setup, history.slice(0, i + 1)))).toBeUndefined();
        });
        round.take({ type: 'deadline' });
        round.take({ type: 'deadline' });
        expect(round.seen().phase).toBe('over');
      }),
      { numRuns: 150 },
    );
  });
});
