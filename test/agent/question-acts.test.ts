/** Laws of what may happen to a question, over data. */
import { describe, expect, it, test } from 'vitest';
import {
  answeredQuestion,
  askArgs,
  askedQuestion,
  questionAfter,
  questionFilter,
  refusedQuestion,
} from '../../src/runtime/agent/question-acts.ts';

const asker = { agentId: 'ann', taskId: 't1', task: 'write', asked: 0, now: 1_000 };
const asked = (fields: object = {}) => askArgs.parse({ key: 'title', question: 'Which title?', ...fields });
const open = askedQuestion(asked(), asker);

describe('a question that is asked', () => {
  it('is open, named by its task and its key, and has no field that was not given', () => {
    expect(open).toStrictEqual({
      id: 't1/title',
      agentId: 'ann',
      taskId: 't1',
      task: 'write',
      key: 'title',
      question: 'Which title?',
      status: 'open',
      askedAt: 1_000,
    });
  });

  it('has its schema, its details, and a deadline from the moment that it was asked', () => {
    const given = { schema: { type: 'string' }, details: { draft: 2 } };
    expect(askedQuestion(asked({ ...given, deadlineMs: 0 }), asker)).toStrictEqual({
      ...open,
      ...given,
      deadlineAt: 1_000,
    });
    expect(askedQuestion(asked({ deadlineMs: 250 }), asker)).toHaveProperty('deadlineAt', 1_250);
    expect(askedQuestion(asked({ deadlineMs: Infinity }), asker)).not.toHaveProperty('deadlineAt');
  });

  it('may be the thousandth of its task, and no more', () => {
    expect(askedQuestion(asked(), { ...asker, asked: 999 })).toEqual(open);
    expect(() => askedQuestion(asked(), { ...asker, asked: 1_000 })).toThrow(
      expect.objectContaining({
        code: 'REQUEST_INVALID',
        agentId: 'ann',
        message: 'question title of task write: expected 1000 questions of a task at the most',
      }),
    );
  });

  it.each([
    [{ details: { at: NaN } }, /details\.at is NaN, expected JSON data$/],
    [{ details: () => 1 }, /details is a function/],
    [{ schema: { type: () => 1 } }, /schema\.type is a function/],
  ])('is refused with what JSON cannot hold: %o', (fields, message) => {
    expect(() => askedQuestion(asked(fields), asker)).toThrow(message);
  });

  it('has a key of 1 to 512 characters and a text of 1 to 65,536, and counts no time unless it says so', () => {
    expect(asked({ key: 'k'.repeat(512), question: 'q'.repeat(65_536) }).countsTime).toBe(false);
    expect(asked({ key: 'k', question: 'q' })).toMatchObject({ key: 'k', question: 'q' });
    for (const fields of [
      { key: '' },
      { key: 'k'.repeat(513) },
      { question: '' },
      { question: 'q'.repeat(65_537) },
      { deadlineMs: -1 },
      { refused: 'r'.repeat(65_537) },
      { more: 1 },
    ]) {
      expect(
        askArgs.safeParse({ key: 'title', question: '?', ...fields }).success,
        Object.keys(fields)[0],
      ).toBe(false);
    }
  });
});

describe('an answer', () => {
  const answered = answeredQuestion(open, { title: 'Ada' }, 2_000, 'bob');

  it('says what, when, and by whom, where that is known', () => {
    expect(answered).toStrictEqual({
      ...open,
      status: 'answered',
      answer: { title: 'Ada' },
      answeredAt: 2_000,
      by: 'bob',
    });
    expect(answeredQuestion(open, 1, 2_000, undefined)).not.toHaveProperty('by');
  });

  it('that its task refuses is forgotten, and why is kept until the next', () => {
    const refused = refusedQuestion(answered, 'too short');
    expect(refused).toStrictEqual({ ...open, refused: 'too short' });
    expect(answeredQuestion(refused, 2, 3_000, undefined)).toStrictEqual({
      ...open,
      status: 'answered',
      answer: 2,
      answeredAt: 3_000,
    });
  });
});

describe('a question', () => {
  test.each([
    ['open', 'question.answered', 'answered'],
    ['open', 'question.expired', 'expired'],
    ['open', 'question.withdrawn', 'withdrawn'],
    ['answered', 'question.refused', 'open'],
    ['answered', 'question.withdrawn', 'withdrawn'],
    ['expired', 'question.withdrawn', 'withdrawn'],
  ] as const)('that is %s takes %s, and is %s', (status, event, next) => {
    expect(questionAfter({ ...open, status }, event)).toStrictEqual({ ...open, status: next });
  });

  test.each([
    ['open', 'question.refused'],
    ['answered', 'question.answered'],
    ['answered', 'question.expired'],
    ['expired', 'question.answered'],
    ['withdrawn', 'question.answered'],
    ['withdrawn', 'question.withdrawn'],
  ] as const)('that is %s takes no %s', (status, event) => {
    expect(() => questionAfter({ ...open, status }, event)).toThrow(
      `question t1/title is ${status}, and takes no ${event}`,
    );
  });

  test('is listed while it is open, unless another status is asked for', () => {
    expect(questionFilter.parse({ agentId: 'ann' })).toEqual({ agentId: 'ann', status: 'open' });
    expect(questionFilter.parse({ status: 'expired' })).toEqual({ status: 'expired' });
    expect(questionFilter.safeParse({ status: 'closed' }).success).toBe(false);
  });
});
