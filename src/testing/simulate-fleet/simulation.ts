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
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { createAgentSystem } from '../../runtime/system.ts';
import type { AgentSystem, CloseReport } from '../../runtime/system/agent-system.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { seededRandom } from '../seeded-random.ts';
import { settled, type SimulatedClock, simulatedClock } from '../simulated-clock.ts';
import { GRACE_MS, SimulatedCallers } from './callers.ts';
import type { Deed, FleetFault } from './deeds.ts';
import { FaultyHost } from './faulty-host.ts';
import { FaultyStore, KeptFleet } from './faulty-store.ts';
import { type CommandsOwner, FleetCommands } from './fleet-commands.ts';
import { FleetJudge } from './fleet-judge.ts';
import { FleetSecrets } from './fleet-secrets.ts';
import { broken, FleetLawBroken } from './laws.ts';
import { type FleetAnswer, idsOfMembers, type SimulationOptions } from './simulation-options.ts';

/** How long the fleet has to come right after the script. */
const CALM_MS = 300_000;

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

/** Log lines that report a fault of the runtime itself. */
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
  readonly #callers: SimulatedCallers;
  readonly #commands: FleetCommands;
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
    this.#callers = new SimulatedCallers(this.#judge, () => this.#program.clock.elapsed());
    this.#commands = new FleetCommands(this.#commandsOwner());
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

  #commandsOwner(): CommandsOwner {
    const system = () => this.#program.system;
    return {
      get system() {
        return system();
      },
      options: this.#options,
      judge: this.#judge,
      secrets: this.#secrets,
      callers: this.#callers,
      answered: (answer) => this.#fresh.answers.push(answer),
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
      budgets: this.#options.budgets,
      ...(provider ? { secrets: provider } : {}),
      agents: definitions,
      hosts: { 'in-process': host },
    });
    this.#program = { system, clock, host, store };
    system.events.subscribe((event) => {
      this.#fresh.events.push(event);
      this.#judge.hears(event);
    });
    for (const [name, definition] of Object.entries(variables)) {
      this.#callers.ask(`define ${name}`, GRACE_MS, system.variables.define(name, definition));
    }
    await settled();
    if (this.#programs > 1) for (const { name } of this.#options.pools) this.#commands.openPool(name);
    // What fell due between the programs is due now.
    await this.#pass(0);
  }

  /** The program ends with its bodies, timers and callers; the next one begins with what the store kept. */
  async #die(): Promise<void> {
    const { clock, host, store } = this.#program;
    store.isDead = true;
    host.die();
    this.#callers.programDied();
    this.#judge.assertHolds();
    // What the dead program still does is lost.
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

  /** `undefined` if the program died meanwhile. */
  async #close(): Promise<CloseReport | undefined> {
    const { system, store } = this.#program;
    const closed: { report?: CloseReport } = {};
    const closing = system.close().then((report) => {
      closed.report = report;
    });
    this.#callers.ask('close', 60_000 + GRACE_MS, closing);
    // Enough for the longest stop and the grace of a host and of a store.
    for (let waited = 0; closed.report === undefined && waited < 60_000 && !store.isDead; waited += 1_000) {
      await this.#pass(1_000, false);
    }
    if (store.isDead) return undefined;
    const { report } = closed;
    if (report === undefined)
      broken('every call is answered', 'the system was asked to close, and has not within 60 s');
    await settled();
    this.#judgeLeft(report);
    return report;
  }

  async #end(): Promise<void> {
    const { system, host, store } = this.#program;
    store.mend();
    host.forgetArranged();
    system.coordination.resume();
    for (const { id } of this.#options.members) this.#commands.giveSecrets(id);
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
    this.#callers.judgeClosed();
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

  /** Judges how the fleet stands, once nothing moves. */
  async #quiet(): Promise<void> {
    await settled();
    this.#judge.assertHolds();
    const { system, host, store, clock } = this.#program;
    if (!store.isIdle) return;
    const now = clock.elapsed();
    this.#judge.judgeQuiet(system, host, now);
    this.#callers.judgeQuiet(now);
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

  // Deeds.

  async #perform(deed: Deed): Promise<void> {
    const { system, clock, store } = this.#program;
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
        this.#commands.perform(deed);
    }
  }

  /** Lets time go on. @param looks whether the fleet is judged at the end */
  async #pass(ms: number, looks = true): Promise<void> {
    const { clock, store } = this.#program;
    // Timer by timer: a program that dies on the way does nothing after that.
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

  #workMs(): number {
    const { workMs } = this.#options.plan;
    return workMs[this.#works++ % workMs.length]!;
  }

  #readyMs(): number {
    const { readyMs } = this.#options.plan;
    return readyMs[this.#starts++ % readyMs.length]!;
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
