/**
 * What the functions of a program throw at its fleet may be anything: a proxy that was revoked, an error whose message
 * cannot be read. Neither that nor a logger that fails on it ends anything.
 */
import type { Meter, Tracer } from '@opentelemetry/api';
import { type Logger, pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAlertHook } from '../../src/alerts.ts';
import {
  type AgentSystem,
  type AgentSystemOptions,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
  variable,
} from '../../src/index.ts';
import { codeOf } from '../kit/rig.ts';

/** It reads what it logs, as pino does with an error. */
const reading = () => pino({ level: 'trace' }, { write: () => {} });
const failing = () =>
  new Proxy(pino({ level: 'silent' }), {
    get: (logger, name) =>
      ['trace', 'debug', 'info', 'warn', 'error', 'child', 'isLevelEnabled'].includes(String(name))
        ? () => {
            throw new Error('the worker has exited');
          }
        : Reflect.get(logger, name),
  });
const refuse = () => Promise.reject(new Error('the collector is away'));
const refusing = (): Logger =>
  Object.assign(Object.create(pino({ level: 'silent' })), {
    child: refusing,
    isLevelEnabled: () => true,
    trace: refuse,
    debug: refuse,
    info: refuse,
    warn: refuse,
    error: refuse,
  }) as Logger;
const loggers = { 'reads errors': reading, throws: failing, 'gives promises that are rejected': refusing };

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const unreadable = (): unknown =>
  Object.defineProperty(new Error('e'), 'message', {
    get() {
      throw new Error('no message');
    },
  });
const ways: Readonly<Record<string, () => never>> = {
  'throws a revoked proxy': () => {
    throw revoked();
  },
  'throws an error that cannot be read': () => {
    throw unreadable();
  },
  'rejects with a revoked proxy': (() => Promise.reject(revoked())) as () => never,
  'rejects with an error that cannot be read': (() => Promise.reject(unreadable())) as () => never,
};

const worker = defineAgent({
  type: 'worker',
  init: () => ({ n: 0 }),
  variables: ['share'],
  vote: () => 'reject',
  tasks: {
    add: {
      run: ({ state, progress, log }) => {
        progress(state.n);
        log.warn('it adds');
        return (state.n += 1);
      },
    },
    fail: {
      run: () => {
        throw new Error('no luck');
      },
    },
  },
});

/** An object of which whatever is called is hostile, but for what is given. */
const hostileBut = (hostile: () => unknown, given: object = {}): object =>
  new Proxy(given, {
    get: (target, name) => {
      if (name === 'then') return undefined;
      return name in target ? Reflect.get(target, name) : hostile;
    },
  });
const tracers: Readonly<Record<string, (hostile: () => unknown) => object>> = {
  'a tracer': (hostile) => hostileBut(hostile),
  'a span': (hostile) => ({ startSpan: () => hostileBut(hostile) }),
  'a span that records': (hostile) => ({
    startSpan: () => hostileBut(hostile, { isRecording: () => true }),
  }),
};
const meterOf = (hostile: () => unknown) => {
  const instrument = () => hostileBut(hostile, { addCallback: () => undefined });
  return { createObservableGauge: instrument, createCounter: instrument, createHistogram: instrument };
};

/** A rejection that nobody handles would end a program. */
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => void process.off('unhandledRejection', note));

async function fleet(options: AgentSystemOptions): Promise<AgentSystem> {
  const system = await createAgentSystem(options);
  await system.agents.register({ id: 'ada', module: worker, restart: { policy: 'manual' } });
  await system.agents.start('ada');
  return system;
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}

const does = async (system: AgentSystem): Promise<void> => {
  expect(await system.agents.execute('ada', { type: 'add' })).toBe(1);
  await turns();
  expect(await system.agents.execute('ada', { type: 'add' })).toBe(2);
  await system.close();
  expect(unhandled).toEqual([]);
};

describe.each(Object.entries(loggers))('with a logger that %s', (_, loggerOf) => {
  describe.each(Object.entries(ways))('a function that %s', (__, hostile) => {
    it('harms nobody as a subscriber, or as what hears of progress', async () => {
      const system = await fleet({ logger: loggerOf() });
      system.events.subscribe(hostile);
      expect(await system.agents.execute('ada', { type: 'add', onProgress: hostile })).toBe(1);
      await turns();
      expect(await system.agents.execute('ada', { type: 'add' })).toBe(2);
      await system.close();
      expect(unhandled).toEqual([]);
    });

    it('harms nobody as an observer of charts', async () => {
      await does(await fleet({ logger: loggerOf(), inspect: hostile }));
    });

    it('harms nobody as the filter of alerts, which are told of then', async () => {
      const system = await fleet({ logger: loggerOf() });
      const sent: string[] = [];
      const hook = createAlertHook(system, {
        logger: loggerOf(),
        only: hostile,
        send: ({ text }) => Promise.resolve(void sent.push(text)),
      });
      await system.agents.kill('ada');
      await turns();
      await hook.close();
      await system.close();
      expect(sent.join()).toContain('restart_required');
      expect(unhandled).toEqual([]);
    });

    it.each(Object.entries(tracers))('harms nobody as %s, beside a meter', async (___, tracerOf) => {
      const telemetry = { tracer: tracerOf(hostile) as Tracer, meter: meterOf(hostile) as unknown as Meter };
      const system = await fleet({ logger: loggerOf(), telemetry });
      await system.pools.create({ name: 'crowd', min: 1, max: 1, spec: { module: worker } });
      expect(await system.pools.execute('crowd', { type: 'add' })).toBe(1);
      expect(await codeOf(system.pools.execute('crowd', { type: 'fail' }))).toBe('TASK_FAILED');
      expect(await codeOf(system.agents.execute('ada', { type: 'fail' }))).toBe('TASK_FAILED');
      await does(system);
    });

    it('keeps the value as the fallback of a round', async () => {
      const system = await fleet({ logger: loggerOf() });
      await system.variables.define('share', variable.float({ min: 0, max: 1, default: 0.5 }));
      const decision = await system.consensus.propose({ variable: 'share', value: 1, fallback: hostile });
      expect(decision).toMatchObject({ outcome: 'rejected', problem: 'a value that cannot be read' });
      expect(system.variables.get('share').value).toBe(0.5);
      await does(system);
    });

    it('is a failure of the store in its place, and no more', async () => {
      const store = memoryStore();
      let fails = false;
      const append: Store['append'] = (batch) => (fails ? hostile() : store.append(batch));
      const system = await fleet({ logger: loggerOf(), store: { ...methodsOf(store), append } });
      fails = true;
      expect(await codeOf(system.agents.execute('ada', { type: 'add' }))).toBe('STORE_FAILED');
      expect(system.alerts.list().map(({ alert }) => alert)).toContain('store_degraded');
      await system.close();
      expect(unhandled).toEqual([]);
    });

    it('is a store that cannot be opened in the place of `recover`', async () => {
      const store = { ...methodsOf(memoryStore()), recover: hostile };
      expect(await codeOf(createAgentSystem({ logger: loggerOf(), store }))).toBe('STORE_FAILED');
    });
  });
});

function methodsOf(store: Store): Store {
  return {
    isDurable: store.isDurable,
    recover: () => store.recover(),
    append: (batch) => store.append(batch),
    read: (query) => store.read(query),
    state: (agentId) => store.state(agentId),
    close: () => store.close(),
  };
}
