/** Every deed of a script does what it says to the fleet, and its answer is the one that the fleet gave. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAgent, type SystemEvent, variable } from '../../../src/index.ts';
import { type Deed, replayFleet, type SimulateFleetOptions } from '../../../src/testing/index.ts';

const worker = defineAgent({
  type: 'worker',
  variables: ['rate'],
  init: ({ restored }): { n: number } => restored ?? { n: 0 },
  vote: () => 'accept',
  tasks: {
    add: { input: z.number(), run: ({ input, state }) => (state.n += input) },
    read: { run: ({ state }) => state.n },
    long: {
      run: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    },
  },
});
const spec = {
  restart: { policy: 'manual' },
  tasks: { concurrency: 1, queueLimit: 100 },
  shutdownMs: 1_000,
  startTimeoutMs: 30_000,
} as const;
const A = 'worker-1';
const wait = (ms: number): Deed => ({ do: 'wait', ms });
const begun: readonly Deed[] = [{ do: 'register', agent: A }, { do: 'start', agent: A }, wait(5_000)];
const execute = (input: number, more: object = {}): Deed => ({
  do: 'execute',
  to: A,
  task: 'add',
  input,
  ...more,
});

/** What a script does to one worker: its events by type, and the answers that callers were given. */
async function replayed(script: readonly Deed[], more: Partial<SimulateFleetOptions> = {}) {
  const answers: unknown[] = [];
  const events: SystemEvent[] = [];
  const run = await replayFleet(
    {
      agents: [{ module: worker, spec }],
      variables: { rate: variable.integer({ min: 0, max: 9, default: 1 }) },
      invariants: {
        look: (seen) => {
          answers.push(...seen.answers);
          events.push(...seen.events);
          return true;
        },
      },
      ...more,
    },
    script,
  );
  expect(run.finding).toBeUndefined();
  const of = (type: string) =>
    events.filter((event) => event.type === type) as unknown as Record<string, unknown>[];
  return { run, answers, events, of };
}

describe('lives', () => {
  it('an agent that is not of the fleet is not registered', async () => {
    const { events } = await replayed([{ do: 'register', agent: 'nobody' }, wait(1_000)]);
    expect(events.filter(({ agentId }) => agentId !== undefined)).toEqual([]);
  });

  it('an agent is paused, resumed, checked, restarted, stopped, killed and forgotten', async () => {
    const deeds = ['pause', 'resume', 'check', 'stop', 'start', 'kill', 'restart', 'kill', 'forget'] as const;
    const script = deeds.flatMap((deed): Deed[] => [{ do: deed, agent: A }, wait(5_000)]);
    const { of, events } = await replayed([...begun, ...script]);
    expect(['paused', 'resumed', 'forgotten'].map((name) => of(`agent.${name}`).length)).toEqual([1, 1, 1]);
    expect(of('agent.started').map(({ incarnation }) => incarnation)).toEqual([1, 2, 3]);
    expect(of('agent.paused')[0]).toMatchObject({ by: 'the seed' });
    expect(events.at(-1)).toMatchObject({ type: 'agent.forgotten', agentId: A });
  });

  it('a stop has the time that it is given, else that of its spec', async () => {
    const long: Deed = { do: 'execute', to: A, task: 'long' };
    const tookMs = async (more: object) => {
      const { of } = await replayed([
        ...begun,
        long,
        wait(5_000),
        { do: 'stop', agent: A, ...more },
        wait(10_000),
      ]);
      return Number(of('agent.stopped')[0]!['at']) - Number(of('agent.stopping')[0]!['at']);
    };
    const [given, own] = [await tookMs({ timeoutMs: 3_000 }), await tookMs({})];
    expect(given).toBeGreaterThan(1_000);
    expect(given).toBeLessThanOrEqual(3_000);
    expect(own).toBeLessThanOrEqual(1_000);
  });
});

describe('tasks', () => {
  it('are answered to those who executed or submitted them, with what they asked', async () => {
    const read: Deed = { do: 'submit', to: A, task: 'read' };
    const { answers, of } = await replayed([
      ...begun,
      execute(2),
      wait(9_000),
      { ...execute(3), do: 'submit' } as Deed,
      wait(9_000),
      read,
      wait(9_000),
    ]);
    expect(answers).toEqual([
      { to: A, task: 'add', input: 2, output: 2 },
      { to: A, task: 'add', input: 3, output: 5 },
      { to: A, task: 'read', input: undefined, output: 5 },
    ]);
    expect(of('task.accepted').map(({ submitted }) => submitted !== undefined)).toEqual([false, true, true]);
  });

  it('have their priority, their time and their delay', async () => {
    const submit = { ...execute(1), do: 'submit', priority: 5, timeoutMs: 700, delayMs: 2_000 } as Deed;
    const { of } = await replayed([
      ...begun,
      execute(1, { priority: 3, timeoutMs: 60_000 }),
      submit,
      wait(9_000),
    ]);
    expect(of('task.accepted').map(({ priority }) => priority)).toEqual([3, 5]);
    const [, accepted] = of('task.accepted');
    const [, started] = of('task.started');
    expect(Number(started!['at']) - Number(accepted!['at'])).toBeGreaterThanOrEqual(2_000);
  });

  it('that one waits for are given up, and submitted ones cancelled: the one of so many tasks ago', async () => {
    for (const deed of ['execute', 'submit'] as const) {
      const { of, answers } = await replayed([
        ...begun,
        { do: deed, to: A, task: 'long' },
        wait(3_000),
        execute(1, { timeoutMs: 90_000 }),
        { do: 'cancel', ago: 9 },
        { do: 'cancel', ago: 2 },
        wait(9_000),
      ]);
      expect(answers).toMatchObject([{ task: 'add', output: 1 }]);
      expect(of('task.abandoned').length + of('task.failed').length, deed).toBe(1);
    }
  });

  it('of a schedule come each time, until it is taken away', async () => {
    const every: Deed = { do: 'schedule', to: A, task: 'add', input: 1, everyMs: 60_000 };
    const { of } = await replayed([
      ...begun,
      every,
      wait(200_000),
      { do: 'unschedule', to: A },
      wait(200_000),
    ]);
    expect(of('schedule.set')).toMatchObject([{ name: `of ${A}`, everyMs: 60_000, target: A }]);
    expect(of('schedule.fired')).toHaveLength(3);
    expect(of('task.completed')).toHaveLength(3);
    expect(of('schedule.removed')).toHaveLength(1);
  });
});

describe('values', () => {
  it('are set, and proposed to those who vote', async () => {
    const propose: Deed = {
      do: 'propose',
      variable: 'rate',
      value: 4,
      deadlineMs: 1_000,
      tie: 'keep',
      fallback: { retry: 1 },
    };
    const { of } = await replayed([
      ...begun,
      { do: 'set', variable: 'rate', value: 3 },
      wait(5_000),
      propose,
      wait(9_000),
    ]);
    expect(of('variable.changed').map(({ value, version }) => [value, version])).toEqual([
      [1, 1],
      [3, 2],
      [4, 3],
    ]);
    expect(of('round.opened')).toMatchObject([{ value: 4, terms: { tie: 'keep', deadlineMs: 1_000 } }]);
    expect(of('round.closed')).toMatchObject([{ outcome: 'accepted' }]);
  });
});

describe('pools', () => {
  it('are opened, sized, given tasks and closed', async () => {
    const pool = { name: 'hands', min: 1, max: 3 };
    const { of, answers } = await replayed(
      [
        { do: 'open pool', pool: 'hands' },
        wait(5_000),
        { do: 'resize', pool: 'hands', size: 3 },
        wait(5_000),
        { do: 'execute', to: { pool: 'hands' }, task: 'add', input: 2 },
        wait(9_000),
        { do: 'close pool', pool: 'hands' },
        wait(9_000),
      ],
      { agents: [{ module: worker, pool, spec }] },
    );
    expect(of('agent.started')).toHaveLength(3);
    expect(answers).toEqual([{ to: { pool: 'hands' }, task: 'add', input: 2, output: 2 }]);
    expect(of('agent.forgotten').length + of('agent.stopped').length).toBeGreaterThanOrEqual(3);
  });
});
