import { describe, expect, it } from 'vitest';
import type { Delivery, SystemEvent } from '../../src/index.ts';
import { Subscriptions } from '../../src/runtime/journal/subscriptions.ts';
import { leastCpuMs } from '../kit/own-cpu.ts';
import { codeOf } from '../kit/rig.ts';

function eventOf(sequence: number): SystemEvent {
  return { sequence, at: 0, type: 'coordination.restored' };
}

function lostOf(sequence: number): SystemEvent {
  return { sequence, at: 0, type: 'coordination.lost', why: 'a test' };
}

const rejecting: () => unknown = () => Promise.reject('promise');

/** A listener that writes down what it hears. */
const note =
  (to: [number, boolean][]) =>
  (event: SystemEvent, { isCommitted }: Delivery) =>
    void to.push([event.sequence, isCommitted]);

const never = (thrown: unknown): never => {
  throw thrown;
};

/** CPU time is counted in ticks of the kernel; ms. */
const UNSURE_MS = 50;

describe('subscriptions', () => {
  it('cost the same however many there are, to make and to end', () => {
    const subscriptions = new Subscriptions(never);
    const ends: (() => void)[] = [];
    const costAmong = (count: number) => {
      while (ends.length < count) ends.push(subscriptions.add(() => {}));
      // Others from the middle each time.
      let at = ends.length / 2;
      return leastCpuMs(() => {
        for (let turn = 0; turn < 2_000; turn += 1) {
          ends[at]!();
          ends[at] = subscriptions.add(() => {});
          at = (at + 1) % ends.length;
        }
      });
    };
    const few = costAmong(10_000);
    // Twenty times as long, and more than a second, where each looks at all others.
    expect(costAmong(200_000)).toBeLessThan(8 * few + UNSURE_MS);
    for (const end of ends) end();
    let heard = 0;
    subscriptions.add(() => (heard += 1));
    subscriptions.tell(eventOf(1));
    expect(heard).toBe(1);
  });

  it('hear in the order in which they were made, after the observers', () => {
    const subscriptions = new Subscriptions(never);
    const order: string[] = [];
    subscriptions.add(() => order.push('first'));
    subscriptions.add(() => order.push('second'), { committedOnly: true });
    subscriptions.add(() => order.push('third'));
    subscriptions.observe(() => () => order.push('observer'));
    subscriptions.tell(eventOf(1));
    expect(order).toEqual(['observer', 'first', 'second', 'third']);
  });

  it('hear each event once, when it was committed or before, as they asked', () => {
    const subscriptions = new Subscriptions(never);
    const live: [number, boolean][] = [];
    const kept: [number, boolean][] = [];
    const observed: number[] = [];
    subscriptions.observe(
      () =>
        ({ sequence }) =>
          observed.push(sequence),
    );
    subscriptions.add(note(live));
    subscriptions.add(note(kept), { committedOnly: true });
    subscriptions.tell(eventOf(1));
    subscriptions.tellUncommitted(eventOf(2));
    subscriptions.tellUncommitted(eventOf(3));
    expect(kept).toEqual([[1, true]]);
    subscriptions.tellCommitted(eventOf(2));
    subscriptions.tellCommitted(eventOf(3));
    subscriptions.tell(eventOf(4));
    expect(observed).toEqual([1, 2, 3, 4]);
    expect(live).toEqual([
      [1, true],
      [2, false],
      [3, false],
      [4, true],
    ]);
    expect(kept).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [4, true],
    ]);
  });

  it('hear the types that they asked for alone; an event that nobody hears is left as it is', async () => {
    const subscriptions = new Subscriptions(never);
    const heard: number[] = [];
    subscriptions.add(({ sequence }) => heard.push(sequence), { types: ['coordination.lost'] });
    const other = eventOf(1);
    const asked: SystemEvent = { sequence: 2, at: 0, type: 'coordination.lost', why: 'a test' };
    subscriptions.tell(other);
    subscriptions.tell(asked);
    subscriptions.tellUncommitted({ ...asked, sequence: 3 });
    expect(heard).toEqual([2, 3]);
    expect([other, asked].map((event) => Object.isFrozen(event))).toEqual([false, true]);
    const none = { types: 'coordination.lost' } as never;
    expect(await codeOf(() => subscriptions.add(() => {}, none))).toBe('AGENT_SPEC_INVALID');
  });

  it('are made of observers that are asked once for each type who hears of it', () => {
    const subscriptions = new Subscriptions(never);
    const asked: string[] = [];
    const heard: string[] = [];
    subscriptions.observe((type) => {
      asked.push(type);
      return type === 'coordination.lost' ? ({ sequence }) => heard.push(`lost ${sequence}`) : undefined;
    });
    subscriptions.tell(eventOf(1));
    subscriptions.tell(lostOf(2));
    subscriptions.tell(eventOf(3));
    subscriptions.tell(lostOf(4));
    expect(asked).toEqual(['coordination.restored', 'coordination.lost']);
    expect(heard).toEqual(['lost 2', 'lost 4']);
    subscriptions.observe(
      () =>
        ({ sequence }) =>
          heard.push(`later ${sequence}`),
    );
    subscriptions.tell(lostOf(5));
    expect(heard.slice(2)).toEqual(['lost 5', 'later 5']);
  });

  it('leave an event as it is that only observers hear', () => {
    const subscriptions = new Subscriptions(never);
    const event = eventOf(1);
    subscriptions.observe(() => () => {});
    subscriptions.tell(event);
    expect(Object.isFrozen(event)).toBe(false);
    subscriptions.add(() => {});
    subscriptions.tell(event);
    expect(Object.isFrozen(event)).toBe(true);
  });

  it('and observers that throw, or reject, harm nobody', async () => {
    const complaints: unknown[] = [];
    const subscriptions = new Subscriptions((thrown) => complaints.push(thrown));
    let heard = 0;
    subscriptions.observe(() => () => never('observer'));
    subscriptions.add(() => never('listener'));
    subscriptions.add(rejecting);
    subscriptions.add(() => (heard += 1));
    subscriptions.tell(eventOf(1));
    await Promise.resolve().then(() => {});
    expect(heard).toBe(1);
    expect(complaints).toEqual(['observer', 'listener', 'promise']);
  });

  it.each([null, 7, { commitedOnly: true }, { committedOnly: 'yes' }])(
    'are refused with options that are invalid: %j',
    async (options) => {
      const subscriptions = new Subscriptions(never);
      expect(await codeOf(() => subscriptions.add(() => {}, options as never))).toBe('AGENT_SPEC_INVALID');
    },
  );
});
