import { expect, it } from 'vitest';
import { defineAgent, type SystemEvent } from '../../../src/index.ts';
import { FleetHistory } from '../../../src/testing/simulate-fleet/fleet-history.ts';
import { rig } from '../../kit/rig.ts';
import { told } from './told.ts';

it('an agent is held from its event until the one that lets it go on; an unknown one changes nothing', async () => {
  const { agents, events } = await rig();
  const module = defineAgent({ type: 'held', init: () => ({}), tasks: {} });
  await agents.register({ id: 'a', module });
  const history = new FleetHistory();
  for (const event of events) history.note(event);
  let sequence = events.length;
  const held = (type: string, more: object = {}) => {
    for (const agentId of ['nobody', 'a']) {
      sequence += 1;
      history.note({ sequence, at: 0, type, agentId, incarnation: 1, ...more } as SystemEvent);
    }
    const { isPaused, parkedUntil } = history.told.agents.get('a')!;
    return [isPaused, parkedUntil];
  };
  expect(held('agent.parked', { until: 9, why: 'full' })).toEqual([false, 9]);
  expect(held('agent.unparked')).toEqual([false, undefined]);
  expect(held('agent.pausing')).toEqual([true, undefined]);
  expect(held('agent.resumed')).toEqual([false, undefined]);
  expect([...history.told.agents.keys()]).toEqual(['a']);
});

it('a history of nothing has nothing; what is done is counted, of all and of each agent', () => {
  const history = new FleetHistory();
  expect(history.told).toMatchObject({ lastSequence: 0, lastAt: 0, term: 0, allDone: 0 });
  for (const [index, agentId] of ['a', 'b', 'a'].entries()) {
    const [sequence, taskId] = [index + 1, `${agentId}-${index}`];
    history.note({ sequence, at: 7, type: 'task.completed', agentId, taskId } as SystemEvent);
  }
  expect(history.told).toMatchObject({ lastSequence: 3, lastAt: 7, allDone: 3 });
  expect([...history.told.done]).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  expect(history.resumed().told).toMatchObject({ lastSequence: 3, allDone: 3 });
});

const ends = ['completed', 'failed', 'timed_out', 'abandoned', 'unknown'];
const ofTask = { taskId: 't', agentId: 'a', task: 'work' };

it('an agent is registered with what its spec and its definition say, and has had no life', () => {
  const { history, registered } = told();
  history.note(registered('a', { agentType: 'writer', variables: ['rate'], concurrency: 3 }));
  expect(history.told.agents.get('a')).toEqual({
    id: 'a',
    kind: 'writer',
    variables: ['rate'],
    restart: { maxRestarts: 2, withinMs: 1_000 },
    last: 'agent.registered',
    at: 'registered',
    incarnation: 0,
    startedFrom: 'registered',
    isRestarting: false,
    restartAt: undefined,
    restarts: [],
    isResumed: false,
    lastStarted: 0,
    lastEnded: 0,
    isPaused: false,
    parkedUntil: undefined,
    parent: undefined,
    concurrency: 3,
    kinds: {},
  });
  history.note(registered('b', { pool: 'hands', parent: { id: 'a', rule: 'stop' } }));
  history.note(registered('c', { parent: { id: 'a', rule: 'detach' } }));
  expect(history.told.agents.get('b')).toMatchObject({ kind: 'pool hands', parent: 'a' });
  expect(history.told.agents.get('c')!.parent).toBeUndefined();
});

it('an agent has the status that its last event says; alive from its start to its end, serving while it runs', () => {
  const { history, registered, lives } = told();
  const seen: unknown[] = [];
  const look = () => seen.push([history.statusOf('a'), history.isAlive('a'), history.isServing('a')]);
  look();
  history.note(registered('a'));
  look();
  const names = ['starting', 'started', 'unresponsive', 'recovered', 'stopping', 'stopped', 'completed'];
  for (const name of [...names, 'crashed', 'restart_scheduled', 'gave_up', 'forgotten']) {
    lives('a', `agent.${name}`);
    look();
  }
  expect(seen).toEqual([
    [undefined, false, false],
    ['registered', false, false],
    ['starting', true, false],
    ['running', true, true],
    ['unresponsive', true, true],
    ['running', true, true],
    ['stopping', true, false],
    ['stopped', false, false],
    ['completed', false, false],
    ['crashed', false, false],
    ['crashed', false, false],
    ['crashed', false, false],
    [undefined, false, false],
  ]);
});

it('has ended for good what does not come back by itself, and what is not there', () => {
  const { history, serve, life } = told();
  serve('a');
  const places = [
    'serving',
    'waiting',
    'deciding',
    'stopped',
    'completed',
    'leftDown',
    'awaitingOperator',
    'gaveUp',
  ];
  const forGood = places.filter((at) => {
    history.note(life('a', 'agent.crashed', { life: { at, startedFrom: 'registered' } }));
    return history.hasEndedForGood('a');
  });
  expect(forGood).toEqual(['stopped', 'completed', 'leftDown', 'awaitingOperator', 'gaveUp']);
  expect(history.hasEndedForGood('nobody')).toBe(true);
});

it('a restart is due from its schedule to its start, under way until it has started, and counted within its window', () => {
  const { history, serve, life } = told();
  serve('a');
  const agent = () => {
    const { isRestarting, restartAt, restarts, incarnation, lastStarted, lastEnded } =
      history.told.agents.get('a')!;
    return [isRestarting, restartAt, restarts, incarnation, lastStarted, lastEnded];
  };
  const note = (name: string, at: string, startedFrom: string, more: object = {}) =>
    history.note(life('a', `agent.${name}`, { life: { at, startedFrom }, ...more }));
  note('crashed', 'waiting', 'registered', { at: 100, reason: 'disconnected' });
  expect(agent()).toEqual([false, undefined, [100], 1, 1, 1]);
  note('restart_scheduled', 'waiting', 'restart', { restartAt: 150 });
  expect(agent()).toEqual([false, 150, [100], 1, 1, 1]);
  note('starting', 'starting', 'restart');
  expect(agent()).toEqual([true, undefined, [100], 2, 1, 1]);
  note('started', 'serving', 'restart');
  expect(agent()).toEqual([false, undefined, [100], 2, 2, 1]);
  // The loss of a program is no restart, and neither is an end that is left as it is.
  note('crashed', 'waiting', 'restart', { at: 200, reason: 'host_lost' });
  note('crashed', 'gaveUp', 'restart', { at: 200, reason: 'disconnected' });
  expect(agent()).toEqual([false, undefined, [100], 2, 2, 2]);
  note('crashed', 'waiting', 'restart', { at: 1_099, reason: 'disconnected' });
  expect(agent()[2]).toEqual([100, 1_099]);
  note('crashed', 'waiting', 'restart', { at: 1_100, reason: 'disconnected' });
  expect(agent()[2]).toEqual([1_099, 1_100]);
  // What a caller has started begins its window anew.
  note('starting', 'starting', 'stopped');
  expect(agent()[2]).toEqual([1_099, 1_100]);
  note('started', 'serving', 'stopped');
  expect(agent()).toEqual([false, undefined, [], 3, 3, 2]);
});

it('a task is there from its acceptance to its end, whichever that is', () => {
  for (const end of ends) {
    const { history, note } = told();
    note('task.accepted', ofTask);
    note('task.progressed', ofTask);
    expect([...history.told.tasks.keys()]).toEqual(['t']);
    note(`task.${end}`, ofTask);
    expect(history.told.tasks.size).toBe(0);
    expect([...history.told.completed]).toEqual(end === 'completed' ? ['t'] : []);
  }
});

it('one that will be repeated has not ended, and may begin again', () => {
  const { history, note } = told();
  note('task.unknown', { ...ofTask, retry: true });
  note('task.accepted', ofTask);
  note('task.started', ofTask);
  note('task.unknown', { ...ofTask, retry: true });
  expect(history.told.tasks.get('t')).toMatchObject({ isStarted: true, isCarried: true });
});

const isInTurn = (accepted: object, kinds: object = {}) => {
  const { history, registered, lives, note } = told();
  history.note(registered('a', { kinds }));
  lives('a', 'agent.starting', 'agent.started');
  history.note(registered('asleep'));
  note('task.accepted', { ...ofTask, ...accepted });
  return history.told.tasks.get('t')!.isInTurn;
};

it('a task has its turn if it was accepted by an agent that serves, and nothing else holds it', () => {
  expect(isInTurn({})).toBe(true);
  expect(isInTurn({ submitted: {} })).toBe(false);
  expect(isInTurn({ dueAt: 0 })).toBe(false);
  expect(isInTurn({ agentId: 'asleep' })).toBe(false);
  expect(isInTurn({}, { work: { concurrency: 1 } })).toBe(false);
  expect(isInTurn({}, { other: { concurrency: 1 } })).toBe(true);
});

it('it is as urgent as was asked, else as its kind is, else 0', () => {
  const { history, registered, note } = told();
  history.note(registered('a', { kinds: { work: { priority: 4 } } }));
  const urgency = (accepted: object) => {
    note('task.accepted', { ...ofTask, ...accepted });
    return history.told.tasks.get('t')!.priority;
  };
  expect([{ priority: 0 }, {}, { task: 'other' }, { agentId: 'nobody' }].map(urgency)).toEqual([0, 4, 0, 0]);
});

const standsAfter = (change: (fleet: ReturnType<typeof told>) => void) => {
  const fleet = told();
  fleet.serve('a', 'b');
  fleet.note('task.accepted', ofTask);
  fleet.note('task.started', ofTask);
  change(fleet);
  const { isStarted, isCarried, isInTurn } = fleet.history.told.tasks.get('t')!;
  return [isStarted, isCarried, isInTurn];
};

it('a task loses its turn where its store fails, its agent leaves, or it is put off; then it may begin again', () => {
  expect(standsAfter(() => {})).toEqual([true, false, true]);
  expect(standsAfter(({ note }) => note('store.degraded'))).toEqual([true, true, false]);
  for (const type of ['task.retry_scheduled', 'task.parked']) {
    expect(standsAfter(({ note }) => note(type, ofTask))).toEqual([false, false, false]);
    expect(standsAfter(({ note }) => note(type, { ...ofTask, taskId: 'other' }))).toEqual([
      true,
      false,
      true,
    ]);
  }
  expect(standsAfter(({ note }) => note('question.asked', { ...ofTask, questionId: 'q' }))).toEqual([
    true,
    true,
    true,
  ]);
  expect(standsAfter(({ lives }) => lives('a', 'agent.unresponsive'))).toEqual([true, false, true]);
  expect(standsAfter(({ lives }) => lives('a', 'agent.stopping'))).toEqual([true, false, false]);
  expect(standsAfter(({ lives }) => lives('b', 'agent.stopping'))).toEqual([true, false, true]);
});

it('one that is accepted again waits behind those that were accepted meanwhile', () => {
  const { history, note } = told();
  for (const taskId of ['one', 'two', 'one']) note('task.accepted', { ...ofTask, taskId, submitted: {} });
  note('task.accepted', { ...ofTask, taskId: 'three' });
  expect([...history.told.tasks.keys()]).toEqual(['two', 'one', 'three']);
  expect([...history.told.submitted]).toEqual(['one', 'two']);
});

it('a question stands as its last event says, and who has ever asked is known', () => {
  const { history, note } = told();
  const standing = (type: string) => {
    note(`question.${type}`, { questionId: 'q', taskId: 't', agentId: 'a' });
    return history.told.questions.get('q');
  };
  const types = ['asked', 'answered', 'refused', 'expired', 'withdrawn'];
  expect(types.map(standing)).toEqual(['open', 'answered', 'open', 'expired', undefined]);
  expect([[...history.told.askers], [...history.told.answered]]).toEqual([['a'], ['q']]);
});

it('a schedule has the time that was due last; set anew, that which it is given', () => {
  const { history, note } = told();
  const last = (type: string, fields: object) => {
    note(`schedule.${type}`, { name: 's', ...fields });
    return history.told.schedules.get('s');
  };
  expect([last('set', {}), last('fired', { dueAt: 40 }), last('set', { lastDueAt: 30 })]).toEqual([
    0, 40, 30,
  ]);
  expect(last('removed', {})).toBeUndefined();
});

it('a round knows whom it asks, in which life, who has voted, and its end', () => {
  const { history, serve, note } = told();
  serve('a');
  note('round.opened', { at: 5, roundId: 'r', deadlineAt: 90, electorate: ['a', 'nobody'], terms: {} });
  const vote = (agentId: string, fields: object = {}) =>
    note('round.voted', { roundId: 'r', agentId, vote: 'accept', ...fields });
  vote('a');
  vote('b', { vote: 'reject' });
  vote('f', { vote: 'abstain' });
  vote('c', { refused: 'foreign' });
  vote('d', { term: 1 });
  note('round.voted', { roundId: 'other', agentId: 'e', vote: 'accept' });
  expect(history.told.rounds.get('r')).toEqual({
    isForVoters: true,
    openedAt: 5,
    deadlineAt: 90,
    electorate: new Map([
      ['a', 1],
      ['nobody', 0],
    ]),
    voted: new Set(['a', 'b', 'f']),
    accepts: 1,
  });
  note('round.closed', { roundId: 'r', outcome: 'accepted' });
  expect([history.told.rounds.size, [...history.told.closedRounds]]).toEqual([0, [['r', 'accepted']]]);
  note('variable.changed', { name: 'rate', version: 2, value: [1] });
  expect([...history.told.variables]).toEqual([['rate', { version: 2, json: '[1]' }]]);
  note('leader.elected', { term: 4, agentId: 'a' });
  expect(history.told.term).toBe(4);
});

it('a new program takes over agents and tasks, and rolls back the start that a caller had asked for', () => {
  const { history, registered, serve, lives, life, note } = told();
  serve('a');
  note('task.accepted', ofTask);
  history.note(registered('starts'));
  lives('starts', 'agent.starting');
  history.note(registered('restarts'));
  history.note(life('restarts', 'agent.starting', { life: { at: 'starting', startedFrom: 'restart' } }));
  const next = history.resumed();
  expect(next.told.tasks.get('t')).toMatchObject({ isCarried: true, isInTurn: false });
  // One that had started before, and was stopped, is stopped again.
  serve('again');
  lives('again', 'agent.stopped');
  history.note(life('again', 'agent.starting', { life: { at: 'starting', startedFrom: 'stopped' } }));
  expect(history.resumed().told.agents.get('again')).toMatchObject({
    at: 'stopped',
    last: 'agent.start_failed',
  });
  const standing = ['a', 'starts', 'restarts'].map((id) => {
    const { last, at, isResumed } = next.told.agents.get(id)!;
    return [last, at, isResumed];
  });
  expect(standing).toEqual([
    ['agent.started', 'serving', true],
    ['agent.start_failed', 'registered', true],
    ['agent.starting', 'starting', true],
  ]);
  // The one before it is as it was.
  expect(history.told.agents.get('starts')).toMatchObject({ last: 'agent.starting', isResumed: false });
  expect(history.told.tasks.get('t')).toMatchObject({ isCarried: false, isInTurn: true });
  const after = told(next);
  after.lives('a', 'agent.stopping');
  expect(next.told.agents.get('a')!.isResumed).toBe(false);
});
