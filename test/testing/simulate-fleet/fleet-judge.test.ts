/** The judge of simulated fleets: a fleet that keeps each law passes, and one that is one step past it does not. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BudgetSpecInput } from '../../../src/machines/index.ts';
import type { BodyStart } from '../../../src/runtime/hosting/host.ts';
import { FleetJudge } from '../../../src/testing/simulate-fleet/fleet-judge.ts';
import { broken } from '../../../src/testing/simulate-fleet/laws.ts';
import { told, type ToldAgent } from './told.ts';

/** A judge, events that it hears, and a system as its records are shown. */
function rig({
  maxConcurrentRestarts = 1,
  budgets = [],
  secrets = [],
  lacking = [],
}: {
  readonly maxConcurrentRestarts?: number;
  readonly budgets?: readonly BudgetSpecInput[];
  readonly secrets?: readonly string[];
  readonly lacking?: readonly string[];
} = {}) {
  const judge = new FleetJudge({
    maxConcurrentRestarts,
    budgets,
    secrets,
    lacksSecrets: (id) => lacking.includes(id),
  });
  // Asked anew each time: a program's end puts another history in its place.
  const events = () => told(judge.told);
  const say = (type: string, fields: object = {}) => judge.hears(events().event(type, fields));
  const life = (id: string, name: string, fields: object = {}) =>
    judge.hears(events().life(id, `agent.${name}`, fields));
  const register = (id: string, more: ToldAgent = {}) => judge.keeps([events().registered(id, more)]);
  const shown = {
    status: 'open',
    coordination: 'available',
    leader: undefined as object | undefined,
    pools: [] as object[],
    questions: [] as string[],
    bodies: [] as string[],
    records: new Map<string, object>(),
  };
  return {
    judge,
    shown,
    say,
    life,
    /** Registers agents, which the store has kept. */
    register,
    /** Registers agents that serve, and shows them so. */
    serve(id: string, more: ToldAgent = {}): void {
      register(id, more);
      life(id, 'starting');
      life(id, 'started');
      shown.bodies.push(id);
      shown.records.set(id, { id, status: 'running', incarnation: 1 });
    },
    /** What the judge finds now; `undefined` for nothing. */
    finds(now = 0): string | undefined {
      const system = {
        status: shown.status,
        coordination: { status: () => shown.coordination, leader: () => shown.leader },
        agents: {
          list: () => [...shown.records.values()],
          get: (id: string) => shown.records.get(id) ?? { status: 'not there' },
        },
        questions: { list: () => shown.questions.map((id) => ({ id })) },
        pools: { list: () => shown.pools },
      };
      try {
        judge.assertHolds();
        judge.judgeQuiet(system as never, { live: shown.bodies } as never, now);
        return undefined;
      } catch (thrown) {
        return (thrown as Error).message;
      }
    },
    opens(agentId: string, json?: string, variables: BodyStart['variables'] = []): void {
      const restored = json === undefined ? undefined : { json, stateVersion: 0 };
      judge.opened({ agentId, incarnation: 1, restored, variables } as unknown as BodyStart);
    },
  };
}

const state = (json: string) => ({ json, stateVersion: 0 });

/** Nothing is found while the system closes, nor while coordination is lost. */
function expectSilentWhileAway(
  shown: { status: string; coordination: string },
  finds: () => string | undefined,
): void {
  for (const [field, value] of [
    ['status', 'closing'],
    ['coordination', 'lost'],
  ] as const) {
    const before = shown[field];
    shown[field] = value;
    expect(finds()).toBeUndefined();
    shown[field] = before;
  }
}

describe('what it finds', () => {
  it('is the first, and is told at the next look; a mistake of the judge itself is none', () => {
    const { judge } = rig();
    judge.assertHolds();
    judge.attempt(() => broken('nothing is left', 'one'));
    judge.attempt(() => broken('nothing is left', 'two'));
    expect(() => judge.assertHolds()).toThrow('one');
    expect(() =>
      judge.attempt(() => {
        throw new TypeError('a bug');
      }),
    ).toThrow('a bug');
  });
});

const hashOf = (...texts: readonly string[]) => createHash('sha256').update(texts.join('')).digest('hex');

describe('events', () => {
  it('are counted once, whether they are told or kept first, and the last 40 are shown', () => {
    const { judge, say, serve } = rig();
    serve('a');
    const event = told(judge.told).event('alert.raised');
    judge.hears(event);
    judge.keeps([event]);
    judge.hears(event);
    expect([judge.events, judge.counts.get('alert.raised'), judge.counts.get('agent.started')]).toEqual([
      4, 1, 1,
    ]);
    for (let n = 5; n <= 40; n++) say('alert.raised');
    expect([judge.tail.length, judge.tail[0]]).toEqual([40, '#1 agent.registered a']);
    say('alert.raised');
    expect([judge.tail.length, judge.tail[0], judge.tail.at(-1)]).toEqual([
      40,
      '#2 agent.starting a/1',
      '#41 alert.raised',
    ]);
    judge.assertHolds();
  });

  it('have a hash of all of them, in which programs begin, and stacks are left out', () => {
    const event = { sequence: 1, at: 0, type: 'alert.raised', error: { message: 'm', stack: 'in a.ts' } };
    const { judge } = rig();
    judge.hears(event as never);
    const text = JSON.stringify({ ...event, error: { message: 'm' } });
    expect(judge.hash()).toBe(hashOf(text));
    judge.programEnds();
    expect(judge.hash()).toBe(hashOf(text, 'program'));
  });

  it('that may not come next are found; an agent that the store never had is forgotten from anywhere', () => {
    const { judge, life, register, finds } = rig();
    register('kept');
    judge.hears(told(judge.told).registered('refused'));
    for (const id of ['kept', 'refused']) {
      life(id, 'starting');
      life(id, 'started');
    }
    life('refused', 'forgotten');
    expect(finds()).not.toContain('goes as its chart says');
    life('kept', 'forgotten');
    expect(finds()).toContain(
      'a life goes as its chart says: agent.started comes before #8 agent.forgotten kept/1',
    );
  });

  it('and states of bodies hold no secret', () => {
    const { judge, say, finds } = rig({ secrets: ['hush-hush', 'word'] });
    say('alert.raised', { message: 'hush' });
    judge.stateTold('a', state('{"n":1}'));
    judge.assertHolds();
    judge.stateTold('a', state('{"n":"word"}'));
    expect(finds()).toBe('a secret is never told: a saved state of a');
    const other = rig({ secrets: ['hush-hush'] });
    other.say('alert.raised', { message: 'hush-hush' });
    expect(other.finds()).toBe('a secret is never told: #1 alert.raised');
  });
});

describe('bodies', () => {
  it('are one of an agent that is alive, and none of any other', () => {
    const { life, serve, register, shown, finds } = rig();
    serve('a');
    register('asleep');
    shown.records.set('asleep', { id: 'asleep', status: 'registered', incarnation: 0 });
    expect(finds()).toBeUndefined();
    shown.bodies.push('a');
    expect(finds()).toBe('one body at the most: a is running, and has 2 bodies');
    shown.bodies = ['asleep', 'a'];
    expect(finds()).toBe('one body at the most: asleep is registered, and has 1 bodies');
    shown.bodies = ['a', 'ghost'];
    expect(finds()).toBe('one body at the most: ghost is not there, and has 1 bodies');
    shown.bodies = [];
    expect(finds()).toBe('one body at the most: a is running, and has 0 bodies');
    life('a', 'crashed', { life: { at: 'leftDown', startedFrom: 'registered' } });
    shown.records.set('a', { id: 'a', status: 'crashed', incarnation: 1 });
    expect(finds()).toBeUndefined();
  });

  it('begin one after the other; what a dead program had is gone', () => {
    const { judge, opens, finds } = rig();
    opens('a');
    opens('b');
    judge.exited('a');
    opens('a');
    judge.programEnds();
    opens('a');
    judge.assertHolds();
    opens('a');
    expect(finds()).toBe('one body at the most: 2 of a once incarnation 1 began');
  });

  it('do not begin without their secrets, which a start by a caller may lack, and no restart', () => {
    const { judge, life, register, opens, finds } = rig({ lacking: ['a'] });
    register('a');
    life('a', 'starting', { life: { at: 'starting', startedFrom: 'registered' } });
    judge.assertHolds();
    opens('b');
    judge.assertHolds();
    opens('a');
    expect(finds()).toBe('an agent without its secrets waits: a has begun incarnation 1 without it');
    for (const [id, isFound] of [
      ['a', true],
      ['b', false],
    ] as const) {
      const next = rig({ lacking: ['a'] });
      next.register(id);
      next.life(id, 'starting', { life: { at: 'starting', startedFrom: 'restart' } });
      if (isFound)
        expect(next.finds()).toContain('an agent without its secrets waits: it is restarted without it');
      else next.judge.assertHolds();
    }
  });
});

/** A body that has told two states, of which the first is kept as the end of a task. */
const toldTwo = () => {
  const those = rig();
  those.register('a');
  const { judge } = those;
  those.opens('a');
  judge.stateTold('a', state('1'));
  judge.taskDone('a', 't1');
  judge.stateTold('a', state('2'));
  judge.taskDone('a', 't2');
  const done = (taskId: string) => told(judge.told).event('task.completed', { agentId: 'a', taskId });
  const accepted = (taskId: string) =>
    told(judge.told).event('task.accepted', { agentId: 'a', taskId, task: 'x' });
  const keep = (taskId: string) => {
    judge.keeps([accepted(taskId)]);
    judge.keeps([done(taskId)]);
  };
  const begins = (json?: string) => {
    judge.exited('a');
    those.opens('a', json);
    try {
      judge.assertHolds();
      return undefined;
    } catch (thrown) {
      return (thrown as Error).message;
    }
  };
  return { ...those, keep, begins };
};

const begunAfterForgetting = (isKept: boolean) => {
  const { judge, keep, begins, life } = toldTwo();
  keep('t1');
  life('a', 'starting');
  life('a', 'stopped');
  const event = told(judge.told).life('a', 'agent.forgotten');
  if (isKept) judge.keeps([event]);
  else judge.hears(event);
  judge.programEnds();
  return begins();
};

describe('what a body begins with', () => {
  it.each<[string, readonly string[], string | undefined, string | undefined]>([
    ['nothing, where no end is kept', [], undefined, undefined],
    ['any state that was told, where no end is kept', [], '1', undefined],
    ['the state of the last end that is kept', ['t1'], '1', undefined],
    ['a later one', ['t1'], '2', undefined],
    ['the state of the last end, in whatever order the ends are kept', ['t2', 't1'], '2', undefined],
    ['nothing, where an end is kept', ['t1'], undefined, 'a begins with nothing, and 1 was kept'],
    ['an earlier one', ['t2'], '1', 'a begins with 1, and 2 was kept'],
    ['an earlier one, whose end was kept last', ['t2', 't1'], '1', 'a begins with 1, and 2 was kept'],
    [
      'an earlier one, after the end of a task that left no state',
      ['t2', 'other'],
      '1',
      'a begins with 1, and 2 was kept',
    ],
    ['one that it never had', [], '9', 'a begins with a state that it never had: 9'],
  ])('%s: %o, %s', (_, kept, json, problem) => {
    const { keep, begins } = toldTwo();
    for (const taskId of kept) keep(taskId);
    expect(begins(json)).toBe(problem && `what is restored is the newest: ${problem}`);
  });

  it('counts from there: later states are lost, and earlier ones are done with', () => {
    const { judge, keep, begins } = toldTwo();
    keep('t1');
    expect(begins('1')).toBeUndefined();
    judge.stateTold('a', state('3'));
    judge.taskDone('a', 't3');
    keep('t3');
    expect(begins('3')).toBeUndefined();
    judge.stateTold('a', state('4'));
    judge.taskDone('a', 't4');
    expect(begins('3')).toBeUndefined();
    // The end of a task whose state is lost keeps nothing.
    keep('t4');
    expect(begins('3')).toBeUndefined();
    expect(begins('2')).toContain('a begins with a state that it never had: 2');
  });

  it('is no state that was lost, and none from before one that was kept', () => {
    const lost = toldTwo();
    expect(lost.begins('1')).toBeUndefined();
    expect(lost.begins('2')).toContain('a begins with a state that it never had: 2');
    const passed = toldTwo();
    passed.keep('t2');
    expect(passed.begins('2')).toBeUndefined();
    passed.judge.stateTold('a', state('3'));
    passed.judge.taskDone('a', 't3');
    passed.keep('t3');
    expect(passed.begins('2')).toContain('a begins with 2, and 3 was kept');
    const gone = toldTwo();
    gone.keep('t2');
    expect(gone.begins('2')).toBeUndefined();
    expect(gone.begins('1')).toContain('a begins with a state that it never had: 1');
  });

  it('is nothing once it was forgotten, unless the program dies before that is kept', () => {
    expect(begunAfterForgetting(true)).toBeUndefined();
    expect(begunAfterForgetting(false)).toContain('a begins with nothing, and 1 was kept');
  });
});

describe('variables', () => {
  it('of a body only grow in version, from what it began with', () => {
    const { judge, opens, finds } = rig();
    opens('a', undefined, [{ name: 'rate', value: 1, version: 3 }] as never);
    judge.variablePosted('a', 1, 'rate', 3);
    judge.variablePosted('a', 1, 'rate', 5);
    judge.variablePosted('a', 1, 'other', 1);
    judge.assertHolds();
    judge.variablePosted('a', 1, 'rate', 4);
    expect(finds()).toBe('versions only grow: a was told version 4 of rate after 5');
  });

  it('reach those who listen and serve', () => {
    const { judge, life, serve, say, shown, finds } = rig();
    serve('a', { variables: ['rate', 'unset'] });
    serve('b');
    say('variable.changed', { name: 'rate', version: 2, value: 1 });
    expect(finds()).toBe('a value reaches its listeners: rate has version 2, a was given undefined');
    expectSilentWhileAway(shown, finds);
    shown.records.set('a', { id: 'a', status: 'stopping', incarnation: 1 });
    expect(finds()).toBeUndefined();
    shown.records.set('a', { id: 'a', status: 'running', incarnation: 1 });
    judge.opened({ agentId: 'a', variables: [{ name: 'rate', version: 1 }] } as never);
    expect(finds()).toBe('a value reaches its listeners: rate has version 2, a was given 1');
    judge.variablePosted('a', 1, 'rate', 2);
    expect(finds()).toBeUndefined();
    say('variable.changed', { name: 'rate', version: 3, value: 1 });
    life('a', 'stopping');
    shown.records.set('a', { id: 'a', status: 'stopping', incarnation: 1 });
    expect(finds()).toBeUndefined();
  });
});

describe('a budget', () => {
  it.each<[string, object, object, boolean]>([
    ['all of its limit', { calls: 2 }, { calls: 1 }, true],
    ['more than its limit', { calls: 2 }, { calls: 2 }, false],
    ['more, spent alone', { calls: 4 }, {}, false],
    ['more, reserved alone', {}, { calls: 4 }, false],
    ['any number of what has no limit', { tokens: 9 }, { tokens: 9 }, true],
    ['what differs in the tenth digit', { calls: 2 }, { calls: 1 + 1e-10 }, true],
  ])('grants %s: %o and %o', (_, spent, reserved, holds) => {
    const budgets = [
      { name: 'other', limits: { calls: 0 } },
      { name: 'daily', limits: { calls: 3 } },
    ];
    const { say, finds } = rig({ budgets });
    say('budget.reserved', { budget: 'unknown', spent: { calls: 99 }, reserved: {} });
    expect(finds()).toBeUndefined();
    say('budget.reserved', { budget: 'daily', spent, reserved });
    if (holds) expect(finds()).toBeUndefined();
    else
      expect(finds()).toMatch(
        /^grants stay within the budget: 4 calls of daily are spent or reserved, 3 may be: #2$/,
      );
  });
});

describe('acknowledged', () => {
  it('is what the store has', () => {
    const { judge } = rig();
    judge.acknowledged('set rate', true);
    expect(() => judge.acknowledged('set rate', false)).toThrow(
      'set rate: a caller was told, and the store does not',
    );
  });

  it('are as many tasks as are kept as done, of all and of each agent', () => {
    const { judge, register } = rig();
    for (const id of ['a', 'b']) register(id);
    const done = (agentId: string, taskId: string) =>
      judge.keeps([told(judge.told).event('task.completed', { agentId, taskId })]);
    done('a', 't1');
    done('b', 't2');
    judge.taskAcknowledged('a');
    expect(() => judge.taskAcknowledged('a')).toThrow('2 tasks of a were answered, 1 are kept as done');
    expect(() => judge.taskAcknowledged(undefined)).toThrow('3 tasks were answered, 2 are kept as done');
  });
});

const restarting = (those: ReturnType<typeof rig>, id: string, more: ToldAgent = {}) => {
  those.register(id, more);
  those.life(id, 'starting', { life: { at: 'starting', startedFrom: 'restart' } });
  those.shown.bodies.push(id);
  those.shown.records.set(id, { id, status: 'starting', incarnation: 1 });
};

const foundOfDue = (others: readonly object[], lacking: readonly string[] = []) => {
  const those = rig({ lacking });
  those.register('late');
  those.life('late', 'starting');
  those.life('late', 'crashed', {
    life: { at: 'waiting', startedFrom: 'registered' },
    reason: 'disconnected',
  });
  those.life('late', 'restart_scheduled', { restartAt: 50 });
  those.shown.records.set('late', { id: 'late', status: 'crashed', incarnation: 1 });
  for (const [at, more] of others.entries()) restarting(those, `other-${at}`, more);
  expect(those.finds(50)).toBeUndefined();
  return those.finds(53);
};

describe('restarts', () => {
  it('are as many at a time as may be, and one more for each other kind', () => {
    const those = rig({ maxConcurrentRestarts: 2 });
    for (const id of ['a', 'b']) restarting(those, id);
    expect(those.finds()).toBeUndefined();
    restarting(those, 'p', { pool: 'hands' });
    expect(those.finds()).toBeUndefined();
    restarting(those, 'c');
    expect(those.finds()).toBe('restarts take turns: 4 restarts are under way, 3 may be');
  });

  it('come when they are due, unless others of their kind have all the turns, or a secret is missing', () => {
    expect(foundOfDue([])).toBe('a due restart comes: late is due since 3 ms, and 0 others restart');
    expect(foundOfDue([{}])).toBeUndefined();
    expect(foundOfDue([{ pool: 'hands' }])).toBe(
      'a due restart comes: late is due since 3 ms, and 1 others restart',
    );
    expect(foundOfDue([], ['late'])).toBeUndefined();
  });
});

describe('a held agent', () => {
  it('goes on after its reset: within a second for each agent, and one more', () => {
    const { say, serve, life, finds, shown } = rig();
    for (const id of ['a', 'b']) serve(id);
    say('agent.parked', { agentId: 'a', until: 100 });
    expect(finds(3_100)).toBeUndefined();
    expect(finds(3_101)).toBe('a wait has an end: a is parked, and its reset was 3001 ms ago');
    life('a', 'stopping');
    shown.records.set('a', { id: 'a', status: 'stopping', incarnation: 1 });
    expect(finds(3_101)).toBeUndefined();
  });

  it('may live for two minutes after its parent has ended for good, counted from each such end', () => {
    const { life, serve, finds, shown } = rig();
    serve('parent');
    serve('child', { parent: { id: 'parent', rule: 'stop' } });
    serve('free', { parent: { id: 'parent', rule: 'detach' } });
    const parent = (name: string, status: string, incarnation: number) => {
      life('parent', name);
      shown.bodies = ['child', 'free', ...(status === 'running' || status === 'starting' ? ['parent'] : [])];
      shown.records.set('parent', { id: 'parent', status, incarnation });
    };
    expect(finds(1_000)).toBeUndefined();
    parent('stopped', 'stopped', 1);
    expect(finds(2_000)).toBeUndefined();
    expect(finds(122_000)).toBeUndefined();
    expect(finds(122_001)).toBe(
      'children end with their parents: child lives, and parent has ended 120001 ms ago',
    );
    parent('starting', 'starting', 2);
    expect(finds(122_001)).toBeUndefined();
    parent('started', 'running', 2);
    parent('stopped', 'stopped', 2);
    expect(finds(200_000)).toBeUndefined();
    expect(finds(320_000)).toBeUndefined();
    expect(finds(320_001)).toContain('children end with their parents');
    life('child', 'stopped');
    shown.bodies = ['free'];
    shown.records.set('child', { id: 'child', status: 'stopped', incarnation: 1 });
    expect(finds(320_001)).toBeUndefined();
  });
});

describe('waits', () => {
  it('close no circle: an agent all of whose places wait for agents that cannot go on is found', () => {
    const { judge, serve, finds } = rig();
    for (const id of ['a', 'b', 'c']) serve(id);
    serve('wide', { concurrency: 2 });
    const asks = (id: string, taskId: string, target: unknown, requestId = 1) => {
      judge.taskBegun(id, taskId);
      judge.asked(id, taskId, requestId, { target });
    };
    asks('a', 't1', 'b');
    asks('b', 't2', 'c');
    judge.taskBegun('c', 't3');
    expect(finds()).toBeUndefined();
    judge.asked('c', 't3', 7, { target: 'a' });
    expect(finds()).toBe('no wait closes a circle: a, b, c wait for each other, and nobody goes on');
    judge.answered('c', 't3', 7);
    expect(finds()).toBeUndefined();
    // One that asks no agent, or a kind of agent, waits for nobody in particular.
    judge.asked('c', 't3', 8, undefined);
    judge.asked('c', 't3', 8, { target: { type: 'any' } });
    expect(finds()).toBeUndefined();
    // One of two places is free.
    asks('wide', 't4', 'a');
    judge.asked('c', 't3', 9, { target: 'wide' });
    expect(finds()).toBeUndefined();
    asks('wide', 't5', 'b');
    expect(finds()).toContain('a, b, c, wide wait for each other');
    judge.taskOver('wide', 't5');
    expect(finds()).toBeUndefined();
    judge.taskBegun('wide', 't6');
    expect(finds()).toBeUndefined();
    judge.asked('wide', 't6', 1, { target: 'wide' });
    expect(finds()).toContain('wait for each other');
    judge.exited('wide');
    expect(finds()).toBeUndefined();
  });

  it('of an agent that does not serve, or is not known, are not held against it', () => {
    const { judge, life, serve, shown, finds } = rig();
    serve('a');
    for (const id of ['a', 'nobody']) {
      judge.taskBegun(id, 't');
      judge.asked(id, 't', 1, { target: id });
    }
    expect(finds()).toBe('no wait closes a circle: a wait for each other, and nobody goes on');
    life('a', 'stopping');
    shown.records.set('a', { id: 'a', status: 'stopping', incarnation: 1 });
    expect(finds()).toBeUndefined();
  });
});

describe('records', () => {
  it('list who is registered, with the status and incarnation of their events', () => {
    const { life, serve, shown, finds } = rig();
    serve('a');
    const show = (fields: object) =>
      shown.records.set('a', { id: 'a', status: 'running', incarnation: 1, ...fields });
    const wrong = 'records say what happened: a';
    show({ status: 'unresponsive' });
    expect(finds()).toBe(`${wrong} is unresponsive in its record, running by its events`);
    show({ incarnation: 2 });
    expect(finds()).toBe(`${wrong} has incarnation 2 in its record, 1 by its events`);
    shown.records.delete('a');
    expect(finds()).toBe(`${wrong} was registered, and is not listed`);
    shown.status = 'closing';
    expect(finds()).toBeUndefined();
    shown.status = 'open';
    shown.records.set('ghost', { id: 'ghost', status: 'running', incarnation: 1 });
    show({});
    expect(finds()).toContain('ghost is running in its record, not there by its events');
    shown.records.delete('ghost');
    // A killed body is leaving before that is told; one that has left is not.
    show({ status: 'stopping' });
    expect(finds()).toBeUndefined();
    life('a', 'stopped');
    shown.bodies = [];
    expect(finds()).toBe(`${wrong} is stopping in its record, stopped by its events`);
  });

  it('list the questions that are open, and no others', () => {
    const { say, shown, finds } = rig();
    say('question.asked', { questionId: 'q', agentId: 'a', taskId: 't' });
    expect(finds()).toBe(
      'records say what happened: question q is open by its events, and not open to people',
    );
    shown.questions = ['q'];
    expect(finds()).toBeUndefined();
    say('question.answered', { questionId: 'q', agentId: 'a', taskId: 't' });
    expect(finds()).toBe(
      'records say what happened: question q is answered by its events, and open to people',
    );
    shown.status = 'closing';
    expect(finds()).toBeUndefined();
  });

  it('name a leader who serves, in the life that was elected', () => {
    const { life, serve, shown, finds } = rig();
    serve('a');
    shown.leader = { agentId: 'a', incarnation: 1 };
    expect(finds()).toBeUndefined();
    shown.leader = { agentId: 'a', incarnation: 2 };
    expect(finds()).toBe('one leader a term: a/2 leads, and does not serve');
    shown.leader = { agentId: 'a', incarnation: 1 };
    life('a', 'stopping');
    shown.records.set('a', { id: 'a', status: 'stopping', incarnation: 1 });
    expect(finds()).toBe('one leader a term: a/1 leads, and does not serve');
    expectSilentWhileAway(shown, finds);
  });
});

describe('a round', () => {
  it('ends by its deadline, a leader’s turn of the same length included, and where coordination is lost', () => {
    const { say, serve, shown, finds } = rig();
    serve('a');
    say('round.opened', { at: 100, roundId: 'r', deadlineAt: 150, electorate: ['a'], terms: {} });
    expect(finds(200)).toBeUndefined();
    expect(finds(202)).toBe('every round ends: r is open 2 ms after its time');
    shown.coordination = 'lost';
    expect(finds(100)).toBe('every round ends: r is open, and coordination is lost');
  });
});

describe('a pool', () => {
  it.each<[string, object, string | undefined]>([
    ['is full', { members: ['a', 'b'] }, undefined],
    ['is full besides those that leave', { members: ['a', 'b', 'c'], draining: 1 }, undefined],
    ['has one too many', { members: ['a', 'b', 'c', 'd'], draining: 1 }, 'crew has 3 members, 2 are allowed'],
    ['has work, and nobody idle', { waiting: 1 }, undefined],
    ['has idle members, and no work', { idle: 1 }, undefined],
    ['closes, with both', { idle: 1, waiting: 1, status: 'closing' }, undefined],
    ['has both', { idle: 1, waiting: 1 }, '1 tasks wait in crew, and 1 members are idle'],
  ])('%s', (_, pool, problem) => {
    const { shown, finds } = rig();
    shown.pools = [
      { name: 'crew', max: 2, members: [], draining: 0, waiting: 0, idle: 0, status: 'open', ...pool },
    ];
    expect(finds()).toBe(problem && `a pool keeps its bounds: ${problem}`);
  });
});

describe('the next program', () => {
  it('goes on with what was kept: what was told alone is undone, and lives may begin again', () => {
    const { judge, serve, say, life } = rig();
    serve('a');
    const { lastSequence } = judge.kept.told;
    judge.keeps([told(judge.told).life('a', 'agent.unresponsive')]);
    say('alert.raised');
    judge.programEnds();
    expect([judge.told.told.lastSequence, judge.kept.told.lastSequence]).toEqual([
      lastSequence + 3,
      lastSequence + 3,
    ]);
    for (const history of [judge.told, judge.kept])
      expect(history.told.agents.get('a')!.isResumed).toBe(true);
    life('a', 'restart_scheduled', { restartAt: 9 });
    judge.assertHolds();
  });

  it('has no tasks at work, no versions in bodies and no orphans of the one before', () => {
    const { judge, serve, shown, say, finds } = rig();
    const goesOn = () => {
      // What was told is kept, too.
      judge.programEnds();
      shown.bodies = [...judge.told.told.agents.values()]
        .filter(({ id }) => judge.told.isAlive(id))
        .map(({ id }) => id);
      shown.records = new Map(
        [...judge.told.told.agents.values()].map(({ id, incarnation }) => [
          id,
          { id, status: judge.told.statusOf(id), incarnation },
        ]),
      );
    };
    serve('a', { variables: ['rate'] });
    for (const name of ['starting', 'started']) judge.keeps([told(judge.kept).life('a', `agent.${name}`)]);
    judge.taskBegun('a', 't');
    judge.asked('a', 't', 1, { target: 'a' });
    expect(finds()).toContain('no wait closes a circle');
    goesOn();
    expect(finds()).toBeUndefined();
    judge.opened({ agentId: 'a', variables: [{ name: 'rate', version: 4 }] } as never);
    judge.keeps([told(judge.told).event('variable.changed', { name: 'rate', version: 4, value: 1 })]);
    expect(finds()).toBeUndefined();
    goesOn();
    expect(finds()).toContain('a was given undefined');
    judge.opened({ agentId: 'a', variables: [{ name: 'rate', version: 4 }] } as never);
    say('alert.raised');
    judge.keeps([told(judge.told).registered('child', { parent: { id: 'gone', rule: 'stop' } })]);
    for (const name of ['starting', 'started'])
      judge.keeps([told(judge.told).life('child', `agent.${name}`)]);
    shown.bodies.push('child');
    shown.records.set('child', { id: 'child', status: 'running', incarnation: 1 });
    expect([finds(0), finds(120_000)]).toEqual([undefined, undefined]);
    expect(finds(120_001)).toContain('children end with their parents');
    goesOn();
    judge.opened({ agentId: 'a', variables: [{ name: 'rate', version: 4 }] } as never);
    expect(finds(120_001)).toBeUndefined();
  });
});
