/**
 * The members of one pool: who they are, where each stands, and how they come and go.
 *
 * How many there are to be the chart decides. What a member's life means is read from its agent, whenever that tells
 * that something may have changed, and told to the chart.
 *
 * I1  A member that runs is told to stop only when nothing waits or runs in it, but by a close.
 * I2  A member changes its place together with the event, or the effect, that has the chart count it there.
 * I3  A member that is gone is forgotten: no record, no saved state.
 */
import { describeExit, type ParsedAgentSpec, type PoolCounts, type PoolEvent } from '../../machines/index.ts';
import type { Admission } from '../limits/admission.ts';
import type { Agent } from '../agent/agent.ts';
import type { Agents } from '../fleet/agents.ts';
import type { RunQueue } from '../engine/run-queue.ts';
import type { SteadyClock } from '../time/clock.ts';
import { OnceATurn } from '../time/once-a-turn.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import { splitSecrets } from '../values/secret-paths.ts';
import { CloseReport } from './close-report.ts';
import type { Dispatcher } from './dispatcher.ts';
import {
  canStartAgain,
  type Member,
  type MemberPlace,
  newMember,
  type Standing,
  standingOf,
} from './member.ts';

export interface MembersOptions {
  readonly pool: string;
  /** Of every new member; its id and its pool are added here. */
  readonly spec: ParsedAgentSpec;
  readonly manifest: AgentManifest;
  readonly dispatcher: Dispatcher;
  readonly agents: Agents;
  readonly admission: Admission;
  readonly clock: SteadyClock;
  readonly random: () => number;
  /** Every command to a member, and every event of the chart, goes through the pool's queue. */
  readonly queue: RunQueue;
  /** To the chart; called in acts only. */
  readonly send: (event: PoolEvent) => void;
}

const PLACES: readonly MemberPlace[] = ['live', 'starting', 'down', 'draining', 'leaving'];

/** Where a member of an earlier program goes on, by how its agent stands. */
const PLACE_OF: Readonly<Record<Standing, MemberPlace>> = {
  serving: 'live',
  starting: 'down',
  returning: 'down',
  ending: 'leaving',
  ended: 'leaving',
  forgotten: 'leaving',
};
export class Members {
  readonly report = new CloseReport();
  readonly #options: MembersOptions;
  readonly #places: Readonly<Record<MemberPlace, Set<Member>>> = {
    live: new Set(),
    starting: new Set(),
    down: new Set(),
    draining: new Set(),
    leaving: new Set(),
  };
  /** Agents of an earlier program that could go on: they are started before there is a new one. */
  readonly #resting: Agent[] = [];
  /** Number of the next member. */
  #next = 1;
  #failure: AgentSystemError | undefined;
  #lastFailure: string | undefined;
  /** When the close that is under way is over, by `elapsed` of the clock. */
  #closeAt: number | undefined;
  #isReleased = false;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** Ids of all, those on their way out included. */
  ids(): string[] {
    return PLACES.flatMap((place) => [...this.#places[place]].map(({ id }) => id));
  }

  /** Those that have one, those that run first. */
  *agents(): Generator<Agent, void, undefined> {
    for (const place of PLACES) {
      for (const { agent } of this.#places[place]) if (agent !== undefined) yield agent;
    }
  }

  counts(): PoolCounts {
    const { live, starting, down, draining, leaving } = this.#places;
    return {
      live: live.size,
      starting: starting.size,
      down: down.size,
      draining: draining.size,
      leaving: leaving.size,
    };
  }

  /** What the first start that failed since then failed with. */
  get failure(): AgentSystemError | undefined {
    return this.#failure;
  }

  /** In words: what the last start that failed, or member that was lost, ended with. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  forgetFailure(): void {
    this.#failure = undefined;
  }

  /** Takes over agents that carry the pool's name. Returns how many of them run, or can. */
  adopt(found: readonly Agent[]): number {
    const { pool, manifest, spec } = this.#options;
    const { values: secrets } = splitSecrets(spec.initArgs, spec.secrets ?? []);
    for (const agent of found) {
      agent.give(secrets);
      const number = Number(agent.id.slice(pool.length + 1));
      if (Number.isSafeInteger(number) && number >= this.#next) this.#next = number + 1;
      const standing = standingOf(agent);
      // One of another type finishes what it has begun, and leaves.
      const isOurs = agent.manifest.type === manifest.type;
      if (isOurs && canStartAgain(agent)) this.#resting.push(agent);
      else this.#take(agent, isOurs ? PLACE_OF[standing] : 'leaving');
    }
    const { live, down } = this.counts();
    return live + down + this.#resting.length;
  }

  start(count: number): void {
    for (let started = 0; started < count; started++) {
      const agent = this.#resting.shift();
      void this.#bringUp(agent ? this.#take(agent, 'starting') : this.#newcomer());
    }
  }

  /** Those that rest are not needed, and are forgotten. */
  forgetResting(): void {
    for (const agent of this.#resting.splice(0)) {
      // A store that fails says so; the agent is gone all the same.
      if (agent.position.legal.has('forget')) agent.forget().catch(() => {});
    }
  }

  /** So many of those that run, the ones that can be spared best, are to leave once they have done what they have. */
  drain(count: number): void {
    this.#moveSome(this.#options.dispatcher.bySpare(), count, 'draining');
  }

  /** So many of those that do not run are to leave. */
  dismiss(from: 'down' | 'starting', count: number): void {
    this.#moveSome(this.#places[from], count, 'leaving');
  }

  /** So many of those that drain stay after all. */
  keep(count: number): void {
    this.#moveSome(this.#places.draining, count, 'live');
  }

  /** All end, busy ones too. @param closeAt when their time is over, by `elapsed` of the clock */
  end(closeAt: number): void {
    this.#closeAt = closeAt;
    this.forgetResting();
    for (const place of PLACES) {
      for (const member of this.#places[place]) {
        this.report.expect(member);
        this.#move(member, 'leaving');
        this.#note(member);
      }
    }
  }

  kill(): void {
    const at = this.#options.clock.now();
    for (const { agent } of this.#places.leaving) {
      if (agent?.position.legal.has('kill')) agent.send({ type: 'agent.kill', at });
    }
  }

  /** The pool has nothing to do with them any more. */
  release(): void {
    this.#isReleased = true;
    for (const place of PLACES) for (const { agent } of this.#places[place]) unobserve(agent);
  }

  #newId(): string {
    const id = `${this.#options.pool}-${this.#next}`;
    this.#next += 1;
    return id;
  }

  #newcomer(): Member {
    const member = newMember(this.#newId(), 'starting');
    this.#places.starting.add(member);
    return member;
  }

  #take(agent: Agent, place: MemberPlace): Member {
    const member = newMember(agent.id, place);
    member.isFound = true;
    this.#places[place].add(member);
    this.#observe(member, agent);
    if (place === 'live') this.#options.dispatcher.join(member);
    this.#note(member);
    return member;
  }

  #observe(member: Member, agent: Agent): void {
    member.agent = agent;
    agent.observer = () => this.#note(member);
  }

  #moveSome(members: Iterable<Member>, count: number, place: MemberPlace): void {
    const some: Member[] = [];
    for (const member of members) {
      if (some.length === count) break;
      some.push(member);
    }
    for (const member of some) {
      this.#move(member, place);
      this.#note(member);
    }
  }

  #move(member: Member, place: MemberPlace): void {
    if (member.place === place) return;
    if (member.place === 'live') this.#options.dispatcher.part(member);
    this.#places[member.place].delete(member);
    this.#places[place].add(member);
    member.place = place;
    if (place === 'live') this.#options.dispatcher.join(member);
  }

  /** Registers, unless it is there already, and starts a member. */
  async #bringUp(member: Member): Promise<void> {
    member.isStarting = true;
    let failure: unknown;
    try {
      if (member.place === 'starting' && member.agent === undefined) await this.#register(member);
      if (member.place === 'starting') await this.#options.agents.start(member.id);
    } catch (thrown) {
      failure = thrown;
    }
    member.isStarting = false;
    this.#options.queue.run(() => this.#broughtUp(member, failure));
  }

  #broughtUp(member: Member, failure: unknown): void {
    if (this.#isReleased) return;
    if (member.place === 'starting') {
      // One that runs has started, even if that could not be made durable.
      const isUp = member.agent !== undefined && standingOf(member.agent) === 'serving';
      if (failure === undefined || isUp) this.#hasStarted(member);
      else this.#startFailed(member, failure);
    }
    this.#note(member);
  }

  async #register(member: Member): Promise<void> {
    const { agents, admission, spec, manifest, pool } = this.#options;
    const refusal = admission.refusal(member.id, spec.resources);
    if (refusal) throw refusal;
    for (;;) {
      try {
        const full = { ...spec, id: member.id, pool };
        return this.#observe(member, await agents.registerMember(full, manifest));
      } catch (thrown) {
        // That id is taken: the next number is as good.
        if (!(thrown instanceof AgentSystemError) || thrown.code !== 'AGENT_EXISTS') throw thrown;
        member.id = this.#newId();
      }
    }
  }

  #hasStarted(member: Member): void {
    this.#move(member, 'live');
    this.#options.send({ type: 'member.started' });
  }

  #startFailed(member: Member, failure: unknown): void {
    const error =
      failure instanceof AgentSystemError
        ? failure
        : new AgentSystemError('AGENT_START_FAILED', errorInfoOf(failure).message, { cause: failure });
    this.#failure ??= error;
    this.#lastFailure = error.message;
    this.#move(member, 'leaving');
    // One that was there before is not thrown away for that.
    if (member.isFound && member.agent && canStartAgain(member.agent)) {
      member.isResting = true;
      this.#resting.push(member.agent);
    }
    const isExhausted = error.code === 'RESOURCES_EXHAUSTED';
    this.#options.send({ type: 'member.start_failed', ...this.#moment(), isExhausted, why: error.message });
  }

  /** A member is looked at once a turn, however much has happened to it. */
  #note(member: Member): void {
    if (this.#isReleased) return;
    // Not at once: what an agent is noted for is being done, and its event has not been told yet.
    member.turn ??= this.#turnOf(member);
    member.turn.ask();
  }

  #turnOf(member: Member): OnceATurn {
    const look = () => {
      if (this.#isReleased) return;
      this.#look(member);
      this.#options.dispatcher.handOut();
    };
    return new OnceATurn(() => this.#options.queue.run(look));
  }

  /** Compares how a member stands with how it was seen last. */
  #look(member: Member): void {
    const { agent } = member;
    if (agent === undefined) return this.#lookForAgent(member);
    if (member.isResting) return this.#gone(member);
    const standing = standingOf(agent);
    const isOver = standing === 'ended' || standing === 'forgotten';
    switch (member.place) {
      case 'starting':
        if (standing === 'serving') this.#hasStarted(member);
        return;
      case 'live':
        if (standing === 'serving' || standing === 'ending') return this.#options.dispatcher.measure(member);
        if (isOver) return this.#lost(member, agent, 'live');
        this.#move(member, 'down');
        return this.#options.send({ type: 'member.fell' });
      case 'down':
        if (isOver) return this.#lost(member, agent, 'down');
        if (standing !== 'serving') return;
        this.#move(member, 'live');
        return this.#options.send({ type: 'member.recovered' });
      case 'draining':
        if (standing === 'serving' && agent.load > 0) return;
        this.#move(member, 'leaving');
        this.#options.send({ type: 'member.leaving' });
        return this.#dismiss(member, agent, standing);
      default:
        return this.#dismiss(member, agent, standing);
    }
  }

  /** It is being registered, or could not be. */
  #lookForAgent(member: Member): void {
    if (!member.isStarting && member.place === 'leaving') this.#gone(member);
  }

  #lost(member: Member, agent: Agent, from: 'live' | 'down'): void {
    const { status, reason = 'shutdown', metrics } = agent.record();
    const isForgotten = standingOf(agent) === 'forgotten';
    const wasAsked = isForgotten || reason === 'shutdown';
    const didItsWork = (status === 'stopped' || status === 'completed') && metrics.done > 0;
    const isFailure = !wasAsked && !didItsWork;
    const why = `member ${member.id} is lost (${isForgotten ? 'forgotten' : describeExit(reason)})`;
    if (isFailure) this.#lastFailure = why;
    this.#move(member, 'leaving');
    this.#options.send({ type: 'member.lost', from, ...this.#moment(), isFailure, why });
    this.#note(member);
  }

  /** Has a member that leaves end, as far as it has not, and be forgotten. */
  #dismiss(member: Member, agent: Agent, standing: Standing): void {
    if (standing === 'forgotten') return this.#gone(member);
    if (member.isDismissed || standing === 'ending') return;
    // It has no body, and gets no other.
    if (standing === 'ended' || standing === 'returning') {
      this.report.ended(member);
      return this.#whileDismissed(member, agent.forget());
    }
    // What it has begun, for any caller, is waited for, but by a close.
    if (this.#closeAt === undefined && agent.load > 0) return;
    const { clock } = this.#options;
    const grace =
      this.#closeAt === undefined ? {} : { timeoutMs: Math.max(0, this.#closeAt - clock.elapsed()) };
    this.#whileDismissed(member, agent.end({ type: 'agent.stop', at: clock.now(), ...grace }));
  }

  #whileDismissed(member: Member, command: Promise<unknown>): void {
    member.isDismissed = true;
    const done = () => {
      member.isDismissed = false;
      this.#note(member);
    };
    // A store that fails says so; the agent has ended all the same.
    command.then(done, done);
  }

  #gone(member: Member): void {
    // It may be looked at once more: what it was told has an answer, too.
    if (!this.#places.leaving.delete(member)) return;
    this.report.ended(member);
    unobserve(member.agent);
    this.#options.send({ type: 'member.gone' });
  }

  #moment() {
    const { clock, random } = this.#options;
    return { at: clock.now(), tick: clock.elapsed(), chance: random() };
  }
}

function unobserve(agent: Agent | undefined): void {
  if (agent) agent.observer = undefined;
}
