/**
 * The life of each agent of a fleet, as an inspector is shown it: the state after each of its events.
 *
 * I1  Between two reads of an agent there may have been several steps: only the newest is shown.
 * I2  Only agents with a new event are read, some at a time.
 */
import { agentMachine } from '../../machines/index.ts';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { FleetAgents, PlacedRecord } from '../client/fleet-agents.ts';
import { ShownCharts, type Standing } from './shown-charts.ts';
import type { ShownQuotas } from './shown-quotas.ts';

const AT_ONCE = 8;

export interface ShownLivesOptions {
  readonly agents: FleetAgents;
  readonly observe: ChartObserver;
  readonly quotas: ShownQuotas;
  readonly signal: AbortSignal;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

export class ShownLives {
  readonly #options: ShownLivesOptions;
  readonly #lives: ShownCharts;
  /** The newest event of each agent that is to be read. */
  readonly #due = new Map<string, string>();
  #isAsking = false;

  constructor(options: ShownLivesOptions) {
    this.#options = options;
    this.#lives = new ShownCharts(agentMachine, options.observe);
  }

  /** Shows all that there are. */
  async begin(): Promise<void> {
    const { agents, signal, reportFault } = this.#options;
    try {
      for (const record of await agents.list())
        if (!signal.aborted && !this.#lives.has(record.id)) this.#show(record, 'xstate.init');
    } catch (thrown) {
      if (!signal.aborted) reportFault('the agents could not be listed', thrown);
    }
  }

  heard({ agentId, type }: SystemEvent): void {
    if (agentId === undefined || type === 'agent.state_saved') return;
    this.#due.set(agentId, type);
    void this.#askAll();
  }

  async #askAll(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#due.size > 0 && !this.#options.signal.aborted) {
      const some = [...this.#due].slice(0, AT_ONCE);
      for (const [id] of some) this.#due.delete(id);
      await Promise.all(some.map(([id, event]) => this.#ask(id, event)));
    }
    this.#isAsking = false;
  }

  async #ask(id: string, event: string): Promise<void> {
    const { agents, signal, reportFault } = this.#options;
    try {
      const record = await agents.get(id);
      if (!signal.aborted) this.#show(record, event);
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_FOUND') this.#end(id, event);
      else if (!signal.aborted) reportFault('an agent could not be shown', thrown);
    }
  }

  #show(record: PlacedRecord, event: string): void {
    this.#lives.show(record.id, standingOf(record), event);
    this.#options.quotas.agentSeen(record, event);
  }

  #end(id: string, event: string): void {
    this.#lives.end(id, { path: 'forgotten', context: { id } }, event);
    this.#options.quotas.agentForgotten(id, event);
  }
}

function standingOf(record: PlacedRecord): Standing {
  const { id, incarnation, restarts, status, state, node, restartAt, reason, paused, parked } = record;
  return {
    path: state,
    context: { id, incarnation, status, restarts, node, restartAt, reason, paused, parked },
  };
}
