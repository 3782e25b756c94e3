/** Every type of event comes about in a program that uses the public API alone: there is none that nobody could hear. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentSystemOptions, defineAgent, type SystemEventType, variable } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { awaited, codeOf, gate, rig, type Rig } from '../kit/rig.ts';

const often = { intervalMs: 100, timeoutMs: 10, failuresBeforeKill: 9 };
const parked = new Set<string>();
let check: unknown = 'well';
let stalling = gate();
const worker = defineAgent({
  type: 'worker',
  quota: 'model',
  variables: ['rate'],
  init: () => ({ n: 0 }),
  vote: () => 'accept',
  health: () => check,
  tasks: {
    work: { run: ({ state }) => (state.n += 1) },
    kept: { retry: 'on_host_loss', run: ({ step }) => step('one', () => 1) },
    hang: { run: () => new Promise<never>(() => {}) },
    stall: {
      stalledAfterMs: 10,
      run: async ({ progress }) => {
        await stalling.promise;
        progress(1);
      },
    },
    again: {
      retry: { attempts: 2, backoff: { delayMs: 1 } },
      run: ({ attempt }) => {
        if (attempt === 1) throw new Error('once');
      },
    },
    limit: {
      run: ({ park, taskId }) => {
        if (parked.has(taskId)) return;
        parked.add(taskId);
        park({ afterMs: 1_000, why: 'enough' });
      },
    },
    ask: {
      run: ({ ask, input }) =>
        ask({
          question: 'well?',
          // No JSON Schema says it: the task alone can refuse an answer.
          schema: z.string().refine((answer) => answer !== 'perhaps'),
          ...(input as object),
        }),
    },
    spend: {
      run: async ({ budget }) => (await budget.reserve({ calls: 1 })).settle({ calls: 1 }),
    },
    fail: {
      run: () => {
        throw new Error('no');
      },
    },
    finish: { run: ({ complete }) => complete() },
  },
});
const broken = defineAgent({
  type: 'broken',
  init: () => {
    throw new Error('no');
  },
  tasks: {},
});

/** A fleet of one agent, which runs. */
async function fleet(options?: AgentSystemOptions & { readonly clock?: never }): Promise<Rig> {
  const made = await rig(options);
  const { agents } = made;
  const coordination = { leadershipEligible: true };
  await agents.register({ id: 'ada', module: worker, tasks: { concurrency: 10 }, coordination });
  await agents.start('ada');
  return made;
}

const answer = async ({ system: { questions } }: Rig, said: string): Promise<void> => {
  await settled();
  await questions.answer(questions.list()[0]!.id, said);
  await settled();
};

/** What a program does, and what can be heard of it that no earlier one brings about. */
const programs: Readonly<
  Record<string, readonly [act: (fleet: Rig) => Promise<unknown>, types: readonly SystemEventType[]]>
> = {
  'agents live': [
    async ({ agents }) => {
      await agents.register({ id: 'broken', module: broken });
      await codeOf(agents.start('broken'));
      await agents.update('ada', { shutdownMs: 7 });
      await agents.execute('ada', { type: 'work' });
      await agents.stop('ada');
      await agents.start('ada');
      await agents.execute('ada', { type: 'finish' });
      await settled();
      await agents.forget('ada');
    },
    [
      'agent.registered',
      'agent.updated',
      'agent.starting',
      'agent.started',
      'agent.start_failed',
      'agent.stopping',
      'agent.stopped',
      'agent.completed',
      'agent.state_saved',
      'agent.forgotten',
      'leader.elected',
      'task.accepted',
      'task.started',
      'task.completed',
    ],
  ],
  'agents crash': [
    async ({ agents, clock }) => {
      await agents.kill('ada');
      await clock.advance(1_000);
      await agents.register({ id: 'eve', module: worker, restart: { policy: 'delayed', maxRestarts: 0 } });
      await agents.start('eve');
      await agents.kill('eve');
      await agents.start('eve');
    },
    ['agent.crashed', 'agent.restart_scheduled', 'agent.gave_up', 'alert.raised', 'alert.cleared'],
  ],
  'an agent is paused while it works': [
    async ({ agents, clock }) => {
      const task = awaited(agents.execute('ada', { type: 'hang', timeoutMs: 10 }));
      const paused = agents.pause('ada');
      await clock.advance(10);
      await Promise.all([codeOf(task), paused]);
      await agents.resume('ada');
    },
    ['agent.pausing', 'agent.paused', 'agent.resumed', 'task.timed_out'],
  ],
  'checks are missed': [
    async ({ agents, clock }) => {
      await agents.register({ id: 'slow', module: worker, health: often });
      await agents.start('slow');
      check = new Promise(() => {});
      await clock.advance(150);
      check = 'well';
      await clock.advance(300);
    },
    ['agent.unresponsive', 'agent.recovered'],
  ],
  'a limit is reached, and lifted': [
    async ({ agents, system, clock }) => {
      const task = agents.execute('ada', { type: 'limit' });
      await settled();
      await system.quotas.lift('model');
      await clock.advance(2_000);
      await task;
    },
    ['agent.parked', 'agent.unparked', 'task.parked', 'quota.lifted'],
  ],
  'tasks stall, fail and are taken back': [
    async ({ agents, system, clock }) => {
      stalling = gate();
      const slow = agents.execute('ada', { type: 'stall' });
      const again = agents.execute('ada', { type: 'again' });
      await clock.advance(10);
      stalling.resolve();
      await Promise.all([slow, again, agents.execute('ada', { type: 'kept' })]);
      const { id } = await system.tasks.submit('ada', { type: 'fail' });
      await settled();
      await system.tasks.forget(id);
      await system.tasks.cancel((await system.tasks.submit('ada', { type: 'hang' })).id);
    },
    [
      'task.stalled',
      'task.progressed',
      'task.step',
      'task.retry_scheduled',
      'task.failed',
      'task.forgotten',
      'task.abandoned',
    ],
  ],
  'a task is due every second': [
    async ({ system: { tasks }, clock }) => {
      await tasks.schedule({ name: 'often', everyMs: 1_000, target: 'ada', task: { type: 'work' } });
      await clock.advance(1_000);
      await tasks.unschedule('often');
    },
    ['schedule.set', 'schedule.fired', 'schedule.removed'],
  ],
  'people are asked': [
    async (fleet) => {
      const { tasks } = fleet.system;
      await tasks.submit('ada', { type: 'ask' });
      await answer(fleet, 'perhaps');
      await answer(fleet, 'yes');
      await tasks.submit('ada', { type: 'ask', input: { deadlineMs: 10 } });
      await fleet.clock.advance(10);
      const { id } = await tasks.submit('ada', { type: 'ask' });
      await settled();
      await tasks.cancel(id);
    },
    ['question.asked', 'question.answered', 'question.refused', 'question.expired', 'question.withdrawn'],
  ],
  'agents agree': [
    async ({ system: { variables, consensus, coordination } }) => {
      await variables.define('rate', variable.integer({ min: 0, max: 9, default: 1 }));
      await variables.set('rate', 2);
      await consensus.propose({ variable: 'rate', value: 3 });
      coordination.suspend();
      coordination.resume();
      await settled();
    },
    [
      'variable.changed',
      'variable.acknowledged',
      'round.opened',
      'round.voted',
      'round.closed',
      'coordination.lost',
      'coordination.restored',
    ],
  ],
  'a pool is made': [
    ({ system }) => system.pools.create({ name: 'pool', spec: { module: worker }, min: 1, max: 1 }),
    ['pool.scaled'],
  ],
  'a budget is spent': [
    async ({ agents, system: { budgets } }) => {
      budgets.define({ name: 'all', scope: 'fleet', limits: { calls: 5 } });
      budgets.define({ name: 'own', scope: 'agent', limits: { calls: 5 } });
      await agents.execute('ada', { type: 'spend' });
      await budgets.refill('all');
      await agents.stop('ada');
      await agents.forget('ada');
    },
    ['budget.reserved', 'budget.settled', 'budget.refilled', 'budget.closed'],
  ],
};

test.each(Object.entries(programs))('%s', async (_, [act, types]) => {
  const made = await fleet();
  await act(made);
  expect(made.events.map(({ type }) => type)).toEqual(expect.arrayContaining([...types]));
});

test('a program is lost with a task in it: the next one does not know how that ended', async () => {
  const store = mortalStore();
  const { system } = await fleet({ store });
  await system.tasks.submit('ada', { type: 'hang' });
  await settled();
  const next = await rig({ store: store.die(), agents: [worker] });
  const types: SystemEventType[] = [];
  for await (const { type } of next.system.events.read()) types.push(type);
  expect(types).toContain('task.unknown');
});

test('a store fails, and is back', async () => {
  const store = failingStore();
  const { agents, clock, eventsOf } = await fleet({ store });
  store.trouble = 'rejects';
  void awaited(agents.execute('ada', { type: 'work' }));
  await clock.advance(10_000);
  store.trouble = undefined;
  await clock.advance(60_000);
  expect([eventsOf('store.degraded').length, eventsOf('store.recovered').length]).toEqual([1, 1]);
});

test('there is no type beside these', async () => {
  const page = await readFile(new URL('../../docs/reference.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| `([a-z]+\.[a-z_]+)` \|/gm)].map(([, type = '']) => type);
  const tried = Object.values(programs).flatMap(([, types]) => types);
  const all = [...tried, 'task.unknown', 'store.degraded', 'store.recovered'];
  expect(listed.toSorted()).toEqual(all.toSorted());
});
