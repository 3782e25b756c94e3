/** What a recovery has to find: the contract, looked up in all of a history anew for every question. */
import type { EndedTask, Recovery, TaskProgress } from '../../runtime/journal/store.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { same } from './comparison.ts';

/** Compares a recovery with a history. Begun tasks, ended tasks and budgets are optional in it, but have to be right. */
export function sameRecovery(recovery: Recovery, history: readonly SystemEvent[]): void {
  const { taskProgress, endedTasks, budgets, schedules, ...required } = recovery;
  const all = recoveryOf(history);
  const { taskProgress: progress, endedTasks: ended, budgets: spending, schedules: set, ...expected } = all;
  same(required, { ...expected, facts: new Map() });
  if (taskProgress !== undefined) same(inOrder(taskProgress), inOrder(progress!));
  if (endedTasks !== undefined) same(endedTasks, ended);
  if (budgets !== undefined) same(budgets, spending);
  if (schedules !== undefined) same(schedules, set);
}

function inOrder(events: ReadonlyMap<string, SystemEvent>) {
  return [...events].toSorted(([one], [other]) => (one < other ? -1 : 1));
}

const TASK_ENDS: ReadonlySet<string> = new Set([
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.unknown',
]);

function isProgress(event: SystemEvent): event is TaskProgress {
  return (
    event.type === 'task.started' || event.type === 'task.parked' || event.type === 'task.retry_scheduled'
  );
}

function recoveryOf(history: readonly SystemEvent[]): Omit<Recovery, 'facts'> {
  type Of<Type extends SystemEvent['type']> = Extract<SystemEvent, { type: Type }>;
  const after = ({ sequence }: SystemEvent) => history.filter((event) => event.sequence > sequence);
  const of = <Type extends SystemEvent['type']>(type: Type) =>
    history.filter((event): event is Of<Type> => event.type === type);
  const ofTask = (event: Of<'task.accepted'>) =>
    after(event).filter((later) => 'taskId' in later && later.taskId === event.taskId);
  const tasks = of('task.accepted').filter(
    (event) =>
      !ofTask(event).some((later) => !isProgress(later) && !(later.type === 'task.unknown' && later.retry)),
  );
  const endOf = (event: Of<'task.accepted'>) => {
    const later = ofTask(event);
    if (later.some(({ type }) => type === 'task.accepted' || type === 'task.forgotten')) return undefined;
    const end = later.findLast(({ type }) => TASK_ENDS.has(type));
    const isEnd = end !== undefined && 'submitted' in end && end.submitted && !('retry' in end && end.retry);
    return isEnd ? end : undefined;
  };
  return {
    lastSequence: history.at(-1)?.sequence ?? 0,
    agents: of('agent.registered')
      .filter(
        (event) =>
          !after(event).some(
            ({ type, agentId }) =>
              agentId === event.agentId && (type === 'agent.registered' || type === 'agent.forgotten'),
          ),
      )
      .map((event) => ({
        registered:
          of('agent.updated').findLast(
            ({ agentId, sequence }) => agentId === event.agentId && sequence > event.sequence,
          ) ?? event,
        event,
      }))
      .map(({ registered, event }) => ({
        registered,
        latest:
          after(event).findLast((later) => later.agentId === event.agentId && 'life' in later) ?? registered,
      })),
    tasks,
    taskProgress: new Map(
      tasks.flatMap((event) => {
        const latest = ofTask(event).findLast(isProgress);
        return latest ? [[event.taskId, latest]] : [];
      }),
    ),
    endedTasks: of('task.accepted').flatMap((accepted) => {
      const end = endOf(accepted);
      return end ? [{ accepted, end: end as EndedTask['end'] }] : [];
    }),
    schedules: of('schedule.set').flatMap((set) => {
      const later = after(set).filter((event) => 'name' in event && event.name === set.name);
      if (later.some(({ type }) => type === 'schedule.set' || type === 'schedule.removed')) return [];
      const fired = later.findLast((event): event is Of<'schedule.fired'> => event.type === 'schedule.fired');
      return [{ set, fired }];
    }),
    variables: of('variable.changed').filter(
      (event) => !after(event).some((later) => later.type === event.type && later.name === event.name),
    ),
    rounds: of('round.opened').filter(
      (event) =>
        !after(event).some(
          (later) =>
            (later.type === 'round.opened' || later.type === 'round.closed') &&
            later.roundId === event.roundId,
        ),
    ),
    budgets: history
      .filter(isSpending)
      .filter(
        (event) =>
          !after(event).some(
            (later) =>
              (later.type === 'budget.closed' || isSpending(later)) &&
              later.budget === event.budget &&
              later.of === event.of,
          ),
      ),
  };
}

/** Whether an event tells how an account stands. Accounts of single tasks are not kept. */
function isSpending(event: SystemEvent): event is NonNullable<Recovery['budgets']>[number] {
  if (event.type === 'budget.refilled') return true;
  return (event.type === 'budget.reserved' || event.type === 'budget.settled') && event.of !== event.taskId;
}
