import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import {
  type AgentSystem,
  defineAgent,
  defineFleet,
  type Fleet,
  type FleetFault,
  type FleetOptions,
  type FleetStartOptions,
  memoryStore,
  type Store,
  variable,
} from '../../src/index.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { codeOf, gate, refusal, silent } from '../kit/rig.ts';

const counter = defineAgent({
  type: 'counter',
  initArgs: z.object({ from: z.number() }),
  variables: ['rate'],
  init: ({ initArgs, restored }) => restored ?? { n: initArgs.from },
  tasks: {
    add: { run: ({ state, variables }) => (state.n += Number(variables['rate'])) },
    finish: { run: ({ complete }) => complete() },
  },
});
const echo = defineAgent({ type: 'echo', init: () => ({}), tasks: { echo: { run: ({ input }) => input } } });
const broken = defineAgent({
  type: 'broken',
  init: () => {
    throw new Error('no key');
  },
  tasks: {},
});

const all = defineFleet({
  name: 'everything',
  variables: { rate: variable.integer({ min: 0, max: 9, default: 2 }) },
  specs: [
    { id: 'ada', module: counter, initArgs: { from: 1 } },
    { id: 'bob', module: echo },
  ],
  pools: [{ name: 'crew', spec: { module: echo }, min: 2, max: 3 }],
});

async function started(fleet: Fleet, options: FleetStartOptions = {}) {
  const system = await fleet.start({ logger: silent, ...options });
  onTestFinished(async () => void (await system.close({ timeoutMs: 0 })));
  return system;
}

/** A store that a second program can open when the first has closed it. */
function keptStore(): Store {
  const store = memoryStore();
  return {
    isDurable: true,
    recover: () => store.recover(),
    append: (batch) => store.append(batch),
    read: (query) => store.read(query),
    state: (id) => store.state(id),
    close: () => undefined,
  };
}

const notToBeAsked = () => {
  throw new Error('not to be asked');
};

describe('a fleet', () => {
  it('starts with its variables, agents and pools', async () => {
    const system = await started(all);
    expect(system.agents.list().map(({ id, status }) => `${id} ${status}`)).toEqual([
      'ada running',
      'bob running',
      'crew-1 running',
      'crew-2 running',
    ]);
    expect(await system.agents.execute('ada', { type: 'add' })).toBe(3);
    expect(system.pools.get('crew')).toMatchObject({ live: 2, wanted: 2 });
  });

  it('is a system of its own at each start', async () => {
    const [first, second] = await Promise.all([started(all), started(all)]);
    await first.agents.stop('ada');
    expect(second.agents.get('ada').status).toBe('running');
  });

  it('knows the definitions of its agents and pools, each once', () => {
    expect(all.definitions).toEqual([counter, echo]);
    const more = defineFleet({ agents: [broken, echo], specs: [{ id: 'bob', module: echo }] });
    expect(more.definitions).toEqual([broken, echo]);
  });

  it('of nothing starts, too', async () => {
    const system = await started(defineFleet({}));
    expect(system.agents.list()).toEqual([]);
  });

  it('takes what it is started with before what it says itself', async () => {
    const store = keptStore();
    const clock = simulatedClock({ startAt: 1_234 });
    const system = await started(defineFleet({ ...optionsOf(all), store: notToBeAsked }), { store, clock });
    expect(system.agents.get('ada').startedAt).toBe(1_234);
    expect(await store.read({ limit: 1 })).toHaveLength(1);
  });

  it('hands the system over before anything is in it', async () => {
    const types: string[] = [];
    const system = await started(all, {
      onSystem: (opened) => {
        expect(opened.agents.list()).toEqual([]);
        opened.events.subscribe(({ type }) => types.push(type));
      },
    });
    await settled();
    expect(types).toContain('agent.registered');
    expect(types.filter((type) => type === 'agent.started')).toHaveLength(system.agents.list().length);
    const refused = all.start({
      logger: silent,
      onSystem: () => {
        throw new Error('no room');
      },
    });
    await expect(refused).rejects.toThrow('no room');
  });

  it('in a second program finds its agents as they were, and starts those that were ended', async () => {
    const store = keptStore();
    const first = await started(all, { store });
    await first.agents.execute('ada', { type: 'add' });
    await first.close();
    const second = await started(all, { store });
    expect(second.agents.list().map(({ id, incarnation }) => [id, incarnation])).toEqual([
      ['ada', 2],
      ['bob', 2],
      ['crew-1', 2],
      ['crew-2', 2],
    ]);
    expect(await second.agents.execute('ada', { type: 'add' })).toBe(5);
  });

  it('has its budgets before anything that an earlier program left goes on', async () => {
    let calls = 0;
    const payer = defineAgent({
      type: 'payer',
      init: () => ({}),
      tasks: {
        pay: {
          retry: 'on_host_loss',
          run: async ({ budget }) => {
            await budget.reserve({ calls: 1 });
            calls += 1;
            await new Promise(() => undefined);
          },
        },
      },
    });
    const fleet = defineFleet({
      specs: [{ id: 'ada', module: payer }],
      budgets: [{ name: 'day', limits: { calls: 1 } }],
    });
    const store = mortalStore(keptStore());
    const first = await started(fleet, { store });
    const { id } = await first.tasks.submit('ada', { type: 'pay' });
    await settled();
    expect(calls).toBe(1);
    const onSystem = async (system: AgentSystem) =>
      void (await system.tasks.result(id).catch(() => undefined));
    const second = await started(fleet, { store: store.die(), onSystem });
    expect(second.tasks.get(id)).toMatchObject({ status: 'failed', error: { code: 'BUDGET_EXHAUSTED' } });
    expect(calls).toBe(1);
    const wider = await started(fleet, { budgets: [{ name: 'day', limits: { calls: 9 } }] });
    expect(wider.budgets.list()).toMatchObject([{ name: 'day', limits: { calls: 9 } }]);
  });

  it('has its variables before anything that an earlier program left goes on, however many there are', async () => {
    const seen: unknown[] = [];
    const reader = defineAgent({
      type: 'reader',
      variables: ['rate', 'burst'],
      init: ({ variables }) => {
        seen.push({ ...variables });
        return {};
      },
      tasks: {
        read: {
          retry: 'on_host_loss',
          run: async ({ variables }) => {
            seen.push({ ...variables });
            await new Promise(() => undefined);
          },
        },
      },
    });
    const specs = [{ id: 'ada', module: reader }];
    const store = mortalStore(keptStore());
    const first = await started(defineFleet({ specs }), { store });
    await first.tasks.submit('ada', { type: 'read' });
    await settled();
    expect(seen.splice(0)).toEqual([{}, {}]);
    const variables = {
      burst: variable.integer({ min: 0, max: 9, default: 7 }),
      rate: variable.json({ schema: z.number().refine(() => Promise.resolve(true)), default: 2 }),
    };
    const listed: unknown[] = [];
    const onSystem = (system: AgentSystem) => {
      listed.push(...system.variables.list().map(({ name, value }) => [name, value]));
      return settled();
    };
    await started(defineFleet({ specs, variables }), { store: store.die(), onSystem });
    await settled();
    expect(listed).toEqual([
      ['burst', 7],
      ['rate', 2],
    ]);
    const defined = { rate: 2, burst: 7 };
    expect(seen).toEqual([defined, defined]);
  });

  it('has its pools when a task that an earlier program left calls one, however long its agents take to start', async () => {
    let isHeld = true;
    const [held, asked] = [gate(), gate()];
    const boss = defineAgent({
      type: 'boss',
      init: () => ({}),
      tasks: {
        ask: {
          retry: 'on_host_loss',
          run: async ({ agents }) => {
            if (isHeld) await held.promise;
            const task = { type: 'echo', input: 'hello' };
            return agents.execute({ pool: 'crew' }, task).finally(() => asked.resolve());
          },
        },
      },
    });
    const slow = defineAgent({ type: 'slow', init: () => asked.promise, tasks: {} });
    const pools = [{ name: 'crew', spec: { module: echo }, min: 1, max: 1 }];
    const ada = { id: 'ada', module: boss };
    const store = mortalStore(keptStore());
    const first = await started(defineFleet({ specs: [ada], pools }), { store });
    const { id } = await first.tasks.submit('ada', { type: 'ask' });
    await settled();
    isHeld = false;
    const later = defineFleet({ specs: [ada, { id: 'bob', module: slow }], pools });
    const second = await started(later, { store: store.die() });
    expect(await second.tasks.result(id)).toBe('hello');
  });

  it('leaves what had completed as it is', async () => {
    const store = keptStore();
    const first = await started(all, { store });
    await first.agents.execute('ada', { type: 'finish' });
    await first.close();
    const second = await started(all, { store });
    expect(second.agents.get('ada')).toMatchObject({ status: 'completed', incarnation: 1 });
  });
});

describe('a start that fails', () => {
  const specs = [
    { id: 'bob', module: echo },
    { id: 'eve', module: broken },
  ] as const;

  it('leaves nothing behind, and says what it was', async () => {
    let closed = 0;
    const store = { ...keptStore(), close: () => void (closed += 1) };
    const fleet = defineFleet({ specs: [...specs] });
    const error = await refusal(fleet.start({ logger: silent, store }));
    expect(error).toMatchObject({ code: 'AGENT_START_FAILED', agentId: 'eve' });
    expect(closed).toBe(1);
  });

  it('goes on without it where somebody is told', async () => {
    const faults: FleetFault[] = [];
    const pools = [{ name: 'crew', spec: { module: broken }, min: 1, max: 1 }];
    const system = await started(defineFleet({ specs: [...specs], pools }), {
      onFault: (fault) => faults.push(fault),
    });
    expect(faults.map(({ agentId, pool, error }) => [agentId, pool, error.code])).toEqual([
      ['eve', undefined, 'AGENT_START_FAILED'],
      [undefined, 'crew', 'AGENT_START_FAILED'],
    ]);
    expect(system.agents.get('bob').status).toBe('running');
    expect(system.agents.get('eve').status).toBe('registered');
  });

  it('ends when it is told to, with what it had begun', async () => {
    const stop = new AbortController();
    const begun = gate();
    const slow = defineAgent({
      type: 'slow',
      init: ({ signal }) => {
        begun.resolve();
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      },
      tasks: {},
    });
    let closed = 0;
    const store = { ...keptStore(), close: () => void (closed += 1) };
    const starting = defineFleet({ specs: [{ id: 'eve', module: slow }] }).start({
      logger: silent,
      store,
      signal: stop.signal,
    });
    await begun.promise;
    stop.abort(new Error('enough'));
    await expect(starting).rejects.toThrow('enough');
    expect(closed).toBe(1);
    await expect(all.start({ signal: stop.signal })).rejects.toThrow('enough');
  });

  it('is refused for an invalid spec, by name', async () => {
    const fleet = defineFleet({ specs: [{ id: 'bob', module: echo, colour: 'red' } as never] });
    expect((await refusal(fleet.start({ logger: silent }))).message).toMatch(/colour/);
  });
});

it.each([
  [{ specs: [{ module: echo }] }, 'specs.0: expected a spec with an id'],
  [
    {
      specs: [
        { id: 'a', module: echo },
        { id: 'a', module: echo },
      ],
    },
    'two agents called "a"',
  ],
  [{ pools: [{ name: 'p' }, { name: 'p' }] }, 'two pools called "p"'],
  [{ budgets: [{ name: 'b', limits: { cals: 1 } }] }, 'budgets.0.limits'],
  [
    {
      budgets: [
        { name: 'b', limits: { calls: 1 } },
        { name: 'b', limits: { calls: 2 } },
      ],
    },
    'budgets.1.name: expected a name that no other budget has, got "b"',
  ],
  [{ store: memoryStore() }, 'store: expected a function'],
  [{ run: true }, 'run: expected a function'],
  [{ shutdownMs: -1 }, 'shutdownMs'],
  [{ agents: [{}] }, 'agents.0: expected a defineAgent value'],
  [{ colour: 'red' }, 'colour'],
])('what is no fleet is refused by name: case %#', async (options, problem) => {
  const define = () => defineFleet(options as FleetOptions);
  expect(await codeOf(define)).toBe('AGENT_SPEC_INVALID');
  expect((await refusal(define)).message).toMatch(/^defineFleet: /);
  expect((await refusal(define)).message).toContain(problem);
});

it('two definitions of one type are refused, wherever they come from', async () => {
  const other = defineAgent({ type: 'echo', init: () => ({}), tasks: {} });
  const define = () =>
    defineFleet({
      specs: [
        { id: 'a', module: echo },
        { id: 'b', module: other },
      ],
    });
  expect((await refusal(define)).message).toContain('two definitions of type "echo"');
});

it('the compiler knows what each agent is initialised with', () => {
  defineFleet({
    specs: [
      { id: 'ada', module: counter, initArgs: { from: 1 } },
      // @ts-expect-error not a number
      { id: 'bob', module: counter, initArgs: { from: 'one' } },
      { id: 'eve', module: new URL('file:///an/agent.ts'), initArgs: 'anything' },
    ],
    // @ts-expect-error not within a pool, either
    pools: [{ name: 'crew', spec: { module: counter, initArgs: { from: 'one' } }, min: 1, max: 1 }],
  });
  // @ts-expect-error without an id no later program would find it
  expect(() => defineFleet({ specs: [{ module: echo }] })).toThrow('a spec with an id');
});

function optionsOf({ name, specs, pools, variables }: Fleet) {
  return { name, specs: [...specs], pools, variables };
}
