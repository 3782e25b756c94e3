/**
 * One question of a task to a person, from the moment that it was asked.
 *
 * The chart says what may follow what; the runtime knows who is asked and who answers. Its events are those of the
 * stream: where a question stands can be told from the stream alone, in any program.
 *
 * open → answered | expired | withdrawn ; answered → open, where the task's own schema refuses the answer
 */
import { setup } from 'xstate';

/** What happens to a question; the events of the stream by the same names. */
export type QuestionChartEvent =
  | { type: 'question.asked' }
  | { type: 'question.answered' }
  | { type: 'question.refused' }
  | { type: 'question.expired' }
  | { type: 'question.withdrawn' };

export const questionMachine = setup({ types: {} as { events: QuestionChartEvent } }).createMachine({
  id: 'question',
  initial: 'open',
  states: {
    open: {
      description: 'Its task waits for an answer, in this program or in the next.',
      on: {
        'question.answered': 'answered',
        'question.expired': 'expired',
        'question.withdrawn': 'withdrawn',
      },
    },
    answered: {
      description: 'Somebody has answered: its task gets this answer whenever it asks.',
      on: { 'question.refused': 'open', 'question.withdrawn': 'withdrawn' },
    },
    expired: {
      description: 'Its deadline has passed: its task goes on with `otherwise`, or with an error.',
      on: { 'question.withdrawn': 'withdrawn' },
    },
    withdrawn: { type: 'final', description: 'Its task has ended: nothing of the question is kept.' },
  },
});
