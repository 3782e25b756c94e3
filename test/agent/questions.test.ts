/** Questions of tasks to people: asked once, answered once, and lost by no end of a body or of a program. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type AgentSystem,
  type AgentSystemError,
  answerStoredQuestion,
  createAgentSystem,
  defineAgent,
  memoryStore,
  openQuestions,
  type Store,
} from '../../src/index.ts';
import { storedQuestions } from '../../src/runtime/agent/question-record.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import asker from '../fixtures/agents/asker.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig, silent } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/asker.ts', import.meta.url);

async function running(options: Parameters<typeof rig>[0] = {}, spec: object = {}) {
  const given = await rig(options);
  await given.agents.register({
    id: 'a',
    module: asker,
    restart: { policy: 'immediate', delayMs: 10 },
    ...spec,
  });
  await given.agents.start('a');
  const ask = async (type: string, input?: unknown, more: object = {}) => {
    const output = awaited(given.agents.execute('a', { type, input, ...more }));
    await settled();
    return output;
  };
  /** It may be a promise of its own: this one is not waited for. */
  const begin = (type: string, input?: unknown, more: object = {}) =>
    ({ output: awaited(given.agents.execute('a', { type, input, ...more })) }) as const;
  const { questions, tasks } = given.system;
  return { ...given, ask, begin, questions, tasks };
}

test('a listener of question.asked finds the question, and may answer at once', async () => {
  const { system, questions, begin } = await running();
  const found: unknown[] = [];
  system.events.subscribe((event) => {
    if (event.type !== 'question.asked') return;
    found.push(questions.get(event.questionId).status);
    void questions.answer(event.questionId, 'yes', { by: 'ada' });
  });
  await begin('approve', 'order 7').output;
  expect(found).toEqual(['open']);
});

test('an answer that comes with the question is not heard before it is kept, and not at all where it is not', async () => {
  const kept = memoryStore();
  const answered = gate();
  const store: Store = {
    isDurable: true,
    recover: () => kept.recover(),
    append: async (batch) => {
      if (batch.events.some(({ type }) => type === 'question.answered')) await answered.promise;
      return kept.append(batch);
    },
    read: (query) => kept.read(query),
    state: (id) => kept.state(id),
    close: () => undefined,
  };
  const { system, questions, begin } = await running({ store });
  const codes: unknown[] = [];
  system.events.subscribe((event) => {
    if (event.type !== 'question.asked') return;
    questions.answer(event.questionId, 'yes').catch(({ code }: AgentSystemError) => codes.push(code));
  });
  const { output } = begin('approve', 'order 7');
  await settled();
  expect(await fateOf(output)).toBe('pending');
  answered.reject(new Error('no disk'));
  await settled();
  expect(codes).toEqual(['STORE_FAILED']);
  expect(await fateOf(output)).toBe('pending');
  expect(questions.list()).toMatchObject([{ status: 'open' }]);
});

describe.for(['in-process', 'thread', 'process'] as const)('a task in a host of the kind %s', (isolation) => {
  let system: AgentSystem;
  beforeAll(async () => {
    system = await createAgentSystem({ logger: silent });
    await system.agents.register({ id: 'a', module, isolation, tasks: { concurrency: 10 } });
    await system.agents.start('a');
  });
  afterAll(() => system.close());
  const asked = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (system.questions.list().length >= count) resolve();
        else setImmediate(look);
      };
      look();
    });

  test('asks, waits, and goes on with the answer', async () => {
    const output = system.agents.execute('a', { type: 'approve', input: 'order 7' });
    await asked(1);
    const [question] = system.questions.list();
    expect(question).toMatchObject({
      agentId: 'a',
      task: 'approve',
      key: '1',
      question: 'may order 7 go out?',
      details: { order: 'order 7' },
      status: 'open',
      schema: { enum: ['yes', 'no'] },
    });
    expect(system.tasks.get(question!.taskId).status).toBe('waiting_for_input');
    expect(await codeOf(system.questions.answer(question!.id, 'maybe'))).toBe('ANSWER_INVALID');
    await system.questions.answer(question!.id, 'yes', { by: 'ann' });
    expect(await output).toBe('order 7: yes');
    expect(system.questions.list()).toEqual([]);
  });
  test('asks several at once, each by its key', async () => {
    const output = system.agents.execute('a', { type: 'named' });
    await asked(2);
    for (const { id, key } of system.questions.list()) await system.questions.answer(id, key.toUpperCase());
    expect(await output).toEqual(['LEFT', 'RIGHT']);
  });
  test('that its own schema refuses has it asked again, and says why', async () => {
    const output = system.agents.execute('a', { type: 'even' });
    await asked(1);
    const { id } = system.questions.list()[0]!;
    await system.questions.answer(id, 3);
    await asked(1);
    expect(system.questions.get(id)).toMatchObject({
      status: 'open',
      refused: 'expected an even number, got 3',
    });
    expect(system.questions.get(id)).not.toHaveProperty('answer');
    await system.questions.answer(id, 4);
    expect(await output).toBe(4);
  });
});

describe('an answer', () => {
  test('is taken once, also when two come at once, and the second is told who was first', async () => {
    const { begin, questions, eventsOf } = await running();
    const { output } = begin('approve', 'it');
    await settled();
    const { id } = questions.list()[0]!;
    const first = questions.answer(id, 'yes', { by: 'ann' });
    const { code, message, details } = await refusal(questions.answer(id, 'no', { by: 'ben' }));
    expect([code, details]).toEqual(['QUESTION_CLOSED', { questionId: id, status: 'answered', by: 'ann' }]);
    expect(message).toContain('answered by ann');
    expect(await first).toMatchObject({ status: 'answered', answer: 'yes', by: 'ann' });
    expect(await output).toBe('it: yes');
    expect(eventsOf('question.answered')).toMatchObject([{ questionId: id, answer: 'yes', by: 'ann' }]);
    expect(await codeOf(questions.answer(id, 'no'))).toBe('QUESTION_UNKNOWN');
  });
  test.for([
    ['what is not as the schema says', 'perhaps'],
    ['nothing', undefined],
    ['no JSON data', () => 'yes'],
  ] as const)('that is %s is refused, and changes nothing', async ([, value]) => {
    const { begin, questions } = await running();
    const { output } = begin('approve', 'it');
    await settled();
    const [before] = questions.list();
    expect(await codeOf(questions.answer(before!.id, value))).toBe('ANSWER_INVALID');
    expect(questions.list()).toEqual([before]);
    expect(await fateOf(output)).toBe('pending');
  });
  test('to an unknown question, or with invalid options, is refused', async () => {
    const { questions } = await running();
    expect(await codeOf(questions.answer('task-0/1', 'yes'))).toBe('QUESTION_UNKNOWN');
    expect(await codeOf(() => questions.get('__proto__'))).toBe('QUESTION_UNKNOWN');
    expect(await codeOf(questions.answer('task-0/1', 'yes', { by: 7 } as never))).toBe('REQUEST_INVALID');
    expect(await codeOf(() => questions.list({ status: 'closed' } as never))).toBe('REQUEST_INVALID');
  });
  test('that the store does not keep is told as refused, and a question that it does not keep as withdrawn', async () => {
    const kept = memoryStore();
    let failing: string | undefined;
    const store: Store = {
      isDurable: true,
      recover: () => kept.recover(),
      append: (batch) => {
        if (batch.events.some(({ type }) => type === failing)) throw new Error('no disk');
        return kept.append(batch);
      },
      read: (query) => kept.read(query),
      state: (id) => kept.state(id),
      close: () => undefined,
    };
    const { begin, questions, clock, events } = await running({ store });
    begin('approve', 'it');
    await settled();
    const { id } = questions.list()[0]!;
    failing = 'question.answered';
    expect(await codeOf(questions.answer(id, 'yes'))).toBe('STORE_FAILED');
    expect(questions.get(id)).toMatchObject({ status: 'open', refused: 'the answer could not be kept' });
    failing = undefined;
    await clock.advance(60_000);
    await questions.answer(id, 'no');
    await settled();
    failing = 'question.asked';
    const second = begin('approve', 'another').output;
    await clock.advance(1_000);
    expect(await fateOf(second)).not.toBe('pending');
    failing = undefined;
    await clock.advance(60_000);
    expect(
      events.filter(({ type }) => type.startsWith('question.')).map(({ type }) => type.slice(9)),
    ).toEqual(['asked', 'answered', 'refused', 'answered', 'asked', 'withdrawn']);
    expect(questions.list()).toEqual([]);
  });
  test('that the store does not keep does not count, and can be given again', async () => {
    const kept = memoryStore();
    let isDown = false;
    const store: Store = {
      isDurable: true,
      recover: () => kept.recover(),
      append: (batch) => {
        if (isDown) throw new Error('no disk');
        return kept.append(batch);
      },
      read: (query) => kept.read(query),
      state: (id) => kept.state(id),
      close: () => undefined,
    };
    const { begin, questions, clock } = await running({ store });
    const { output } = begin('approve', 'it');
    await settled();
    const { id } = questions.list()[0]!;
    isDown = true;
    expect(await codeOf(questions.answer(id, 'yes', { by: 'ann' }))).toBe('STORE_FAILED');
    expect(await fateOf(output)).toBe('pending');
    expect(questions.get(id)).toMatchObject({ status: 'open' });
    isDown = false;
    await clock.advance(60_000);
    await questions.answer(id, 'no');
    expect(await output).toBe('it: no');
  });
});

describe('a task that asks', () => {
  test('the same twice at once is refused twice where the store keeps no question, and goes on', async () => {
    const store = failingStore();
    const { agents } = await rig({ store });
    const twice = defineAgent({
      type: 'twice',
      init: () => ({}),
      tasks: {
        ask: {
          run: async ({ ask }) => {
            store.trouble = 'throws';
            const question = { question: 'the same?', key: 'same' };
            const codes = [ask(question), ask(question)].map((asked) => codeOf(asked));
            const refused = await Promise.all(codes);
            store.trouble = undefined;
            return refused;
          },
        },
      },
    });
    await agents.register({ id: 'a', module: twice });
    await agents.start('a');
    const output = awaited(agents.execute('a', { type: 'ask' }));
    await settled();
    expect(agents.get('a').metrics).toMatchObject({ running: 0 });
    expect(await fateOf(output)).toBe('STORE_FAILED');
  });
  test('and is left by a program whose store answers late leaves no timer behind', async () => {
    const kept = memoryStore();
    const asked = gate();
    const store: Store = {
      isDurable: true,
      recover: () => kept.recover(),
      append: async (batch) => {
        if (batch.events.some(({ type }) => type === 'question.asked')) await asked.promise;
        return kept.append(batch);
      },
      read: (query) => kept.read(query),
      state: (id) => kept.state(id),
      close: () => undefined,
    };
    const { agents, system, clock } = await rig({ store });
    const repeated = defineAgent({
      type: 'repeated',
      init: () => ({}),
      tasks: {
        ask: {
          retry: 'on_host_loss',
          run: ({ ask }) => ask({ question: 'this week?', deadlineMs: 604_800_000 }),
        },
      },
    });
    await agents.register({ id: 'a', module: repeated });
    await agents.start('a');
    await system.tasks.submit('a', { type: 'ask' });
    await settled();
    const closed = system.close({ timeoutMs: 10 });
    // All of it is over by then, but for what the store has been given.
    await clock.advance(5_000);
    asked.resolve();
    await closed;
    expect(clock.pending()).toEqual([]);
  });
  test('that asks an invalid question is refused', async () => {
    const { agents } = await running();
    expect((await refusal(agents.execute('a', { type: 'nothing' }))).cause).toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });
  test('the same twice at once is given the same answer, and nothing of it is kept once it has ended', async () => {
    const store = memoryStore();
    const { begin, questions, eventsOf } = await running({ store });
    const { output } = begin('twice');
    await settled();
    const { taskId, id } = questions.list()[0]!;
    await questions.answer(id, 'this');
    expect(await output).toEqual(['this', 'this']);
    await settled();
    expect(await storedQuestions(store, taskId)).toEqual([]);
    expect(eventsOf('question.asked')).toHaveLength(1);
  });
  test('asks one after the other, in order', async () => {
    const { begin, questions } = await running();
    const { output } = begin('both');
    await settled();
    for (const [key, answer] of [
      ['1', 20],
      ['2', 22],
    ] as const) {
      const [question] = questions.list();
      expect(question?.key).toBe(key);
      await questions.answer(question!.id, answer);
      await settled();
    }
    expect(await output).toBe(42);
  });
  test('does not use up its time, unless it says so', async () => {
    const { begin, clock, questions } = await running({}, { tasks: { concurrency: 2 } });
    const held = begin('approve', 'it', { timeoutMs: 100 });
    await settled();
    await clock.advance(60_000);
    expect(await fateOf(held.output)).toBe('pending');
    const { id } = questions.list()[0]!;
    await questions.answer(id, 'yes');
    expect(await held.output).toBe('it: yes');
    const counted = begin('counting', undefined, { timeoutMs: 100 });
    await settled();
    await clock.advance(100);
    expect(await fateOf(counted.output)).toBe('TASK_TIMED_OUT');
    expect(questions.list()).toEqual([]);
  });
  test('has what was left of its time when the answer is there', async () => {
    const { begin, clock, questions, eventsOf } = await running();
    const { output } = begin('both', undefined, { timeoutMs: 100 });
    await settled();
    await clock.advance(5_000);
    const { id } = questions.list()[0]!;
    await questions.answer(id, 1);
    await settled();
    expect(questions.list()).toHaveLength(1);
    await clock.advance(5_000);
    expect(await fateOf(output)).toBe('pending');
    expect(eventsOf('task.timed_out')).toEqual([]);
  });
  test('that is cancelled, or has ended, has its question withdrawn, and nothing of it is kept', async () => {
    const store = memoryStore();
    const { begin, questions, tasks, eventsOf } = await running({ store });
    const { output } = begin('approve', 'it');
    await settled();
    const { id, taskId } = questions.list()[0]!;
    expect(await storedQuestions(store, taskId)).toMatchObject([{ record: { id } }]);
    await tasks.cancel(taskId);
    expect(await fateOf(output)).toBe('TASK_ABANDONED');
    await settled();
    expect(questions.list()).toEqual([]);
    expect(await storedQuestions(store, taskId)).toEqual([]);
    expect(eventsOf('question.withdrawn').map(({ questionId }) => questionId)).toEqual([id]);
  });
  test('and is retried after its end asks anew, as often as that happens', async () => {
    const { agents, questions, tasks, eventsOf } = await running();
    const { id: taskId } = await tasks.submit('a', { type: 'approve', input: 'it' });
    for (const end of ['cancelled', 'stopped', 'cancelled']) {
      await settled();
      expect(questions.list()).toMatchObject([{ taskId, key: '1', status: 'open' }]);
      if (end === 'cancelled') await tasks.cancel(taskId);
      else await agents.stop('a', { timeoutMs: 0 });
      await settled();
      expect(questions.list()).toEqual([]);
      await tasks.retry(taskId);
      if (end === 'stopped') await agents.start('a');
    }
    await settled();
    await questions.answer(questions.list()[0]!.id, 'yes');
    expect(await tasks.result(taskId)).toBe('it: yes');
    expect(eventsOf('question.asked')).toHaveLength(4);
    expect(eventsOf('question.withdrawn')).toHaveLength(3);
  });
});

describe('past its deadline', () => {
  test('the task goes on with what it has instead, or with an error; 1 ms before it waits', async () => {
    const { begin, clock, questions, eventsOf } = await running({}, { tasks: { concurrency: 2 } });
    const instead = begin('soon', 'later then');
    const none = begin('soon');
    await settled();
    expect(questions.list()).toHaveLength(2);
    await clock.advance(999);
    expect(await fateOf(instead.output)).toBe('pending');
    await clock.advance(1);
    expect(await instead.output).toBe('later then');
    const { code, cause } = await refusal(none.output);
    expect([code, (cause as { code?: string }).code]).toEqual(['TASK_FAILED', 'QUESTION_EXPIRED']);
    expect(eventsOf('question.expired')).toHaveLength(2);
  });
  test('nobody can answer any more', async () => {
    const { begin, clock, questions } = await running();
    begin('soon', 'later then');
    await settled();
    const { id } = questions.list()[0]!;
    const expiring = clock.advance(1_000);
    expect(['QUESTION_CLOSED', 'QUESTION_UNKNOWN']).toContain(
      await expiring.then(() => codeOf(questions.answer(id, 'now'))),
    );
  });
});

describe('over the crash of its agent', () => {
  test('the question stays, the task is begun anew, and its caller is answered', async () => {
    const { begin, agents, clock, questions, tasks, eventsOf } = await running();
    const { output } = begin('approve', 'it');
    await settled();
    const [before] = questions.list();
    await agents.kill('a');
    expect(questions.list()).toEqual([before]);
    expect(await fateOf(output)).toBe('pending');
    await clock.advance(10);
    expect(tasks.get(before!.taskId)).toMatchObject({ status: 'waiting_for_input', attempts: 2 });
    expect(eventsOf('question.asked')).toHaveLength(1);
    await questions.answer(before!.id, 'yes');
    expect(await output).toBe('it: yes');
  });
  test('an answer that came meanwhile is given at once', async () => {
    const { begin, agents, clock, questions } = await running();
    const { output } = begin('approve', 'it');
    await settled();
    const { id } = questions.list()[0]!;
    await agents.kill('a');
    await questions.answer(id, 'no');
    await clock.advance(10);
    expect(await output).toBe('it: no');
  });
  test('that does not come back, the task is abandoned and nobody is asked any more', async () => {
    for (const end of ['never', 'stopped'] as const) {
      const { begin, agents, questions } = await running(
        {},
        end === 'never' ? { restart: { policy: 'never' } } : {},
      );
      const { output } = begin('approve', 'it');
      await settled();
      await agents.kill('a');
      if (end === 'stopped') await agents.stop('a');
      expect(await fateOf(output)).toBe('TASK_ABANDONED');
      expect(questions.list()).toEqual([]);
    }
  });
  test('again and again, the same question is asked once', async () => {
    const { begin, agents, clock, questions, eventsOf } = await running();
    const { output } = begin('approve', 'it');
    await settled();
    for (let crash = 0; crash < 4; crash += 1) {
      await agents.kill('a');
      await clock.advance(10);
    }
    const { id } = questions.list()[0]!;
    await questions.answer(id, 'yes');
    expect(await output).toBe('it: yes');
    expect(eventsOf('question.asked')).toHaveLength(1);
  });
});

test('a task of a pool that waits for an answer as its member ends has what was left of its time with the next', async () => {
  const through = gate();
  const member = defineAgent({
    type: 'member',
    init: () => null,
    tasks: {
      work: {
        run: async ({ ask }) => {
          await through.promise;
          await ask({ question: 'go on?' });
          await new Promise(() => {});
        },
      },
    },
  });
  const { system, agents, clock } = await rig();
  const { pools, tasks, questions } = system;
  await pools.create({ name: 'p', min: 2, max: 2, spec: { module: member } });
  const { id } = await tasks.submit({ pool: 'p' }, { type: 'work', timeoutMs: 1_000 });
  await settled();
  await clock.advance(400);
  through.resolve();
  await settled();
  const first = tasks.get(id).agentId;
  await agents.kill(first);
  await agents.stop(first);
  await clock.advance(60_000);
  expect(tasks.get(id)).toMatchObject({ status: 'waiting_for_input', attempts: 2 });
  expect(tasks.get(id).agentId).not.toBe(first);
  await questions.answer(questions.list()[0]!.id, 'yes');
  await clock.advance(599);
  expect(tasks.get(id).status).toBe('running');
  await clock.advance(1);
  expect(tasks.get(id).status).toBe('timed_out');
});

const durable = () => Object.assign(memoryStore(), { isDurable: true });
/** A program that asks, and is gone without a word. */
async function killed(store: Store, type = 'approve', input: unknown = 'it', more: object = {}) {
  const first = await createAgentSystem({ store, clock: simulatedClock(), logger: silent });
  await first.agents.register({ id: 'a', module: asker });
  await first.agents.start('a');
  void awaited(first.agents.execute('a', { type, input, ...more }));
  await settled();
  return first.questions.list()[0]!;
}
async function next(store: Store) {
  const given = await rig({ store, agents: [asker] });
  return { ...given, questions: given.system.questions, tasks: given.system.tasks };
}

describe('in the next program', () => {
  test('the question is there, its task runs again and asks it, and is answered', async () => {
    const store = durable();
    const before = await killed(store);
    const { questions, tasks, clock, eventsOf } = await next(store);
    expect(questions.list()).toEqual([before]);
    await clock.advance(1_000);
    expect(tasks.get(before.taskId)).toMatchObject({ status: 'waiting_for_input', attempts: 2 });
    await questions.answer(before.id, 'yes', { by: 'ann' });
    await settled();
    expect(tasks.get(before.taskId).status).toBe('done');
    expect(eventsOf('task.completed')).toMatchObject([{ taskId: before.taskId }]);
    expect(questions.list()).toEqual([]);
  });
  test('an answer that was given, and not heard, is given at once', async () => {
    const store = durable();
    const first = await createAgentSystem({ store, clock: simulatedClock(), logger: silent });
    await first.agents.register({ id: 'a', module: asker });
    await first.agents.start('a');
    void awaited(first.agents.execute('a', { type: 'both' }));
    await settled();
    await first.questions.answer(first.questions.list()[0]!.id, 40);
    await settled();
    const { questions, clock, eventsOf } = await next(store);
    await clock.advance(1_000);
    const open = questions.list();
    expect(open.map(({ key }) => key)).toEqual(['2']);
    await questions.answer(open[0]!.id, 2);
    await settled();
    expect(eventsOf('task.completed')).toHaveLength(1);
  });
  test('an order to close leaves it at once, and says so', async () => {
    const store = durable();
    const first = await createAgentSystem({ store, clock: simulatedClock(), logger: silent });
    await first.agents.register({ id: 'a', module: asker });
    await first.agents.start('a');
    const output = awaited(first.agents.execute('a', { type: 'approve', input: 'it' }));
    await settled();
    const { id, taskId } = first.questions.list()[0]!;
    // Simulated time stands still: nobody waits for the grace of a stop.
    expect(await first.close()).toMatchObject({ leftTasks: [taskId], abandoned: [] });
    expect(await codeOf(output)).toBe('SYSTEM_CLOSED');
    const { questions, agents, eventsOf } = await next(store);
    expect(questions.list().map((question) => question.id)).toEqual([id]);
    await agents.start('a');
    await questions.answer(id, 'yes');
    await settled();
    expect(eventsOf('task.completed')).toMatchObject([{ taskId }]);
  });
  test('a deadline goes on, and one that has passed meanwhile has passed', async () => {
    const store = durable();
    const before = await killed(store, 'soon', 'later then');
    const { questions, clock, eventsOf } = await next(store);
    expect(questions.get(before.id).deadlineAt).toBe(before.askedAt + 1_000);
    await clock.advance(1_000);
    await settled();
    expect(eventsOf('question.expired')).toHaveLength(1);
    await clock.advance(1_000);
    expect(eventsOf('task.completed')).toHaveLength(1);
  });
  test('it is answered by another program, from the store, while none has it open', async () => {
    const store = durable();
    const before = await killed(store);
    expect(await openQuestions(store)).toEqual([before]);
    expect(await codeOf(answerStoredQuestion(store, before.id, 'perhaps'))).toBe('ANSWER_INVALID');
    expect(await codeOf(answerStoredQuestion(store, 'task-0/1', 'yes'))).toBe('QUESTION_UNKNOWN');
    expect(await answerStoredQuestion(store, before.id, 'yes', { by: 'ann' })).toMatchObject({
      status: 'answered',
      by: 'ann',
    });
    expect(await codeOf(answerStoredQuestion(store, before.id, 'no'))).toBe('QUESTION_CLOSED');
    expect(await openQuestions(store)).toEqual([]);
    const { clock, eventsOf } = await next(store);
    await clock.advance(1_000);
    expect(eventsOf('task.completed')).toMatchObject([{ taskId: before.taskId }]);
  });
  test('a task whose input is no JSON data cannot be begun again: it is unknown, and nobody is asked', async () => {
    const store = durable();
    const before = await killed(store, 'even', new Map());
    const { questions, tasks } = await next(store);
    await settled();
    expect(tasks.get(before.taskId).status).toBe('unknown');
    expect(questions.list()).toEqual([]);
  });
});

test('in a file, over a program that is killed with -9: asked, answered by another program, and done by the third', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'fleet.db');
  const child = fork(fileURLToPath(new URL('mortal-asker.ts', import.meta.url)), [file]);
  const [asked] = (await once(child, 'message')) as [{ readonly id: string; readonly taskId: string }];
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  expect((await openQuestions(sqliteStore(file))).map(({ id }) => id)).toEqual([asked.id]);
  await answerStoredQuestion(sqliteStore(file), asked.id, 'yes', { by: 'ann' });
  const system = await createAgentSystem({ store: sqliteStore(file), agents: [asker], logger: silent });
  expect(await system.tasks.result(asked.taskId)).toBe('it: yes');
  await system.close();
});
