/** What the next program finds in a store, also when old events were dropped. */
import assert from 'node:assert/strict';
import type { EventBody, SystemEvent } from '../../runtime/journal/system-event.ts';
import { seededRandom } from '../seeded-random.ts';
import { all, assertIsEnd, same } from './comparison.ts';
import { sameRecovery } from './expected-recovery.ts';
import {
  IDS,
  numbered,
  registered,
  updated,
  referring,
  life,
  accepted,
  changed,
  spent,
  task,
  opened,
  closed,
  retryScheduled,
  randomEvents,
} from './sample-events.ts';
import { every, type StoreLaw } from './store-law.ts';

const submitted = (taskId: string) => ({ ...task('a', taskId), submitted: true }) as const;

export const recoveryLaws: readonly StoreLaw[] = [
  every(
    'agents are recovered in the order of registration, each with the latest event of its life',
    async (place) => {
      const { store } = await place.enter();
      const events = numbered([
        registered('b'),
        registered('a'),
        registered('c'),
        life('b', 'agent.starting'),
        life('b', 'agent.started'),
        life('nobody', 'agent.started'),
        { type: 'agent.state_saved', agentId: 'b', incarnation: 1, bytes: 2, stateVersion: 1 },
        accepted('a', 'task-1', 1),
        { type: 'agent.forgotten', agentId: 'c', incarnation: 0 },
      ]);
      await store.append({ events });
      const { recovery } = await place.enter();
      same(recovery.agents, [
        { registered: events[0], latest: events[4] },
        { registered: events[1], latest: events[1] },
      ]);
      assert.equal(recovery.lastSequence, 9);
    },
  ),

  every(
    'an agent whose spec has changed is recovered with the newest, at its place and with the latest event of its life',
    async (place) => {
      const { store } = await place.enter({ retainEvents: 1 });
      const events = numbered([
        registered('b'),
        registered('a'),
        registered('c'),
        life('b', 'agent.started'),
        updated('b', { size: 1 }, 1),
        updated('b', { size: 2 }, 1),
        updated('a', { size: 3 }, 2),
        updated('nobody', { size: 4 }, 1),
        { type: 'agent.forgotten', agentId: 'c', incarnation: 0 },
        updated('c', { size: 5 }, 3),
      ]);
      await store.append({ events });
      const kept = [
        { registered: events[5], latest: events[3] },
        { registered: events[6], latest: events[6] },
      ];
      const { store: second, recovery } = await place.enter({ retainEvents: 1 });
      same(recovery.agents, kept);
      const later = [life('b', 'agent.unresponsive'), updated('a', { size: 6 }, 2)];
      const more = numbered(
        [...later, ...Array.from({ length: 3_000 }, (_, at) => changed('v', at, at))],
        10,
      );
      for (let at = 0; at < more.length; at += 500) await second.append({ events: more.slice(at, at + 500) });
      const third = await place.enter({ retainEvents: 1 });
      same(third.recovery.agents, [
        { registered: events[5], latest: more[0] },
        { registered: more[1], latest: more[1] },
      ]);
    },
  ),

  every(
    'a task is unfinished until any of its ends, and one that is to be repeated has none yet',
    async (place) => {
      const { store } = await place.enter();
      const ends: EventBody[] = [
        { type: 'task.completed', ...task('a', 'completed'), waitedMs: 0, ranMs: 1 },
        {
          type: 'task.failed',
          ...task('a', 'failed'),
          waitedMs: 0,
          ranMs: 1,
          code: 'TASK_FAILED',
          error: { name: 'E', message: 'm' },
        },
        { type: 'task.timed_out', ...task('a', 'timed_out'), timeoutMs: 1 },
        { type: 'task.abandoned', ...task('a', 'abandoned'), why: 'stopped' },
        { type: 'task.unknown', ...task('a', 'unknown'), input: 1, retry: false },
        { type: 'task.unknown', ...task('a', 'repeated'), input: 1, retry: true },
      ];
      const names = [
        'completed',
        'failed',
        'open',
        'timed_out',
        'abandoned',
        'unknown',
        'started',
        'repeated',
      ];
      const events = numbered([
        ...names.map((name) => accepted('a', name, name)),
        { type: 'task.started', ...task('a', 'started'), attempt: 1 },
        retryScheduled('a', 'started', 1),
        ...ends,
        accepted('a', 'unknown', 'again'),
      ]);
      await store.append({ events });
      const { recovery } = await place.enter();
      same(recovery.tasks, [events[2], events[6], events[7], events.at(-1)]);
      if (recovery.taskProgress) same([...recovery.taskProgress], [['started', events[9]]]);
    },
  ),

  every(
    'a task that was submitted is recovered with its end, until it is forgotten or accepted again',
    async (place) => {
      const { store } = await place.enter();
      const ran = { waitedMs: 0, ranMs: 1 };
      const failed = { ...ran, code: 'TASK_FAILED', error: { name: 'E', message: 'm' } } as const;
      const names = ['completed', 'failed', 'timed_out', 'abandoned', 'unknown'];
      const events = numbered([
        ...[...names, 'open', 'again', 'forgotten', 'executed', 'repeated'].map((name) =>
          accepted('a', name, 1),
        ),
        { type: 'task.unknown', ...submitted('unknown'), input: 1, retry: false },
        { type: 'task.completed', ...submitted('completed'), ...ran },
        { type: 'task.failed', ...submitted('failed'), ...failed },
        { type: 'task.timed_out', ...submitted('timed_out'), timeoutMs: 1 },
        { type: 'task.abandoned', ...submitted('abandoned'), why: 'stopped' },
        { type: 'task.completed', ...submitted('again'), ...ran },
        { type: 'task.completed', ...submitted('forgotten'), ...ran },
        { type: 'task.completed', ...task('a', 'executed'), ...ran },
        { type: 'task.unknown', ...submitted('repeated'), input: 1, retry: true },
        { type: 'task.forgotten', ...task('a', 'forgotten') },
        accepted('a', 'again', 2),
      ]);
      await store.append({ events });
      const { recovery } = await place.enter();
      same(recovery.tasks, [events[5], events[9], events.at(-1)]);
      const ended = [11, 12, 13, 14, 10].map((at, place) => ({ accepted: events[place], end: events[at] }));
      if (recovery.endedTasks) same(recovery.endedTasks, ended);
    },
  ),

  every(
    'the last change of every variable is recovered, and every round that was not closed',
    async (place) => {
      const { store } = await place.enter();
      const events = numbered([
        changed('rate', 0.1, 1),
        changed('mode', 'fast', 1),
        opened('r1'),
        changed('rate', 0.2, 2),
        opened('r2'),
        closed('r1'),
      ]);
      await store.append({ events });
      const { recovery } = await place.enter();
      same(recovery.variables, [events[1], events[3]]);
      same(recovery.rounds, [events[4]]);
    },
  ),

  every(
    'the last event of every account of a budget is recovered, but for those of single tasks and of forgotten agents',
    async (place) => {
      const { store } = await place.enter();
      const events = numbered([
        spent('fleet', undefined, 1),
        spent('each', 'a1', 2),
        spent('each', 'a2', 3),
        spent('task', 'paid', 4),
        spent('fleet', undefined, 5),
        { type: 'budget.refilled', budget: 'each', of: 'a1', spent: {}, reserved: {} },
        { type: 'budget.closed', agentId: 'a2', incarnation: 1, budget: 'each', of: 'a2' },
      ]);
      await store.append({ events });
      const { recovery } = await place.enter();
      if (recovery.budgets !== undefined) same(recovery.budgets, [events[4], events[5]]);
    },
  ),

  every('what a recovery finds is what all events together say', async (place) => {
    const random = seededRandom(4);
    const history: SystemEvent[] = [];
    for (let program = 0; program < 8; program++) {
      const { store, recovery } = await place.enter();
      sameRecovery(recovery, history);
      while (history.length < (program + 1) * 50) {
        const events = referring(history, numbered(randomEvents(random, 7), history.length));
        await store.append({ events });
        history.push(...events);
      }
    }
  }),

  every('retention drops old events, and nothing that a recovery needs', async (place) => {
    const random = seededRandom(5);
    const history: SystemEvent[] = [];
    const { store } = await place.enter({ retainEvents: 500 });
    for (const id of IDS) {
      const events = numbered([registered(id), accepted(id, `first of ${id}`, id)], history.length);
      await store.append({ events });
      history.push(...events);
    }
    while (history.length < 12_000) {
      const events = referring(history, numbered(randomEvents(random, 150), history.length));
      await store.append({ events });
      history.push(...events);
    }
    const left = await all(store);
    assert.ok(left.length >= 500 && left.length < 6_000, `expected about 500 events, got ${left.length}`);
    assertIsEnd(left, history);
    // More events may have been dropped since: a store may drop old ones at any time.
    const own = await store.read({ agentId: IDS[0]!, limit: Infinity });
    assertIsEnd(
      own,
      left.filter(({ agentId }) => agentId === IDS[0]),
    );
    const again = await place.enter({ retainEvents: 500 });
    sameRecovery(again.recovery, history);
    assertIsEnd(await all(again.store), history);
  }),
];
