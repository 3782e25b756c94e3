/** Laws of the least-loaded index. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Member, newMember } from '../../src/runtime/pools/member.ts';
import { LeastLoadedMembers } from '../../src/runtime/pools/least-loaded.ts';
import { walks } from '../models/fleet/runs.ts';

describe('an index of the least loaded', () => {
  test('picks one of the least loaded that are able, the one that has been so for the longest time', () => {
    const steps = fc.array(fc.tuple(fc.nat(4), fc.nat(4), fc.boolean()));
    fc.assert(
      fc.property(steps, (steps) => {
        const index = new LeastLoadedMembers();
        const members = Array.from({ length: 5 }, (_, index) => newMember(`m-${index}`, 'live'));
        /** The members that are there, with their loads, in the order in which they became that; 3 and more take nothing. */
        let there: { member: Member; slot: number }[] = [];
        for (const [which, load, isRemoved] of steps) {
          const member = members[which]!;
          const slot = load < 3 ? load : 3;
          const before = there.find((entry) => entry.member === member);
          if (isRemoved) {
            index.remove(member);
            there = there.filter((entry) => entry.member !== member);
          } else {
            index.place(member, load, 3);
            if (before?.slot !== slot) {
              there = [...there.filter((entry) => entry.member !== member), { member, slot }];
            }
          }
          const sorted = there.toSorted((a, b) => a.slot - b.slot);
          const able = sorted.filter(({ slot }) => slot < 3);
          expect(index.pick()?.id).toBe(able[0]?.member.id);
          expect(index.idle).toBe(able.filter(({ slot }) => slot === 0).length);
          expect([...index.bySpare()].map(({ id }) => id)).toEqual(sorted.map(({ member }) => member.id));
        }
      }),
      walks(200),
    );
  });

  test('of a large pool picks as fast as of a small one', () => {
    const index = new LeastLoadedMembers();
    const members = Array.from({ length: 10_000 }, (_, index) => newMember(`m-${index}`, 'live'));
    for (const member of members) index.place(member, 0, 1);
    for (const member of members) {
      expect(index.pick()).toBe(member);
      index.place(member, 1, 1);
    }
    expect(index.pick()).toBeUndefined();
  });
});
