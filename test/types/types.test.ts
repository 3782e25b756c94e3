/**
 * What the compiler knows of an agent: from its definition to every call.
 *
 * These laws hold when this file compiles. Running it shows that values are what their types say.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  type AgentCommand,
  type AgentDefinition,
  type AgentHandle,
  type AgentId,
  type AgentRecord,
  type AgentSystem,
  AgentSystemError,
  type AgentSystemOptions,
  type BudgetAmount,
  createAgentSystem,
  defineAgent,
  defineFleet,
  type ErrorCode,
  type ExitReason,
  type PoolName,
  type SystemEvent,
  type TaskContext,
  type TaskRecord,
  type TaskStatus,
} from '../../src/index.ts';
import type { AgentNodeOptions, ConnectFleetOptions, FleetHandle } from '../../src/restate.ts';
import { rig } from '../kit/rig.ts';

function toldByCode(error: AgentSystemError): void {
  if (error.code === 'WAIT_CIRCLE') {
    expectTypeOf(error.details?.circle).toEqualTypeOf<readonly string[] | undefined>();
  }
  if (error.code === 'AGENT_NOT_RUNNING') {
    expectTypeOf(error.details?.legal).toEqualTypeOf<readonly AgentCommand[] | undefined>();
  }
  if (error.code === 'RESOURCES_EXHAUSTED') {
    expectTypeOf(error.details?.memoryBytesLeft).toEqualTypeOf<number | undefined>();
  }
  if (error.code === 'BUDGET_EXHAUSTED') {
    expectTypeOf(error.details?.refillAt).toEqualTypeOf<number | undefined>();
    expectTypeOf(error.details?.unit).toEqualTypeOf<keyof BudgetAmount | undefined>();
  }
  if (error.code === 'TASK_TIMED_OUT') {
    expectTypeOf(error.details?.taskId).toEqualTypeOf<string | undefined>();
    expectTypeOf(error.details?.status).toEqualTypeOf<TaskStatus | undefined>();
  }
  if (error.code === 'QUESTION_CLOSED') {
    expectTypeOf(error.details?.by).toEqualTypeOf<string | undefined>();
  }
  // Of what is not told by the code all is possible.
  expectTypeOf(error.details?.['anything']).toEqualTypeOf<unknown>();
  expectTypeOf(error.code).toEqualTypeOf<ErrorCode>();
}

interface Counted {
  n: number;
}

const counter = defineAgent({
  type: 'counter',
  initArgs: z.object({ from: z.number().default(0) }),
  capabilities: ['count'],
  init: ({ initArgs, restored, previousStop, signal }): Counted => {
    expectTypeOf(initArgs).toEqualTypeOf<{ from: number }>();
    expectTypeOf(previousStop).toEqualTypeOf<ExitReason | undefined>();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    return restored ?? { n: initArgs.from };
  },
  tasks: {
    add: {
      requires: ['count'],
      input: z.number(),
      output: z.number(),
      run: ({ input, state }) => {
        expectTypeOf(input).toEqualTypeOf<number>();
        expectTypeOf(state).toEqualTypeOf<Counted>();
        state.n += input;
        return state.n;
      },
    },
    parse: {
      input: z.string().transform((text) => text.length),
      output: z.number().transform((length) => ({ length })),
      run: ({ input }) => {
        expectTypeOf(input).toEqualTypeOf<number>();
        return input;
      },
    },
    read: { run: ({ state }) => ({ ...state }) },
    later: {
      input: z.boolean().optional(),
      run: async ({ input }): Promise<string> => (input ? 'yes' : 'no'),
    },
    nothing: {
      run: ({ input }) => {
        expectTypeOf(input).toEqualTypeOf<unknown>();
      },
    },
  },
  vote: ({ state }) => {
    expectTypeOf(state).toEqualTypeOf<Counted>();
    return 'accept';
  },
  health: ({ state }) => expectTypeOf(state).toEqualTypeOf<Counted>(),
  save: ({ state }) => state.n,
});

/** What `system.agents.execute(id, …)` takes and gives for one kind of task. */
type Calls = typeof counter extends AgentDefinition<infer _Args, infer Tasks> ? Tasks : never;

const told = (event: SystemEvent): unknown => {
  switch (event.type) {
    case 'agent.crashed':
      expectTypeOf(event.reason).toEqualTypeOf<ExitReason>();
      return event.abandoned;
    case 'task.completed':
      expectTypeOf(event.ranMs).toEqualTypeOf<number>();
      return event.taskId;
    default:
      return event.sequence;
  }
};

const callsByName = (
  { agents, pools }: AgentSystem,
  id: AgentId<Calls>,
  pool: PoolName<Calls>,
  text: string,
) => [
  // @ts-expect-error -- no such task
  agents.execute(id, { type: 'subtract', input: 1 }),
  // @ts-expect-error -- another input
  agents.execute(id, { type: 'add', input: 'one' }),
  // @ts-expect-error -- no input
  agents.execute(id, { type: 'add' }),
  // @ts-expect-error -- no such option
  agents.execute(id, { type: 'add', input: 1, timeout: 5 }),
  // @ts-expect-error -- no such task
  pools.execute(pool, { type: 'subtract', input: 1 }),
  // @ts-expect-error -- another input
  pools.execute(pool, { type: 'add', input: 'one' }),
  // @ts-expect-error -- no input
  pools.execute(pool, { type: 'add' }),
  agents.execute(id, { type: 'add', input: 1, timeoutMs: 5 }),
  pools.execute(pool, { type: 'add', input: 1 }),
  agents.execute(id, { type: 'later' }),
  agents.execute(text, { type: 'subtract' }),
  pools.execute(text, { type: 'subtract' }),
];

const submittedByName = async (
  { tasks }: AgentSystem,
  id: AgentId<Calls>,
  pool: PoolName<Calls>,
  text: string,
) => {
  // @ts-expect-error -- no such task
  await tasks.submit(id, { type: 'subtract', input: 1 });
  // @ts-expect-error -- another input
  await tasks.submit(id, { type: 'add', input: 'one' });
  // @ts-expect-error -- no input
  await tasks.submit({ pool }, { type: 'add' });
  // @ts-expect-error -- no such option
  await tasks.submit(id, { type: 'add', input: 1, signal: new AbortController().signal });
  // @ts-expect-error -- no such task
  await tasks.schedule({ name: 'n', everyMs: 1_000, target: id, task: { type: 'subtract' } });
  // @ts-expect-error -- another input
  await tasks.schedule({ name: 'n', everyMs: 1_000, target: { pool }, task: { type: 'add', input: 'one' } });
  await tasks.schedule({ name: 'n', everyMs: 1_000, target: id, task: { type: 'add', input: 1 } });
  await tasks.schedule({ name: 'n', everyMs: 1_000, target: text, task: { type: 'anything' } });
  const record = await tasks.submit(id, { type: 'add', input: 1, priority: 1, by: 'grace' });
  expectTypeOf(record).toEqualTypeOf<TaskRecord<number>>();
  expectTypeOf(await tasks.result(record.id)).toEqualTypeOf<number>();
  expectTypeOf(tasks.get(record.id).output).toEqualTypeOf<number | undefined>();
  const pooled = await tasks.submit({ pool }, { type: 'parse', input: 'four' });
  expectTypeOf(await tasks.result(pooled.id, { timeoutMs: 5 })).toEqualTypeOf<{ length: number }>();
  expectTypeOf(await tasks.result(text)).toEqualTypeOf<unknown>();
  expectTypeOf(await tasks.submit(text, { type: 'anything' })).toEqualTypeOf<TaskRecord>();
  await tasks.submit({ type: 'counter' }, { type: 'anything', input: 1 });
};

const callsOfModule = async ({ agents }: AgentSystem, module: URL) => {
  const id = await agents.register({ module, initArgs: { any: 'thing' } });
  expectTypeOf(await agents.execute(id, { type: 'anything' })).toEqualTypeOf<unknown>();
  const known: AgentId<Calls> = await agents.register<{ from: number }, Calls>({
    module,
    initArgs: { from: 1 },
  });
  expectTypeOf(await agents.execute(known, { type: 'add', input: 1 })).toEqualTypeOf<number>();
  // @ts-expect-error -- no such task
  await agents.execute(known, { type: 'subtract' });
  // As `import type counter from './counter.ts'` gives it.
  const imported: AgentId<typeof counter> = await agents.register({ module, initArgs: { from: 1 } });
  expectTypeOf(imported).toEqualTypeOf<AgentId<Calls>>();
  expectTypeOf(await agents.execute(imported, { type: 'add', input: 1 })).toEqualTypeOf<number>();
  // @ts-expect-error -- another input
  await agents.execute(imported, { type: 'add', input: 'one' });
  expectTypeOf<PoolName<typeof counter>>().toEqualTypeOf<PoolName<Calls>>();
};

const streaming = defineAgent({
  type: 'streaming',
  init: () => ({ n: 1 }),
  tasks: {
    emits: {
      input: z.number(),
      chunk: z.string(),
      output: z.number(),
      run: async ({ input, emit, state }) => {
        await emit('text');
        // @ts-expect-error -- another chunk
        await emit(1);
        return input + state.n;
      },
    },
    yields: {
      input: z.string(),
      run: async function* ({ input }) {
        yield input.length;
        return 'done' as const;
      },
    },
  },
});

const streamsOf = async ({ agents, pools }: AgentSystem) => {
  const id = await agents.register({ module: streaming });
  for await (const chunk of agents.stream(id, { type: 'emits', input: 1 })) {
    expectTypeOf(chunk).toEqualTypeOf<string>();
  }
  const { output } = agents.stream(id, { type: 'yields', input: '' });
  expectTypeOf(await output).toEqualTypeOf<'done'>();
  expectTypeOf(agents.stream(id, { type: 'yields', input: '' }).next()).toEqualTypeOf<
    Promise<IteratorResult<number, undefined>>
  >();
  expectTypeOf(await agents.execute(id, { type: 'yields', input: '' })).toEqualTypeOf<'done'>();
  // @ts-expect-error -- another input
  agents.stream(id, { type: 'yields', input: 1 });
  const pool = await pools.create({ name: 'p', spec: { module: streaming }, min: 1, max: 1 });
  for await (const chunk of pools.stream(pool, { type: 'emits', input: 1 })) {
    expectTypeOf(chunk).toEqualTypeOf<string>();
  }
  expectTypeOf(await pools.stream(pool, { type: 'yields', input: '' }).output).toEqualTypeOf<'done'>();
  // @ts-expect-error -- another input
  pools.stream(pool, { type: 'yields', input: 1 });
};

/** Options as a caller has them who may have been given none: exact optional properties take no `undefined` by themselves. */
const optionsOfOthers = async (
  { agents, tasks, pools, variables, events, close }: AgentSystem,
  id: AgentId<Calls>,
  timeoutMs: number | undefined,
  by: string | undefined,
  signal: AbortSignal | undefined,
) => {
  const task = {
    type: 'add',
    input: 1,
    timeoutMs,
    signal,
    onProgress: undefined,
    whenDown: undefined,
  } as const;
  expectTypeOf(await agents.execute(id, task)).toEqualTypeOf<number>();
  await agents.handle(id).execute(task);
  await pools.execute('p', task);
  const record = await tasks.submit(id, { type: 'add', input: 1, timeoutMs, by, idempotencyKey: by });
  await tasks.result(record.id, { timeoutMs });
  await agents.stop(id, { timeoutMs, by });
  await agents.ensure({ id: 'a', module: streaming }, { by, autoStart: undefined });
  await variables.set('rate', 1, { by, timeoutMs });
  events.read({ agentId: by, after: timeoutMs, limit: undefined });
  events.subscribe(() => undefined, { types: undefined });
  tasks.list({ agentId: by, status: undefined });
  await pools.close('p', { timeoutMs, by });
  await close({ timeoutMs });
};

const optionsWithinTask = async (
  { agents, ask }: TaskContext<unknown, unknown>,
  timeoutMs: number | undefined,
  key: string | undefined,
) => {
  await agents.execute('b', { type: 'add', timeoutMs, idempotencyKey: key, signal: undefined });
  agents.stream('b', { type: 'add', timeoutMs });
  await agents.stop('b', { timeoutMs });
  await ask({ question: 'go?', key, deadlineMs: timeoutMs });
};

const optionsOfFleets = async (
  store: AgentSystemOptions['store'],
  count: number | undefined,
  identityKeys: readonly string[] | undefined,
  random: (() => number) | undefined,
) => {
  const limits = { maxAgents: count, maxMemoryBytes: count };
  await using system = await createAgentSystem({
    store,
    random,
    limits,
    agents: undefined,
    telemetry: { tracer: undefined },
  });
  await system.pools.create({ name: 'p', spec: { module: streaming }, min: 1, max: 2, scale: undefined });
  const restate = { ingressUrl: '', adminUrl: '', identityKeys, advertise: undefined };
  const node: AgentNodeOptions = { name: 'n', listen: '', restate, limits, leaseMs: count };
  const fleet: ConnectFleetOptions = { ingressUrl: '', engineTimeoutMs: count, logger: undefined };
  return { node, fleet };
};

describe('types flow', () => {
  it('to options that may be undefined', () => {
    expect([optionsOfOthers, optionsWithinTask, optionsOfFleets]).toHaveLength(3);
  });
  it('from what a task streams to who reads it', () => {
    expectTypeOf(streamsOf).toBeFunction();
  });
  it('from the schemas to what callers send and get', () => {
    expectTypeOf<Calls['add']>().toEqualTypeOf<{ input: number; output: number; chunk: unknown }>();
    expectTypeOf<Calls['parse']>().toEqualTypeOf<{
      input: string;
      output: { length: number };
      chunk: unknown;
    }>();
    expectTypeOf<Calls['later']['input']>().toEqualTypeOf<boolean | undefined>();
    expectTypeOf<Calls['later']['output']>().toEqualTypeOf<string>();
    expectTypeOf<Calls['read']['output']>().toEqualTypeOf<Counted>();
    expectTypeOf<Calls['nothing']>().toEqualTypeOf<{ input: unknown; output: void; chunk: unknown }>();
    expectTypeOf<keyof Calls>().toEqualTypeOf<'add' | 'parse' | 'read' | 'later' | 'nothing'>();
  });

  it('from initArgs to register, as they are before the schema has seen them', () => {
    type Spec = Parameters<typeof registerCounter>[1];
    expectTypeOf<Spec>().toEqualTypeOf<{ from?: number | undefined }>();
  });

  it('from register to start, handle and execute', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: counter, initArgs: { from: 40 } });
    expectTypeOf(id).toExtend<string>();
    expectTypeOf(id).toEqualTypeOf<AgentId<Calls>>();
    const handle = await agents.start(id);
    expectTypeOf(handle).toEqualTypeOf<AgentHandle<Calls>>();
    expectTypeOf(agents.handle(id)).toEqualTypeOf<AgentHandle<Calls>>();

    const sum = await agents.execute(id, { type: 'add', input: 2 });
    expectTypeOf(sum).toEqualTypeOf<number>();
    expect(sum).toBe(42);
    const parsed = await handle.execute({ type: 'parse', input: 'four' });
    expectTypeOf(parsed).toEqualTypeOf<{ length: number }>();
    expect(parsed).toEqual({ length: 4 });
    const read = await agents.execute(id, { type: 'read' });
    expectTypeOf(read).toEqualTypeOf<Counted>();
    expect(read).toEqual({ n: 42 });
    const later = await handle.execute({ type: 'later', timeoutMs: 5, signal: new AbortController().signal });
    expectTypeOf(later).toEqualTypeOf<string>();
    expect(later).toBe('no');
    await handle.execute({ type: 'nothing', input: { any: 'thing' } });
    await handle.stop();
    expectTypeOf(await agents.restart(id)).toEqualTypeOf<AgentHandle<Calls>>();
  });

  it('a handle of any agent is an AgentHandle, of which nothing is known', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: counter, initArgs: { from: 1 } });
    const handles: AgentHandle[] = [await agents.start(id), agents.handle('' + id)];
    const given = await handles[0]!.execute({ type: 'add', input: 2 });
    expectTypeOf(given).toEqualTypeOf<unknown>();
    expect(given).toBe(3);
    expectTypeOf(handles[0]!.stream({ type: 'add' }).output).toEqualTypeOf<Promise<unknown>>();
    expectTypeOf<FleetHandle<Calls>>().toExtend<AgentHandle>();
  });

  it('of an id that is a plain string nothing is known, and anything may be asked', async () => {
    const { agents } = await rig();
    const id: string = await agents.register({ module: counter, initArgs: {} });
    await agents.start(id);
    const answer = await agents.execute(id, { type: 'add', input: 1 });
    expectTypeOf(answer).toEqualTypeOf<unknown>();
    expect(answer).toBe(1);
  });

  it('from connect to every context, where it is written before init', () => {
    interface Client {
      readonly ask: (question: string) => string;
    }
    const connected = defineAgent({
      type: 'connected',
      initArgs: z.object({ key: z.string() }),
      connect: async ({ initArgs, env, signal }): Promise<Client> => {
        expectTypeOf(initArgs).toEqualTypeOf<{ key: string }>();
        expectTypeOf(env['KEY']).toEqualTypeOf<string | undefined>();
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return { ask: (question) => question };
      },
      init: ({ resources }): Counted => {
        expectTypeOf(resources).toEqualTypeOf<Client>();
        return { n: 0 };
      },
      tasks: {
        ask: {
          input: z.string(),
          run: ({ input, state, resources }) => {
            expectTypeOf(resources).toEqualTypeOf<Client>();
            expectTypeOf(state).toEqualTypeOf<Counted>();
            return resources.ask(input);
          },
        },
      },
      onVariable: ({ resources }) => expectTypeOf(resources).toEqualTypeOf<Client>() && undefined,
      vote: ({ resources }) => {
        expectTypeOf(resources).toEqualTypeOf<Client>();
        return 'accept';
      },
      health: ({ resources }) => expectTypeOf(resources).toEqualTypeOf<Client>(),
      save: ({ resources }) => expectTypeOf(resources).toEqualTypeOf<Client>(),
      terminate: ({ resources }) => void expectTypeOf(resources).toEqualTypeOf<Client>(),
      disconnect: ({ resources }) => void expectTypeOf(resources).toEqualTypeOf<Client>(),
    });
    expect(connected.type).toBe('connected');
    defineAgent({
      type: 'alone',
      init: ({ resources }) => void expectTypeOf(resources).toEqualTypeOf<undefined>(),
      tasks: {},
    });
  });

  it('what is wrong does not compile', () => {
    type Task = Parameters<typeof executeAdd>[1];
    type IsTask<Came> = Came extends Task ? true : false;
    expectTypeOf<IsTask<{ type: 'add'; input: number }>>().toEqualTypeOf<true>();
    expectTypeOf<IsTask<{ type: 'add'; input: string }>>().toEqualTypeOf<false>();
    expectTypeOf<IsTask<{ type: 'add' }>>().toEqualTypeOf<false>();
    expectTypeOf<IsTask<{ type: 'subtract'; input: number }>>().toEqualTypeOf<false>();
    expectTypeOf<IsTask<{ type: 'add'; input: number; timeoutMs: string }>>().toEqualTypeOf<false>();
  });

  it('of an id that is known, a task that its agent does not have, or not with such input, does not compile', () => {
    expect(callsByName).toBeTypeOf('function');
  });

  it('of what is submitted and scheduled, too; the record knows its output', () => {
    expect(submittedByName).toBeTypeOf('function');
  });

  it('of an agent in a module anything may be asked, until somebody says what it is', () => {
    expect(callsOfModule).toBeTypeOf('function');
  });

  it('initArgs that a module cannot do without, or not with, have to be given', () => {
    const needy = defineAgent({
      type: 'needy',
      initArgs: z.object({ from: z.number(), to: z.number().optional() }),
      init: ({ initArgs }) => initArgs.from,
      tasks: {},
    });
    const calls = ({ agents, pools }: AgentSystem) => [
      // @ts-expect-error -- none
      agents.register({ module: needy }),
      // @ts-expect-error -- not all
      agents.register({ module: needy, initArgs: {} }),
      // @ts-expect-error -- not as they are expected
      agents.register({ module: needy, initArgs: { from: 'one' } }),
      // @ts-expect-error -- none
      agents.ensure({ id: 'ada', module: needy }),
      // @ts-expect-error -- no id
      agents.ensure({ module: needy, initArgs: { from: 1 } }),
      // @ts-expect-error -- not as they are expected
      agents.register({ module: counter, initArgs: { from: 'one' } }),
      agents.register({ module: needy, initArgs: { from: 1 } }),
      agents.ensure({ id: 'ada', module: needy, initArgs: { from: 1 } }),
      agents.ensure({ id: 'ada', module: needy, initArgs: { from: 1 } }, { restart: true, by: 'ops' }),
      agents.update('ada', { module: needy, initArgs: { from: 1 }, health: { intervalMs: 1 } }),
      // @ts-expect-error -- not as the module that comes with them expects them
      agents.update('ada', { module: needy, initArgs: { from: 'one' } }),
      // @ts-expect-error -- an agent keeps its id
      agents.update('ada', { id: 'bob' }),
      // @ts-expect-error -- no such field
      agents.update('ada', { health: { often: true } }),
      // @ts-expect-error -- members of pools come by pools
      agents.update('ada', { pool: 'clerks' }),
      // @ts-expect-error -- none
      pools.create({ name: 'p', spec: { module: needy }, min: 1, max: 1 }),
      pools.create({ name: 'p', spec: { module: needy, initArgs: { from: 1 } }, min: 1, max: 1 }),
      // @ts-expect-error -- none
      defineFleet({ specs: [{ id: 'ada', module: needy }] }),
      defineFleet({
        specs: [
          { id: 'ada', module: needy, initArgs: { from: 1 } },
          { id: 'bob', module: counter },
          { id: 'eve', module: new URL('file:///eve.ts'), initArgs: { any: 'thing' } },
        ],
        pools: [{ name: 'p', spec: { module: counter }, min: 1, max: 1 }],
      }),
      agents.register({ module: counter }),
      agents.register({ module: counter, initArgs: {} }),
    ];
    expect(calls).toBeTypeOf('function');
  });

  it('the details of an error are known by its code', () => {
    const made = new AgentSystemError('WAIT_CIRCLE', 'round', { details: { circle: ['a', 'b', 'a'] } });
    expectTypeOf(made.code).toEqualTypeOf<'WAIT_CIRCLE'>();
    toldByCode(made);
    const caught: unknown = made;
    if (caught instanceof AgentSystemError) toldByCode(caught);
    // @ts-expect-error -- a circle is of ids
    const bad = new AgentSystemError('WAIT_CIRCLE', 'round', { details: { circle: 7 } });
    expect([made.name, bad.constructor.name, made instanceof Error]).toEqual([
      'AgentSystemError',
      'AgentSystemError',
      true,
    ]);
  });

  it('a run whose result is not what its output schema takes does not compile', () => {
    type Define = typeof defineWithOutput;
    type Taken<Run> = Run extends Parameters<Define>[0] ? true : false;
    expectTypeOf<Taken<() => number>>().toEqualTypeOf<true>();
    expectTypeOf<Taken<() => Promise<number>>>().toEqualTypeOf<true>();
    expectTypeOf<Taken<() => string>>().toEqualTypeOf<false>();
  });

  it('any Standard Schema serves', async () => {
    const length: StandardSchemaV1<string, number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => ({ value: String(value).length }),
      },
    };
    const module = defineAgent({
      type: 'other',
      initArgs: length,
      init: ({ initArgs }) => {
        expectTypeOf(initArgs).toEqualTypeOf<number>();
        return initArgs;
      },
      tasks: {
        go: {
          input: length,
          run: ({ input, state }) => {
            expectTypeOf(input).toEqualTypeOf<number>();
            expectTypeOf(state).toEqualTypeOf<number>();
            return input + state;
          },
        },
      },
    });
    const { agents } = await rig();
    const id = await agents.register({ module, initArgs: 'abc' });
    await agents.start(id);
    const sum = await agents.execute(id, { type: 'go', input: 'ab' });
    expectTypeOf(sum).toEqualTypeOf<number>();
    expect(sum).toBe(5);
  });

  it('the state of an asynchronous init is what it resolves with', async () => {
    const module = defineAgent({
      type: 'async',
      init: async () => Promise.resolve({ n: 1 }),
      tasks: {
        read: {
          run: ({ state }) => {
            expectTypeOf(state).toEqualTypeOf<{ n: number }>();
            return state.n;
          },
        },
      },
    });
    const { agents } = await rig();
    const id = await agents.register({ module });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'read' })).toBe(1);
  });

  it('events tell their fields by their type', () => {
    expect(told({ type: 'coordination.restored', sequence: 3, at: 0 })).toBe(3);
    expectTypeOf<AgentSystem['agents']['get']>().returns.toEqualTypeOf<AgentRecord>();
    expectTypeOf<AgentRecord['status']>().toEqualTypeOf<
      | 'registered'
      | 'starting'
      | 'running'
      | 'unresponsive'
      | 'stopping'
      | 'crashed'
      | 'stopped'
      | 'completed'
    >();
  });

  it('a record and an event cannot be written to', () => {
    expectTypeOf<AgentRecord>().toEqualTypeOf<Readonly<AgentRecord>>();
    expectTypeOf<AgentRecord['abandoned']>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<Pick<SystemEvent, 'sequence'>>().toEqualTypeOf<{ readonly sequence: number }>();
    expectTypeOf<Pick<SystemEvent, 'sequence'>>().not.toEqualTypeOf<{ sequence: number }>();
  });
});

function registerCounter(
  { agents }: AgentSystem,
  initArgs: NonNullable<
    Parameters<typeof agents.register<{ from?: number | undefined }, Calls>>[0]['initArgs']
  >,
): Promise<AgentId<Calls>> {
  return agents.register({ module: counter, initArgs });
}

function executeAdd(
  handle: AgentHandle<Calls>,
  task: Parameters<typeof handle.execute<'add'>>[0],
): Promise<number> {
  return handle.execute(task);
}

function defineWithOutput(run: () => number | Promise<number>) {
  return defineAgent({
    type: 'output',
    init: () => null,
    tasks: { go: { output: z.number(), run } },
  });
}

describe('the functions of this file', () => {
  it('do what their types say', async () => {
    const { system, agents } = await rig();
    const id = await registerCounter(system, { from: 1 });
    const handle = await agents.start(id);
    expect(await executeAdd(handle, { type: 'add', input: 2 })).toBe(3);
    const other = await agents.register({ module: defineWithOutput(() => 7) });
    await agents.start(other);
    expect(await agents.execute(other, { type: 'go' })).toBe(7);
  });
});
