/** What becomes of a task of a fleet whose work fails, takes too long or is cut off: turn by turn, on kept state. */
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import type { AskedWork } from '../../src/restate/tasks/task-entries.ts';
import { KeptAgent } from './kept-agent.ts';

const run = (): number => 0;
const stalling = (onStall: 'abort' | 'crash') => ({ run, stalledAfterMs: 50, onStall });
const definition = defineAgent({
  type: 'worker',
  init: run,
  tasks: {
    work: { run },
    again: { run, retry: 'on_host_loss' },
    hung: stalling('abort'),
    fatal: stalling('crash'),
  },
});

/** Twice, with 100 ms between. */
const TWICE = { attempts: 2, backoff: { delayMs: 100, factor: 2, maxDelayMs: 1_000, jitter: 0 } } as const;
const tried = (work: Partial<AskedWork> = {}) => ({ token: 't', submitted: true, policy: TWICE, ...work });
const RESTART = { policy: 'immediate', delayMs: 10 } as const;

function running(spec: ConstructorParameters<typeof KeptAgent>[1] = {}): KeptAgent {
  const agent = new KeptAgent(definition, { restart: RESTART, ...spec });
  agent.start();
  return agent;
}
const watched = (agent: KeptAgent, number: number, what: 'stalled' | 'abort' | 'crash') =>
  agent.report({ type: 'task.progress_watched', taskId: agent.idOf(number), what });

const move = (agent: KeptAgent) => agent.turn((turn) => turn.move());
/** What it has asked of shared quotas in its last turn. */
const asked = (agent: KeptAgent) =>
  agent.last.acts.filter((act) => act.do === 'joinQuota' || act.do === 'tellQuota');

describe('a task that fails', () => {
  it('is tried again after its delay where its work may be, and has failed with its last attempt', () => {
    const agent = running();
    expect(agent.execute(tried()).told).toEqual(['task.run 1']);
    expect(agent.fail(1, true)).toEqual({ events: ['task.retry_scheduled 1'], told: [], answers: {} });
    expect(agent.nextDueAt()).toBe(100);
    expect(agent.pass(99).told).toEqual([]);
    expect(agent.pass(1).told).toEqual(['task.run 1']);
    const { events, answers } = agent.fail(1, true);
    expect(events).toEqual(['task.failed 1']);
    expect(answers).toEqual({ t: expect.stringMatching(/^TASK_FAILED: .*at attempt 2: no$/) });
    expect(agent.ended).toEqual(['1 failed 2']);
  });

  it.each([{ retry: false }, { retry: undefined }])(
    'is not tried again where its work says so, whatever its policy ($retry)',
    ({ retry }) => {
      const agent = running();
      agent.execute(tried());
      expect(agent.fail(1, retry).events).toEqual(['task.failed 1']);
      expect(agent.ended).toEqual(['1 failed 1']);
    },
  );

  it.each([
    { timeoutMs: 99, events: ['task.failed 1'] },
    { timeoutMs: 100, events: ['task.failed 1'] },
    { timeoutMs: 101, events: ['task.retry_scheduled 1'] },
  ])('is not tried again where that would be at the end of its time, or after ($timeoutMs ms)', (given) => {
    const agent = running();
    agent.execute(tried({ timeoutMs: given.timeoutMs }));
    expect(agent.fail(1, true).events).toEqual(given.events);
  });

  it('times out while its next attempt waits for its turn, which begins nothing and lets the others go on', () => {
    const agent = running();
    agent.execute(tried({ timeoutMs: 150 }));
    agent.fail(1, true);
    agent.execute();
    expect(agent.pass(100).told).toEqual([]);
    expect(agent.pass(50)).toEqual({
      events: ['task.timed_out 1'],
      told: [],
      answers: { t: expect.stringContaining('still waiting after 150 ms') },
    });
    expect(agent.kept).toEqual(['2 working running']);
  });

  it('and is asked for again has all its attempts, and their delays, anew', () => {
    const agent = running();
    agent.execute(tried());
    agent.fail(1, true);
    agent.pass(100);
    agent.fail(1, true);
    expect(agent.repeat(1).told).toEqual(['task.run 1']);
    expect(agent.fail(1, true).events).toEqual(['task.retry_scheduled 1']);
    expect(agent.nextDueAt()).toBe(agent.now + 100);
    agent.pass(100);
    agent.fail(1, true);
    expect(agent.ended).toEqual(['1 failed 4']);
  });

  it('has failed, at the time it did, where its agent ends before the next attempt and nothing outlives that', () => {
    const agent = running();
    agent.execute(tried());
    agent.now = 7;
    agent.fail(1, true);
    agent.now = 20;
    agent.stop();
    agent.report({ type: 'state.saved', state: { json: '0', stateVersion: 1 } });
    const { events, answers } = agent.exit('shutdown');
    expect(events).toContain('task.failed 1');
    expect(answers).toEqual({ t: expect.stringMatching(/^TASK_FAILED: .*at attempt 1: no$/) });
    expect(agent.ended).toEqual(['1 failed 1']);
    expect(agent.record.abandoned).toEqual([]);
  });
});

describe('an attempt that takes too long', () => {
  const policy = { ...TWICE, attemptTimeoutMs: 40 };

  it('is told to end, and the next one comes once it has', () => {
    const agent = running();
    agent.execute(tried({ policy }));
    expect(agent.pass(40)).toEqual({
      events: [],
      told: ['task.cancel 1: attempt 1 took longer than 40 ms'],
      answers: {},
    });
    expect(agent.fail(1, true).events).toEqual(['task.retry_scheduled 1']);
    expect(agent.pass(100).told).toEqual(['task.run 1']);
  });

  it('has timed out where its work says that there is no other, whatever it fails by', () => {
    const agent = running();
    agent.execute(tried({ policy }));
    agent.pass(40);
    const { events, answers } = agent.fail(1, false);
    expect(events).toEqual(['task.timed_out 1']);
    expect(answers).toEqual({ t: expect.stringContaining('still running after 40 ms') });
  });

  it('is the end of its task where it is the last; its place is free once its work has ended', () => {
    const agent = running();
    agent.execute(tried({ policy: { ...policy, attempts: 1 } }));
    agent.execute(tried({ token: 'next' }));
    expect(agent.pass(40)).toEqual({
      events: ['task.timed_out 1'],
      told: ['task.cancel 1: attempt 1 took longer than 40 ms'],
      answers: { t: expect.stringContaining('still running after 40 ms') },
    });
    expect(agent.fail(1, true)).toMatchObject({ events: ['task.started 2'], told: ['task.run 2'] });
  });

  it('as the last of a drain lets the agent go on to its end', () => {
    const agent = running();
    agent.execute(tried({ policy: { ...policy, attempts: 1 } }));
    agent.stop(1_000);
    agent.pass(40);
    expect(agent.fail(1, true).told).toEqual(['state.save']);
  });
});

describe('a task that does not get on', () => {
  it('has stalled with its last attempt: its work is told to end, and holds its place until then', () => {
    const agent = running();
    agent.execute({ type: 'hung', token: 't' });
    agent.execute({ token: 'next' });
    watched(agent, 1, 'stalled');
    const { events, told, answers } = watched(agent, 1, 'abort');
    expect(events).toEqual(['task.failed 1']);
    expect(told).toEqual(['task.cancel 1: it told nothing of its progress for 50 ms (hung)']);
    expect(answers).toEqual({ t: expect.stringMatching(/^TASK_STALLED: /) });
    expect(agent.fail(1).told).toEqual(['task.run 2']);
  });

  it('is tried again where an attempt is left', () => {
    const agent = running();
    agent.execute(tried({ type: 'hung' }));
    expect(watched(agent, 1, 'abort')).toEqual({
      events: [],
      told: ['task.cancel 1: it told nothing of its progress for 50 ms (hung)'],
      answers: {},
    });
    expect(agent.fail(1, true).events).toEqual(['task.retry_scheduled 1']);
  });

  it('is no longer waited for by a drain once it has ended', () => {
    const agent = running();
    agent.execute({ type: 'hung', token: 't' });
    agent.stop(1_000);
    expect(watched(agent, 1, 'abort').events).toEqual(['task.failed 1']);
    expect(agent.fail(1).told).toEqual(['state.save']);
  });

  it('ends its agent where its definition says so', () => {
    const agent = running();
    agent.execute({ type: 'fatal', token: 't' });
    expect(watched(agent, 1, 'crash').told).toContain('kill');
    expect(agent.record.status).not.toBe('running');
  });
});

describe('a task whose time is over, or that is cancelled', () => {
  it('is answered at once, and its work is told to end', () => {
    const agent = running();
    agent.execute({ timeoutMs: 30, token: 't' });
    expect(agent.pass(30)).toEqual({
      events: ['task.timed_out 1'],
      told: ['task.cancel 1: the task has timed out'],
      answers: { t: expect.stringMatching(/^TASK_TIMED_OUT: .*still running after 30 ms/) },
    });
    // Its work ends after all: nobody hears of that.
    expect(agent.complete(1)).toEqual({ events: [], told: [], answers: {} });
    expect(agent.kept).toEqual([]);
  });

  it.each(['timed out', 'cancelled'])('leaves the queue, and its agent idle: %s', (how) => {
    const agent = running();
    agent.execute();
    agent.execute({ timeoutMs: 30, token: 't' });
    if (how === 'timed out') agent.pass(30);
    else agent.turn((turn) => turn.cancel({ taskId: agent.idOf(2) }, 'not wanted'));
    expect(agent.kept).toEqual(['1 working running']);
    agent.complete(1);
    expect(agent.record.metrics.running).toBe(0);
    agent.stop(1_000);
    expect(agent.kept).toEqual([]);
  });

  it('is cancelled once, by its id or by its call, with the reason of its caller', () => {
    const agent = running();
    agent.execute({ token: 't', terms: { callId: 'c' } });
    const id = agent.idOf(1);
    expect(agent.turn((turn) => expect(turn.cancel({ callId: 'c' }, 'not wanted')).toBe(true))).toEqual({
      events: ['task.abandoned 1'],
      told: ['task.cancel 1: not wanted'],
      answers: { t: expect.stringContaining('not wanted') },
    });
    for (const by of [{ taskId: id }, { callId: 'c' }, {}])
      agent.turn((turn) => expect(turn.cancel(by, 'again')).toBe(false));
  });

  it('lets a drain go on: with it the last one that runs has ended', () => {
    const agent = running({ tasks: { concurrency: 2 } });
    agent.execute({ token: 't' });
    agent.stop(1_000);
    agent.turn((turn) => turn.cancel({ taskId: agent.idOf(1) }, 'not wanted'));
    expect(agent.complete(1).told).toEqual(['state.save']);
  });

  it('lets a drain go on, too, that began before a shared limit had said how it stands: none waits any more', () => {
    const agent = running({ quota: 'shared' });
    agent.execute({ token: 'slow', timeoutMs: 50 });
    agent.execute({ token: 'other', timeoutMs: 60 });
    agent.execute({ token: 'last' });
    expect(agent.stop(1_000).told).toEqual(['unwatch']);
    expect(agent.pass(50)).toMatchObject({ told: [], answers: { slow: expect.any(String) } });
    expect(agent.turn((turn) => turn.cancel({ taskId: agent.idOf(3) }, 'not wanted')).told).toEqual([]);
    expect(agent.pass(10)).toMatchObject({ told: ['state.save'], answers: { other: expect.any(String) } });
  });

  it('lets it go on where the last one that waits so is cancelled', () => {
    const agent = running({ quota: 'shared' });
    agent.execute();
    agent.stop(1_000);
    const cancelled = agent.turn((turn) => turn.cancel({ taskId: agent.idOf(1) }, 'not wanted'));
    expect(cancelled.told).toEqual(['state.save']);
  });
});

describe('a task whose agent is to work under another quota', () => {
  const parked = { at: 0, until: 1_000, why: 'full' };

  it('waits for the old one no more, and for the new one as that says', () => {
    const agent = running({ quota: 'old' });
    agent.turn((turn) => turn.quotaStands('old', parked));
    agent.execute();
    expect(agent.update({ quota: 'new' }).told).not.toContain('task.run 1');
    expect(asked(agent)).toEqual([
      { do: 'tellQuota', quota: 'old', load: 0, message: { type: 'part' } },
      { do: 'joinQuota', quota: 'new', load: 1, known: parked },
    ]);
    expect(agent.turn((turn) => turn.quotaStands('new', undefined)).told).toEqual(['task.run 1']);
    // What the old one had sent by then is on its way still.
    expect(agent.turn((turn) => turn.quotaStands('old', parked)).events).toEqual([]);
  });

  it('ends under the old one, where it is drained by then', () => {
    const agent = running({ quota: 'old' });
    agent.execute();
    agent.stop();
    agent.update({ quota: 'new' });
    expect(asked(agent)).toEqual([]);
    agent.exit('normal');
    expect(asked(agent)).toEqual([{ do: 'tellQuota', quota: 'old', load: 0, message: { type: 'part' } }]);
  });

  it('keeps to the quota that it has where something else is changed, and where no body runs', () => {
    const agent = running({ quota: 'old' });
    agent.update({ quota: 'old', shutdownMs: 1 });
    expect(asked(agent)).toEqual([]);
    agent.exit('killed');
    agent.update({ quota: 'new' });
    expect(asked(agent)).toEqual([]);
  });
});

describe('a task whose agent ends', () => {
  it('is told to end, and abandoned, where it does not outlive that', () => {
    const agent = running();
    agent.execute({ token: 't' });
    const { events, told, answers } = agent.stop(0);
    expect(events).toContain('task.abandoned 1');
    expect(told).toContain('kill');
    expect(answers).toEqual({ t: expect.stringMatching(/^TASK_ABANDONED: /) });
    expect(agent.record.abandoned).toHaveLength(1);
  });

  it('is told to end when the grace is over, where it may be tried again and outlives its agent', () => {
    const agent = running();
    agent.execute(tried({ whenDown: 'wait' }));
    agent.execute({ token: 'short' });
    agent.stop(1_000);
    const { told, answers } = agent.pass(1_000);
    expect(told).toContain('task.cancel 1: the agent is ending');
    expect(Object.keys(answers)).not.toContain('t');
  });

  it('goes on after a crash where it outlives that and has an attempt left: at its time, in the next life', () => {
    const agent = running();
    agent.execute(tried({ whenDown: 'wait' }));
    const { events } = agent.exit({ error: { name: 'Error', message: 'gone' } });
    expect(events).toContain('task.retry_scheduled 1');
    expect(agent.record.status).toBe('crashed');
    agent.pass(100);
    agent.restart();
    expect(agent.kept).toEqual(['1 working running']);
    agent.complete(1);
    expect(agent.ended).toEqual(['1 done 2']);
  });

  it('is abandoned with a crash where it does not outlive it, or has no attempt left', () => {
    const agent = running({ tasks: { concurrency: 3 } });
    agent.execute({ token: 'plain' });
    agent.execute(tried({ token: 'tried' }));
    agent.execute(tried({ token: 'last', whenDown: 'wait', policy: { ...TWICE, attempts: 1 } }));
    const { answers } = agent.exit({ error: { name: 'Error', message: 'gone' } });
    expect(Object.keys(answers).toSorted()).toEqual(['last', 'plain', 'tried']);
    expect(agent.kept).toEqual([]);
    expect(agent.record.abandoned).toHaveLength(3);
  });

  it('is not told of twice where it was answered before its body ended', () => {
    const agent = running();
    agent.execute({ timeoutMs: 30, token: 't' });
    agent.pass(30);
    const { events, answers } = agent.exit({ error: { name: 'Error', message: 'gone' } });
    expect(events.filter((event) => event.startsWith('task.'))).toEqual([]);
    expect(answers).toEqual({});
    expect(agent.kept).toEqual([]);
    expect(agent.record.abandoned).toEqual([]);
  });

  it('takes with it what its body used: the record of an agent that is down has no usage', () => {
    const agent = running();
    agent.used({ memoryBytes: 7, cpuMs: 3 });
    expect(agent.record.metrics).toMatchObject({ memoryBytes: 7, cpuMs: 3 });
    agent.exit({ error: { name: 'Error', message: 'gone' } });
    expect(agent.record.metrics).not.toHaveProperty('memoryBytes');
    expect(agent.record.metrics).not.toHaveProperty('cpuMs');
  });

  it('that asked a person waits for the answer across the crash, and asks again', () => {
    const agent = running();
    agent.execute({ token: 't' });
    agent.ask(1);
    const { answers } = agent.exit({ error: { name: 'Error', message: 'gone' } });
    expect(answers).toEqual({});
    expect(agent.kept).toEqual(['1 queued waiting_for_input']);
    agent.pass(10);
    expect(agent.restart().told).toEqual(['task.run 1']);
  });

  it('that asked a person is not told to end when its agent is killed, and waits on', () => {
    const agent = running();
    agent.execute({ token: 't' });
    agent.ask(1);
    const killed = agent.turn((turn) => turn.end({ type: 'agent.kill', at: turn.now }, undefined));
    expect(killed.told.filter((said) => said.startsWith('task.'))).toEqual([]);
    expect([killed.answers, agent.exit('killed').answers]).toEqual([{}, {}]);
    expect(agent.kept).toEqual(['1 queued waiting_for_input']);
  });

  it('that asked a person is abandoned where its agent is stopped for good', () => {
    const agent = running();
    agent.execute({ token: 't' });
    agent.ask(1);
    const stopped = agent.stop(0);
    expect(Object.keys(stopped.answers)).toEqual(['t']);
  });
});

describe('a task whose node is lost', () => {
  it('is unknown where nobody knows how far it came, and its caller is told so', () => {
    const agent = running();
    agent.execute({ token: 't', submitted: true });
    const { events, answers } = agent.lose();
    expect(events).toContain('task.unknown 1');
    expect(answers).toEqual({ t: expect.stringContaining('nobody knows how far it came') });
    expect(agent.ended).toEqual(['1 unknown 1']);
    expect(agent.kept).toEqual([]);
  });

  it.each([true, false])('is told of with its record where it was submitted (%s)', (submitted) => {
    const agent = running();
    agent.now = 5;
    agent.execute({ submitted });
    agent.now = 9;
    let unknown: object | undefined;
    agent.lose((turn) => {
      unknown = turn.events.find(({ type }) => type === 'task.unknown');
    });
    const record = { submitted: true, attempts: 1, startedAt: 5 };
    expect(unknown).toMatchObject({ task: 'work', retry: false, ...(submitted ? record : {}) });
    for (const field of Object.keys(record)) expect(Object.hasOwn(unknown!, field)).toBe(submitted);
  });

  it('is done again, before what waited, where it may be', () => {
    const agent = running();
    agent.execute({ type: 'again', token: 't' });
    agent.execute({ type: 'again', token: 'next' });
    const lost = agent.lose();
    expect(lost.events).toContain('task.unknown 1');
    expect(lost.answers).toEqual({});
    expect(agent.kept).toEqual(['1 queued waiting.queued', '2 queued waiting.queued']);
    expect(agent.restart().told).toEqual(['task.run 1']);
    agent.complete(1);
    expect(agent.complete(2).answers).toEqual({ next: 'done' });
  });

  it('that asked a person is not unknown: it waits, and is begun again', () => {
    const agent = running();
    agent.execute({ token: 't' });
    agent.ask(1);
    expect(agent.lose().events).not.toContain('task.unknown 1');
    expect(agent.kept).toEqual(['1 queued waiting_for_input']);
    expect(agent.restart().told).toEqual(['task.run 1']);
  });

  it('is not told of twice where it was answered before', () => {
    const agent = running();
    agent.execute({ timeoutMs: 30, token: 't' });
    agent.pass(30);
    const { events, answers } = agent.lose();
    expect(events.filter((event) => event.startsWith('task.'))).toEqual([]);
    expect(answers).toEqual({});
    expect(agent.kept).toEqual([]);
  });
});

describe('a task whose agent moves', () => {
  it('goes along when the grace is over, is answered by its second run, and the first one is told to end', () => {
    const agent = running({ shutdownMs: 1_000 });
    agent.execute({ type: 'again', token: 't' });
    move(agent);
    const { told, answers } = agent.pass(1_000);
    expect(told).toContain('task.cancel 1: the agent moves to another node');
    expect(answers).toEqual({});
    expect(agent.kept.filter((task) => task.includes('queued'))).toEqual(['1 queued waiting.queued']);
  });

  it('that has asked a person, and was answered, goes along, too', () => {
    const agent = running({ shutdownMs: 1_000 });
    agent.execute({ token: 't' });
    agent.ask(1);
    agent.turn((turn) => turn.answerQuestion(agent.questions[0]!, 'yes', undefined));
    move(agent);
    expect(agent.pass(1_000).answers).toEqual({});
    expect(agent.kept.filter((task) => task.includes('queued'))).toHaveLength(1);
  });

  it('that goes along has the whole time of an attempt in its second run, and none before', () => {
    const agent = running({ shutdownMs: 1_000 });
    agent.execute(tried({ policy: { ...TWICE, attempts: 1, attemptTimeoutMs: 1_500 } }));
    agent.ask(1);
    agent.turn((turn) => turn.answerQuestion(agent.questions[0]!, 'yes', undefined));
    move(agent);
    agent.pass(1_000);
    expect(agent.pass(500)).toEqual({ events: [], told: [], answers: {} });
    agent.exit('killed');
    expect(agent.restart().told).toEqual(['task.run 1']);
    expect(agent.pass(1_499).answers).toEqual({});
    expect(agent.pass(1).events).toEqual(['task.timed_out 1']);
  });

  it('is abandoned when the grace is over where it cannot be done twice', () => {
    const agent = running({ shutdownMs: 1_000 });
    agent.execute({ token: 't' });
    move(agent);
    expect(Object.keys(agent.pass(1_000).answers)).toEqual(['t']);
  });
});
