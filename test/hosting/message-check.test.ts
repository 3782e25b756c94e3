/** An agent's code holds the channel of its child, and can send what it likes: it harms nobody but itself. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AgentSystemError, type ExitReason } from '../../src/index.ts';
import { defineAgent } from '../../src/runtime/definition/define-agent.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { MAX_CAUSES, MAX_ERRORS } from '../../src/runtime/values/error-info.ts';
import { errorCodes } from '../../src/runtime/values/errors.ts';
import type { ChildListener } from '../../src/runtime/hosting/hosts/child.ts';
import { childHost } from '../../src/runtime/hosting/hosts/child-host.ts';
import { processHost } from '../../src/runtime/hosting/hosts/process.ts';
import {
  CHILD,
  eachRequest,
  type ChildRequest,
  type ChildReport,
} from '../../src/runtime/hosting/hosts/protocol.ts';
import { eachReport, endOf } from '../../src/runtime/hosting/hosts/message-check.ts';
import { threadHost } from '../../src/runtime/hosting/hosts/thread.ts';
import { MAX_LEVELS } from '../../src/runtime/values/clone-survey.ts';
import { openWitnessed } from '../../src/testing/host-laws/witness.ts';
import { type SimulatedClock, settled, simulatedClock } from '../../src/testing/index.ts';
import { awaited, refusal, rig } from '../kit/rig.ts';
import { LIMIT_MS, walks } from '../models/fleet/runs.ts';
import { anyData } from './any-data.ts';
import { childHostTerms } from './hosts.ts';

const module = new URL('../fixtures/agents/speaker.ts', import.meta.url);
const run = (): number => 0;
const definition = defineAgent({ type: 'scripted', init: run, tasks: { echo: { run }, hold: { run } } });
const manifest = manifestOf(definition);

/** A child that keeps to the protocol, and says besides what a test has it say. */
class ScriptedChild {
  readonly kind = 'process';
  readonly usage = undefined;
  readonly #listener: ChildListener;
  #isGone = false;

  constructor(listener: ChildListener) {
    this.#listener = listener;
  }

  /** As its channel would bring it. */
  say(message: unknown): void {
    if (!this.#isGone) this.#listener.message(structuredClone(message));
  }

  send(message: Parameters<typeof eachRequest>[0]): void {
    queueMicrotask(() => eachRequest(message, (body, request) => this.#obey(body, request)));
  }

  kill(reason: ExitReason): void {
    queueMicrotask(() => this.#end(reason));
  }

  watch(): void {}
  ref(): void {}

  #obey(body: number, request: ChildRequest): void {
    const say = (report: ChildReport): void => this.say([body, report]);
    switch (request.type) {
      case 'describe':
        return say({ type: 'described', question: request.question, manifest });
      case 'open':
        return say({ type: 'ready', manifest });
      case 'task.run': {
        const { taskId, task, input } = request;
        if (task === 'echo') say({ type: 'task.completed', taskId, output: input });
        return;
      }
      case 'task.cancel':
        return say({ type: 'task.completed', taskId: request.taskId, output: 0 });
      case 'health.check':
        return say({ type: 'health.answered', checkId: request.checkId });
      case 'state.save':
        return say({ type: 'state.saved', state: { json: '{}', stateVersion: 1 } });
      case 'terminate':
        return say({ type: 'exited', reason: 'shutdown' });
      case 'end':
        return this.#end('normal');
      default:
    }
  }

  #end(reason: ExitReason): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#listener.ended(reason);
  }
}

function scriptedChildren(clock: SimulatedClock) {
  const made: { readonly name: string; readonly child: ScriptedChild }[] = [];
  const host = childHost({
    clock,
    ...childHostTerms,
    describeTimeoutMs: 1_000,
    start: ({ name }, listener) => {
      const child = new ScriptedChild(listener);
      made.push({ name, child });
      return child;
    },
  });
  const childOf = (agentId: string) => made.findLast(({ name }) => name === agentId)!.child;
  return { host, childOf };
}

const circular: Record<string, unknown> = { name: 'Error', message: 'my own cause' };
circular['cause'] = circular;
let chained: object = { name: 'Error', message: 'the first of many' };
for (let length = 0; length < 100; length += 1) chained = { name: 'Error', message: '', cause: chained };

const TASK = 'the task under way';
const TYPES =
  'ready task.progress task.chunk task.completed task.failed finished health.answered health.failed state.saved state.save_failed state.changed offer.told variable.acknowledged vote.cast request.made request.withdrawn log exited crashed described usage counted constructor __proto__'.split(
    ' ',
  );
const field = (...near: unknown[]) => fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...near) }, anyData);
/** The words of the protocol, with fields that are right, nearly right, or anything. */
const report = (() => {
  const error = { name: 'Error', message: 'm' };
  const errors = [
    error,
    { ...error, cause: error },
    { ...error, errors: [error], data: { status: 1 } },
    circular,
    chained,
    { error },
    { error: circular },
    {},
  ];
  const state = { json: '{}', stateVersion: 1 };
  return fc.record(
    {
      type: field(...TYPES),
      manifest: field(
        manifest,
        { ...manifest, tasks: { echo: {} } },
        { ...manifest, tasks: { echo: { requires: [], retry: false, timeoutMs: -1 } } },
        { ...manifest, capabilities: 'all' },
        { ...manifest, more: new Map() },
      ),
      taskId: field(TASK, 'task-0'),
      code: field(...errorCodes, 'E'),
      error: field(...errors),
      state: field(
        state,
        { ...state, stateVersion: 0 },
        { json: {}, stateVersion: 1 },
        { json: '"\ud800"', stateVersion: 1 },
        { json: '{"n":1', stateVersion: 1 },
      ),
      level: field('info', 'error', 'fatal', 'child'),
      message: field('m'),
      fields: field({}, 'text', { err: error }),
      checkId: field(1, 2),
      name: field('temperature', 'agents.execute', 'x'.repeat(65)),
      requestId: field(1, 2, 3, 0, 2 ** 53),
      args: field(
        { target: 'nobody', task: { type: 'echo' } },
        { target: { pool: 'none' }, task: { type: 'echo' } },
        { target: 7 },
      ),
      version: field(1, Number.NaN),
      roundId: field('round-1'),
      vote: field('accept', 'yes'),
      question: field(1, 2),
      reason: field('killed', 'shutdown', { exitCode: 1 }, { shutdown: 'w' }, ...errors),
      usage: field({ memoryBytes: 1, cpuMs: 1 }, { memoryBytes: 'much' }),
      charts: field(
        [{ chart: 'c', hash: 'h', transitions: { a: 1 }, refusals: {} }],
        [{ chart: 'c', hash: 'h', transitions: { a: -1 }, refusals: {} }],
        [{ chart: 'c' }],
      ),
      output: anyData,
      chunk: anyData,
      value: anyData,
    },
    { requiredKeys: ['type'] },
  );
})();
const key = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(CHILD, 1, 1, 2) }, anyData);
const pair = fc.tuple(key, fc.oneof({ weight: 9, arbitrary: report }, anyData));
const message = fc.oneof(anyData, {
  weight: 5,
  arbitrary: fc.array(pair, { minLength: 1, maxLength: 3 }).map((pairs) => pairs.flat()),
});

/** What is said of the task under way names it. */
function about(taskId: string, said: unknown): unknown {
  if (!Array.isArray(said)) return said;
  return said.map((report: unknown) => {
    const isOfTask =
      typeof report === 'object' && report !== null && 'taskId' in report && report.taskId === TASK;
    return isOfTask ? { ...report, taskId } : report;
  });
}

const ended = ['stopped', 'completed', 'crashed'];

test(
  'whatever a child sends, nothing is thrown, no other agent changes, and its own can be ended',
  async () => {
    const clock = simulatedClock();
    const { host, childOf } = scriptedChildren(clock);
    const { agents, eventsOf } = await rig({ clock, hosts: { process: host } });
    const running = async (id: string): Promise<void> => {
      await agents.register({ id, module, restart: { policy: 'never' } });
      await agents.start(id);
    };
    await running('bystander');
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 6 }), async (messages) => {
        round += 1;
        const id = `speaker-${round}`;
        await running(id);
        void awaited(agents.execute(id, { type: 'hold' }));
        await settled();
        const { taskId } = eventsOf('task.started').at(-1)!;
        const bystander = agents.get('bystander');
        for (const said of messages) {
          childOf(id).say(about(taskId, said));
          await settled();
          expect(agents.get(id).id).toBe(id);
          expect(agents.list().map((record) => record.id)).toContain('bystander');
        }
        expect(agents.get('bystander')).toEqual(bystander);
        const stop = awaited(agents.stop(id, { timeoutMs: 50 }));
        await clock.advance(10_000);
        await stop.catch((thrown: unknown) => expect(thrown).toBeInstanceOf(AgentSystemError));
        expect(ended).toContain(agents.get(id).status);
        await agents.forget(id);
        expect(await agents.execute('bystander', { type: 'echo', input: round })).toBe(round);
      }),
      walks(300),
    );
  },
  LIMIT_MS,
);

const error = { name: 'Error', message: 'm' };
/** An error with so many causes below it. */
function chainOf(causes: number): object {
  return causes === 0 ? error : { ...error, cause: chainOf(causes - 1) };
}
let tooDeep: unknown = 1;
for (let level = 0; level <= MAX_LEVELS; level += 1) tooDeep = [tooDeep];
/** Few bytes, and as text more than there is memory. */
let doubled: unknown = ['a'];
for (let level = 0; level < 60; level += 1) doubled = [doubled, doubled];

// As long as a busy machine needs.
test('10,000 messages are judged without a throw, and most are refused', { timeout: LIMIT_MS }, () => {
  let heard = 0;
  for (const said of fc.sample(message, { numRuns: 10_000, seed: 1 })) {
    eachReport(said, (_, report) => {
      heard += 1;
      if (report.type === 'exited' || report.type === 'crashed') expect(endOf(report)).toBeDefined();
    });
  }
  expect(heard).toBeGreaterThan(500);
  expect(heard).toBeLessThan(10_000);
});

describe('a malformed report', () => {
  test.for([
    ['no pair', [1]],
    ['no data of it', 'ready'],
    ['a log without a level', [1, { type: 'log', message: 'm' }]],
    ['a second ready', [1, { type: 'ready', manifest }]],
    ['a ready that says nothing', [1, { type: 'ready' }]],
    ['an invalid state', [1, { type: 'task.completed', taskId: 't', output: 1, state: 5 }]],
    ['an output that is nested too deep', [1, { type: 'task.completed', taskId: 't', output: tooDeep }]],
    ['progress that is nested too deep', [1, { type: 'task.progress', taskId: 't', value: tooDeep }]],
    ['a chunk that is nested too deep', [1, { type: 'task.chunk', taskId: 't', chunk: tooDeep }]],
    ['a chunk of a task that does not run', [1, { type: 'task.chunk', taskId: 't', chunk: 1 }]],
    ['a detail that is nested too deep', [1, { type: 'health.answered', checkId: 1, detail: tooDeep }]],
    [
      'a detail that stands for more text than there is memory',
      [1, { type: 'health.answered', checkId: 1, detail: doubled }],
    ],
    [
      'an offer that stands for more text than there is memory',
      [1, { type: 'offer.told', questionId: 1, offer: { next: [], state: doubled } }],
    ],
    [
      'an offer that is nested too deep',
      [1, { type: 'offer.told', questionId: 1, offer: { next: [], state: tooDeep } }],
    ],
    [
      'log fields that stand for more text than there is memory',
      [1, { type: 'log', level: 'info', message: 'm', fields: { doubled } }],
    ],
    ...(['name', 'message', 'stack', 'code'] as const).map(
      (field) =>
        [
          `an error whose ${field} is longer than any that is cut`,
          [1, { type: 'state.save_failed', error: { ...error, [field]: 'x'.repeat(32_769) } }],
        ] as const,
    ),
    // Only its own fields are gone through, and an instance has them on its prototype.
    ['an error that is an instance', [1, { type: 'state.save_failed', error: new Error('m') }]],
    [
      'an error whose cause is an instance',
      [1, { type: 'state.save_failed', error: { ...error, cause: new TypeError('m') } }],
    ],
    ['an error that is its own cause', [1, { type: 'state.save_failed', error: circular }]],
    ...(
      [
        ['an error whose code is neither text nor number', { code: {} }],
        ['an error with a field that errors do not have', { at: new Map() }],
        ['an error whose cause has such a field', { cause: { ...error, n: 1n } }],
        ['an error with invalid data', { data: 'text' }],
        ['an error whose data is a list', { data: [1] }],
        ['an error whose data is no JSON', { data: { at: new Date(0) } }],
        ['an error whose data contains itself', { data: circular }],
        ['an error whose data is longer than any', { data: { text: 'x'.repeat(300_000) } }],
        ['an error whose errors are no list', { errors: {} }],
        ['an error whose list of errors has holes', { errors: Array.from({ length: 2 }).concat(error) }],
        ['an error of more errors than any', { errors: Array.from({ length: MAX_ERRORS }, () => error) }],
        ['an error of more causes than any', { cause: chainOf(MAX_CAUSES) }],
      ] as const
    ).map(
      ([what, wrong]) => [what, [1, { type: 'state.save_failed', error: { ...error, ...wrong } }]] as const,
    ),
    ['a request without a number', [1, { type: 'request.made', taskId: 't', name: 'n', args: 1 }]],
    [
      'a request whose name is longer than any',
      [1, { type: 'request.made', requestId: 1, taskId: 't', name: 'n'.repeat(65), args: 1 }],
    ],
    [
      'a request that is nested too deep',
      [1, { type: 'request.made', requestId: 1, taskId: 't', name: 'n', args: tooDeep }],
    ],
    [
      'a request that stands for more text than there is memory',
      [1, { type: 'request.made', requestId: 1, taskId: 't', name: 'n', args: doubled }],
    ],
    [
      'a request of a task that does not run',
      [1, { type: 'request.made', requestId: 1, taskId: 't', name: 'n', args: 1 }],
    ],
    ['a withdrawal that does not say why', [1, { type: 'request.withdrawn', requestId: 1, taskId: 't' }]],
    ['an invalid measurement', [CHILD, { type: 'usage', usage: null }]],
    [
      'counts that are none',
      [
        CHILD,
        { type: 'counted', charts: [{ chart: 'c', hash: 'h', transitions: { a: 0.5 }, refusals: {} }] },
      ],
    ],
  ] as const)('is dropped and counted: %s', async ([, said]) => {
    const clock = simulatedClock();
    const { host, childOf } = scriptedChildren(clock);
    const { agents } = await rig({ clock, hosts: { process: host } });
    const id = await agents.register({ id: 'speaker', module });
    await agents.start(id);
    childOf(id).say(said);
    expect(agents.get(id)).toMatchObject({ status: 'running', metrics: { dropped: 1 } });
    expect(await agents.stop(id)).toMatchObject({ status: 'stopped', metrics: { dropped: 1 } });
  });
  test('but what is as deep, and as long, as may be is heard', async () => {
    const clock = simulatedClock();
    const { host, childOf } = scriptedChildren(clock);
    const { agents } = await rig({ clock, hosts: { process: host } });
    const id = await agents.register({ id: 'speaker', module });
    await agents.start(id);
    const [value] = tooDeep as [unknown];
    childOf(id).say([1, { type: 'task.progress', taskId: 't', value }]);
    childOf(id).say([
      1,
      { type: 'log', level: 'info', message: 'm', fields: { text: 'x'.repeat(1_000_000) } },
    ]);
    const long = { name: 'E', message: 'x'.repeat(32_768) };
    childOf(id).say([1, { type: 'state.save_failed', error: long }]);
    const errors = Array.from({ length: MAX_ERRORS - 1 }, () => error);
    childOf(id).say([
      1,
      { type: 'state.save_failed', error: { ...error, errors, data: { status: 429 }, code: 14 } },
    ]);
    childOf(id).say([1, { type: 'state.save_failed', error: chainOf(MAX_CAUSES) }]);
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'running', metrics: { dropped: 0 } });
  });
  test('says how an agent ended only that it did: its reason is an error that shows what came', async () => {
    const clock = simulatedClock();
    const { host, childOf } = scriptedChildren(clock);
    const { agents } = await rig({ clock, hosts: { process: host } });
    const id = await agents.register({ id: 'speaker', module, restart: { policy: 'never' } });
    await agents.start(id);
    childOf(id).say([1, { type: 'exited', reason: { error: circular } }]);
    await settled();
    const { reason } = agents.get(id);
    expect(reason).toMatchObject({
      error: { message: expect.stringMatching(/^expected an exit reason, got/) },
    });
  });
});

describe('a module that answers while it is described', () => {
  const forged = [CHILD, { type: 'described', question: 1, manifest: { type: 'forged' } }];
  test('with an invalid manifest is refused, saying what came', async () => {
    const clock = simulatedClock();
    const { host, childOf } = scriptedChildren(clock);
    const { agents } = await rig({ clock, hosts: { process: host } });
    const register = agents.register({ module });
    childOf('module describer').say(forged);
    expect((await refusal(register)).message).toMatch(/expected it to say what its agent is, got .*forged/);
  });
  test('answers no question that is asked after its own', async () => {
    const clock = simulatedClock();
    const { host, childOf } = scriptedChildren(clock);
    const first = host.describe(module, {});
    const second = host.describe(module, {});
    childOf('module describer').say(forged);
    childOf('module describer').say(forged);
    await expect(first).rejects.toThrow(/forged/);
    expect(await second).toEqual(manifest);
    await host.close();
  });
});

describe('over a real channel', () => {
  const hosts = { process: processHost, thread: threadHost };
  test.for(['process', 'thread'] as const)(
    'a %s that says all of it still answers, and ends',
    async (kind) => {
      const host = hosts[kind]();
      const witness = openWitnessed(host, { module });
      await witness.until('ready');
      const said = [
        'ready',
        [1, { type: 'log' }],
        [1, { type: 'state.saved' }],
        [1, { type: 'state.changed', state: { json: 7, stateVersion: 1 } }],
        [1, { type: 'offer.told', questionId: 1, offer: { next: 'all' } }],
        [1, { type: 'offer.told', questionId: 1, offer: { next: [], can: 'yes' } }],
        [1, { type: 'state.save_failed', error: circular }],
        [CHILD, { type: 'usage' }],
      ];
      for (const [index, input] of said.entries()) await witness.task('say', input, `say-${index}`);
      expect(await witness.task('echo', 'well')).toMatchObject({ output: 'well' });
      // Fields that are no object are no reason to lose a line.
      expect(witness.all('log')).toMatchObject([{ message: 'begins' }]);
      expect(await witness.terminate()).toBe('shutdown');
      await host.close();
    },
  );
});

/** The right and the wrong of each field, for a report, or what is within one. */
interface Shape {
  /** With all that it may have, at the edge of what is right where there is one. */
  readonly whole: Readonly<Record<string, unknown>>;
  readonly optional?: readonly string[];
  /** Of a field, what else is right. */
  readonly right?: Readonly<Record<string, readonly unknown[]>>;
  readonly wrong: Readonly<Record<string, readonly unknown[]>>;
  /** The report that it is in, where it is none itself. */
  readonly within?: (value: unknown) => unknown;
}

const state = { json: '{}', stateVersion: 1 };
const noText = [undefined, null, 7];
const noYes = [null, 'yes', 1];
const noAmount = [null, '5', -1, Number.NaN, Infinity];
/** A time that may be unlimited. */
const noTime = [null, '5', -1, Number.NaN];
const noCount = [null, '1', 0, 1.5, 2 ** 53];
const noTexts = [null, 'text', {}, [7], ['text', undefined]];
const noState = [null, 5, { ...state, json: {} }];
const noError = [null, 'text', {}, circular, new Error('m'), { ...error, cause: new Error('m') }];
const task = {
  requires: [],
  retry: false,
  timeoutMs: 0,
  policy: { attempts: 1, backoff: { delayMs: 0, factor: 0, maxDelayMs: 0, jitter: 0 }, attemptTimeoutMs: 0 },
  priority: 0,
  concurrency: 1,
  stall: { stalledAfterMs: 0, onStall: 'warn' },
};
const counts = { chart: 'c', hash: 'h', transitions: { go: 0 }, refusals: { stop: 1 } };
const ready = (manifest: unknown) => ({ type: 'ready', manifest });
const ofTask = (task: unknown) => ready({ ...manifest, tasks: { other: manifest.tasks['echo'], task } });
const ofPolicy = (policy: unknown) => ofTask({ ...task, policy });
const failed = (error: unknown) => ({ type: 'state.save_failed', error });
const long = 'x'.repeat(32_768);
const tooLong = `${long}x`;

const reports = {
  ready: {
    whole: ready(manifest),
    wrong: { manifest: [undefined, null, 'text', {}, { ...manifest, more: doubled }] },
  },
  'task.progress': { whole: { taskId: 't', value: 1 }, wrong: { taskId: noText, value: [tooDeep] } },
  'task.chunk': { whole: { taskId: 't', chunk: 1 }, wrong: { taskId: noText, chunk: [tooDeep] } },
  'task.completed': {
    whole: { taskId: 't', output: 1, state },
    optional: ['state'],
    right: { output: [undefined] },
    wrong: { taskId: noText, output: [tooDeep], state: noState },
  },
  'task.failed': {
    whole: { taskId: 't', code: 'TASK_FAILED', error, expected: ['a'], retry: true },
    optional: ['expected', 'retry'],
    right: { retry: [false], expected: [[]] },
    wrong: {
      taskId: noText,
      code: [undefined, 'E'],
      error: [undefined, ...noError],
      expected: noTexts,
      retry: noYes,
    },
  },
  'task.parked': {
    whole: { taskId: 't', until: 0, afterMs: 0, why: long },
    optional: ['until', 'afterMs'],
    wrong: { taskId: noText, until: noAmount, afterMs: noAmount, why: [...noText, tooLong] },
  },
  finished: { whole: {}, wrong: {} },
  'health.answered': {
    whole: { checkId: 1, detail: 1 },
    optional: ['detail'],
    wrong: { checkId: [undefined, '1'], detail: [tooDeep] },
  },
  'health.failed': {
    whole: { checkId: 1, error },
    wrong: { checkId: [undefined, '1'], error: [undefined, ...noError] },
  },
  'state.saved': { whole: { state }, wrong: { state: [undefined, ...noState] } },
  'state.save_failed': { whole: { error }, wrong: { error: [undefined, ...noError] } },
  'state.changed': { whole: { state }, wrong: { state: [undefined, ...noState] } },
  'variable.acknowledged': {
    whole: { name: 'v', version: 0 },
    wrong: { name: noText, version: [undefined, '1', 1.5, Number.NaN] },
  },
  'vote.cast': {
    whole: { roundId: 'r', vote: 'accept', error },
    optional: ['error'],
    right: { vote: ['reject', 'abstain'] },
    wrong: { roundId: noText, vote: [undefined, 'yes'], error: noError },
  },
  'offer.told': {
    whole: { questionId: 1, offer: { next: [] } },
    wrong: { questionId: [undefined, '1'], offer: [undefined, null, 'text'] },
  },
  'request.made': {
    whole: { requestId: 1, taskId: 't', name: 'n'.repeat(64), args: 1 },
    right: { args: [undefined] },
    wrong: {
      requestId: [undefined, ...noCount],
      taskId: noText,
      name: [...noText, 'n'.repeat(65)],
      args: [tooDeep],
    },
  },
  'request.withdrawn': {
    whole: { requestId: 1, taskId: 't', error },
    wrong: { requestId: [undefined, ...noCount], taskId: noText, error: [undefined, ...noError] },
  },
  log: {
    whole: { level: 'info', message: 'm', fields: {} },
    optional: ['fields'],
    right: { level: ['debug', 'warn', 'error'] },
    wrong: { level: [undefined, 'fatal'], message: noText, fields: [null, 'text', { doubled }] },
  },
  exited: { whole: { reason: 'normal' }, optional: ['reason'], wrong: { reason: [] } },
  crashed: { whole: { reason: 'killed' }, optional: ['reason'], wrong: { reason: [] } },
  described: {
    whole: { question: 1, error, isHolding: true },
    optional: ['error', 'isHolding'],
    right: { isHolding: [false] },
    wrong: { question: [undefined, '1'], error: noError, isHolding: noYes },
  },
  usage: {
    whole: { usage: { memoryBytes: 0, cpuMs: 0 } },
    wrong: { usage: [undefined, null, 'text'] },
  },
  counted: {
    whole: { charts: [counts] },
    right: { charts: [[], [counts, counts]] },
    wrong: {
      charts: [undefined, null, counts, [null], [counts, {}], [{ ...counts, chart: 'x'.repeat(4_194_304) }]],
    },
  },
} satisfies Record<ChildReport['type'], Shape>;

const parts: Readonly<Record<string, Shape>> = {
  'a manifest': {
    whole: {
      type: 'scripted',
      capabilities: ['c'],
      variables: ['v'],
      votes: true,
      stateVersion: 1,
      hash: 'h',
      chart: 'c',
      quota: 'q',
      tasks: { task },
    },
    optional: ['chart', 'quota'],
    right: { votes: [false], tasks: [{}] },
    wrong: {
      type: noText,
      capabilities: [undefined, ...noTexts],
      variables: [undefined, ...noTexts],
      votes: [undefined, ...noYes],
      stateVersion: [undefined, ...noCount],
      hash: noText,
      chart: [null, 7],
      quota: [null, 7],
      tasks: [undefined, null, 'text', { task: null }, { task, other: {} }],
    },
    within: ready,
  },
  'a kind of task': {
    whole: task,
    optional: ['timeoutMs', 'policy', 'priority', 'concurrency', 'stall'],
    right: { retry: [true], timeoutMs: [Infinity], requires: [['c']], priority: [-1] },
    wrong: {
      requires: [undefined, ...noTexts],
      retry: [undefined, ...noYes],
      timeoutMs: noTime,
      policy: [null, 'text', {}],
      priority: [null, '1', 1.5],
      concurrency: noCount,
      stall: [null, 'text', {}],
    },
    within: ofTask,
  },
  'a retry policy': {
    whole: task.policy,
    optional: ['attemptTimeoutMs'],
    wrong: {
      attempts: [undefined, ...noCount],
      backoff: [undefined, null, 'text'],
      attemptTimeoutMs: noTime,
    },
    within: ofPolicy,
  },
  'a backoff': {
    whole: task.policy.backoff,
    right: { maxDelayMs: [Infinity] },
    wrong: Object.fromEntries(
      Object.keys(task.policy.backoff).map((field) => [field, [undefined, ...noTime]]),
    ),
    within: (backoff) => ofPolicy({ ...task.policy, backoff }),
  },
  'what a stall is': {
    whole: task.stall,
    right: { onStall: ['abort', 'crash'] },
    wrong: { stalledAfterMs: [undefined, ...noTime], onStall: [undefined, 'wait'] },
    within: (stall) => ofTask({ ...task, stall }),
  },
  'a saved state': {
    whole: state,
    wrong: {
      json: [...noText, '"\ud800"', '', '{"n":1', '{"n":1}}', 'undefined', 'NaN'],
      stateVersion: [undefined, ...noCount],
    },
    within: (saved) => ({ type: 'state.saved', state: saved }),
  },
  'an offer': {
    whole: { next: ['go'], can: true },
    optional: ['can'],
    right: { can: [false], next: [[]] },
    wrong: { next: [undefined, ...noTexts], can: noYes },
    within: (offer) => ({ type: 'offer.told', questionId: 1, offer }),
  },
  'what was counted of a chart': {
    whole: counts,
    right: { transitions: [{}], refusals: [{}] },
    wrong: {
      chart: noText,
      hash: noText,
      transitions: [undefined, null, [], { go: -1 }, { go: 0.5 }, { go: 1, stop: '1' }],
      refusals: [undefined, null, [], { go: -1 }, { go: 0.5 }, { go: 1, stop: '1' }],
    },
    within: (counted) => ({ type: 'counted', charts: [counts, counted] }),
  },
  'a measurement': {
    whole: { memoryBytes: 0, cpuMs: 0 },
    wrong: { memoryBytes: [undefined, ...noAmount], cpuMs: [undefined, ...noAmount] },
    within: (usage) => ({ type: 'usage', usage }),
  },
  'an error': {
    whole: {
      name: long,
      message: long,
      stack: long,
      code: long,
      cause: chainOf(MAX_CAUSES - 1),
      errors: Array.from({ length: MAX_ERRORS - MAX_CAUSES - 1 }, () => error),
      data: { status: 429 },
    },
    optional: ['stack', 'code', 'cause', 'errors', 'data'],
    right: { code: [14], errors: [[]] },
    wrong: {
      name: [...noText, tooLong],
      message: [...noText, tooLong],
      stack: [null, 7, tooLong],
      code: [null, {}, tooLong],
      cause: [...noError, chainOf(MAX_CAUSES)],
      errors: [null, 'text', {}, [{}], Array.from({ length: MAX_ERRORS - MAX_CAUSES }, () => error)],
      data: [null, 'text', [], { at: new Date(0) }],
    },
    within: failed,
  },
};

function heardOf(report: unknown): unknown[] {
  const heard: unknown[] = [];
  expect(eachReport([1, report], (_, said) => heard.push(said))).toBe(heard.length === 1);
  return heard;
}
/** An error whose own data has so many characters. */
function withText(length: number): object {
  return { ...error, data: { text: 'x'.repeat(length) } };
}
function endWith(reason: unknown): ExitReason {
  return endOf({ type: 'crashed', reason: reason as ExitReason });
}

describe('of every field of every report', () => {
  const shapes: readonly (readonly [string, Shape])[] = [
    ...Object.entries<Shape>(reports).map(
      ([type, { whole, ...shape }]) => [type, { ...shape, whole: { type, ...whole } }] as const,
    ),
    ...Object.entries(parts),
  ];
  test.for(shapes)('what is right is heard, and what is wrong is not: %s', ([, shape]) => {
    const { whole, optional = [], right = {}, wrong, within = (value: unknown) => value } = shape;
    expect(Object.keys(wrong).toSorted()).toEqual(
      Object.keys(whole)
        .filter((field) => field !== 'type' || shape.within !== undefined)
        .toSorted(),
    );
    const heard = (value: unknown): void => expect(heardOf(within(value))).toEqual([within(value)]);
    heard(whole);
    for (const field of optional) heard({ ...whole, [field]: undefined });
    heard({ ...whole, ...Object.fromEntries(optional.map((field) => [field, undefined])) });
    for (const [field, values] of Object.entries(right)) {
      for (const value of values) heard({ ...whole, [field]: value });
    }
    for (const [field, values] of Object.entries(wrong)) {
      for (const value of values)
        expect([field, heardOf(within({ ...whole, [field]: value }))]).toEqual([field, []]);
    }
  });
  test('a message is pairs of a number and a report, and one that is wrong has none of them heard', () => {
    const finished = { type: 'finished' };
    const heard: unknown[] = [];
    const hear = (message: unknown) => eachReport(message, (body, { type }) => heard.push(body, type));
    for (const wrong of [undefined, finished, [1], ['1', finished], [1, finished, 2], [1, finished, 2, {}]])
      expect(hear(wrong)).toBe(false);
    expect(heard).toEqual([]);
    expect(hear([1, finished, 2, finished])).toBe(true);
    expect(heard).toEqual([1, 'finished', 2, 'finished']);
    expect(hear([])).toBe(true);
  });
  test('an error is as long as all of its text may be, and an end twice that', () => {
    expect(heardOf(failed(withText(262_000)))).toHaveLength(1);
    expect(heardOf(failed(withText(262_144)))).toEqual([]);
    const right = { error: withText(262_000) };
    expect(endWith(right)).toEqual(right);
    expect(endWith('shutdown')).toBe('shutdown');
    for (const reason of [undefined, 'gone', { error: withText(262_144) }, { shutdown: 'x'.repeat(524_288) }])
      expect(endWith(reason)).toMatchObject({
        error: { message: expect.stringMatching(/^expected an exit reason, got/) },
      });
  });
});
