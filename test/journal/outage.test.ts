/** A store that fails or hangs: callers are told so, agents go on, and it is tried again. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAgentSystem, defineAgent, type SavedState, type SystemEvent } from '../../src/index.ts';
import { Journal } from '../../src/runtime/journal/journal.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { plain } from '../fleet/plain.ts';
import { awaited, codeOf, fateOf, refusal, rig, silent } from '../kit/rig.ts';
import { failingStore } from './failing-store.ts';
import { logOf, RETRY_MS, running, troubles } from './outage-rig.ts';

const COMMIT_TIMEOUT_MS = 10_000;

describe.each(troubles)('a store that %s', (trouble) => {
  it('callers get STORE_FAILED with the cause, and their agents go on', async () => {
    const { agents, store, id } = await running();
    store.trouble = trouble;
    const error = await refusal(agents.execute(id, { type: 'note', input: 1 }));
    expect(error.code).toBe('STORE_FAILED');
    expect(error.cause).toMatchObject({ message: expect.stringMatching(/disk is full|answer was lost/) });
    // The failure is known now: the next caller is told it with its cause, too.
    const next = await refusal(agents.execute(id, { type: 'note', input: 2 }));
    expect(next.code).toBe('STORE_FAILED');
    expect(next.cause).toBe(error.cause);
    expect(agents.get(id).status).toBe('running');
    expect(agents.get(id).metrics).toMatchObject({ waiting: 0, running: 0 });
  });

  it('every command is answered: with STORE_FAILED, and the agent is where the command took it', async () => {
    const { agents, store, clock, id } = await running();
    store.trouble = trouble;
    await codeOf(agents.execute(id, { type: 'note' }));
    const start = store.appends;
    expect(await codeOf(agents.stop(id))).toBe('STORE_FAILED');
    expect(agents.get(id).status).toBe('stopped');
    expect(await codeOf(agents.start(id))).toBe('STORE_FAILED');
    expect(agents.get(id).status).toBe('running');
    expect(await codeOf(agents.kill(id))).toBe('STORE_FAILED');
    expect(agents.get(id).status).toBe('crashed');
    await clock.advance(500);
    expect(agents.get(id)).toMatchObject({ status: 'running', restarts: 1 });
    expect(await codeOf(agents.stop(id))).toBe('STORE_FAILED');
    expect(await codeOf(agents.forget(id))).toBe('STORE_FAILED');
    expect(agents.list()).toEqual([]);
    expect(store.appends).toBe(start);
  });

  it('subscribers hear all the same, each event once, in order, and of the failure as an alert', async () => {
    const { agents, system, store, clock, events, eventsOf, id } = await running();
    store.trouble = trouble;
    await codeOf(agents.execute(id, { type: 'note', input: 1 }));
    await codeOf(agents.execute(id, { type: 'note', input: 2 }));
    await settled();
    expect(eventsOf('store.degraded')).toHaveLength(1);
    expect(eventsOf('alert.raised')).toMatchObject([{ alert: 'store_degraded' }]);
    expect(system.alerts.list()).toMatchObject([{ alert: 'store_degraded' }]);
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect(eventsOf('store.recovered')).toMatchObject([{ lost: 0 }]);
    expect(eventsOf('alert.cleared')).toMatchObject([{ alert: 'store_degraded' }]);
    expect(system.alerts.list()).toEqual([]);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  });

  it('what it did not take is appended when it is back, once, in order, and callers are answered again', async () => {
    const { agents, store, clock, events, id } = await running();
    store.trouble = trouble;
    await codeOf(agents.execute(id, { type: 'note', input: 1 }));
    await clock.advance(RETRY_MS * 3);
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect(await agents.execute(id, { type: 'note', input: 2 })).toBeTypeOf('number');
    expect(await logOf(store)).toEqual(events);
    expect(await agents.savedState(id)).toEqual({ log: expect.arrayContaining([2]) });
  });

  it('it is asked again once in a while, never in a loop', async () => {
    const { agents, store, clock, id } = await running();
    store.trouble = trouble;
    await codeOf(agents.execute(id, { type: 'note', input: 1 }));
    const before = store.appends;
    for (let count = 0; count < 50; count++) await codeOf(agents.execute(id, { type: 'note' }));
    expect(store.appends).toBe(before);
    await clock.advance(RETRY_MS * 5);
    expect(store.appends - before).toBeLessThanOrEqual(5);
  });

  it('a registration that was not kept is not there: its id is free, now and in the log', async () => {
    const { agents, store, clock } = await running();
    store.trouble = trouble;
    expect(await codeOf(agents.register({ id: 'b', module: plain }))).toBe('STORE_FAILED');
    expect(await codeOf(() => agents.get('b'))).toBe('AGENT_NOT_FOUND');
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    const { agents: kept } = await store.kept.recover();
    expect(kept.map(({ registered }) => registered.agentId)).toEqual(['a']);
    expect(await agents.register({ id: 'b', module: plain })).toBe('b');
  });

  it('an agent whose registration is refused was never started, however early that was asked', async () => {
    const { agents, system, store, clock } = await running();
    const signals: AbortSignal[] = [];
    const module = defineAgent({
      type: 'early',
      init: ({ signal }) => void signals.push(signal),
      tasks: { echo: { run: ({ input }) => input } },
    });
    const fates: unknown[] = [];
    const note = (asked: Promise<unknown>) =>
      void asked.catch((thrown: { code: string }) => fates.push(thrown.code));
    system.events.subscribe(({ type, agentId }) => {
      if (type !== 'agent.registered') return;
      note(agents.start(agentId));
      note(agents.execute(agentId, { type: 'echo', timeoutMs: 60_000 }));
    });
    store.trouble = trouble;
    const coordination = { leadershipEligible: true };
    expect(await codeOf(agents.register({ id: 'b', module, coordination }))).toBe('STORE_FAILED');
    await settled();
    expect(fates).toEqual(['AGENT_NOT_RUNNING', 'AGENT_NOT_FOUND']);
    expect(signals).toEqual([]);
    expect(system.resources().agents).toBe(1);
    expect(system.coordination.leader()).toBeUndefined();
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    const { agents: kept, tasks } = await store.kept.recover();
    expect(kept.map(({ registered }) => registered.agentId)).toEqual(['a']);
    expect(tasks).toEqual([]);
  });

  it('a task that was refused is over, in the log too: no later program repeats it', async () => {
    const { agents, store, clock, id } = await running();
    store.trouble = trouble;
    await codeOf(agents.execute(id, { type: 'note', input: 1 }));
    await codeOf(agents.execute(id, { type: 'note', input: 1 }));
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect((await store.kept.recover()).tasks).toEqual([]);
  });

  it('tasks in flight end, and their callers hear that their end was not kept', async () => {
    const { agents, store, begun, id } = await running();
    const task = awaited(agents.execute(id, { type: 'held' }));
    await settled();
    store.trouble = trouble;
    begun[0]!.done('late');
    expect(await fateOf(task)).toBe('STORE_FAILED');
    expect(agents.get(id).metrics).toMatchObject({ done: 1, running: 0 });
  });

  it('a close while it fails is answered, says how much was not kept, and leaves no timer', async () => {
    const store = failingStore();
    const clock = simulatedClock();
    const system = await createAgentSystem({ store, clock, logger: silent });
    let heard = 0;
    system.events.subscribe(() => (heard += 1));
    const id = await system.agents.register({ module: plain });
    await system.agents.start(id);
    store.trouble = trouble;
    await codeOf(system.agents.execute(id, { type: 'echo' }));
    const { unkeptEvents = 0, ...report } = await system.close();
    expect(report).toEqual({ stopped: [id], abandoned: [] });
    expect(unkeptEvents).toBe(heard - (await logOf(store)).length);
    expect(clock.pending()).toEqual([]);
  });

  it('a close once it is back makes the rest durable first', async () => {
    const store = failingStore();
    const clock = simulatedClock();
    const system = await createAgentSystem({ store, clock, logger: silent });
    const events: SystemEvent[] = [];
    system.events.subscribe((event) => events.push(event));
    const id = await system.agents.register({ module: plain });
    await system.agents.start(id);
    store.trouble = trouble;
    await codeOf(system.agents.execute(id, { type: 'echo' }));
    store.trouble = undefined;
    expect(await fateOf(system.close())).toEqual({ value: { stopped: [id], abandoned: [] } });
    expect(await logOf(store)).toEqual(events);
    expect(events.at(-1)).toMatchObject({ type: 'alert.cleared' });
  });
});

describe('a store that hangs', () => {
  it('callers wait until its time is over, and later ones are told at once', async () => {
    const { agents, store, clock, id } = await running();
    store.trouble = 'hangs';
    const first = awaited(agents.execute(id, { type: 'note' }));
    await clock.advance(COMMIT_TIMEOUT_MS - 1);
    expect(await fateOf(first)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(first)).toBe('STORE_FAILED');
    expect(await fateOf(agents.execute(id, { type: 'note' }))).toBe('STORE_FAILED');
    await clock.advance(RETRY_MS * 20);
    expect(await fateOf(agents.execute(id, { type: 'note' }))).toBe('STORE_FAILED');
  });

  it.each([
    ['kept it', true],
    ['did not keep it', false],
  ])('and then says that it %s: nothing is kept twice, and nothing is missing', async (_, isKept) => {
    const { agents, store, clock, events, id } = await running();
    store.trouble = 'hangs';
    const first = awaited(agents.execute(id, { type: 'note', input: 1 }));
    await clock.advance(COMMIT_TIMEOUT_MS);
    expect(await fateOf(first)).toBe('STORE_FAILED');
    store.trouble = undefined;
    await clock.advance(RETRY_MS * 5);
    // Before it has answered, nothing may be appended: it could be kept twice.
    expect((await logOf(store)).length).toBe(3);
    await store.answer(isKept);
    await clock.advance(RETRY_MS);
    expect(await agents.execute(id, { type: 'note', input: 2 })).toBeTypeOf('number');
    expect(await logOf(store)).toEqual(events);
  });

  it('while its backlog is appended callers are told at once, and nobody waits for it', async () => {
    const { agents, store, clock, events, id } = await running();
    store.trouble = 'throws';
    await codeOf(agents.execute(id, { type: 'note' }));
    store.trouble = 'hangs';
    await clock.advance(RETRY_MS);
    expect(await fateOf(agents.execute(id, { type: 'note' }))).toBe('STORE_FAILED');
    store.trouble = undefined;
    await store.answer(true);
    await settled();
    expect(await agents.execute(id, { type: 'note' })).toBeTypeOf('number');
    expect(await logOf(store)).toEqual(events);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  });

  it('comes back under load', async () => {
    const { agents, store, clock, events, id } = await running();
    store.trouble = 'throws';
    await codeOf(agents.execute(id, { type: 'note' }));
    store.trouble = 'hangs';
    await clock.advance(RETRY_MS);
    const over = new AbortController();
    const callers = Array.from({ length: 3 }, async () => {
      while (!over.signal.aborted) await agents.execute(id, { type: 'note' }).catch(() => undefined);
    });
    store.trouble = undefined;
    await store.answer(true);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    over.abort();
    await Promise.all(callers);
    await settled();
    expect(events.some(({ type }) => type === 'store.recovered')).toBe(true);
    expect(await logOf(store)).toEqual(events);
  });

  it.each([
    ['kept it', true],
    ['did not keep it', false],
  ])(
    'a close is answered when its time is over, tells whose state was not saved, and leaves no timer, also when it then says that it %s',
    async (_, isKept) => {
      const store = failingStore();
      const clock = simulatedClock();
      const system = await createAgentSystem({ store, clock, logger: silent });
      const id = await system.agents.register({ module: plain });
      await system.agents.start(id);
      store.trouble = 'hangs';
      const closed = system.close({ timeoutMs: 100 });
      await clock.advance(COMMIT_TIMEOUT_MS + 2_000);
      const { unkeptEvents, ...report } = await closed;
      expect(report).toEqual({ stopped: [], abandoned: [id] });
      expect(unkeptEvents).toBeGreaterThan(0);
      expect(clock.pending()).toEqual([]);
      const { appends } = store;
      await store.answer(isKept);
      await settled();
      expect(clock.pending()).toEqual([]);
      expect(store.appends).toBe(appends);
    },
  );

  it('a close is not kept from its answer by a store that cannot close', async () => {
    for (const close of [
      () => new Promise<void>(() => {}),
      () => Promise.reject(new Error('busy')),
      () => {
        throw new Error('busy');
      },
    ]) {
      const clock = simulatedClock();
      const store = Object.assign(failingStore(), { close });
      const system = await createAgentSystem({ store, clock, logger: silent });
      const id = await system.agents.register({ module: plain });
      await system.agents.start(id);
      const closed = system.close();
      await clock.advance(60_000);
      expect(await fateOf(closed)).toEqual({ value: { stopped: [id], abandoned: [] } });
      expect(clock.pending()).toEqual([]);
    }
  });
});

describe('what a store that fails cannot do', () => {
  it('read: the reader gets STORE_FAILED, once', async () => {
    const store = Object.assign(failingStore(), {
      read: () => {
        throw new Error('bad sector');
      },
    });
    const { agents, system } = await rig({ store });
    await agents.register({ id: 'a', module: plain });
    const error = await refusal(async () => {
      for await (const event of system.events.read()) void event;
    });
    expect(error).toMatchObject({ code: 'STORE_FAILED', cause: { message: 'bad sector' } });
  });

  it.each([
    ['throw', () => raise(new Error('bad sector'))],
    ['reject', () => Promise.reject(new Error('bad sector'))],
    ['give what is no JSON', () => ({ json: '{', stateVersion: 1 })],
  ])('give a state: savedState is refused when it %ss', async (_, state) => {
    const { agents } = await rig({ store: Object.assign(failingStore(), { state }) });
    const id = await agents.register({ module: plain });
    expect(await codeOf(agents.savedState(id))).toBe('STORE_FAILED');
  });

  it.each([
    ['throws', () => raise(new Error('bad sector'))],
    ['rejects', () => Promise.reject(new Error('bad sector'))],
    ['gives what is no JSON', () => ({ json: '{', stateVersion: 1 })],
  ])('give a state: a start fails when it %s, and never runs without it', async (_, state) => {
    const { agents } = await rig({ store: Object.assign(failingStore(), { state }) });
    const id = await agents.register({ module: plain });
    expect(await codeOf(agents.start(id))).toBe('AGENT_START_FAILED');
    expect(agents.get(id).status).toBe('registered');
  });

  it('give a state in time: the start times out', async () => {
    const never = new Promise<never>(() => {});
    const { agents, clock } = await rig({ store: Object.assign(failingStore(), { state: () => never }) });
    const id = await agents.register({ module: plain, startTimeoutMs: 500 });
    const start = awaited(agents.start(id));
    await clock.advance(500);
    expect(await fateOf(start)).toBe('AGENT_START_TIMED_OUT');
  });

  it.each([
    ['throws', () => raise(new Error('locked by another program'))],
    ['rejects', () => Promise.reject(new Error('locked by another program'))],
    ['gives nothing', () => undefined],
    ['gives nonsense', () => ({ agents: 7 })],
  ])('open: createAgentSystem is refused when it %s', async (_, recover) => {
    const store = Object.assign(failingStore(), { recover });
    const error = await refusal(createAgentSystem({ store, logger: silent }));
    expect(error.code).toBe('STORE_FAILED');
  });
});

function raise(error: Error): never {
  throw error;
}

const stateOf = (n: number): SavedState => ({ json: String(n), stateVersion: 1 });

/** Each task waits for the test, which says what the state is to be. */
async function counting() {
  const store = failingStore();
  const turns: ((n: number) => void)[] = [];
  const counter = defineAgent({
    type: 'counter',
    init: ({ restored }): { n: number } => (restored as { n: number } | undefined) ?? { n: 0 },
    tasks: {
      become: {
        run: async ({ state }) => {
          state.n = await new Promise<number>((resolve) => turns.push(resolve));
        },
      },
      read: { run: ({ state }) => state.n },
    },
  });
  const made = await rig({ store });
  await made.agents.register({ id: 'a', module: counter, restart: { policy: 'immediate', delayMs: 0 } });
  await made.agents.start('a');
  const begin = async () => {
    const becoming = awaited(made.agents.execute('a', { type: 'become' }));
    await settled();
    return { becoming, become: turns.pop()! };
  };
  const first = await begin();
  first.become(1);
  await first.becoming;
  return { ...made, store, begin };
}

describe('an agent that starts while a state of its own is on its way into the store', () => {
  it.each(troubles)('begins with that state, and not with an older one (the store %s)', async (trouble) => {
    const { agents, store, clock, begin } = await counting();
    const { becoming, become } = await begin();
    store.trouble = trouble;
    become(2);
    expect(await codeOf(becoming)).toBe('STORE_FAILED');
    await codeOf(agents.kill('a'));
    await clock.advance(0);
    expect(agents.get('a')).toMatchObject({ status: 'running', incarnation: 2 });
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect(await agents.execute('a', { type: 'read' })).toBe(2);
  });

  it('and what it then leaves is kept, also where the store had the same before', async () => {
    const { agents, store, clock, begin } = await counting();
    const { becoming, become } = await begin();
    store.trouble = 'rejects';
    become(2);
    await codeOf(becoming);
    await codeOf(agents.kill('a'));
    await clock.advance(0);
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    const back = await begin();
    back.become(1);
    await back.becoming;
    await agents.kill('a');
    await clock.advance(0);
    expect(await agents.execute('a', { type: 'read' })).toBe(1);
  });

  it('begins with the state of an append that has not been answered', async () => {
    const { agents, store, clock, begin } = await counting();
    const { becoming, become } = await begin();
    store.trouble = 'hangs';
    become(2);
    await settled();
    const killed = awaited(agents.kill('a'));
    await clock.advance(0);
    expect(agents.get('a').incarnation).toBe(2);
    store.trouble = undefined;
    await store.answer(true);
    await becoming;
    expect((await killed).incarnation).toBe(1);
    expect(await agents.execute('a', { type: 'read' })).toBe(2);
  });

  it('of several the newest, and none where it is to be dropped', async () => {
    const store = failingStore();
    const clock = simulatedClock();
    const journal = new Journal({ store, clock, logger: silent, lastSequence: 0 });
    onTestFinished(async () => void (await journal.close()));
    const emit = (given: SavedState | null) =>
      journal.emit({ type: 'agent.forgotten', agentId: 'a', incarnation: 1 }, undefined, given);
    emit(stateOf(1));
    emit(stateOf(2));
    expect(journal.stateOnItsWay('a')).toEqual(stateOf(2));
    expect(journal.stateOnItsWay('b')).toBeUndefined();
    await settled();
    expect(journal.stateOnItsWay('a')).toBeUndefined();
    store.trouble = 'rejects';
    emit(stateOf(3));
    await settled();
    expect([journal.stateOnItsWay('a'), journal.hasKept(2), journal.hasKept(3)]).toEqual([
      stateOf(3),
      true,
      false,
    ]);
    emit(null);
    await settled();
    expect(journal.stateOnItsWay('a')).toBeNull();
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect([journal.stateOnItsWay('a'), journal.hasKept(4)]).toEqual([undefined, true]);
  });
});
