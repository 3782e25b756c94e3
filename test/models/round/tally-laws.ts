/** What every tally keeps to, as laws that a mutant of it can be held to as well. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type * as tallyModule from '../../../src/machines/tally.ts';
import type { Answer, Rule, Tally, Verdict } from '../../../src/machines/index.ts';

export type TallyModule = typeof tallyModule;
type Law = readonly [name: string, keep: (tally: TallyModule) => void];

const answers = fc.constantFrom<Answer>('accept', 'reject', 'abstain', 'failed');
const rules = fc.constantFrom<Rule>('majority', 'supermajority', 'unanimous', 'weighted');
const none = { accept: 0, reject: 0, abstain: 0, failed: 0 };

/** A tally of heads: so many for each answer, of `total` voters of weight 1. */
function heads(accept: number, reject: number, abstain: number, total: number, failed = 0): Tally {
  return {
    voters: { accept, reject, abstain, failed, total },
    weight: {
      accept: accept * 1_000,
      reject: reject * 1_000,
      abstain: abstain * 1_000,
      failed: failed * 1_000,
      total: total * 1_000,
    },
  };
}

/** Answers of these weights, one after the other, of an electorate that has `silent` more. */
function cast(
  { tallyOf, withBallots }: TallyModule,
  cards: readonly (readonly [Answer, number])[],
  silent = 0,
): Tally {
  const weight = cards.reduce((sum, [, weight]) => sum + weight, silent);
  return cards.reduce<Tally>(
    (tally, [answer, weight]) =>
      withBallots(tally, { voters: { ...none, [answer]: 1 }, weight: { ...none, [answer]: weight } }),
    tallyOf(cards.length + silent, weight),
  );
}

function judged(
  { verdictOf }: TallyModule,
  rule: Rule,
  accept: number,
  reject: number,
  abstain = 0,
): Verdict {
  return verdictOf({ rule }, heads(accept, reject, abstain, accept + reject + abstain));
}

export const tallyLaws: readonly Law[] = [
  [
    'a quorum is reached by exactly its share, whatever fraction it was written as',
    ({ hasQuorum }) =>
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 10_000 }),
          fc.integer({ min: 1, max: 10_000 }),
          fc.integer({ min: 1, max: 100_000 }),
          (a, b, total) => {
            const [share, whole] = a <= b ? [a, b] : [b, a];
            const terms = { rule: 'majority' as const, quorum: share / whole };
            const least = Number((BigInt(share) * BigInt(total) + BigInt(whole) - 1n) / BigInt(whole));
            assert.equal(hasQuorum(terms, heads(least, 0, 0, total)), true);
            assert.equal(hasQuorum(terms, heads(least - 1, 0, 0, total)), false);
          },
        ),
      ),
  ],
  [
    'a quorum is more than half when nothing else is said',
    ({ hasQuorum }) => {
      const reached = (voted: number, total: number) =>
        hasQuorum({ rule: 'majority' }, heads(voted, 0, 0, total));
      assert.deepEqual([reached(2, 4), reached(3, 4)], [false, true]);
      assert.deepEqual([reached(2, 5), reached(3, 5)], [false, true]);
    },
  ],
  [
    'a quorum counts abstentions, and counts voters even where weights decide',
    (module) => {
      const terms = { rule: 'weighted' as const, quorum: 0.5 };
      assert.equal(module.hasQuorum(terms, heads(0, 0, 2, 4)), true);
      assert.equal(module.hasQuorum(terms, cast(module, [['accept', 1_000_000]], 2)), false);
    },
  ],
  [
    'votes that failed count neither for the quorum nor for the rule, whatever the rule',
    (module) => {
      const verdict = (rule: Rule, accept: number, failed: number, total: number, quorum?: number) =>
        module.verdictOf({ rule, quorum }, heads(accept, 0, 0, total, failed));
      for (const rule of ['majority', 'supermajority', 'unanimous', 'weighted'] as const) {
        assert.equal(verdict(rule, 1, 3, 4), 'no_quorum');
        assert.equal(verdict(rule, 2, 2, 4), 'no_quorum');
        assert.equal(verdict(rule, 3, 1, 4), 'accepted');
        assert.equal(verdict(rule, 2, 2, 4, 0.5), 'accepted');
        assert.equal(verdict(rule, 2, 2, 4, 0.51), 'no_quorum');
        assert.equal(verdict(rule, 0, 4, 4, 1e-9), 'no_quorum');
      }
      assert.equal(module.votedOf(heads(1, 2, 3, 10, 4)), 6);
    },
  ],
  [
    'that there is no quorum is settled when none is out any more, and not before',
    ({ settledVerdictOf }) => {
      const settled = (tally: Tally, quorum?: number) =>
        settledVerdictOf({ rule: 'majority', quorum }, tally);
      assert.equal(settled(heads(1, 0, 0, 4, 2)), undefined);
      assert.equal(settled(heads(1, 0, 0, 4, 3)), 'no_quorum');
      assert.equal(settled(heads(0, 1, 1, 4, 2)), 'no_quorum');
      assert.equal(settled(heads(2, 0, 0, 3, 1)), 'accepted');
      assert.equal(settled(heads(0, 0, 0, 4, 3), 0.25), undefined);
      assert.equal(settled(heads(0, 0, 0, 4, 4), 0.25), 'no_quorum');
      assert.equal(settled(heads(0, 0, 3, 4, 1), 1), 'no_quorum');
    },
  ],
  [
    'nobody is never a quorum',
    ({ verdictOf, settledVerdictOf }) => {
      assert.equal(verdictOf({ rule: 'majority', quorum: 1e-9 }, heads(0, 0, 0, 3)), 'no_quorum');
      assert.equal(settledVerdictOf({ rule: 'majority' }, heads(0, 0, 0, 0)), 'no_quorum');
    },
  ],
  [
    'a majority is more for than against, abstentions aside',
    (module) => {
      assert.deepEqual(
        [judged(module, 'majority', 2, 1, 9), judged(module, 'majority', 1, 2, 9)],
        ['accepted', 'rejected'],
      );
      assert.deepEqual(
        [judged(module, 'majority', 2, 2), judged(module, 'majority', 0, 0, 4)],
        ['tie', 'tie'],
      );
    },
  ],
  [
    'a supermajority is two thirds of those that did not abstain, to the voter',
    (module) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1_000_000 }), (n) => {
          assert.equal(judged(module, 'supermajority', 2 * n, n, 1), 'accepted');
          assert.equal(judged(module, 'supermajority', 2 * n - 1, n, 1), 'rejected');
          assert.equal(judged(module, 'supermajority', 2 * n, n + 1, 1), 'rejected');
        }),
      );
      assert.equal(judged(module, 'supermajority', 0, 0, 3), 'rejected');
    },
  ],
  [
    'unanimity needs one for, and none against',
    (module) => {
      assert.equal(judged(module, 'unanimous', 1, 0, 5), 'accepted');
      assert.equal(judged(module, 'unanimous', 9, 1), 'rejected');
      assert.equal(judged(module, 'unanimous', 0, 0, 5), 'rejected');
    },
  ],
  [
    'weights add up exactly: 0.1 and 0.2 tie with 0.3; the least weight still counts',
    (module) => {
      const [a, b, c] = [0.1, 0.2, 0.3].map(module.weightOf) as [number, number, number];
      const tally = cast(module, [
        ['accept', a],
        ['accept', b],
        ['reject', c],
      ]);
      assert.equal(module.verdictOf({ rule: 'weighted' }, tally), 'tie');
      assert.deepEqual([0.000_1, 1, 2.5].map(module.weightOf), [1, 1_000, 2_500]);
    },
  ],
  [
    'weighted: few that weigh more win over many',
    (module) => {
      const tally = cast(module, [
        ['accept', 6],
        ['reject', 2],
        ['reject', 2],
      ]);
      assert.equal(module.verdictOf({ rule: 'weighted' }, tally), 'accepted');
      assert.equal(module.verdictOf({ rule: 'majority' }, tally), 'rejected');
    },
  ],
  [
    'a verdict is settled when no vote still out can change it, and not before',
    ({ settledVerdictOf }) => {
      const settled = (rule: Rule, tally: Tally, quorum?: number) =>
        settledVerdictOf({ rule, quorum }, tally);
      assert.equal(settled('majority', heads(3, 0, 0, 6)), undefined);
      assert.equal(settled('majority', heads(4, 0, 0, 6)), 'accepted');
      assert.equal(settled('majority', heads(3, 0, 1, 6)), 'accepted');
      assert.equal(settled('majority', heads(3, 0, 0, 7)), undefined);
      assert.equal(settled('unanimous', heads(0, 1, 0, 6)), undefined);
      assert.equal(settled('unanimous', heads(0, 1, 0, 6), 1 / 6), 'rejected');
      assert.equal(settled('supermajority', heads(4, 0, 0, 6)), 'accepted');
    },
  ],
  [
    'once settled it is what it will be, whatever votes still come, in whatever order',
    (module) =>
      fc.assert(
        fc.property(
          rules,
          fc.option(fc.constantFrom(0.1, 1 / 3, 0.5, 2 / 3, 1), { nil: undefined }),
          fc.array(fc.tuple(answers, fc.integer({ min: 1, max: 5 })), { maxLength: 30 }),
          fc.nat(5),
          (rule, quorum, cards, silent) => {
            const terms = { rule, quorum };
            const total = cards.reduce((sum, [, weight]) => sum + weight, silent);
            const settled = new Set<Verdict | undefined>();
            for (let n = 0; n <= cards.length; n++) {
              const some = cards.slice(0, n);
              const rest = cards.length - n + silent;
              const out = total - some.reduce((sum, [, weight]) => sum + weight, 0);
              const tally = cast(module, some);
              const verdict = module.settledVerdictOf(terms, {
                voters: { ...tally.voters, total: n + rest },
                weight: { ...tally.weight, total: tally.weight.total + out },
              });
              if (verdict !== undefined) settled.add(verdict);
            }
            const all = cast(module, cards, silent);
            if (settled.size > 0) settled.add(module.verdictOf(terms, all));
            assert.ok(settled.size <= 1);
            assert.deepEqual(cast(module, cards.toReversed(), silent), all);
          },
        ),
      ),
  ],
  [
    'a voter that leaves takes its answer and its weight with it',
    (module) => {
      const before = cast(module, [['reject', 2]], 0);
      const three = { voters: { ...before.voters, total: 3 }, weight: { ...before.weight, total: 9 } };
      const voted = { voters: { ...three.voters, accept: 1 }, weight: { ...three.weight, accept: 4 } };
      assert.deepEqual(module.withoutVoter(voted, 4, 'accept'), {
        voters: { total: 2, accept: 0, reject: 1, abstain: 0, failed: 0 },
        weight: { total: 5, accept: 0, reject: 2, abstain: 0, failed: 0 },
      });
      assert.deepEqual(module.withoutVoter(three, 3, undefined), {
        voters: { total: 2, accept: 0, reject: 1, abstain: 0, failed: 0 },
        weight: { total: 6, accept: 0, reject: 2, abstain: 0, failed: 0 },
      });
    },
  ],
];
