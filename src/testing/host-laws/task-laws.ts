/** What one ready body does with its tasks: outputs, errors, state, data. */
import assert from 'node:assert/strict';
import { MAX_CAUSES } from '../../runtime/values/error-info.ts';
import { failureOf, lawOfOne, outputOf, type HostLaw } from './host-law.ts';

export const taskLaws: readonly HostLaw[] = [
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
  lawOfOne('errors within values keep their names and what callers decide by', async (witness) => {
    const input = Object.assign(new Error('of the caller'), { status: 503, code: 9 });
    const { outcomes, again, came } = outputOf(await witness.task('outcomes', input)) as {
      readonly outcomes: readonly { readonly reason: Error & { readonly errors?: readonly Error[] } }[];
      readonly again: Error;
      readonly came: object;
    };
    const [first, second, third] = outcomes.map(({ reason }) => reason);
    assert.deepEqual(came, { status: 503, code: 9 });
    assert.ok(first instanceof RangeError);
    assert.deepEqual(fieldsOf(first), { status: 429, code: 'E_MANY' });
    assert.equal(again, first);
    assert.match(first.stack ?? '', /law-agent/);
    assert.deepEqual(
      [second?.name, second?.message, fieldsOf(second)],
      ['LawError', 'of a class', { status: 418 }],
    );
    assert.ok(third instanceof AggregateError);
    assert.deepEqual(third.errors.map(fieldsOf), [{ status: 429, code: 'E_MANY' }]);
    const [told] = witness.all('task.progress').map(({ value }) => value as { readonly error: Error });
    assert.deepEqual(fieldsOf(told?.error), { status: 429, code: 'E_MANY' });
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
    witness.run('untilCancelled', undefined, 'long');
    outputOf(await witness.task('echo', 1));
    witness.body.post({ type: 'task.cancel', taskId: 'long', reason: 'enough' });
    assert.equal(failureOf(await witness.answer('long')).error.message, 'enough');
    assert.equal(outputOf(await witness.task('echo', 2, 'after')), 2);
  }),
  lawOfOne('a task that fails or is cancelled leaves the state as it was', async (witness) => {
    for (const task of ['fail', 'brokenState']) failureOf(await witness.task(task));
    assert.equal(outputOf(await witness.task('add', 1, 'first')), 2);
    witness.run('untilCancelled', undefined, 'long');
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
  lawOfOne('a buffer that the agent gives away arrives whole', async (witness) => {
    const output = outputOf(await witness.task('give', 3));
    assert.deepEqual(output, new Float64Array([1, 1, 1]));
  }),
  lawOfOne('a buffer that the caller gives away arrives whole', async (witness) => {
    const input = new Float64Array([1, 2]);
    witness.body.post({ type: 'task.run', taskId: 'given', task: 'echo', input, transfer: [input.buffer] });
    assert.deepEqual(outputOf(await witness.answer('given')), new Float64Array([1, 2]));
  }),
];

function fieldsOf(error: unknown): object {
  return Object.fromEntries(Object.entries(error as object));
}
