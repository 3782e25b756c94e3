/**
 * Agents that were spawned by agents, and what happens to them when their parent has ended.
 *
 * Owns the relation of parents and children, from the specs. parent-rule.ts says what follows from an end.
 *
 * I1  A child whose parent has ended for good is ended by its rule, by this program or by the next: the stream
 *     says that a parent has ended, and the child's spec names the parent.
 * I2  No step looks at more agents than those it is for.
 */
import { type AgentLife, hasEndedForGood, orphanedStop } from '../../machines/index.ts';
import type { Agent } from '../agent/agent.ts';
import type { Journal } from '../journal/journal.ts';
import type { SystemEvent, SystemEventType } from '../journal/system-event.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { Agents } from './agents.ts';

export interface FamiliesOptions {
  readonly journal: Journal;
  readonly agents: Agents;
  readonly clock: SteadyClock;
}

/** What may be the end of a parent. */
const ENDS: ReadonlySet<SystemEventType> = new Set<SystemEventType>([
  'agent.stopped',
  'agent.completed',
  'agent.crashed',
  'agent.forgotten',
]);

export class Families {
  readonly #agents: Agents;
  readonly #clock: SteadyClock;
  /** Ids of children, by that of their parent. */
  readonly #children = new Map<string, Set<string>>();
  /** Ids of their parents. */
  readonly #parents = new Map<string, string>();

  constructor({ journal, agents, clock }: FamiliesOptions) {
    this.#agents = agents;
    this.#clock = clock;
    const note = (event: SystemEvent) => this.#note(event);
    journal.observe((type) => (ENDS.has(type) ? note : undefined));
  }

  /** Takes the agents of an earlier program, before any of them is resumed. */
  adopt(agents: Iterable<Agent>): void {
    for (const agent of agents) this.admit(agent);
  }

  /** Ends agents whose parent has ended for good; called once all are resumed. @param latest the last event of each agent */
  recover(latest: ReadonlyMap<string, SystemEvent>): void {
    for (const parent of this.#children.keys()) {
      const last = latest.get(parent);
      const hasEnded = last === undefined || ('life' in last && hasEndedForGood(last.life.at));
      if (hasEnded) this.#parentEnded(parent);
    }
  }

  /** Takes an agent: one that was spawned has a parent. */
  admit({ id, spec: { parent } }: Agent): void {
    if (parent === undefined) return;
    this.#parents.set(id, parent.id);
    const children = this.#children.get(parent.id);
    if (children) children.add(id);
    else this.#children.set(parent.id, new Set([id]));
  }

  /** Whether an agent has ended for good. */
  hasEnded(id: string): boolean {
    if (!this.#agents.has(id)) return true;
    const place = this.#agents.find(id).position.path.split('.').at(-1);
    return hasEndedForGood(place as AgentLife['at']);
  }

  #note(event: SystemEvent): void {
    const { agentId } = event;
    if (agentId === undefined || this.#children.size === 0) return;
    if (event.type === 'agent.forgotten') {
      this.#parentEnded(agentId);
      this.#remove(agentId);
    } else if ('life' in event && hasEndedForGood(event.life.at)) this.#parentEnded(agentId);
  }

  #parentEnded(parent: string): void {
    for (const id of this.#children.get(parent) ?? []) this.#orphaned(id);
  }

  #orphaned(id: string): void {
    if (!this.#agents.has(id)) return;
    const child = this.#agents.find(id);
    const order = child.spec.parent && orphanedStop(child.spec.parent.rule);
    if (order === undefined || !child.position.legal.has('stop')) return;
    // No caller waits for it; its end is an event.
    child.end({ type: 'agent.stop', at: this.#clock.now(), ...order }).catch(() => undefined);
  }

  #remove(child: string): void {
    const parent = this.#parents.get(child);
    if (parent === undefined) return;
    this.#parents.delete(child);
    const children = this.#children.get(parent);
    children?.delete(child);
    if (children?.size === 0) this.#children.delete(parent);
  }
}
