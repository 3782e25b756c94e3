/** What waits while the store fails: how much is held, in which order it is kept, and what subscribers hear of it. */
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type AgentSystem,
  createAgentSystem,
  memoryStore,
  type Store,
  type SystemEvent,
} from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { type CommitListener, Journal, type JournalOptions } from '../../src/runtime/journal/journal.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { plain } from '../fleet/plain.ts';
import { codeOf, silent } from '../kit/rig.ts';
import { failingStore } from './failing-store.ts';
import { logOf, RETRY_MS, running, troubles } from './outage-rig.ts';
import { temporaryDirectory } from './stores/temporary-directory.ts';

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
