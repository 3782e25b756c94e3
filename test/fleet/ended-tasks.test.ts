import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EndedTasks } from '../../src/runtime/fleet/ended-tasks.ts';
import type { KnownTask } from '../../src/runtime/fleet/task-record.ts';

const record = (id: string, place: KnownTask['place'] = 'done') =>
  ({ id, place, submitted: undefined, endedAs: 0 }) as KnownTask;

describe('the records of tasks that have ended', () => {
  it('are what a list would hold, oldest first, and are found by their ids', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant({ type: 'add', as: 'done' } as const) },
      { weight: 1, arbitrary: fc.constant({ type: 'add', as: 'failed' } as const) },
      { weight: 4, arbitrary: fc.constant({ type: 'drop' } as const) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), at: fc.nat(200) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('find' as const), at: fc.nat(200) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
        const ended = new EndedTasks();
        const model: KnownTask[] = [];
        let made = 0;
        for (const { type, ...more } of steps) {
          const at = 'at' in more && model.length > 0 ? more.at % model.length : 0;
          if (type === 'add') {
            const added = record(`task-${(made += 1)}`, 'as' in more ? more.as : 'done');
            ended.add(added);
            model.push(added);
          } else if (type === 'drop') {
            const oldest = model.shift();
            expect(ended.dropOldest()).toBe(oldest?.place === 'failed' ? oldest : undefined);
          } else if (model.length === 0) continue;
          else if (type === 'find') expect(ended.find(model[at]!.id)).toBe(model[at]);
          else {
            const [removed] = model.splice(at, 1);
            expect(ended.remove(removed!)).toBe(true);
            expect(ended.has(removed!)).toBe(false);
            expect(ended.remove(removed!)).toBe(false);
            expect(ended.find(removed!.id)).toBeUndefined();
          }
          expect(ended.size).toBe(model.length);
        }
        expect(ended.all()).toEqual(model);
        for (let number = 1; number <= made; number++) {
          const id = `task-${number}`;
          expect(ended.find(id)).toBe(model.find((known) => known.id === id));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('take no room once they were removed, and are found as before', () => {
    const ended = new EndedTasks();
    const stays = Array.from({ length: 10 }, (_, number) => record(`stays-${number}`));
    const asked = Array.from({ length: 10_000 }, (_, number) => record(`task-${number}`));
    for (const [at, known] of asked.entries()) {
      if (at % 1_000 === 0) ended.add(stays[at / 1_000]!);
      ended.add(known);
      expect(ended.find(known.id)).toBe(known);
      ended.remove(known);
    }
    const { slots } = ended as unknown as { readonly slots: readonly unknown[] };
    expect(slots.length).toBeLessThan(100);
    expect(ended.all()).toEqual(stays);
    for (const { id } of asked) expect(ended.find(id)).toBeUndefined();
    for (const known of stays) expect(ended.find(known.id)).toBe(known);
    expect(Array.from(stays, () => ended.dropOldest())).toEqual(stays.map(() => undefined));
    expect(ended.size).toBe(0);
  });

  it('that were dropped are not those of another list', () => {
    const [ended, others] = [new EndedTasks(), new EndedTasks()];
    const [one, other] = [record('one'), record('other')];
    ended.add(one);
    others.add(other);
    expect(others.remove(one)).toBe(false);
    expect(others.all()).toEqual([other]);
  });
});
