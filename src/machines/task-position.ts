/** Where a task stands and what may be asked of it, read from the chart's definition, once. */
import type { StateNode } from 'xstate';
import type { TaskStatus } from './statuses.ts';
import { type TaskChartEvent, taskMachine } from './task.ts';

/** Dotted path of the chart's state: a status, or a part of one. */
export type TaskPlace = Exclude<TaskStatus, 'waiting'> | 'waiting.queued' | 'waiting.delayed';

/** What may be asked of a task. */
export type TaskCommand = 'cancel' | 'retry' | 'forget';

const COMMANDS: Readonly<Record<TaskCommand, TaskChartEvent['type']>> = {
  cancel: 'task.cancelled',
  retry: 'task.accepted',
  forget: 'task.forgotten',
};

type Node = StateNode<never, never>;
type After = TaskPlace | 'forgotten';

/** By event, and then by the place before it. */
const next = new Map<string, Map<TaskPlace, After>>();
for (const node of leavesOf(taskMachine.root as unknown as Node)) {
  const place = placeOf(node) as TaskPlace;
  for (let from: Node | undefined = node; from !== undefined; from = from.parent as Node | undefined) {
    for (const [event, [transition]] of from.transitions) {
      const target = transition?.target?.[0] as Node | undefined;
      const after = next.get(event) ?? new Map<TaskPlace, After>();
      next.set(event, after);
      if (target && !after.has(place)) after.set(place, placeOf(entered(target)));
    }
  }
}
const NOWHERE: ReadonlyMap<TaskPlace, After> = new Map();

function leavesOf(node: Node): Node[] {
  const within = Object.values(node.states) as unknown as Node[];
  return within.length === 0 ? [node] : within.flatMap(leavesOf);
}

function entered(node: Node): Node {
  const [first] = (node.initial?.target ?? []) as unknown as Node[];
  return first === undefined ? node : entered(first);
}

function placeOf({ path }: Node): After {
  return path.join('.') as After;
}

/** The place after an event, by the place before it; those where the chart takes none of that kind are not in it. */
export function placesAfter(event: TaskChartEvent['type']): ReadonlyMap<TaskPlace, TaskPlace | 'forgotten'> {
  return next.get(event) ?? NOWHERE;
}

/** The place after an event; the same where the chart takes none of that kind. Pure. */
export function taskPlaceAfter(place: TaskPlace, event: TaskChartEvent['type']): TaskPlace | 'forgotten' {
  return placesAfter(event).get(place) ?? place;
}

/** The status that a place belongs to. Pure. */
export function taskStatusOf(place: TaskPlace): TaskStatus {
  return place === 'waiting.queued' || place === 'waiting.delayed' ? 'waiting' : place;
}

/** Whether a task of this status has ended: only a retry, where it may have one, brings it back. Pure. */
export function hasTaskEnded(status: TaskStatus): boolean {
  switch (status) {
    case 'waiting':
    case 'running':
    case 'parked':
    case 'waiting_for_input':
      return false;
    default:
      return true;
  }
}

/** What may be asked of a task that stands there. Pure. */
export function legalForTask(place: TaskPlace): readonly TaskCommand[] {
  const isOpen = !hasTaskEnded(taskStatusOf(place));
  return (['cancel', 'retry', 'forget'] as const).filter(
    (command) => isOpen === (command === 'cancel') && placesAfter(COMMANDS[command]).has(place),
  );
}
