import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { memoryStore, type SystemEvent } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { plain } from '../fleet/plain.ts';
import { rig } from '../kit/rig.ts';
import { bound } from './bound-store.ts';

async function all(events: AsyncIterable<SystemEvent>): Promise<SystemEvent[]> {
  const found: SystemEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

describe('the stream of events', () => {
  it('tells one whole life in order, each event with the next sequence and the time of the clock', async () => {
    const { agents, clock, events } = await rig();
    const id = await agents.register({ id: 'a', module: plain, restart: { policy: 'never' } });
    await clock.advance(5);
    await agents.start(id);
    await agents.execute(id, { type: 'echo', input: 1 });
    await clock.advance(5);
    await agents.stop(id);
    await agents.start(id);
    await agents.kill(id);
    await agents.forget(id);
    expect(events.map(({ type }) => type)).toEqual([
      'agent.registered',
      'agent.starting',
      'agent.started',
      'task.accepted',
      'task.started',
      'agent.state_saved',
      'task.completed',
      'agent.stopping',
      'agent.state_saved',
      'agent.stopped',
      'agent.starting',
      'agent.started',
      'agent.crashed',
      'agent.forgotten',
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    const startAt = events[0]!.at;
    expect(events.map(({ at }) => at - startAt)).toEqual([0, 5, 5, 5, 5, 5, 5, 10, 10, 10, 10, 10, 10, 10]);
    expect(new Set(events.map(({ agentId }) => agentId))).toEqual(new Set(['a']));
  });

  it('gives a task that waited for the start its place behind it', async () => {
    const { agents, events } = await rig();
    const id = await agents.register({ module: plain });
    const start = agents.start(id);
    await agents.execute(id, { type: 'echo' });
    await start;
    const types = events.map(({ type }) => type);
    expect(types.indexOf('task.started')).toBeGreaterThan(types.indexOf('agent.started'));
  });

  it('is heard after it was committed, and before its caller is answered', async () => {
    const kept = memoryStore();
    const order: string[] = [];
    const store = {
      ...bound(kept),
      append: async (batch: Parameters<typeof kept.append>[0]) => {
        await Promise.resolve();
        for (const { type } of batch.events) order.push(`committed ${type}`);
        return kept.append(batch);
      },
    };
    const { agents, system } = await rig({ store });
    system.events.subscribe(({ type }) => order.push(`heard ${type}`));
    await agents.register({ id: 'a', module: plain });
    order.push('answered');
    expect(order).toEqual(['committed agent.registered', 'heard agent.registered', 'answered']);
  });

  it('gathers what happens in one turn into one commit', async () => {
    const kept = memoryStore();
    const batches: number[] = [];
    const store = {
      ...bound(kept),
      append: (batch: Parameters<typeof kept.append>[0]) => {
        batches.push(batch.events.length);
        return kept.append(batch);
      },
    };
    const { agents } = await rig({ store });
    await Promise.all(Array.from({ length: 100 }, () => agents.register({ module: plain })));
    expect(batches.length).toBeLessThan(5);
    expect(batches.reduce((sum, size) => sum + size, 0)).toBe(100);
  });

  it.each(['at once', 'a turn later'])(
    'answers thousands that came together over several turns, in order, where a commit is done %s',
    async (when) => {
      const kept = memoryStore();
      const store = {
        ...bound(kept),
        append: (batch: Parameters<typeof kept.append>[0]) =>
          when === 'at once' ? kept.append(batch) : settled().then(() => kept.append(batch)),
      };
      const { system, agents, events } = await rig({ store: when === 'at once' ? kept : store });
      const heard: number[] = [];
      const answered: number[] = [];
      const inTurns: number[] = [];
      const COUNT = 2_000;
      const all = Array.from({ length: COUNT }, async (_, n) => {
        await agents.register({ id: `a${n}`, module: plain });
        answered.push(n);
      });
      const unsubscribe = system.events.subscribe(({ sequence }) => heard.push(sequence));
      while (answered.length < COUNT) {
        const before = heard.length + answered.length;
        await nextTurn();
        inTurns.push(heard.length + answered.length - before);
      }
      await Promise.all(all);
      unsubscribe();
      expect(Math.max(...inTurns)).toBeLessThanOrEqual(1_024);
      expect(heard).toEqual(heard.toSorted((one, other) => one - other));
      expect(heard).toHaveLength(COUNT);
      expect(answered).toEqual(Array.from({ length: COUNT }, (_, n) => n));
      expect(events.filter(({ type }) => type === 'agent.registered')).toHaveLength(COUNT);
      // What comes next is committed behind them.
      await agents.start('a7');
      expect(agents.get('a7').status).toBe('running');
    },
  );

  it('closes once all that came together is answered', async () => {
    const { system, agents, clock } = await rig();
    const made = Array.from({ length: 1_000 }, (_, n) => agents.register({ id: `a${n}`, module: plain }));
    const closed = system.close();
    await clock.advance(60_000);
    await closed;
    expect((await Promise.all(made)).length).toBe(1_000);
  });

  it('never has two commits open at once, and keeps their order', async () => {
    const kept = memoryStore();
    let open = 0;
    let mostOpen = 0;
    const store = {
      ...bound(kept),
      append: async (batch: Parameters<typeof kept.append>[0]) => {
        mostOpen = Math.max(mostOpen, ++open);
        for (let turn = 0; turn < batch.events.length % 7; turn++) await Promise.resolve();
        open -= 1;
        return kept.append(batch);
      },
    };
    const { agents, events } = await rig({ store });
    const ids = await Promise.all(Array.from({ length: 20 }, () => agents.register({ module: plain })));
    await Promise.all(
      ids.map(async (id) => {
        await agents.start(id);
        await agents.execute(id, { type: 'echo' });
        await agents.stop(id);
      }),
    );
    expect(mostOpen).toBe(1);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(await kept.read({ limit: 1_000 })).toEqual(events);
  });
});

describe('a listener', () => {
  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('listener');
      },
    ],
    [
      'throws nothing',
      () => {
        throw undefined;
      },
    ],
    ['rejects', () => Promise.reject(new Error('listener'))],
    [
      'gives a thenable that throws',
      () => ({
        // oxlint-disable-next-line unicorn/no-thenable -- a foreign promise is what is tested
        then: () => {
          throw new Error('listener');
        },
      }),
    ],
  ])('that %s harms neither the agents, nor their callers, nor other listeners', async (_, listener) => {
    const { agents, system } = await rig();
    const heard: string[] = [];
    system.events.subscribe(listener);
    system.events.subscribe(({ type }) => heard.push(type));
    const id = await agents.register({ module: plain });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'echo', input: 1 })).toBe(1);
    expect(heard).toHaveLength(7);
  });

  it('hears nothing more once it was taken off, in the middle of an event too', async () => {
    const { agents, system } = await rig();
    const heard: string[] = [];
    system.events.subscribe(() => offSecond());
    const offSecond = system.events.subscribe(() => heard.push('second'));
    const offThird = system.events.subscribe(() => {
      heard.push('third');
      offThird();
    });
    await agents.register({ module: plain });
    await agents.register({ module: plain });
    expect(heard).toEqual(['third']);
  });

  it('taken off twice takes off nobody else', async () => {
    const { agents, system } = await rig();
    let heard = 0;
    const listener = () => {
      heard += 1;
    };
    const off = system.events.subscribe(listener);
    system.events.subscribe(listener);
    off();
    off();
    await agents.register({ module: plain });
    expect(heard).toBe(1);
  });

  it('cannot change what others hear, or read later', async () => {
    const { system, agents, events } = await rig();
    const attempts: unknown[] = [];
    system.events.subscribe((event) => {
      try {
        Object.assign(event, { agentId: 'forged' });
      } catch (thrown) {
        attempts.push(thrown);
      }
    });
    const before = events.length;
    const id = await agents.register({ module: plain });
    expect(attempts).toEqual([expect.any(TypeError)]);
    expect(events.slice(before)).toMatchObject([{ agentId: id }]);
    expect(await all(system.events.read({ agentId: id }))).toHaveLength(1);
  });

  it('that subscribes another during an event adds it from the next event on', async () => {
    const { agents, system } = await rig();
    const heard: number[] = [];
    let isFirst = true;
    system.events.subscribe(() => {
      if (isFirst) system.events.subscribe(({ sequence }) => heard.push(sequence));
      isFirst = false;
    });
    await agents.register({ module: plain });
    await agents.register({ module: plain });
    expect(heard).toEqual([2]);
  });

  it('that subscribes another each time it is called does not go on for ever', async () => {
    const { agents, system } = await rig();
    let listeners = 0;
    const breed = () => {
      listeners += 1;
      system.events.subscribe(breed);
    };
    system.events.subscribe(breed);
    await agents.register({ module: plain });
    expect(listeners).toBe(1);
  });

  it('may give commands: what they cause is heard after what caused them', async () => {
    const { agents, system, events } = await rig();
    const failures: unknown[] = [];
    system.events.subscribe(({ type, agentId }) => {
      if (type === 'agent.registered') void agents.start(agentId).catch((thrown) => failures.push(thrown));
      if (type === 'agent.started') void agents.stop(agentId).catch((thrown) => failures.push(thrown));
    });
    const id = await agents.register({ module: plain });
    await settled();
    expect(failures).toEqual([]);
    expect(agents.get(id).status).toBe('stopped');
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  });
});

describe('events.read', () => {
  it('gives what was told, from the beginning, after a sequence, and no more than asked for', async () => {
    const { agents, system, events } = await rig();
    const id = await agents.register({ module: plain });
    await agents.start(id);
    await agents.execute(id, { type: 'echo' });
    expect(await all(system.events.read())).toEqual(events);
    expect(await all(system.events.read({ after: 0 }))).toEqual(events);
    expect(await all(system.events.read({ after: 3 }))).toEqual(events.slice(3));
    expect(await all(system.events.read({ limit: 2 }))).toEqual(events.slice(0, 2));
    expect(await all(system.events.read({ after: 2, limit: 2 }))).toEqual(events.slice(2, 4));
    expect(await all(system.events.read({ limit: 0 }))).toEqual([]);
    expect(await all(system.events.read({ after: 1_000 }))).toEqual([]);
    expect(await all(system.events.read({ limit: Infinity }))).toEqual(events);
  });

  it('gives those of one agent alone', async () => {
    const { agents, system, events } = await rig();
    for (const id of ['a', '__proto__']) {
      await agents.register({ id, module: plain });
      await agents.start(id);
    }
    for (const agentId of ['a', '__proto__']) {
      const ofAgent = events.filter((event) => event.agentId === agentId);
      expect(ofAgent).toHaveLength(3);
      expect(await all(system.events.read({ agentId }))).toEqual(ofAgent);
    }
    expect(await all(system.events.read({ agentId: 'nobody' }))).toEqual([]);
  });

  it('includes what was asked for in the same turn', async () => {
    const { agents, system } = await rig();
    const id = await agents.register({ module: plain });
    const start = agents.start(id);
    expect(await all(system.events.read())).toHaveLength(3);
    await start;
  });

  it('ends with the newest event of its beginning, however much is written meanwhile', async () => {
    const { agents, system } = await rig();
    // More than a page: what is written while the first is read is there when the second is.
    await Promise.all(Array.from({ length: 600 }, () => agents.register({ module: plain })));
    let read = 0;
    for await (const { sequence } of system.events.read()) {
      read += 1;
      expect(sequence).toBe(read);
      if (read % 100 === 0) await agents.register({ module: plain });
    }
    expect(read).toBe(600);
  });

  it('pages through more than a page without a gap', async () => {
    const { agents, system } = await rig();
    await Promise.all(Array.from({ length: 1_203 }, () => agents.register({ module: plain })));
    const sequences = (await all(system.events.read())).map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: 1_203 }, (_, index) => index + 1));
    expect(await all(system.events.read({ limit: 777 }))).toHaveLength(777);
  });

  it('is answered while tasks never stop coming', async () => {
    const { agents, system } = await rig();
    const id = await agents.register({ module: plain, tasks: { concurrency: 4 } });
    await agents.start(id);
    const over = new AbortController();
    const callers = Array.from({ length: 8 }, async (_, caller) => {
      // Callers out of step: there is never a moment without something to commit.
      for (let turn = 0; turn < caller; turn++) await Promise.resolve();
      while (!over.signal.aborted) await agents.execute(id, { type: 'echo' });
    });
    const read = await all(system.events.read());
    over.abort();
    await Promise.all(callers);
    expect(read.length).toBeGreaterThan(3);
  });

  it.each([5, undefined, {}])('is refused where the store gives %j instead of a list', async (given) => {
    const kept = memoryStore();
    const { system } = await rig({
      store: { ...bound(kept), append: (batch) => kept.append(batch), read: () => given as never },
    });
    await expect(all(system.events.read())).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await expect(system.events.replay('a')).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('may be left early', async () => {
    const { agents, system } = await rig();
    await agents.register({ module: plain });
    await agents.register({ module: plain });
    for await (const event of system.events.read()) {
      expect(event.sequence).toBe(1);
      break;
    }
  });

  it('gives the newest that are left when old ones were dropped', async () => {
    const { agents, system } = await rig({ store: memoryStore({ maxEvents: 10 }) });
    for (let count = 0; count < 25; count++) await agents.register({ module: plain });
    const sequences = (await all(system.events.read())).map(({ sequence }) => sequence);
    expect(sequences).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
  });
});
