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
    'still out are those that are there and have not voted',
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
    'it knows the vote of one incarnation, as long as that is there, closed or not',
    (Box) => {
      const box = new Box(electorate);
      assert.equal(box.voteOf('b', 2), undefined);
      assert.equal(box.take('b', 2, 'accept'), 10);
      box.take('c', 3, 'reject');
      box.leave('c', 3);
      box.close();
      assert.deepEqual(
        [box.voteOf('b', 2), box.voteOf('b', 1), box.voteOf('c', 3), box.voteOf('x', 1)],
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
