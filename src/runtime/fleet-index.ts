/**
 * What a recovery needs of the events so far, kept while they pass: constant work an event, whatever the fleet.
 */
import type { Recovery, StoredAgent } from './store.ts';
import type { SystemEvent } from './system-event.ts';

type Of<Type extends SystemEvent['type']> = Extract<SystemEvent, { type: Type }>;

export class FleetIndex {
  readonly #agents = new Map<string, { registered: Of<'agent.registered'>; latest: SystemEvent }>();
  readonly #tasks = new Map<string, Of<'task.accepted'>>();
  readonly #variables = new Map<string, Of<'variable.changed'>>();
  readonly #rounds = new Map<string, Of<'round.opened'>>();

  note(event: SystemEvent): void {
    switch (event.type) {
      case 'agent.registered':
        this.#agents.set(event.agentId, { registered: event, latest: event });
        return;
      case 'agent.forgotten':
        this.#agents.delete(event.agentId);
        return;
      case 'task.accepted':
        this.#tasks.set(event.taskId, event);
        return;
      case 'task.completed':
      case 'task.failed':
      case 'task.timed_out':
      case 'task.abandoned':
      case 'task.unknown':
        this.#tasks.delete(event.taskId);
        return;
      case 'variable.changed':
        this.#variables.set(event.name, event);
        return;
      case 'round.opened':
        this.#rounds.set(event.roundId, event);
        return;
      case 'round.closed':
        this.#rounds.delete(event.roundId);
        return;
      default:
        if ('life' in event) {
          const agent = this.#agents.get(event.agentId);
          if (agent) agent.latest = event;
        }
    }
  }

  recovery(): Pick<Recovery, 'agents' | 'tasks' | 'variables' | 'rounds'> {
    return {
      agents: [...this.#agents.values()].map((agent): StoredAgent => ({ ...agent })),
      tasks: [...this.#tasks.values()],
      variables: [...this.#variables.values()],
      rounds: [...this.#rounds.values()],
    };
  }
}
