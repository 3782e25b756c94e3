/**
 * What each error code and event means, in a line. Their types make the lists complete: a code or an event without
 * its line does not compile.
 */
import type { AlertType, ErrorCode, SystemEventType } from '../../src/index.ts';

export const ERROR_WORDS: Readonly<Record<ErrorCode, string>> = {
  AGENT_SPEC_INVALID:
    'A spec, an option or a definition is invalid; the message names the field, what was expected and what came.',
  AGENT_EXISTS: 'An agent with this id is registered already.',
  AGENT_NOT_FOUND: 'No agent with this id is registered.',
  AGENT_NOT_RUNNING:
    'The command needs an agent that is alive, or the handle belongs to an incarnation that has ended.',
  AGENT_ALREADY_RUNNING: 'The agent to be started is alive already.',
  AGENT_ILLEGAL_COMMAND:
    'The command is not allowed in the current state of the agent or task; `details.legal` lists those that are.',
  AGENT_START_FAILED: '`init` threw, or the body ended before it was ready; `cause` is the error.',
  AGENT_START_TIMED_OUT: 'The agent was not ready within `startTimeoutMs`.',
  RESOURCES_EXHAUSTED:
    'A limit of the system is reached, and `details` says how much is left; or its machine has no descriptor or no process left to load a module (the cause says which).',
  TASK_INCOMPATIBLE:
    'The agent has no such kind of task, lacks a capability that the task requires, or is a chart agent whose state does not take it.',
  TASK_INPUT_INVALID: 'The request is invalid, or the schema of the task refuses its input.',
  TASK_FAILED: 'The task threw, or its schema refuses its output; `cause` is the error.',
  TASK_TIMED_OUT: 'There was no answer within `timeoutMs`.',
  TASK_ABANDONED: 'The agent ended, or the task was cancelled, before it was done.',
  TASK_UNKNOWN: 'No task with this id is known: there was none, or its record was dropped.',
  TASK_QUEUE_FULL: 'The queue is full.',
  TASK_STALLED: 'The task reported no progress for `stalledAfterMs`, and was aborted as its kind says.',
  TASK_REPEATED:
    'The task did the same with the same arguments more often than `maxRepeats` of its kind allows.',
  VARIABLE_UNKNOWN: 'No variable with this name is defined.',
  VARIABLE_INVALID:
    'A definition or an option is invalid, or the value does not fit the variable or breaks a constraint.',
  ROUND_INVALID: 'The proposal is invalid.',
  COORDINATION_UNAVAILABLE: 'Coordination is away: variables keep their values, agents work on.',
  POOL_UNKNOWN: 'There is no pool with this name.',
  REQUEST_INVALID:
    'A request of a task to its system is unknown, malformed or too large, it holds a secret that would be kept, or the task made too many at once.',
  WAIT_CIRCLE:
    'A task called an agent whose answer could come only after the task itself has ended; `details.circle` names who waits for whom.',
  BUDGET_EXHAUSTED:
    'Less is left of a budget than was to be reserved; `details` says of which unit, and `refillAt` when it is refilled, if that is known.',
  BUDGET_UNKNOWN: 'No budget with this name is defined, or that agent or task has never reserved any of it.',
  QUOTA_UNKNOWN:
    'No agents share a quota of this name, and no agent with this id has run into a limit of its own.',
  QUESTION_UNKNOWN: 'No question with this id is known: there was none, or its task has ended.',
  QUESTION_CLOSED:
    'The question has been answered, or is over: `details.status` says which, `details.by` who answered.',
  QUESTION_EXPIRED: 'Nobody answered within `deadlineMs`, and the question has no `otherwise`.',
  ANSWER_INVALID: 'The answer is not JSON data, or the schema of the question refuses it.',
  NODE_UNREACHABLE:
    'A node of a fleet on other machines has not answered in time or cannot be reached, and it alone knows what was asked: also of `agents.checkHealth`, `can`, `next` and `chart` there. `details.node` names it.',
  STORE_FAILED: 'The store could not be opened, read or written: the request was not made durable.',
  SYSTEM_CLOSED: 'The system is closed or closing.',
};

export const EVENT_WORDS: Readonly<Record<SystemEventType, string>> = {
  'agent.registered': 'The agent is listed. It does not run yet.',
  'agent.updated': 'Its spec has changed; `changes` lists the fields with their old and new values.',
  'agent.starting': 'Its body is being started.',
  'agent.started': 'Its `init` has returned: it takes tasks.',
  'agent.start_failed': 'Its start failed.',
  'agent.unresponsive': 'It missed a health check.',
  'agent.recovered': 'It answered again.',
  'agent.pausing': 'It is being paused: running tasks may end, no new one begins.',
  'agent.paused': 'It is paused, and no task runs.',
  'agent.resumed': 'It is no longer paused.',
  'agent.parked':
    'It has run into a limit: no task begins `until` that is reset; `guessed` if the time of the reset is unknown, `named` if it was said as a time of the wall clock.',
  'agent.unparked': 'The limit is reset: it works on.',
  'agent.stopping': 'It is being stopped: it drains, saves and ends.',
  'agent.stopped': 'It ended because it was asked to.',
  'agent.completed': 'It ended because its work was done.',
  'agent.crashed': 'It ended for any other reason.',
  'agent.restart_scheduled': 'It will be restarted at `restartAt`.',
  'agent.gave_up': 'It crashed more often than its restart intensity allows, and stays down.',
  'agent.state_saved': 'Its state has been made durable.',
  'agent.forgotten': 'Its record is gone.',
  'task.accepted': 'A task is in the queue.',
  'task.started': 'Its work has begun.',
  'task.step': 'A result of `context.step` is kept; if the task runs again, it gets that result.',
  'task.stalled': 'It has reported no progress for `stalledAfterMs`.',
  'task.progressed': 'After a stall, it has reported progress again.',
  'task.parked':
    'It ran into a limit, and waits at the head of its queue `until` that is reset. This does not count as an attempt.',
  'task.retry_scheduled': 'An attempt failed; the next one begins at `dueAt`.',
  'task.completed': 'It is done.',
  'task.failed': 'It threw, or its schema refuses its output.',
  'task.timed_out': 'It took longer than its `timeoutMs`.',
  'task.abandoned': 'Its agent ended, or it was cancelled.',
  'task.unknown': 'It ran when the whole program died: nobody knows how far it got.',
  'task.forgotten': 'The record of a submitted task is dropped.',
  'schedule.set': 'A schedule is defined.',
  'schedule.fired': 'It was due: its task was submitted, or refused with `error`.',
  'schedule.removed': 'The schedule is removed.',
  'question.asked': 'A task asks a person, and waits for the answer.',
  'question.answered':
    'Somebody (`by`) has answered: the task goes on, or gets the answer when it runs again.',
  'question.refused': 'The schema of the question refuses the answer: the question is open again.',
  'question.expired': 'Nobody answered within `deadlineMs`: the task goes on with `otherwise`, or an error.',
  'question.withdrawn': 'The task has ended: the question is over.',
  'variable.changed': 'A variable has a new value and version.',
  'variable.acknowledged': 'An agent has taken over this version.',
  'round.opened': 'A proposal is put to the vote.',
  'round.voted': 'A vote has arrived, or has `failed`. If it does not count, `refused` says why.',
  'round.closed': 'The round has its outcome.',
  'leader.elected': 'An agent is the leader from now on.',
  'coordination.lost': 'Coordination is away: agents work on with the last known values.',
  'coordination.restored': 'Coordination is back: agents catch up.',
  'pool.scaled': 'The size of a pool has changed.',
  'quota.lifted': 'A person declares a limit reset: the agents that wait go on, one after the other.',
  'budget.reserved': '`amount` of a budget is set aside for a task.',
  'budget.settled':
    '`amount` of a reservation was used. `how` is `left` if the task ended without settling it.',
  'budget.closed': 'The account that an agent had of its own ends: the agent is forgotten.',
  'budget.refilled': 'A budget is refilled: what was spent no longer counts.',
  'alert.raised': 'A person should look at this.',
  'alert.cleared': 'The alert no longer holds.',
  'store.degraded': 'The store fails; events wait until it is back.',
  'store.recovered': 'The store is back; `lost` counts the events that did not fit while it was away.',
};

export const ALERT_WORDS: Readonly<Record<AlertType, string>> = {
  restart_required:
    'An agent with the restart policy `manual` has crashed: start it once the cause is known.',
  gave_up: 'An agent crashed more often than its restart intensity allows.',
  restart_storm: 'More restarts are due than may run at once; the others queue.',
  body_not_ending: 'A body was killed and does not end; its host can do no more within this program.',
  state_not_saved: 'An agent ended in order, but its last state could not be saved; an earlier one is kept.',
  secrets_missing: 'An agent of the store is due to restart, and waits for the secrets of its `initArgs`.',
  definition_missing:
    'An agent of the store has no definition in this program: it is listed, and cannot run.',
  schedule_refused:
    'The last task of a schedule was refused, or its target is not there: `lastError` of the schedule says why.',
  store_degraded: 'The store fails, or has lost events.',
  coordination_lost: 'Coordination failed too often, and waits for `coordination.resume()`.',
  budget_low: '80 % of a limit of a budget is spent.',
  budget_exhausted: 'All of a limit of a budget is spent: nothing is granted until it is refilled.',
  pool_degraded:
    'A pool has lost members, or failed to start them, too often; it now tries one from time to time.',
  pool_starved: 'A pool is short of a member, because the limits of the system are reached.',
  scaling_blocked: 'A pool should grow and cannot: the machine is strained, or the limits are reached.',
  scaling_signal_failed:
    'The signal of an autoscaler could not be read; the pool keeps its size, or starts its first member.',
};
