/** The order of waiting tasks, against a list that is searched anew for every question. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PASSED, type Ordered, TaskOrder } from '../../src/runtime/agent/task-order.ts';

class Item implements Ordered<Item> {
  readonly name: number;
  readonly kind: string;
  readonly kindLimit: number | undefined;
  readonly priority: number;
  previous: Item | undefined = undefined;
  next: Item | undefined = undefined;
  order = 0;
  isQueued = false;

  constructor(name: number, kind: string, kindLimit: number | undefined, priority: number) {
    this.name = name;
    this.kind = kind;
    this.kindLimit = kindLimit;
    this.priority = priority;
  }
}

const LIMITS: Readonly<Record<string, number | undefined>> = { free: undefined, one: 1, two: 2 };

/** What the order says of itself, in plain words. */
class Model {
  waiting: Item[] = [];
  begun: Item[] = [];
  passed = 0;

  get next(): Item | undefined {
    const eligible = this.waiting.filter(({ kind }) => {
      const underWay = this.begun.filter((other) => other.kind === kind).length;
      return underWay < (LIMITS[kind] ?? Infinity);
    });
    if (this.passed >= MAX_PASSED) return eligible[0];
    const highest = Math.max(...eligible.map(({ priority }) => priority));
    return eligible.find(({ priority }) => priority === highest);
  }

  begin(item: Item): void {
    const [oldest] = this.waiting.filter(({ kind }) => {
      const underWay = this.begun.filter((other) => other.kind === kind).length;
      return underWay < (LIMITS[kind] ?? Infinity);
    });
    this.passed = item === oldest ? 0 : this.passed + 1;
    this.waiting = this.waiting.filter((other) => other !== item);
    this.begun.push(item);
  }
}

const move = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      add: fc.constantFrom('free', 'free', 'one', 'two'),
      priority: fc.integer({ min: -2, max: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant('begin' as const) },
  { weight: 2, arbitrary: fc.record({ end: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ remove: fc.nat(20) }) },
);

describe('the order of waiting tasks', () => {
  it('is by priority, then by arrival, with a lane for each kind that has a limit', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 120 }), (moves) => {
        const order = new TaskOrder<Item>();
        const model = new Model();
        let count = 0;
        for (const step of moves) {
          if (step === 'begin') {
            const { next } = model;
            expect(order.next?.name).toBe(next?.name);
            if (next === undefined) continue;
            order.begin(next);
            model.begin(next);
          } else if ('add' in step) {
            const item = new Item((count += 1), step.add, LIMITS[step.add], step.priority);
            order.add(item);
            model.waiting.push(item);
          } else if ('end' in step) {
            const [ended] = model.begun.splice(step.end % Math.max(1, model.begun.length), 1);
            if (ended) order.ended(ended);
          } else {
            const [gone] = model.waiting.splice(step.remove % Math.max(1, model.waiting.length), 1);
            if (gone) expect(order.remove(gone)).toBe(true);
            if (gone) expect(order.remove(gone)).toBe(false);
          }
          expect(order.size).toBe(model.waiting.length);
          expect(order.all().map(({ name }) => name)).toEqual(model.waiting.map(({ name }) => name));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('starves nobody: a task is begun after at most so many that came later', () => {
    const order = new TaskOrder<Item>();
    const patient = new Item(0, 'free', undefined, -10);
    order.add(patient);
    let passed = 0;
    for (let name = 1; patient.previous === undefined && patient.isQueued; name++) {
      order.add(new Item(name, 'free', undefined, 10));
      const next = order.next!;
      order.begin(next);
      if (next !== patient) passed += 1;
    }
    expect(passed).toBe(MAX_PASSED);
  });

  it('gives one back to where it was, that was to be begun and was not', () => {
    const order = new TaskOrder<Item>();
    const items = [1, 2, 3].map((name) => new Item(name, 'free', undefined, 0));
    for (const item of items) order.add(item);
    order.begin(items[0]!);
    order.ended(items[0]!);
    order.putBack(items[0]!);
    expect(order.next).toBe(items[0]);
    expect(order.all()).toEqual(items);
  });

  it('is before those that came after it, in whatever order several are put back', () => {
    const order = new TaskOrder<Item>();
    const items = [1, 2, 3, 4].map((name) => new Item(name, 'free', undefined, 0));
    for (const item of items) order.add(item);
    const begun = items.slice(0, 3);
    for (const item of begun) order.begin(item);
    for (const item of [begun[1]!, begun[2]!, begun[0]!]) {
      order.ended(item);
      order.putBack(item);
    }
    expect(order.all()).toEqual(items);
    for (const item of items) {
      expect(order.next).toBe(item);
      order.begin(item);
    }
    expect(order.size).toBe(0);
    for (const item of [items[3]!, items[0]!]) order.putBack(item);
    expect(order.next).toBe(items[0]);
  });
});
