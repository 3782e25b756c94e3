/** Requests of a task to its system, and the answers. */
import assert from 'node:assert/strict';
import { MAX_REQUESTS } from '../../runtime/hosting/request-bounds.ts';
import { lawOfOne, outputOf, type HostLaw } from './host-law.ts';

export const requestLaws: readonly HostLaw[] = [
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
];
