/** The source of a live table for a system in this program: no network is involved. */
import type { Logger } from 'pino';
import { Acts } from '../../dashboard/acts.ts';
import type { AgentTable } from '../../dashboard/agent-table.ts';
import { Chronicle, CHRONICLE_TYPES } from '../../dashboard/chronicle.ts';
import type { AgentRow, StreamMessages } from '../../dashboard/protocol.ts';
import { VITAL_TYPES, Vitals } from '../../dashboard/vitals.ts';
import { Watch } from '../../dashboard/watch.ts';
import { needsOf } from '../../dashboard/work-reports.ts';
import type { AgentSystem } from '../../index.ts';
import type { AgentCommand } from '../../machines/index.ts';
import { type FleetPicture, type FleetSource, KEPT_SAMPLES, type TableAct } from './fleet-source.ts';

const LOOK_EVERY_MS = 250;
const SAMPLE_EVERY_MS = 1_000;

export interface LocalSourceOptions {
  readonly title: string;
  readonly system: AgentSystem;
  readonly logger: Logger;
}

export class LocalSource implements FleetSource {
  readonly title: string;
  readonly canControl = true;
  readonly lost = new Promise<never>(() => undefined);
  readonly #system: AgentSystem;
  readonly #watch: Watch;
  readonly #table: AgentTable;
  readonly #vitals = new Vitals();
  readonly #acts: Acts;
  readonly #filled: Promise<void>;
  readonly #subscriptions: readonly (() => void)[];
  readonly #timers: readonly NodeJS.Timeout[];
  #agents: ReadonlyMap<string, AgentRow> = new Map();
  /** Versions of the table and of the samples that were read. */
  #seen = [-1, -1];
  #version = 0;

  constructor({ title, system, logger }: LocalSourceOptions) {
    this.title = title;
    this.#system = system;
    const chronicle = new Chronicle();
    this.#watch = new Watch(system, chronicle);
    const { table, filled } = this.#watch.hold();
    this.#table = table;
    this.#filled = filled;
    this.#acts = new Acts({ system, chronicle, logger });
    this.#subscriptions = [
      system.events.subscribe((event) => this.#vitals.note(event), { types: VITAL_TYPES }),
      system.events.subscribe((event) => chronicle.note(event), { types: CHRONICLE_TYPES }),
    ];
    this.#timers = [
      setInterval(() => this.#vitals.take(Date.now()), SAMPLE_EVERY_MS),
      setInterval(() => void this.#look(), LOOK_EVERY_MS),
    ];
  }

  get ready(): Promise<void> {
    return this.#filled.then(() => this.#look());
  }

  picture(): FleetPicture {
    const newest = [this.#table.version, this.#vitals.taken];
    if (newest[0] !== this.#seen[0]) {
      this.#agents = new Map([...this.#table.rows()].map(({ row }) => [row.id, row]));
    }
    if (newest.some((version, place) => version !== this.#seen[place])) this.#version += 1;
    this.#seen = newest;
    return {
      agents: this.#agents,
      report: this.#report(),
      needs: needsOf(this.#system),
      samples: this.#vitals.after(this.#vitals.taken - KEPT_SAMPLES),
      version: this.#version,
      trouble: this.#system.status === 'open' ? undefined : `the fleet is ${this.#system.status}`,
    };
  }

  legal(agentId: string): Promise<readonly AgentCommand[]> {
    return Promise.resolve(this.#system.agents.legal(agentId));
  }

  async act(agentId: string, act: TableAct): Promise<void> {
    await this.#acts.agent(agentId, act, { by: 'a key of mabeam run' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#watch.close();
    return Promise.resolve();
  }

  #report(): StreamMessages['fleet'] {
    const { alerts, coordination } = this.#system;
    const raised = alerts.list();
    const leader = coordination.leader();
    return {
      ...this.#table.counts(),
      alerts: { total: raised.length, alerts: raised.slice(-1) },
      resources: this.#system.resources(),
      coordination: { status: coordination.status(), ...(leader === undefined ? {} : { leader }) },
    };
  }

  async #look(): Promise<void> {
    this.#table.setAlerts(this.#system.alerts.list());
    await this.#table.refresh();
  }
}
