/** What somebody should look at: raised once, cleared when it is over, an event each time. */
import type { Journal } from '../journal/journal.ts';
import type { AlertType, EventBody } from '../journal/system-event.ts';

/** A condition that a person should look at: raised once, cleared when it is over. */
export interface Alert {
  /** Its kind. */
  readonly alert: AlertType;
  /** The agent that it is about. */
  readonly agentId?: string;
  /** The pool that it is about. */
  readonly pool?: string;
  /** The budget that it is about. */
  readonly budget?: string;
  /** The schedule that it is about. */
  readonly schedule?: string;
  /** What is the matter, in words. */
  readonly message: string;
  /** Epoch ms. */
  readonly raisedAt: number;
}

/** What it is about, where that is no agent. */
type Subject = { readonly pool: string } | { readonly budget: string } | { readonly schedule: string };

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

  /** One that is raised already is not raised again. `of`: the agent's id, or the pool, the budget or the schedule. */
  raise(alert: AlertType, message: string, of?: string | Subject): void {
    if (this.#active.has(keyOf(alert, of))) return;
    const { at } = this.#journal.emit({ type: 'alert.raised', alert, message, ...subjectOf(of) });
    this.restore(alert, message, at, of);
  }

  /** One that an earlier program raised, and that still stands: it is listed again, and the stream has it already. */
  restore(alert: AlertType, message: string, raisedAt: number, of?: string | Subject): void {
    const subject = subjectOf(of);
    this.#active.set(keyOf(alert, of), { alert, message, raisedAt, ...subject });
    const { agentId } = subject;
    if (agentId === undefined) return;
    const kinds = this.#ofAgent.get(agentId);
    if (kinds) kinds.add(alert);
    else this.#ofAgent.set(agentId, new Set([alert]));
  }

  clear(alert: AlertType, of?: string | Subject): void {
    // Most agents have none.
    if (typeof of === 'string' && !this.#ofAgent.get(of)?.has(alert)) return;
    if (!this.#active.delete(keyOf(alert, of))) return;
    const { agentId, ...subject } = subjectOf(of);
    if (agentId !== undefined) {
      const kinds = this.#ofAgent.get(agentId);
      kinds?.delete(alert);
      if (kinds?.size === 0) this.#ofAgent.delete(agentId);
    }
    const cleared: EventBody = {
      type: 'alert.cleared',
      alert,
      ...subject,
      ...(agentId === undefined ? {} : { agentId }),
    };
    this.#journal.emit(cleared);
  }

  clearAll(agentId: string): void {
    const raised = this.#ofAgent.get(agentId);
    if (raised) for (const alert of raised) this.clear(alert, agentId);
  }
}

function keyOf(alert: AlertType, of: string | Subject | undefined): string {
  if (of === undefined) return alert;
  if (typeof of === 'string') return `${alert} ${of}`;
  const [[kind, name]] = Object.entries(of) as [[string, string]];
  return `${alert} ${kind} ${name}`;
}

function subjectOf(of: string | Subject | undefined): {
  readonly agentId?: string;
  readonly pool?: string;
  readonly budget?: string;
  readonly schedule?: string;
} {
  if (of === undefined) return {};
  return typeof of === 'string' ? { agentId: of } : of;
}
