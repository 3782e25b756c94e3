/** The alerts of one agent, kept with it. Each is raised once and cleared when it is over, with an event each time. */
import type { AlertType, EventBody } from '../../runtime/journal/system-event.ts';
import type { AgentState } from './agent-state.ts';

export interface AgentAlertsOwner {
  readonly state: AgentState;
  readonly now: number;
  emit(event: EventBody): void;
}

export class AgentAlerts {
  readonly #owner: AgentAlertsOwner;

  constructor(owner: AgentAlertsOwner) {
    this.#owner = owner;
  }

  /** @param isTold its event is in the stream already @returns whether it was not raised before */
  raise(alert: AlertType, message: string, isTold = false): boolean {
    const { state, now } = this.#owner;
    const { id: agentId } = state;
    if (state.alerts.some((other) => other.alert === alert)) return false;
    state.alerts.push({ alert, message, agentId, raisedAt: now });
    if (!isTold) this.#owner.emit({ type: 'alert.raised', alert, message, agentId });
    return true;
  }

  clear(alert: AlertType): void {
    const { state } = this.#owner;
    const left = state.alerts.filter((other) => other.alert !== alert);
    if (left.length === state.alerts.length) return;
    state.alerts = left;
    this.#owner.emit({ type: 'alert.cleared', alert, agentId: state.id });
  }

  clearAll(): void {
    for (const { alert } of this.#owner.state.alerts) this.clear(alert);
  }
}
