/** Tasks under way are a map by id, however many there are: the same as JavaScript's own, whatever comes in which order. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OpenTasks } from '../../src/runtime/values/open-tasks.ts';

const step = fc.oneof(
  { weight: 12, arbitrary: fc.constant('add' as const) },
  { weight: 6, arbitrary: fc.record({ removed: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
);

it('few or many, added, removed and cleared again and again: each is found, and they come oldest first', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const open = new OpenTasks<{ readonly taskId: string }>();
      const model = new Map<string, { readonly taskId: string }>();
      const all: { readonly taskId: string }[] = [];
      for (const one of steps) {
        if (one === 'add') {
          const task = { taskId: `task-${all.length}` };
          all.push(task);
          open.add(task);
          model.set(task.taskId, task);
        } else if (one === 'clear') {
          open.clear();
          model.clear();
        } else if (all.length > 0) {
          // It may have gone already.
          const task = all[one.removed % all.length]!;
          open.remove(task);
          model.delete(task.taskId);
        }
        expect(open.size).toBe(model.size);
        expect([...open]).toEqual([...model.values()]);
        for (const { taskId } of all) expect(open.get(taskId)).toBe(model.get(taskId));
      }
    }),
  );
});

it.each([3, 8, 9, 20])('a loop over %i is not changed by what is added or removed meanwhile', (count) => {
  const open = new OpenTasks<{ readonly taskId: string }>();
  for (let number = 0; number < count; number += 1) open.add({ taskId: String(number) });
  const seen: string[] = [];
  for (const task of open) {
    seen.push(task.taskId);
    open.remove(task);
    open.add({ taskId: `again ${task.taskId}` });
  }
  expect(seen).toEqual(Array.from({ length: count }, (_, number) => String(number)));
});
