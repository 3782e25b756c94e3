/** What every election keeps to, as laws that a mutant of it can be held to as well. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type * as leaderModule from '../../../src/machines/leader.ts';
import type { Candidate } from '../../../src/machines/index.ts';
import type { CandidateQueue } from '../../../src/runtime/coordination/leader/candidate-queue.ts';

export interface LeaderParts {
  readonly leader: typeof leaderModule;
  readonly CandidateQueue: typeof CandidateQueue;
}
type Law = readonly [name: string, keep: (parts: LeaderParts) => void];

const candidate = (order: number, incarnation = 1): Candidate => ({
  agentId: `a${order}`,
  incarnation,
  order,
});

export const leaderLaws: readonly Law[] = [
  [
    'where nobody leads a candidate does at once; a leader stays, whoever comes',
    ({ leader: { noLeader, withCandidate } }) => {
      const first = withCandidate(noLeader, candidate(7));
      assert.deepEqual(first, { term: 1, leader: candidate(7) });
      assert.deepEqual(withCandidate(first, candidate(1)), first);
    },
  ],
  [
    'a leader that goes is followed by its successor, in the next term',
    ({ leader: { noLeader, withCandidate, withoutLeader } }) => {
      const led = withCandidate(noLeader, candidate(7));
      assert.deepEqual(withoutLeader(led, candidate(3)), { term: 2, leader: candidate(3) });
    },
  ],
  [
    'a time without a leader keeps the term: the next election goes on from it',
    ({ leader: { noLeader, withCandidate, withoutLeader } }) => {
      const leaderless = withoutLeader(withCandidate(noLeader, candidate(7)), undefined);
      assert.deepEqual(leaderless, { term: 1, leader: undefined });
      assert.deepEqual(withCandidate(leaderless, candidate(7, 2)), { term: 2, leader: candidate(7, 2) });
    },
  ],
  [
    'only the incarnation that was elected is the leader',
    ({ leader: { isLeader, noLeader, withCandidate } }) => {
      const led = withCandidate(noLeader, candidate(7, 3));
      assert.deepEqual(
        [isLeader(led, 'a7', 3), isLeader(led, 'a7', 2), isLeader(led, 'a8', 3), isLeader(noLeader, 'a7', 3)],
        [true, false, false, false],
      );
    },
  ],
  [
    'candidates are queued by the order of their registration, whatever the order they come and go in',
    ({ CandidateQueue }) =>
      fc.assert(
        fc.property(
          fc.array(fc.record({ order: fc.nat(20), isLeaving: fc.boolean() }), { maxLength: 200 }),
          (moves) => {
            const queue = new CandidateQueue();
            const model = new Map<number, Candidate>();
            let incarnation = 0;
            for (const { order, isLeaving } of moves) {
              const there = model.get(order);
              if (isLeaving && there) {
                queue.remove(there.agentId, there.incarnation);
                model.delete(order);
              } else if (!isLeaving && !there) {
                incarnation += 1;
                const next = candidate(order, incarnation);
                queue.add(next);
                model.set(order, next);
              } else if (there) {
                queue.remove(there.agentId, there.incarnation - 1);
              }
              const first = [...model.values()].toSorted((a, b) => a.order - b.order)[0];
              assert.deepEqual(queue.first(), first);
            }
          },
        ),
        { numRuns: 200 },
      ),
  ],
  [
    'those that came and went do not weigh on the queue, also while its first stays',
    ({ CandidateQueue }) => {
      const queue = new CandidateQueue();
      let looks = 0;
      const watched = (order: number, incarnation: number): Candidate => ({
        agentId: `a${order}`,
        incarnation,
        get order() {
          looks += 1;
          return order;
        },
      });
      queue.add(watched(1, 1));
      for (let incarnation = 1; incarnation <= 10_000; incarnation++) {
        queue.add(watched(2, incarnation));
        queue.remove('a2', incarnation);
      }
      looks = 0;
      queue.add(watched(0, 1));
      assert.ok(looks <= 12, `looked at ${looks} orders`);
      assert.equal(queue.first()?.agentId, 'a0');
    },
  ],
  [
    'a queue that loses its first again and again goes through all in order',
    ({ CandidateQueue }) =>
      fc.assert(
        fc.property(fc.shuffledSubarray([...Array(60).keys()], { minLength: 40 }), (orders) => {
          const queue = new CandidateQueue();
          for (const order of orders) queue.add(candidate(order));
          const came: number[] = [];
          for (let first = queue.first(); first; first = queue.first()) {
            came.push(first.order);
            queue.remove(first.agentId, first.incarnation);
          }
          assert.deepEqual(
            came,
            orders.toSorted((a, b) => a - b),
          );
        }),
        { numRuns: 30 },
      ),
  ],
];
