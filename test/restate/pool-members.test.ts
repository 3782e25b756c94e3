/** Laws of the members of a pool of a fleet, by what they report and what becomes of them. */
import { describe, expect, it } from 'vitest';
import {
  type MemberNews,
  type MembersOwner,
  type PoolMember,
  PoolMembers,
} from '../../src/restate/pools/pool-members.ts';
import type { MemberPlace } from '../../src/runtime/pools/member.ts';

const SERVING = 'alive.serving.running';

const news = (id: string, fields: Partial<MemberNews> = {}): MemberNews => ({
  id,
  path: SERVING,
  incarnation: 1,
  takesWork: true,
  holds: [],
  heard: 0,
  done: 0,
  abandoned: [],
  ...fields,
});

function rig(closeAt?: number) {
  const told: unknown[] = [];
  const members: PoolMember[] = [];
  let count = 0;
  const owner: MembersOwner = {
    members,
    ends: { stopped: [], abandoned: [] },
    now: 7,
    chance: 0.5,
    closeAt,
    newId: () => `m${(count += 1)}`,
    send: (event) => told.push(event),
    bringUp: (id) => told.push(['bringUp', id]),
    dismiss: (id, timeoutMs) => told.push(['dismiss', id, timeoutMs]),
    kill: (id) => told.push(['kill', id]),
    failed: (failure, why) => told.push(['failed', failure?.code, why]),
  };
  const pool = new PoolMembers(owner);
  const rigged = {
    pool,
    members,
    places: () => members.map(({ id, place }) => `${id} ${place}`),
    told: () => told.splice(0),
    /** So many that are there, told of once. */
    at(place: MemberPlace, ...loads: readonly (readonly number[])[]) {
      for (const given of loads) members.push({ id: owner.newId(), place, given: [...given] });
      return rigged;
    },
  };
  return rigged;
}
const moment = { at: 7, tick: 7, chance: 0.5 };

describe('a start', () => {
  it('brings up as many as are asked for, each with an id of its own', () => {
    const { pool, places, told } = rig();
    pool.start(2);
    expect(places()).toEqual(['m1 starting', 'm2 starting']);
    expect(told()).toEqual([
      ['bringUp', 'm1'],
      ['bringUp', 'm2'],
    ]);
    pool.start(0);
    expect(places()).toHaveLength(2);
  });

  it('that succeeds has it live, once', () => {
    const { pool, places, told } = rig().at('starting', []);
    pool.broughtUp('m1', undefined);
    pool.broughtUp('m1', undefined);
    pool.broughtUp('nobody', undefined);
    expect(places()).toEqual(['m1 live']);
    expect(told()).toEqual([{ type: 'member.started' }]);
  });

  it.each([
    ['INIT_FAILED', false],
    ['RESOURCES_EXHAUSTED', true],
  ])('that fails with %s has it leave', (code, isExhausted) => {
    const { pool, places, told } = rig().at('starting', []);
    pool.broughtUp('m1', { code, message: 'no' } as never);
    expect(places()).toEqual(['m1 leaving']);
    expect(told()).toEqual([
      ['failed', code, 'no'],
      { type: 'member.start_failed', ...moment, isExhausted, why: 'no' },
      ['dismiss', 'm1', undefined],
    ]);
  });

  it('of one that is to leave is over before it is dismissed, and it is dismissed once', () => {
    const { pool, places, told } = rig().at('starting', [], []);
    pool.dismiss('starting', 1);
    expect([places(), told()]).toEqual([['m1 leaving', 'm2 starting'], []]);
    pool.broughtUp('m1', undefined);
    pool.broughtUp('m1', undefined);
    expect(told()).toEqual([['dismiss', 'm1', undefined]]);
  });
});

describe('a report', () => {
  it('takes away the tasks that are done: what it has heard of, and does not hold', () => {
    const { pool, members } = rig().at('live', [1, 2, 3, 4, 5]);
    pool.told(news('m1', { heard: 3, holds: [2] }));
    expect(members[0]?.given).toEqual([2, 4, 5]);
    pool.told(news('m1', { heard: 5, holds: [4, 5] }));
    expect(members[0]?.given).toEqual([4, 5]);
    pool.told(news('m1', { heard: 5 }));
    expect(members[0]?.given).toEqual([]);
    pool.told(news('nobody', { heard: 5 }));
  });

  it('of one that moves to another node has it down until it serves there, and it stays a member', () => {
    const { pool, places, told } = rig().at('live', []);
    pool.told(news('m1', { path: 'stopped', isMoving: true }));
    expect([places(), told()]).toEqual([['m1 down'], [{ type: 'member.fell' }]]);
    pool.told(news('m1', { path: 'alive.starting', incarnation: 2 }));
    pool.told(news('m1', { incarnation: 2 }));
    expect([places(), told()]).toEqual([['m1 live'], [{ type: 'member.recovered' }]]);
  });

  it.each([SERVING, 'alive.stopping'])('of a live one at %s changes nothing', (path) => {
    const { pool, places, told } = rig().at('live', []);
    pool.told(news('m1', { path }));
    expect([places(), told()]).toEqual([['m1 live'], []]);
  });

  it('of a fall and of its end is told once each', () => {
    const { pool, places, told } = rig().at('live', []);
    for (const path of ['alive.starting.first', 'crashed.waiting', 'alive.starting.first'])
      pool.told(news('m1', { path }));
    expect([places(), told()]).toEqual([['m1 down'], [{ type: 'member.fell' }]]);
    pool.told(news('m1'));
    expect([places(), told()]).toEqual([['m1 live'], [{ type: 'member.recovered' }]]);
  });

  it.each(['crashed.waiting', 'crashed.startingSoon'])('at %s is one that comes back', (path) => {
    const { pool, places } = rig().at('live', []);
    pool.told(news('m1', { path }));
    expect(places()).toEqual(['m1 down']);
  });

  it.each<[MemberPlace & ('live' | 'down'), string, Partial<MemberNews>, boolean, string]>([
    ['live', 'crashed.gaveUp', { reason: { exitCode: 3 } }, true, 'exit code 3'],
    ['down', 'crashed.leftDown', { reason: { exitCode: 3 }, done: 9 }, true, 'exit code 3'],
    ['live', 'stopped', {}, false, 'shutdown'],
    ['live', 'completed', { reason: 'normal', done: 1 }, false, 'normal'],
    ['live', 'completed', { reason: 'normal', done: 0 }, true, 'normal'],
    ['down', 'stopped', { reason: 'out_of_memory', done: 1 }, false, 'out_of_memory'],
  ])('of a %s one at %s, %o: it is lost, as a failure: %s', (place, path, fields, isFailure, reason) => {
    const { pool, places, told } = rig().at(place, []);
    pool.told(news('m1', { path, ...fields }));
    const why = `member m1 is lost (${reason})`;
    expect(places()).toEqual(['m1 leaving']);
    expect(told()).toEqual([
      ...(isFailure ? [['failed', undefined, why]] : []),
      { type: 'member.lost', from: place, ...moment, isFailure, why },
      ['dismiss', 'm1', undefined],
    ]);
    pool.told(news('m1', { path, ...fields }));
    expect(told()).toEqual([]);
  });
});

describe('a shrink', () => {
  it('drains those with the least to do first; one leaves with its last task', () => {
    const { pool, members, places, told } = rig().at('live', [1, 2], [3], []);
    for (const { id, given } of members) pool.told(news(id, { heard: 3, holds: [...given] }));
    pool.drain(2);
    expect(places()).toEqual(['m1 live', 'm2 draining', 'm3 leaving']);
    expect(told()).toEqual([{ type: 'member.leaving' }, ['dismiss', 'm3', undefined]]);
    pool.told(news('m2', { heard: 3, holds: [3] }));
    expect(told()).toEqual([]);
    pool.told(news('m2', { heard: 3 }));
    expect(places()).toEqual(['m1 live', 'm2 leaving', 'm3 leaving']);
    expect(told()).toEqual([{ type: 'member.leaving' }, ['dismiss', 'm2', undefined]]);
  });

  it('waits for no task of one that has fallen meanwhile, and for the first report of one that is new', () => {
    const { pool, places, told } = rig().at('live', [1]);
    pool.drain(1);
    expect([places(), told()]).toEqual([['m1 draining'], []]);
    pool.told(news('m1', { path: 'crashed.waiting', heard: 1, holds: [1] }));
    expect(places()).toEqual(['m1 leaving']);
  });

  it('is taken back for as many as are kept', () => {
    const { pool, places } = rig().at('draining', [1], [2], [3]);
    pool.keep(2);
    expect(places()).toEqual(['m1 live', 'm2 live', 'm3 draining']);
  });

  it('of those that are down dismisses as many, the first ones', () => {
    const { pool, places, told } = rig().at('down', [], [], []);
    pool.dismiss('down', 2);
    expect(places()).toEqual(['m1 leaving', 'm2 leaving', 'm3 down']);
    expect(told()).toEqual([
      ['dismiss', 'm1', undefined],
      ['dismiss', 'm2', undefined],
    ]);
  });
});

describe('the end', () => {
  it('dismisses all, those that start once that is over, with the time that is left', () => {
    const { pool, told } = rig(107).at('starting', []).at('live', []).at('down', []);
    pool.end();
    expect(told()).toEqual([
      ['dismiss', 'm2', 100],
      ['dismiss', 'm3', 100],
    ]);
    pool.broughtUp('m1', undefined);
    expect(told()).toEqual([['dismiss', 'm1', 100]]);
    pool.kill();
    expect(told()).toEqual(['m1', 'm2', 'm3'].map((id) => ['kill', id]));
  });

  it('counts one that had crashed before, and waited for its restart, as stopped, but if it ran again meanwhile', () => {
    const { pool } = rig(107).at('down', [], []);
    const crashed = { path: 'crashed.waiting', abandoned: ['t'] };
    for (const id of ['m1', 'm2']) pool.told(news(id, crashed));
    pool.end();
    pool.told(news('m1', { path: 'stopped', abandoned: ['t'] }));
    pool.told(news('m2', { path: 'alive.starting.again', incarnation: 2 }));
    for (const id of ['m1', 'm2']) pool.gone(id, false);
    expect(pool.report(0)).toMatchObject({ stopped: ['m1'], abandoned: ['m2'] });
  });

  it('leaves no time less than none', () => {
    const { pool, told } = rig(1).at('live', []);
    pool.end();
    expect(told()).toEqual([['dismiss', 'm1', 0]]);
  });

  it('reports who stopped in order of those that had a body, who did not, and who is left', () => {
    const { pool, told } = rig(107).at('live', [], [], [], []);
    pool.told(news('m1'));
    pool.told(news('m2'));
    pool.told(news('m3', { path: 'crashed.waiting' }));
    told();
    pool.end();
    told();
    for (const [id, isInOrder] of [
      ['m1', true],
      ['m2', false],
      ['nobody', true],
    ] as const)
      pool.gone(id, isInOrder);
    expect(told()).toEqual([{ type: 'member.gone' }, { type: 'member.gone' }]);
    expect(pool.report(5)).toEqual({
      stopped: ['m1'],
      abandoned: ['m2', 'm3', 'm4'],
      tasksAbandoned: 5,
    });
    pool.gone('m4', true);
    expect(pool.report(0)).toMatchObject({ stopped: ['m1'], abandoned: ['m2', 'm3'] });
  });
});
