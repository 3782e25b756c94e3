/** Laws of an agent's tasks in a fleet: how many it accepts, when they begin, and when their agent is busy. */
import { describe, expect, it } from 'vitest';
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

function running(tasks: object = { concurrency: 1 }, restart: object = { policy: 'immediate', delayMs: 10 }) {
  const agent = new KeptAgent(definition, { tasks, restart });
  agent.start();
  return agent;
}
const state = (agent: KeptAgent) => agent.record.state.split('.').at(-1);
const hold = (agent: KeptAgent, command: 'pause' | 'resume') =>
  agent.turn((turn) => turn.hold(`agent.${command}`, command === 'pause' ? 'ann' : undefined, command));
const park = (agent: KeptAgent, number: number) =>
  agent.report({ type: 'task.parked', taskId: agent.idOf(number), why: 'full', afterMs: 100, input: 7 });

describe('an agent is busy', () => {
  it('from its first task until its last has ended, and says so once', () => {
    const agent = running({ concurrency: 2 });
    expect(state(agent)).toBe('idle');
    expect(agent.execute().events).toEqual(['task.accepted 1', 'task.started 1']);
    expect(state(agent)).toBe('busy');
    agent.execute();
    agent.complete(1);
    expect(state(agent)).toBe('busy');
    agent.complete(2);
    expect(state(agent)).toBe('idle');
  });

  it('in its next life by what it begins there, whatever it was in the last', () => {
    const agent = running();
    agent.execute();
    agent.exit('killed');
    expect(agent.record.abandoned).toHaveLength(1);
    agent.pass(10);
    agent.restart();
    expect([state(agent), agent.record.abandoned]).toEqual(['idle', []]);
    agent.execute();
    expect(state(agent)).toBe('busy');
  });
});

describe('a paused agent', () => {
  it('is paused once what runs has ended, begins nothing meanwhile, and goes on with what waits', () => {
    const agent = running();
    agent.execute();
    agent.execute();
    hold(agent, 'pause');
    expect(state(agent)).toBe('pausing');
    expect(agent.complete(1).told).toEqual([]);
    expect(state(agent)).toBe('paused');
    expect(agent.execute().told).toEqual([]);
    expect(hold(agent, 'resume').told).toEqual(['task.run 2']);
    expect(state(agent)).toBe('busy');
    expect(agent.complete(2).told).toEqual(['task.run 3']);
    agent.complete(3);
    expect(state(agent)).toBe('idle');
  });

  it('that has no work is paused at once, and idle when it goes on', () => {
    const agent = running();
    hold(agent, 'pause');
    expect(state(agent)).toBe('paused');
    hold(agent, 'resume');
    expect(state(agent)).toBe('idle');
    expect(agent.execute().told).toEqual(['task.run 1']);
  });

  it('whose body ends stays paused: its next life begins nothing until it goes on', () => {
    const agent = running();
    agent.execute();
    agent.execute({ whenDown: 'wait' });
    hold(agent, 'pause');
    agent.exit('killed');
    agent.pass(10);
    expect(agent.restart().told).toEqual([]);
    expect(state(agent)).toBe('paused');
    expect(hold(agent, 'resume').told).toEqual(['task.run 2']);
  });
});

describe('a task that comes while its agent ends', () => {
  it('waits for the next life, in which it begins at once', () => {
    const agent = running();
    agent.execute();
    agent.stop(1_000);
    expect(agent.execute({ submitted: true, whenDown: 'wait' }).told).toEqual([]);
    expect(agent.complete(1).told).not.toContain('task.run 2');
    agent.exit({ shutdown: 'requested' });
    expect(agent.record.status).toBe('stopped');
    expect(agent.start().told).toEqual(['task.run 2']);
  });

  it('and whose time has not come then begins at its time', () => {
    const agent = running();
    agent.stop(1_000);
    agent.execute({ submitted: true, whenDown: 'wait', delayMs: 500 });
    agent.exit({ shutdown: 'requested' });
    expect(agent.start().told).toEqual([]);
    expect(agent.pass(499).told).toEqual([]);
    expect(agent.pass(1).told).toEqual(['task.run 1']);
  });
});

describe('a task that ran into a limit', () => {
  it('is begun again first, as the same attempt, once the limit is over; its input is kept', () => {
    const agent = running();
    agent.execute({ input: 7 });
    agent.execute();
    const { told, events } = park(agent, 1);
    expect([told, events]).toEqual([[], expect.arrayContaining(['task.parked 1'])]);
    expect(agent.last.acts).toContainEqual({ do: 'keepInput', taskId: agent.idOf(1), input: 7 });
    expect([state(agent), agent.record.metrics]).toMatchObject(['parked', { waiting: 2, running: 0 }]);
    expect(agent.pass(99).told).toEqual([]);
    expect(agent.pass(1).told).toEqual(['task.run 1']);
    expect(agent.last.acts).toContainEqual(expect.objectContaining({ do: 'run', attempt: 1 }));
    expect(agent.complete(1).told).toEqual(['task.run 2']);
  });

  it('while its agent drains is given up, with what waits: it would not begin before the end', () => {
    const agent = running();
    agent.execute({ token: 'a' });
    agent.execute({ token: 'b' });
    agent.stop(1_000);
    const why = 'the agent is ending, and a limit is reached: full';
    const { answers } = park(agent, 1);
    expect(Object.keys(answers)).toEqual(['a', 'b']);
    for (const answer of Object.values(answers)) expect(answer).toContain(why);
  });

  it('and was cancelled meanwhile is over', () => {
    const agent = running();
    agent.execute();
    agent.turn((turn) => turn.cancel({ taskId: agent.idOf(1) }, 'why', {}));
    const id = agent.last.acts.find((act) => act.do === 'tell')!;
    const { taskId } = id.message as { taskId: string };
    agent.report({ type: 'task.parked', taskId, why: 'full', afterMs: 100, input: 7 });
    expect(agent.kept).toEqual([]);
  });

  it('that is over already is no limit', () => {
    const agent = running();
    agent.report({ type: 'task.parked', taskId: 'a/task-0-9', why: 'full', afterMs: 100, input: 7 });
    expect(state(agent)).toBe('idle');
  });
});

it('a task that stalls says so, with since when, and no more once it goes on', () => {
  const stalling = defineAgent({ type: 'worker', init: run, tasks: { work: { run, stalledAfterMs: 50 } } });
  const agent = new KeptAgent(stalling, { tasks: { concurrency: 1 } });
  agent.start();
  agent.execute();
  const watched = (what: 'stalled' | 'progressed') =>
    agent.report({ type: 'task.progress_watched', taskId: agent.idOf(1), what });
  const stalledAt = () => {
    let at: number | undefined;
    agent.turn(({ state: { tasks } }) => (at = tasks[0]!.stalledAt));
    return at;
  };
  agent.now = 60;
  expect(watched('stalled').events).toEqual(['task.stalled 1']);
  expect(stalledAt()).toBe(60);
  expect(watched('progressed').events).toEqual(['task.progressed 1']);
  expect(stalledAt()).toBeUndefined();
});

it('who has a task executed does not wait for an agent that does not come back; what is submitted does', () => {
  const agent = running({ concurrency: 1 }, { policy: 'never' });
  agent.execute({ token: 'runs' });
  agent.execute({ token: 'waits' });
  agent.execute({ token: 'may wait', whenDown: 'wait' });
  agent.execute({ submitted: true, whenDown: 'wait' });
  expect(Object.keys(agent.exit('killed').answers)).toEqual(['waits', 'runs', 'may wait']);
  expect(agent.kept).toEqual(['4 queued waiting.queued']);
});
