import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type AgentSystem,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type SavedState,
  type Store,
  type SystemEvent,
} from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { type CommitListener, Journal, type JournalOptions } from '../../src/runtime/journal/journal.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { plain } from '../fleet/plain.ts';
import { awaited, codeOf, fateOf, refusal, rig, silent } from '../kit/rig.ts';
import { worker } from '../agent/worker.ts';
import { failingStore, type Trouble } from './failing-store.ts';
import { temporaryDirectory } from './stores/temporary-directory.ts';

const RETRY_MS = 1_000;
const COMMIT_TIMEOUT_MS = 10_000;
const troubles: Trouble[] = ['throws', 'rejects', 'keeps, then throws', 'keeps, then rejects'];

async function running(store = failingStore()) {
  const made = await rig({ store });
  const { module, begun } = worker();
  const id = await made.agents.register({ id: 'a', module, tasks: { concurrency: 2 } });
  await made.agents.start(id);
  return { ...made, store, id, begun };
}

async function logOf(store: ReturnType<typeof failingStore>): Promise<readonly SystemEvent[]> {
  return store.kept.read({ limit: 100_000 });
}

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

function journalOn(store: Store, options: Partial<JournalOptions> = {}) {
  const clock = simulatedClock();
  const journal = new Journal({ store, clock, logger: silent, lastSequence: 0, ...options });
  onTestFinished(async () => {
    const closed = journal.close();
    await clock.advance(60_000);
    await closed;
  });
  return { clock, journal };
}

const save = (journal: Journal, agentId: string, json: string, told?: CommitListener) =>
  journal.emit({ type: 'agent.state_saved', agentId, incarnation: 1, bytes: 1, stateVersion: 1 }, told, {
    json,
    stateVersion: 1,
  });

/** One program, and what a subscriber of each kind heard of it. */
async function program(store: Store, live: (agents: AgentSystem['agents']) => Promise<void>) {
  const clock = simulatedClock();
  const system = await createAgentSystem({ store, clock, logger: silent, random: () => 0 });
  const heard: [SystemEvent, boolean][] = [];
  const committed: SystemEvent[] = [];
  system.events.subscribe((event, { isCommitted }) => heard.push([event, isCommitted]));
  system.events.subscribe((event) => committed.push(event), { committedOnly: true });
  await live(system.agents);
  const closed = system.close({ timeoutMs: 0 });
  await clock.advance(60_000);
  await closed;
  return { heard, committed };
}

describe('the backlog', () => {
  it('holds so many events and no more: the oldest are lost, and counted', async () => {
    const store = failingStore(memoryStore());
    const { clock, journal } = journalOn(store, { maxBacklog: 10 });
    store.trouble = 'throws';
    for (let count = 0; count < 25; count++) {
      journal.emit({ type: 'coordination.lost', why: `reason ${count}` });
      // Some come alone, some several in one turn.
      if (count % 4 < 2) await settled();
    }
    await settled();
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    const kept = await logOf(store);
    expect(kept.at(-1)).toMatchObject({ type: 'store.recovered', lost: 16, sequence: 27 });
    expect(kept.map(({ sequence }) => sequence)).toEqual([17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27]);
  });

  it('holds an event that no store can keep as words, and the store is back with all the others', async () => {
    const store = sqliteStore(join(temporaryDirectory(), 'fleet.db'));
    store.recover();
    const { clock, journal } = journalOn(store);
    const error = { name: 'Error', message: 'm', at: new Map([['a', 1n]]) };
    journal.emit({ type: 'coordination.lost', why: 'before' });
    journal.emit({ type: 'schedule.fired', name: 's', dueAt: 1, error } as never);
    await settled();
    expect(journal.isDegraded).toBe(true);
    const back = new Promise<void>((resolve) => {
      journal.subscribe(({ type }) => type === 'store.recovered' && resolve());
    });
    await clock.advance(RETRY_MS);
    await back;
    const kept: SystemEvent[] = [];
    for await (const event of journal.read()) kept.push(event);
    expect(kept.map(({ type }) => type)).toEqual([
      'coordination.lost',
      'schedule.fired',
      'store.degraded',
      'store.recovered',
    ]);
    expect(kept[1]).toMatchObject({ name: 's', dueAt: 1, error: { message: expect.any(String) } });
  });

  it('holds about so many bytes and no more, whatever its events hold, and the newest in any case', async () => {
    const store = failingStore(memoryStore());
    const { clock, journal } = journalOn(store, { maxBacklogBytes: 1_000_000 });
    const why = 'x'.repeat(100_000);
    store.trouble = 'throws';
    for (let count = 0; count < 100; count++) journal.emit({ type: 'coordination.lost', why });
    journal.emit({ type: 'coordination.lost', why: 'x'.repeat(2_000_000) });
    await settled();
    expect(journal.isDegraded).toBe(true);
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    const kept = await logOf(store);
    // Of the hundred none is left beside the last, which is too large by itself; then came store.degraded.
    expect(kept.map(({ sequence, type }) => [sequence, type])).toEqual([
      [102, 'store.degraded'],
      [103, 'store.recovered'],
    ]);
    for (let count = 0; count < 100; count++) journal.emit({ type: 'coordination.lost', why });
    store.trouble = 'throws';
    await settled();
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect((await logOf(store)).at(-1)).toMatchObject({ type: 'store.recovered', lost: 96 });

    store.trouble = 'throws';
    journal.emit({ type: 'coordination.restored' });
    await settled();
    journal.emit({ type: 'coordination.lost', why: 'x'.repeat(2_000_000) });
    await settled();
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect((await logOf(store)).slice(-2)).toMatchObject([
      { type: 'coordination.lost' },
      { type: 'store.recovered', lost: 2 },
    ]);
  });

  it('is appended some thousand events at a time, states with their events, and others have their turn', async () => {
    const store = failingStore(memoryStore({ maxEvents: 100_000 }));
    const { clock, journal } = journalOn(store);
    const batches: { events: number; states: string[]; facts: number }[] = [];
    const { append } = store;
    store.append = function (batch) {
      const states = [...(batch.states?.values() ?? [])].map((state) => String(state?.json));
      if (this.trouble === undefined) {
        batches.push({ events: batch.events.length, states, facts: batch.facts?.size ?? 0 });
      }
      return append.call(this, batch);
    };
    store.trouble = 'throws';
    for (let count = 1; count <= 4_999; count++) {
      if (count % 1_000 === 500) {
        save(journal, `agent-${count}`, String(count));
        save(journal, 'same', `same ${count}`);
        await settled();
      } else journal.emit({ type: 'coordination.restored' });
    }
    journal.keepFact('name', 'value');
    await settled();
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect(batches).toEqual([
      { events: 2_000, states: ['500', '1500'], facts: 0 },
      { events: 2_000, states: ['2500', '3500'], facts: 0 },
      // Five states more than there were rounds, and store.degraded.
      { events: 1_005, states: ['same 4500', '4500'], facts: 1 },
      { events: 1, states: [], facts: 0 },
    ]);
    expect(await store.kept.state('same')).toMatchObject({ json: 'same 4500' });
  });

  it('loses nothing of what is being appended, however much comes meanwhile', async () => {
    const store = failingStore();
    const { clock, journal } = journalOn(store, { maxBacklog: 10 });
    const committed: number[] = [];
    journal.subscribe(({ sequence }) => committed.push(sequence), { committedOnly: true });
    const emit = async (count: number) => {
      for (let at = 0; at < count; at++) journal.emit({ type: 'coordination.restored' });
      await settled();
    };
    store.trouble = 'throws';
    await emit(8);
    store.trouble = 'hangs';
    await clock.advance(RETRY_MS);
    await emit(6);
    store.trouble = undefined;
    await store.answer(true);
    await settled();
    expect((await logOf(store)).at(-1)).toMatchObject({ type: 'store.recovered', lost: 0, sequence: 16 });
    expect(committed).toEqual(Array.from({ length: 16 }, (_, at) => at + 1));

    // What came meanwhile is bounded again once that append has failed.
    store.trouble = 'throws';
    await emit(8);
    store.trouble = 'hangs';
    await clock.advance(RETRY_MS);
    await emit(6);
    store.trouble = undefined;
    await store.answer(false);
    await clock.advance(RETRY_MS);
    expect((await logOf(store)).at(-1)).toMatchObject({ type: 'store.recovered', lost: 5 });
  });

  it('that fails half-way goes on from there', async () => {
    const store = failingStore(memoryStore({ maxEvents: 100_000 }));
    const { clock, journal } = journalOn(store);
    const committed: number[] = [];
    journal.subscribe(({ sequence }) => committed.push(sequence), { committedOnly: true });
    store.trouble = 'throws';
    for (let count = 1; count <= 6_000; count++) journal.emit({ type: 'coordination.restored' });
    await settled();
    const { append } = store;
    let appends = 0;
    for (const trouble of troubles) {
      appends = 0;
      store.append = function (batch) {
        this.trouble = ++appends === 2 ? trouble : undefined;
        return append.call(this, batch);
      };
      await clock.advance(RETRY_MS);
    }
    store.append = append;
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    const kept = (await logOf(store)).map(({ sequence }) => sequence);
    expect(kept).toEqual(kept.map((_, at) => at + 1));
    expect(kept.length).toBeGreaterThan(6_000);
    expect(committed).toEqual(kept);
  });

  it('has room again for as much as the store turns out to have kept', async () => {
    const store = failingStore();
    const { clock, journal } = journalOn(store, { maxBacklogBytes: 1_000_000 });
    store.trouble = 'keeps, then throws';
    for (let count = 0; count < 12; count++) {
      journal.emit({ type: 'coordination.lost', why: 'x'.repeat(150_000) });
      await settled();
      await clock.advance(RETRY_MS);
    }
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect((await logOf(store)).at(-1)).toMatchObject({ type: 'store.recovered', lost: 0 });
  });

  it('keeps the newest state of each agent, and facts', async () => {
    const store = failingStore();
    const { clock, journal } = journalOn(store);
    store.trouble = 'throws';
    save(journal, 'a', '1');
    save(journal, 'b', '1');
    await settled();
    save(journal, 'a', '2');
    journal.keepFact('hash', 'x');
    await settled();
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    expect([await store.kept.state('a'), await store.kept.state('b')]).toMatchObject([
      { json: '2' },
      { json: '1' },
    ]);
    expect((await store.kept.recover()).facts.get('hash')).toBe('x');
  });

  it.each([
    ['nothing', (): void => {}],
    ['a state of the same agent', (journal: Journal) => void save(journal, 'a', '"old"')],
    ['a state of another agent', (journal: Journal) => void save(journal, 'b', '"other"')],
    ['a fact', (journal: Journal) => journal.keepFact('name', 'old')],
  ])('that held %s loses nothing of what is gathered as it is taken', async (_, before) => {
    const store = failingStore();
    const { clock, journal } = journalOn(store);
    store.trouble = 'throws';
    journal.emit({ type: 'coordination.restored' });
    before(journal);
    await settled();
    // The store takes the backlog, and says so in the very turn in which more is gathered.
    const appended = Promise.withResolvers<void>();
    store.append = (batch) => {
      store.append = (next) => store.kept.append(next);
      void store.kept.append(batch);
      return appended.promise;
    };
    await clock.advance(RETRY_MS);
    appended.resolve();
    const answers: unknown[] = [];
    save(journal, 'a', '"new"', (error) => answers.push(error));
    journal.keepFact('name', 'new');
    await settled();
    expect(answers).toEqual([undefined]);
    expect(await store.kept.state('a')).toEqual({ json: '"new"', stateVersion: 1 });
    expect((await store.kept.recover()).facts.get('name')).toBe('new');
    const sequences = (await logOf(store)).map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_sequence, at) => at + 1));
  });
});

describe.each(troubles)('of a store that %s to the end', (trouble) => {
  const work = async (agents: AgentSystem['agents'], store?: ReturnType<typeof failingStore>) => {
    const id = await agents.register({ module: plain });
    await agents.start(id);
    await agents.execute(id, { type: 'echo' });
    if (store) store.trouble = trouble;
    for (let count = 0; count < 3; count++) await codeOf(agents.execute(id, { type: 'echo' }));
  };

  it('subscribers are told of what was not committed, and a consumer that goes on after the last that was misses nothing', async () => {
    const kept = memoryStore();
    const store = failingStore(kept);
    const first = await program(store, (agents) => work(agents, store));
    const inStore = await kept.read({ limit: 1_000 });
    const told = first.heard.filter(([, isCommitted]) => isCommitted).map(([event]) => event);
    expect(first.heard.length).toBeGreaterThan(told.length);
    expect(told.length).toBeGreaterThan(5);
    // What was told as committed is there. What the store kept and said it had not is there as well, and not told so.
    expect(inStore.slice(0, told.length)).toEqual(told);
    const sequence = told.at(-1)!.sequence;

    const second = await program(kept, async (agents) => {
      const id = await agents.register({ module: plain });
      await agents.start(id);
    });
    const later = await kept.read({ after: sequence, limit: 1_000 });
    expect(later.map((event) => event.sequence)).toEqual(later.map((_, at) => sequence + 1 + at));
    expect(later.slice(-second.heard.length)).toEqual(second.heard.map(([event]) => event));
  });

  it('one who asked for committed events alone has heard what the store holds, and no more', async () => {
    const kept = memoryStore();
    const store = failingStore(kept);
    const { committed, heard } = await program(store, (agents) => work(agents, store));
    expect(await kept.read({ limit: 1_000 })).toEqual(committed);
    expect(heard.map(([event]) => event).slice(0, committed.length)).toEqual(committed);
  });
});

describe.each(troubles)('of a store that %s and is back', (trouble) => {
  it('every subscriber has heard everything once, in order, and one who asked for it when it was committed', async () => {
    const { agents, system, store, clock, events, id } = await running();
    const committed: number[] = [];
    const isThere = new Set<boolean>();
    system.events.subscribe(
      ({ sequence }, { isCommitted }) => {
        committed.push(sequence);
        isThere.add(isCommitted && journalHas(store, sequence));
      },
      { committedOnly: true },
    );
    const before = events.length;
    store.trouble = trouble;
    for (let count = 0; count < 3; count++) await codeOf(agents.execute(id, { type: 'note', input: count }));
    expect(committed).toEqual([]);
    await clock.advance(RETRY_MS * 3);
    store.trouble = undefined;
    await clock.advance(RETRY_MS);
    await agents.execute(id, { type: 'note', input: 9 });
    await settled();
    expect(committed).toEqual(events.slice(before).map(({ sequence }) => sequence));
    expect(isThere).toEqual(new Set([true]));
  });
});

function journalHas(store: ReturnType<typeof failingStore>, sequence: number): boolean {
  const found = store.kept.read({ after: sequence - 1, limit: 1 }) as readonly SystemEvent[];
  return found[0]?.sequence === sequence;
}

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
