/**
 * How a fleet stands at the moment of a scrape: agents, queues, memory, pools, budgets, alerts, coordination.
 *
 * A scrape reads every record once; between two scrapes nothing is done.
 */
import { Gauge, type Registry } from 'prom-client';
import type { AgentSystem } from '../index.ts';

export class FleetGauges {
  readonly #system: AgentSystem;
  readonly #register: Registry;
  readonly #names: string[] = [];

  constructor(system: AgentSystem, register: Registry) {
    this.#system = system;
    this.#register = register;
    // The registry collects in this order: the first of a group reads for all of it.
    const agents: Gauge<'type' | 'status'> = this.#gauge(
      'mabeam_agents',
      'Agents by type and status',
      ['type', 'status'],
      () => this.#readAgents({ agents, waiting, running, memory, held }),
    );
    const waiting = this.#gauge('mabeam_tasks_waiting', "Tasks that wait in the agents' queues", ['type']);
    const running = this.#gauge('mabeam_tasks_running', 'Tasks that run', ['type']);
    const memory = this.#gauge('mabeam_agent_memory_bytes', 'Memory of agents that are measured, summed up', [
      'type',
    ]);
    const members: Gauge<'pool' | 'state'> = this.#gauge(
      'mabeam_pool_members',
      'Members of a pool by what they do, and how many are wanted',
      ['pool', 'state'],
      () => this.#readPools(members, queues),
    );
    const queues = this.#gauge('mabeam_pool_tasks_waiting', "Tasks that wait in a pool's queue", ['pool']);
    this.#gauge('mabeam_alerts_raised', 'Alerts that are raised now', ['alert'], (gauge) => {
      gauge.reset();
      for (const { alert } of system.alerts.list()) gauge.inc({ alert });
    });
    const spent: Gauge<'budget' | 'unit'> = this.#gauge(
      'mabeam_budget_spent',
      'What is spent of a budget, by unit, over all of its accounts',
      ['budget', 'unit'],
      () => this.#readBudgets({ spent, reserved, limits, accounts }),
    );
    const reserved: typeof spent = this.#gauge(
      'mabeam_budget_reserved',
      'What is reserved of a budget, by unit, over all of its accounts',
      ['budget', 'unit'],
    );
    const limits: typeof spent = this.#gauge(
      'mabeam_budget_limit',
      'What may be spent of a budget, by unit, over all of its accounts',
      ['budget', 'unit'],
    );
    const accounts = this.#gauge('mabeam_budget_accounts', 'Accounts of a budget, by status', [
      'budget',
      'status',
    ]);
    const held = this.#gauge('mabeam_agents_held', 'Agents that are paused, or parked', ['by']);
    this.#gauge('mabeam_tasks_known', 'Tasks of which there is a record, by status', ['status'], (gauge) => {
      for (const [status, count] of Object.entries(system.tasks.counts())) gauge.set({ status }, count);
    });
    this.#gauge('mabeam_questions_open', 'Questions that wait for a person', [], (gauge) =>
      gauge.set(system.questions.list().length),
    );
    this.#gauge('mabeam_quotas', 'Limits that somebody else keeps, by status', ['status'], (gauge) => {
      gauge.reset();
      for (const { status } of system.quotas.list()) gauge.inc({ status });
    });
    this.#gauge('mabeam_coordination_up', 'Whether coordination is there', [], (gauge) =>
      gauge.set(system.coordination.status() === 'available' ? 1 : 0),
    );
    this.#gauge('mabeam_rounds_open', 'Consensus rounds that are open', [], (gauge) =>
      gauge.set(system.consensus.rounds().length),
    );
    this.#gauge('mabeam_up', 'Whether the system takes commands', [], (gauge) =>
      gauge.set(system.status === 'open' ? 1 : 0),
    );
  }

  close(): void {
    for (const name of this.#names) this.#register.removeSingleMetric(name);
  }

  #gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (gauge: Gauge<Label>) => void = () => undefined,
  ): Gauge<Label> {
    this.#names.push(name);
    const gauge: Gauge<Label> = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#register],
      collect: () => read(gauge),
    });
    return gauge;
  }

  #readAgents(gauges: {
    readonly agents: Gauge<'type' | 'status'>;
    readonly waiting: Gauge<'type'>;
    readonly running: Gauge<'type'>;
    readonly memory: Gauge<'type'>;
    readonly held: Gauge<'by'>;
  }): void {
    const { agents, waiting, running, memory, held } = gauges;
    for (const gauge of Object.values(gauges)) gauge.reset();
    const totals = new Map<string, Totals>();
    let [paused, parked] = [0, 0];
    for (const { type, status, metrics, ...record } of this.#system.agents.list()) {
      let total = totals.get(type);
      if (total === undefined)
        totals.set(type, (total = { statuses: new Map(), waiting: 0, running: 0, bytes: 0 }));
      total.statuses.set(status, (total.statuses.get(status) ?? 0) + 1);
      total.waiting += metrics.waiting;
      total.running += metrics.running;
      total.bytes += metrics.memoryBytes ?? 0;
      if (record.paused) paused += 1;
      if (record.parked) parked += 1;
    }
    held.set({ by: 'pause' }, paused);
    held.set({ by: 'park' }, parked);
    for (const [type, total] of totals) {
      for (const [status, count] of total.statuses) agents.set({ type, status }, count);
      waiting.set({ type }, total.waiting);
      running.set({ type }, total.running);
      memory.set({ type }, total.bytes);
    }
  }

  /** Sums over accounts: one series for each agent or task that has its own would be without bound. */
  #readBudgets(gauges: {
    readonly spent: Gauge<'budget' | 'unit'>;
    readonly reserved: Gauge<'budget' | 'unit'>;
    readonly limits: Gauge<'budget' | 'unit'>;
    readonly accounts: Gauge<'budget' | 'status'>;
  }): void {
    for (const gauge of Object.values(gauges)) gauge.reset();
    for (const { name: budget, status, limits, spent, reserved } of this.#system.budgets.list()) {
      gauges.accounts.inc({ budget, status });
      for (const unit of Object.keys(limits) as (keyof typeof limits)[]) {
        gauges.spent.inc({ budget, unit }, spent[unit] ?? 0);
        gauges.reserved.inc({ budget, unit }, reserved[unit] ?? 0);
        gauges.limits.inc({ budget, unit }, limits[unit] ?? 0);
      }
    }
  }

  #readPools(members: Gauge<'pool' | 'state'>, queues: Gauge<'pool'>): void {
    members.reset();
    queues.reset();
    for (const { name: pool, waiting, ...record } of this.#system.pools.list()) {
      const { wanted, live, idle, starting, down, draining } = record;
      const states = { wanted, busy: live - idle, idle, starting, down, draining };
      for (const [state, count] of Object.entries(states)) members.set({ pool, state }, count);
      queues.set({ pool }, waiting);
    }
  }
}

interface Totals {
  readonly statuses: Map<string, number>;
  waiting: number;
  running: number;
  bytes: number;
}
