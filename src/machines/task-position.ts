/** Where a task stands and what may be asked of it, read from the chart's definition, once. */
import type { StateNode } from 'xstate';
import { type TaskChartEvent, taskMachine } from './task.ts';

export const taskStatuses = [
  'waiting',
  'running',
  'parked',
  'done',
  'failed',
  'timed_out',
  'abandoned',
  'unknown',
  'cancelled',
] as const;

export type TaskStatus = (typeof taskStatuses)[number];

/** What may be asked of a task. */
export type TaskCommand = 'cancel' | 'retry' | 'forget';

const COMMANDS: Readonly<Record<TaskCommand, TaskChartEvent['type']>> = {
  cancel: 'task.cancelled',
  retry: 'task.accepted',
  forget: 'task.forgotten',
};
type Node = StateNode<never, never>;
const nodes = taskMachine.root.states as unknown as Readonly<Record<string, Node>>;
const next = new Map<string, ReadonlyMap<string, TaskStatus | 'forgotten'>>();
for (const [status, node] of Object.entries(nodes)) {
  const targets = [...node.transitions].map(
    ([event, [transition]]) => [event, transition?.target?.[0]?.key as TaskStatus] as const,
  );
  next.set(status, new Map(targets));
}

/** The status after an event; the same where the chart takes none of that kind. Pure. */
export function taskStatusAfter(status: TaskStatus, event: TaskChartEvent['type']): TaskStatus | 'forgotten' {
  return next.get(status)?.get(event) ?? status;
}

/** Whether a task of this status has ended: only a retry, where it may have one, brings it back. Pure. */
export function hasTaskEnded(status: TaskStatus): boolean {
  return status !== 'waiting' && status !== 'running' && status !== 'parked';
}

/** What may be asked of a task of this status. Pure. */
export function legalForTask(status: TaskStatus): readonly TaskCommand[] {
  const taken = next.get(status);
  const isOpen = !hasTaskEnded(status);
  return (['cancel', 'retry', 'forget'] as const).filter(
    (command) => (command === 'retry' ? !isOpen : true) && taken?.has(COMMANDS[command]),
  );
}
