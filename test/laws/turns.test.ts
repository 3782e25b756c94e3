/** Work that is awaited, call by call, is one chain of promises: timers and I/O of the program have their turn all the same. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  type AgentSystem,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
  variable,
} from '../../src/index.ts';
import { ownCpuMs } from '../kit/own-cpu.ts';
import { silent } from '../kit/rig.ts';

/** Much more of this thread's CPU time than passes before a timer of the program fires; ms. */
const PATIENCE_MS = 3_000;
const TICKS = 10;

const counting = { goesOn: false };
const ended = { id: '' };
/** Of the task before, which has ended. */
let lastEmit: ((chunk: unknown) => Promise<void>) | undefined;

/** Makes a call again and again, as long as timers do not fire. */
async function called(call: () => Promise<unknown>): Promise<void> {
  const until = ownCpuMs() + PATIENCE_MS;
  while (counting.goesOn && ownCpuMs() < until) await call().catch(() => undefined);
}

const worker = defineAgent({
  type: 'worker',
  init: () => ({ n: 0 }),
  tasks: {
    add: { run: ({ state }) => ++state.n },
    call: { run: ({ input, agents }) => called(() => agents.execute('nobody', { type: input as string })) },
    step: { run: ({ step }) => called(() => step('one', () => 1)) },
    badStep: { run: ({ step }) => called(() => step('one', () => () => 1)) },
    unknownStep: { run: ({ step }) => called(() => step('', () => 1)) },
    badChunk: { chunk: z.number(), run: ({ emit }) => called(() => emit('none' as never)) },
    lateChunk: {
      run: ({ emit }) => {
        const before = lastEmit;
        lastEmit = emit;
        return called(() => before!(1));
      },
    },
    badChunks: {
      chunk: z.number(),
      async *run() {
        const until = ownCpuMs() + PATIENCE_MS;
        while (counting.goesOn && ownCpuMs() < until) {
          try {
            yield 'none';
          } catch {
            // Another try.
          }
        }
      },
    },
    count: {
      async *run() {
        const until = ownCpuMs() + PATIENCE_MS;
        for (let n = 0; counting.goesOn && ownCpuMs() < until; n += 1) yield n;
      },
    },
  },
});

/** How often a timer of the program fires while `work` is done again and again, up to `enough` times. */
async function ticksDuring(
  work: () => Promise<unknown>,
  enough = TICKS,
  patienceMs = PATIENCE_MS,
): Promise<number> {
  const ticks: number[] = [];
  const timer = setInterval(() => ticks.push(ownCpuMs()), 5);
  const startedAt = ownCpuMs();
  while (ticks.length < enough && ownCpuMs() - startedAt < patienceMs) await work();
  clearInterval(timer);
  return ticks.length;
}

/** A store whose promises settle at once, as one of the user's own may. */
function promising(): Store {
  const kept = memoryStore();
  return {
    isDurable: false,
    recover: () => kept.recover(),
    append: async (batch) => kept.append(batch),
    read: async (query) => kept.read(query),
    state: async (agentId) => kept.state(agentId),
    close: () => kept.close(),
  };
}

async function systemOn(store: Store): Promise<AgentSystem> {
  const system = await createAgentSystem({ store, logger: silent });
  const id = await system.agents.register({ id: 'a', module: worker });
  await system.agents.start(id);
  await system.variables.define('rate', variable.integer({ min: 0, max: 10, default: 0 }));
  return system;
}

const loops: Record<string, (system: AgentSystem) => Promise<unknown>> = {
  'a task': ({ agents }) => agents.execute('a', { type: 'add' }),
  'a life': async ({ agents }) => {
    const id = await agents.register({ module: worker });
    await agents.start(id);
    await agents.stop(id);
    await agents.forget(id);
  },
  'a variable': ({ variables }) => variables.set('rate', 1),
  'tasks at once': ({ agents }) =>
    Promise.all(Array.from({ length: 64 }, () => agents.execute('a', { type: 'add' }))),
};

it.each(
  Object.keys(loops).flatMap((loop) => [
    { loop, kind: 'the memory store', open: () => memoryStore() },
    { loop, kind: 'a store that promises', open: promising },
  ]),
)('a loop of $loop on $kind leaves the program its timers', async ({ loop, open }) => {
  await using system = await systemOn(open());
  expect(await ticksDuring(() => loops[loop]!(system))).toBe(TICKS);
});

/** What commits nothing: what is refused is asked again, until it is not. */
const unkept: Record<string, (system: AgentSystem) => Promise<unknown>> = {
  'a task for an agent that is not there': ({ agents }) => agents.execute('nobody', { type: 'add' }),
  'a task that there is not': ({ agents }) => agents.execute('a', { type: 'none' as 'add' }),
  'a task that is cancelled': ({ agents }) =>
    agents.execute('a', { type: 'add', signal: AbortSignal.abort() }),
  'a submission': ({ tasks }) => tasks.submit('nobody', { type: 'add' }),
  'a task for a pool that is not there': ({ pools }) => pools.execute('none', { type: 'add' }),
  'a registration': ({ agents }) => agents.register({ module: worker, shutdownMs: -1 }),
  'a start': ({ agents }) => agents.start('a'),
  'a stop': ({ agents }) => agents.stop('nobody'),
  'a kill': ({ agents }) => agents.kill('nobody'),
  'a variable': ({ variables }) => variables.set('rate', 11),
  'a round': ({ consensus }) => consensus.propose({ variable: 'none', value: 1 }),
};

it.each(Object.keys(unkept))('a loop that is refused %s leaves the program its timers', async (refused) => {
  await using system = await systemOn(memoryStore());
  const ask = () =>
    unkept[refused]!(system).then(
      () => expect.unreachable(),
      () => undefined,
    );
  expect(await ticksDuring(ask)).toBe(TICKS);
});

/** Calls that answer by a promise, of a part of the system: those that do so when they are given nothing. */
function promisesOf(part: object): [name: string, call: () => Promise<unknown>][] {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(part));
  const methods = part as Readonly<Record<string, unknown>>;
  return names.flatMap((name): [string, () => Promise<unknown>][] => {
    const method = isOfThePublic(name) ? methods[name] : undefined;
    if (typeof method !== 'function') return [];
    try {
      const answer: unknown = method.call(part);
      if (!(answer instanceof Promise)) return [];
      answer.catch(() => undefined);
      return [[name, () => method.call(part) as Promise<unknown>]];
    } catch {
      return [];
    }
  });
}

/** Calls of one part of the system to another have no caller that could repeat them. */
const WITHIN = new Set([
  'registerMember',
  'registerChild',
  'describe',
  'describeMoved',
  'judged',
  'submitAgain',
  'outputFor',
  'run',
  'put',
  'recall',
  'reserve',
  'settle',
  'constructor',
  'suspend',
  'halt',
  'discard',
  'begin',
  'expire',
  'cutAll',
  'writeOffAll',
]);
function isOfThePublic(name: string): boolean {
  return !WITHIN.has(name);
}

it.each([
  ['agents', 16],
  ['tasks', 7],
  ['variables', 3],
  ['consensus', 1],
  ['pools', 4],
  ['questions', 1],
  ['quotas', 1],
  ['budgets', 1],
] as const)(
  'every call of %s that is refused, in a loop, leaves the program its timers',
  async (part, count) => {
    await using system = await systemOn(memoryStore());
    const calls = promisesOf(system[part]);
    expect(calls.map(([name]) => name)).toHaveLength(count);
    const starving: string[] = [];
    for (const [name, call] of calls) {
      const ticks = await ticksDuring(() => call().catch(() => undefined), 2, 500);
      if (ticks < 2) starving.push(name);
    }
    expect(starving).toEqual([]);
  },
);

it.each<[string, (system: AgentSystem) => Promise<unknown>]>([
  ['a health check', ({ agents }) => agents.checkHealth('a')],
  ['a saved state', ({ agents }) => agents.savedState('a')],
  ['an agent that is there', ({ agents }) => agents.ensure({ id: 'a', module: worker })],
  ['starts of what runs', ({ agents }) => agents.startAll()],
  ['its history', readAll],
  ['the health of a life', ({ agents }) => agents.handle('a').health()],
  ['whether it takes a task', ({ agents }) => agents.can('a', { type: 'add' })],
  ['the tasks that it takes', ({ agents }) => agents.next('a')],
  ['its chart', ({ agents }) => agents.chart('a')],
  ['the result of a task that has ended', ({ tasks }) => tasks.result(ended.id)],
  ['the size that a pool has', ({ pools }) => pools.ensureSize('p', 0)],
  ['a history of nobody', ({ events }) => events.replay('nobody')],
])('a loop that asks for %s leaves the program its timers', async (_, ask) => {
  await using system = await systemOn(memoryStore());
  await system.pools.create({ name: 'p', spec: { module: worker }, min: 0, max: 1 });
  ended.id = (await system.tasks.submit('a', { type: 'add' })).id;
  await system.tasks.result(ended.id);
  expect(await ticksDuring(() => ask(system))).toBe(TICKS);
});

it.each(['call', 'step', 'badStep', 'unknownStep', 'badChunk', 'badChunks', 'lateChunk'] as const)(
  'a task that makes one %s after the other leaves the program its timers',
  async (type) => {
    await using system = await systemOn(memoryStore());
    counting.goesOn = false;
    await system.agents.execute('a', { type: 'lateChunk' });
    counting.goesOn = true;
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
      counting.goesOn = ticks < TICKS;
    }, 5);
    await system.agents.execute('a', { type, input: 'add' });
    clearInterval(timer);
    expect(ticks).toBe(TICKS);
  },
);

it.each(['read', 'not read'])(
  'a stream without a pause that is %s leaves the program its timers',
  async (how) => {
    await using system = await systemOn(memoryStore());
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
      counting.goesOn = ticks < TICKS;
    }, 5);
    counting.goesOn = true;
    if (how === 'read') for await (const _ of system.agents.stream('a', { type: 'count' }));
    else await system.agents.execute('a', { type: 'count' });
    clearInterval(timer);
    expect(ticks).toBe(TICKS);
  },
);

it.each([
  ['events.read', (system: AgentSystem) => readAll(system)],
  ['events.replay', (system: AgentSystem) => system.events.replay('a')],
])('%s of a long history leaves the program its timers', async (_, read) => {
  await using system = await systemOn(memoryStore({ maxEvents: 200_000 }));
  for (let round = 0; round < 400; round++) {
    await Promise.all(Array.from({ length: 64 }, () => system.agents.execute('a', { type: 'add' })));
  }
  let last = ownCpuMs();
  let longestMs = 0;
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, ownCpuMs() - last);
    last = ownCpuMs();
  }, 1);
  const startedAt = last;
  await read(system);
  const tookMs = ownCpuMs() - startedAt;
  clearInterval(timer);
  longestMs = Math.max(longestMs, ownCpuMs() - last);
  expect(longestMs).toBeLessThan(tookMs / 2);
});

it('closing a large fleet leaves the program its timers', async () => {
  const system = await systemOn(memoryStore());
  const count = 4_000;
  for (let at = 0; at < count; at += 1) {
    await system.agents.start(await system.agents.register({ module: worker }));
  }
  let stopped = 0;
  system.events.subscribe(({ type }) => {
    if (type === 'agent.stopped') stopped += 1;
  });
  const seen: number[] = [];
  const timer = setInterval(() => seen.push(stopped), 1);
  await system.close();
  clearInterval(timer);
  expect(stopped).toBe(count + 1);
  expect(seen.some((some) => some > 0 && some < count)).toBe(true);
});

async function readAll(system: AgentSystem): Promise<void> {
  let count = 0;
  for await (const { sequence } of system.events.read()) count += sequence;
  expect(count).toBeGreaterThan(0);
}
