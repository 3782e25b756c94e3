/** What somebody should look at: raised once, cleared when it is over, an event each time. */
import type { Journal } from './journal.ts';
import type { AlertType, EventBody } from './system-event.ts';

export interface Alert {
  readonly alert: AlertType;
  readonly agentId?: string;
  readonly message: string;
  /** Epoch ms. */
  readonly raisedAt: number;
}

export class Alerts {
  readonly #journal: Journal;
  readonly #active = new Map<string, Alert>();
  /** Kinds that are raised, by agent: clearing an agent's takes no search. */
  readonly #ofAgent = new Map<string, Set<AlertType>>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  list(): readonly Alert[] {
    return [...this.#active.values()];
  }

  /** One that is raised already is not raised again. */
  raise(alert: AlertType, message: string, agentId?: string): void {
    const key = keyOf(alert, agentId);
    if (this.#active.has(key)) return;
    const of = agentId === undefined ? {} : { agentId };
    const { at } = this.#journal.emit({ type: 'alert.raised', alert, message, ...of });
    this.#active.set(key, { alert, message, raisedAt: at, ...of });
    if (agentId === undefined) return;
    const kinds = this.#ofAgent.get(agentId);
    if (kinds) kinds.add(alert);
    else this.#ofAgent.set(agentId, new Set([alert]));
  }

  clear(alert: AlertType, agentId?: string): void {
    if (!this.#active.delete(keyOf(alert, agentId))) return;
    if (agentId !== undefined) {
      const kinds = this.#ofAgent.get(agentId);
      kinds?.delete(alert);
      if (kinds?.size === 0) this.#ofAgent.delete(agentId);
    }
    const cleared: EventBody = {
      type: 'alert.cleared',
      alert,
      ...(agentId === undefined ? {} : { agentId }),
    };
    this.#journal.emit(cleared);
  }

  clearAll(agentId: string): void {
    for (const alert of this.#ofAgent.get(agentId) ?? []) this.clear(alert, agentId);
  }
}

function keyOf(alert: AlertType, agentId: string | undefined): string {
  return agentId === undefined ? alert : `${alert} ${agentId}`;
}
