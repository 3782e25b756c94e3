import { describe, expect, it } from 'vitest';
import {
  type AgentSpec,
  type AgentSystemOptions,
  createAgentSystem,
  defineAgent,
  memoryStore,
} from '../../src/index.ts';
import { fateOf, gate, refusal, rig, silent } from '../kit/rig.ts';
import { plain, withInit } from './plain.ts';

const throwing = (field: string): object =>
  Object.defineProperty({ module: plain }, field, {
    enumerable: true,
    get() {
      throw new Error('a getter threw');
    },
  });

/** A spec whose id is nothing at the first look, and cannot be looked at a second time. */
function fickle(): object {
  let looks = 0;
  return {
    module: plain,
    get id() {
      if (++looks > 1) throw new Error('a getter threw');
      return 7;
    },
  };
}

const refuse = () => {
  throw new Error('a trap threw');
};
/** An object that answers no question. */
const hostile = new Proxy({}, { has: refuse, get: refuse, ownKeys: refuse });

/** A function, in an array, that does not even tell its name. */
function nameless(): object {
  return Object.defineProperty(() => 1, 'name', {
    get() {
      throw new Error('a getter threw');
    },
  });
}

/** A value that is no use, the field that is named, and how the value is shown. */
type Case = readonly [spec: unknown, named: string, shown: string];

const nan = Number.NaN;
const durations = ['shutdownMs', 'startTimeoutMs'];
const badSpecs: readonly Case[] = [
  [undefined, 'spec', 'undefined'],
  [null, 'spec', 'null'],
  ['worker', 'spec', '"worker"'],
  [7, 'spec', '7'],
  [[], 'spec', '[]'],
  [() => plain, 'spec', 'a function'],
  [{}, 'module', 'undefined'],
  [{ module: null }, 'module', 'null'],
  [{ module: 'file:///x.js' }, 'module', '"file:///x.js"'],
  [{ module: {} }, 'module', '{}'],
  [{ module: { type: 'plain', init: () => 1, tasks: {} } }, 'module', '{"type":"plain"'],
  [{ module: { ...plain } }, 'module', '{"type":"plain"'],
  [{ module: { ...plain, tasks: undefined } }, 'module', '{"type":"plain"'],
  [{ module: hostile }, 'module', 'an object'],
  [{ module: plain, id: '' }, 'id', '""'],
  [{ module: plain, id: 7 }, 'id', '7'],
  [{ module: plain, id: null }, 'id', 'null'],
  [{ module: plain, id: Symbol('a') }, 'id', 'Symbol(a)'],
  [{ module: plain, isolation: 'thread' }, 'isolation', '"thread"'],
  [{ module: plain, isolation: 'process' }, 'isolation', '"process"'],
  [{ module: plain, isolation: 'galaxy' }, 'isolation', '"galaxy"'],
  [{ module: plain, resources: { maxMemoryBytes: 1 } }, 'resources.maxMemoryBytes', ''],
  [{ module: plain, resources: { maxMemoryBytes: -1 } }, 'resources.maxMemoryBytes', '-1'],
  [{ module: plain, resources: { maxMemoryBytes: '1GB' } }, 'resources.maxMemoryBytes', '"1GB"'],
  [{ module: plain, resources: { cpuPriority: 'low' } }, 'resources.cpuPriority', '"low"'],
  [{ module: plain, resources: { cpuPriority: 'urgent' } }, 'resources.cpuPriority', '"urgent"'],
  [{ module: plain, resources: { maxRuntimeMs: 0 } }, 'resources.maxRuntimeMs', '0'],
  [{ module: plain, resources: { maxRuntimeMs: nan } }, 'resources.maxRuntimeMs', 'NaN'],
  [{ module: plain, resources: null }, 'resources', 'null'],
  [{ module: plain, restart: { policy: 'sometimes' } }, 'restart.policy', '"sometimes"'],
  [{ module: plain, restart: { policy: 'delayed', delayMs: -1 } }, 'restart.delayMs', '-1'],
  [{ module: plain, restart: { policy: 'delayed', delayMs: '1' } }, 'restart.delayMs', '"1"'],
  [{ module: plain, restart: { policy: 'delayed', maxDelayMs: nan } }, 'restart.maxDelayMs', 'NaN'],
  [{ module: plain, restart: { policy: 'delayed', maxRestarts: 1.5 } }, 'restart.maxRestarts', '1.5'],
  [{ module: plain, restart: { policy: 'delayed', maxRestarts: -1 } }, 'restart.maxRestarts', '-1'],
  [{ module: plain, restart: { policy: 'delayed', withinMs: nan } }, 'restart.withinMs', 'NaN'],
  [{ module: plain, health: { intervalMs: 0 } }, 'health.intervalMs', '0'],
  [{ module: plain, health: { timeoutMs: -5 } }, 'health.timeoutMs', '-5'],
  [{ module: plain, health: { failuresBeforeKill: 0 } }, 'health.failuresBeforeKill', '0'],
  [{ module: plain, tasks: { concurrency: 0 } }, 'tasks.concurrency', '0'],
  [{ module: plain, tasks: { concurrency: Infinity } }, 'tasks.concurrency', 'Infinity'],
  [{ module: plain, tasks: { queueLimit: -1 } }, 'tasks.queueLimit', '-1'],
  [{ module: plain, coordination: { voteWeight: 0 } }, 'coordination.voteWeight', '0'],
  [{ module: plain, coordination: { voteWeight: nan } }, 'coordination.voteWeight', 'NaN'],
  [{ module: plain, coordination: { communicationPattern: 'shout' } }, 'communicationPattern', '"shout"'],
  ...durations.flatMap((field): Case[] => [
    [{ module: plain, [field]: -1 }, field, '-1'],
    [{ module: plain, [field]: nan }, field, 'NaN'],
    [{ module: plain, [field]: '5s' }, field, '"5s"'],
    [{ module: plain, [field]: null }, field, 'null'],
    [{ module: plain, [field]: 5n }, field, '5'],
  ]),
  [{ module: plain, maxRetries: 3 }, 'maxRetries: unknown option', ''],
  [{ module: plain, restart: { policy: 'never', jitter: 1 } }, 'jitter: unknown option', ''],
  [{ module: plain, health: { every: 1 } }, 'every: unknown option', ''],
  [{ module: nameless() }, 'module', 'an object'],
  [throwing('id'), 'spec', 'a getter threw'],
  [fickle(), 'spec', 'a getter threw'],
  [throwing('restart'), 'spec', 'a getter threw'],
];

describe('an invalid spec', () => {
  it.each(badSpecs.map(([spec, named, shown], index) => ({ index, spec, named, shown })))(
    'case $index is refused, naming $named and what came: $shown',
    async ({ spec, named, shown }) => {
      const { agents, events } = await rig();
      const error = await refusal(agents.register(spec as AgentSpec));
      expect(error.code).toBe('AGENT_SPEC_INVALID');
      expect(error.message).toContain(named);
      expect(error.message).toContain(shown);
      expect(agents.list()).toEqual([]);
      expect(events).toEqual([]);
    },
  );

  it('says whose spec it was', async () => {
    const { agents } = await rig();
    const spec = { id: 'a', module: plain, shutdownMs: -1 };
    expect(await refusal(agents.register(spec))).toMatchObject({ agentId: 'a' });
  });

  it('a refused spec leaves its id free', async () => {
    const { agents } = await rig();
    await refusal(agents.register({ id: 'a', module: plain, isolation: 'thread' }));
    expect(await agents.register({ id: 'a', module: plain })).toBe('a');
  });

  it('a module that does not load is refused, naming it', async () => {
    const { agents } = await rig();
    const module = new URL('./there-is-no-such-file.ts', import.meta.url);
    const error = await refusal(agents.register({ module, isolation: 'in-process' }));
    expect(error).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    expect(error.message).toContain('there-is-no-such-file.ts');
  });

  it('a module that is no agent is refused, saying what its default export is', async () => {
    const { agents } = await rig();
    const module = new URL('./plain.ts', import.meta.url);
    const error = await refusal(agents.register({ module, isolation: 'in-process' }));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toMatch(/default export.*undefined/);
  });
});

const run = () => 1;

describe('an invalid definition', () => {
  const good = { type: 't', init: () => 1, tasks: {} };
  it.each([
    [undefined, 'defineAgent', 'undefined'],
    [null, 'defineAgent', 'null'],
    [{ ...good, type: '' }, 'type', '""'],
    [{ ...good, type: 7 }, 'type', '7'],
    [{ ...good, init: 'later' }, 'init', '"later"'],
    [{ ...good, tasks: { go: () => 1 } }, 'tasks.go', 'a function'],
    [{ ...good, tasks: { go: {} } }, 'tasks.go.run', 'undefined'],
    [{ ...good, tasks: { go: { run: 1 } } }, 'tasks.go.run', '1'],
    [{ ...good, tasks: { go: { run, input: Number } } }, 'tasks.go.input', 'Number'],
    [{ ...good, tasks: { go: { run, retries: 2 } } }, 'retries: unknown option', ''],
    [{ ...good, tasks: { '': { run } } }, 'tasks', ''],
    [{ ...good, tasks: { ['__proto__']: { run } } }, '__proto__', ''],
    [{ ...good, tasks: [] }, 'tasks', '[]'],
    [{ ...good, capabilities: 'all' }, 'capabilities', '"all"'],
    [{ ...good, capabilities: [1] }, 'capabilities.0', '1'],
    [{ ...good, onTaskError: 'explode' }, 'onTaskError', '"explode"'],
    [{ ...good, stateVersion: 0 }, 'stateVersion', '0'],
    [{ ...good, initArgs: { from: 1 } }, 'initArgs', '{"from":1}'],
    [{ ...good, terminat: () => 1 }, 'terminat: unknown option', ''],
  ])('case %# is refused, naming $1', async (options, named, shown) => {
    const error = await refusal(() => defineAgent(options as never));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(named);
    expect(error.message).toContain(shown);
  });
});

describe('an id that nobody has', () => {
  const ids = ['nobody', '', '__proto__', 'constructor', 'toString', 7, null, undefined, {}, Symbol('a')];
  it.each(ids.map((id) => ({ id })))('$id is refused by every command', async ({ id }) => {
    const { agents, events } = await rig();
    await agents.register({ id: 'somebody', module: plain });
    const name = id as string;
    const commands: (() => unknown)[] = [
      () => agents.start(name),
      () => agents.restart(name),
      () => agents.stop(name),
      () => agents.kill(name),
      () => agents.forget(name),
      () => agents.execute(name, { type: 'echo' }),
      () => agents.get(name),
      () => agents.handle(name),
      () => agents.can(name, 'start'),
      () => agents.legal(name),
      () => agents.checkHealth(name),
      () => agents.savedState(name),
    ];
    for (const command of commands) {
      expect((await refusal(command)).code).toBe('AGENT_NOT_FOUND');
    }
    expect(events).toHaveLength(1);
  });
});

describe('invalid options', () => {
  const signal = new AbortController();
  it.each([
    [undefined, '', 'undefined'],
    [null, '', 'null'],
    ['echo', '', '"echo"'],
    [{}, 'type', 'undefined'],
    [{ type: 7 }, 'type', '7'],
    [{ type: 'echo', timeoutMs: -1 }, 'timeoutMs', '-1'],
    [{ type: 'echo', timeoutMs: nan }, 'timeoutMs', 'NaN'],
    [{ type: 'echo', timeoutMs: '5' }, 'timeoutMs', '"5"'],
    [{ type: 'echo', timeoutMs: null }, 'timeoutMs', 'null'],
    [{ type: 'echo', signal: {} }, 'signal', '{}'],
    [{ type: 'echo', signal }, 'signal', ''],
    [{ type: 'echo', onProgress: 'log' }, 'onProgress', '"log"'],
    [{ type: 'echo', payload: 1 }, 'payload: unknown option', ''],
  ])('task %# is refused, naming $1', async (task, named, shown) => {
    const { agents, events } = await rig();
    const id: string = await agents.register({ module: plain });
    await agents.start(id);
    const before = events.length;
    const error = await refusal(agents.execute(id, task as never));
    expect(error).toMatchObject({ code: 'TASK_INPUT_INVALID', agentId: id });
    expect(error.message).toContain(named);
    expect(error.message).toContain(shown);
    expect(events).toHaveLength(before);
  });

  it('a task whose getter throws is refused', async () => {
    const { agents } = await rig();
    const id: string = await agents.register({ module: plain });
    await agents.start(id);
    for (const field of ['type', 'timeoutMs']) {
      const task = Object.defineProperty({ type: 'echo' }, field, {
        enumerable: true,
        get() {
          throw new Error('a getter threw');
        },
      });
      expect(await refusal(agents.execute(id, task))).toMatchObject({
        code: 'TASK_INPUT_INVALID',
        message: expect.stringContaining('a getter threw'),
      });
    }
  });

  it.each([
    [null, '', 'null'],
    [5_000, '', '5000'],
    [{ timeoutMs: -1 }, 'timeoutMs', '-1'],
    [{ timeoutMs: nan }, 'timeoutMs', 'NaN'],
    [{ timeoutMs: '1s' }, 'timeoutMs', '"1s"'],
    [{ timeout: 1 }, 'timeout: unknown option', ''],
  ])('stop(id, %j) is refused, naming $1, and the agent runs on', async (options, named, shown) => {
    const { agents } = await rig();
    const id = await agents.register({ module: plain });
    const handle = await agents.start(id);
    for (const stop of [() => agents.stop(id, options as never), () => handle.stop(options as never)]) {
      const error = await refusal(stop);
      expect(error.code).toBe('AGENT_SPEC_INVALID');
      expect(error.message).toContain(named);
      expect(error.message).toContain(shown);
    }
    expect(agents.get(id).status).toBe('running');
  });

  it.each([
    [null, '', 'null'],
    [1, '', '1'],
    [{ timeoutMs: -1 }, 'timeoutMs', '-1'],
    [{ timeoutMs: nan }, 'timeoutMs', 'NaN'],
    [{ timeoutMs: '1s' }, 'timeoutMs', '"1s"'],
    [{ force: true }, 'force: unknown option', ''],
  ])('close(%j) is refused, naming $1, and nothing is closed', async (options, named, shown) => {
    const { agents, system } = await rig();
    const id = await agents.register({ module: plain });
    await agents.start(id);
    const error = await refusal(system.close(options as never));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(named);
    expect(error.message).toContain(shown);
    expect(await agents.execute(id, { type: 'echo', input: 1 })).toBe(1);
  });

  it.each([
    [null, '', 'null'],
    ['plain', '', '"plain"'],
    [{ type: 7 }, 'type', '7'],
    [{ status: 'alive' }, 'status', '"alive"'],
    [{ capability: ['echo'] }, 'capability', '["echo"]'],
    [{ kind: 'plain' }, 'kind: unknown option', ''],
  ])('list(%j) is refused, naming $1', async (filter, named, shown) => {
    const { agents } = await rig();
    const error = await refusal(() => agents.list(filter as never));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(named);
    expect(error.message).toContain(shown);
  });

  it.each([
    [null, '', 'null'],
    [7, '', '7'],
    [{ after: -1 }, 'after', '-1'],
    [{ after: nan }, 'after', 'NaN'],
    [{ after: '3' }, 'after', '"3"'],
    [{ limit: -1 }, 'limit', '-1'],
    [{ limit: 1.5 }, 'limit', '1.5'],
    [{ limit: nan }, 'limit', 'NaN'],
    [{ agentId: 7 }, 'agentId', '7'],
    [{ since: 1 }, 'since: unknown option', ''],
  ])('events.read(%j) is refused, naming $1', async (options, named, shown) => {
    const { system } = await rig();
    const error = await refusal(async () => {
      for await (const event of system.events.read(options as never)) void event;
    });
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(named);
    expect(error.message).toContain(shown);
  });

  it.each([
    [undefined, undefined, 'agentId', 'undefined'],
    [7, undefined, 'agentId', '7'],
    ['a', nan, 'untilSequence', 'NaN'],
    ['a', '3', 'untilSequence', '"3"'],
    ['a', -1, 'untilSequence', '-1'],
    ['a', null, 'untilSequence', 'null'],
  ])('events.replay(%j, %j) is refused, naming $2', async (id, until, named, shown) => {
    const { system } = await rig();
    const error = await refusal(system.events.replay(id as string, until as number));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(named);
    expect(error.message).toContain(shown);
  });

  it.each([undefined, null, 7, {}, 'log'])('events.subscribe(%j) is refused', async (listener) => {
    const { system } = await rig();
    expect(await refusal(() => system.events.subscribe(listener as never))).toMatchObject({
      code: 'AGENT_SPEC_INVALID',
    });
  });

  const { append: _, ...storeWithoutAppend } = { ...memoryStore(), append: () => {} };
  const clock = { now: () => 0, setTimeout: () => 0 };
  it.each([
    [null, '', 'null'],
    [7, '', '7'],
    [{ stor: memoryStore() }, 'stor: unknown option', ''],
    [{ store: 'memory' }, 'store', '"memory"'],
    [{ store: {} }, 'store', '{}'],
    [{ store: storeWithoutAppend }, 'store', 'append'],
    [{ clock: Date }, 'clock', 'setTimeout'],
    [{ clock }, 'clock', 'clearTimeout'],
    [{ random: 0.5 }, 'random', '0.5'],
    [{ inspect: {} }, 'inspect', '{}'],
    [{ logger: { info: () => {} } }, 'logger', ''],
    [{ limits: { maxAgents: -1 } }, 'limits.maxAgents', '-1'],
    [{ limits: { maxAgents: nan } }, 'limits.maxAgents', 'NaN'],
    [{ limits: { maxMemoryBytes: '1GB' } }, 'limits.maxMemoryBytes', '"1GB"'],
    [{ limits: { maxConcurrentRestarts: 0 } }, 'limits.maxConcurrentRestarts', '0'],
    [{ limits: { maxAgent: 1 } }, 'maxAgent: unknown option', ''],
    [{ agents: plain }, 'agents', ''],
    [{ agents: [{}] }, 'agents.0', '{}'],
    [{ agents: [plain, withInit(() => 1), plain] }, 'agents', '"plain"'],
    [{ hosts: { thread: {} } }, 'hosts.thread', '{}'],
    [{ hosts: { moon: {} } }, 'moon: unknown option', ''],
  ])('createAgentSystem: case %# is refused, naming $1', async (options, named, shown) => {
    const error = await refusal(createAgentSystem(options as AgentSystemOptions));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(named);
    expect(error.message).toContain(shown);
  });

  it('limits may be none, and hosts may be left out one by one', async () => {
    const limits = { maxAgents: Infinity, maxMemoryBytes: Infinity };
    const { agents } = await rig({ limits, hosts: {} });
    await agents.start(await agents.register({ module: plain }));
  });
});

describe('an init that misbehaves', () => {
  const circular = new Error('circle');
  circular.cause = circular;
  const evil = Object.defineProperty(new Error('evil'), 'message', {
    get() {
      throw new Error('a getter threw');
    },
  });
  const thrown: [string, unknown][] = [
    ['an error', new RangeError('no luck')],
    ['undefined', undefined],
    ['null', null],
    ['a string', 'no luck'],
    ['a symbol', Symbol('no luck')],
    ['an object without a prototype', Object.create(null)],
    ['an error that is its own cause', circular],
    ['an error whose message throws', evil],
    ['a revoked proxy', revoked()],
  ];
  it.each(thrown)('that throws %s fails the start, and the agent is as it was', async (_, value) => {
    const { agents, eventsOf } = await rig();
    const id = await agents.register({
      module: withInit(() => {
        throw value;
      }),
    });
    expect(await refusal(agents.start(id))).toMatchObject({ code: 'AGENT_START_FAILED', agentId: id });
    expect(agents.get(id)).toMatchObject({ status: 'registered', incarnation: 1 });
    expect(eventsOf('agent.start_failed')).toHaveLength(1);
    expect(await refusal(agents.start(id))).toMatchObject({ code: 'AGENT_START_FAILED' });
    expect(agents.get(id)).toMatchObject({ status: 'registered', incarnation: 2, restarts: 0 });
  });

  it.each(thrown)('that rejects with %s fails the start', async (_, value) => {
    const { agents } = await rig();
    const id = await agents.register({ module: withInit(() => Promise.reject(value)) });
    expect(await refusal(agents.start(id))).toMatchObject({ code: 'AGENT_START_FAILED' });
    expect(agents.get(id).status).toBe('registered');
  });

  it('the cause is what was thrown', async () => {
    const { agents } = await rig();
    const thrown = new RangeError('no luck');
    const id = await agents.register({
      module: withInit(() => {
        throw thrown;
      }),
    });
    const error = await refusal(agents.start(id));
    expect(error.cause).toBe(thrown);
    expect(error.message).toContain('no luck');
  });

  it('that never ends times out, and what it gives later is not heard', async () => {
    const { agents, clock, events } = await rig();
    const { promise, resolve } = gate<unknown>();
    const id = await agents.register({ module: withInit(() => promise), startTimeoutMs: 1_000 });
    const start = agents.start(id);
    await clock.advance(999);
    expect(await fateOf(start)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(start)).toBe('AGENT_START_TIMED_OUT');
    expect(agents.get(id)).toMatchObject({ status: 'registered' });
    const heard = events.length;
    resolve({});
    await clock.advance(1);
    expect(events).toHaveLength(heard);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
  ])('that returns %s has that as its state', async (_, state) => {
    const { agents } = await rig();
    const id = await agents.register({
      module: defineAgent({ type: 'odd', init: () => state, tasks: {} }),
    });
    await agents.start(id);
    expect(agents.get(id).status).toBe('running');
    expect(await agents.stop(id)).toMatchObject({ status: 'stopped' });
  });

  it('that gives a thenable which answers twice is ready once', async () => {
    const { agents, eventsOf } = await rig();
    const id = await agents.register({
      module: withInit(() => ({
        // oxlint-disable-next-line unicorn/no-thenable -- a foreign promise is what is tested
        then(done: (value: unknown) => void, failed: (thrown: unknown) => void) {
          done(1);
          failed(new Error('both'));
          done(2);
        },
      })),
    });
    await agents.start(id);
    expect(eventsOf('agent.started')).toHaveLength(1);
  });

  it('an inspect that throws harms nobody', async () => {
    const { agents } = await rig({
      inspect: () => {
        throw new Error('observer');
      },
    });
    const id = await agents.register({ module: plain });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'echo', input: 1 })).toBe(1);
    expect(silent.level).toBe('silent');
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
