/** How tasks of a fleet's agent end: what is counted, told, answered, and kept of them. */
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { KeptAgent } from './kept-agent.ts';

const run = (): number => 0;
const definition = defineAgent({ type: 'worker', init: run, tasks: { work: { run } } });

function running(): KeptAgent {
  const agent = new KeptAgent(definition, { tasks: { concurrency: 2 } });
  agent.start();
  return agent;
}
const dropped = ({ last }: KeptAgent) =>
  last.acts.flatMap((act) => (act.do === 'dropInput' ? [act.taskId.split('-').at(-1)] : []));

it('each is counted by its end, and the time that it took by all but those that were given up', () => {
  const agent = running();
  const metrics = () => agent.record.metrics;
  agent.execute();
  agent.now = 10;
  agent.complete(1);
  expect(metrics()).toMatchObject({ done: 1, latencyMs: { last: 10, mean: 10, max: 10 } });
  agent.execute();
  agent.now = 40;
  agent.complete(2);
  expect(metrics()).toMatchObject({ done: 2, latencyMs: { last: 30, mean: 20, max: 30 } });
  agent.execute();
  agent.now = 45;
  agent.fail(3);
  expect(metrics()).toMatchObject({ done: 2, failed: 1, latencyMs: { last: 5, mean: 15, max: 30 } });
  agent.execute({ timeoutMs: 15 });
  agent.pass(15);
  expect(metrics()).toMatchObject({ failed: 1, timedOut: 1, latencyMs: { last: 15, mean: 15, max: 30 } });
  agent.execute({ timeoutMs: 1_000 });
  agent.pass(500);
  agent.turn((turn) => turn.cancel({ taskId: agent.idOf(5) }, 'why', {}));
  const latencyMs = { last: 15, mean: 15, max: 30 };
  expect(metrics()).toMatchObject({ done: 2, failed: 1, timedOut: 1, abandoned: 1, latencyMs });
});

describe('one that is given up', () => {
  it('is told of as cancelled where somebody did that, and with who it was', () => {
    const agent = running();
    agent.execute({ submitted: true });
    const id = agent.idOf(1);
    agent.turn((turn) => turn.cancel({ taskId: id }, 'no more', { by: 'ann' }));
    const cancelled = { type: 'task.abandoned', taskId: id, isCancelled: true };
    expect(agent.last.events).toMatchObject([{ ...cancelled, by: 'ann' }]);
    agent.execute({ submitted: true });
    agent.turn((turn) => turn.cancel({ taskId: agent.idOf(2) }, 'no more', {}));
    expect(agent.last.events[0]).toMatchObject({ isCancelled: true });
    expect(agent.last.events[0]).not.toHaveProperty('by');
    expect(agent.ended).toEqual(['1 cancelled 1', '2 cancelled 1']);
  });

  it('is told of as abandoned where nobody cancelled it', () => {
    const agent = running();
    agent.execute({ submitted: true });
    agent.exit('killed');
    expect(agent.last.events.find(({ type }) => type === 'task.abandoned')).not.toHaveProperty('isCancelled');
    expect(agent.ended).toEqual(['1 abandoned 1']);
    expect(agent.record.abandoned).toHaveLength(1);
  });

  it('says whose it was, and why', () => {
    const agent = running();
    agent.execute({ token: 't' });
    const { answers } = agent.exit('killed');
    const message = 'task work of agent a was abandoned: the agent has ended (killed)';
    expect(answers).toEqual({ t: `TASK_ABANDONED: ${message}` });
  });
});

describe('its input', () => {
  it('is dropped with its end, but of what was submitted and has no output: that may be asked for again', () => {
    const agent = running();
    agent.execute({ submitted: true, input: 1 });
    agent.complete(1);
    expect(dropped(agent)).toEqual(['1']);
    agent.execute({ submitted: true, input: 1 });
    agent.fail(2);
    expect(dropped(agent)).toEqual([]);
    // It was never kept.
    agent.execute({ input: 1 });
    agent.complete(3);
    expect(dropped(agent)).toEqual([]);
  });

  it('goes with its record where newer ones crowd that out: a hundred are kept', () => {
    const agent = running();
    for (let number = 1; number <= 100; number++) {
      agent.execute({ submitted: true });
      agent.fail(number);
      expect(dropped(agent)).toEqual([]);
    }
    expect(agent.ended).toHaveLength(100);
    agent.execute({ submitted: true });
    agent.fail(101);
    expect(dropped(agent)).toEqual(['1']);
    expect([agent.ended.length, agent.ended[0], agent.ended.at(-1)]).toEqual([
      100,
      '2 failed 1',
      '101 failed 1',
    ]);
  });

  it('stays with its record however many are done or cancelled later: of these a hundred are kept, too', () => {
    const agent = running();
    agent.execute({ submitted: true });
    agent.fail(1);
    for (let number = 2; number <= 102; number++) {
      agent.execute({ submitted: true });
      agent.complete(number);
      expect(dropped(agent)).not.toContain('1');
    }
    expect(agent.ended).toHaveLength(101);
    expect(agent.ended.slice(0, 2)).toEqual(['1 failed 1', '3 done 1']);
    agent.execute({ submitted: true });
    agent.turn((turn) => turn.cancel({ taskId: agent.idOf(103) }, 'why', {}));
    expect([agent.ended[1], agent.ended.at(-1)]).toEqual(['4 done 1', '103 cancelled 1']);
  });
});

it('all who wait for it are answered, once', () => {
  const agent = running();
  agent.execute({ submitted: true, token: 'first' });
  agent.turn(({ state }) => void state.tasks[0]!.waiting.push('second'));
  expect(agent.complete(1).answers).toEqual({ first: 'done', second: 'done' });
  expect(agent.exit('killed').answers).toEqual({});
});

it('a question that its task asked is closed with it', () => {
  const agent = running();
  agent.execute();
  agent.ask(1);
  expect(agent.questions).toHaveLength(1);
  const { events } = agent.turn((turn) => turn.cancel({ taskId: agent.idOf(1) }, 'why', {}));
  expect(events).toEqual(['task.abandoned 1', expect.stringMatching(/^question\./)]);
  expect(agent.questions).toEqual([]);
});
