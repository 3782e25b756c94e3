import { describe, expect, it } from 'vitest';
import {
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
  type StoreBatch,
  type SystemEvent,
  variable,
} from '../../src/index.ts';
import { handOut } from '../../src/runtime/journal/handed-out-event.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { silent } from '../kit/rig.ts';
import { bound } from './bound-store.ts';

/** Places in an event, as deep as there are any, that somebody could write to. */
function writable(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const here = Object.isFrozen(value) ? [] : [path || 'it'];
  return [...here, ...Object.entries(value).flatMap(([key, inner]) => writable(inner, `${path}.${key}`))];
}

const crew = defineAgent({
  type: 'crew',
  variables: ['plan'],
  init: ({ initArgs }) => initArgs as object,
  tasks: {
    work: { retry: 'on_host_loss', run: ({ input }) => input },
    limited: { run: ({ park }) => park({ afterMs: 10, why: 'a limit' }) },
    fail: {
      run: () => {
        throw new Error('no', { cause: new Error('because') });
      },
    },
  },
  vote: () => 'accept',
});

/** A life with every kind of event that holds more than words and numbers. */
async function live(store: Store, subscribe: (event: SystemEvent) => void): Promise<Store> {
  const clock = simulatedClock();
  const system = await createAgentSystem({ store, clock, random: () => 0, logger: silent });
  system.events.subscribe(subscribe);
  const { agents, variables, consensus } = system;
  await variables.define('plan', variable.json({ default: { steps: ['a'] } }));
  const id = await agents.register({ module: crew, initArgs: { deep: { list: [1, { n: 1 }] } } });
  await agents.start(id);
  await agents.execute(id, { type: 'work', input: { deep: { list: [1] } } });
  await agents.execute(id, { type: 'fail' }).catch(() => undefined);
  await variables.set('plan', { steps: ['a', { b: [] }] });
  await consensus.propose({ variable: 'plan', value: { steps: [{}] } });
  const limited = agents.execute(id, { type: 'limited' }).catch(() => undefined);
  await settled();
  await agents.pause(id, { by: 'ada' });
  await agents.resume(id);
  await agents.kill(id);
  await limited;
  await clock.advance(1_000);
  const closed = system.close();
  await clock.advance(60_000);
  await closed;
  return store;
}

async function all(store: Store): Promise<readonly SystemEvent[]> {
  return store.read({ limit: 1_000 });
}

describe('nobody can write an event', () => {
  it('that a subscriber hears, at any depth', async () => {
    const heard: SystemEvent[] = [];
    await live(memoryStore(), (event) => heard.push(event));
    expect(new Set(heard.map(({ type }) => type)).size).toBeGreaterThan(15);
    expect(heard.flatMap((event) => writable(event, event.type))).toEqual([]);
  });

  it('that a reader reads, a store of their own is given, or a memory store recovers', async () => {
    const kept = await live(memoryStore(), () => {});
    const read = await all(kept);
    expect(read.flatMap((event) => writable(event, event.type))).toEqual([]);
    const { agents, tasks, variables, rounds } = await kept.recover();
    const recovered = [...agents.flatMap(({ registered, latest }) => [registered, latest]), ...tasks];
    expect([...recovered, ...variables, ...rounds].flatMap((event) => writable(event))).toEqual([]);

    const given: string[] = [];
    const open: string[] = [];
    const own = {
      ...bound(memoryStore()),
      // As it is given: subscribers hear of it later.
      append: ({ events }: StoreBatch) => {
        for (const event of events) {
          given.push(event.type);
          open.push(...writable(event, event.type));
        }
      },
    };
    await live(own, () => {});
    expect(given.length).toBeGreaterThan(15);
    expect(open).toEqual([]);
  });

  it('and the history stays what it was when a subscriber tries', async () => {
    const attempts: string[] = [];
    const store = await live(memoryStore(), (event) => {
      for (const field of [
        'life',
        'spec',
        'manifest',
        'reason',
        'error',
        'input',
        'value',
        'tally',
        'terms',
      ]) {
        const inner = (event as unknown as Record<string, unknown>)[field];
        if (typeof inner !== 'object' || inner === null) continue;
        expect(() => Object.assign(inner, { forged: true })).toThrow(TypeError);
        attempts.push(field);
      }
    });
    expect(new Set(attempts).size).toBeGreaterThan(6);
    expect(JSON.stringify(await all(store))).not.toContain('forged');
  });
});

const eventOf = (input: unknown): SystemEvent =>
  ({
    sequence: 1,
    at: 0,
    type: 'task.accepted',
    agentId: 'a',
    incarnation: 1,
    taskId: 't',
    task: 'w',
    input,
  }) as never;
const inputOf = (event: SystemEvent) => (event as Extract<SystemEvent, { type: 'task.accepted' }>).input;

describe('what is not the journal’s', () => {
  it('is not frozen under the hands of its owner: the event has a copy', () => {
    const input = { list: [1], inner: { n: 1 } };
    const event = handOut(eventOf(input));
    input.list.push(2);
    input.inner.n = 2;
    expect(inputOf(event)).toEqual({ list: [1], inner: { n: 1 } });
  });

  it('stays the same where it is immutable, and the event is the same each time', () => {
    const input = Object.freeze({ inner: Object.freeze([1]) });
    const event = eventOf(input);
    expect(handOut(event)).toBe(event);
    expect(inputOf(event)).toBe(input);
    expect(handOut(event)).toBe(event);
  });

  it('and is no data is kept by reference', () => {
    class Client {
      calls = 0;
    }
    const client = new Client();
    const made = new Date(0);
    const event = handOut(eventOf({ client, made, call: client.constructor }));
    expect(inputOf(event)).toEqual({ client, made, call: Client });
    expect((inputOf(event) as { client: Client }).client).toBe(client);
    client.calls += 1;
  });

  it('is copied with names that mean something to a prototype, without one, in circles, and twice', () => {
    const twice = { n: 1 };
    const bare = Object.assign(Object.create(null) as object, { twice });
    const input: Record<string, unknown> = { twice, bare, ...JSON.parse('{"__proto__":{"n":1}}') };
    Object.defineProperty(input, '__proto__', { value: { n: 1 }, enumerable: true });
    input['self'] = input;
    const copy = inputOf(handOut(eventOf(input))) as typeof input;
    expect(copy).not.toBe(input);
    expect(copy['self']).toBe(copy);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(copy, '__proto__')?.value).toEqual({ n: 1 });
    expect(Object.getPrototypeOf(copy['bare'])).toBe(null);
    expect((copy['bare'] as typeof input)['twice']).toBe(copy['twice']);
    expect(Object.isFrozen(copy['twice'])).toBe(true);
  });

  it('harms nobody by a getter that throws, or by its depth', () => {
    const trap = {
      get field(): never {
        throw new Error('no');
      },
    };
    expect(inputOf(handOut(eventOf(trap)))).toBe(trap);
    let deep: unknown = 0;
    for (let level = 0; level < 20_000; level++) deep = [deep];
    expect(() => handOut(eventOf(deep))).not.toThrow();
  });
});
