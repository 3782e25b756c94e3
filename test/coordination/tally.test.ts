import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hasQuorum,
  type Rule,
  settledVerdictOf,
  type Tally,
  tallyOf,
  verdictOf,
  type Vote,
  weightOf,
  withBallots,
  withoutVoter,
} from '../../src/machines/index.ts';

const votes = fc.constantFrom<Vote>('accept', 'reject', 'abstain');
const rules = fc.constantFrom<Rule>('majority', 'supermajority', 'unanimous', 'weighted');
const none = { accept: 0, reject: 0, abstain: 0 };

function cast(tally: Tally, vote: Vote, weight = 1_000): Tally {
  return withBallots(tally, { voters: { ...none, [vote]: 1 }, weight: { ...none, [vote]: weight } });
}

/** A tally of heads: so many for each vote, of `total` voters of weight 1. */
function heads(accept: number, reject: number, abstain: number, total: number): Tally {
  const voters = { accept, reject, abstain, total };
  const weight = {
    accept: accept * 1_000,
    reject: reject * 1_000,
    abstain: abstain * 1_000,
    total: total * 1_000,
  };
  return { voters, weight };
}

describe('quorum', () => {
  it('is reached by exactly its share, whatever fraction it was written as', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        (a, b, total) => {
          const [share, whole] = a <= b ? [a, b] : [b, a];
          const terms = { rule: 'majority' as const, quorum: share / whole };
          const least = Number((BigInt(share) * BigInt(total) + BigInt(whole) - 1n) / BigInt(whole));
          expect(hasQuorum(terms, heads(least, 0, 0, total))).toBe(true);
          expect(hasQuorum(terms, heads(least - 1, 0, 0, total))).toBe(false);
        },
      ),
    );
  });

  it('is more than half when nothing else is said', () => {
    const terms = { rule: 'majority' as const };
    expect([2, 3].map((voted) => hasQuorum(terms, heads(voted, 0, 0, 4)))).toEqual([false, true]);
    expect([2, 3].map((voted) => hasQuorum(terms, heads(voted, 0, 0, 5)))).toEqual([false, true]);
  });

  it('counts abstentions, and counts voters even where weights decide', () => {
    const terms = { rule: 'weighted' as const, quorum: 0.5 };
    expect(hasQuorum(terms, heads(0, 0, 2, 4))).toBe(true);
    expect(hasQuorum(terms, cast(tallyOf(3, 1_000_002), 'accept', 1_000_000))).toBe(false);
  });

  it('is never reached by nobody', () => {
    expect(verdictOf({ rule: 'majority', quorum: 1e-9 }, heads(0, 0, 0, 3))).toBe('no_quorum');
    expect(settledVerdictOf({ rule: 'majority' }, heads(0, 0, 0, 0))).toBe('no_quorum');
  });
});

describe('rules', () => {
  const judged = (rule: Rule, accept: number, reject: number, abstain = 0) =>
    verdictOf({ rule }, heads(accept, reject, abstain, accept + reject + abstain));

  it('a majority is more for than against, abstentions aside', () => {
    expect([judged('majority', 2, 1, 9), judged('majority', 1, 2, 9)]).toEqual(['accepted', 'rejected']);
    expect([judged('majority', 2, 2), judged('majority', 0, 0, 4)]).toEqual(['tie', 'tie']);
  });

  it('a supermajority is two thirds of those that did not abstain, to the voter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (n) => {
        expect(judged('supermajority', 2 * n, n, 1)).toBe('accepted');
        expect(judged('supermajority', 2 * n - 1, n, 1)).toBe('rejected');
        expect(judged('supermajority', 2 * n, n + 1, 1)).toBe('rejected');
      }),
    );
    expect(judged('supermajority', 0, 0, 3)).toBe('rejected');
  });

  it('unanimity needs one for, and none against', () => {
    expect(judged('unanimous', 1, 0, 5)).toBe('accepted');
    expect(judged('unanimous', 9, 1)).toBe('rejected');
    expect(judged('unanimous', 0, 0, 5)).toBe('rejected');
  });

  it('weights add up exactly: 0.1 and 0.2 tie with 0.3', () => {
    const [a, b, c] = [0.1, 0.2, 0.3].map(weightOf) as [number, number, number];
    let tally = tallyOf(3, a + b + c);
    tally = cast(tally, 'accept', a);
    tally = cast(tally, 'accept', b);
    expect(verdictOf({ rule: 'weighted' }, cast(tally, 'reject', c))).toBe('tie');
    expect(weightOf(0.000_1)).toBe(1);
  });

  it('weighted: few that weigh more win over many', () => {
    let tally = cast(tallyOf(3, 10), 'accept', 6);
    tally = cast(tally, 'reject', 2);
    expect(verdictOf({ rule: 'weighted' }, cast(tally, 'reject', 2))).toBe('accepted');
    expect(verdictOf({ rule: 'majority' }, cast(tally, 'reject', 2))).toBe('rejected');
  });
});

describe('settling', () => {
  it('a verdict is settled when no vote still out can change it, and not before', () => {
    expect(settledVerdictOf({ rule: 'majority' }, heads(3, 0, 0, 6))).toBeUndefined();
    expect(settledVerdictOf({ rule: 'majority' }, heads(4, 0, 0, 6))).toBe('accepted');
    expect(settledVerdictOf({ rule: 'majority' }, heads(3, 0, 1, 6))).toBe('accepted');
    expect(settledVerdictOf({ rule: 'majority' }, heads(3, 0, 0, 7))).toBeUndefined();
    expect(settledVerdictOf({ rule: 'unanimous' }, heads(0, 1, 0, 6))).toBeUndefined();
    expect(settledVerdictOf({ rule: 'unanimous', quorum: 1 / 6 }, heads(0, 1, 0, 6))).toBe('rejected');
    expect(settledVerdictOf({ rule: 'supermajority' }, heads(4, 0, 0, 6))).toBe('accepted');
  });

  it('once settled it is what it will be, whatever votes still come, in whatever order and in whatever bundles', () => {
    fc.assert(
      fc.property(
        rules,
        fc.option(fc.constantFrom(0.1, 1 / 3, 0.5, 2 / 3, 1), { nil: undefined }),
        fc.array(fc.record({ vote: votes, weight: fc.integer({ min: 1, max: 5 }) }), { maxLength: 30 }),
        fc.nat(5),
        (rule, quorum, cards, silent) => {
          const terms = { rule, quorum };
          const weight = cards.reduce((sum, card) => sum + card.weight, silent);
          let tally = tallyOf(cards.length + silent, weight);
          const settled: unknown[] = [];
          for (const card of cards) {
            tally = cast(tally, card.vote, card.weight);
            const verdict = settledVerdictOf(terms, tally);
            if (verdict !== undefined) settled.push(verdict);
          }
          expect(new Set([...settled, ...(settled.length > 0 ? [verdictOf(terms, tally)] : [])]).size).toBe(
            settled.length > 0 ? 1 : 0,
          );
          const backwards = cards.toReversed().reduce((sum, { vote, weight }) => cast(sum, vote, weight), {
            ...tallyOf(cards.length + silent, weight),
          });
          expect(backwards).toEqual(tally);
        },
      ),
    );
  });

  it('a voter that leaves takes its vote and its weight with it', () => {
    const before = cast(tallyOf(3, 9), 'reject', 2);
    expect(withoutVoter(cast(before, 'accept', 4), 4, 'accept')).toEqual({
      voters: { total: 2, accept: 0, reject: 1, abstain: 0 },
      weight: { total: 5, accept: 0, reject: 2, abstain: 0 },
    });
    expect(withoutVoter(before, 3, undefined)).toEqual({
      voters: { total: 2, accept: 0, reject: 1, abstain: 0 },
      weight: { total: 6, accept: 0, reject: 2, abstain: 0 },
    });
  });
});
