/**
 * One simulated fleet at work: the real runtime on a simulated clock, program after program on one store, and a script
 * that is done to it.
 *
 * I1  The same plan and script give the same events, to the byte.
 * I2  Every deed is judged before the next: its events, what callers were told, and, once nothing moves, how the
 *     runtime stands.
 * I3  A simulation that is over has nothing running.
 */
import { pino } from 'pino';
import type { BudgetSpecInput } from '../../machines/index.ts';
import type { Leader } from '../../runtime/coordination/leader/leader-election.ts';
import type { VariableDefinition } from '../../runtime/coordination/variables/variable.ts';
import type { AnyAgentDefinition } from '../../runtime/definition/define-agent.ts';
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { createAgentSystem } from '../../runtime/system.ts';
import type { AgentSystem, CloseReport } from '../../runtime/system/agent-system.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../../runtime/values/errors.ts';
import { seededRandom } from '../seeded-random.ts';
import { settled, type SimulatedClock, simulatedClock } from '../simulated-clock.ts';
import { type Deed, deedInWords, type FleetFault, type Target } from './deeds.ts';
import { FaultyHost } from './faulty-host.ts';
import { FaultyStore, KeptFleet } from './faulty-store.ts';
import { broken } from './fleet-history.ts';
import { FleetJudge } from './fleet-judge.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { FleetSecrets } from './fleet-secrets.ts';
import { FleetLawBroken } from './laws.ts';

/** What is asked of a store, a stop and a hung body comes on top of what was agreed; ms. */
const GRACE_MS = 40_000;
/** After the script everything has so long to come right. */
const CALM_MS = 300_000;
/** A task of an agent that was answered. */
export interface FleetAnswer {
  readonly to: Target;
  readonly task: string;
  readonly input: unknown;
  readonly output: unknown;
}

/** What an invariant looks at, each time that nothing moves any more. */
export interface FleetSeen {
  readonly system: AgentSystem;
  /** Epoch ms, simulated. */
  readonly now: number;
  /** Since the last look. */
  readonly events: readonly SystemEvent[];
  /** Tasks that callers were answered since the last look, in order. */
  readonly answers: readonly FleetAnswer[];
  readonly leader: Leader | undefined;
  /** The invariant's own: an empty object when a simulation begins. */
  // oxlint-disable-next-line typescript/no-explicit-any -- it is the user's own, whatever that is
  readonly memory: Record<string, any>;
}

/** Whether it holds: `false`, or a throw, breaks it. May be asynchronous. */
export type FleetInvariant = (seen: FleetSeen) => unknown;

export interface FleetMember {
  readonly id: string;
  readonly module: AnyAgentDefinition;
  readonly spec: Partial<AgentSpec>;
}

export interface FleetPool {
  readonly name: string;
  readonly module: AnyAgentDefinition;
  readonly min: number;
  readonly max: number;
  readonly spec: Partial<AgentSpec>;
}

export interface SimulationOptions {
  readonly plan: FleetPlan;
  readonly members: readonly FleetMember[];
  readonly pools: readonly FleetPool[];
  readonly definitions: readonly AnyAgentDefinition[];
  readonly variables: Readonly<Record<string, VariableDefinition>>;
  readonly budgets: readonly BudgetSpecInput[];
  readonly invariants: Readonly<Record<string, FleetInvariant>>;
}

/** Somebody who asked for something, and waits. */
interface Call {
  readonly what: string;
  readonly program: number;
  /** When it has to be answered; `Infinity` where nothing was agreed. */
  readonly dueAt: number;
  /** The agent whose work it waits for. */
  readonly of: Target | undefined;
  isOver: boolean;
}

/** A task that was asked for. */
interface Asked {
  readonly controller: AbortController;
  /** Of one that was submitted, and has its record. */
  id: string | undefined;
}

interface Program {
  readonly system: AgentSystem;
  readonly clock: SimulatedClock;
  readonly host: FaultyHost;
  readonly store: FaultyStore;
}

/** What came of a whole simulation. */
export interface Simulated {
  readonly hash: string;
  readonly events: number;
  readonly eventCounts: ReadonlyMap<string, number>;
  readonly simulatedMs: number;
  readonly deeds: number;
  readonly programs: number;
  readonly faults: ReadonlyMap<FleetFault, number>;
  readonly broken: FleetLawBroken | undefined;
  /** The last events, as lines. */
  readonly tail: readonly string[];
}

/** Lines by which the runtime says that something of its own broke. */
const BREAKS =
  /a bug in the chart|a listener of events threw|could not be closed|an observer of charts threw/;

export async function simulate(options: SimulationOptions, script: readonly Deed[]): Promise<Simulated> {
  const simulation = new Simulation(options);
  return simulation.run(script);
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #judge: FleetJudge;
  readonly #kept: KeptFleet;
  readonly #secrets: FleetSecrets;
  readonly #calls = new Set<Call>();
  readonly #tasks: Asked[] = [];
  readonly #startAt: number;
  readonly #faults = new Map<FleetFault, number>();
  readonly #done: Deed[] = [];
  readonly #memories: Record<string, Record<string, unknown>> = Object.create(null);
  #program!: Program;
  #programs = 0;
  #works = 0;
  #starts = 0;
  #fresh: { readonly events: SystemEvent[]; readonly answers: FleetAnswer[] } = { events: [], answers: [] };

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { members, pools } = options;
    this.#secrets = new FleetSecrets([
      ...members.map(({ id, spec }) => [id, spec] as const),
      ...pools.flatMap((pool) => idsOfMembers(pool).map((id) => [id, pool.spec] as const)),
    ]);
    this.#judge = new FleetJudge({
      maxConcurrentRestarts: options.plan.maxConcurrentRestarts,
      budgets: options.budgets,
      secrets: this.#secrets.texts,
      lacksSecrets: (id) => this.#secrets.lacks(id),
    });
    this.#kept = new KeptFleet({ kept: (events) => this.#judge.keeps(events) });
    this.#startAt = simulatedClock().now();
  }

  async run(script: readonly Deed[]): Promise<Simulated> {
    let found: FleetLawBroken | undefined;
    try {
      await this.#boot(this.#startAt);
      for (const deed of script) {
        this.#done.push(deed);
        await this.#perform(deed);
        if (this.#program.store.isDead) await this.#die();
        this.#judge.assertHolds();
      }
      await this.#end();
    } catch (thrown) {
      if (!(thrown instanceof FleetLawBroken)) throw thrown;
      found = thrown;
      found.deeds = this.#done;
      await this.#abandon();
    }
    return {
      hash: this.#judge.hash(),
      events: this.#judge.events,
      eventCounts: this.#judge.counts,
      simulatedMs: this.#program.clock.elapsed() - this.#startAt,
      deeds: this.#done.length,
      programs: this.#programs,
      faults: this.#faults,
      broken: found,
      tail: this.#judge.tail,
    };
  }

  // Programs.

  async #boot(startAt: number): Promise<void> {
    const { plan, definitions, variables } = this.#options;
    const clock = simulatedClock({ startAt });
    const store = new FaultyStore(this.#kept, clock);
    const host = new FaultyHost({
      clock,
      witness: this.#judge,
      workMs: () => this.#workMs(),
      readyMs: () => this.#readyMs(),
    });
    this.#secrets.programBegins(plan.areSecretsProvided[this.#programs % plan.areSecretsProvided.length]!);
    this.#programs += 1;
    const { provider } = this.#secrets;
    const system = await createAgentSystem({
      store,
      clock,
      random: seededRandom(plan.seed * 1_000 + this.#programs),
      logger: this.#logger(),
      limits: { maxConcurrentRestarts: plan.maxConcurrentRestarts },
      ...(provider ? { secrets: provider } : {}),
      agents: definitions,
      hosts: { 'in-process': host },
    });
    this.#program = { system, clock, host, store };
    system.events.subscribe((event) => {
      this.#fresh.events.push(event);
      this.#judge.hears(event);
    });
    for (const budget of this.#options.budgets) system.budgets.define(budget);
    for (const [name, definition] of Object.entries(variables)) {
      this.#ask(`define ${name}`, GRACE_MS, system.variables.define(name, definition));
    }
    await settled();
    if (this.#programs > 1) for (const { name } of this.#options.pools) this.#openPool(name);
    // What was due while nobody was there is due now.
    await this.#pass(0);
  }

  /** Its bodies, timers and callers are gone; what was kept stays. */
  async #die(): Promise<void> {
    const { clock, host, store } = this.#program;
    store.isDead = true;
    host.die();
    for (const call of this.#calls) call.isOver = true;
    this.#calls.clear();
    this.#judge.assertHolds();
    // What it still does is lost.
    await settled();
    this.#judge.programEnds();
    await this.#boot(clock.elapsed());
  }

  async #reopen(): Promise<void> {
    const { clock } = this.#program;
    const report = await this.#close();
    if (report === undefined) return this.#die();
    this.#program.store.isDead = true;
    this.#program.host.die();
    this.#judge.programEnds();
    await this.#boot(clock.elapsed());
  }

  /** `undefined` where its program died meanwhile. */
  async #close(): Promise<CloseReport | undefined> {
    const { system, clock, store } = this.#program;
    const closed: { report?: CloseReport } = {};
    const closing = system.close().then((report) => {
      closed.report = report;
    });
    this.#watch('close', clock.elapsed() + 60_000 + GRACE_MS, closing);
    // Its longest stop, the grace of a host and of a store.
    for (let waited = 0; closed.report === undefined && waited < 60_000 && !store.isDead; waited += 1_000) {
      await this.#pass(1_000, false);
    }
    if (store.isDead) return undefined;
    const { report } = closed;
    if (report === undefined)
      broken('whoever asks is answered', 'the system was asked to close, and has not within 60 s');
    await settled();
    this.#judgeLeft(report);
    return report;
  }

  async #end(): Promise<void> {
    const { system, host, store } = this.#program;
    store.mend();
    host.forgetArranged();
    system.coordination.resume();
    for (const { id } of this.#options.members) this.#giveSecrets(id);
    await this.#pass(CALM_MS);
    if (store.isDead || (await this.#close()) === undefined) {
      await this.#die();
      return this.#end();
    }
    this.#judge.assertHolds();
    await this.#abandon();
  }

  async #abandon(): Promise<void> {
    this.#program.host.die();
    this.#program.store.isDead = true;
    await settled();
  }

  #judgeLeft(report: CloseReport): void {
    const { clock, host, system, store } = this.#program;
    const open = [...this.#calls].filter(({ isOver }) => !isOver);
    if (open[0]) broken('whoever asks is answered', `${open[0].what} was not, and its system has closed`);
    if (host.live.length > 0) broken('nothing is left', `bodies of ${host.live.join(', ')}`);
    // A store that answers late has a timer of its own.
    const timers = store.isIdle ? clock.pending().length : 0;
    if (timers > 0) broken('nothing is left', `${timers} timers are armed after the close`);
    const { agents } = system.resources();
    if (agents > 0) broken('nothing is left', `${agents} agents are still counted among those that run`);
    if (report.unkeptEvents !== undefined) return;
    const left = new Set(report.leftTasks);
    for (const [id, { agentId }] of this.#judge.told.told.tasks) {
      if (!left.has(id)) broken('a task ends once', `${id} of ${agentId} has not, and its system has closed`);
    }
  }

  /** Nothing moves: how does it stand? */
  async #quiet(): Promise<void> {
    await settled();
    this.#judge.assertHolds();
    const { system, host, store, clock } = this.#program;
    if (!store.isIdle) return;
    const now = clock.elapsed();
    this.#judge.judgeQuiet(system, host, now);
    for (const call of this.#calls) {
      if (call.isOver) this.#calls.delete(call);
      else if (call.dueAt < now && !this.#asksPeople(call.of))
        broken('whoever asks is answered', `${call.what} was to be by ${now - call.dueAt} ms ago`);
    }
    const { events, answers } = this.#fresh;
    this.#fresh = { events: [], answers: [] };
    for (const [name, holds] of Object.entries(this.#options.invariants)) {
      const leader = system.coordination.leader();
      const memory = (this.#memories[name] ??= {});
      let verdict: unknown;
      try {
        verdict = await holds({ system, now, events, answers, leader, memory });
      } catch (thrown) {
        broken(`invariant ${name}`, errorInfoOf(thrown).message, thrown);
      }
      if (verdict === false) broken(`invariant ${name}`, 'does not hold');
    }
  }

  /** A task that waits for a person takes as long as that takes. */
  #asksPeople(of: Target | undefined): boolean {
    if (of === undefined) return false;
    const { askers } = this.#judge.told.told;
    return typeof of === 'string' ? askers.has(of) : askers.size > 0;
  }

  // Deeds.

  async #perform(deed: Deed): Promise<void> {
    const { system, clock, host, store } = this.#program;
    if ('fault' in deed) return this.#fault(deed);
    switch (deed.do) {
      case 'settle':
        return this.#quiet();
      case 'wait':
        return this.#pass(deed.ms);
      case 'wait for deadline': {
        const [next] = clock.pending();
        return this.#pass(next === undefined ? 0 : Math.max(0, next.dueAt - clock.now() + deed.offMs));
      }
      case 'reopen':
        return this.#reopen();
      case 'mend store':
        return store.mend();
      case 'resume coordination':
        return system.coordination.resume();
      default:
        this.#command(deed, host);
    }
  }

  /** Lets time go on. @param looks whether it is looked at how the fleet stands then */
  async #pass(ms: number, looks = true): Promise<void> {
    const { clock, store } = this.#program;
    // By and by: a program that dies on the way is gone from then on.
    const until = clock.elapsed() + ms;
    await settled();
    for (;;) {
      if (store.isDead) return;
      const [next] = clock.pending();
      if (next === undefined || next.dueAt > until) break;
      await clock.runNext();
      this.#judge.assertHolds();
    }
    await clock.advance(until - clock.elapsed());
    if (looks && !store.isDead) await this.#quiet();
  }

  #fault(deed: Extract<Deed, { fault: FleetFault }>): void {
    const { system, host, store } = this.#program;
    this.#faults.set(deed.fault, (this.#faults.get(deed.fault) ?? 0) + 1);
    switch (deed.fault) {
      case 'crash':
        return host.crash(deed.agent, deed.reason);
      case 'hang':
        return host.hang(deed.agent);
      case 'slow':
        return host.arrange(deed.agent, deed.report, deed.ms);
      case 'lost_report':
        return host.arrange(deed.agent, deed.report, undefined);
      case 'failed_start':
        return host.failStart(deed.agent);
      case 'store_failure':
        return store.fail(deed.trouble);
      case 'program_killed':
        if (deed.inAppends === undefined) store.isDead = true;
        else store.dieIn(deed.inAppends, deed.isKept);
        return;
      case 'limited':
        return host.limit(deed.agent, deed.afterMs);
      case 'coordination_lost':
        return system.coordination.suspend();
    }
  }

  #command(
    deed: Exclude<
      Deed,
      | { fault: FleetFault }
      | { do: 'settle' | 'wait' | 'wait for deadline' | 'reopen' | 'mend store' | 'resume coordination' }
    >,
    _host: FaultyHost,
  ): void {
    const { system } = this.#program;
    const { agents, variables, consensus, pools } = system;
    const kept = this.#judge.kept;
    const what = deedInWords(deed);
    switch (deed.do) {
      case 'register': {
        const spec = this.#specOf(deed.agent);
        if (spec === undefined) return;
        return this.#ask(what, GRACE_MS, this.#secrets.give(deed.agent, agents.register(spec)), (id) =>
          this.#judge.acknowledged(what, kept.told.agents.has(id) || this.#isForgotten(id)),
        );
      }
      case 'give secrets':
        return this.#giveSecrets(deed.agent);
      case 'start':
      case 'restart':
        return this.#ask(
          what,
          this.#startMs(deed.agent) + GRACE_MS,
          agents[deed.do](deed.agent),
          ({ id, incarnation }) =>
            this.#judge.acknowledged(
              what,
              this.#isForgotten(id) || kept.told.agents.get(id)!.lastStarted >= incarnation,
            ),
        );
      case 'stop':
        return this.#ask(
          what,
          (deed.timeoutMs ?? this.#stopMs(deed.agent)) + GRACE_MS,
          agents.stop(deed.agent, deed.timeoutMs === undefined ? undefined : { timeoutMs: deed.timeoutMs }),
          (record) => this.#endAcknowledged(what, record),
        );
      case 'kill':
        return this.#ask(what, GRACE_MS, agents.kill(deed.agent), (record) =>
          this.#endAcknowledged(what, record),
        );
      case 'forget':
        return this.#ask(what, GRACE_MS, agents.forget(deed.agent));
      case 'check':
        return this.#ask(what, GRACE_MS, agents.checkHealth(deed.agent));
      case 'pause':
      case 'resume':
        return this.#ask(what, GRACE_MS, agents[deed.do](deed.agent, { by: 'the seed' }));
      case 'lift':
        return this.#ask(what, GRACE_MS, this.#lift(deed.agent));
      case 'stream':
        return this.#ask(what, Infinity, this.#stream(deed));
      case 'answer':
        return this.#answer(deed.which, what);
      case 'refill':
        return this.#ask(what, GRACE_MS, system.budgets.refill(deed.budget, { by: 'the seed' }));
      case 'schedule': {
        const { to, task, input, everyMs } = deed;
        const given = { type: task, ...(input === undefined ? {} : { input: structuredClone(input) }) };
        const schedule = { name: `of ${to}`, everyMs, target: to, task: given };
        return this.#ask(what, GRACE_MS, system.tasks.schedule(schedule));
      }
      case 'unschedule':
        return this.#ask(what, GRACE_MS, system.tasks.unschedule(`of ${deed.to}`));
      case 'execute':
        return this.#execute(deed, what);
      case 'submit':
        return this.#submit(deed, what);
      case 'cancel':
      case 'retry': {
        const task = this.#tasks.at(-deed.ago);
        if (task === undefined) return;
        if (task.id === undefined) return task.controller.abort();
        if (deed.do === 'retry') this.#judge.retries(task.id);
        return this.#ask(what, GRACE_MS, system.tasks[deed.do](task.id));
      }
      case 'set':
        return this.#ask(what, GRACE_MS, variables.set(deed.variable, deed.value), ({ version }) =>
          this.#judge.acknowledged(what, (kept.told.variables.get(deed.variable)?.version ?? 0) >= version),
        );
      case 'propose': {
        const { variable, value, deadlineMs, tie, fallback } = deed;
        const proposal = { variable, value, deadlineMs, ...(tie && { tie }), ...(fallback && { fallback }) };
        return this.#ask(
          what,
          deadlineMs * 4 + GRACE_MS,
          consensus.propose(proposal),
          ({ roundId, outcome }) =>
            this.#judge.acknowledged(
              `${what} (${roundId}: ${outcome})`,
              kept.told.closedRounds.get(roundId) === outcome,
            ),
        );
      }
      case 'open pool':
        return this.#openPool(deed.pool);
      case 'close pool':
        return this.#ask(what, Infinity, pools.close(deed.pool));
      case 'resize':
        return this.#ask(what, Infinity, pools.ensureSize(deed.pool, deed.size));
    }
  }

  #specOf(id: string): (AgentSpec & { readonly id: string }) | undefined {
    const member = this.#options.members.find((one) => one.id === id);
    if (member === undefined) return undefined;
    const { module, spec } = member;
    return { ...this.#options.plan.specs.get(id), ...spec, id, module };
  }

  /** Of an agent that is there, and lacks them. */
  #giveSecrets(id: string): void {
    const spec = this.#specOf(id);
    if (spec === undefined || !this.#secrets.lacks(id) || !this.#judge.told.told.agents.has(id)) return;
    const given = this.#secrets.give(id, this.#program.system.agents.ensure(spec));
    this.#ask(`give the secrets of ${id}`, GRACE_MS, given);
  }

  #openPool(name: string): void {
    const pool = this.#options.pools.find((one) => one.name === name)!;
    const { module, min, max, spec } = pool;
    const whole = { ...this.#options.plan.specs.get(name), ...spec, module } as unknown as AgentSpec;
    const opening = this.#program.system.pools.create({ name, min, max, spec: whole, retryAbandoned: 1 });
    for (const id of idsOfMembers(pool)) void this.#secrets.give(id, opening);
    this.#ask(`open pool ${name}`, Infinity, opening);
  }

  #execute(deed: Extract<Deed, { do: 'execute' | 'submit' }>, what: string): void {
    const { to, task, input, timeoutMs, priority } = deed;
    const { agents, pools } = this.#program.system;
    const controller = new AbortController();
    this.#tasks.push({ controller, id: undefined });
    const request = {
      type: task,
      input: structuredClone(input),
      signal: controller.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(priority === undefined ? {} : { priority }),
    };
    const asked = typeof to === 'string' ? agents.execute(to, request) : pools.execute(to.pool, request);
    const done = (output: unknown) => {
      this.#judge.taskAcknowledged(typeof to === 'string' ? to : undefined);
      this.#fresh.answers.push({ to, task, input, output });
    };
    this.#ask(what, (timeoutMs ?? Infinity) + GRACE_MS, asked, done, to);
  }

  #submit(deed: Extract<Deed, { do: 'execute' | 'submit' }>, what: string): void {
    const { to, task, input, timeoutMs, priority, delayMs } = deed;
    const { tasks } = this.#program.system;
    const kept = this.#judge.kept;
    const known: Asked = { controller: new AbortController(), id: undefined };
    this.#tasks.push(known);
    const request = {
      type: task,
      input: structuredClone(input),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(priority === undefined ? {} : { priority }),
      ...(delayMs === undefined ? {} : { delayMs }),
    };
    const isPool = typeof to !== 'string';
    this.#ask(what, isPool ? Infinity : GRACE_MS, tasks.submit(to, request), ({ id }) => {
      known.id = id;
      this.#judge.acknowledged(`${what} (${id})`, kept.told.submitted.has(id));
      this.#ask(`result of ${id}`, Infinity, tasks.result(id), (output) => {
        this.#judge.acknowledged(`result of ${id}`, kept.told.completed.has(id));
        this.#fresh.answers.push({ to, task, input, output });
      });
    });
  }

  /** The limit that an agent waits for. */
  async #lift(agent: string): Promise<unknown> {
    const { agents, quotas } = this.#program.system;
    return quotas.lift(agents.get(agent).parked?.quota ?? agent, { by: 'the seed' });
  }

  async #stream({ to, task, input, chunks }: Extract<Deed, { do: 'stream' }>): Promise<void> {
    const given = { type: task, ...(input === undefined ? {} : { input: structuredClone(input) }) };
    const stream = this.#program.system.agents.stream(to, given);
    stream.output.catch(() => undefined);
    const reader = stream[Symbol.asyncIterator]();
    for (let read = 0; read < chunks; read++) if ((await reader.next()).done) return;
    await stream.return?.();
  }

  #answer(which: number, what: string): void {
    const { questions } = this.#program.system;
    const [open] = questions.list();
    if (open === undefined) return;
    const kept = this.#judge.kept;
    const answered = questions.answer(open.id, answerTo(open.schema, which), { by: 'the seed' });
    this.#ask(`${what} (${open.id})`, GRACE_MS, answered, ({ id }) =>
      this.#judge.acknowledged(what, kept.told.answered.has(id)),
    );
  }

  #endAcknowledged(
    what: string,
    { id, incarnation }: { readonly id: string; readonly incarnation: number },
  ): void {
    const agent = this.#judge.kept.told.agents.get(id);
    this.#judge.acknowledged(
      what,
      agent === undefined || agent.lastEnded >= incarnation || agent.last === 'agent.stopped',
    );
  }

  #isForgotten(id: string): boolean {
    return !this.#judge.kept.told.agents.has(id) && !this.#judge.told.told.agents.has(id);
  }

  #startMs(id: string): number {
    return this.#options.plan.specs.get(id)?.startTimeoutMs ?? 30_000;
  }

  #stopMs(id: string): number {
    return this.#options.plan.specs.get(id)?.shutdownMs ?? 5_000;
  }

  #workMs(): number {
    const { workMs } = this.#options.plan;
    return workMs[this.#works++ % workMs.length]!;
  }

  #readyMs(): number {
    const { readyMs } = this.#options.plan;
    return readyMs[this.#starts++ % readyMs.length]!;
  }

  // Callers.

  #ask<Value>(
    what: string,
    withinMs: number,
    asked: Promise<Value>,
    told?: (value: Value) => void,
    of?: Target,
  ): void {
    const { clock } = this.#program;
    this.#watch(what, clock.elapsed() + withinMs, asked, told, of);
  }

  #watch<Value>(
    what: string,
    dueAt: number,
    asked: Promise<Value>,
    told?: (value: Value) => void,
    of?: Target,
  ): void {
    const call: Call = { what, program: this.#programs, dueAt, of, isOver: false };
    this.#calls.add(call);
    asked.then(
      (value) => {
        if (call.isOver) return;
        call.isOver = true;
        if (told) this.#judge.attempt(() => told(value));
      },
      (thrown: unknown) => {
        if (call.isOver) return;
        call.isOver = true;
        if (thrown instanceof AgentSystemError) return;
        this.#judge.attempt(() => broken('only the system refuses', `${what}: ${inWords(thrown)}`, thrown));
      },
    );
  }

  #logger() {
    return pino(
      { level: 'error', base: null, timestamp: false },
      {
        write: (line: string) => {
          this.#judge.holdsNoSecret(() => 'a line of the log', line);
          if (!BREAKS.test(line)) return;
          this.#judge.attempt(() => broken('nothing breaks inside', line.slice(0, 2_000)));
        },
      },
    );
  }
}

/** As a pool names them, as far as it may grow. */
function idsOfMembers({ name, max }: FleetPool): readonly string[] {
  return Array.from({ length: 2 * max }, (_, n) => `${name}-${n + 1}`);
}

/** One of the values that a question's schema has. */
function answerTo(schema: Readonly<Record<string, unknown>> | undefined, which: number): unknown {
  const { enum: values, type } = schema ?? {};
  if (Array.isArray(values)) return values[which % values.length];
  if (type === 'boolean') return which % 2 === 0;
  return type === 'number' || type === 'integer' ? which : String(which);
}
