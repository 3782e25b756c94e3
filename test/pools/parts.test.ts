/** The parts of a pool, each against the simplest thing that does the same. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { decideDeparture, decideReturn, decideStarts } from '../../src/machines/pool-size.ts';
import { BusyMeter, noFigures } from '../../src/runtime/pools/busy-meter.ts';
import { type Link, LinkedList } from '../../src/runtime/pools/linked-list.ts';
import { machineSignal } from '../../src/runtime/pools/machine-signal.ts';
import { type Member, newMember } from '../../src/runtime/pools/member.ts';
import { LeastLoadedIndex } from '../../src/runtime/pools/least-loaded.ts';
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

describe('an index of the least loaded', () => {
  test('picks one of the least loaded that are able, the one that has been so for the longest time', () => {
    const steps = fc.array(fc.tuple(fc.nat(4), fc.nat(4), fc.boolean()));
    fc.assert(
      fc.property(steps, (steps) => {
        const index = new LeastLoadedIndex();
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
    const index = new LeastLoadedIndex();
    const members = Array.from({ length: 10_000 }, (_, index) => newMember(`m-${index}`, 'live'));
    for (const member of members) index.place(member, 0, 1);
    for (const member of members) {
      expect(index.pick()).toBe(member);
      index.place(member, 1, 1);
    }
    expect(index.pick()).toBeUndefined();
  });
});

describe('a meter', () => {
  test('gives the share of the places that was in use, over time', () => {
    const meter = new BusyMeter(noFigures(0));
    meter.set(0, 4, 0);
    meter.set(4, 4, 1_000);
    meter.set(1, 4, 2_000);
    expect(meter.take(4_000)).toBe((0 + 4 + 2) / 16);
    expect(meter.take(8_000)).toBe(0.25);
  });

  test('counts places that were there for a part of the time for that part', () => {
    const meter = new BusyMeter(noFigures(0));
    meter.set(1, 1, 0);
    meter.set(1, 3, 1_000);
    expect(meter.take(2_000)).toBe(0.5);
  });

  test('says what is now when no time has passed, and nothing where there are no places', () => {
    const meter = new BusyMeter(noFigures(0));
    expect(meter.take(1_000)).toBe(0);
    meter.set(1, 2, 1_000);
    expect(meter.take(1_000)).toBe(0.5);
  });
});

describe('counts', () => {
  const count = fc.nat(6);
  const counts = fc.record({ live: count, starting: count, down: count, draining: count, leaving: count });

  test('those that leave are the excess, down ones first, then such that start', () => {
    fc.assert(
      fc.property(counts, fc.nat(10), (counts, wanted) => {
        const { down, starting, live } = decideDeparture(counts, wanted);
        const size = counts.live + counts.starting + counts.down;
        expect(down + starting + live).toBe(Math.max(0, size - wanted));
        expect(down <= counts.down && starting <= counts.starting && live <= counts.live).toBe(true);
        if (live > 0) expect(starting).toBe(counts.starting);
        if (starting > 0) expect(down).toBe(counts.down);
      }),
      walks(200),
    );
  });

  test('those that return and those that start are what is missing, and never beyond the largest size', () => {
    fc.assert(
      fc.property(counts, fc.nat(10), fc.nat(5), fc.boolean(), (counts, wanted, room, isProving) => {
        const max = wanted + room;
        const maxConcurrentStarts = 4;
        const size = counts.live + counts.starting + counts.down;
        const back = decideReturn(counts, wanted);
        expect(back).toBe(Math.max(0, Math.min(counts.draining, wanted - size)));
        const starts = decideStarts(counts, { wanted, max, maxConcurrentStarts, isProving });
        const total = size + counts.draining + counts.leaving;
        if (starts > 0) {
          expect(size + starts).toBeLessThanOrEqual(wanted);
          expect(total + starts).toBeLessThanOrEqual(max);
          expect(counts.starting + starts).toBeLessThanOrEqual(isProving ? 1 : maxConcurrentStarts);
        } else {
          const isFull = size >= wanted || total >= max;
          expect(isFull || counts.starting >= (isProving ? 1 : maxConcurrentStarts)).toBe(true);
        }
      }),
      walks(200),
    );
  });
});

describe("the machine's own signal", () => {
  test('reads pressure where Linux tells of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pressure-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(
      join(folder, 'memory'),
      'some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=1\n',
    );
    await writeFile(join(folder, 'cpu'), 'some avg10=0.00 avg60=3.00 avg300=0.00 total=1\n');
    expect(await machineSignal(folder)).toMatchObject({ memoryPressure: 0.125, cpuPressure: 0 });
  });

  test('leaves out what nobody tells, and always knows of memory and load', async () => {
    const strain = await machineSignal('/nowhere');
    expect(Object.keys(strain).toSorted()).toEqual(['loadPerCpu', 'memoryUsed']);
    expect(strain.memoryUsed).toBeGreaterThan(0);
    expect(strain.memoryUsed).toBeLessThanOrEqual(1);
    expect(strain.loadPerCpu).toBeGreaterThanOrEqual(0);
  });
});
