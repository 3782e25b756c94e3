/** Agents that are charts in a whole system, on simulated time: exact moments, crashes in the middle, recovery. */
import { describe, expect, it } from 'vitest';
import { assign, createMachine, emit, fromPromise, setup } from 'xstate';
import { z } from 'zod';
import {
  type AgentSystemError,
  agentOf,
  type ChartAnswer,
  type ChartEvent,
  type ChartSnapshot,
  defineAgent,
  defineChartAgent,
  memoryStore,
  variable,
} from '../../../src/index.ts';
import { diskOf } from '../../fleet/program.ts';
import { chartObserver, type Inspect } from '../../../src/runtime/engine/chart-watch.ts';
import { Relay } from '../../../src/runtime/observability/inspector/relay.ts';
import { simulatedClock } from '../../../src/testing/index.ts';
import worker from '../../fixtures/agents/chart-worker.ts';
import { health, MINUTE, restart } from './patient.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig } from '../../kit/rig.ts';

async function started(
  options: Parameters<typeof rig>[0] = {},
  tasks: { readonly concurrency?: number } = {},
) {
  const program = await rig(options);
  const id = await program.agents.register({ id: 'ada', module: worker, restart, health, tasks });
  await program.agents.start(id);
  const stateOf = async () => {
    const saved = (await program.agents.savedState(id)) as { snapshot: ChartSnapshot; tasks: unknown[] };
    const { alive } = saved.snapshot.value as { alive: Record<string, unknown> };
    return { ...alive, notes: saved.snapshot.context['notes'] as string[], tasks: saved.tasks };
  };
  return { ...program, id, stateOf };
}

describe('an agent that is a chart', () => {
  it('refuses what its chart does not take, with what it takes now, and says so beforehand', async () => {
    const { agents, id } = await started();
    expect(await agents.next(id)).toContain('louder');
    expect(await agents.can(id, { type: 'louder' })).toBe(true);
    await agents.execute(id, { type: 'louder' });
    expect(await agents.next(id)).not.toContain('louder');
    expect(await agents.can(id, { type: 'louder' })).toBe(false);
    const { code, details, message } = await refusal(agents.execute(id, { type: 'louder' }));
    expect(code).toBe('TASK_INCOMPATIBLE');
    expect(details).toMatchObject({ task: 'louder', got: 'louder', expected: await agents.next(id) });
    expect(message).toContain('task louder of agent ada is not for it: worker stands in');
    const late: string = id;
    expect(await agents.can(late, { type: 'arm', input: 'soon' })).toBe(false);
    expect(await agents.can(id, { type: 'nothing' })).toBe(false);
    const malformed = { kind: 'louder' } as unknown as { type: string };
    expect(await codeOf(agents.can(id as string, malformed))).toBe('TASK_INPUT_INVALID');
  });

  it('finds what its definition connected to in what it invokes, at each life, until its end', async () => {
    const heard: string[] = [];
    const tasks = { ask: { output: z.string() } } as const;
    const asking = defineChartAgent({
      type: 'asking',
      tasks,
      connect: ({ incarnation }) => ({ name: `client ${incarnation}` }),
      disconnect: ({ resources }: { readonly resources: { readonly name: string } }) =>
        void heard.push(`closed ${resources.name}`),
      machine: setup({
        types: { events: {} as ChartEvent<typeof tasks>, emitted: {} as ChartAnswer<typeof tasks> },
        actors: {
          ask: fromPromise(({ system }) =>
            Promise.resolve(agentOf<{ readonly name: string }>(system).resources.name),
          ),
        },
      }).createMachine({
        initial: 'idle',
        states: {
          idle: { on: { ask: 'asking' } },
          asking: {
            invoke: {
              src: 'ask',
              onDone: {
                target: 'idle',
                actions: emit(({ event }) => ({ type: 'ask.done', output: event.output as string })),
              },
            },
          },
        },
      }),
    });
    const { agents } = await rig();
    const id = await agents.register({ module: asking });
    for (const life of [1, 2]) {
      await agents.start(id);
      expect(await agents.execute(id, { type: 'ask' })).toBe(`client ${life}`);
      expect(JSON.stringify(await agents.savedState(id))).not.toContain('client');
      await agents.stop(id);
    }
    expect(heard).toEqual(['closed client 1', 'closed client 2']);
  });

  it('takes nothing, and is asked nothing, while it does not run', async () => {
    const { agents, id } = await started();
    await agents.stop(id);
    expect(await codeOf(agents.next(id))).toBe('AGENT_NOT_RUNNING');
    expect(await agents.can(id, { type: 'louder' })).toBe(false);
    expect(agents.can(id, 'start')).toBe(true);
  });

  it('is not refused a place: a command that it does not take crashes nothing', async () => {
    const { agents, id, eventsOf } = await started();
    await codeOf(agents.execute(id, { type: 'resume' }));
    await codeOf(agents.execute(id, { type: 'arm', input: -1 }));
    expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 1 });
    expect(eventsOf('task.failed').map(({ code }) => code)).toEqual([
      'TASK_INCOMPATIBLE',
      'TASK_INCOMPATIBLE',
    ]);
  });

  it('changes its state when a delay is due, and not a millisecond before', async () => {
    const { agents, id, clock, stateOf } = await started();
    await agents.execute(id, { type: 'arm', input: MINUTE });
    await clock.advance(MINUTE - 1);
    expect((await stateOf())['alarm' as never]).toBe('armed');
    await clock.advance(1);
    expect((await stateOf()).notes.at(-1)).toBe('rang');
  });

  it('after a crash goes on with a delay for what was left of it', async () => {
    const { agents, id, clock, stateOf } = await started();
    await agents.execute(id, { type: 'arm', input: MINUTE });
    await clock.advance(20_000);
    await agents.kill(id);
    await clock.advance(39_999);
    expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    expect((await stateOf()).notes).not.toContain('rang');
    await clock.advance(1);
    expect((await stateOf()).notes.filter((note) => note === 'rang')).toHaveLength(1);
  });

  it('a state that is left after a crash takes its delay with it', async () => {
    const machine = createMachine({
      id: 'door',
      initial: 'open',
      states: {
        open: { after: { 1_000: 'shut' }, on: { hold: 'held' } },
        held: { on: { release: 'open' } },
        shut: {},
      },
    });
    const tasks = { hold: { answer: 'taken' }, release: { answer: 'taken' } } as const;
    const { agents, clock } = await rig();
    await agents.register({
      id: 'door',
      module: defineChartAgent({ type: 'door', machine, tasks }),
      restart,
      health,
    });
    await agents.start('door');
    await clock.advance(500);
    await agents.kill('door');
    await clock.advance(10);
    await agents.execute('door', { type: 'hold' });
    await clock.advance(2_000);
    expect(await agents.next('door')).toEqual(['release']);
    await agents.execute('door', { type: 'release' });
    await clock.advance(999);
    expect(await agents.next('door')).toEqual(['hold']);
    await clock.advance(1);
    expect(await agents.next('door')).toEqual([]);
  });

  it('what became due while nothing ran comes at once, in the order in which it was due', async () => {
    const disk = await diskOf('memoryStore');
    const first = await disk.boot();
    const rings = setup({
      types: {
        context: {} as { rang: string[] },
        events: {} as { type: 'a' } | { type: 'b' } | { type: 'c' },
      },
    }).createMachine({
      id: 'rings',
      type: 'parallel',
      context: { rang: [] },
      on: { '*': { actions: assign({ rang: ({ context, event }) => [...context.rang, event.type] }) } },
      states: {
        one: { initial: 'on', states: { on: { after: { 3_000: 'off' } }, off: { entry: ringing('c') } } },
        two: { initial: 'on', states: { on: { after: { 1_000: 'off' } }, off: { entry: ringing('a') } } },
        three: { initial: 'on', states: { on: { after: { 2_000: 'off' } }, off: { entry: ringing('b') } } },
      },
    });
    const module = defineChartAgent({ type: 'rings', machine: rings, tasks: {} });
    await first.agents.register({ id: 'bell', module, restart, health });
    await first.agents.start('bell');
    await first.clock.advance(500);
    const second = await disk.boot({ agents: [module] }, MINUTE);
    await second.clock.advance(0);
    const { snapshot } = (await second.agents.savedState('bell')) as { snapshot: ChartSnapshot };
    expect(snapshot.context).toEqual({ rang: ['agent.restored', 'a', 'b', 'c'] });
  });

  it('a task that a crash interrupted is abandoned, and its chart goes on with it for nobody', async () => {
    const { agents, id, clock, stateOf } = await started({}, { concurrency: 2 });
    const crash = async () => {
      await codeOf(agents.execute(id, { type: 'break' }));
      await clock.advance(10);
    };
    const working = awaited(agents.execute(id, { type: 'work', input: 'hang' }));
    await clock.advance(0);
    expect(await stateOf()).toMatchObject({ job: 'working', tasks: [{ task: 'work' }] });
    await crash();
    expect(await codeOf(working)).toBe('TASK_ABANDONED');
    expect(await stateOf()).toMatchObject({ job: 'working', tasks: [{ task: 'work', incarnation: 1 }] });
    expect(await codeOf(agents.execute(id, { type: 'work', input: 'echo' }))).toBe('TASK_INCOMPATIBLE');
    // One that nobody asked for again is forgotten by the incarnation after.
    await crash();
    expect(await stateOf()).toMatchObject({ job: 'working', tasks: [] });
  });

  it('a kill tells its chart first that its tasks are cancelled', async () => {
    const { agents, id, clock, stateOf } = await started();
    void awaited(agents.execute(id, { type: 'charge' }));
    await clock.advance(0);
    await agents.kill(id);
    await clock.advance(10);
    expect(await stateOf()).toMatchObject({ job: 'idle', tasks: [] });
  });

  it('an answer and the state that it leaves are committed together, and no answer waits for another step', async () => {
    const kept = memoryStore();
    const batches: string[][] = [];
    const store = {
      isDurable: false,
      recover: () => kept.recover(),
      append: (batch: Parameters<typeof kept.append>[0]) => {
        batches.push(batch.events.map(({ type }) => type));
        return kept.append(batch);
      },
      read: (query: Parameters<typeof kept.read>[0]) => kept.read(query),
      state: (agentId: string) => kept.state(agentId),
      close: () => kept.close(),
    };
    const { agents, id } = await started({ store });
    batches.length = 0;
    await agents.execute(id, { type: 'work', input: 'echo' });
    await agents.execute(id, { type: 'louder' });
    const ends = batches.filter((types) => types.includes('task.completed'));
    expect(ends).toEqual([
      ['agent.state_saved', 'task.completed'],
      ['task.started', 'agent.state_saved', 'task.completed'],
    ]);
  });

  it('a task that times out is told to its chart, and its agent is free', async () => {
    const { agents, id, clock, stateOf } = await started();
    const charging = awaited(agents.execute(id, { type: 'charge', timeoutMs: 1_000 }));
    await clock.advance(1_000);
    expect(await codeOf(charging)).toBe('TASK_TIMED_OUT');
    expect(await stateOf()).toMatchObject({ job: 'idle', tasks: [] });
    expect((await stateOf()).notes).not.toContain('charge');
    expect(await agents.execute(id, { type: 'work', input: 'echo' })).toBe('echo by ada/ada');
  });

  it('tasks beside an open one reach it where its spec lets them', async () => {
    const { agents, clock } = await rig();
    await agents.register({ id: 'bob', module: worker, health, tasks: { concurrency: 2 } });
    await agents.start('bob');
    const working = awaited(agents.execute('bob', { type: 'work', input: 'hang' }));
    await agents.execute('bob', { type: 'pause' });
    expect(await agents.next('bob')).toContain('resume');
    expect(await fateOf(working)).toBe('pending');
    await agents.stop('bob', { timeoutMs: 0 });
    await clock.advance(0);
    expect(await codeOf(working)).toBe('TASK_ABANDONED');
  });

  it('a chart that breaks crashes its agent, which goes on where it last settled', async () => {
    const { agents, id, clock, stateOf } = await started();
    await agents.execute(id, { type: 'louder' });
    expect(await codeOf(agents.execute(id, { type: 'break' }))).toBe('TASK_ABANDONED');
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: { error: { message: 'broken' } } });
    await clock.advance(10);
    expect(await stateOf()).toMatchObject({ player: { playing: 'high' } });
  });

  it('one whose first step breaks does not start', async () => {
    const machine = createMachine({
      id: 'stillborn',
      entry: () => {
        throw new Error('not today');
      },
    });
    const { agents } = await rig();
    await agents.register({ id: 'eve', module: defineChartAgent({ type: 'stillborn', machine, tasks: {} }) });
    expect(await refusal(agents.start('eve'))).toMatchObject({
      code: 'AGENT_START_FAILED',
      cause: { message: 'not today' },
    });
    expect(agents.get('eve').status).toBe('registered');
  });

  it('invoked work that fails and is not handled crashes it, and is begun again by the restart', async () => {
    let attempts = 0;
    const machine = setup({
      actors: {
        fetch: fromPromise(async () => {
          attempts += 1;
          if (attempts < 3) throw new Error('no network');
          return attempts;
        }),
      },
    }).createMachine({
      id: 'fetcher',
      initial: 'fetching',
      states: { fetching: { invoke: { src: 'fetch', onDone: 'fetched' } }, fetched: { type: 'final' } },
    });
    const { agents, clock } = await rig();
    const module = defineChartAgent({ type: 'fetcher', machine, tasks: {} });
    await agents.register({ id: 'fetcher', module, restart, health });
    await agents.start('fetcher');
    await clock.advance(1_000);
    expect(agents.get('fetcher')).toMatchObject({ status: 'completed', incarnation: 3, restarts: 2 });
  });

  it('a chart that is over from the start completes its agent', async () => {
    const machine = createMachine({ id: 'brief', initial: 'over', states: { over: { type: 'final' } } });
    const { agents, clock } = await rig();
    await agents.register({ id: 'brief', module: defineChartAgent({ type: 'brief', machine, tasks: {} }) });
    await agents.start('brief');
    await clock.advance(0);
    expect(agents.get('brief')).toMatchObject({ status: 'completed', reason: 'normal' });
  });

  it('votes in rounds and hears of variables', async () => {
    const { agents, id, clock, system, stateOf } = await started();
    await system.variables.define('rate', variable.float({ min: 0, max: 10, default: 2 }));
    await clock.advance(0);
    const { outcome, tally } = await system.consensus.propose({ variable: 'rate', value: 1 });
    expect({ outcome, tally }).toMatchObject({ outcome: 'accepted', tally: { voters: { accept: 1 } } });
    expect(await system.consensus.propose({ variable: 'rate', value: 3 })).toMatchObject({
      outcome: 'rejected',
    });
    await clock.advance(0);
    expect((await stateOf()).notes.filter((note) => note.startsWith('rate'))).toEqual([
      'rate 2 v1',
      'rate 1 v2',
    ]);
    expect(agents.get(id).status).toBe('running');
  });

  it('is told of what it knows through the observer of charts, under its own name', async () => {
    const seen = new Map<string, unknown>();
    const { agents, id } = await started({
      inspect: (event) => {
        if (event.type === '@xstate.snapshot' && 'value' in event.snapshot) {
          seen.set(String((event.actorRef as { id?: string }).id), event.snapshot['value' as never]);
        }
        if (event.type === '@xstate.microstep') throw new Error('a careless observer');
      },
    });
    await agents.execute(id, { type: 'louder' });
    expect(seen.get('ada')).toMatchObject({ alive: { player: { playing: 'high' } } });
    expect(agents.get(id).status).toBe('running');
  });

  it('errors in its context are kept as data', async () => {
    const machine = setup({
      types: { context: {} as { error: unknown }, events: {} as ChartEvent<{ try: object }> },
      actors: {
        risky: fromPromise(async () => {
          throw new TypeError('that was wrong', { cause: new Error('deep down') });
        }),
      },
    }).createMachine({
      id: 'brave',
      context: { error: null },
      initial: 'idle',
      states: {
        idle: { on: { try: 'trying' } },
        trying: {
          invoke: {
            src: 'risky',
            onError: { target: 'idle', actions: assign({ error: ({ event }) => event.error }) },
          },
        },
      },
    });
    const { agents, clock } = await rig();
    const module = defineChartAgent({ type: 'brave', machine, tasks: { try: { answer: 'taken' } } });
    await agents.register({ id: 'brave', module, health });
    await agents.start('brave');
    await agents.execute('brave', { type: 'try' });
    await clock.advance(0);
    expect(await agents.savedState('brave')).toMatchObject({
      snapshot: {
        value: 'idle',
        context: { error: { name: 'TypeError', message: 'that was wrong', cause: { message: 'deep down' } } },
      },
    });
  });

  it('a context that JSON would lose fails the task that brought it, and names the place', async () => {
    const machine = setup({
      types: { context: {} as { seen: unknown }, events: {} as ChartEvent<{ spoil: object }> },
    }).createMachine({
      id: 'spoilt',
      context: { seen: null },
      on: { spoil: { actions: assign({ seen: () => new Map() }) } },
    });
    const { agents } = await rig();
    const module = defineChartAgent({ type: 'spoilt', machine, tasks: { spoil: { answer: 'taken' } } });
    await agents.register({ id: 'spoilt', module, health });
    await agents.start('spoilt');
    const { code, message } = await refusal(agents.execute('spoilt', { type: 'spoil' }));
    expect(code).toBe('TASK_FAILED');
    expect(message).toContain('got a Map at state.snapshot.context.seen');
  });

  it('an agent of functions takes all its tasks, and says so without being asked', async () => {
    const { agents } = await rig();
    const module = defineAgent({
      type: 'plain',
      capabilities: ['add'],
      init: () => ({}),
      tasks: {
        add: { requires: ['add'], input: z.number(), run: ({ input }) => input },
        fly: { requires: ['wings'], run: () => 0 },
      },
    });
    await agents.register({ id: 'bob', module });
    await agents.start('bob');
    expect(await agents.next('bob')).toEqual(['add']);
    expect(await agents.can('bob', { type: 'add', input: 1 })).toBe(true);
    expect(await agents.can('bob', { type: 'add', input: 'one' })).toBe(false);
    expect(await agents.can('bob', { type: 'fly' })).toBe(false);
  });

  it('one that does not answer what it takes is given up at the deadline of its health', async () => {
    const held = gate();
    const { agents, clock } = await rig();
    const module = defineAgent({
      type: 'slow',
      init: () => ({}),
      tasks: { ask: { input: z.string().refine(async () => (await held.promise, true)), run: () => 0 } },
    });
    await agents.register({ id: 'slow', module, health });
    await agents.start('slow');
    const asking = awaited(agents.can('slow', { type: 'ask', input: 'x' }));
    await clock.advance(4_999);
    expect(await fateOf(asking)).toBe('pending');
    await clock.advance(1);
    expect(await codeOf(asking)).toBe('TASK_TIMED_OUT');
    held.resolve();
    await clock.advance(0);
    const again = awaited(agents.can('slow', { type: 'ask', input: 'x' }));
    await agents.kill('slow');
    expect(await fateOf(again)).not.toBe('pending');
  });
});

function ringing(type: 'a' | 'b' | 'c') {
  return assign({ rang: ({ context }) => [...(context as { rang: string[] }).rang, type] }) as never;
}

/** Why a definition is refused. */
function because(options: object): string {
  try {
    defineChartAgent(options as never);
  } catch (thrown) {
    return (thrown as AgentSystemError).code === 'AGENT_SPEC_INVALID'
      ? (thrown as Error).message
      : 'no refusal';
  }
  return 'none';
}

describe('an invalid definition', () => {
  const machine = createMachine({ id: 'm' });
  it('is refused by the name of its field', () => {
    expect(because({ type: 'm', tasks: {} })).toContain('machine: expected an XState machine');
    expect(because({ type: 'm', machine, tasks: { 'vote.asked': {} } })).toContain('vote.asked');
    expect(because({ type: 'm', machine, tasks: { 'xstate.done': {} } })).toContain(
      '"xstate.done" cannot name a task',
    );
    expect(because({ type: 'm', machine, tasks: { '*': {} } })).toContain('"*" cannot name a task');
    expect(because({ type: 'm', machine, tasks: JSON.parse('{ "__proto__": {} }') })).toContain('__proto__');
    expect(because({ type: 'm', machine, tasks: { a: { answer: 'taken', output: z.string() } } })).toContain(
      'tasks.a.output: expected none of a task that is answered when it is taken',
    );
    expect(because({ type: 'm', machine, tasks: {}, onRestore: 'forget' })).toContain('onRestore');
    expect(because({ type: 'm', machine, tasks: {}, onRestored: 'fail' })).toContain('onRestored');
    expect(because({ type: '', machine, tasks: {} })).toContain('type');
    expect(because({ type: 'm', machine, tasks: {}, migrate: 'drop' })).toContain('migrate');
    expect(because(defineAgent({ type: 'm', init: () => 0, tasks: {} }))).toContain('machine');
  });

  it("a system that is no agent's has none", () => {
    expect(() => agentOf({})).toThrow(new TypeError('this actor system is not that of an agent'));
  });
});

it.each<[string, (observe: Relay['observe']) => Inspect]>([
  ['as its observer', (observe) => chartObserver(observe)],
  ['through XState', (observe) => (event) => observe(event)],
])(
  'its chart is shown beside its life, under the names of the agent and of the chart: %s',
  async (_, inspect) => {
    const clock = simulatedClock();
    const faults: unknown[] = [];
    const relay = new Relay({
      clock,
      coalesceMs: 10,
      maxActors: 100,
      filter: () => true,
      onFault: (thrown) => faults.push(thrown),
    });
    const messages: string[] = [];
    relay.join({ send: (message) => messages.push(message), waitingBytes: () => 0 });
    const { agents, id } = await started({ inspect: inspect((told) => relay.observe(told)) });
    await agents.execute(id, { type: 'louder' });
    await clock.advance(10);
    relay.close();
    const said = messages.map((message) => JSON.parse(message) as Record<string, unknown>);
    const names = said.filter(({ type }) => type === '@xstate.actor').map(({ name }) => name);
    expect(names).toContain('ada');
    expect(names).toContain('ada: worker');
    const { sessionId } = said.find(({ name }) => name === 'ada: worker')!;
    const newest = said.findLast(
      (one) => one['type'] === '@xstate.snapshot' && one['sessionId'] === sessionId,
    );
    expect(newest).toMatchObject({ snapshot: { value: { alive: { player: { playing: 'high' } } } } });
    expect(faults).toEqual([]);
  },
);
