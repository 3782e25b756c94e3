/** Which event may come next in the history of a fleet: each law is kept up to its bound, and broken one step past it. */
import { describe, expect, it } from 'vitest';
import { LIFE_ORDER } from '../../../src/testing/simulate-fleet/life-order.ts';
import { told } from './told.ts';

/** Two agents that serve, and events of tasks of the first. */
function fleetAtWork() {
  const those = told();
  those.serve('a', 'b');
  const { event, note } = those;
  const task = (type: string, taskId: string, fields: object = {}) =>
    event(`task.${type}`, { taskId, agentId: 'a', incarnation: 1, task: 'work', ...fields });
  return {
    ...those,
    task,
    noted: (type: string, taskId: string, fields: object = {}) =>
      note(`task.${type}`, task(type, taskId, fields)),
  };
}

const opened = { roundId: 'r', deadlineAt: 90, electorate: ['a', 'b'], terms: {} };
const vote = (more: object = {}) => ({
  roundId: 'r',
  agentId: 'a',
  incarnation: 1,
  vote: 'accept',
  ...more,
});
const close = (more: object = {}) => ({ roundId: 'r', outcome: 'accepted', ...more });
const voters = (accept: number, total: number) => ({ tally: { voters: { accept, total } } });
/** Three agents that serve, and an open round of two. */
function openRound(terms: object = {}) {
  const those = told();
  those.serve('a', 'b', 'c');
  those.note('round.opened', { ...opened, terms });
  return those;
}

describe('the stream', () => {
  it('has each number once, and none is left out', () => {
    const { note, event, breaks } = told();
    note('alert.raised');
    note('alert.raised');
    expect(breaks(event('alert.raised'))).toBeUndefined();
    for (const sequence of [1, 2, 4])
      expect(breaks(event('alert.raised', { sequence }))).toContain(`sequence ${sequence} follows 2`);
  });

  it('may stand still in time, and never goes back', () => {
    const { note, event, breaks } = told();
    note('alert.raised', { at: 7 });
    expect(breaks(event('alert.raised', { at: 7 }))).toBeUndefined();
    expect(breaks(event('alert.raised', { at: 5 }))).toMatch(/^events are one stream: .* by 2 ms/);
  });
});

describe('a life', () => {
  const types = Object.keys(LIFE_ORDER).filter((type) => type !== 'agent.registered');
  const resumed = ['starting', 'crashed', 'stopped', 'restart_scheduled', 'forgotten'].map(
    (name) => `agent.${name}`,
  );

  it.each(Object.entries(LIFE_ORDER).filter(([last]) => last !== 'agent.forgotten'))(
    'goes on after %s as its order says; taken over by another program it may also begin or end',
    (last, order) => {
      const { history, registered, lives, life, breaks } = told();
      history.note(registered('a'));
      if (last !== 'agent.registered') lives('a', last);
      const follow = types.filter((type) => breaks(life('a', type)) === undefined);
      expect(follow.toSorted()).toEqual(order.toSorted());
      for (const type of types.filter((one) => !order.includes(one as never)))
        expect(breaks(life('a', type))).toContain(`a life goes as its chart says: ${last} comes before #`);
      if (last === 'agent.starting') return;
      const next = told(history.resumed());
      const allowed = types.filter((type) => next.breaks(next.life('a', type)) === undefined);
      expect(allowed.toSorted()).toEqual([...new Set([...order, ...resumed])].toSorted());
    },
  );

  it('begins with its registration', () => {
    const { registered, life, breaks } = told();
    expect(breaks(registered('a'))).toBeUndefined();
    expect(breaks(life('a', 'agent.starting'))).toContain('of an agent that is not there');
  });

  it('has a new incarnation with each start, and keeps it up to its end', () => {
    const { serve, lives, life, breaks } = told();
    serve('a');
    for (const incarnation of [0, 2])
      expect(breaks(life('a', 'agent.stopping', { incarnation }))).toContain('incarnation 1 was to follow');
    lives('a', 'agent.stopping', 'agent.stopped');
    for (const incarnation of [1, 3])
      expect(breaks(life('a', 'agent.starting', { incarnation }))).toContain('incarnation 2 was to follow');
  });

  it('that was asked to end is not to restart', () => {
    const { serve, lives, life, breaks } = told();
    serve('a');
    lives('a', 'agent.stopping');
    const crash = (at: string, reason = 'disconnected') =>
      breaks(life('a', 'agent.crashed', { life: { at, startedFrom: 'registered' }, reason }));
    expect(crash('waiting')).toContain('it was asked to end, and is to restart');
    expect(crash('leftDown')).toBeUndefined();
    // Its program is gone, and with it what was asked.
    expect(crash('waiting', 'host_lost')).toBeUndefined();
  });

  it('has as many restarts within its window as its rule allows; one at its end is out of it', () => {
    const { history, serve, lives, life, breaks } = told();
    serve('a');
    const crash = (at: number, place = 'waiting', reason = 'disconnected') =>
      life('a', 'agent.crashed', { at, life: { at: place, startedFrom: 'restart' }, reason });
    for (const at of [100, 500]) {
      expect(breaks(crash(at))).toBeUndefined();
      history.note(crash(at));
      lives('a', 'agent.restart_scheduled', 'agent.starting');
      history.note(life('a', 'agent.started', { life: { at: 'serving', startedFrom: 'restart' } }));
    }
    expect(breaks(crash(1_099))).toContain(
      'restarts are few: 3 restarts within 1000 ms, 2 are allowed: #12 agent.crashed a/3 disconnected',
    );
    expect(breaks(crash(1_100))).toBeUndefined();
    expect(breaks(crash(1_099, 'gaveUp'))).toBeUndefined();
    expect(breaks(crash(1_099, 'waiting', 'host_lost'))).toBeUndefined();
  });
});

describe('a task', () => {
  it('is accepted until it has begun, then no more, unless another program goes on with it', () => {
    const { history, task, noted, breaks } = fleetAtWork();
    expect(breaks(task('accepted', 't'))).toBeUndefined();
    noted('accepted', 't');
    expect(breaks(task('accepted', 't'))).toBeUndefined();
    noted('started', 't');
    expect(breaks(task('accepted', 't'))).toContain('a task ends once: accepted twice');
    expect(breaks(task('started', 't'))).toContain('a task ends once: begun twice');
    const next = told(history.resumed());
    expect(next.breaks(task('accepted', 't'))).toBeUndefined();
    expect(next.breaks(task('started', 't'))).toBeUndefined();
  });

  it('has one end, and what is forgotten may have had it', () => {
    const { task, noted, breaks } = fleetAtWork();
    expect(breaks(task('completed', 't'))).toContain('it had ended, or was never accepted');
    noted('accepted', 't');
    noted('started', 't');
    expect(breaks(task('completed', 't'))).toBeUndefined();
    noted('completed', 't');
    expect(breaks(task('failed', 't'))).toContain('a task ends once: it had ended');
    expect(breaks(task('forgotten', 't'))).toBeUndefined();
  });

  it('begins where its agent serves, or works off what it had accepted, in the same life', () => {
    const { lives, task, noted, breaks } = fleetAtWork();
    noted('accepted', 't');
    expect(breaks(task('started', 't'))).toBeUndefined();
    const dead = 'a task ends once: begun in a life that does not serve';
    expect(breaks(task('started', 't', { incarnation: 2 }))).toContain(dead);
    expect(breaks(task('started', 't', { agentId: 'nobody' }))).toContain(dead);
    lives('a', 'agent.stopping');
    expect(breaks(task('started', 't'))).toBeUndefined();
    lives('a', 'agent.stopped');
    expect(breaks(task('started', 't'))).toContain(dead);
  });

  it('does not begin while its agent is held', () => {
    const { note, task, noted, breaks } = fleetAtWork();
    noted('accepted', 't');
    note('agent.paused', { agentId: 'a' });
    expect(breaks(task('started', 't'))).toContain('a held agent begins nothing: a is paused: #');
    note('agent.resumed', { agentId: 'a' });
    note('agent.parked', { agentId: 'a', until: 90 });
    expect(breaks(task('started', 't'))).toContain('a held agent begins nothing: a is parked until 90: #');
    note('agent.unparked', { agentId: 'a' });
    expect(breaks(task('started', 't'))).toBeUndefined();
  });

  it('begins at its time, and not a moment before', () => {
    const { task, noted, breaks } = fleetAtWork();
    noted('accepted', 't', { dueAt: 50 });
    expect(breaks(task('started', 't', { at: 50 }))).toBeUndefined();
    expect(breaks(task('started', 't', { at: 47 }))).toContain(
      'what waits has its turn: 3 ms before its time',
    );
  });

  it.each<[string, object, object, boolean]>([
    ['as urgent', {}, {}, true],
    ['more urgent', { priority: 1 }, {}, true],
    ['less urgent', {}, { priority: 1 }, false],
    ['of another agent', { agentId: 'b' }, {}, false],
    ['of those that are submitted', { submitted: {} }, {}, false],
  ])('waits for one that is older and %s: case %#', (_, older, younger, isHeld) => {
    const { task, noted, breaks } = fleetAtWork();
    noted('accepted', 'older', older);
    noted('accepted', 'younger', younger);
    noted('accepted', 'youngest', { priority: 9 });
    const said = breaks(task('started', 'younger'));
    if (isHeld) expect(said).toMatch(/^what waits has its turn: older is older and at least as urgent/);
    else expect(said).toBeUndefined();
    expect(breaks(task('started', 'older', older))).toBeUndefined();
    noted('started', 'older', older);
    expect(breaks(task('started', 'younger'))).toBeUndefined();
  });

  it('is not ended by what a budget says of it', () => {
    const { event, breaks } = fleetAtWork();
    for (const type of ['budget.reserved', 'budget.refilled'])
      expect(breaks(event(type, { taskId: 'nothing', agentId: 'a' }))).toBeUndefined();
  });
});

describe('what comes once', () => {
  it('a time of a schedule comes after the one before it', () => {
    const { note, event, breaks } = told();
    const fired = (dueAt: number) => breaks(event('schedule.fired', { name: 's', dueAt }));
    expect(fired(0)).toBeUndefined();
    note('schedule.fired', { name: 's', dueAt: 40 });
    expect(fired(41)).toBeUndefined();
    for (const dueAt of [39, 40])
      expect(fired(dueAt)).toContain(`a time comes once: ${dueAt} of s comes after 40`);
  });

  it('a question is asked where it is new, ends where it is open, and is refused where it was answered', () => {
    const ends = ['answered', 'expired', 'withdrawn'];
    const allowed = (...before: readonly string[]) => {
      const { note, event, breaks } = told();
      const of = { questionId: 'q', taskId: 't', agentId: 'a' };
      for (const type of before) note(`question.${type}`, of);
      return ['asked', 'refused', ...ends].filter(
        (type) => breaks(event(`question.${type}`, of)) === undefined,
      );
    };
    expect(allowed()).toEqual(['asked']);
    expect(allowed('asked')).toEqual(ends);
    expect(allowed('asked', 'answered')).toEqual(['refused']);
    expect(allowed('asked', 'answered', 'refused')).toEqual(ends);
    expect(allowed('asked', 'expired')).toEqual([]);
    expect(allowed('asked', 'withdrawn')).toEqual(['asked']);
  });

  it('what is wrong with a question is said in full', () => {
    const { note, event, breaks } = told();
    const of = { questionId: 'q', taskId: 't', agentId: 'a' };
    expect(breaks(event('question.answered', of))).toContain(': q is not there, and not open: #1');
    note('question.asked', of);
    expect(breaks(event('question.asked', of))).toContain(': q is open, and not new: #2');
  });
});

describe('coordination', () => {
  it('a variable has each version once, in order', () => {
    const { note, event, breaks } = told();
    const changed = (version: number) => event('variable.changed', { name: 'v', version, value: 0 });
    expect(breaks(changed(4))).toBeUndefined();
    note('variable.changed', { name: 'v', version: 4, value: 0 });
    expect([3, 4, 5, 6].map((version) => breaks(changed(version)) === undefined)).toEqual([
      false,
      false,
      true,
      false,
    ]);
    expect(breaks(changed(6))).toContain('versions only grow: version 6 follows 4');
  });

  it('a round is opened once, and asks those who serve', () => {
    const { history, lives, event, breaks } = openRound();
    expect(breaks(event('round.opened', opened))).toContain('every round ends: opened twice');
    expect(breaks(event('round.opened', { ...opened, roundId: 's' }))).toBeUndefined();
    lives('b', 'agent.stopping');
    expect(history.isServing('b')).toBe(false);
    expect(breaks(event('round.opened', { ...opened, roundId: 's' }))).toContain(
      'b does not serve, and is asked',
    );
  });

  it('a vote is of one who was asked, in that life, and the first', () => {
    const { note, event, breaks } = openRound();
    const voted = (more?: object) => breaks(event('round.voted', vote(more)));
    expect(voted()).toBeUndefined();
    expect(voted({ agentId: 'c' })).toContain('by one who was not asked in an open round');
    expect(voted({ roundId: 'other' })).toContain('by one who was not asked in an open round');
    expect(voted({ incarnation: 2 })).toContain('incarnation 1 was asked');
    note('round.voted', vote());
    expect(voted()).toContain('a vote counts once: the second');
    // What is refused, or is a leader's, is not counted.
    expect(voted({ refused: 'second' })).toBeUndefined();
    expect(voted({ term: 3 })).toBeUndefined();
  });

  it('a round that is closed was open, and counts those who are there, and no vote that was not given', () => {
    const { note, lives, event, breaks } = openRound();
    const closed = (more?: object) => breaks(event('round.closed', close(more)));
    expect(closed({ roundId: 'other' })).toContain('every round ends: not open');
    note('round.voted', vote());
    note('round.voted', vote({ agentId: 'b', vote: 'reject' }));
    expect(closed(voters(1, 2))).toBeUndefined();
    expect(closed(voters(0, 2))).toBeUndefined();
    expect(closed(voters(2, 2))).toContain('2 accept in the tally, 1 did');
    expect(closed(voters(1, 3))).toContain('3 voters are counted, 2 are there');
    expect(closed()).toContain('0 voters are counted, 2 are there');
    // A round that was cut short counts whom it will, or nobody.
    expect(
      openRound().breaks(event('round.closed', { sequence: 11, ...close({ cut: 'closing' }) })),
    ).toBeUndefined();
    expect(closed({ cut: 'closing', ...voters(1, 7) })).toBeUndefined();
    lives('b', 'agent.crashed');
    expect(closed(voters(1, 1))).toBeUndefined();
    lives('b', 'agent.restart_scheduled', 'agent.starting', 'agent.started');
    // It serves again, in another life, which was not asked.
    expect(closed(voters(1, 1))).toBeUndefined();
    expect(closed(voters(1, 2))).toContain('2 voters are counted, 1 are there');
  });

  it.each([{ tie: 'leader' }, { fallback: 'leader_decides' }])(
    'a round that a leader may decide is not counted: %o',
    (terms) => {
      const { event, breaks } = openRound(terms);
      expect(breaks(event('round.closed', close(voters(0, 7))))).toBeUndefined();
      expect(breaks(event('round.closed', close(voters(1, 2))))).toContain('1 accept in the tally, 0 did');
    },
  );

  it('a leader has a new term, and serves in the life that was elected', () => {
    const { note, lives, event, breaks } = openRound();
    const elected = (term: number, more: object = {}) =>
      breaks(event('leader.elected', { agentId: 'a', incarnation: 1, term, ...more }));
    note('leader.elected', { agentId: 'a', incarnation: 1, term: 3 });
    expect(elected(4)).toBeUndefined();
    for (const term of [2, 3]) expect(elected(term)).toContain(`one leader a term: term ${term} follows 3`);
    expect(elected(4, { incarnation: 2 })).toContain('one leader a term: it does not serve');
    expect(elected(4, { agentId: 'nobody' })).toContain('it does not serve');
    lives('a', 'agent.stopping');
    expect(elected(4)).toContain('it does not serve');
  });
});
