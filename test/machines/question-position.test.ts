/** The status of a question is what its chart says: along every path that the chart has. */
import { expect, test } from 'vitest';
import { transition } from 'xstate';
import {
  type QuestionChartEvent,
  questionMachine,
  questionStatuses,
  questionStatusAfter,
} from '../../src/machines/index.ts';
import { judgeQuestion, questionTours, takenBy } from '../models/question/tour.ts';

const events: readonly QuestionChartEvent['type'][] = [
  'question.asked',
  'question.answered',
  'question.refused',
  'question.expired',
  'question.withdrawn',
];

test('a question has the statuses that the chart has', () => {
  expect(Object.keys(questionMachine.states)).toEqual([...questionStatuses]);
});
test.each(questionStatuses)(
  'a question that is %s goes where the chart goes, on every event, or nowhere',
  (value) => {
    const at = questionMachine.resolveState({ value, context: {} });
    for (const type of events) {
      const [after] = transition(questionMachine, at, { type });
      expect([type, questionStatusAfter(value, type) ?? value]).toEqual([type, after.value]);
    }
  },
);
test('an answer, and the end of the time for one, are taken of an open question alone', () => {
  for (const status of questionStatuses) {
    for (const event of ['question.answered', 'question.expired'] as const)
      expect(questionStatusAfter(status, event) !== undefined).toBe(status === 'open');
  }
});

test('a question does in every state, on the running system, what the design says', async () => {
  const { tours, pairs } = questionTours();
  expect(pairs).toBeGreaterThan(40);
  for (const tour of tours) await judgeQuestion(tour);
  const taken = new Set(tours.flatMap(takenBy));
  const all = questionStatuses.flatMap((status) =>
    events
      .filter((event) => questionStatusAfter(status, event) !== undefined)
      .map((event) => `${status} ${event}`),
  );
  expect([...taken].toSorted()).toEqual(all.toSorted());
});
