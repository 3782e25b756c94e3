/**
 * The agents of a system, by id, in the order of their registration.
 *
 * I1  An id is one agent's, or is reserved for one, or free.
 * I2  Only `list`, `ids`, `counts`, `manifestOf`, the first task for any agent of a type, and the refusals of an unknown
 *     type and, in a small fleet, of an unknown id look at all agents.
 */
import { types } from 'node:util';
import type { AgentStatus } from '../../machines/index.ts';
import type { Agent } from '../agent/agent.ts';
import type { AgentRecord } from '../agent/agent-record.ts';
import type { TaskRequest } from '../agent/task-request.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { nearest } from '../values/near-name.ts';
import { type AgentFilter, type AgentPage, isPage } from './agent-filter.ts';
import { LeastLoadedAgents } from './least-loaded.ts';

/** Among so many agents one is looked for that was meant by an id which none has. */
const FEW = 100;

/** How many agents of a type are in a status. */
export interface AgentCount {
  readonly type: string;
  readonly status: AgentStatus;
  readonly count: number;
}

export class Registry {
  private readonly agents = new Map<string, Agent>();
  /** Ids of those that are being registered. */
  private readonly reserved = new Set<string>();
  /** Of the types that tasks were sent to. */
  private readonly indexes = new Map<string, LeastLoadedAgents>();
  private created = 0;
  /** All ids in their own order, from the first page that is asked for to the next change of who exists. */
  private sorted: readonly string[] | undefined;

  /** Position of the next agent in the order of registration. */
  nextOrder(): number {
    return this.created++;
  }

  get(id: string): Agent | undefined {
    return this.agents.get(id);
  }

  has(id: string): boolean {
    return this.agents.has(id);
  }

  /** @throws AgentSystemError `AGENT_NOT_FOUND` */
  find(id: string): Agent {
    const agent = this.agents.get(id);
    if (agent === undefined) throw this.notFound(id);
    return agent;
  }

  private notFound(id: unknown): AgentSystemError {
    if (typeof id !== 'string') {
      const hint = types.isPromise(id) ? ', which is to be awaited' : '';
      return new AgentSystemError(
        'AGENT_NOT_FOUND',
        `expected the id of an agent, got ${inWords(id)}${hint}`,
      );
    }
    const near = this.agents.size <= FEW ? nearest(id, [...this.agents.keys()]) : undefined;
    const hint = near === undefined ? '' : `, did you mean ${inWords(near)}?`;
    const message = `no agent ${inWords(id)} is registered${hint}`;
    return new AgentSystemError('AGENT_NOT_FOUND', message, { agentId: id });
  }

  all(): Iterable<Agent> {
    return this.agents.values();
  }

  list({
    type,
    status,
    capability,
    isPaused,
    isParked,
    limit,
    after,
  }: AgentFilter & AgentPage): AgentRecord[] {
    const found: AgentRecord[] = [];
    for (const agent of isPage({ limit, after }) ? this.after(after) : this.agents.values()) {
      if (limit !== undefined && found.length >= limit) break;
      const fits =
        (type === undefined || agent.manifest.type === type) &&
        (status === undefined || agent.position.status === status) &&
        (capability === undefined || agent.manifest.capabilities.includes(capability));
      if (!fits) continue;
      const record = agent.record();
      const isHeldSo =
        (isPaused === undefined || isPaused === (record.paused !== undefined)) &&
        (isParked === undefined || isParked === (record.parked !== undefined));
      if (isHeldSo) found.push(record);
    }
    return found;
  }

  /** In the order of registration; of a page in that of the ids. */
  ids(page: AgentPage): string[] {
    if (!isPage(page)) return [...this.agents.keys()];
    const sorted = this.byId();
    const from = placeAfter(sorted, page.after);
    return sorted.slice(from, page.limit === undefined ? undefined : from + page.limit);
  }

  /** Those whose ids come after one, in the order of the ids. */
  private *after(id: string | undefined): Generator<Agent> {
    const sorted = this.byId();
    for (let at = placeAfter(sorted, id); at < sorted.length; at++) yield this.agents.get(sorted[at]!)!;
  }

  private byId(): readonly string[] {
    return (this.sorted ??= [...this.agents.keys()].toSorted());
  }

  /** How many agents of each type are in each status. */
  *counts(): Generator<AgentCount> {
    const types = new Map<string, Map<AgentStatus, number>>();
    for (const { manifest, position } of this.agents.values()) {
      let counts = types.get(manifest.type);
      if (counts === undefined) types.set(manifest.type, (counts = new Map()));
      counts.set(position.status, (counts.get(position.status) ?? 0) + 1);
    }
    for (const [type, counts] of types) for (const [status, count] of counts) yield { type, status, count };
  }

  /**
   * The least loaded agent of a type that takes tasks, one that is paused or waits for a limit after all others.
   *
   * @throws AgentSystemError `AGENT_NOT_FOUND`, `AGENT_NOT_RUNNING`
   */
  leastLoaded(type: string, whenDown?: TaskRequest['whenDown']): Agent {
    const least = this.indexOf(type).first;
    if (least === undefined) throw noneOfType(type);
    const { legal, comesBack } = least.position;
    if (legal.has('execute') || (whenDown === 'wait' && comesBack)) return least;
    throw new AgentSystemError('AGENT_NOT_RUNNING', `no agent of type ${inWords(type)} takes tasks now`);
  }

  private indexOf(type: string): LeastLoadedAgents {
    return this.indexes.get(type) ?? this.newIndex(type);
  }

  private newIndex(type: string): LeastLoadedAgents {
    const index = new LeastLoadedAgents(this.ofType(type));
    if (!index.isEmpty) this.indexes.set(type, index);
    return index;
  }

  private *ofType(type: string): Generator<Agent> {
    for (const agent of this.agents.values()) if (agent.manifest.type === type) yield agent;
  }

  /** What agents of a type can do. @throws AgentSystemError `AGENT_NOT_FOUND` where there is none */
  manifestOf(type: string): AgentManifest {
    for (const { manifest } of this.ofType(type)) return manifest;
    throw noneOfType(type);
  }

  add(agent: Agent): void {
    this.agents.set(agent.id, agent);
    this.sorted = undefined;
    this.indexes.get(agent.manifest.type)?.add(agent);
  }

  /** Removes an agent; another agent that has its id since stays. */
  remove(agent: Pick<Agent, 'id'>): void {
    const there = this.agents.get(agent.id);
    if (there === undefined || there !== agent) return;
    this.agents.delete(agent.id);
    this.sorted = undefined;
    if (there.rank === undefined) return;
    there.rank.leave();
    const { type } = there.manifest;
    if (this.indexes.get(type)?.isEmpty) this.indexes.delete(type);
  }

  /** @throws AgentSystemError `AGENT_EXISTS` */
  assertFree(id: string): void {
    if (!this.isTaken(id)) return;
    throw new AgentSystemError('AGENT_EXISTS', `an agent with id ${inWords(id)} is registered already`, {
      agentId: id,
    });
  }

  /** @throws AgentSystemError `AGENT_EXISTS` */
  reserve(id: string): void {
    this.assertFree(id);
    this.reserved.add(id);
  }

  release(id: string): void {
    this.reserved.delete(id);
  }

  /** The first of these ids that is free: a caller may have used one of them. */
  newId(next: () => string): string {
    for (;;) {
      const id = next();
      if (!this.isTaken(id)) return id;
    }
  }

  private isTaken(id: string): boolean {
    return this.agents.has(id) || (this.reserved.size > 0 && this.reserved.has(id));
  }
}

function noneOfType(type: string): AgentSystemError {
  return new AgentSystemError('AGENT_NOT_FOUND', `no agent of type ${inWords(type)} is registered`);
}

/** The first place in a sorted list that is after a text. */
function placeAfter(sorted: readonly string[], text: string | undefined): number {
  if (text === undefined) return 0;
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle]! > text) to = middle;
    else from = middle + 1;
  }
  return from;
}
