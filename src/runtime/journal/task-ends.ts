/** The events that may end a task. */
import type { SystemEvent, SystemEventType } from './system-event.ts';

const ENDS: ReadonlySet<SystemEventType> = new Set<SystemEventType>([
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.unknown',
]);

export function mayEndTask(type: SystemEventType): boolean {
  return ENDS.has(type);
}

/** Whether an event is the end of a task; a task that will be done again has not ended. */
export function hasTaskEnd(event: SystemEvent): event is Extract<SystemEvent, { readonly taskId: string }> {
  return ENDS.has(event.type) && !(event.type === 'task.unknown' && event.retry);
}
