/**
 * What each error code and event means, in a line. Their types make the lists complete: a code or an event without
 * its line does not compile.
 */
import type { AlertType, ErrorCode, SystemEventType } from '../../src/index.ts';

export const ERROR_WORDS: Readonly<Record<ErrorCode, string>> = {
  AGENT_SPEC_INVALID:
    'A spec, an option or a definition is not as expected; the message names the field and what came.',
  AGENT_EXISTS: 'An agent of that id is registered already.',
  AGENT_NOT_FOUND: 'No agent of that id is registered.',
  AGENT_NOT_RUNNING: 'The command needs a living agent, or the handle is of an incarnation that has ended.',
  AGENT_ALREADY_RUNNING: 'A start was asked of an agent that has a body.',
  AGENT_ILLEGAL_COMMAND:
    'The state of the agent does not allow the command; `details.legal` lists those it does.',
  AGENT_START_FAILED: 'Its init threw, or its body ended before it was ready; `cause` is what it threw.',
  AGENT_START_TIMED_OUT: 'It was not ready within `startTimeoutMs`.',
  RESOURCES_EXHAUSTED: 'A limit of the system is reached; `details` says what is left.',
  TASK_INCOMPATIBLE:
    'The agent has no such task, or lacks a capability that the task requires, or is a chart that does not take it as it stands.',
  TASK_INPUT_INVALID: 'The request, or the input that its schema judged, is not as expected.',
  TASK_FAILED: 'The task threw, or its output is not as its schema says; `cause` is what it threw.',
  TASK_TIMED_OUT: 'No answer within `timeoutMs`.',
  TASK_ABANDONED: 'The agent ended, or the caller cancelled, before the task was done.',
  TASK_UNKNOWN: 'No task of that id is known: it never was, or its record was dropped.',
  TASK_QUEUE_FULL: 'As many tasks wait as may wait.',
  TASK_STALLED: 'It told nothing of its progress for `stalledAfterMs`, and its kind has it aborted.',
  TASK_REPEATED: 'It did the same with the same arguments more often than `maxRepeats` of its kind allows.',
  VARIABLE_UNKNOWN: 'No variable of that name is defined.',
  VARIABLE_INVALID:
    'A definition or an option is not as expected, or the value does not fit the variable, or breaks a constraint on it.',
  ROUND_INVALID: 'The proposal is not as expected.',
  COORDINATION_UNAVAILABLE: 'Coordination is away: values stay as they are, agents work on.',
  POOL_UNKNOWN: 'No pool of that name is there.',
  REQUEST_INVALID:
    'What a task asked of its system is not known, is malformed or too large, or more was asked at once than may be.',
  WAIT_CIRCLE:
    'A task asked for what could only be done after it has ended; `details.circle` names who waits for whom.',
  BUDGET_EXHAUSTED:
    'There is not as much left of a budget as was to be reserved; `details` says of what, and `refillAt` when it is refilled, where that is known.',
  BUDGET_UNKNOWN:
    'No budget of that name is defined, or nothing was ever reserved of it for that agent or task.',
  QUOTA_UNKNOWN: 'No limit of that name is shared, and no agent of that id ever ran into one of its own.',
  QUESTION_UNKNOWN: 'No question of that id is known: it never was, or its task has ended.',
  QUESTION_CLOSED:
    'The question was answered already, or is over: `details.status` says which, `details.by` by whom.',
  QUESTION_EXPIRED: 'Nobody has answered within `deadlineMs`, and the task has nothing else to go on with.',
  ANSWER_INVALID: 'The answer is no JSON data, or not as the schema of the question says.',
  STORE_FAILED: 'The store could not be opened, read or written: what was asked for was not made durable.',
  SYSTEM_CLOSED: 'The system is closed, or closing.',
};

export const EVENT_WORDS: Readonly<Record<SystemEventType, string>> = {
  'agent.registered': 'It is known; it does not run yet.',
  'agent.updated': 'Its spec has changed: field by field, from what to what.',
  'agent.starting': 'A body is being brought to life.',
  'agent.started': 'Its init has returned: it takes tasks.',
  'agent.start_failed': 'It did not become ready.',
  'agent.unresponsive': 'It missed a health check.',
  'agent.recovered': 'It answered again.',
  'agent.pausing':
    'It is to be paused: what runs may end, nothing new begins; `by` whom, where that was said.',
  'agent.paused': 'It is paused, and nothing runs.',
  'agent.resumed': 'It is paused no more.',
  'agent.parked':
    'A limit that it works under is reached: nothing begins `until` that is reset; `guessed` where nobody said when.',
  'agent.unparked': 'It goes on after the reset of a limit.',
  'agent.stopping': 'It drains, saves and ends.',
  'agent.stopped': 'It ended because it was asked to.',
  'agent.completed': 'It ended because its work was done.',
  'agent.crashed': 'It ended for any other reason.',
  'agent.restart_scheduled': 'It will be started again at `restartAt`.',
  'agent.gave_up': 'It crashed more often than its restart intensity allows, and stays down.',
  'agent.state_saved': 'A state of it is durable.',
  'agent.forgotten': 'Its record is gone.',
  'task.accepted': 'A task waits for its turn.',
  'task.started': 'Its work has begun.',
  'task.step': 'It has kept a result on its way: should it run again, it is given that.',
  'task.stalled': 'It runs, and has told nothing of its progress for `stalledAfterMs`.',
  'task.progressed': 'One that had stalled gets on again.',
  'task.parked':
    'It ran into a limit, and waits at the head of its queue `until` that is reset: no attempt was made.',
  'task.retry_scheduled': 'An attempt has failed, and there is another one at `dueAt`.',
  'task.completed': 'It was done.',
  'task.failed': 'It threw, or gave what its schema refuses.',
  'task.timed_out': 'Nobody waits for it any more.',
  'task.abandoned': 'Its agent ended, or its caller cancelled it.',
  'task.unknown': 'It was in flight when the whole program died: nobody knows how far it came.',
  'task.forgotten': 'Nothing is kept any more of a task that was submitted.',
  'schedule.set': 'Tasks are to be submitted at its times.',
  'schedule.fired': 'It was due, and its task was submitted, or refused.',
  'schedule.removed': 'It is due no more.',
  'question.asked': 'A task has asked a person, and waits.',
  'question.answered': 'Somebody, `by`, has answered: the task goes on, or finds it when it runs again.',
  'question.refused': 'The schema of the task refuses the answer: the question is open again.',
  'question.expired': 'Nobody has answered within `deadlineMs`: the task goes on with what it has instead.',
  'question.withdrawn': 'The task has ended, and nobody is asked any more.',
  'variable.changed': 'A variable has its next version.',
  'variable.acknowledged': 'An agent has taken that version in.',
  'round.opened': 'A proposal is put to the vote.',
  'round.voted':
    'A vote has arrived, or has `failed`; `refused` says why it does not count, where it does not.',
  'round.closed': 'The round has its outcome.',
  'leader.elected': 'An agent leads from now on.',
  'coordination.lost': 'Agents work on with the last known values.',
  'coordination.restored': 'Agents catch up.',
  'pool.scaled': 'A pool has another size.',
  'quota.lifted': 'Somebody says that a limit is reset: those who wait go on, one after the other.',
  'budget.reserved': 'So much of a budget is set aside for a task.',
  'budget.settled':
    'So much of what was reserved was used; `left` where its task ended and said nothing of it.',
  'budget.refilled': 'What was spent of a budget counts no more.',
  'alert.raised': 'Somebody should look at this.',
  'alert.cleared': 'It is over.',
  'store.degraded': 'The store fails; events wait until it is back.',
  'store.recovered': 'The store is back; `lost` events did not fit while it was away.',
};

export const ALERT_WORDS: Readonly<Record<AlertType, string>> = {
  restart_required: 'An agent whose policy is `manual` has crashed: start it when its cause is known.',
  gave_up: 'An agent crashed more often than its restart intensity allows.',
  restart_storm: 'More restarts are due than may be under way at once: they wait for their turn.',
  body_not_ending: 'A body was killed and does not end: its host cannot do more in this program.',
  state_not_saved: 'An agent ended in order, and its last state could not be kept: an earlier one is.',
  secrets_missing:
    'An agent of the store is due to restart, and waits: nobody has given the secrets of its `initArgs`.',
  definition_missing:
    'An agent of the store has no definition in this program: it is listed, and cannot run.',
  schedule_refused:
    'The last task of a schedule was refused, or its target is not there: `lastError` of the schedule says why.',
  store_degraded: 'The store fails, or has lost events.',
  coordination_lost: 'Coordination failed too often, and waits for `coordination.resume()`.',
  budget_low: '80 % of a limit of a budget is spent.',
  budget_exhausted: 'All of a limit of a budget is spent: nothing is granted until it is refilled.',
  pool_degraded: 'A pool lost members, or could not start them, too often: it tries one now and then.',
  pool_starved: 'The limits of the system have no room for a member that a pool should have.',
  scaling_blocked: 'A pool should grow, and must not: the machine is strained, or the limits are reached.',
  scaling_signal_failed: 'The signal of an autoscaler could not be read: the pool keeps its size.',
};
