/**
 * Every store call of a life fails, in every way that it can: whoever was answered can rely on the answer, whoever
 * was not gets an error, and the agent goes on.
 */
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import {
  type AgentSystem,
  AgentSystemError,
  createAgentSystem,
  defineAgent,
  type Store,
} from '../../src/index.ts';
import { type SimulatedClock, simulatedClock } from '../../src/testing/index.ts';
import { type Fault, faultyStore } from './faulty-store.ts';

const adder = defineAgent({
  type: 'adder',
  init: ({ restored }): { total: number } => restored ?? { total: 0 },
  tasks: {
    add: {
      run: ({ input, state }) => {
        state.total += input as number;
        return state.total;
      },
    },
  },
});

/** What a caller was told, step by step. */
type Answer = {
  readonly step: string;
  readonly told: 'done' | 'STORE_FAILED' | 'nothing' | 'refused';
  readonly value?: unknown;
};

const steps: Record<string, (system: AgentSystem) => Promise<unknown>> = {
  register: ({ agents }) =>
    agents.register({ id: 'one', module: adder, restart: { policy: 'immediate', delayMs: 100 } }),
  start: ({ agents }) => agents.start('one'),
  'add 1': ({ agents }) => agents.execute('one', { type: 'add', input: 1 }),
  'add 2': ({ agents }) => agents.execute('one', { type: 'add', input: 2 }),
  kill: ({ agents }) => agents.kill('one'),
  'add 4': ({ agents }) => agents.execute('one', { type: 'add', input: 4 }),
  stop: ({ agents }) => agents.stop('one'),
};

function systemOn(store: Store, clock: SimulatedClock): Promise<AgentSystem> {
  return createAgentSystem({
    store,
    clock,
    agents: [adder],
    random: () => 0,
    logger: pino({ level: 'silent' }),
  });
}

/** Goes through a life; each step is given a minute to be answered. */
async function live(system: AgentSystem, clock: SimulatedClock): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [step, run] of Object.entries(steps)) {
    const outcome: { answer?: Answer } = {};
    run(system).then(
      (value) => {
        outcome.answer = { step, told: 'done', value };
      },
      (error: unknown) => {
        if (!(error instanceof AgentSystemError)) throw error;
        outcome.answer = { step, told: error.code === 'STORE_FAILED' ? 'STORE_FAILED' : 'refused' };
      },
    );
    await clock.advance(0);
    if (outcome.answer === undefined) await clock.advance(60_000);
    await clock.advance(1_000);
    answers.push(outcome.answer ?? { step, told: 'nothing' });
  }
  return answers;
}

async function appendsOfALife(): Promise<number> {
  const clock = simulatedClock();
  const store = faultyStore(undefined, 0);
  const answers = await live(await systemOn(store, clock), clock);
  expect(answers.map(({ told }) => told)).toEqual(Object.keys(steps).map(() => 'done'));
  expect(answers.find(({ step }) => step === 'add 4')?.value).toBe(7);
  return store.appends;
}

const calls = await appendsOfALife();

/** Every `add` adds a bit of its own, so that a total tells which of them are in it. */
function bits(answers: readonly Answer[]): { readonly acknowledged: number; readonly asked: number } {
  const adds = answers.filter(({ step }) => step.startsWith('add'));
  const sum = (some: readonly Answer[]) => some.reduce((total, { step }) => total + Number(step.slice(4)), 0);
  return { acknowledged: sum(adds.filter(({ told }) => told === 'done')), asked: sum(adds) };
}

/** Whether a total holds all that was acknowledged, and nothing that was not asked for. */
function expectHonest(total: unknown, answers: readonly Answer[]): void {
  const { acknowledged, asked } = bits(answers);
  expect((total as number) & acknowledged, `${String(total)} holds ${acknowledged}`).toBe(acknowledged);
  expect((total as number) & ~asked, `${String(total)} holds only of ${asked}`).toBe(0);
}

async function logOf(store: Store): Promise<string[]> {
  const events = await store.read({ limit: 10_000 });
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  return events.map(({ type }) => type);
}

async function settle<Value>(clock: SimulatedClock, pending: Promise<Value>): Promise<Value> {
  await clock.advance(10_000);
  return pending;
}

const everyCall = Array.from({ length: calls }, (_, call) => call + 1);

describe.each<Fault>(['throws', 'rejects', 'hangs', 'answers late'])('a store that %s', (fault) => {
  it.each(everyCall)(
    'at its append %i: callers are told, the agent goes on, and the log is whole once the store is back',
    async (call) => {
      const clock = simulatedClock();
      const store = faultyStore(fault, call);
      const system = await systemOn(store, clock);
      const answers = await live(system, clock);
      store.answer();
      await clock.advance(5_000);

      expect(answers.map(({ told }) => told)).not.toContain('nothing');
      const isRegistered = answers[0]?.told === 'done';
      expect(answers.some(({ told }) => told === 'refused')).toBe(!isRegistered);
      for (const [index, { step, told, value }] of answers.entries()) {
        if (step.startsWith('add') && told === 'done') expectHonest(value, answers.slice(0, index + 1));
      }
      if (isRegistered) expect(system.agents.get('one').status).toBe('stopped');
      if (fault === 'hangs') return;
      const types = await logOf(store.kept);
      expect(types.filter((type) => type === 'store.degraded')).toHaveLength(1);
      expect(types.filter((type) => type === 'store.recovered')).toHaveLength(1);
      await settle(clock, system.close());
    },
  );
});

describe.each<Fault>(['keeps, then the program dies', 'the program dies'])('%s', (fault) => {
  it.each(everyCall)('at append %i: whatever was answered is there for the next program', async (call) => {
    const clock = simulatedClock();
    const store = faultyStore(fault, call);
    const answers = await live(await systemOn(store, clock), clock);
    const isTold = (step: string) => answers.some((answer) => answer.step === step && answer.told === 'done');
    expect(store.isDead).toBe(true);
    const log = await logOf(store.kept);
    if (isTold('register')) expect(log).toContain('agent.registered');
    if (isTold('start')) expect(log).toContain('agent.started');
    if (isTold('stop')) expect(log).toContain('agent.stopped');

    const next = await systemOn(store.kept, clock);
    await clock.advance(1_000);
    const records = next.agents.list();
    expect(records.map(({ id }) => id)).toEqual(log.includes('agent.registered') ? ['one'] : []);
    if (records.length > 0) {
      const expected = log.includes('agent.stopping')
        ? 'stopped'
        : log.includes('agent.started')
          ? 'running'
          : 'registered';
      expect(records[0]?.status).toBe(expected);
      if (expected === 'running') {
        expectHonest(await settle(clock, next.agents.execute('one', { type: 'add', input: 0 })), answers);
      } else if (expected === 'stopped') {
        expectHonest(
          ((await settle(clock, next.agents.savedState('one'))) as { total: number }).total,
          answers,
        );
      }
    }
    await settle(clock, next.close());
    await logOf(store.kept);
  });
});
