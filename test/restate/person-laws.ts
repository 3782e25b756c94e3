/** Laws of tasks that ask people, whatever a fleet runs on. As laws.ts, run on one program and on machines. */
import { expect, test } from 'vitest';
import { tool } from 'ai';
import { z } from 'zod';
import { defineModelAgent } from '../../src/ai.ts';
import { type AgentCode, defineAgent, type QuestionFilter, type QuestionRecord } from '../../src/index.ts';
import { calls, says, scripted } from '../ai/scripted.ts';
import { eventually } from '../kit/eventually.ts';
import { refusal } from '../kit/rig.ts';
import type { Subject } from './laws.ts';

type Either<Value> = Value | Promise<Value>;

/** What both have, as far as these laws use it. */
export interface AskingSubject extends Subject {
  readonly questions: {
    list(filter?: QuestionFilter): Either<QuestionRecord[]>;
    get(id: string): Either<QuestionRecord>;
    answer(id: string, value: unknown, options?: { readonly by?: string }): Promise<QuestionRecord>;
  };
}

const clerk = defineAgent({
  type: 'clerk',
  init: () => ({}),
  tasks: {
    approve: {
      run: async ({ input, ask }) => {
        const answer = await ask({
          question: `may ${String(input)} go out?`,
          schema: z.enum(['yes', 'no']),
          details: { order: input },
        });
        return `${String(input)}: ${answer}`;
      },
    },
    named: {
      run: ({ ask }) =>
        Promise.all([ask({ question: 'left?', key: 'left' }), ask({ question: 'right?', key: 'right' })]),
    },
    even: {
      run: ({ ask }) =>
        ask({
          question: 'an even number?',
          schema: z.number().refine((n) => n % 2 === 0, { error: 'expected an even number' }),
        }),
    },
    soon: { run: ({ ask, input }) => ask({ question: 'now?', deadlineMs: 50, ...(input as object) }) },
    nothing: { run: ({ ask }) => ask({ question: '' }) },
  },
});

const fragile = defineAgent({
  type: 'fragile',
  onTaskError: 'crash',
  init: () => ({}),
  tasks: {
    approve: { run: ({ ask }) => ask({ question: 'may it go out?' }) },
    crash: {
      run: () => {
        throw new Error('the end');
      },
    },
  },
});

/** It answers with what the tool has given it. */
const till = defineModelAgent({
  type: 'till',
  model: () => scripted(calls('pay', { cents: 7 }), ({ prompt }) => says(JSON.stringify(prompt.at(-1)))),
  tools: {
    pay: tool({ inputSchema: z.object({ cents: z.number() }), execute: ({ cents }) => `paid ${cents}` }),
  },
  toolApproval: { pay: 'user-approval' },
  tasks: { settle: { prompt: () => 'settle' } },
});

export const askingAgents: readonly AgentCode[] = [clerk, fragile, till];

/** A read may throw at once in one program. */
const reading = async <Value>(read: () => Either<Value>): Promise<Value> => read();

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function personLaws(subjectOf: () => AskingSubject): void {
  const started = async (spec: object = {}): Promise<string> => {
    const { agents } = subjectOf();
    const id = await agents.register({
      module: clerk,
      restart: { policy: 'immediate', delayMs: 20 },
      ...spec,
    });
    await agents.start(id);
    return id;
  };
  /** The open questions of an agent, once there are so many. */
  const asked = (agentId: string, count = 1): Promise<QuestionRecord[]> =>
    eventually(
      () => subjectOf().questions.list({ agentId }),
      (found) => found.length >= count,
    );

  test('a task asks, is shown with its question, and goes on with the answer of whoever was first', async () => {
    const { agents, questions, tasks } = subjectOf();
    const id = await started();
    const output = agents.execute(id, { type: 'approve', input: 'order 7', timeoutMs: 60_000 });
    const [question] = await asked(id);
    expect(question).toMatchObject({
      agentId: id,
      task: 'approve',
      key: '1',
      question: 'may order 7 go out?',
      details: { order: 'order 7' },
      status: 'open',
      schema: { enum: ['yes', 'no'] },
    });
    expect(await questions.list()).toContainEqual(question);
    expect(await questions.get(question!.id)).toEqual(question);
    expect(await tasks.get(question!.taskId)).toMatchObject({ status: 'waiting_for_input' });
    expect((await refusal(questions.answer(question!.id, 'maybe'))).code).toBe('ANSWER_INVALID');
    expect((await refusal(questions.answer(question!.id, undefined))).code).toBe('ANSWER_INVALID');
    expect((await refusal(questions.answer(question!.id, () => 'yes'))).code).toBe('ANSWER_INVALID');
    const answers = await Promise.allSettled([
      questions.answer(question!.id, 'yes', { by: 'ann' }),
      questions.answer(question!.id, 'yes', { by: 'ben' }),
    ]);
    const taken = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(taken).toMatchObject([{ status: 'answered', answer: 'yes' }]);
    expect(['ann', 'ben']).toContain(taken[0]!.by);
    expect(await output).toBe('order 7: yes');
    expect(await questions.list({ agentId: id })).toEqual([]);
    for (const unknown of [question!.id, 'nobody', '', '/task-1-1/x', '__proto__']) {
      expect((await refusal(questions.answer(unknown, 'yes'))).code).toBe('QUESTION_UNKNOWN');
      expect((await refusal(reading(() => questions.get(unknown)))).code).toBe('QUESTION_UNKNOWN');
    }
  });

  test('a call of a tool is made with the input that a person gives it, if that is as the tool expects', async () => {
    const { agents, questions } = subjectOf();
    const id = await started({ module: till });
    const output = agents.execute(id, { type: 'settle', timeoutMs: 60_000 });
    const [question] = await asked(id);
    const answer = (input: unknown) => questions.answer(question!.id, { approved: true, input });
    expect((await refusal(answer({ cents: 'five' }))).code).toBe('ANSWER_INVALID');
    await answer({ cents: 5 });
    expect(await output).toContain('paid 5');
  });

  test('several are asked at once, each by its key, and are listed in their order', async () => {
    const { agents, questions } = subjectOf();
    const id = await started();
    const output = agents.execute(id, { type: 'named' });
    const found = await asked(id, 2);
    expect(found.map(({ key }) => key)).toEqual(['left', 'right']);
    expect(await questions.list({ taskId: found[0]!.taskId })).toHaveLength(2);
    expect(await questions.list({ agentId: id, status: 'answered' })).toEqual([]);
    await questions.answer(found[1]!.id, 'RIGHT');
    expect(await questions.list({ agentId: id, status: 'answered' })).toMatchObject([{ key: 'right' }]);
    await questions.answer(found[0]!.id, 'LEFT');
    expect(await output).toEqual(['LEFT', 'RIGHT']);
  });

  test('an answer that the schema of the task refuses opens the question again, and says why', async () => {
    const { agents, questions } = subjectOf();
    const id = await started();
    const output = agents.execute(id, { type: 'even' });
    const [{ id: question } = { id: '' }] = await asked(id);
    await questions.answer(question, 3);
    const [again] = await asked(id);
    expect(again).toMatchObject({ status: 'open', refused: 'expected an even number, got 3' });
    expect(again).not.toHaveProperty('answer');
    await questions.answer(question, 4);
    expect(await output).toBe(4);
  });

  test('a question expires: its task goes on with what it has instead, or is refused', async () => {
    const { agents } = subjectOf();
    const id = await started();
    expect(await agents.execute(id, { type: 'soon', input: { otherwise: 'later' } })).toBe('later');
    expect(await refusal(agents.execute(id, { type: 'soon' }))).toMatchObject({
      code: 'TASK_FAILED',
      cause: { code: 'QUESTION_EXPIRED' },
    });
    expect(await refusal(agents.execute(id, { type: 'nothing' }))).toMatchObject({
      code: 'TASK_FAILED',
      cause: { code: 'REQUEST_INVALID' },
    });
  });

  test('the time of a task stands still while it waits for a person', async () => {
    const { agents, questions } = subjectOf();
    const id = await started();
    const output = agents.execute(id, { type: 'approve', input: 'it', timeoutMs: 1_500 });
    const [{ id: question, askedAt } = { id: '', askedAt: 0 }] = await asked(id);
    await eventually(
      () => Date.now(),
      (now) => now > askedAt + 1_600,
    );
    await questions.answer(question, 'no');
    expect(await output).toBe('it: no');
  });

  test('a task whose agent crashes asks again after its restart: the question is one, and its answer is kept', async () => {
    const { agents, questions, tasks, events } = subjectOf();
    const id = await started({ module: fragile, tasks: { concurrency: 2 } });
    const { id: taskId } = await tasks.submit(id, { type: 'approve' });
    const [question] = await asked(id);
    await refusal(agents.execute(id, { type: 'crash' }));
    await eventually(
      () => agents.get(id),
      ({ incarnation, status }) => incarnation === 2 && status === 'running',
    );
    expect(await questions.list({ agentId: id })).toEqual([question]);
    await questions.answer(question!.id, 'yes', { by: 'ann' });
    expect(await tasks.result(taskId)).toBe('yes');
    expect(await tasks.get(taskId)).toMatchObject({ status: 'done', attempts: 2 });
    const types: string[] = [];
    for await (const { type } of events.read({ agentId: id }))
      if (type.startsWith('question.')) types.push(type);
    expect(types).toEqual(['question.asked', 'question.answered']);
  });

  test('a task that is cancelled takes its question with it', async () => {
    const { questions, tasks } = subjectOf();
    const id = await started();
    const { id: taskId } = await tasks.submit(id, { type: 'approve', input: 'it' });
    const [question] = await asked(id);
    await tasks.cancel(taskId);
    expect((await refusal(questions.answer(question!.id, 'yes'))).code).toBe('QUESTION_UNKNOWN');
  });
}
