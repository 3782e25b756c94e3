import * as fc from 'fast-check';
import { SimulatedClock, createActor } from 'xstate';
import { describe, expect, it } from 'vitest';
import { consensusMachine } from '../../src/machines/index.ts';
import { BallotBox } from '../../src/runtime/coordination/rounds/ballot-box.ts';
import { type Happening, INCARNATION, type Seen, type Setup, tell } from '../models/round/model.ts';
import { DEADLINE_MS, different, electorateOf, explore, inputOf } from '../models/round/walk.ts';
import { fallbacks, named, quorums, rules, setupOf, ties } from '../models/round/setups.ts';

const parts = { consensusMachine, BallotBox };

/** They take as much as they take: how much that is depends on who else is at work on the machine. */
const PATIENCE = { timeout: 120_000 };

describe('everything that can happen in a round, against the model', PATIENCE, () => {
  it.each(rules)('up to four voters and a rule of %s, for every kind of quorum', (rule) => {
    for (const quorum of quorums) {
      for (let voters = 0; voters <= 4; voters++) explore(parts, setupOf({ rule, quorum, voters }));
    }
  });

  it.each(ties)('a tie goes to %s, for every fallback, while leaders come, go and rule', (tie) => {
    for (const fallback of fallbacks) explore(parts, setupOf({ tie, fallback, voters: 2, term: 1 }));
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

describe('rounds of any size, on a running chart with a clock', () => {
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
        const round = runningRound(setup);
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

/** A round as the runtime has it: a running chart, its box, and a clock. */
function runningRound(setup: Setup) {
  const clock = new SimulatedClock();
  const box = new BallotBox(electorateOf(setup));
  let refusal: string | undefined;
  let asked: number[] = [];
  const machine = consensusMachine.provide({
    actions: {
      askLeader: (_, { term }) => asked.push(term),
    },
  });
  const actor = createActor(machine, { clock, input: inputOf(setup) });
  actor.start();
  const closeBox = () => {
    if (!actor.getSnapshot().matches('voting')) box.close();
  };
  closeBox();
  return {
    take(happening: Happening) {
      refusal = undefined;
      asked = [];
      const isOver = actor.getSnapshot().status === 'done';
      if (isOver && (happening.type === 'leader' || happening.type === 'ruling' || happening.type === 'cut'))
        return;
      switch (happening.type) {
        case 'vote': {
          const { voter, incarnation, vote } = happening;
          const taken = box.take(voter, incarnation, vote);
          if (typeof taken === 'string') refusal = taken;
          else {
            const none = { accept: 0, reject: 0, abstain: 0, failed: 0 };
            const ballots = { voters: { ...none, [vote]: 1 }, weight: { ...none, [vote]: taken } };
            actor.send({ type: 'ballots.counted', ballots });
          }
          break;
        }
        case 'death': {
          const left = box.leave(happening.voter, happening.incarnation);
          if (left) actor.send({ type: 'voter.left', ...left });
          break;
        }
        case 'deadline': {
          const before = actor.getSnapshot();
          clock.increment(DEADLINE_MS - 1);
          expect(actor.getSnapshot()).toBe(before);
          clock.increment(1);
          break;
        }
        case 'cut':
          actor.send({ type: 'round.cut', why: happening.why });
          break;
        case 'leader':
          actor.send({ type: 'leader.changed', term: happening.term });
          break;
        case 'ruling':
          actor.send({ type: 'leader.ruled', term: happening.term, answer: happening.vote });
          break;
      }
      closeBox();
    },
    seen(): Seen {
      const snapshot = actor.getSnapshot();
      const { output } = snapshot;
      const { total, accept, reject, abstain, failed } = snapshot.context.tally.voters;
      return {
        phase: output ? 'over' : (snapshot.value as Seen['phase']),
        outcome: output?.outcome,
        isEnacted: output?.isEnacted ?? false,
        decidedBy: output?.decidedBy ?? snapshot.context.decidedBy,
        next: output?.next,
        cut: output?.cut ?? snapshot.context.cut,
        term: snapshot.context.term,
        counts: { total, accept, reject, abstain, failed },
        refusal,
        asked,
      };
    },
  };
}
