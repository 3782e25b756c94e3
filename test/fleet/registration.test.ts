/** What was registered is what every life begins with, whoever holds some of it meanwhile. */
import { describe, expect, it } from 'vitest';
import {
  type AgentRecord,
  defineAgent,
  type Host,
  memoryStore,
  type Store,
  type SystemEvent,
} from '../../src/index.ts';
import type { Usage } from '../../src/runtime/hosting/host.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { codeOf, fateOf, rig } from '../kit/rig.ts';
import { plain } from './plain.ts';
import { disks, diskOf } from './program.ts';

interface Args {
  readonly log: unknown[];
  readonly nested: { seen: number; readonly deep: { list: number[] } };
}

/** Its state is its very `initArgs`, and what each life began with is noted. */
function keeper() {
  const begun: unknown[] = [];
  const module = defineAgent({
    type: 'keeper',
    init: ({ initArgs }): Args => {
      begun.push(structuredClone(initArgs));
      return initArgs as Args;
    },
    tasks: {
      spoil: {
        run: ({ state }) => {
          state.log.push('spoilt');
          state.nested.seen += 1;
          state.nested.deep.list.push(9);
        },
      },
      keep: { retry: 'on_host_loss', run: ({ input }) => void (input as unknown[]).push('spoilt') },
      hold: {
        retry: 'on_host_loss',
        run: ({ input }) => {
          (input as unknown[]).push('spoilt');
          return new Promise(() => {});
        },
      },
    },
    // It never goes on from a saved state.
    save: () => null,
  });
  return { module, begun };
}

const args = (): Args => ({ log: ['first'], nested: { seen: 0, deep: { list: [1] } } });
/** All of a record that somebody might want to change. */
const shown = (record: AgentRecord): unknown[] => [
  record,
  record.spec,
  record.spec.initArgs,
  (record.spec.initArgs as Args).log,
  (record.spec.initArgs as Args).nested.deep,
  record.spec.restart,
  record.spec.health,
  record.spec.tasks,
  record.spec.resources,
  record.spec.coordination,
  record.metrics,
  record.metrics.latencyMs,
  record.health,
  record.capabilities,
  record.abandoned,
];
const assign = (target: unknown, change: object) => () => Object.assign(target as object, change);

describe('the initArgs of an agent', () => {
  it('begin each of its lives as they were registered', async () => {
    const { agents, clock } = await rig();
    const { module, begun } = keeper();
    const given = args();
    const id = await agents.register({
      module,
      initArgs: given,
      restart: { policy: 'immediate', delayMs: 1 },
    });
    // Whoever registered it may go on with what it gave.
    given.log.push('of the caller');
    given.nested.seen = 7;
    await agents.start(id);
    await agents.execute(id, { type: 'spoil' });
    await agents.kill(id);
    await clock.advance(1);
    await agents.execute(id, { type: 'spoil' });
    await agents.stop(id);
    await agents.start(id);
    expect(begun).toEqual([args(), args(), args()]);
    expect(agents.get(id).spec.initArgs).toEqual(args());
  });

  it('are each agent’s own, of one spec and one default', async () => {
    const { agents, system } = await rig();
    const { module, begun } = keeper();
    const spec = { module, initArgs: args() };
    for (const id of [await agents.register(spec), await agents.register(spec)]) {
      await agents.start(id);
      await agents.execute(id, { type: 'spoil' });
    }
    await system.pools.create({ name: 'p', min: 2, max: 2, spec });
    await system.pools.execute('p', { type: 'spoil' });
    expect(begun).toEqual([args(), args(), args(), args()]);
    const bare: object[] = [];
    const other = defineAgent({
      type: 'other',
      init: ({ initArgs }) => {
        bare.push({ ...(initArgs as object) });
        return Object.assign(initArgs as object, { spoilt: true });
      },
      tasks: {},
    });
    for (let n = 0; n < 2; n++) await agents.start(await agents.register({ module: other }));
    expect(bare).toEqual([{}, {}]);
  });

  it('may hold values that are not data: these are kept by reference, the data around them is copied', async () => {
    const { agents } = await rig();
    class Client {
      calls = 0;
    }
    const client = new Client();
    const given: { client: Client; ask: () => number; log: string[] }[] = [];
    const module = defineAgent({
      type: 'asking',
      init: ({ initArgs }) => {
        const its = initArgs as (typeof given)[number];
        its.client.calls += its.ask();
        its.log.push('spoilt');
        given.push(its);
        return {};
      },
      tasks: {},
    });
    const log = ['first'];
    const id = await agents.register({ module, initArgs: { client, ask: () => 1, log } });
    for (let life = 0; life < 2; life++) {
      await agents.start(id);
      await agents.stop(id);
    }
    expect(client.calls).toBe(2);
    expect(given.map((its) => its.client === client)).toEqual([true, true]);
    expect(given.map((its) => its.log)).toEqual([
      ['first', 'spoilt'],
      ['first', 'spoilt'],
    ]);
    expect(log).toEqual(['first']);
    // The client was not frozen under its owner's hands.
    client.calls = 0;
  });

  it.each(['__proto__', 'constructor'])('may have a key %s', async (key) => {
    const { agents } = await rig();
    const { module, begun } = keeper();
    const initArgs: unknown = JSON.parse(`{"${key}":{"a":1},"b":[]}`);
    await agents.start(await agents.register({ module, initArgs }));
    expect(JSON.stringify(begun)).toBe(JSON.stringify([initArgs]));
  });
});

describe('what is shown of an agent', () => {
  it('cannot be changed: its record, the parts of its spec, its metrics and its health', async () => {
    const { agents } = await rig();
    const { module } = keeper();
    const id = await agents.register({ module, initArgs: args(), health: { intervalMs: 1_000 } });
    await agents.start(id);
    await agents.execute(id, { type: 'spoil' });
    for (const part of shown(agents.get(id))) expect(assign(part, { extra: 1 })).toThrow(TypeError);
    const before = agents.get(id);
    const stopped = await agents.stop(id);
    for (const part of shown(stopped)) expect(assign(part, { extra: 1 })).toThrow(TypeError);
    // What was shown stays as it was.
    expect(before.status).toBe('running');
  });

  it('is the very same as long as nothing has changed, and another one once something has', async () => {
    const { agents, clock } = await rig();
    const { module } = keeper();
    const id = await agents.register({ module, initArgs: args() });
    const records = [agents.get(id)];
    const expectAnother = () => {
      const record = agents.get(id);
      expect(record).not.toBe(records.at(-1));
      expect(record).not.toEqual(records.at(-1));
      expect(agents.get(id)).toBe(record);
      expect(agents.list()[0]).toBe(record);
      records.push(record);
    };
    expect(agents.get(id)).toBe(records[0]);
    await agents.start(id);
    expectAnother();
    await agents.checkHealth(id);
    expectAnother();
    const task = agents.execute(id, { type: 'spoil' });
    expectAnother();
    await task;
    expectAnother();
    await clock.advance(30_000);
    expectAnother();
    await agents.stop(id);
    expectAnother();
    await agents.forget(id);
  });

  it.each([true, false])(
    'is another one as soon as its host has measured anew (state read later: %s)',
    async (isLate) => {
      const scripted = scriptedHost();
      const usage: { now: Usage | undefined } = { now: undefined };
      const host: Host = {
        ...scripted,
        open: (start, listener) => {
          const body = scripted.open(start, listener);
          return { post: (request) => body.post(request), kill: () => body.kill(), usage: () => usage.now };
        },
      };
      const kept = memoryStore();
      const store: Store = {
        isDurable: true,
        recover: () => kept.recover(),
        append: (batch) => kept.append(batch),
        read: (query) => kept.read(query),
        state: (id) => (isLate ? Promise.resolve(kept.state(id)) : kept.state(id)),
        close: () => kept.close(),
      };
      const { agents } = await rig({ hosts: { 'in-process': host }, store });
      const id = await agents.register({ module: plain, restart: { policy: 'never' } });
      usage.now = { memoryBytes: 1, cpuMs: 1 };
      const started = agents.start(id);
      expect(agents.get(id)).toMatchObject({ status: 'starting' });
      await settled();
      // It is not ready, and its host measures it.
      expect(agents.get(id)).toMatchObject({ status: 'starting', metrics: usage.now });
      scripted.live.at(-1)!.ready();
      await started;
      const record = agents.get(id);
      expect(record).toMatchObject({ status: 'running', metrics: usage.now });
      expect(agents.get(id)).toBe(record);
      usage.now = { memoryBytes: 2, cpuMs: 2 };
      expect(agents.get(id)).toMatchObject({ metrics: usage.now });
      usage.now = undefined;
      expect(agents.get(id).metrics).not.toHaveProperty('cpuMs');
      scripted.live.at(-1)!.exit({ exitCode: 1 });
      expect(agents.get(id)).toMatchObject({ status: 'crashed' });
    },
  );

  it.each(disks)(
    'by its events cannot be changed, nor what is read or recovered of them (%s)',
    async (kind) => {
      const disk = await diskOf(kind);
      const { module, begun } = keeper();
      const first = await disk.boot();
      const heard: SystemEvent[] = [];
      const spoilt: string[] = [];
      const spoil = (value: unknown, path: string): void => {
        if (typeof value !== 'object' || value === null) return;
        for (const [key, inner] of Object.entries(value)) spoil(inner, `${path}.${key}`);
        try {
          Object.assign(value, { spoilt: true });
          spoilt.push(path);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(TypeError);
        }
      };
      first.system.events.subscribe((event) => {
        heard.push(event);
        spoil(event, event.type);
      });
      const { agents, system } = first;
      const id = await agents.register({ module, initArgs: args() });
      await agents.start(id);
      await agents.execute(id, { type: 'spoil' });
      await agents.execute(id, { type: 'keep', input: ['given'] });
      void agents.execute(id, { type: 'hold', input: ['given'] }).catch(() => {});
      await settled();
      for await (const event of system.events.read()) spoil(event, `read ${event.type}`);
      expect(spoilt).toEqual([]);
      expect(heard.length).toBeGreaterThan(8);
      const inputs = heard.flatMap((event) =>
        event.type === 'task.accepted' && event.retry ? [event.input] : [],
      );
      expect(inputs).toEqual([['given'], ['given']]);

      const second = await disk.boot({ agents: [module] });
      await second.clock.advance(0);
      expect(begun).toEqual([args(), args()]);
      const kept: unknown[] = [];
      for await (const event of second.system.events.read()) {
        if (event.type === 'task.accepted' && event.retry) kept.push(event.input);
      }
      expect(kept).toEqual([['given'], ['given']]);
    },
  );

  it('of why its last body ended cannot be changed by the next one', async () => {
    const seen: unknown[] = [];
    const module = defineAgent({
      type: 'curious',
      onTaskError: 'crash',
      init: ({ previousStop }) => {
        if (previousStop) seen.push(assign(previousStop, { spoilt: true }));
        return {};
      },
      tasks: {
        crash: {
          run: () => {
            throw new Error('the end');
          },
        },
      },
    });
    const { agents, clock } = await rig({ store: memoryStore() });
    const id = await agents.register({ module, restart: { policy: 'immediate', delayMs: 1 } });
    await agents.start(id);
    await agents.execute(id, { type: 'crash' }).catch(() => {});
    await clock.advance(1);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toThrow(TypeError);
  });
});

/** An agent that is registered and started while its store is silent. */
async function unanswered() {
  const store = failingStore();
  const made = await rig({ store });
  store.trouble = 'hangs';
  const registered = codeOf(made.agents.register({ id: 'ada', module: plain }));
  registered.catch(() => {});
  const started = made.agents.start('ada');
  started.catch(() => {});
  return { ...made, store, registered, started };
}

describe('an agent whose registration the store has not answered', () => {
  it('starts once that is durable', async () => {
    const { agents, store, started, registered } = await unanswered();
    expect(await fateOf(started)).toBe('pending');
    expect(agents.get('ada').status).toBe('registered');
    store.trouble = undefined;
    await store.answer(true);
    expect((await started).incarnation).toBe(1);
    await expect(registered).rejects.toThrow('expected a refusal, got ada');
  });

  it('never starts when the store refuses that: no life begins that has no end', async () => {
    const { agents, clock, store, started, registered, events } = await unanswered();
    await settled();
    await store.answer(false);
    expect(await registered).toBe('STORE_FAILED');
    expect(await codeOf(started)).toBe('AGENT_NOT_FOUND');
    expect(await codeOf(() => agents.get('ada'))).toBe('AGENT_NOT_FOUND');
    store.trouble = undefined;
    await clock.advance(60_000);
    const told = events.filter((event) => event.agentId === 'ada').map(({ type }) => type);
    expect(told).toEqual(['agent.registered', 'agent.forgotten']);
  });

  it('starts once, however often it is asked to', async () => {
    const { agents, store, started } = await unanswered();
    const again = codeOf(agents.start('ada'));
    store.trouble = undefined;
    await settled();
    await store.answer(true);
    expect((await started).incarnation).toBe(1);
    expect(await again).toBe('AGENT_ALREADY_RUNNING');
  });

  it('is told as forgotten once, also when somebody had it forgotten meanwhile', async () => {
    const { agents, clock, store, started, events } = await unanswered();
    const forgotten = agents.forget('ada');
    forgotten.catch(() => {});
    await settled();
    await store.answer(false);
    expect(await codeOf(started)).toBe('AGENT_NOT_FOUND');
    store.trouble = undefined;
    await clock.advance(60_000);
    expect(await fateOf(forgotten)).toBe('STORE_FAILED');
    const told = events.filter((event) => event.agentId === 'ada').map(({ type }) => type);
    expect(told).toEqual(['agent.registered', 'agent.forgotten']);
  });
});
