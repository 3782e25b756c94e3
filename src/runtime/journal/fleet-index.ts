/**
 * What a recovery needs of the events so far, kept while they pass: constant work an event, whatever the fleet.
 *
 * Every event changes one slot at the most, and `slotChangeOf` is the whole rule: stores that keep events on disk
 * keep slots by it too, so that none of them recovers another fleet than this one.
 *
 * I1  A slot's events are in it as long as a recovery needs them: nothing else is.
 */
import type { EndedTask, Recovery, StoredAgent, StoredSchedule, TaskProgress } from './store.ts';
import { RenewedMap } from '../values/renewed-map.ts';
import type { SystemEvent } from './system-event.ts';

/** What a slot is about. */
export const slotKinds = ['agent', 'task', 'variable', 'round', 'budget', 'schedule'] as const;
export type SlotKind = (typeof slotKinds)[number];

/** What an event changes of what it is about. */
export interface SlotChange {
  readonly kind: SlotKind;
  /**
   * `hold`: the slot is this event's, whatever was there. `follow`: the event is the latest of a slot that is
   * held, else nothing. `amend`: the event takes the place of the one that holds the slot, if one does, and what
   * followed that stays. `release`: the slot is empty.
   */
  readonly change: 'hold' | 'follow' | 'amend' | 'release';
}

/** The event that holds a slot, and the latest one that followed it. */
export interface Slot {
  held: SystemEvent;
  latest: SystemEvent | undefined;
}

type Of<Type extends SystemEvent['type']> = Extract<SystemEvent, { type: Type }>;

/** What an event means for a recovery; most mean nothing. Pure. */
export function slotChangeOf(event: SystemEvent): SlotChange | undefined {
  switch (event.type) {
    // These are the most, and mean nothing.
    case 'agent.state_saved':
    case 'variable.acknowledged':
    case 'round.voted':
      return undefined;
    case 'agent.registered':
      return changes.agent.hold;
    case 'agent.updated':
      return changes.agent.amend;
    case 'agent.forgotten':
      return changes.agent.release;
    case 'task.accepted':
      return changes.task.hold;
    case 'task.started':
    case 'task.parked':
    case 'task.retry_scheduled':
      return changes.task.follow;
    case 'task.completed':
      return event.submitted ? changes.task.follow : changes.task.release;
    case 'task.failed':
    case 'task.timed_out':
    case 'task.abandoned':
      return event.submitted ? changes.task.follow : changes.task.release;
    case 'task.unknown':
      // One that is to be repeated has not ended: should this program die too, the next one repeats it.
      if (event.retry) return undefined;
      return event.submitted ? changes.task.follow : changes.task.release;
    case 'task.forgotten':
      return changes.task.release;
    case 'variable.changed':
      return changes.variable.hold;
    case 'schedule.set':
      return changes.schedule.hold;
    case 'schedule.fired':
      return changes.schedule.follow;
    case 'schedule.removed':
      return changes.schedule.release;
    case 'round.opened':
      return changes.round.hold;
    case 'round.closed':
      return changes.round.release;
    case 'budget.reserved':
    case 'budget.settled':
    case 'budget.refilled': {
      // What is of one task alone ends with it.
      const { of, taskId } = event;
      return taskId !== undefined && of === taskId ? undefined : changes.budget.hold;
    }
    case 'budget.closed':
      return changes.budget.release;
    default:
      return 'life' in event ? changes.agent.follow : undefined;
  }
}

/** Which of its kind the slot is that an event changes: an id, a name, or both names of an account of a budget. */
export function slotKeyOf(event: SystemEvent, kind: SlotKind): string {
  if (kind === 'task') return taskIdOf(event);
  if (kind === 'variable' || kind === 'schedule')
    return (event as Of<'variable.changed' | 'schedule.set'>).name;
  if (kind === 'round') return (event as Of<'round.opened'>).roundId;
  if (kind === 'agent') return event.agentId!;
  const { budget, of } = event as Of<'budget.refilled'>;
  return JSON.stringify(of === undefined ? [budget] : [budget, of]);
}

/** A line for each of the events that every task has: V8 reads a field fastest where it meets one shape. */
function taskIdOf(event: SystemEvent): string {
  switch (event.type) {
    case 'task.accepted':
      return event.taskId;
    case 'task.started':
      return event.taskId;
    case 'task.completed':
      return event.taskId;
    default:
      return (event as Of<'task.failed'>).taskId;
  }
}

const changesOf = (kind: SlotKind) => ({
  hold: { kind, change: 'hold' } as const,
  follow: { kind, change: 'follow' } as const,
  amend: { kind, change: 'amend' } as const,
  release: { kind, change: 'release' } as const,
});
/** Made once: they are asked for with every event. */
const changes = {
  agent: changesOf('agent'),
  task: changesOf('task'),
  variable: changesOf('variable'),
  round: changesOf('round'),
  budget: changesOf('budget'),
  schedule: changesOf('schedule'),
};

export class FleetIndex {
  private readonly slots: Readonly<Record<SlotKind, RenewedMap<string, Slot>>> = {
    agent: new RenewedMap(),
    task: new RenewedMap(),
    variable: new RenewedMap(),
    round: new RenewedMap(),
    budget: new RenewedMap(),
    schedule: new RenewedMap(),
  };

  /** The agent whose events came last, and its slot: mostly the next one is its own, too. */
  private followedId: string | undefined = undefined;
  private followed: Slot | undefined = undefined;

  note(event: SystemEvent): void {
    const changed = slotChangeOf(event);
    if (changed === undefined) return;
    if (changed === changes.agent.follow) return this.follow(event);
    const { kind, change } = changed;
    if (kind === 'agent') this.followedId = undefined;
    const key = slotKeyOf(event, kind);
    const slots = kind === 'task' ? this.slots.task : this.slots[kind];
    if (change === 'follow' || change === 'amend') {
      const slot = slots.get(key);
      if (slot) slot[change === 'amend' ? 'held' : 'latest'] = event;
    } else {
      // What is held again comes last.
      if (change === 'release' || slots.has(key)) slots.delete(key);
      if (change === 'hold') slots.add(key, { held: event, latest: undefined });
    }
  }

  private follow(event: SystemEvent): void {
    const { agentId } = event;
    if (agentId !== this.followedId) {
      this.followedId = agentId;
      this.followed = this.slots.agent.get(agentId!);
    }
    if (this.followed !== undefined) this.followed.latest = event;
  }

  /** Puts a slot back as it was: the oldest first, for their order is that of the recovery. */
  restore(kind: SlotKind, key: string, slot: Slot): void {
    this.slots[kind].add(key, slot);
    this.followedId = undefined;
  }

  recovery(): Required<Omit<Recovery, 'facts' | 'lastSequence'>> {
    const open: Of<'task.accepted'>[] = [];
    const progress = new Map<string, TaskProgress>();
    const ended: EndedTask[] = [];
    for (const { held, latest } of this.slots.task.values()) {
      const accepted = held as Of<'task.accepted'>;
      if (latest === undefined) open.push(accepted);
      else if (isProgress(latest)) {
        open.push(accepted);
        progress.set(accepted.taskId, latest);
      } else ended.push({ accepted, end: latest as EndedTask['end'] });
    }
    const heldOf = (kind: SlotKind) => [...this.slots[kind].values()].map(({ held }) => held);
    return {
      agents: [...this.slots.agent.values()]
        .map(({ held, latest }) => ({
          registered: held as StoredAgent['registered'],
          latest: latest ?? held,
        }))
        .toSorted((one, other) => placeOf(one) - placeOf(other)),
      tasks: open,
      taskProgress: progress,
      endedTasks: ended,
      schedules: [...this.slots.schedule.values()].map(({ held, latest }) => ({
        set: held as StoredSchedule['set'],
        fired: latest as StoredSchedule['fired'],
      })),
      variables: heldOf('variable') as Of<'variable.changed'>[],
      rounds: heldOf('round') as Of<'round.opened'>[],
      budgets: heldOf('budget') as Of<'budget.settled'>[],
    };
  }
}

/** Its place in the order of registration. */
function placeOf({ registered }: StoredAgent): number {
  return registered.type === 'agent.updated' ? registered.registered : registered.sequence;
}

function isProgress(event: SystemEvent): event is TaskProgress {
  return (
    event.type === 'task.started' || event.type === 'task.parked' || event.type === 'task.retry_scheduled'
  );
}
