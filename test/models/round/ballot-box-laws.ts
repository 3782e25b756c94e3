/** What every ballot box keeps to beside the votes it lets in, as laws that a mutant of it can be held to as well. */
import assert from 'node:assert/strict';
import type { BallotBox } from '../../../src/runtime/coordination/rounds/ballot-box.ts';

type Law = readonly [name: string, keep: (Box: typeof BallotBox) => void];

const electorate = ['a', 'b', 'c'].map((agentId, i) => ({ agentId, incarnation: i + 1, weight: 10 ** i }));

export const ballotBoxLaws: readonly Law[] = [
  [
    'it holds an electorate of so many, that weigh so much',
    (Box) => {
      const box = new Box(electorate);
      assert.deepEqual([box.size, box.weight], [3, 111]);
      const none = new Box([]);
      assert.deepEqual([none.size, none.weight], [0, 0]);
    },
  ],
  [
    'still out are those that are there and have not answered',
    (Box) => {
      const box = new Box(electorate);
      assert.deepEqual(box.stillOut(), ['a', 'b', 'c']);
      box.take('b', 2, 'reject');
      assert.deepEqual(box.stillOut(), ['a', 'c']);
      box.leave('c', 3);
      assert.deepEqual(box.stillOut(), ['a']);
      box.leave('b', 2);
      assert.deepEqual(box.stillOut(), ['a']);
    },
  ],
  [
    'failed are those that are there and whose votes failed: that was their one answer',
    (Box) => {
      const box = new Box(electorate);
      assert.deepEqual(box.failed(), []);
      assert.equal(box.take('a', 1, 'failed'), 1);
      assert.equal(box.take('c', 3, 'failed'), 100);
      box.take('b', 2, 'abstain');
      assert.deepEqual([box.failed(), box.stillOut()], [['a', 'c'], []]);
      assert.equal(box.take('a', 1, 'accept'), 'double');
      assert.deepEqual(box.leave('c', 3), { weight: 100, answer: 'failed' });
      assert.deepEqual(box.failed(), ['a']);
    },
  ],
  [
    'it knows the answer of one incarnation, as long as that is there, closed or not',
    (Box) => {
      const box = new Box(electorate);
      assert.equal(box.answerOf('b', 2), undefined);
      assert.equal(box.take('b', 2, 'accept'), 10);
      box.take('c', 3, 'reject');
      box.leave('c', 3);
      box.close();
      assert.deepEqual(
        [box.answerOf('b', 2), box.answerOf('b', 1), box.answerOf('c', 3), box.answerOf('x', 1)],
        ['accept', undefined, undefined, undefined],
      );
    },
  ],
  [
    'once closed it lets nobody in and nobody out',
    (Box) => {
      const box = new Box(electorate);
      box.close();
      assert.equal(box.take('a', 1, 'accept'), 'late');
      assert.equal(box.leave('a', 1), undefined);
      assert.deepEqual(box.stillOut(), ['a', 'b', 'c']);
    },
  ],
];
