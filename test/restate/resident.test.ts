/** Laws of one body on its node, around a fake of the body: what it is told, what it tells, and that it ends once. */
import { describe, expect, it } from 'vitest';
import { agentSpec } from '../../src/machines/index.ts';
import { defineAgent } from '../../src/index.ts';
import type { NodeReport } from '../../src/restate/agent/agent-acts.ts';
import { Resident } from '../../src/restate/nodes/resident.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';
import type { BodyListener, BodyRequest, BodyStart, VariableState } from '../../src/runtime/hosting/host.ts';
import { steadyClock } from '../../src/runtime/time/clock.ts';
import { SecretNet } from '../../src/runtime/values/secret-net.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

const run = (): number => 0;
const definition = defineAgent({ type: 'worker', init: run, variables: ['rate'], tasks: { work: { run } } });
const manifest = manifestOf(definition);
const health = { intervalMs: 100, timeoutMs: 10, failuresBeforeKill: 3 };
const rate = (version: number): VariableState => ({ name: 'rate', value: version, version });

interface Given {
  readonly values?: () => readonly VariableState[] | Promise<readonly VariableState[]>;
  readonly newest?: VariableState;
  readonly initArgs?: unknown;
  readonly module?: typeof definition | URL;
  readonly open?: () => void;
}

function rig({ values = () => [], newest, initArgs, module = definition, open = () => {} }: Given = {}) {
  const clock = simulatedClock({ startAt: 0 });
  const reports: NodeReport[] = [];
  const posted: BodyRequest[] = [];
  const shown: unknown[] = [];
  const logged: unknown[] = [];
  const happened: string[] = [];
  let started: BodyStart | undefined;
  let body: BodyListener | undefined;
  const faults = { post: undefined as Error | undefined, kill: undefined as Error | undefined };
  const host = {
    open: (start: BodyStart, listener: BodyListener) => {
      started = start;
      body = listener;
      open();
      return {
        post: (request: BodyRequest) => {
          if (faults.post !== undefined) throw faults.post;
          posted.push(request);
        },
        kill: () => {
          happened.push('killed');
          if (faults.kill !== undefined) throw faults.kill;
        },
        usage: () => ({ memoryBytes: 7 }),
      };
    },
  };
  const resident = new Resident({
    agentId: 'ada',
    incarnation: 2,
    clock: steadyClock(clock),
    tell: (report) => void reports.push(report),
    show: (...what) => void shown.push(what),
    valueOf: () => newest,
    valuesOf: () => values(),
    requests: new Map(),
    secrets: { provider: undefined, net: new SecretNet() },
    log: (report) => void logged.push(report),
    codeFor: () => ({ module, host: host as never }),
    described: ({ type, stateVersion }) => void happened.push(`${type} reads ${stateVersion}`),
    ended: () => void happened.push('ended'),
  });
  const kept = specToKeep(agentSpec.parse({ id: 'ada', module: definition, health }), 'ada', 'worker');
  const spec = { ...kept, initArgs };
  let last = 0;
  const deliver = (...messages: object[]) => {
    const first = last + 1;
    last += messages.length;
    resident.take({ first, messages: messages as never });
  };
  return {
    resident,
    clock,
    faults,
    deliver,
    start: () => started,
    tells: (report: object) => body!.report(report as never),
    body: () => body!,
    open: () =>
      deliver({ type: 'open', spec, manifest, start: { restored: undefined, previousStop: 'normal' } }),
    ready: () => body!.report({ type: 'ready', manifest }),
    reports: () => reports.splice(0),
    types: () => reports.splice(0).map(({ type }) => type),
    posted: () => posted.splice(0),
    shown,
    logged,
    happened: () => happened.splice(0),
  };
}

describe('messages', () => {
  it('are taken in their order, each once', () => {
    const { resident, open, posted } = rig();
    open();
    const again = { type: 'state.save' } as const;
    resident.take({ first: 2, messages: [again] });
    resident.take({ first: 2, messages: [again, { type: 'terminate' }] });
    resident.take({ first: 3, messages: [{ type: 'terminate' }] });
    expect(posted()).toEqual([{ type: 'state.save' }, { type: 'terminate' }]);
  });

  it('of which one is missing end the body: the connection to its node is broken', () => {
    const { resident, open, reports, happened, posted } = rig();
    open();
    resident.take({ first: 3, messages: [{ type: 'state.save' }] });
    expect(posted()).toEqual([]);
    expect(reports()).toMatchObject([
      {
        type: 'exited',
        reason: { error: { message: 'message 3 came to the node, expected 2: what was between is lost' } },
      },
    ]);
    expect(happened()).toEqual(['killed', 'ended']);
  });

  it('go to the body, but for those that are for its node', () => {
    const { open, deliver, posted, happened, shown } = rig();
    open();
    deliver({ type: 'task.run', taskId: 't', task: 'work', attempt: 1, input: 1, terms: { callId: 'c' } });
    expect(posted()).toMatchObject([{ type: 'task.run', taskId: 't', input: 1, isKept: true }]);
    deliver({ type: 'task.cancel', taskId: 't' }, { type: 'unwatch' }, { type: 'kill' });
    expect(posted()).toEqual([{ type: 'task.cancel', taskId: 't' }]);
    expect([happened(), shown]).toEqual([['killed'], []]);
  });
});

describe('an opening', () => {
  it('gives the body its start: a copy of its initArgs, the values of its variables, how the last one ended', () => {
    const initArgs = { a: 1 };
    const { open, start, resident, reports } = rig({ initArgs, values: () => [rate(4)] });
    open();
    expect(start()).toMatchObject({
      agentId: 'ada',
      incarnation: 2,
      agentType: 'worker',
      initArgs: { a: 1 },
      variables: [rate(4)],
      previousStop: 'normal',
    });
    expect(start()!.initArgs).not.toBe(initArgs);
    expect([resident.acknowledged('rate'), resident.acknowledged('other'), reports()]).toEqual([4, 0, []]);
    expect([resident.agentId, resident.incarnation, resident.usage()]).toEqual([
      'ada',
      2,
      { memoryBytes: 7 },
    ]);
  });

  it('that fails is its end, with the error', () => {
    const { open, reports, happened, resident } = rig({
      open: () => {
        throw new Error('no room');
      },
    });
    open();
    expect(reports()).toMatchObject([{ type: 'exited', reason: { error: { message: 'no room' } } }]);
    expect([happened(), resident.isServing]).toEqual([['ended'], false]);
  });

  it('whose values are still read keeps what comes meanwhile, and tells it then, in its order', async () => {
    const { open, deliver, posted, start } = rig({ values: () => Promise.resolve([rate(1)]) });
    open();
    deliver({ type: 'state.save' }, { type: 'task.cancel', taskId: 't' });
    expect([start(), posted()]).toEqual([undefined, []]);
    await settled();
    expect(start()).toMatchObject({ variables: [rate(1)] });
    expect(posted().map(({ type }) => type)).toEqual(['state.save', 'task.cancel']);
  });

  it.each([
    ['kill', 'killed'],
    ['terminate', 'shutdown'],
  ])('that is ended by %s before there is a body, ends at once, and none is opened', async (type, reason) => {
    const { open, deliver, reports, start, happened } = rig({ values: () => Promise.resolve([]) });
    open();
    deliver({ type });
    expect([reports(), happened()]).toEqual([[{ type: 'exited', reason }], ['ended']]);
    await settled();
    expect([start(), reports()]).toEqual([undefined, []]);
  });

  it('whose values cannot be read is its end', async () => {
    const { open, reports } = rig({ values: () => Promise.reject(new Error('away')) });
    open();
    await settled();
    expect(reports()).toMatchObject([{ type: 'exited', reason: { error: { message: 'away' } } }]);
  });

  it('of a module says which states its code reads, once that runs; of a definition that is known', () => {
    for (const [module, said] of [
      [new URL('file:///worker.ts'), ['worker reads 1']],
      [definition, []],
    ] as const) {
      const { open, ready, happened } = rig({ module });
      open();
      expect(happened()).toEqual([]);
      ready();
      expect(happened()).toEqual(said);
    }
  });

  it('in which the body tells something already, hears it after it has opened', () => {
    const agent = rig({
      open: () => {
        agent.body().report({ type: 'ready', manifest });
        expect(agent.types()).toEqual([]);
      },
    });
    agent.open();
    expect(agent.types()).toEqual(['ready']);
    expect(agent.resident.isServing).toBe(true);
  });
});

describe('what the body tells', () => {
  it('goes to its agent as data, or to whoever it is for', () => {
    const { open, ready, tells, reports, logged, resident } = rig();
    open();
    ready();
    expect([reports().map(({ type }) => type), resident.isServing, resident.variables]).toEqual([
      ['ready'],
      true,
      ['rate'],
    ]);
    tells({ type: 'log', text: 'hm' });
    tells({ type: 'state.saved', state: { json: '1', stateVersion: 1 } });
    tells({ type: 'task.completed', taskId: 't', output: 1, transfer: [1] });
    tells({
      type: 'task.failed',
      taskId: 't',
      code: 'TASK_FAILED',
      error: { name: 'Error', message: 'no' },
      cause: new Error('no'),
    });
    expect(logged).toHaveLength(1);
    const told = reports();
    expect(told.map(({ type }) => type)).toEqual(['state.saved', 'task.completed', 'task.failed']);
    expect(told[1]).toEqual({ type: 'task.completed', taskId: 't', output: 1 });
    expect(told[2]).not.toHaveProperty('cause');
  });

  it('of progress and chunks goes to the call that follows its task', () => {
    const { open, deliver, tells, shown, resident, posted } = rig();
    open();
    deliver({
      type: 'task.run',
      taskId: 't',
      task: 'work',
      attempt: 1,
      input: 1,
      terms: { callId: 'c', isStreamed: true },
    });
    tells({ type: 'task.progress', taskId: 't', value: 1 });
    tells({ type: 'task.chunk', taskId: 't', chunk: 'x' });
    expect(shown).toEqual([
      ['c', 'progress', 1],
      ['c', 'chunk', 'x'],
    ]);
    posted();
    resident.chunksTaken('c', 1);
    expect(posted()).toEqual([{ type: 'task.chunks_taken', taskId: 't', taken: 1 }]);
  });

  it('that it is stuck, or dropped something, is told while it lives; its end once, and nothing after that', () => {
    const { open, body, types, happened, tells } = rig();
    open();
    body().stuck?.();
    body().dropped?.();
    body().exited('normal');
    expect([types(), happened()]).toEqual([['stuck', 'dropped', 'exited'], ['ended']]);
    body().exited('killed');
    body().stuck?.();
    body().dropped?.();
    tells({ type: 'finished' });
    expect([types(), happened()]).toEqual([[], []]);
  });

  it('is nothing once it is abandoned: it is killed, and whoever waits for its end hears of that', () => {
    const { open, resident, tells, body, types, happened } = rig();
    open();
    let ends = 0;
    resident.whenEnded(() => (ends += 1));
    resident.whenEnded(() => (ends += 10))();
    resident.abandon();
    tells({ type: 'finished' });
    body().exited('killed');
    expect([types(), happened(), ends]).toEqual([[], ['killed'], 1]);
  });

  it('whoever waits for its end hears of it, unless it was let go', () => {
    const { open, resident, body } = rig();
    open();
    let ends = 0;
    resident.whenEnded(() => (ends += 1));
    resident.whenEnded(() => (ends += 10))();
    body().exited('normal');
    expect(ends).toBe(1);
  });
});

describe('a body that cannot be reached', () => {
  it('by a message is killed, and has ended', () => {
    const { open, deliver, faults, reports, happened } = rig();
    open();
    faults.post = new Error('broken');
    deliver({ type: 'state.save' });
    expect(reports()).toMatchObject([{ type: 'exited', reason: { error: { message: 'broken' } } }]);
    expect(happened()).toEqual(['killed', 'ended']);
  });

  it('by a kill has ended', () => {
    const { open, deliver, faults, reports } = rig();
    open();
    faults.kill = new Error('gone');
    deliver({ type: 'kill' });
    expect(reports()).toMatchObject([{ type: 'exited', reason: { error: { message: 'gone' } } }]);
  });
});

describe('a variable', () => {
  it('is told once for each version, and no earlier one', () => {
    const { open, resident, posted } = rig({ values: () => [rate(4)] });
    open();
    for (const version of [3, 4, 5, 5, 4])
      resident.post({ type: 'variable.changed', variable: rate(version) });
    expect(posted()).toEqual([{ type: 'variable.changed', variable: rate(5) }]);
  });

  it('that has changed while it started is told once it runs', () => {
    const newer = rig({ values: () => [rate(4)], newest: rate(5) });
    newer.open();
    newer.ready();
    expect(newer.posted()).toEqual([{ type: 'variable.changed', variable: rate(5) }]);
    const same = rig({ values: () => [rate(4)], newest: rate(4) });
    same.open();
    same.ready();
    expect(same.posted()).toEqual([]);
  });

  it('is acknowledged up to the latest; whoever asked hears of it until they are let go', () => {
    const { open, resident, tells, posted, types } = rig();
    open();
    const heard: unknown[] = [];
    const letGo = resident.ask({ type: 'variable.changed', variable: rate(2) }, (report) =>
      heard.push(report.type),
    );
    expect(posted()).toHaveLength(1);
    tells({ type: 'variable.acknowledged', name: 'rate', version: 2 });
    tells({ type: 'variable.acknowledged', name: 'rate', version: 1 });
    tells({ type: 'vote.cast', roundId: 'r', vote: 'accept' });
    letGo();
    tells({ type: 'vote.cast', roundId: 'r', vote: 'accept' });
    expect([resident.acknowledged('rate'), heard, types()]).toEqual([
      2,
      ['variable.acknowledged', 'variable.acknowledged', 'vote.cast'],
      [],
    ]);
  });
});

describe('its health', () => {
  it('is checked once it is watched, and told when it says something new', async () => {
    const { open, ready, resident, clock, posted, tells, reports } = rig();
    open();
    ready();
    reports();
    await clock.advance(1_000);
    expect(posted()).toEqual([]);
    resident.watch();
    resident.watch();
    await clock.advance(100);
    expect(posted()).toEqual([{ type: 'health.check', checkId: 1 }]);
    tells({ type: 'health.answered', checkId: 1 });
    expect(reports()).toMatchObject([{ type: 'health', verdict: 'passed', health: { status: 'healthy' } }]);
    await clock.advance(100);
    tells({ type: 'health.answered', checkId: 2 });
    expect(reports()).toEqual([]);
    await clock.advance(110);
    expect(reports()).toMatchObject([{ type: 'health', verdict: 'missed', health: { misses: 1 } }]);
    await clock.advance(110);
    expect(reports()).toMatchObject([{ type: 'health', verdict: 'missed', health: { misses: 2 } }]);
  });

  it('is not checked any more once that is over, whoever wants it watched', async () => {
    const { open, ready, resident, clock, posted, deliver } = rig();
    open();
    ready();
    resident.watch();
    deliver({ type: 'unwatch' });
    resident.watch();
    await clock.advance(1_000);
    expect([posted(), clock.pending()]).toEqual([[], []]);
    const late = rig();
    late.open();
    late.deliver({ type: 'unwatch' });
    late.resident.watch();
    expect([late.clock.pending(), late.resident.checkHealth()]).toEqual([[], undefined]);
    const ended = rig();
    ended.open();
    ended.body().exited('normal');
    ended.resident.watch();
    expect(ended.clock.pending()).toEqual([]);
  });

  it('is checked at the times of its spec as it is changed', async () => {
    const { open, ready, resident, clock, posted, deliver } = rig();
    open();
    ready();
    resident.watch();
    const { coordination } = agentSpec.parse({ module: {} });
    deliver({ type: 'spec.changed', health: { ...health, intervalMs: 20 }, coordination });
    expect(resident.spec).toMatchObject({ health: { intervalMs: 20 }, coordination });
    await clock.advance(20);
    expect(posted()).toMatchObject([{ type: 'health.check' }]);
  });

  it('needs no timer once its body has ended', () => {
    const { open, ready, resident, body, clock } = rig();
    open();
    ready();
    resident.watch();
    body().exited('normal');
    expect(clock.pending()).toEqual([]);
  });
});
