/**
 * What every host keeps, as laws that any implementation of `Host` can be held to.
 *
 * A law opens bodies of law-agent.ts through the contract alone, and rejects when it is broken. What a host
 * promises beyond the contract (limits, faults) is not here.
 */
import assert from 'node:assert/strict';
import type { ExitReason } from '../machines/index.ts';
import type { Body, BodyListener, BodyReport, BodyStart, Host } from '../runtime/hosting/host.ts';
import { ownFile } from '../runtime/hosting/hosts/own-file.ts';
import { STREAM_WINDOW } from '../runtime/hosting/stream-window.ts';
import { MAX_REQUESTS } from '../runtime/hosting/request-bounds.ts';
import { MAX_CAUSES } from '../runtime/values/error-info.ts';

export interface HostLaw {
  readonly name: string;
  /** What one ready body does, or how bodies come and go. */
  readonly about: 'work' | 'life';
  /** Rejects with an AssertionError when the host does not keep it. */
  readonly keep: (host: Host) => Promise<void>;
}

type ReportType = BodyReport['type'];
type ReportOf<Type extends ReportType> = Extract<BodyReport, { type: Type }>;

const lawAgent = ownFile('law-agent', import.meta.url);

/** One body and all that was heard of it; it holds the host to its invariants while it listens. */
export class Witness implements BodyListener {
  readonly reports: BodyReport[] = [];
  readonly exits: ExitReason[] = [];
  stuckCount = 0;
  body!: Body;
  readonly #waiting = new Set<() => void>();
  #broken: Error | undefined;

  report(report: BodyReport): void {
    if (this.exits.length > 0) this.#break(`reported ${report.type} after it had exited`);
    const isReady = this.reports.some(({ type }) => type === 'ready');
    if (report.type === 'ready' && isReady) this.#break('was ready twice');
    if (!isReady && report.type !== 'ready' && report.type !== 'log')
      this.#break(`reported ${report.type} before ready`);
    this.reports.push(report);
    this.#look();
  }

  exited(reason: ExitReason): void {
    if (this.exits.length > 0) this.#break('exited twice');
    this.exits.push(reason);
    this.#look();
  }

  stuck(): void {
    this.stuckCount += 1;
    this.#look();
  }

  all<Type extends ReportType>(type: Type): ReportOf<Type>[] {
    return this.reports.filter((report): report is ReportOf<Type> => report.type === type);
  }

  /** The first report of a type that `matches`, once it is there. @throws when the body exits without it */
  until<Type extends ReportType>(
    type: Type,
    matches: (report: ReportOf<Type>) => boolean = () => true,
  ): Promise<ReportOf<Type>> {
    return this.when(() => {
      const found = this.all(type).find(matches);
      if (found === undefined && this.exits.length > 0) {
        throw new Error(`expected ${type}, the body exited with ${JSON.stringify(this.exits[0])}`);
      }
      return found;
    });
  }

  exit(): Promise<ExitReason> {
    return this.when(() => this.exits[0]);
  }

  /** What `look` finds, as soon as it finds something. */
  when<Found>(look: () => Found | undefined): Promise<Found> {
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        try {
          if (this.#broken) throw this.#broken;
          const found = look();
          if (found === undefined) return;
          resolve(found);
        } catch (thrown) {
          reject(thrown);
        }
        this.#waiting.delete(attempt);
      };
      this.#waiting.add(attempt);
      attempt();
    });
  }

  /** Asks for one task and waits for its answer. */
  task(task: string, input?: unknown, taskId = `task-${task}`): Promise<TaskAnswer> {
    this.body.post({ type: 'task.run', taskId, task, input });
    return this.answer(taskId);
  }

  /** Asks for one task. */
  run(task: string, input: unknown, taskId: string): void {
    this.body.post({ type: 'task.run', taskId, task, input });
  }

  answer(taskId: string): Promise<TaskAnswer> {
    return this.when(() => {
      const found = this.reports.find(
        (report): report is TaskAnswer =>
          (report.type === 'task.completed' || report.type === 'task.failed') && report.taskId === taskId,
      );
      if (found === undefined && this.exits.length > 0) {
        throw new Error(`${taskId} was not answered, the body exited with ${JSON.stringify(this.exits[0])}`);
      }
      return found;
    });
  }

  async terminate(): Promise<ExitReason> {
    this.body.post({ type: 'terminate' });
    return this.exit();
  }

  #look(): void {
    for (const attempt of this.#waiting) attempt();
  }

  #break(what: string): void {
    this.#broken ??= new assert.AssertionError({ message: `a body ${what}` });
  }
}

type TaskAnswer = ReportOf<'task.completed' | 'task.failed'>;

/** Opens a body, by default of the law agent, with a witness to it. */
export function openWitnessed(host: Host, start: Partial<BodyStart> = {}): Witness {
  const witness = new Witness();
  witness.body = host.open(
    {
      agentId: 'agent',
      incarnation: 1,
      module: lawAgent,
      initArgs: {},
      restored: undefined,
      previousStop: undefined,
      variables: [],
      resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
      ...start,
    },
    witness,
  );
  return witness;
}

async function openReady(host: Host, start: Partial<BodyStart> = {}): Promise<Witness> {
  const witness = openWitnessed(host, start);
  await witness.until('ready');
  return witness;
}

function outputOf(answer: TaskAnswer): unknown {
  assert.equal(answer.type, 'task.completed', JSON.stringify(answer));
  return answer.type === 'task.completed' ? answer.output : undefined;
}

function chunksOf(witness: Witness): unknown[] {
  return witness.all('task.chunk').map(({ chunk }) => chunk);
}

function failureOf(answer: TaskAnswer): ReportOf<'task.failed'> {
  assert.equal(answer.type, 'task.failed', JSON.stringify(answer));
  return answer;
}

const law = (name: string, keep: (host: Host) => Promise<void>): HostLaw => ({
  name,
  about: 'life',
  keep,
});

/** A law about one body that is ready, and that is then stopped in order. */
const lawOfOne = (name: string, keep: (witness: Witness, host: Host) => Promise<void>): HostLaw => ({
  name,
  about: 'work',
  keep: async (host) => {
    const witness = await openReady(host, { initArgs: { from: 1 } });
    await keep(witness, host);
    assert.equal(await witness.terminate(), 'shutdown');
  },
});

export const hostLaws: readonly HostLaw[] = [
  lawOfOne('a body is ready with the manifest of its agent', async (witness) => {
    const { manifest } = await witness.until('ready');
    assert.equal(manifest.type, 'law');
    assert.deepEqual([...manifest.capabilities], ['count']);
    assert.deepEqual([...manifest.variables], ['rate']);
    assert.equal(manifest.votes, true);
    assert.deepEqual(manifest.tasks['add'], { requires: ['count'], retry: false });
  }),
  lawOfOne('a task is answered with its output, and with the state where that changed', async (witness) => {
    const added = await witness.task('add', 2);
    assert.equal(outputOf(added), 3);
    assert.equal(added.type === 'task.completed' && JSON.parse(added.state?.json ?? '{}').n, 3);
    const echoed = await witness.task('echo', 1);
    assert.equal(echoed.type === 'task.completed' && echoed.state, undefined);
  }),
  lawOfOne('data of every cloneable kind goes in and comes out', async (witness) => {
    const input = {
      date: new Date(7),
      map: new Map([['a', new Set([1n])]]),
      bytes: new Uint8Array([1, 2, 3]),
      floats: new Float32Array([0.5]),
      nothing: undefined,
      notANumber: Number.NaN,
      nested: [[{ deep: null }]],
    };
    assert.deepEqual(outputOf(await witness.task('echo', input)), input);
    assert.equal(outputOf(await witness.task('echo', undefined, 'undefined')), undefined);
  }),
  lawOfOne('a task that throws fails alone, with name, message, stack, code and cause', async (witness) => {
    const { code, error } = failureOf(await witness.task('fail'));
    assert.equal(code, 'TASK_FAILED');
    assert.equal(error.name, 'RangeError');
    assert.equal(error.message, 'out of range');
    assert.equal(error.code, 'E_RANGE');
    assert.match(error.stack ?? '', /law-agent/);
    assert.equal(error.cause?.message, 'the deeper one');
    assert.equal(outputOf(await witness.task('echo', 'alive')), 'alive');
  }),
  lawOfOne('an error keeps what callers decide by, and no secret', async (witness) => {
    const { name, message, code, data } = failureOf(await witness.task('failAsApi')).error;
    assert.deepEqual({ name, message, code }, { name: 'ApiError', message: 'Too Many Requests', code: 14 });
    assert.deepEqual(data, {
      status: 429,
      retryAfter: 2,
      headers: { 'retry-after': '2', 'set-cookie': '[redacted]', 'x-api-key': '[redacted]' },
      request: { headers: { authorization: '[redacted]' }, signal: {} },
    });
  }),
  lawOfOne('an error that stands for several tells all of them', async (witness) => {
    const { name, errors } = failureOf(await witness.task('failAsMany')).error;
    assert.equal(name, 'AggregateError');
    assert.deepEqual(
      errors?.map(({ name: one, message, code }) => ({ one, message, code })),
      [
        { one: 'RangeError', message: 'one', code: undefined },
        { one: 'Error', message: 'two', code: 'E_TWO' },
      ],
    );
  }),
  lawOfOne('an error of another realm is an error', async (witness) => {
    const { name, message, stack, data } = failureOf(await witness.task('failElsewhere')).error;
    assert.deepEqual(
      { name, message, data },
      { name: 'RangeError', message: 'elsewhere', data: { status: 503 } },
    );
    assert.match(stack ?? '', /elsewhere/);
  }),
  lawOfOne(
    'an error is told with its causes, however many there are; past a bound with the first',
    async (witness) => {
      for (const [causes, told] of [
        [1, 1],
        [5, 5],
        [6, 6],
        [MAX_CAUSES, MAX_CAUSES],
        [1_000, MAX_CAUSES],
      ] as const) {
        let { error } = failureOf(await witness.task('failForCauses', causes, `${causes} causes`));
        for (let depth = 0; depth < told; depth += 1) {
          assert.equal(error.message, `cause ${causes - depth}`);
          error = error.cause!;
        }
        assert.deepEqual([error.message, error.cause], [`cause ${causes - told}`, undefined]);
      }
    },
  ),
  lawOfOne('what is thrown need not be an error', async (witness) => {
    const { error } = failureOf(await witness.task('failWithText'));
    assert.deepEqual({ ...error }, { name: 'NonError', message: '"just text"' });
  }),
  lawOfOne('unknown tasks, wrong inputs and wrong outputs are refused by their codes', async (witness) => {
    assert.equal(failureOf(await witness.task('nothing')).code, 'TASK_INCOMPATIBLE');
    assert.equal(failureOf(await witness.task('__proto__')).code, 'TASK_INCOMPATIBLE');
    assert.equal(failureOf(await witness.task('add', 'two')).code, 'TASK_INPUT_INVALID');
    const wrong = failureOf(await witness.task('wrongOutput'));
    assert.equal(wrong.code, 'TASK_FAILED');
    assert.match(wrong.error.message, /"seven"/);
  }),
  lawOfOne('an output that throws when looked at fails its task alone', async (witness) => {
    assert.equal(failureOf(await witness.task('trap')).error.message, 'do not look');
  }),
  lawOfOne('a task that runs again is given what it kept, and asks to keep the rest', async (witness) => {
    const steps = [['a', { n: 7 }]] as const;
    witness.body.post({ type: 'task.run', taskId: 'keeps', task: 'keep', input: undefined, steps });
    const { requestId, taskId, name, args } = await witness.until('request.made');
    assert.deepEqual(
      { taskId, name, args },
      { taskId: 'keeps', name: 'task.step', args: { key: 'b', value: 1 } },
    );
    witness.body.post({ type: 'request.answered', requestId, taskId, value: undefined });
    assert.deepEqual(outputOf(await witness.answer('keeps')), [{ n: 7 }, 1, { n: 7 }, [['a', { n: 7 }]], 1]);
    assert.equal(witness.all('request.made').length, 1);
  }),
  lawOfOne('progress comes in order, all of it before the answer', async (witness) => {
    assert.equal(outputOf(await witness.task('count', 100)), 100);
    const steps = witness.all('task.progress').map(({ value }) => value);
    assert.deepEqual(
      steps,
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
  }),
  lawOfOne('a cancelled task hears why, and the body lives on', async (witness) => {
    witness.body.post({ type: 'task.run', taskId: 'long', task: 'untilCancelled', input: undefined });
    outputOf(await witness.task('echo', 1));
    witness.body.post({ type: 'task.cancel', taskId: 'long', reason: 'enough' });
    assert.equal(failureOf(await witness.answer('long')).error.message, 'enough');
    assert.equal(outputOf(await witness.task('echo', 2, 'after')), 2);
  }),
  lawOfOne('a task that fails or is cancelled leaves the state as it was', async (witness) => {
    for (const task of ['fail', 'brokenState']) failureOf(await witness.task(task));
    assert.equal(outputOf(await witness.task('add', 1, 'first')), 2);
    witness.body.post({ type: 'task.run', taskId: 'long', task: 'untilCancelled', input: undefined });
    assert.equal(outputOf(await witness.task('add', 1, 'beside')), 3);
    witness.body.post({ type: 'task.cancel', taskId: 'long', reason: 'enough' });
    failureOf(await witness.answer('long'));
    witness.body.post({ type: 'state.save' });
    const { state } = await witness.until('state.saved');
    assert.equal((JSON.parse(state.json) as { n: number }).n, 3);
    assert.equal(outputOf(await witness.task('add', 1, 'last')), 4);
  }),
  lawOfOne('each of a thousand tasks is answered once', async (witness) => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `t${index}`);
    for (const [index, taskId] of ids.entries()) {
      witness.body.post({ type: 'task.run', taskId, task: index % 2 ? 'echo' : 'count', input: index % 7 });
    }
    for (const [index, taskId] of ids.entries())
      assert.equal(outputOf(await witness.answer(taskId)), index % 7);
    assert.equal(witness.all('task.completed').length, 1_000);
  }),
  lawOfOne('a health check is answered with its detail', async (witness) => {
    witness.body.post({ type: 'health.check', checkId: 5 });
    const { checkId, detail } = await witness.until('health.answered');
    assert.deepEqual([checkId, detail], [5, { n: 1 }]);
  }),
  lawOfOne('a state is saved when asked for', async (witness) => {
    outputOf(await witness.task('add', 4));
    witness.body.post({ type: 'state.save' });
    const { state } = await witness.until('state.saved');
    assert.equal(JSON.parse(state.json).n, 5);
    assert.equal(state.stateVersion, 1);
  }),
  lawOfOne('log lines come with level and fields, those of a task with its id', async (witness) => {
    const taskId = 'logging';
    outputOf(await witness.task('log', undefined, taskId));
    const lines = witness.all('log').map(({ level, message, fields }) => ({ level, message, fields }));
    assert.deepEqual(lines, [
      { level: 'debug', message: 'one', fields: { taskId } },
      { level: 'info', message: 'two', fields: { n: 2, taskId } },
      { level: 'warn', message: 'three', fields: { taskId } },
      { level: 'error', message: 'four', fields: { taskId } },
    ]);
  }),
  lawOfOne('a variable is acknowledged, and is what the next task sees', async (witness) => {
    witness.body.post({ type: 'variable.changed', variable: { name: 'rate', value: 0.25, version: 3 } });
    const { name, version } = await witness.until('variable.acknowledged');
    assert.deepEqual([name, version], ['rate', 3]);
    assert.equal(outputOf(await witness.task('rate')), 0.25);
  }),
  lawOfOne(
    'one vote a round; a vote that throws or is invalid is an abstention that says why',
    async (witness) => {
      const ask = async (roundId: string, value: unknown) => {
        const proposal = {
          roundId,
          variable: 'rate',
          value,
          current: 0,
          deadlineAt: 1,
          as: 'voter' as const,
        };
        witness.body.post({ type: 'vote.asked', proposal });
        return witness.until('vote.cast', (cast) => cast.roundId === roundId);
      };
      assert.equal((await ask('r1', 1)).vote, 'accept');
      assert.equal((await ask('r2', 2)).vote, 'reject');
      const thrown = await ask('r3', 'throw');
      assert.deepEqual([thrown.vote, thrown.error?.message], ['abstain', 'no opinion']);
      const nonsense = await ask('r4', 'nonsense');
      assert.deepEqual([nonsense.vote, /"maybe"/.test(nonsense.error?.message ?? '')], ['abstain', true]);
      assert.equal(witness.all('vote.cast').length, 4);
    },
  ),
  lawOfOne('a buffer that the agent gives away arrives whole', async (witness) => {
    const output = outputOf(await witness.task('give', 3));
    assert.deepEqual(output, new Float64Array([1, 1, 1]));
  }),
  lawOfOne('a buffer that the caller gives away arrives whole', async (witness) => {
    const input = new Float64Array([1, 2]);
    witness.body.post({ type: 'task.run', taskId: 'given', task: 'echo', input, transfer: [input.buffer] });
    assert.deepEqual(outputOf(await witness.answer('given')), new Float64Array([1, 2]));
  }),
  lawOfOne('chunks come in order, all of them before the answer', async (witness) => {
    assert.equal(outputOf(await witness.task('emitMany', 5)), 5);
    assert.deepEqual(chunksOf(witness), [1, 2, 3, 4, 5]);
    assert.equal(outputOf(await witness.task('yields', 3)), 'returned');
    assert.deepEqual(chunksOf(witness).slice(5), [1, 2, 3]);
    const told = witness.reports.filter(({ type }) => type === 'task.chunk' || type === 'task.completed');
    assert.deepEqual([told[5]?.type, told.at(-1)?.type], ['task.completed', 'task.completed']);
  }),
  lawOfOne('a task is no more than a window ahead of what was taken of it', async (witness) => {
    witness.run('emitMany', STREAM_WINDOW * 3, 'streams');
    const heard = (count: number) =>
      witness.when(() => (witness.all('task.chunk').length >= count ? true : undefined));
    await heard(STREAM_WINDOW);
    // It stands still: what is asked after it is answered, and no chunk has come meanwhile.
    outputOf(await witness.task('echo', 1, 'beside'));
    assert.equal(witness.all('task.chunk').length, STREAM_WINDOW);
    assert.equal(witness.all('task.progress').length, STREAM_WINDOW);
    witness.body.post({ type: 'task.chunks_taken', taskId: 'streams', taken: 1 });
    await heard(STREAM_WINDOW + 1);
    outputOf(await witness.task('echo', 2, 'beside again'));
    assert.equal(witness.all('task.chunk').length, STREAM_WINDOW + 1);
    // An older count, and one for a task that is not there, change nothing.
    witness.body.post({ type: 'task.chunks_taken', taskId: 'streams', taken: 0 });
    witness.body.post({ type: 'task.chunks_taken', taskId: 'nobody', taken: 99 });
    witness.body.post({ type: 'task.chunks_taken', taskId: 'streams', taken: STREAM_WINDOW * 3 });
    assert.equal(outputOf(await witness.answer('streams')), STREAM_WINDOW * 3);
    assert.equal(witness.all('task.chunk').length, STREAM_WINDOW * 3);
  }),
  lawOfOne('what a task emits and does not wait for goes before its output', async (witness) => {
    witness.run('emitAtOnce', STREAM_WINDOW * 2, 'streams');
    await witness.when(() => (witness.all('task.chunk').length === STREAM_WINDOW ? true : undefined));
    outputOf(await witness.task('echo', 1, 'beside'));
    assert.equal(witness.all('task.completed').length, 1);
    witness.body.post({ type: 'task.chunks_taken', taskId: 'streams', taken: STREAM_WINDOW });
    assert.equal(outputOf(await witness.answer('streams')), 'all of it');
    assert.equal(chunksOf(witness).at(-1), STREAM_WINDOW * 2);
  }),
  lawOfOne('a chunk that is not as defined fails its task, and goes nowhere', async (witness) => {
    const { code, error } = failureOf(await witness.task('emitWrong'));
    assert.equal(code, 'TASK_FAILED');
    assert.match(error.message, /a chunk of emitWrong is not as defined: .*"seven"/);
    assert.equal(witness.all('task.chunk').length, 0);
  }),
  lawOfOne(
    'a generator that is cancelled cleans up, and one that waits for its reader hears of it',
    async (witness) => {
      witness.run('yields', STREAM_WINDOW * 2, 'streams');
      await witness.when(() => (witness.all('task.chunk').length === STREAM_WINDOW ? true : undefined));
      witness.body.post({ type: 'task.cancel', taskId: 'streams', reason: 'enough' });
      assert.equal(failureOf(await witness.answer('streams')).error.message, 'enough');
      assert.equal(witness.all('log').at(-1)?.message, 'cleaned up');
      assert.equal(witness.all('task.chunk').length, STREAM_WINDOW);
    },
  ),
  lawOfOne('a task that has ended emits nothing', async (witness) => {
    assert.equal(outputOf(await witness.task('emitAfterwards', undefined, 'first')), 'told');
    assert.match(
      String(outputOf(await witness.task('emitAfterwards', undefined, 'second'))),
      /the task that asked has ended/,
    );
    assert.equal(witness.all('task.chunk').length, 0);
  }),
  lawOfOne('what a task asks of its system goes out as it is, and is answered', async (witness) => {
    witness.run('ask', { task: 'echo' }, 'asks');
    const { requestId, name, args, taskId } = await witness.until('request.made');
    assert.deepEqual(
      { name, args, taskId },
      {
        name: 'agents.execute',
        args: { target: 'other', task: { type: 'echo', input: 0, timeoutMs: 5 } },
        taskId: 'asks',
      },
    );
    const value = { map: new Map([['a', 1n]]), bytes: new Uint8Array([7]) };
    witness.body.post({ type: 'request.answered', requestId, taskId, value });
    assert.deepEqual(outputOf(await witness.answer('asks')), [{ value }]);
  }),
  lawOfOne(
    'a question to a person goes out with what an answer has to be, and again if it is not',
    async (witness) => {
      witness.run('askPerson', undefined, 'asks');
      const first = await witness.until('request.made');
      const { name, args } = first;
      const { schema, ...asked } = args as { readonly schema: { readonly type?: unknown } };
      assert.deepEqual(
        { name, asked, type: schema.type },
        {
          name: 'task.ask',
          asked: { key: '1', question: 'how many?', details: { of: 'what' }, deadlineMs: 1_000 },
          type: 'integer',
        },
      );
      const answer = (requestId: number, value: unknown) =>
        witness.body.post({ type: 'request.answered', requestId, taskId: 'asks', value });
      answer(first.requestId, { answer: 13 });
      const second = await witness.until('request.made', ({ requestId }) => requestId > first.requestId);
      assert.match(String((second.args as { readonly refused?: unknown }).refused), /anything but that/);
      answer(second.requestId, { answer: 7 });
      assert.equal(outputOf(await witness.answer('asks')), 7);
      witness.run('askPerson', undefined, 'asks late');
      const late = await witness.until('request.made', ({ taskId }) => taskId === 'asks late');
      const { requestId, taskId } = late;
      witness.body.post({ type: 'request.answered', requestId, taskId, value: { isExpired: true } });
      assert.equal(outputOf(await witness.answer('asks late')), 0);
    },
  ),
  lawOfOne('a refusal comes back with its code, its agent, its details and its cause', async (witness) => {
    witness.run('ask', { task: 'echo' }, 'asks');
    const { requestId, taskId } = await witness.until('request.made');
    const error = {
      name: 'AgentSystemError',
      message: 'no room',
      cause: { name: 'RangeError', message: 'the deeper one' },
      data: { agentId: 'other', details: { left: 0 } },
    };
    witness.body.post({ type: 'request.refused', requestId, taskId, code: 'TASK_QUEUE_FULL', error });
    assert.deepEqual(outputOf(await witness.answer('asks')), [
      {
        name: 'AgentSystemError',
        code: 'TASK_QUEUE_FULL',
        message: 'no room',
        agentId: 'other',
        details: { left: 0 },
        cause: 'RangeError: the deeper one',
      },
    ]);
  }),
  lawOfOne('requests side by side are answered in any order, each once', async (witness) => {
    witness.run('ask', { task: 'echo', times: 20 }, 'asks');
    const made = await witness.when(() => {
      const all = witness.all('request.made');
      return all.length === 20 ? all : undefined;
    });
    const ids = made.map(({ requestId }) => requestId);
    assert.deepEqual(
      ids,
      ids.map((_, index) => ids[0]! + index),
    );
    const answered = (requestId: number, taskId: string, value: unknown) =>
      witness.body.post({ type: 'request.answered', requestId, taskId, value });
    // An answer to no request, or to another task's, is ignored; so is a second answer.
    answered(ids.at(-1)! + 7, 'asks', 'nobody asked');
    answered(ids[0]!, 'another', 'not for it');
    for (const requestId of ids.toReversed()) {
      answered(requestId, 'asks', requestId);
      answered(requestId, 'asks', 'again');
    }
    assert.deepEqual(
      outputOf(await witness.answer('asks')),
      ids.map((value) => ({ value })),
    );
  }),
  lawOfOne(
    'no more is asked at once than may be: what is beyond is refused where it was asked',
    async (witness) => {
      witness.run('ask', { task: 'echo', times: MAX_REQUESTS + 2 }, 'asks');
      const made = await witness.when(() => {
        const all = witness.all('request.made');
        return all.length === MAX_REQUESTS ? all : undefined;
      });
      for (const { requestId, taskId } of made) {
        witness.body.post({ type: 'request.answered', requestId, taskId, value: null });
      }
      const answers = outputOf(await witness.answer('asks')) as { readonly code?: string }[];
      assert.equal(witness.all('request.made').length, MAX_REQUESTS);
      assert.deepEqual(
        answers.slice(-3).map(({ code }) => code),
        [undefined, 'REQUEST_INVALID', 'REQUEST_INVALID'],
      );
    },
  ),
  lawOfOne(
    'a request ends with its own signal, and with its task; both are told as withdrawn',
    async (witness) => {
      witness.run('askAndWithdraw', undefined, 'asks');
      const first = await witness.until('request.withdrawn');
      assert.equal(first.error.name, 'TimeoutError');
      await witness.until('request.made', ({ requestId }) => requestId > first.requestId);
      witness.body.post({ type: 'task.cancel', taskId: 'asks', reason: 'enough' });
      const output = outputOf(await witness.answer('asks')) as string[];
      assert.match(output[0]!, /^TimeoutError/);
      assert.deepEqual(output.slice(1), ['Error: enough', 'true']);
      assert.equal(witness.all('request.withdrawn').length, 2);
    },
  ),
  lawOfOne('a task that has ended waits for nothing, and asks for nothing any more', async (witness) => {
    assert.equal(outputOf(await witness.task('askAndLeave')), 1);
    const { requestId, taskId } = await witness.until('request.made');
    witness.body.post({ type: 'request.answered', requestId, taskId, value: 'late' });
    assert.match(String(outputOf(await witness.task('askAfterwards'))), /the task that asked has ended/);
    assert.equal(witness.all('request.made').length, 1);
  }),
  law('an agent that completes says so after its last task', async (host) => {
    const witness = await openReady(host);
    assert.equal(outputOf(await witness.task('last')), 'done');
    await witness.until('finished');
    const types = witness.reports.map(({ type }) => type);
    assert.deepEqual(types.slice(-2), ['task.completed', 'finished']);
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('a new incarnation knows its saved state, its variables and how the last one ended', async (host) => {
    const witness = await openReady(host, {
      agentId: '__proto__',
      incarnation: 7,
      restored: { json: '{"n":41}', stateVersion: 1 },
      previousStop: { exitCode: 3 },
      variables: [{ name: 'rate', value: 0.5, version: 2 }],
    });
    assert.equal(outputOf(await witness.task('add', 1)), 42);
    const seen = outputOf(await witness.task('seen')) as Record<string, unknown>;
    assert.deepEqual(seen['previousStop'], { exitCode: 3 });
    assert.deepEqual([seen['agentId'], seen['incarnation'], seen['rate']], ['__proto__', 7, 0.5]);
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('a saved state of a version that the agent does not know is the end of its start', async (host) => {
    const witness = openWitnessed(host, { restored: { json: '{"n":41}', stateVersion: 9 } });
    assert.match(errorOf(await witness.exit()).message, /version 9/);
  }),
  law('a health check that throws is told as failed', async (host) => {
    const witness = await openReady(host, { initArgs: { health: 'fails' } });
    witness.body.post({ type: 'health.check', checkId: 1 });
    assert.equal((await witness.until('health.failed')).error.message, 'not well');
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('a state that cannot be saved fails its task and its save, and nothing else', async (host) => {
    const witness = await openReady(host);
    assert.equal(failureOf(await witness.task('brokenState')).code, 'TASK_FAILED');
    outputOf(await witness.task('echo', 1));
    const variable = { name: 'rate', value: 'unsaveable', version: 2 };
    witness.body.post({ type: 'variable.changed', variable });
    assert.equal(failureOf(await witness.task('echo', 1, 'after')).code, 'TASK_FAILED');
    witness.body.post({ type: 'state.save' });
    assert.match((await witness.until('state.save_failed')).error.message, /BigInt/);
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('what is asked before it is ready waits until it is', async (host) => {
    const witness = openWitnessed(host, { initArgs: { from: 1 } });
    witness.body.post({ type: 'variable.changed', variable: { name: 'rate', value: 9, version: 4 } });
    witness.body.post({ type: 'health.check', checkId: 1 });
    assert.equal(outputOf(await witness.task('add', 1)), 2);
    assert.equal((await witness.until('variable.acknowledged')).version, 4);
    assert.equal((await witness.until('health.answered')).checkId, 1);
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('terminate runs the last call of the agent, then it exits with shutdown', async (host) => {
    const witness = await openReady(host, { initArgs: { from: 3 } });
    assert.equal(await witness.terminate(), 'shutdown');
    const [last] = witness.all('log').slice(-1);
    assert.deepEqual([last?.message, last?.fields], ['terminated', { n: 3 }]);
  }),
  law('a body that is initializing can be terminated', async (host) => {
    const witness = openWitnessed(host, { initArgs: { init: 'hangs' } });
    assert.equal(await witness.terminate(), 'shutdown');
    assert.equal(witness.all('ready').length, 0);
  }),
  law('a body can be killed at once', async (host) => {
    const witness = openWitnessed(host);
    witness.body.kill();
    assert.equal(await witness.exit(), 'killed');
  }),
  law('a body can be killed while it initializes', async (host) => {
    const witness = openWitnessed(host, { initArgs: { init: 'hangs' } });
    const sibling = await openReady(host, { agentId: 'sibling' });
    witness.body.kill();
    witness.body.kill();
    assert.equal(await witness.exit(), 'killed');
    assert.equal(await sibling.terminate(), 'shutdown');
  }),
  law('a body can be killed in the midst of a task, and hears nothing more', async (host) => {
    const witness = await openReady(host);
    witness.body.post({ type: 'task.run', taskId: 'long', task: 'untilCancelled', input: undefined });
    outputOf(await witness.task('echo', 1));
    witness.body.kill();
    assert.equal(await witness.exit(), 'killed');
    witness.body.post({ type: 'task.run', taskId: 'late', task: 'echo', input: 1 });
    witness.body.post({ type: 'terminate' });
    assert.deepEqual(witness.exits, ['killed']);
  }),
  law('an init that throws is the end, with the error', async (host) => {
    const witness = openWitnessed(host, { initArgs: { init: 'throws' } });
    const { name, message, code } = errorOf(await witness.exit());
    assert.deepEqual([name, message, code], ['RangeError', 'no such start', 'E_START']);
  }),
  law('lines of an init are told before the body is ready', async (host) => {
    const witness = await openReady(host, { initArgs: { init: 'logs', from: 2 } });
    assert.deepEqual(
      witness.reports.map(({ type }) => type),
      ['log', 'ready'],
    );
    assert.equal(await witness.terminate(), 'shutdown');
  }),
  law('initArgs that are not as defined are the end of a start', async (host) => {
    const witness = openWitnessed(host, { initArgs: { from: 'one' } });
    assert.match(errorOf(await witness.exit()).message, /initArgs: from/);
  }),
  law('a change that its listener cannot bear is the end of the agent', async (host) => {
    const witness = await openReady(host);
    const variable = { name: 'rate', value: 'unbearable', version: 2 };
    witness.body.post({ type: 'variable.changed', variable });
    assert.equal(errorOf(await witness.exit()).message, 'cannot bear rate');
  }),
  law('a module that is not there, or is no agent, is the end of a start and names it', async (host) => {
    const missing = openWitnessed(host, { module: new URL('./no-such-module.ts', import.meta.url) });
    assert.match(errorOf(await missing.exit()).message, /no-such-module\.ts did not load/);
    const none = openWitnessed(host, { module: new URL('data:text/javascript,export default 7') });
    assert.match(
      errorOf(await none.exit()).message,
      /expected its default export to come from defineAgent, got 7/,
    );
  }),
  law('a module can be described without being started', async (host) => {
    const manifest = await host.describe(lawAgent, { from: 1 });
    assert.equal(manifest.type, 'law');
    assert.deepEqual(manifest.tasks['add']?.requires, ['count']);
    assert.deepEqual(await host.describe(lawAgent, {}), manifest);
  }),
  law('what cannot be described says what was expected and what came', async (host) => {
    await assert.rejects(host.describe(lawAgent, { from: 'one' }), /initArgs: from.*got "one"/);
    const missing = new URL('./no-such-module.ts', import.meta.url);
    await assert.rejects(host.describe(missing, {}), /no-such-module\.ts did not load/);
    const thrower = new URL('data:text/javascript,throw new Error("on its way")');
    await assert.rejects(host.describe(thrower, {}), /did not load: on its way/);
    const none = new URL('data:text/javascript,export const a = 1');
    await assert.rejects(host.describe(none, {}), /expected its default export.*got undefined/);
    assert.equal((await host.describe(lawAgent, {})).type, 'law');
  }),
  law('several bodies live side by side', async (host) => {
    const witnesses = await Promise.all(
      Array.from({ length: 4 }, (_, n) => openReady(host, { agentId: `agent-${n}`, initArgs: { from: n } })),
    );
    const answers = await Promise.all(witnesses.map((witness) => witness.task('add', 1)));
    assert.deepEqual(answers.map(outputOf), [1, 2, 3, 4]);
    witnesses[0]!.body.kill();
    assert.equal(await witnesses[0]!.exit(), 'killed');
    assert.equal(outputOf(await witnesses[1]!.task('echo', 'alive')), 'alive');
    const rest = await Promise.all(witnesses.slice(1).map((witness) => witness.terminate()));
    assert.deepEqual(rest, ['shutdown', 'shutdown', 'shutdown']);
  }),
];

export function errorOf(reason: ExitReason) {
  assert.ok(
    typeof reason === 'object' && 'error' in reason,
    `expected an error, got ${JSON.stringify(reason)}`,
  );
  return reason.error;
}
