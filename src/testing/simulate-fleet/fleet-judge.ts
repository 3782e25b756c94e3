/**
 * Holds a simulated fleet to the laws: by its events, by what callers were told, and by what bodies were given.
 *
 * Owns two histories: what subscribers were told, and what the store kept. The runtime's own state is looked at only to
 * be compared with them.
 */
import { createHash } from 'node:crypto';
import { type BudgetSpecInput, budgetUnits } from '../../machines/index.ts';
import type { BodyStart } from '../../runtime/hosting/host.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import type { AgentSystem } from '../../runtime/system/agent-system.ts';
import type { BodyWitness, FaultyHost } from './faulty-host.ts';
import { inLine } from './event-line.ts';
import { FleetHistory } from './fleet-history.ts';
import { broken, FleetLawBroken } from './laws.ts';
import { judgeNext } from './next-event.ts';

/** Events that a finding shows. */
const TAIL = 40;

export interface FleetJudgeOptions {
  readonly maxConcurrentRestarts: number;
  readonly budgets: readonly BudgetSpecInput[];
  /** Texts of the agents' secrets: none of them may be told or kept. */
  readonly secrets: readonly string[];
  /** Whether the running program lacks a secret of this agent. */
  readonly lacksSecrets: (agentId: string) => boolean;
}

/** How long a child may outlive its parent, ms: longer than its own grace and its host's together. */
const ORPHAN_MS = 120_000;

/** Unanswered requests of a running task to other agents. */
type Asking = Map<number, string>;

/** The states that an agent's next body may begin with. */
interface AgentStates {
  /** States that bodies have told the runtime, oldest first. Those that no body may begin with any more are dropped. */
  readonly told: string[];
  /** How many states were dropped before the first in `told`. */
  first: number;
  /** Number of the state left by the last task whose end is in the store. */
  kept: number;
  /** Number of the state that each finished task left, until the task's end is in the store. */
  readonly ofTasks: Map<string, number>;
}

export class FleetJudge implements BodyWitness {
  readonly #options: FleetJudgeOptions;
  readonly #hash = createHash('sha256');
  #told = new FleetHistory();
  #kept = new FleetHistory();
  #broken: FleetLawBroken | undefined;
  readonly #live = new Map<string, number>();
  readonly #states = new Map<string, AgentStates>();
  /** States of forgotten agents, until the store has kept that they are forgotten. */
  readonly #forgotten = new Map<string, AgentStates>();
  /** Versions of variables that each agent's living body was given. */
  readonly #versions = new Map<string, Map<string, number>>();
  /** How many tasks callers were told are done, by agent; the total is below. */
  readonly #acknowledged = new Map<string, number>();
  #allAcknowledged = 0;
  /** Children whose parents have ended, and since when. */
  readonly #orphans = new Map<string, number>();
  /** Tasks that run in bodies, by agent. */
  readonly #atWork = new Map<string, Map<string, Asking>>();
  readonly #tail: SystemEvent[] = [];
  events = 0;
  readonly counts = new Map<string, number>();

  constructor(options: FleetJudgeOptions) {
    this.#options = options;
  }

  get told(): FleetHistory {
    return this.#told;
  }

  get kept(): FleetHistory {
    return this.#kept;
  }

  /** The last events that were told, as lines. */
  get tail(): readonly string[] {
    return this.#tail.map(inLine);
  }

  /** A hash of all events that were told, in order. */
  hash(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Runs `check`; what it finds is thrown at the next `assertHolds`. */
  attempt(check: () => void): void {
    try {
      check();
    } catch (thrown) {
      if (!(thrown instanceof FleetLawBroken)) throw thrown;
      this.#broken ??= thrown;
    }
  }

  /** @throws FleetLawBroken the first that was found */
  assertHolds(): void {
    if (this.#broken) throw this.#broken;
  }

  // Events.

  /** Takes an event that was told, or is about to be kept. An event may come twice: once each way. */
  hears(event: SystemEvent): void {
    if (event.sequence <= this.#told.told.lastSequence) return;
    this.events += 1;
    this.counts.set(event.type, (this.counts.get(event.type) ?? 0) + 1);
    this.#tail.push(event);
    if (this.#tail.length > TAIL) this.#tail.shift();
    const text = JSON.stringify(event, withoutStacks);
    this.#hash.update(text);
    this.holdsNoSecret(() => inLine(event), text);
    // An agent whose registration the store refused is forgotten in whatever state it is.
    const isTakenBack = event.type === 'agent.forgotten' && !this.#kept.told.agents.has(event.agentId);
    if (!isTakenBack) this.attempt(() => judgeNext(this.#told, event));
    if (event.type === 'budget.reserved') this.attempt(() => this.#judgeGrant(event));
    if (event.type === 'agent.starting') this.attempt(() => this.#judgeStart(event));
    this.#told.note(event);
    if (event.type === 'agent.forgotten') this.#forget(event.agentId);
  }

  /** Checks a text that is shown or kept for secrets. */
  holdsNoSecret(what: () => string, text: string): void {
    if (!this.#options.secrets.some((secret) => text.includes(secret))) return;
    this.attempt(() => broken('a secret is never told', what()));
  }

  keeps(events: readonly SystemEvent[]): void {
    for (const event of events) {
      this.hears(event);
      this.#kept.note(event);
      if (event.type === 'task.completed') {
        const states = this.#states.get(event.agentId);
        const left = states?.ofTasks.get(event.taskId);
        if (states === undefined || left === undefined) continue;
        states.ofTasks.delete(event.taskId);
        states.kept = Math.max(states.kept, left);
      } else if (event.type === 'agent.forgotten') {
        this.#forgotten.delete(event.agentId);
      }
    }
  }

  /** The program has died; the next one begins with what was kept. */
  programEnds(): void {
    this.#kept = this.#kept.resumed();
    this.#told = this.#kept.resumed();
    this.#live.clear();
    this.#atWork.clear();
    this.#orphans.clear();
    this.#versions.clear();
    for (const [agentId, states] of this.#forgotten) this.#states.set(agentId, states);
    this.#forgotten.clear();
    this.#hash.update('program');
  }

  // Bodies.

  opened({ agentId, incarnation, restored, variables }: BodyStart): void {
    const live = (this.#live.get(agentId) ?? 0) + 1;
    this.#live.set(agentId, live);
    this.#versions.set(agentId, new Map(variables.map(({ name, version }) => [name, version])));
    this.attempt(() => {
      if (live > 1)
        broken('one body at the most', `${live} of ${agentId} once incarnation ${incarnation} began`);
      if (this.#options.lacksSecrets(agentId))
        broken(
          'an agent without its secrets waits',
          `${agentId} has begun incarnation ${incarnation} without it`,
        );
      this.#judgeRestored(agentId, restored);
    });
  }

  exited(agentId: string): void {
    this.#live.set(agentId, (this.#live.get(agentId) ?? 1) - 1);
    this.#atWork.delete(agentId);
  }

  taskBegun(agentId: string, taskId: string): void {
    const tasks = this.#atWork.get(agentId) ?? new Map<string, Asking>();
    this.#atWork.set(agentId, tasks.set(taskId, new Map()));
  }

  taskOver(agentId: string, taskId: string): void {
    this.#atWork.get(agentId)?.delete(taskId);
  }

  asked(agentId: string, taskId: string, requestId: number, args: unknown): void {
    const target = (args as { readonly target?: unknown } | undefined)?.target;
    if (typeof target === 'string') this.#atWork.get(agentId)?.get(taskId)?.set(requestId, target);
  }

  answered(agentId: string, taskId: string, requestId: number): void {
    this.#atWork.get(agentId)?.get(taskId)?.delete(requestId);
  }

  stateTold(agentId: string, { json }: SavedState): void {
    this.holdsNoSecret(() => `a saved state of ${agentId}`, json);
    this.#statesOf(agentId).told.push(json);
  }

  taskDone(agentId: string, taskId: string): void {
    const states = this.#statesOf(agentId);
    states.ofTasks.set(taskId, states.first + states.told.length - 1);
  }

  variablePosted(agentId: string, _incarnation: number, name: string, version: number): void {
    const versions = this.#versions.get(agentId);
    const before = versions?.get(name) ?? 0;
    versions?.set(name, version);
    this.attempt(() => {
      if (version < before)
        broken('versions only grow', `${agentId} was told version ${version} of ${name} after ${before}`);
    });
  }

  #forget(agentId: string): void {
    const states = this.#states.get(agentId);
    if (states && !this.#forgotten.has(agentId)) this.#forgotten.set(agentId, states);
    this.#states.delete(agentId);
  }

  #statesOf(agentId: string): AgentStates {
    let states = this.#states.get(agentId);
    if (states === undefined) {
      states = { told: [], first: 0, kept: -1, ofTasks: new Map() };
      this.#states.set(agentId, states);
    }
    return states;
  }

  #judgeRestored(agentId: string, restored: SavedState | undefined): void {
    const states = this.#statesOf(agentId);
    const { told, first, kept } = states;
    // No state at all comes before the first one.
    const at = restored === undefined ? -1 : told.lastIndexOf(restored.json);
    const place = restored === undefined ? first - 1 : at < 0 ? undefined : first + at;
    if (place === undefined)
      broken(
        'what is restored is the newest',
        `${agentId} begins with a state that it never had: ${restored?.json}`,
      );
    if (place < kept) {
      const newest = told[kept - first];
      broken(
        'what is restored is the newest',
        `${agentId} begins with ${restored?.json ?? 'nothing'}, and ${newest} was kept`,
      );
    }
    // The body goes on from this state: later ones are lost, and those before the last kept one can be dropped.
    states.ofTasks.clear();
    told.length = place - first + 1;
    const spare = Math.max(0, kept - first);
    told.splice(0, spare);
    states.first += spare;
  }

  // Callers.

  /** A caller was told that a task of an agent is done; `undefined` where it may have been any agent. */
  taskAcknowledged(agentId: string | undefined): void {
    const { done, allDone } = this.#kept.told;
    this.#allAcknowledged += 1;
    if (this.#allAcknowledged > allDone) {
      broken(
        'what was acknowledged is kept',
        `${this.#allAcknowledged} tasks were answered, ${allDone} are kept as done`,
      );
    }
    if (agentId === undefined) return;
    const acknowledged = (this.#acknowledged.get(agentId) ?? 0) + 1;
    this.#acknowledged.set(agentId, acknowledged);
    const kept = done.get(agentId) ?? 0;
    if (acknowledged > kept)
      broken(
        'what was acknowledged is kept',
        `${acknowledged} tasks of ${agentId} were answered, ${kept} are kept as done`,
      );
  }

  /** @param isKept whether the store has it */
  acknowledged(what: string, isKept: boolean): void {
    if (!isKept)
      broken('what was acknowledged is kept', `${what}: a caller was told, and the store does not have it`);
  }

  // What the runtime shows, once nothing moves.

  judgeQuiet(system: AgentSystem, host: FaultyHost, now: number): void {
    const { agents, rounds, variables } = this.#told.told;
    const isThere = system.coordination.status() === 'available';
    const isOpen = system.status === 'open';
    const restarting = [...agents.values()].filter(({ isRestarting }) => isRestarting);
    this.#judgePermits(
      restarting.map(({ kind }) => kind),
      now,
    );
    this.#judgeBodies(host);
    if (isOpen) this.#judgeHeld(now);
    if (isOpen) this.#judgeQuestions(system);
    if (isOpen) this.#judgeWaits();
    for (const [id, { deadlineAt, openedAt }] of rounds) {
      if (!isThere)
        broken('every round ends', `${id} is open, and coordination is ${system.coordination.status()}`);
      // A leader who is asked gets the same time again.
      const latest = deadlineAt + (deadlineAt - openedAt);
      if (now > latest) broken('every round ends', `${id} is open ${now - latest} ms after its time`);
    }
    if (isOpen) this.#judgeRecords(system);
    if (isOpen && isThere) {
      for (const agent of agents.values()) {
        if (!this.#told.isServing(agent.id) || system.agents.get(agent.id).status === 'stopping') continue;
        for (const name of agent.variables) {
          const version = variables.get(name)?.version;
          const given = this.#versions.get(agent.id)?.get(name);
          if (version !== undefined && given !== version)
            broken(
              'a value reaches its listeners',
              `${name} has version ${version}, ${agent.id} was given ${given}`,
            );
        }
      }
    }
    const leader = isOpen && isThere ? system.coordination.leader() : undefined;
    if (leader !== undefined) {
      const incarnation = agents.get(leader.agentId)?.incarnation;
      if (!this.#told.isServing(leader.agentId) || incarnation !== leader.incarnation)
        broken('one leader a term', `${leader.agentId}/${leader.incarnation} leads, and does not serve`);
    }
    for (const { name, max, members, draining, waiting, idle, status } of system.pools.list()) {
      if (waiting > 0 && idle > 0 && status !== 'closing')
        broken('a pool keeps its bounds', `${waiting} tasks wait in ${name}, and ${idle} members are idle`);
      if (members.length - draining > max)
        broken(
          'a pool keeps its bounds',
          `${name} has ${members.length - draining} members, ${max} are allowed`,
        );
    }
  }

  #judgeGrant({
    budget,
    spent,
    reserved,
    ...event
  }: Extract<SystemEvent, { type: 'budget.reserved' }>): void {
    const limits = this.#options.budgets.find(({ name }) => name === budget)?.limits ?? {};
    for (const unit of budgetUnits) {
      const limit = limits[unit];
      const granted = (spent[unit] ?? 0) + (reserved[unit] ?? 0);
      // Sums of money are exact to six digits.
      if (limit === undefined || granted <= limit + 1e-9) continue;
      broken(
        'grants stay within the budget',
        `${granted} ${unit} of ${budget} are spent or reserved, ${limit} may be: #${event.sequence}`,
      );
    }
  }

  /** A start that a caller asks for may fail for lack of a secret; a restart waits for the secret. */
  #judgeStart(event: Extract<SystemEvent, { type: 'agent.starting' }>): void {
    if (event.life.startedFrom !== 'restart' || !this.#options.lacksSecrets(event.agentId)) return;
    broken('an agent without its secrets waits', `it is restarted without it: ${inLine(event)}`);
  }

  #judgeHeld(now: number): void {
    const { agents } = this.#told.told;
    // After the reset one agent goes on at once, and at least one more every second.
    const turns = (agents.size + 1) * 1_000;
    for (const { id, parkedUntil, parent } of agents.values()) {
      if (parkedUntil !== undefined && this.#told.isServing(id) && now > parkedUntil + turns)
        broken('a wait has an end', `${id} is parked, and its reset was ${now - parkedUntil} ms ago`);
      if (parent === undefined || !this.#told.isAlive(id) || !this.#told.hasEndedForGood(parent)) {
        this.#orphans.delete(id);
        continue;
      }
      const since = this.#orphans.get(id) ?? now;
      this.#orphans.set(id, since);
      if (now - since > ORPHAN_MS)
        broken(
          'children end with their parents',
          `${id} lives, and ${parent} has ended ${now - since} ms ago`,
        );
    }
  }

  /** Checks that no agent whose places are all taken waits for itself, through the tasks in them. */
  #judgeWaits(): void {
    const full = new Map<string, ReadonlySet<string>>();
    for (const [id, tasks] of this.#atWork) {
      const agent = this.#told.told.agents.get(id);
      const waits = [...tasks.values()].map((asking) => [...asking.values()]);
      if (agent === undefined || tasks.size < agent.concurrency || !this.#told.isServing(id)) continue;
      if (waits.every((targets) => targets.length > 0)) full.set(id, new Set(waits.flat()));
    }
    // A task that waits for an agent that can go on, can go on itself.
    for (let isLess = true; isLess; ) {
      isLess = false;
      for (const [id, targets] of full) {
        if ([...targets].every((target) => full.has(target))) continue;
        full.delete(id);
        isLess = true;
      }
    }
    if (full.size > 0)
      broken(
        'no wait closes a circle',
        `${[...full.keys()].join(', ')} wait for each other, and nobody goes on`,
      );
  }

  #judgeQuestions(system: AgentSystem): void {
    const listed = new Set(system.questions.list().map(({ id }) => id));
    for (const [id, standing] of this.#told.told.questions) {
      if ((standing === 'open') === listed.has(id)) continue;
      const shown = listed.has(id) ? 'open' : 'not open';
      broken(
        'records say what happened',
        `question ${id} is ${standing} by its events, and ${shown} to people`,
      );
    }
  }

  #judgePermits(restarting: readonly string[], now: number): void {
    const { maxConcurrentRestarts } = this.#options;
    const kinds = new Set(restarting);
    const most = maxConcurrentRestarts + kinds.size - 1;
    if (restarting.length > most)
      broken('restarts take turns', `${restarting.length} restarts are under way, ${most} may be`);
    for (const { id, kind, restartAt } of this.#told.told.agents.values()) {
      if (restartAt === undefined || restartAt >= now) continue;
      if (restarting.length >= maxConcurrentRestarts && kinds.has(kind)) continue;
      if (this.#options.lacksSecrets(id)) continue;
      broken(
        'a due restart comes',
        `${id} is due since ${now - restartAt} ms, and ${restarting.length} others restart`,
      );
    }
  }

  #judgeBodies(host: FaultyHost): void {
    const live = new Map<string, number>();
    for (const id of host.live) live.set(id, (live.get(id) ?? 0) + 1);
    for (const id of new Set([...this.#told.told.agents.keys(), ...live.keys()])) {
      const expected = this.#told.isAlive(id) ? 1 : 0;
      const bodies = live.get(id) ?? 0;
      if (bodies !== expected)
        broken(
          'one body at the most',
          `${id} is ${this.#told.statusOf(id) ?? 'not there'}, and has ${bodies} bodies`,
        );
    }
  }

  #judgeRecords(system: AgentSystem): void {
    const records = system.agents.list();
    const known = new Set(records.map(({ id }) => id));
    for (const id of this.#told.told.agents.keys()) {
      if (!known.has(id)) broken('records say what happened', `${id} was registered, and is not listed`);
    }
    for (const { id, status, incarnation } of records) {
      const expected = this.#told.statusOf(id);
      // A killed body shows as stopping before its end is told.
      const isLeaving = status === 'stopping' && this.#told.isAlive(id);
      if (expected !== status && !isLeaving)
        broken(
          'records say what happened',
          `${id} is ${status} in its record, ${expected ?? 'not there'} by its events`,
        );
      const told = this.#told.told.agents.get(id)?.incarnation;
      if (told !== incarnation)
        broken(
          'records say what happened',
          `${id} has incarnation ${incarnation} in its record, ${told} by its events`,
        );
    }
  }
}

/** Without stacks: they name files, which differ between machines. */
function withoutStacks(key: string, value: unknown): unknown {
  return key === 'stack' ? undefined : value;
}
