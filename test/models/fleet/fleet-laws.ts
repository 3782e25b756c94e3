/** What holds of a fleet's event stream whatever happened to it. Each law throws, and says which event broke it. */
import { strict as assert } from 'node:assert';
import type { SystemEvent, SystemEventType } from '../../../src/index.ts';
import { LIFE_ORDER } from '../../../src/testing/simulate-fleet/life-order.ts';

type Life = Extract<SystemEvent, { life: object }>;

const TASK_ENDS: readonly SystemEventType[] = [
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
];

/** Sequences grow by one, and time never runs backwards. */
export function isOneStream(events: readonly SystemEvent[]): void {
  for (const [index, event] of events.entries()) {
    assert.equal(event.sequence, index + 1, told(event));
    assert.ok(event.at >= (events[index - 1]?.at ?? 0), told(event));
  }
}

/** An agent's events follow on each other as its life allows, and every start has an incarnation of its own. */
export function livesAreLives(events: readonly SystemEvent[]): void {
  const last = new Map<string, SystemEventType>();
  const incarnations = new Map<string, number>();
  for (const event of events) {
    if (event.agentId === undefined || !(event.type in LIFE_ORDER)) continue;
    const { agentId, type } = event;
    const before = last.get(agentId);
    if (before === undefined) assert.equal(type, 'agent.registered', told(event));
    else assert.ok(LIFE_ORDER[before]!.includes(type), `${before} before ${told(event)}`);
    last.set(agentId, type);
    if (type === 'agent.registered') incarnations.set(agentId, 0);
    if (type === 'agent.starting') incarnations.set(agentId, incarnations.get(agentId)! + 1);
    assert.equal(event.incarnation, incarnations.get(agentId), told(event));
  }
}

/** Every accepted task has one end; it begins once at the most, in a life that serves, before that end. */
export function tasksEndOnce(events: readonly SystemEvent[]): void {
  const open = new Map<string, { isStarted: boolean }>();
  const serving = new Map<string, number>();
  for (const event of events) {
    if (event.type === 'agent.started') serving.set(event.agentId, event.incarnation);
    if (
      event.type in LIFE_ORDER &&
      ['stopped', 'completed', 'crashed'].some((end) => event.type === `agent.${end}`)
    ) {
      serving.delete(event.agentId!);
    }
    if (!('taskId' in event)) continue;
    const { taskId } = event;
    if (event.type === 'task.accepted') {
      assert.ok(!open.has(taskId), told(event));
      open.set(taskId, { isStarted: false });
    } else if (event.type === 'task.started') {
      const task = open.get(taskId);
      assert.ok(task && !task.isStarted, told(event));
      assert.equal(serving.get(event.agentId), event.incarnation, `no life that serves: ${told(event)}`);
      task.isStarted = true;
    } else {
      assert.ok(TASK_ENDS.includes(event.type), told(event));
      assert.ok(open.delete(taskId), `ended twice, or never accepted: ${told(event)}`);
    }
  }
  assert.deepEqual([...open.keys()], [], 'every task has an end');
}

/** No more automatic restarts within the window than the policy allows. */
export function restartsAreFew(events: readonly SystemEvent[], maxRestarts: number, withinMs: number): void {
  const planned = new Map<string, number[]>();
  for (const event of events) {
    if (event.type === 'agent.started' && event.life.startedFrom !== 'restart') planned.delete(event.agentId);
    if (event.type !== 'agent.crashed' || event.life.at !== 'waiting') continue;
    const recent = [...(planned.get(event.agentId) ?? []), event.at].filter((at) => event.at - at < withinMs);
    assert.ok(recent.length <= maxRestarts, `${recent.length} restarts: ${told(event)}`);
    planned.set(event.agentId, recent);
  }
}

/**
 * No more restarts are under way at once than there are permits.
 *
 * A permit is passed on before the stream says that the start it was for is over: what counts is how it stands
 * when all of that moment has been said.
 */
export function permitsAreKept(events: readonly SystemEvent[], permits: number): void {
  const restarting = new Set<string>();
  const ofLives = events.filter(isOfLife);
  for (const [index, event] of ofLives.entries()) {
    if (event.type === 'agent.starting' && event.life.startedFrom === 'restart')
      restarting.add(event.agentId);
    else if (event.type !== 'agent.starting') restarting.delete(event.agentId);
    if (ofLives[index + 1]?.at === event.at) continue;
    assert.ok(restarting.size <= permits, `${[...restarting].join(', ')} at once: ${told(event)}`);
  }
}

function isOfLife(event: SystemEvent): event is Life {
  return 'life' in event;
}

function told(event: SystemEvent): string {
  const { sequence, type, agentId, incarnation } = event;
  return `#${sequence} ${type} of ${agentId}/${incarnation}${'taskId' in event ? `, ${event.taskId}` : ''}`;
}
