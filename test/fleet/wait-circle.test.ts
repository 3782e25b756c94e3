/** A wait is refused as a circle exactly when nothing could ever end it: held against a world that is played to its end. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Places, Wait, WaitingTask, WaitTarget } from '../../src/runtime/agent/wait.ts';
import { circleClosedBy } from '../../src/runtime/fleet/wait-circle.ts';

/** An agent with so many places, and the tasks that hold them. */
class ModelAgent implements WaitTarget {
  readonly name: string;
  readonly concurrency: number;
  readonly mayGrow = false;
  readonly holders: ModelTask[] = [];

  constructor(name: string, concurrency = 1) {
    this.name = name;
    this.concurrency = concurrency;
  }

  get isFree(): boolean {
    return this.holders.length < this.concurrency;
  }

  places(): readonly Places[] {
    return [this];
  }

  begin(): ModelTask {
    const task = new ModelTask(this.name, `${this.name}/${this.holders.length + 1}`);
    task.isUnderWay = true;
    this.holders.push(task);
    return task;
  }
}

class ModelPool implements WaitTarget {
  readonly name: string;
  readonly members: readonly ModelAgent[];
  mayGrow = false;

  constructor(name: string, members: readonly ModelAgent[]) {
    this.name = name;
    this.members = members;
  }

  places(): readonly Places[] {
    return this.members;
  }
}

class ModelTask implements WaitingTask {
  readonly agentId: string;
  readonly taskId: string;
  isUnderWay = false;
  readonly waits = new Set<Wait>();

  constructor(agentId: string, taskId: string) {
    this.agentId = agentId;
    this.taskId = taskId;
  }

  /** Waits for its turn at a target, or for a task that was begun there. */
  waitFor(target: WaitTarget, task?: WaitingTask): void {
    this.waits.add({ target, task });
  }
}

function agents(...concurrencies: number[]): ModelAgent[] {
  return concurrencies.map((concurrency, index) => new ModelAgent('abcdef'[index]!, concurrency));
}
const wayOf = (task: WaitingTask, target: WaitTarget) =>
  circleClosedBy(task, target)?.map(({ agentId, waitsFor }) => `${agentId} → ${waitsFor}`);

describe('with one place each', () => {
  test('a task that asks its own agent would wait for itself', () => {
    const [a] = agents(1) as [ModelAgent];
    expect(wayOf(a.begin(), a)).toEqual(['a → a']);
  });
  test('two that ask each other: the second is refused', () => {
    const [a, b] = agents(1, 1) as [ModelAgent, ModelAgent];
    const [one, two] = [a.begin(), b.begin()];
    expect(wayOf(one, b)).toBeUndefined();
    one.waitFor(b, two);
    expect(wayOf(two, a)).toEqual(['b → a', 'a → b']);
  });
  test('three in a ring, and the way is named in order', () => {
    const [a, b, c] = agents(1, 1, 1) as [ModelAgent, ModelAgent, ModelAgent];
    const [one, two, three] = [a.begin(), b.begin(), c.begin()];
    one.waitFor(b, two);
    two.waitFor(c, three);
    expect(wayOf(three, a)).toEqual(['c → a', 'a → b', 'b → c']);
  });
  test('one that waits for its turn behind another is no circle while that one works', () => {
    const [a, b] = agents(1, 1) as [ModelAgent, ModelAgent];
    const one = a.begin();
    b.begin();
    expect(wayOf(one, b)).toBeUndefined();
  });
  test('of several that it has asked for, the one that would wait for it counts', () => {
    const [a, b, c, d] = agents(1, 1, 1, 1) as [ModelAgent, ModelAgent, ModelAgent, ModelAgent];
    const [one, two, three] = [a.begin(), b.begin(), c.begin()];
    // It waits for what works, and for what waits for it.
    one.waitFor(d, d.begin());
    one.waitFor(b, two);
    two.waitFor(c, three);
    expect(wayOf(three, d)).toBeUndefined();
    expect(wayOf(three, a)).toEqual(['c → a', 'a → b', 'b → c']);
  });
});
test('a wait that will be served is no part of the circle', () => {
  const [a, b, c, d] = agents(1, 1, 1, 1) as [ModelAgent, ModelAgent, ModelAgent, ModelAgent];
  const [one, two] = [a.begin(), b.begin()];
  // It waits for a pool, of which one member waits for `one` and the other works, and for `one` itself.
  const pool = new ModelPool('pool p', [c, d]);
  c.begin().waitFor(a, one);
  d.begin();
  two.waitFor(pool);
  two.waitFor(a, one);
  expect(wayOf(one, b)).toEqual(['a → b', 'b → a']);
});
test('one that waits for a free place, or for a pool that may grow, goes on', () => {
  const [a, b, c, free] = agents(1, 1, 1, 1) as [ModelAgent, ModelAgent, ModelAgent, ModelAgent];
  const [one, two, three] = [a.begin(), b.begin(), c.begin()];
  const pool = new ModelPool('pool p', [a]);
  two.waitFor(pool);
  expect(wayOf(one, b)).toEqual(['a → b', 'b → pool p']);
  pool.mayGrow = true;
  expect(wayOf(one, b)).toBeUndefined();
  three.waitFor(free);
  expect(wayOf(one, c)).toBeUndefined();
});
test('a circle of others is not the one of who waits for them, and the look at it ends', () => {
  const [a, b, c] = agents(1, 1, 1) as [ModelAgent, ModelAgent, ModelAgent];
  const [one, two, three] = [a.begin(), b.begin(), c.begin()];
  two.waitFor(c, three);
  three.waitFor(b, two);
  expect(wayOf(one, b)).toBeUndefined();
});
describe('with more places', () => {
  test('an agent may ask itself as long as a place is free, and not for the last', () => {
    const [a] = agents(2) as [ModelAgent];
    const first = a.begin();
    expect(wayOf(first, a)).toBeUndefined();
    const second = a.begin();
    first.waitFor(a, second);
    expect(wayOf(second, a)).toEqual(['a → a']);
  });
  test('a task beside it that works will leave a place', () => {
    const [a] = agents(2) as [ModelAgent];
    const first = a.begin();
    a.begin();
    expect(wayOf(first, a)).toBeUndefined();
  });
});
describe('through a pool', () => {
  test('all members wait for the one who asks: a circle; as long as one works, or one may be added, none', () => {
    const [a, b, c] = agents(1, 1, 1) as [ModelAgent, ModelAgent, ModelAgent];
    const pool = new ModelPool('pool p', [b, c]);
    const [one, two, three] = [a.begin(), b.begin(), c.begin()];
    two.waitFor(a);
    expect(wayOf(one, pool)).toBeUndefined();
    three.waitFor(a);
    expect(wayOf(one, pool)).toEqual(['a → pool p', 'b → a']);
    pool.mayGrow = true;
    expect(wayOf(one, pool)).toBeUndefined();
  });
  test('a member that asks its own pool of one', () => {
    const [a] = agents(1) as [ModelAgent];
    expect(wayOf(a.begin(), new ModelPool('pool p', [a]))).toEqual(['a → pool p']);
  });
});

/** Agents by their places, and what each task asks in turn: whom, and from which of its fellows. */
const worlds = fc.record({
  concurrencies: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
  isPooled: fc.boolean(),
  acts: fc.array(fc.record({ asker: fc.nat(11), target: fc.nat(4), begins: fc.boolean() }), {
    maxLength: 14,
  }),
});

/**
 * Whether what `asker` waits for is ever begun, when nobody asks for anything any more, everybody else ends as soon as
 * nothing is left to wait for, and `asker` never does.
 */
function isServedInTheEnd(asker: ModelTask, target: WaitTarget, all: readonly ModelAgent[]): boolean {
  const copies = new Map(
    all.flatMap(({ holders }) => holders.map((task) => [task, new Set(task.waits)] as const)),
  );
  const places = new Map(all.map((agent) => [agent, new Set(agent.holders)]));
  const hasRoom = (of: WaitTarget) =>
    [...of.places()].some((each) => places.get(each as ModelAgent)!.size < (each as ModelAgent).concurrency);
  for (let isMore = true; isMore; ) {
    isMore = false;
    if (hasRoom(target)) return true;
    for (const held of places.values()) {
      for (const task of held) {
        if (task === asker) continue;
        const waits = copies.get(task)!;
        for (const wait of waits) {
          // Begun: over when that task has ended. Not begun: it takes a place when there is one, and ends at once.
          const begun = wait.task as ModelTask | undefined;
          const isOver = begun?.isUnderWay
            ? ![...places.values()].some((each) => each.has(begun))
            : hasRoom(wait.target);
          if (isOver) waits.delete(wait);
        }
        if (waits.size > 0) continue;
        held.delete(task);
        isMore = true;
      }
    }
  }
  return hasRoom(target);
}

test('a wait is a circle exactly when, played to its end, it is never served', () => {
  let circles = 0;
  fc.assert(
    fc.property(worlds, ({ concurrencies, isPooled, acts }) => {
      const all = agents(...concurrencies);
      const targets: WaitTarget[] = [...all, ...(isPooled ? [new ModelPool('pool p', all.slice(0, 2))] : [])];
      for (const agent of all) while (agent.isFree) agent.begin();
      const tasks = all.flatMap(({ holders }) => holders);
      for (const { asker, target, begins } of acts) {
        const task = tasks[asker % tasks.length]!;
        const of = targets[target % targets.length]!;
        const circle = circleClosedBy(task, of);
        const isServed = isServedInTheEnd(task, of, all);
        expect(circle === undefined).toBe(isServed);
        if (circle !== undefined) {
          circles += 1;
          expect(circle[0]!.taskId).toBe(task.taskId);
          continue;
        }
        const others = [...of.places()]
          .flatMap(({ holders }) => [...holders])
          .filter((each) => each !== task);
        const behind = begins ? others.find((each) => each.waits.size === 0) : undefined;
        task.waitFor(of, behind);
      }
    }),
    { numRuns: 2_000 },
  );
  expect(circles).toBeGreaterThan(500);
});
