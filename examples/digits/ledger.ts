/**
 * What the event stream tells of each agent's life: every figure of the report about lives and crashes comes
 * from here, none from what the example hoped for.
 */
import type { SystemEvent } from '../../src/index.ts';

export interface AgentLife {
  readonly id: string;
  /** The statuses it went through, in order. */
  readonly path: string[];
  incarnations: number;
  tasksDone: number;
  tasksFailed: number;
}

export interface Sighting {
  readonly type: SystemEvent['type'];
  readonly agentId: string;
  readonly atMs: number;
}

/** The status that each event leaves its agent in; other events change no status. */
const STATUS_AFTER: Partial<Record<SystemEvent['type'], string>> = {
  'agent.registered': 'registered',
  'agent.starting': 'starting',
  'agent.started': 'running',
  'agent.unresponsive': 'unresponsive',
  'agent.recovered': 'running',
  'agent.stopping': 'stopping',
  'agent.stopped': 'stopped',
  'agent.completed': 'completed',
  'agent.crashed': 'crashed',
};

export class Ledger {
  readonly lives = new Map<string, AgentLife>();
  readonly sightings: Sighting[] = [];

  note(event: SystemEvent): void {
    const id = event.agentId;
    if (id === undefined) return;
    const life = this.#lifeOf(id);
    if (event.incarnation !== undefined) life.incarnations = Math.max(life.incarnations, event.incarnation);
    if (event.type === 'task.completed') life.tasksDone++;
    if (event.type === 'task.failed' || event.type === 'task.timed_out' || event.type === 'task.abandoned') {
      life.tasksFailed++;
    }
    const status = STATUS_AFTER[event.type];
    if (status === undefined) return;
    if (life.path.at(-1) !== status) life.path.push(status);
    this.sightings.push({ type: event.type, agentId: id, atMs: performance.now() });
  }

  /** When an agent was first seen in an event of a type after a moment (`performance.now()` ms). */
  firstAfter(agentId: string, type: SystemEvent['type'], afterMs: number): number | undefined {
    return this.sightings.find(
      (seen) => seen.agentId === agentId && seen.type === type && seen.atMs >= afterMs,
    )?.atMs;
  }

  #lifeOf(id: string): AgentLife {
    let life = this.lives.get(id);
    if (!life) {
      life = { id, path: [], incarnations: 0, tasksDone: 0, tasksFailed: 0 };
      this.lives.set(id, life);
    }
    return life;
  }
}
