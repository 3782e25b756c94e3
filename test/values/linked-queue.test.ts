/** A queue of linked entries does what an array does, whatever comes, goes and comes back. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Queued, LinkedQueue } from '../../src/runtime/values/linked-queue.ts';

interface Row extends Queued<Row> {
  readonly id: number;
}

const rowOf = (id: number): Row => ({ id, previous: undefined, next: undefined, isQueued: false });

/** @param limit a list that goes round would never end */
function listed(queue: LinkedQueue<Row>, limit: number): Row[] {
  const rows: Row[] = [];
  for (let row = queue.first; row !== undefined; row = row.next) {
    expect(row.previous).toBe(rows.at(-1));
    rows.push(row);
    if (rows.length > limit) break;
  }
  return rows;
}

const step = fc.record({ do: fc.constantFrom('add', 'add before', 'remove'), id: fc.nat(4), at: fc.nat(4) });

test('rows are added, put before others, taken out and put in again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new LinkedQueue<Row>();
      const rows = [0, 1, 2, 3, 4].map(rowOf);
      const model: Row[] = [];
      for (const { do: what, id, at } of steps) {
        const row = rows[id]!;
        const place = model.indexOf(row);
        if (what === 'remove') {
          expect(queue.take(row)).toBe(place >= 0);
          if (place >= 0) model.splice(place, 1);
        } else if (place === -1 && (what === 'add' || model.length === 0)) {
          queue.append(row);
          model.push(row);
        } else if (place === -1) {
          queue.insertBefore(model[at % model.length]!, row);
          model.splice(at % model.length, 0, row);
        }
        expect(listed(queue, model.length)).toEqual(model);
        expect(rows.filter(({ isQueued }) => isQueued).length).toBe(model.length);
      }
    }),
  );
});

test('a row that was taken out is linked to none', () => {
  const queue = new LinkedQueue<Row>();
  const [first, second, third] = [1, 2, 3].map(rowOf) as [Row, Row, Row];
  for (const row of [first, second, third]) queue.append(row);
  queue.take(second);
  expect([second.previous, second.next, second.isQueued]).toEqual([undefined, undefined, false]);
});
