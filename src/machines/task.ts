/**
 * One task's life, from the moment that it was accepted.
 *
 * The chart says what may follow what; the runtime does the work, keeps it, and knows who waits for it. The chart's
 * events are those of the event stream: the stream alone gives the state of a task, in any program.
 *
 * waiting{ queued ⇄ delayed } → running (⇄ parked, ⇄ waiting_for_input) → done | failed | timed_out | abandoned | cancelled
 * running → waiting.delayed, while another attempt is left ; with a dead program: unknown → waiting
 */
import { setup } from 'xstate';

/**
 * What happens to a task; the events of the stream by the same names, of which `task.abandoned` may be a cancel, and
 * `task.accepted` with a time before which it is not begun is `task.deferred`. `task.due`: that time has come.
 * `task.asked` is its first open question, `task.told` the end of its last.
 */
export type TaskChartEvent =
  | { type: 'task.accepted' }
  | { type: 'task.deferred' }
  | { type: 'task.due' }
  | { type: 'task.started' }
  | { type: 'task.parked' }
  | { type: 'task.retry_scheduled' }
  | { type: 'task.asked' }
  | { type: 'task.told' }
  | { type: 'task.completed' }
  | { type: 'task.failed' }
  | { type: 'task.timed_out' }
  | { type: 'task.abandoned' }
  | { type: 'task.cancelled' }
  | { type: 'task.unknown' }
  | { type: 'task.forgotten' };

const ends = {
  'task.failed': 'failed',
  'task.timed_out': 'timed_out',
  'task.abandoned': 'abandoned',
  'task.cancelled': 'cancelled',
  'task.unknown': 'unknown',
} as const;
const accepted = { 'task.accepted': '#queued', 'task.deferred': '#delayed' } as const;
/** A task that has ended without an output may be retried, under its id. */
const again = { ...accepted, 'task.forgotten': 'forgotten' } as const;

export const taskMachine = setup({ types: {} as { events: TaskChartEvent } }).createMachine({
  id: 'task',
  initial: 'waiting',
  states: {
    waiting: {
      description: 'Accepted and not begun, or waiting for another attempt.',
      initial: 'queued',
      on: { ...ends, ...accepted },
      states: {
        queued: {
          id: 'queued',
          description: 'It waits for its agent, or for its turn.',
          on: { 'task.started': '#running' },
        },
        delayed: {
          id: 'delayed',
          description:
            'Its time has not come: that of its first attempt, or of the next one after a failure.',
          on: { 'task.due': 'queued' },
        },
      },
    },
    running: {
      id: 'running',
      description: 'Its agent works on it.',
      on: {
        ...ends,
        ...accepted,
        'task.completed': 'done',
        'task.retry_scheduled': '#delayed',
        'task.parked': 'parked',
        'task.asked': 'waiting_for_input',
      },
    },
    waiting_for_input: {
      description: 'It has asked a person, and waits for the answer.',
      on: {
        ...ends,
        ...accepted,
        'task.completed': 'done',
        'task.retry_scheduled': '#delayed',
        'task.parked': 'parked',
        'task.told': 'running',
        'task.started': 'running',
      },
    },
    parked: {
      description: 'It ran into a limit: it waits at the head of its queue until that is reset.',
      on: { ...ends, ...accepted, 'task.started': 'running' },
    },
    done: { description: 'It has an output.', on: { 'task.forgotten': 'forgotten' } },
    failed: { description: 'At its last attempt it threw, or its schema refused its output.', on: again },
    timed_out: { description: 'It took longer than its time.', on: again },
    abandoned: { description: 'Its agent ended, or gave it up.', on: again },
    cancelled: { description: 'It was cancelled.', on: again },
    unknown: {
      description: 'Its program died while it ran: nobody knows how far it got.',
      on: { ...again, ...ends, 'task.started': 'running' },
    },
    forgotten: { type: 'final', description: 'Its record is dropped.' },
  },
});
