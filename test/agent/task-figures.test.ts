/** The figures of an agent's tasks are exact. */
import { expect, it } from 'vitest';
import { noTasks, TaskFigures } from '../../src/runtime/agent/task-figures.ts';

const none = {
  done: 0,
  failed: 0,
  timedOut: 0,
  abandoned: 0,
  waiting: 0,
  running: 0,
  latencyMs: { last: 0, mean: 0, max: 0 },
};

it('an agent without tasks has zeros, and nothing spent', () => {
  expect(noTasks).toStrictEqual({ metrics: none, abandoned: [] });
  expect(new TaskFigures().metrics(0, 0)).toStrictEqual(none);
});

it('latencies are the last, the greatest, and the mean of what was answered for its work: not of what was abandoned', () => {
  const figures = new TaskFigures();
  for (const [end, latencyMs] of [
    ['done', 30],
    ['failed', 50],
    ['timedOut', 10],
    ['done', 20],
  ] as const) {
    figures[end] += 1;
    figures.measure(latencyMs);
  }
  figures.abandoned += 3;
  expect(figures.metrics(4, 5)).toStrictEqual({
    done: 2,
    failed: 1,
    timedOut: 1,
    abandoned: 3,
    waiting: 4,
    running: 5,
    latencyMs: { last: 20, mean: 27.5, max: 50 },
  });
});

it('what tasks spent is summed by its unit, and money is shown as people give it', () => {
  const figures = new TaskFigures();
  figures.spend({ money: 70_000, tokens: 5 });
  expect(figures.metrics(0, 0).spent).toEqual({ money: 0.07, tokens: 5 });
  for (let n = 0; n < 2; n += 1) figures.spend({ money: 100_000, tokens: 1 });
  expect(figures.metrics(0, 0).spent).toEqual({ money: 0.27, tokens: 7 });
});
