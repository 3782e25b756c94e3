/** Laws of a linked list whose links can leave at any time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Link, LinkedList } from '../../src/runtime/pools/linked-list.ts';
import { walks } from '../models/fleet/runs.ts';

describe('a linked list', () => {
  test('holds what an array would', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('push', 'unshift', 'remove'), fc.nat(20)));
    fc.assert(
      fc.property(steps, (steps) => {
        const list = new LinkedList<number>();
        const links: Link<number>[] = [];
        let array: number[] = [];
        for (const [index, [step, which]] of steps.entries()) {
          if (step === 'push') {
            links.push(list.push(index));
            array.push(index);
          } else if (step === 'unshift') {
            links.push(list.unshift(index));
            array.unshift(index);
          } else if (links.length > 0) {
            const [link] = links.splice(which % links.length, 1);
            list.remove(link!);
            array = array.filter((item) => item !== link!.item);
          }
          expect([...list]).toEqual(array);
          expect(list.size).toBe(array.length);
          expect(list.first).toBe(array[0]);
        }
      }),
      walks(200),
    );
  });
});
