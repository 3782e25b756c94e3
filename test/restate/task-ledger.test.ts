/** How many tasks an agent of a fleet accepts: those that may run at once, and those that may wait. */
import { expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { KeptAgent } from './kept-agent.ts';

const run = (): number => 0;
const definition = defineAgent({ type: 'worker', init: run, tasks: { work: { run } } });

it.each([
  { concurrency: 1, queueLimit: 0 },
  { concurrency: 3, queueLimit: 1 },
  { concurrency: 2, queueLimit: 2 },
  { concurrency: 1, queueLimit: 3 },
])('a task that may run at once needs no room among those that wait ($concurrency, $queueLimit)', (tasks) => {
  const { concurrency, queueLimit } = tasks;
  const agent = new KeptAgent(definition, { tasks });
  agent.start();
  for (let number = 1; number <= concurrency; number += 1)
    expect(agent.execute().told).toEqual([`task.run ${number}`]);
  for (let number = 1; number <= queueLimit; number += 1) expect(agent.execute().told).toEqual([]);
  const waiting = new RegExp(`has ${queueLimit} tasks? waiting, its tasks.queueLimit is ${queueLimit}$`);
  expect(() => agent.execute()).toThrow(waiting);
  // Where one ends another begins, and leaves its room to one more.
  agent.complete(1);
  agent.execute();
  expect(() => agent.execute()).toThrow(waiting);
});

it('a task that waits for its time is counted in a refusal', () => {
  const agent = new KeptAgent(definition, { tasks: { concurrency: 1, queueLimit: 0 } });
  agent.start();
  agent.execute({ delayMs: 1_000 });
  expect(() => agent.execute()).toThrow(/has 1 task waiting, its tasks.queueLimit is 0$/);
});
