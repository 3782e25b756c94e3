import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Candidate,
  isLeader,
  noLeader,
  withCandidate,
  withoutLeader,
} from '../../src/machines/index.ts';
import { CandidateQueue } from '../../src/runtime/coordination/candidate-queue.ts';

const candidate = (order: number, incarnation = 1): Candidate => ({
  agentId: `a${order}`,
  incarnation,
  order,
});

it('a vacant office is filled at once; a held one stays held, whoever comes', () => {
  const first = withCandidate(noLeader, candidate(7));
  expect(first).toEqual({ term: 1, leader: candidate(7) });
  expect(withCandidate(first, candidate(1))).toEqual(first);
});

it('a leader that goes is followed by its successor, in the next term', () => {
  const led = withCandidate(noLeader, candidate(7));
  expect(withoutLeader(led, candidate(3))).toEqual({ term: 2, leader: candidate(3) });
});

it('a vacancy has no leader and keeps the term: the next election goes on from it', () => {
  const vacant = withoutLeader(withCandidate(noLeader, candidate(7)), undefined);
  expect(vacant).toEqual({ term: 1, leader: undefined });
  expect(withCandidate(vacant, candidate(7, 2))).toEqual({ term: 2, leader: candidate(7, 2) });
});

it('only the incarnation that was elected is the leader', () => {
  const led = withCandidate(noLeader, candidate(7, 3));
  expect([isLeader(led, 'a7', 3), isLeader(led, 'a7', 2), isLeader(led, 'a8', 3)]).toEqual([
    true,
    false,
    false,
  ]);
  expect(isLeader(noLeader, 'a7', 3)).toBe(false);
});

it('candidates are queued by the order of their registration, whatever the order they come and go in', () => {
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
          expect(queue.first()).toEqual(first);
        }
      },
    ),
  );
});
