/** The order of tasks that are kept is that of one program's mailbox: both are given the same, and begin the same. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseTask } from '../../src/restate/tasks/task-order.ts';
import type { TaskEntry } from '../../src/restate/tasks/task-entries.ts';
import { type Ordered, TaskOrder } from '../../src/runtime/agent/task-order.ts';

interface Row extends Ordered<Row> {
  readonly id: number;
}

const KINDS = [
  { kind: 'free', kindLimit: undefined },
  { kind: 'single', kindLimit: 1 },
  { kind: 'double', kindLimit: 2 },
] as const;

/** `add`: one comes. `begin`: the next is begun. `end`: the one that was begun first has ended. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      rank: fc.integer({ min: -2, max: 2 }),
      kind: fc.nat(2),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const) }) },
);

test('tasks that are kept are begun in the order of a mailbox, whatever comes, begins and ends', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const order = new TaskOrder<Row>();
      const rows = new Map<number, Row>();
      let tasks: TaskEntry[] = [];
      let passed = 0;
      let made = 0;
      for (const one of steps) {
        if (one.do === 'add') {
          const { kind, kindLimit } = KINDS[one.kind]!;
          made += 1;
          const row: Row = {
            id: made,
            kind,
            kindLimit,
            priority: one.rank,
            order: 0,
            previous: undefined,
            next: undefined,
            isQueued: false,
          };
          rows.set(made, row);
          order.add(row);
          tasks.push({
            id: String(made),
            task: kind,
            kindLimit,
            rank: one.rank,
            order: made,
            where: 'queued',
          } as TaskEntry);
        } else if (one.do === 'begin') {
          const next = order.next;
          const choice = chooseTask(tasks, passed);
          expect(choice?.entry.id).toBe(next === undefined ? undefined : String(next.id));
          if (next === undefined || choice === undefined) continue;
          order.begin(next);
          choice.entry.where = 'working';
          passed = choice.passed;
        } else {
          const ended = tasks.find(({ where }) => where === 'working');
          if (ended === undefined) continue;
          order.ended(rows.get(Number(ended.id))!);
          tasks = tasks.filter((other) => other !== ended);
        }
      }
    }),
    { numRuns: 300 },
  );
});
