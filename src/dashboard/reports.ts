/**
 * The bodies of the dashboard's answers, put together on request.
 *
 * Owns no state. Redaction happens here, and nowhere else.
 */
import { describeExit } from '../machines/index.ts';
import {
  type AgentChart,
  type AgentRecord,
  AgentSystemError,
  type OpenRound,
  type PoolRecord,
  type VariableRecord,
} from '../index.ts';
import type { AgentTable } from './agent-table.ts';
import type { Chronicle } from './chronicle.ts';
import { tailOf } from './event-tail.ts';
import { lifeReportOf } from './life-report.ts';
import type { LogTail } from './log-tail.ts';
import type { PoolHistory } from './pool-history.ts';
import type {
  AgentDetail,
  AgentRow,
  AlertList,
  CoordinationReport,
  FleetReport,
  LifeReport,
  LogLine,
  PoolDetail,
  ShownEvent,
  ShownPool,
  ShownRound,
  ShownVariable,
  StreamMessages,
  VariableDetail,
} from './protocol.ts';
import { plain, type Redaction } from './redaction.ts';
import type { Vitals } from './vitals.ts';
import type { WatchedSystem } from './watched-system.ts';

export interface ReportSources {
  readonly system: WatchedSystem;
  readonly chronicle: Chronicle;
  readonly vitals: Vitals;
  readonly poolHistory: PoolHistory;
  readonly redaction: Redaction;
  readonly logs: LogTail | undefined;
}

interface EventQuery {
  readonly after?: number | undefined;
  readonly limit: number;
}

/** The longest list of names in one answer. */
const MAX_NAMES = 200;
const MAX_VARIABLES = 500;

export class Reports {
  readonly #sources: ReportSources;

  constructor(sources: ReportSources) {
    this.#sources = sources;
  }

  fleet(table: AgentTable): StreamMessages['fleet'] {
    const { system } = this.#sources;
    const { coordination } = system;
    const leader = coordination.leader();
    const nodes = system.mirror?.nodes();
    return {
      ...table.counts(),
      ...(nodes === undefined ? {} : { nodes }),
      alerts: this.alerts(),
      resources: system.resources(),
      coordination: { status: coordination.status(), ...(leader === undefined ? {} : { leader }) },
    };
  }

  samples(): FleetReport['samples'] {
    return this.#sources.vitals.after(0);
  }

  alerts(): AlertList {
    const alerts = this.#sources.system.alerts.list();
    return { total: alerts.length, alerts: alerts.slice(-MAX_NAMES).toReversed() };
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND` */
  agent(id: string, row: AgentDetail['agent'], children: readonly AgentRow[]): AgentDetail {
    const { system, redaction } = this.#sources;
    const record: AgentRecord = system.agents.get(id);
    const { detail, ...health } = record.health;
    const { reason } = record;
    return {
      agent: row,
      legal: system.agents.legal(id),
      health: { ...health, ...(detail === undefined ? {} : { detail: redaction.shown('detail', detail) }) },
      ...(reason === undefined ? {} : { reason: { text: describeExit(reason), detail: plain(reason) } }),
      children: children.slice(0, MAX_NAMES).map(({ id, status }) => ({ id, status })),
      childCount: children.length,
      abandoned: record.abandoned.slice(0, MAX_NAMES),
      metrics: record.metrics,
      spec: redaction.spec(record.spec),
    };
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, always */
  noAgent(id: string): never {
    this.#sources.system.agents.get(id);
    throw new AgentSystemError('AGENT_NOT_FOUND', `agent ${id} is not listed yet`, { agentId: id });
  }

  /**
   * The agent's own chart; `null` if it has none, or its body cannot tell now.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`
   */
  async chart(id: string): Promise<AgentChart | null> {
    const { agents } = this.#sources.system;
    agents.get(id);
    try {
      return (await agents.chart(id)) ?? null;
    } catch (thrown) {
      if (thrown instanceof AgentSystemError) return null;
      throw thrown;
    }
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, `STORE_FAILED` */
  async savedState(id: string): Promise<unknown> {
    const { system, redaction } = this.#sources;
    const state = await system.agents.savedState(id);
    return state === undefined ? null : redaction.shown('state', state);
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND`, `STORE_FAILED` */
  async life(id: string, limit: number, until: number | undefined): Promise<LifeReport> {
    const record = until === undefined ? this.#recordOf(id) : undefined;
    const steps = await this.#sources.system.events.replay(id, until);
    if (steps.length === 0) await this.#known(id);
    return lifeReportOf(steps, limit, record);
  }

  /** Of an agent, also one that is forgotten. @throws AgentSystemError `AGENT_NOT_FOUND`, `STORE_FAILED` */
  async agentEvents(agentId: string, query: EventQuery): Promise<readonly ShownEvent[]> {
    const events = await this.events({ agentId, ...query });
    if (events.length === 0) await this.#known(agentId);
    return events;
  }

  /** Beyond `after`, oldest first; without it, the newest. @throws AgentSystemError `STORE_FAILED` */
  async events(query: EventQuery & { readonly agentId?: string }): Promise<readonly ShownEvent[]> {
    const { system, chronicle, redaction } = this.#sources;
    const { agentId, after, limit } = query;
    const who = agentId === undefined ? {} : { agentId };
    if (after === undefined) {
      const until = await chronicle.newest(system.events);
      return (await tailOf(system.events, { ...who, until, limit })).map((event) => redaction.event(event));
    }
    const events: ShownEvent[] = [];
    for await (const event of system.events.read({ ...who, after, limit }))
      events.push(redaction.event(event));
    return events;
  }

  logs(agentId: string, limit: number): readonly LogLine[] {
    const { logs, redaction } = this.#sources;
    return (logs?.linesOf(agentId, limit) ?? []).map(({ time, level, msg, ...fields }) => {
      const own: Record<string, unknown> = { ...fields };
      for (const known of ['pid', 'hostname', 'name', 'agentId']) delete own[known];
      return {
        at: typeof time === 'number' ? time : Date.parse(String(time)),
        level: typeof level === 'number' ? level : 30,
        message: String(redaction.shown('log', msg ?? '', 'msg')),
        fields: redaction.shown('log', own),
      };
    });
  }

  coordination(): CoordinationReport {
    const { system } = this.#sources;
    const leader = system.coordination.leader();
    return {
      status: system.coordination.status(),
      ...(leader === undefined ? {} : { leader }),
      variables: this.variables(),
      rounds: this.rounds(),
    };
  }

  variables(): readonly ShownVariable[] {
    const { variables } = this.#sources.system;
    return variables
      .list()
      .slice(0, MAX_VARIABLES)
      .map((record) => this.#variable(record));
  }

  /** @throws AgentSystemError `VARIABLE_UNKNOWN` */
  variable(name: string): VariableDetail {
    const { system, redaction } = this.#sources;
    const shown = this.#variable(system.variables.get(name));
    return {
      ...shown,
      history: system.variables.history(name).map(({ version, value, at, by, why }) => ({
        version,
        value: redaction.shown('variables', value, name),
        at,
        by,
        ...(why === undefined ? {} : { why }),
      })),
      behind: system.variables.outOfDate(name).slice(0, MAX_NAMES),
    };
  }

  rounds(): readonly ShownRound[] {
    const { system, chronicle, redaction } = this.#sources;
    const redacted = (variable: string, value: unknown) => redaction.shown('variables', value, variable);
    const open = system.consensus.rounds().map((round) => this.#openRound(round));
    return [...open, ...chronicle.closedRounds(redacted)];
  }

  pools(): readonly ShownPool[] {
    return this.#sources.system.pools.list().map(shownPool);
  }

  /** @throws AgentSystemError `POOL_UNKNOWN` */
  pool(name: string): PoolDetail {
    const { system, poolHistory, chronicle } = this.#sources;
    const record = system.pools.get(name);
    return {
      ...shownPool(record),
      memberIds: record.members.slice(0, MAX_NAMES),
      samples: poolHistory.of(name),
      decisions: chronicle
        .marks(({ type, pool }) => type === 'pool.scaled' && pool === name)
        .slice(-MAX_NAMES),
    };
  }

  /** An agent is known while it is listed, and after that as long as the store has events of it. */
  async #known(id: string): Promise<void> {
    const { events, agents } = this.#sources.system;
    for await (const _ of events.read({ agentId: id, limit: 1 })) return;
    agents.get(id);
  }

  #recordOf(id: string): AgentRecord | undefined {
    try {
      return this.#sources.system.agents.get(id);
    } catch {
      return undefined;
    }
  }

  #variable({ name, kind, bounds, value, version, updatedAt }: VariableRecord): ShownVariable {
    const { system, redaction } = this.#sources;
    return {
      name,
      kind: kind ?? null,
      bounds: plain(bounds) as ShownVariable['bounds'],
      value: redaction.shown('variables', value, name),
      version,
      updatedAt,
      outOfDate: system.variables.outOfDate(name).length,
    };
  }

  #openRound({
    roundId,
    variable,
    value,
    phase,
    openedAt,
    deadlineAt,
    tally,
    electorate,
    stillOut,
  }: OpenRound): ShownRound {
    const { chronicle, redaction } = this.#sources;
    const { opened, votes } = chronicle.round(roundId);
    return {
      roundId,
      variable,
      value: redaction.shown('variables', value, variable),
      by: opened?.by ?? '',
      ...(opened?.why === undefined ? {} : { why: opened.why }),
      terms: opened?.terms ?? null,
      openedAt,
      deadlineAt,
      phase,
      electorate: electorate.length,
      tally,
      votes,
      stillOut: stillOut.slice(0, MAX_NAMES),
    };
  }
}

function shownPool({ members, ...record }: PoolRecord): ShownPool {
  return { ...record, members: members.length };
}
