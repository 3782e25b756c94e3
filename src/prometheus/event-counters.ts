/**
 * Counters of a fleet's events: starts, ends, restarts, tasks with their times, parks, spending, alerts, rounds.
 *
 * I1  What is counted of agents of a type, and of alerts, is 0 before it first happens: Prometheus sees an increase
 *     between two scrapes alone, and a counter that begins with its first event has none.
 */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { AgentSystem, AlertType, SystemEvent } from '../index.ts';

/** What each begins with: one that is missing does not compile. */
const ALERTS: Readonly<Record<AlertType, 0>> = {
  restart_required: 0,
  gave_up: 0,
  restart_storm: 0,
  body_not_ending: 0,
  state_not_saved: 0,
  secrets_missing: 0,
  definition_missing: 0,
  schedule_refused: 0,
  store_degraded: 0,
  coordination_lost: 0,
  budget_low: 0,
  budget_exhausted: 0,
  pool_degraded: 0,
  pool_starved: 0,
  scaling_blocked: 0,
  scaling_signal_failed: 0,
};
const ENDS = ['stopped', 'completed', 'crashed'] as const;

export class EventCounters {
  readonly #register: Registry;
  /** Types of the agents by id: an event of a task names its agent alone. */
  readonly #types = new Map<string, string>();
  readonly #knownTypes = new Set<string>();
  readonly #names: string[] = [];
  /** Counts 0 for a type that is new. */
  readonly #begin: (type: string) => void;
  readonly #unsubscribe: () => void;

  constructor(system: AgentSystem, register: Registry, buckets: readonly number[]) {
    this.#register = register;
    const starts = this.#counter('mabeam_agent_starts_total', 'Bodies that became ready', ['type']);
    const failures = this.#counter('mabeam_agent_start_failures_total', 'Starts that failed', ['type']);
    const ends = this.#counter('mabeam_agent_ends_total', 'Bodies that ended, by how', ['type', 'as']);
    const restarts = this.#counter('mabeam_agent_restarts_total', 'Restarts that were scheduled', ['type']);
    const gaveUp = this.#counter('mabeam_agent_gave_up_total', 'Agents that are restarted no more', ['type']);
    const tasks = this.#counter('mabeam_tasks_total', 'Tasks that ended, by how', [
      'type',
      'task',
      'as',
      'code',
    ]);
    const parks = this.#counter('mabeam_task_parks_total', 'Tasks that ran into a limit, and wait', [
      'type',
      'task',
    ]);
    const retries = this.#counter(
      'mabeam_task_retries_total',
      'Attempts that failed and were followed by another',
      ['type', 'task', 'code'],
    );
    const used = this.#counter('mabeam_budget_used_total', 'What was used of a budget, by unit', [
      'type',
      'budget',
      'unit',
    ]);
    const alerts = this.#counter('mabeam_alerts_total', 'Alerts that were raised', ['alert']);
    const rounds = this.#counter('mabeam_rounds_total', 'Consensus rounds that were closed, by outcome', [
      'outcome',
    ]);
    const elections = this.#counter('mabeam_leader_elections_total', 'Leaders that were elected', []);
    const waits = this.#histogram(
      'mabeam_task_wait_seconds',
      'From acceptance to start',
      ['type', 'task'],
      buckets,
    );
    const runs = this.#histogram(
      'mabeam_task_duration_seconds',
      'From start to answer',
      ['type', 'task', 'as', 'code'],
      buckets,
    );
    for (const [alert, count] of Object.entries(ALERTS)) alerts.inc({ alert }, count);
    this.#begin = (type) => {
      for (const counter of [starts, failures, restarts, gaveUp]) counter.inc({ type }, 0);
      for (const as of ENDS) ends.inc({ type, as }, 0);
    };
    for (const { id, type } of system.agents.list()) this.#keep(id, type);
    this.#unsubscribe = system.events.subscribe((event) => {
      const type = this.#typeOf(event);
      switch (event.type) {
        case 'agent.started':
          return starts.inc({ type });
        case 'agent.start_failed':
          return failures.inc({ type });
        case 'agent.stopped':
        case 'agent.completed':
        case 'agent.crashed':
          return ends.inc({ type, as: event.type.slice('agent.'.length) });
        case 'agent.restart_scheduled':
          return restarts.inc({ type });
        case 'agent.gave_up':
          return gaveUp.inc({ type });
        case 'task.completed':
        case 'task.failed': {
          const { task, waitedMs, ranMs } = event;
          const as = event.type.slice('task.'.length);
          const ended = { type, task, as, ...(event.type === 'task.failed' ? { code: event.code } : {}) };
          waits.observe({ type, task }, waitedMs / 1_000);
          runs.observe(ended, ranMs / 1_000);
          return tasks.inc(ended);
        }
        case 'task.timed_out':
        case 'task.abandoned':
        case 'task.unknown':
          return tasks.inc({ type, task: event.task, as: event.type.slice('task.'.length) });
        case 'task.parked':
          return parks.inc({ type, task: event.task });
        case 'task.retry_scheduled':
          return retries.inc({ type, task: event.task, code: event.code });
        case 'budget.settled': {
          const { budget } = event;
          for (const [unit, amount] of Object.entries(event.amount)) used.inc({ type, budget, unit }, amount);
          return;
        }
        case 'alert.raised':
          return alerts.inc({ alert: event.alert });
        case 'round.closed':
          return rounds.inc({ outcome: event.outcome });
        case 'leader.elected':
          return elections.inc();
        default:
      }
    });
  }

  close(): void {
    this.#unsubscribe();
    for (const name of this.#names) this.#register.removeSingleMetric(name);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    this.#names.push(name);
    return new Counter({ name, help, labelNames, registers: [this.#register] });
  }

  #histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: readonly number[],
  ): Histogram<Label> {
    this.#names.push(name);
    return new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [this.#register] });
  }

  #keep(agentId: string, type: string): void {
    this.#types.set(agentId, type);
    if (this.#knownTypes.has(type)) return;
    this.#knownTypes.add(type);
    this.#begin(type);
  }

  #typeOf(event: SystemEvent): string {
    const { agentId } = event;
    if (agentId === undefined) return 'unknown';
    if (event.type === 'agent.registered') this.#keep(agentId, event.agentType);
    const type = this.#types.get(agentId);
    if (event.type === 'agent.forgotten') this.#types.delete(agentId);
    return type ?? 'unknown';
  }
}
