/**
 * What each deed of a script asks of the system, for how long its caller waits, and when an answer counts as kept: before
 * a system that does nothing but write down how it is called.
 */
import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../../src/index.ts';
import { settled } from '../../../src/testing/index.ts';
import type { Target } from '../../../src/testing/simulate-fleet/deeds.ts';
import {
  type CommandsOwner,
  type FleetCommand,
  FleetCommands,
} from '../../../src/testing/simulate-fleet/fleet-commands.ts';
import { FleetJudge } from '../../../src/testing/simulate-fleet/fleet-judge.ts';
import { FleetSecrets } from '../../../src/testing/simulate-fleet/fleet-secrets.ts';

const module = defineAgent({ type: 'worker', init: () => 0, tasks: { add: { run: () => 1 } } });

/** The commands of a fleet before a system that does nothing: how it is called, and what its callers wait for. */
function commands({ replies = {} }: { readonly replies?: Readonly<Record<string, unknown>> } = {}) {
  const calls: unknown[][] = [];
  const waits: {
    readonly what: string;
    readonly withinMs: number;
    readonly asked: Promise<unknown>;
    readonly of?: Target | undefined;
    readonly told: (value: unknown) => void;
  }[] = [];
  const answers: unknown[] = [];
  const part = (name: string) =>
    new Proxy(
      {},
      {
        get:
          (_, method: string) =>
          (...given: unknown[]) => {
            calls.push([`${name}.${method}`, ...given]);
            const reply = replies[`${name}.${method}`];
            return method === 'get' || method === 'list' || method === 'stream'
              ? reply
              : Promise.resolve(reply);
          },
      },
    );
  const system = new Proxy({}, { get: (_, name: string) => part(name) });
  const judge = new FleetJudge({
    maxConcurrentRestarts: 1,
    budgets: [],
    secrets: [],
    lacksSecrets: () => false,
  });
  const secrets = new FleetSecrets([
    ['keeper', { secrets: ['key'], initArgs: { key: 'its-key' } }],
    ['hands-4', { secrets: ['key'], initArgs: { key: 'its-key' } }],
  ]);
  const drawn = { startTimeoutMs: 900, shutdownMs: 700 };
  const owner = {
    system,
    judge,
    secrets,
    options: {
      plan: { specs: new Map<string, object>([['drawn', drawn]]) },
      members: ['a', 'drawn', 'keeper'].map((id) => ({ id, module, spec: { shutdownMs: 1 } })),
      pools: [{ name: 'hands', module, min: 1, max: 2, spec: { isolation: 'in-process' } }],
    },
    callers: {
      ask: (
        what: string,
        withinMs: number,
        asked: Promise<unknown>,
        told?: (value: unknown) => void,
        of?: Target,
      ) => {
        asked.catch(() => undefined);
        waits.push({ what, withinMs, asked, of, told: (value) => told?.(value) });
      },
    },
    answered: (answer: unknown) => void answers.push(answer),
  } as unknown as CommandsOwner;
  const all = new FleetCommands(owner);
  return {
    all,
    judge,
    calls,
    waits,
    answers,
    secrets,
    perform: (deed: FleetCommand) => all.perform(deed),
    /** What the last caller makes of its answer. */
    told(value: unknown): string | undefined {
      try {
        waits.at(-1)!.told(value);
        return undefined;
      } catch (thrown) {
        return (thrown as Error).message;
      }
    },
  };
}
/** A stream of a task's chunks, whose output nobody takes; it counts how often it was read and ended. */
class Chunks {
  readonly #chunks: number;
  reads = 0;
  returns = 0;
  constructor(chunks: number) {
    this.#chunks = chunks;
  }
  /** Whether it is looked after when it fails. */
  isCaught = false;
  get output() {
    return { catch: () => void (this.isCaught = true) };
  }
  [Symbol.asyncIterator]() {
    return { next: async () => ({ done: (this.reads += 1) > this.#chunks, value: 'chunk' }) };
  }
  return() {
    this.returns += 1;
    return Promise.reject(new Error('it cannot be given up'));
  }
}

const GRACE_MS = 40_000;
const bySeed = { by: 'the seed' };

it.each<[FleetCommand, readonly unknown[], number]>([
  [
    { do: 'register', agent: 'drawn' },
    ['agents.register', { id: 'drawn', module, startTimeoutMs: 900, shutdownMs: 1 }],
    GRACE_MS,
  ],
  [{ do: 'start', agent: 'a' }, ['agents.start', 'a'], 30_000 + GRACE_MS],
  [{ do: 'restart', agent: 'drawn' }, ['agents.restart', 'drawn'], 900 + GRACE_MS],
  [{ do: 'stop', agent: 'a', timeoutMs: 3 }, ['agents.stop', 'a', { timeoutMs: 3 }], 3 + GRACE_MS],
  [{ do: 'stop', agent: 'a' }, ['agents.stop', 'a', undefined], 5_000 + GRACE_MS],
  [{ do: 'stop', agent: 'drawn' }, ['agents.stop', 'drawn', undefined], 700 + GRACE_MS],
  [{ do: 'kill', agent: 'a' }, ['agents.kill', 'a'], GRACE_MS],
  [{ do: 'forget', agent: 'a' }, ['agents.forget', 'a'], GRACE_MS],
  [{ do: 'check', agent: 'a' }, ['agents.checkHealth', 'a'], GRACE_MS],
  [{ do: 'pause', agent: 'a' }, ['agents.pause', 'a', bySeed], GRACE_MS],
  [{ do: 'resume', agent: 'a' }, ['agents.resume', 'a', bySeed], GRACE_MS],
  [{ do: 'refill', budget: 'b' }, ['budgets.refill', 'b', bySeed], GRACE_MS],
  [
    { do: 'schedule', to: 'a', task: 'add', input: 1, everyMs: 9 },
    ['tasks.schedule', { name: 'of a', everyMs: 9, target: 'a', task: { type: 'add', input: 1 } }],
    GRACE_MS,
  ],
  [
    { do: 'schedule', to: 'a', task: 'read', everyMs: 9 },
    ['tasks.schedule', { name: 'of a', everyMs: 9, target: 'a', task: { type: 'read' } }],
    GRACE_MS,
  ],
  [{ do: 'unschedule', to: 'a' }, ['tasks.unschedule', 'of a'], GRACE_MS],
  [{ do: 'set', variable: 'rate', value: 2 }, ['variables.set', 'rate', 2], GRACE_MS],
  [
    { do: 'propose', variable: 'rate', value: 2, deadlineMs: 9 },
    ['consensus.propose', { variable: 'rate', value: 2, deadlineMs: 9 }],
    4 * 9 + GRACE_MS,
  ],
  [
    { do: 'propose', variable: 'rate', value: 2, deadlineMs: 9, tie: 'keep', fallback: 'leader_decides' },
    [
      'consensus.propose',
      { variable: 'rate', value: 2, deadlineMs: 9, tie: 'keep', fallback: 'leader_decides' },
    ],
    4 * 9 + GRACE_MS,
  ],
  [
    { do: 'open pool', pool: 'hands' },
    [
      'pools.create',
      { name: 'hands', min: 1, max: 2, retryAbandoned: 1, spec: { module, isolation: 'in-process' } },
    ],
    Infinity,
  ],
  [{ do: 'close pool', pool: 'hands' }, ['pools.close', 'hands'], Infinity],
  [{ do: 'resize', pool: 'hands', size: 2 }, ['pools.ensureSize', 'hands', 2], Infinity],
  [
    { do: 'submit', to: 'a', task: 'add', input: 1, timeoutMs: 2, priority: 3, delayMs: 4 },
    ['tasks.submit', 'a', { type: 'add', input: 1, timeoutMs: 2, priority: 3, delayMs: 4 }],
    GRACE_MS,
  ],
  [
    { do: 'submit', to: { pool: 'hands' }, task: 'read' },
    ['tasks.submit', { pool: 'hands' }, { type: 'read', input: undefined }],
    Infinity,
  ],
] as const)(
  '%j is one call of the system, and is waited for as long as that may take',
  (deed, call, withinMs) => {
    const { perform, calls, waits } = commands();
    perform(deed);
    expect(calls).toStrictEqual([call]);
    expect(waits.map((wait) => wait.withinMs)).toEqual([withinMs]);
  },
);

it('an agent that is not of the fleet is not registered', () => {
  const { perform, calls, waits } = commands();
  perform({ do: 'register', agent: 'nobody' });
  expect([calls, waits]).toEqual([[], []]);
});

describe('a task', () => {
  const signal = expect.any(AbortSignal) as unknown;

  it('is executed with what was asked, and may be kept waiting by whom it is asked of', () => {
    const { perform, calls, waits } = commands();
    perform({ do: 'execute', to: 'a', task: 'add', input: 1, timeoutMs: 2, priority: 3 });
    perform({ do: 'execute', to: { pool: 'hands' }, task: 'read' });
    expect(calls).toStrictEqual([
      ['agents.execute', 'a', { type: 'add', input: 1, timeoutMs: 2, priority: 3, signal }],
      ['pools.execute', 'hands', { type: 'read', input: undefined, signal }],
    ]);
    expect(waits.map(({ withinMs, of }) => [withinMs, of])).toEqual([
      [2 + GRACE_MS, 'a'],
      [Infinity, { pool: 'hands' }],
    ]);
  });

  it('gets an input of its own each time', () => {
    for (const deed of ['execute', 'submit', 'schedule', 'stream'] as const) {
      const { perform, calls } = commands({ replies: { 'agents.stream': new Chunks(1) } });
      const input = { list: [1] };
      perform({ do: deed, to: 'a', task: 'add', input, everyMs: 9, chunks: 1 });
      const given = calls[0]!.at(-1) as { input?: unknown; task?: { input: unknown } };
      const own = given.input ?? given.task?.input;
      expect(own).toEqual(input);
      expect(own).not.toBe(input);
    }
  });

  it('that was executed is given up, and a submitted one cancelled or retried by its id once it has one', () => {
    const { perform, calls, waits, judge } = commands();
    perform({ do: 'cancel', ago: 1 });
    expect(waits).toEqual([]);
    perform({ do: 'execute', to: 'a', task: 'long' });
    const executed = calls[0]!.at(-1) as { readonly signal: AbortSignal };
    perform({ do: 'submit', to: 'a', task: 'long' });
    judge.kept.told.submitted.add('t1');
    waits[1]!.told({ id: 't1' });
    calls.length = waits.length = 0;
    perform({ do: 'cancel', ago: 1 });
    perform({ do: 'retry', ago: 1 });
    perform({ do: 'cancel', ago: 3 });
    expect(calls).toEqual([
      ['tasks.cancel', 't1'],
      ['tasks.retry', 't1'],
    ]);
    expect(waits.map(({ withinMs }) => withinMs)).toEqual([GRACE_MS, GRACE_MS]);
    expect(executed.signal.aborted).toBe(false);
    perform({ do: 'cancel', ago: 2 });
    expect([executed.signal.aborted, calls.length]).toEqual([true, 2]);
  });

  it('that was submitted is waited for until it is done, and its answer is told once the store has it', () => {
    const { perform, calls, waits, answers, judge, told } = commands();
    perform({ do: 'submit', to: { pool: 'hands' }, task: 'add', input: 1 });
    expect(told({ id: 't1' })).toContain('submit add(1) at pool hands (t1): a caller was told');
    judge.kept.told.submitted.add('t1');
    waits[0]!.told({ id: 't1' });
    expect([calls.at(-1), waits.at(-1)!.what, waits.at(-1)!.withinMs]).toEqual([
      ['tasks.result', 't1'],
      'result of t1',
      Infinity,
    ]);
    expect(told(2)).toContain('result of t1: a caller was told, and the store does not have it');
    expect(answers).toEqual([]);
    judge.kept.told.completed.add('t1');
    expect(told(2)).toBeUndefined();
    expect(answers).toEqual([{ to: { pool: 'hands' }, task: 'add', input: 1, output: 2 }]);
  });

  it('that was executed is answered once the store has it as done, by its agent where one was named', () => {
    const { perform, answers, judge, told } = commands();
    const history = judge.kept.told as { allDone: number; readonly done: Map<string, number> };
    perform({ do: 'execute', to: 'a', task: 'add', input: 1 });
    expect(told(2)).toContain('1 tasks were answered, 0 are kept as done');
    history.allDone = 9;
    expect(told(2)).toContain('1 tasks of a were answered, 0 are kept as done');
    expect(answers).toEqual([]);
    history.done.set('a', 9);
    expect(told(2)).toBeUndefined();
    perform({ do: 'execute', to: { pool: 'hands' }, task: 'add', input: 1 });
    expect(told(3)).toBeUndefined();
    expect(answers.map((answer) => (answer as { output: unknown }).output)).toEqual([2, 3]);
  });
});

describe('a stream', () => {
  it('is read for so many chunks and then given up, unless it ends before', async () => {
    for (const [chunks, reads, returns] of [
      [Infinity, 3, 1],
      [2, 3, 0],
      [3, 3, 1],
    ] as const) {
      const stream = new Chunks(chunks);
      const { perform, calls, waits } = commands({ replies: { 'agents.stream': stream } });
      perform({ do: 'stream', to: 'a', task: 'read', chunks: 3 });
      await settled();
      expect(calls).toStrictEqual([['agents.stream', 'a', { type: 'read' }]]);
      expect([stream.reads, stream.returns, waits[0]!.withinMs]).toEqual([reads, returns, Infinity]);
      expect(stream.isCaught).toBe(true);
      const failed = await waits[0]!.asked.catch((thrown: Error) => thrown.message);
      expect(failed).toBe(returns === 0 ? undefined : 'it cannot be given up');
    }
  });
});

describe('a limit', () => {
  it.each([
    [{ parked: { quota: 'shared' } }, 'shared'],
    [{ parked: {} }, 'a'],
    [{}, 'a'],
  ])('of %j is lifted by the name of its quota, else of its agent', (record, quota) => {
    const { perform, calls, waits } = commands({ replies: { 'agents.get': record } });
    perform({ do: 'lift', agent: 'a' });
    expect(calls).toEqual([
      ['agents.get', 'a'],
      ['quotas.lift', quota, bySeed],
    ]);
    expect(waits[0]!.withinMs).toBe(GRACE_MS);
  });
});

describe('a question', () => {
  it.each([
    [{ enum: ['red', 'green', 'blue'] }, 4, 'green'],
    [{ type: 'boolean' }, 2, true],
    [{ type: 'boolean' }, 3, false],
    [{ type: 'number' }, 3, 3],
    [{ type: 'integer' }, 3, 3],
    [{ type: 'string' }, 3, '3'],
    [undefined, 3, '3'],
  ])('of the schema %j is answered, by choice %i, with %j', (schema, which, value) => {
    const { perform, calls, waits, told, judge } = commands({
      replies: { 'questions.list': [{ id: 'q1', schema }, { id: 'q2' }] },
    });
    perform({ do: 'answer', which });
    expect(calls).toEqual([['questions.list'], ['questions.answer', 'q1', value, bySeed]]);
    expect([waits[0]!.what, waits[0]!.withinMs]).toEqual([
      `answer the oldest question, choice ${which} (q1)`,
      GRACE_MS,
    ]);
    expect(told({ id: 'q1' })).toContain('the store does not have it');
    judge.kept.told.answered.add('q1');
    expect(told({ id: 'q1' })).toBeUndefined();
  });

  it('is answered only where one is open', () => {
    const { perform, calls, waits } = commands({ replies: { 'questions.list': [] } });
    perform({ do: 'answer', which: 1 });
    expect([calls, waits]).toEqual([[['questions.list']], []]);
  });
});

const agent = (more: object) => ({ last: 'agent.started', lastStarted: 0, lastEnded: 0, ...more });
const keep = (judge: FleetJudge, id: string, more: object) =>
  judge.kept.told.agents.set(id, agent(more) as never);
const lost = (what: string) =>
  `what was acknowledged is kept: ${what}: a caller was told, and the store does not have it`;

describe('what a caller was told is kept', () => {
  it('a registration: the agent is listed, or is forgotten by the store and by all that was told', () => {
    const { perform, judge, told } = commands();
    perform({ do: 'register', agent: 'a' });
    expect(told('a')).toBeUndefined();
    judge.told.told.agents.set('a', agent({}) as never);
    expect(told('a')).toBe(lost('register a'));
    keep(judge, 'a', {});
    expect(told('a')).toBeUndefined();
  });

  it.each(['start', 'restart'] as const)('a %s: of this incarnation or a later one', (deed) => {
    const { perform, judge, told } = commands();
    perform({ do: deed, agent: 'a' });
    expect(told({ id: 'a', incarnation: 2 })).toBeUndefined();
    for (const [lastStarted, broken] of [
      [1, lost(`${deed} a`)],
      [2, undefined],
      [3, undefined],
    ] as const) {
      keep(judge, 'a', { lastStarted });
      expect(told({ id: 'a', incarnation: 2 })).toBe(broken);
    }
  });

  it.each(['stop', 'kill'] as const)(
    'a %s: of this incarnation or a later one, or stopped as it waited',
    (deed) => {
      const { perform, judge, told } = commands();
      perform({ do: deed, agent: 'a' });
      expect(told({ id: 'a', incarnation: 2 })).toBeUndefined();
      for (const [more, broken] of [
        [{ lastEnded: 1 }, lost(`${deed} a`)],
        [{ lastEnded: 2 }, undefined],
        [{ lastEnded: 3 }, undefined],
        [{ lastEnded: 1, last: 'agent.stopped' }, undefined],
      ] as const) {
        keep(judge, 'a', more);
        expect(told({ id: 'a', incarnation: 2 })).toBe(broken);
      }
    },
  );

  it('a value: of this version or a later one', () => {
    const { perform, judge, told } = commands();
    perform({ do: 'set', variable: 'rate', value: 2 });
    expect(told({ version: 1 })).toBe(lost('set rate to 2'));
    expect(told({ version: 0 })).toBeUndefined();
    for (const [version, broken] of [
      [1, lost('set rate to 2')],
      [2, undefined],
      [3, undefined],
    ] as const) {
      judge.kept.told.variables.set('rate', { version, json: '2' });
      expect(told({ version: 2 })).toBe(broken);
    }
  });

  it('a round: with the outcome that was told', () => {
    const { perform, judge, told } = commands();
    perform({ do: 'propose', variable: 'rate', value: 2, deadlineMs: 9 });
    const what = 'propose 2 for rate within 9 ms (r1: accepted)';
    expect(told({ roundId: 'r1', outcome: 'accepted' })).toBe(lost(what));
    judge.kept.told.closedRounds.set('r1', 'rejected');
    expect(told({ roundId: 'r1', outcome: 'accepted' })).toBe(lost(what));
    judge.kept.told.closedRounds.set('r1', 'accepted');
    expect(told({ roundId: 'r1', outcome: 'accepted' })).toBeUndefined();
  });
});

describe('secrets', () => {
  it('are given to an agent of the fleet that lacks them and was told to be registered, once', () => {
    const { perform, calls, waits, judge, secrets } = commands();
    perform({ do: 'give secrets', agent: 'keeper' });
    for (const id of ['keeper', 'a', 'nobody']) judge.told.told.agents.set(id, {} as never);
    perform({ do: 'give secrets', agent: 'a' });
    perform({ do: 'give secrets', agent: 'nobody' });
    expect(calls).toEqual([]);
    perform({ do: 'give secrets', agent: 'keeper' });
    perform({ do: 'give secrets', agent: 'keeper' });
    expect(calls).toStrictEqual([['agents.ensure', { id: 'keeper', module, shutdownMs: 1 }]]);
    expect(waits.map(({ what, withinMs }) => [what, withinMs])).toEqual([
      ['give the secrets of keeper', GRACE_MS],
    ]);
    expect(secrets.lacks('keeper')).toBe(false);
  });

  it('are given as an agent is registered, and to all members that a pool may have as it is opened', () => {
    const { all, perform, waits, secrets } = commands();
    perform({ do: 'register', agent: 'keeper' });
    all.openPool('hands');
    expect(['keeper', 'hands-4'].map((id) => secrets.lacks(id))).toEqual([false, false]);
    expect(waits.map(({ what }) => what)).toEqual(['register keeper', 'open pool hands']);
  });
});
