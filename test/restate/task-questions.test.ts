/** Laws of the questions of an agent's tasks, around a fake of what they tell. */
import { describe, expect, it } from 'vitest';
import type { KeptQuestion } from '../../src/restate/tasks/kept-question.ts';
import { findQuestion, TaskQuestions } from '../../src/restate/tasks/task-questions.ts';
import { codeOf } from '../kit/rig.ts';

const ID = 't/sure';

function rig() {
  const said: string[] = [];
  const events: { type: string; key: string }[] = [];
  const state = { id: 'ada', questions: undefined as readonly KeptQuestion[] | undefined };
  let order = 0;
  const owner = {
    state,
    now: 0,
    nextOrder: () => (order += 1),
    emit: (event: never) => void events.push(event),
    answerRequest: (requestId: number, taskId: string, told: unknown) =>
      void said.push(`${taskId} ${requestId} ${JSON.stringify(told)}`),
    questionOpened: (taskId: string) => void said.push(`opened ${taskId}`),
    questionClosed: (taskId: string) => void said.push(`closed ${taskId}`),
    beginsToAsk: (taskId: string) => void said.push(`asks ${taskId}`),
    hasAsked: (taskId: string) => void said.push(`has asked ${taskId}`),
  };
  const questions = new TaskQuestions(owner as never);
  return {
    questions,
    owner,
    state,
    said: () => said.splice(0),
    told: () => events.splice(0),
    events: () => events.splice(0).map(({ type, key }) => `${type.replace('question.', '')} ${key}`),
    ask: (requestId: number, args: object = {}, taskId = 't') =>
      questions.ask({ id: taskId, task: 'work' } as never, requestId, {
        key: 'sure',
        question: 'sure?',
        countsTime: false,
        ...args,
      }),
    dues: () =>
      [...questions.dues()].map(({ dueAt, order: place, question }) => [dueAt, place, question.record.key]),
    /** How many wait, whether the time stands still, whether it waits for a person. */
    stands: (taskId = 't') => [
      questions.openOf(taskId),
      questions.isHeld(taskId),
      questions.isAsking(taskId),
    ],
  };
}

describe('a task that asks', () => {
  it('waits, its time stands still, and its request gets the answer', () => {
    const { ask, questions, said, told, owner, stands } = rig();
    owner.now = 3;
    expect(ask(1)).toBe(undefined);
    expect([said(), stands(), stands('other')]).toEqual([
      ['opened t', 'asks t'],
      [1, true, true],
      [0, false, false],
    ]);
    owner.now = 9;
    const record = { id: ID, status: 'answered', answer: true, askedAt: 3, answeredAt: 9, by: 'ann' };
    expect(questions.answer(ID, true, 'ann')).toMatchObject(record);
    expect([said(), stands()]).toEqual([
      ['closed t', 't 1 {"answer":true}', 'has asked t'],
      [0, false, false],
    ]);
    const of = { questionId: ID, agentId: 'ada', incarnation: 0, taskId: 't', task: 'work', key: 'sure' };
    expect(told()).toEqual([
      { type: 'question.asked', question: 'sure?', ...of },
      { type: 'question.answered', answer: true, by: 'ann', ...of },
    ]);
  });

  it('by a request that arrives twice asks once, also when it is answered meanwhile', () => {
    const { ask, questions, said, events } = rig();
    ask(1);
    said();
    events();
    expect([ask(1), said(), events()]).toEqual([undefined, [], []]);
    questions.answer(ID, 1, undefined);
    said();
    events();
    expect(ask(1, { refused: 'no' })).toEqual({ answer: 1 });
    expect([said(), events()]).toEqual([[], []]);
  });

  it('under one key by two requests asks once, and both get the answer', () => {
    const { ask, questions, said, events } = rig();
    ask(1);
    ask(2);
    said();
    questions.answer(ID, 1, undefined);
    expect(said()).toEqual(['closed t', 't 1 {"answer":1}', 't 2 {"answer":1}', 'has asked t']);
    expect(events()).toEqual(['asked sure', 'answered sure']);
  });

  it('under two keys, or of two tasks under one, has two questions', () => {
    const { ask, questions, stands, events, said } = rig();
    ask(1);
    ask(2, { key: 'why' });
    ask(3, {}, 'u');
    expect([stands('t'), stands('u'), events()]).toEqual([
      [2, true, true],
      [1, true, true],
      ['asked sure', 'asked why', 'asked sure'],
    ]);
    said();
    questions.answer(ID, 1, undefined);
    expect([stands('t'), stands('u')]).toEqual([
      [1, true, true],
      [1, true, true],
    ]);
  });

  it('with its time running waits for a person all the same', () => {
    const { ask, stands } = rig();
    ask(1, { countsTime: true });
    expect(stands()).toEqual([1, false, true]);
  });

  it('too often is refused', async () => {
    const { ask } = rig();
    for (let n = 0; n < 1_000; n++) ask(n, { key: `k${n}` });
    expect(await codeOf(() => ask(1_001, { key: 'one more' }))).toBe('REQUEST_INVALID');
    expect(ask(1_002, { key: 'one more' }, 'u')).toBe(undefined);
  });
});

describe('an answer', () => {
  it('that the task refuses opens the question again; the next one counts', () => {
    const { ask, questions, said, events, state } = rig();
    ask(1);
    questions.answer(ID, 'maybe', 'ann');
    said();
    events();
    expect(ask(2, { refused: 'yes or no' })).toBe(undefined);
    expect([said(), events()]).toEqual([['opened t', 'asks t'], ['refused sure']]);
    expect(state.questions![0]!.record).toMatchObject({ status: 'open', refused: 'yes or no' });
    questions.answer(ID, 'yes', undefined);
    expect(said()).toEqual(['closed t', 't 2 {"answer":"yes"}', 'has asked t']);
  });

  it('is told at once to a later request, and a refusal of what is open is none', () => {
    const { ask, questions, events } = rig();
    ask(1);
    events();
    expect(ask(2, { refused: 'no' })).toBe(undefined);
    expect(events()).toEqual([]);
    questions.answer(ID, 'yes', undefined);
    expect(ask(3)).toEqual({ answer: 'yes' });
  });

  it('to nobody is kept, and nobody is told that it has asked', () => {
    const { ask, questions, said } = rig();
    ask(1);
    questions.bodyEnded();
    said();
    questions.answer(ID, 'yes', undefined);
    expect(said()).toEqual(['closed t']);
    expect(ask(1)).toEqual({ answer: 'yes' });
  });

  it('a second one, one to no question, and one that is no data are refused', async () => {
    const { ask, questions } = rig();
    ask(1);
    expect(await codeOf(() => questions.answer('t/other', 1, undefined))).toBe('QUESTION_UNKNOWN');
    expect(await codeOf(() => questions.answer(ID, undefined, undefined))).toBe('ANSWER_INVALID');
    questions.answer(ID, 1, undefined);
    expect(await codeOf(() => questions.answer(ID, 2, undefined))).toBe('QUESTION_CLOSED');
    expect(await codeOf(() => findQuestion({}, ID))).toBe('QUESTION_UNKNOWN');
  });
});

describe('a deadline', () => {
  it('is kept while it is open, each with its place, and begins anew when it is opened again', () => {
    const { ask, questions, dues, owner } = rig();
    ask(1, { deadlineMs: 10 });
    ask(2, { key: 'why', deadlineMs: 5 });
    ask(3, { key: 'ever' });
    expect(dues()).toEqual([
      [10, 1, 'sure'],
      [5, 2, 'why'],
    ]);
    owner.now = 4;
    questions.answer(ID, 1, undefined);
    expect(dues()).toEqual([[5, 2, 'why']]);
    ask(4, { refused: 'no' });
    expect(dues()).toEqual([
      [10, 3, 'sure'],
      [5, 2, 'why'],
    ]);
  });

  it('that passes is told to who waits, and to who asks later', async () => {
    const { ask, questions, said, events, dues, state } = rig();
    ask(1, { deadlineMs: 10 });
    said();
    questions.expire(state.questions![0]!);
    expect(said()).toEqual(['closed t', 't 1 {"isExpired":true}', 'has asked t']);
    expect([events(), dues()]).toEqual([['asked sure', 'expired sure'], []]);
    expect(ask(2)).toEqual({ isExpired: true });
    expect(await codeOf(() => questions.answer(ID, 1, undefined))).toBe('QUESTION_CLOSED');
  });
});

describe('who waits no more', () => {
  it('one request that is withdrawn leaves the others, and its task is told', () => {
    const { ask, questions, said, stands } = rig();
    ask(1);
    ask(2);
    ask(3, {}, 'u');
    said();
    questions.withdrawn('t', 1);
    expect([said(), stands()]).toEqual([['has asked t'], [1, true, true]]);
    questions.withdrawn('t', 3);
    expect(stands('u')).toEqual([1, true, true]);
    questions.withdrawn('t', 2);
    expect(stands()).toEqual([1, false, false]);
    said();
    questions.answer(ID, 1, undefined);
    expect(said()).toEqual(['closed t']);
  });

  it('an attempt that has ended lets go of its own task’s requests alone', () => {
    const { ask, questions, stands } = rig();
    ask(1);
    ask(2, {}, 'u');
    questions.attemptEnded('t');
    expect([stands('t'), stands('u')]).toEqual([
      [1, false, false],
      [1, true, true],
    ]);
  });

  it('a body that has ended lets go of all, and the next numbers its requests from 1 again', () => {
    const { ask, questions, stands, said, events } = rig();
    ask(5);
    ask(6, {}, 'u');
    questions.bodyEnded();
    expect([stands('t'), stands('u')]).toEqual([
      [1, false, false],
      [1, false, false],
    ]);
    said();
    events();
    expect(ask(1)).toBe(undefined);
    expect([said(), events(), stands()]).toEqual([['asks t'], [], [1, true, true]]);
  });

  it('a task that has ended takes its questions along: those that were open are withdrawn', () => {
    const { ask, questions, events, state } = rig();
    ask(1);
    ask(2, { key: 'why' });
    ask(3, {}, 'u');
    questions.answer(ID, 1, undefined);
    events();
    questions.taskEnded('t');
    expect(events()).toEqual(['withdrawn why']);
    expect(state.questions!.map(({ record }) => record.id)).toEqual(['u/sure']);
    questions.taskEnded('t');
    expect(events()).toEqual([]);
  });
});

it('the next body numbers its requests anew: it may refuse the answer that the last one got', () => {
  const { ask, questions, stands } = rig();
  ask(1);
  questions.answer(ID, true, undefined);
  questions.bodyEnded();
  expect(ask(1, { refused: 'not that' })).toBe(undefined);
  expect(stands()).toEqual([1, true, true]);
});
