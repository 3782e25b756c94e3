import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { FleetIndex } from '../../../src/runtime/journal/fleet-index.ts';
import { encodeEvent } from '../../../src/runtime/journal/stores/sqlite/event-json.ts';
import { LogFile } from '../../../src/runtime/journal/stores/sqlite/log-file.ts';
import { migrate, schemaSteps } from '../../../src/runtime/journal/stores/sqlite/schema.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import { seededRandom } from '../../../src/testing/index.ts';
import { agentOf, firstBatches, knownBatches } from './known-history.ts';
import { appended, opened, place } from './store-file-rig.ts';

const EVERYTHING = { maxBytes: Infinity, retain: {}, create: true };

function finish(steps: Generator): number {
  let count = 0;
  while (!steps.next().done) count += 1;
  return count;
}

function write(
  file: LogFile,
  events: readonly SystemEvent[],
  states?: ReadonlyMap<string, { json: string; stateVersion: number }>,
) {
  finish(file.write([{ events, bodies: events.map(encodeEvent), states }]));
}

/** The known history, event by event. */
function* knownEvents(): Generator<SystemEvent, never, undefined> {
  for (;;) for (const { events } of knownBatches()) yield* events;
}

function take(events: Iterator<SystemEvent>, count: number): SystemEvent[] {
  return Array.from({ length: count }, () => events.next().value as SystemEvent);
}

/** A large fleet that comes, goes and works without order: more slots than one step writes. */
function* crowdedEvents(): Generator<SystemEvent, never, undefined> {
  const random = seededRandom(9);
  const [, ...of] = firstBatches(8).flatMap(({ events }) => events);
  const registered = of.find(({ type }) => type === 'agent.registered')!;
  const started = take(knownEvents(), 200).find(({ type }) => type === 'agent.started')!;
  for (let sequence = 1; ; sequence++) {
    const agentId = `agent-${Math.floor(random() * 900)}`;
    const kind = random();
    const stamp = { sequence, at: sequence, agentId };
    if (kind < 0.4) yield { ...registered, ...stamp };
    else if (kind < 0.9) yield { ...started, ...stamp };
    else yield { type: 'agent.forgotten', ...stamp, incarnation: 1 };
  }
}

function recoveryOf(history: readonly SystemEvent[]) {
  const index = new FleetIndex();
  for (const event of history) index.note(event);
  return { ...index.recovery(), facts: new Map(), lastSequence: history.at(-1)?.sequence ?? 0 };
}

describe('slots, written behind the log', () => {
  test.each([
    { kept: 'all', retain: {} },
    { kept: 'the newest events', retain: { events: 500 } },
  ])('say the same, wherever a program that keeps $kept died while it wrote them', ({ retain }) => {
    const path = place();
    const options = { path, ...EVERYTHING, retain };
    const source = crowdedEvents();
    const history: SystemEvent[] = [];
    let stops = 0;
    for (let hasEnded = false; !hasEnded; stops++) {
      const { file, recovery } = LogFile.open(options);
      try {
        assert.deepStrictEqual(recovery, recoveryOf(history));
        const more = take(source, 1_200);
        write(file, more);
        history.push(...more);
        const upkeep = file.compact();
        for (let step = 0; step < stops && !hasEnded; step++) hasEnded = upkeep.next().done === true;
        // Events go on to come meanwhile.
        const rest = take(source, 50);
        write(file, rest);
        history.push(...rest);
      } finally {
        file.close();
      }
    }
    expect(stops).toBeGreaterThan(5);
    const { file, recovery } = LogFile.open(options);
    onTestFinished(() => file.close());
    assert.deepStrictEqual(recovery, recoveryOf(history));
  });

  test('are due after ten thousand events, and then nothing is until as many have come again', () => {
    const { file } = LogFile.open({ path: place(), ...EVERYTHING });
    onTestFinished(() => file.close());
    const source = knownEvents();
    write(file, take(source, 9_999));
    expect(file.upkeep()).toBeUndefined();
    write(file, take(source, 1));
    expect(finish(file.upkeep()!)).toBeGreaterThan(0);
    expect(file.upkeep()).toBeUndefined();
    write(file, take(source, 9_999));
    expect(file.upkeep()).toBeUndefined();
  });

  test('keep the pace of a flood, also of one in few large batches', async () => {
    const path = place();
    const store = await opened(path);
    const registered = firstBatches(8)
      .flatMap(({ events }) => events)
      .find(({ type }) => type === 'agent.registered')!;
    const flood = 20_000;
    for (let first = 1; first <= 3 * flood; first += flood) {
      const events = Array.from({ length: flood }, (_, place) => {
        const sequence = first + place;
        return { ...registered, sequence, at: sequence, agentId: `agent-${sequence}` };
      });
      await store.append({ events });
    }
    await store.close();
    const file = new DatabaseSync(path, { readOnly: true });
    onTestFinished(() => file.close());
    const row = file.prepare(`SELECT value FROM progress WHERE name = 'slotsUpTo'`).get();
    expect(row?.['value']).toBeGreaterThanOrEqual(flood);
  });

  test('that could not be written are written later', () => {
    const path = place();
    const source = knownEvents();
    const history = take(source, 400);
    const { file } = LogFile.open({ path, ...EVERYTHING });
    write(file, history);
    const upkeep = file.compact();
    upkeep.next();
    upkeep.return(undefined);
    // Too few to change every slot again.
    const more = take(source, 3);
    write(file, more);
    finish(file.compact());
    file.close();
    const { file: again, recovery } = LogFile.open({ path, ...EVERYTHING });
    onTestFinished(() => again.close());
    assert.deepStrictEqual(recovery, recoveryOf([...history, ...more]));
  });
});

function assertAgents(file: LogFile, history: readonly SystemEvent[]): void {
  for (const agentId of [agentOf(1), agentOf(2)]) {
    const own = history.filter((event) => event.agentId === agentId);
    assert.deepStrictEqual(file.read({ agentId, limit: Infinity }), own);
  }
}

describe('a transaction that fails', () => {
  test('leaves nothing behind, also of whose the events are', () => {
    const path = place();
    const { file } = LogFile.open({ path, ...EVERYTHING });
    const source = knownEvents();
    const history = take(source, 900);
    write(file, history);
    const more = take(source, 2_000);
    const events = [...more, more[0]!];
    expect(() => write(file, events)).toThrow('UNIQUE');
    expect(file.lastSequence).toBe(900);
    history.push(...more);
    write(file, more);
    assertAgents(file, history);
    file.close();
    const { file: again, recovery } = LogFile.open({ path, ...EVERYTHING });
    onTestFinished(() => again.close());
    assertAgents(again, history);
    assert.deepStrictEqual(recovery, recoveryOf(history));
  });
});

describe('retention', () => {
  test('by number keeps exactly the newest once it is compacted, and finds an agent in them', async () => {
    const path = place();
    const store = sqliteStore(path, { retain: { events: 1_500 } });
    onTestFinished(() => store.close());
    store.recover();
    const history = await appended(store, 6_000);
    await store.compact();
    const left = history.slice(-1_500);
    assert.deepStrictEqual(await store.read({ limit: Infinity }), left);
    const own = left.filter(({ agentId }) => agentId === agentOf(7));
    assert.deepStrictEqual(await store.read({ agentId: agentOf(7), limit: Infinity }), own);
  });

  test('by age counts from the newest event, keeps what is younger and of the older only what is needed', async () => {
    const path = place();
    const store = sqliteStore(path, { retain: { ageMs: 1_000 } });
    onTestFinished(() => store.close());
    store.recover();
    // An event a millisecond.
    const history = await appended(store, 5_000);
    await store.compact();
    assert.deepStrictEqual(await store.read({ limit: Infinity }), history.slice(-1_001));
    await store.close();
    const { facts: _, ...fleet } = store.recover();
    expect({ ...fleet, facts: new Map() }).toEqual(recoveryOf(history));
    const needed = new Set(fleet.agents.flatMap(({ registered, latest }) => [registered, latest]));
    await store.close();
    const raw = new DatabaseSync(path);
    onTestFinished(() => raw.close());
    const { old } = raw
      .prepare('SELECT count(*) AS old FROM event WHERE sequence < ?')
      .get(history.length - 1_000)!;
    expect(Number(old)).toBeGreaterThanOrEqual(40);
    expect(Number(old)).toBeLessThanOrEqual(needed.size + fleet.tasks.length + fleet.variables.length);
  });

  test('by itself stays within some hundred events of its bound', async () => {
    const store = await opened(place(), { retain: { events: 300 } });
    for (const batch of knownBatches()) {
      await store.append(batch);
      if (batch.events[0]!.sequence > 4_000) break;
    }
    const { length } = await store.read({ limit: Infinity });
    expect(length).toBeGreaterThanOrEqual(300);
    expect(length).toBeLessThan(1_500);
  });

  test('lets go of an old event when it is needed no more', () => {
    const path = place();
    const { file } = LogFile.open({ path, ...EVERYTHING, retain: { events: 100 } });
    const source = knownEvents();
    write(file, take(source, 2_000));
    finish(file.compact());
    write(file, take(source, 4_000));
    finish(file.compact());
    file.close();
    const raw = new DatabaseSync(path);
    onTestFinished(() => raw.close());
    const orphans = raw.prepare(`
      SELECT sequence FROM event
      WHERE sequence <= (SELECT value FROM progress WHERE name = 'keptAfter')
        AND sequence NOT IN (SELECT held FROM slot UNION SELECT latest FROM slot WHERE latest NOT NULL)
    `);
    expect(orphans.all()).toEqual([]);
  });
});

describe('compaction', () => {
  test('gives space back while the store works on, and says how much', async () => {
    const path = place();
    const all = sqliteStore(path);
    all.recover();
    await appended(all, 8_000);
    await all.close();
    const before = statSync(path).size;
    const store = sqliteStore(path, { retain: { events: 100 } });
    onTestFinished(() => store.close());
    const { lastSequence } = store.recover();
    const compacted = store.compact();
    let appends = 0;
    let isDone = false;
    void compacted.then(() => (isDone = true));
    for (const batch of knownBatches()) {
      if (batch.events[0]!.sequence <= lastSequence) continue;
      await store.append(batch);
      appends += 1;
      if (isDone) break;
    }
    const { freedBytes } = await compacted;
    expect(appends).toBeGreaterThan(5);
    expect(freedBytes).toBeGreaterThan(before / 2);
    await store.close();
    expect(statSync(path).size).toBeLessThan(before / 2);
  });

  test('of a closed store is refused, and one that is closed over is, too', async () => {
    const store = await opened(place());
    const compacted = store.compact();
    const closed = store.close();
    await expect(compacted).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await closed;
    await expect(store.compact()).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });
});

describe('a file of an earlier version', () => {
  const withLabels = [...schemaSteps, (db: DatabaseSync) => db.exec('CREATE TABLE label (name TEXT) STRICT')];

  test('becomes one of the newest, with all it holds, in one step or not at all', async () => {
    const path = place();
    const store = sqliteStore(path);
    store.recover();
    const history = await appended(store, 100);
    await store.close();
    const db = new DatabaseSync(path);
    const failing = [
      ...withLabels,
      () => {
        throw new Error('the second step failed');
      },
    ];
    expect(() => migrate(db, path, failing)).toThrow('the second step failed');
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: schemaSteps.length });
    expect(() => db.exec('SELECT * FROM label')).toThrow('no such table');
    migrate(db, path, withLabels);
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: withLabels.length });
    expect(db.prepare('SELECT count(*) AS events FROM event').get()).toEqual({ events: history.length });
    db.close();
  });
});
