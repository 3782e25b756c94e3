/**
 * Whether a fleet has coordination, and who leads it, as an inspector is shown it: on the coordinator's chart, by events.
 *
 * Nothing is asked for it but how it stood at first: events tell of everything after that.
 */
import { coordinatorMachine } from '../../machines/index.ts';
import type { CoordinationStatus } from '../../runtime/coordination/coordination.ts';
import type { Leader } from '../../runtime/coordination/leader/leader-election.ts';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { ShownCharts } from './shown-charts.ts';

const KEY = 'coordinator';

export interface AskedCoordination {
  status(): Promise<CoordinationStatus>;
  /** Who was elected last. */
  elected(): Promise<Leader | undefined>;
}

export class ShownCoordination {
  readonly #coordination: AskedCoordination;
  readonly #charts: ShownCharts;
  #path: 'available' | 'away.suspended' | undefined;
  #elected: Leader | undefined;

  constructor(coordination: AskedCoordination, observe: ChartObserver) {
    this.#coordination = coordination;
    this.#charts = new ShownCharts(coordinatorMachine, observe);
  }

  /** Asks how it stands, until that is known. What events have told meanwhile is newer. */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#charts.has(KEY)) return;
    const [status, elected] = await Promise.all([this.#coordination.status(), this.#coordination.elected()]);
    if (signal.aborted) return;
    this.#path ??= status === 'available' ? 'available' : 'away.suspended';
    this.#elected ??= elected;
    this.#show('xstate.init');
  }

  heard(event: SystemEvent): void {
    if (event.type === 'coordination.lost') this.#path = 'away.suspended';
    else if (event.type === 'coordination.restored') this.#path = 'available';
    else if (event.type === 'leader.elected') {
      const { agentId, incarnation, term } = event;
      this.#elected = { agentId, incarnation, term };
    } else return;
    if (this.#charts.has(KEY)) this.#show(event.type);
  }

  #show(event: string): void {
    const { agentId, incarnation, term } = this.#elected ?? {};
    const leader = agentId === undefined ? undefined : { agentId, incarnation };
    this.#charts.show(KEY, { path: this.#path!, context: { term, leader } }, event);
  }
}
