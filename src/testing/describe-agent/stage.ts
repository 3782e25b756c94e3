/**
 * Where an agent is tried: the real runtime on a simulated clock, with the agent's body behind a host that a test
 * controls, and every law judged after every move.
 *
 * I1  A move that is not possible where the agent stands does nothing, and is not part of the path.
 * I2  After a move everything that it began has settled, or waits for the clock or for a move.
 * I3  A stage that was left has nothing running.
 */
import { isDeepStrictEqual } from 'node:util';
import { pino } from 'pino';
import type { InspectionEvent } from 'xstate';
import { type AgentStatus, hasBody, type Isolation } from '../../machines/index.ts';
import type { AnyAgentDefinition } from '../../runtime/definition/define-agent.ts';
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import type { Host } from '../../runtime/hosting/host.ts';
import { inProcessHost } from '../../runtime/hosting/hosts/in-process.ts';
import { processHost } from '../../runtime/hosting/hosts/process.ts';
import { threadHost } from '../../runtime/hosting/hosts/thread.ts';
import type { Store } from '../../runtime/journal/store.ts';
import { memoryStore } from '../../runtime/journal/stores/memory.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { createAgentSystem } from '../../runtime/system.ts';
import type { AgentSystem } from '../../runtime/system/agent-system.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../../runtime/values/errors.ts';
import { settled, type SimulatedClock, simulatedClock } from '../simulated-clock.ts';
import type { Faults } from './faults.ts';
import { InterposedHost } from './interposed-host.ts';
import { type AgentLaw, type Done, LawBroken, type LawName } from './laws.ts';
import { life, type Place } from './life-model.ts';
import { lifeMoveOf, type Move } from './moves.ts';
import type { Seen, Subject } from './subject.ts';

const RESTART_MS = 1_000;
const SHUTDOWN_MS = 5_000;
/** What a held task is given. */
const TASK_MS = 10_000;
const ROUND_MS = 1_000;
const ID = 'agent';
/** Timers of the agent's own that a task may wait for, one after the other. */
const MAX_TIMERS = 100;
/** Real time that work which waits for no clock of ours is given; ms, in steps. */
const STEP_MS = 2;
/** So many times more where another program has to answer. */
const CHILD_PATIENCE = 100;

export interface StageOptions {
  readonly subject: Subject;
  readonly isolation: Isolation;
  /** Real time for what does not go by the simulated clock; ms. */
  readonly patienceMs: number;
  /** A state that it is to have been left with, as JSON: it begins with that. */
  readonly restored?: string | undefined;
  /** Is given what XState tells of the agent's chart, where that is in this program. */
  readonly observe?: ((event: InspectionEvent) => void) | undefined;
}

/** One task that was asked for. */
interface Call {
  readonly task: string;
  readonly input: unknown;
  readonly controller: AbortController;
  readonly isHeld: boolean;
  /** At which move. */
  readonly at: number;
  outcome?: { readonly output: unknown } | { readonly error: AgentSystemError };
}

/** A task that was answered with an output. */
export interface Answered {
  readonly task: string;
  readonly input: unknown;
  readonly output: unknown;
}

/** One move, and what a run without disturbances needs to know of it. */
export interface Step {
  readonly move: Move;
  readonly elapsedMs: number;
  /** Tasks that it began, as they ended. */
  readonly calls: Call[];
}

interface Program {
  readonly system: AgentSystem;
  readonly clock: SimulatedClock;
  readonly host: InterposedHost;
  readonly store: { isDead: boolean };
}

const silent = pino({ level: 'silent' });

export class Stage {
  readonly #options: StageOptions;
  readonly #subject: Subject;
  readonly #faults: Faults;
  readonly #definition: AnyAgentDefinition;
  readonly #kept = memoryStore();
  readonly #events: SystemEvent[] = [];
  readonly #calls: Call[] = [];
  readonly #steps: Step[] = [];
  readonly #done: Done[] = [];
  /** What was given its time, and has not answered. */
  readonly #waiting = new Set<string>();
  #program!: Program;
  #isForgotten = false;
  /** It completed itself, or was allowed to end, in the present move. */
  #isExcused = false;
  #last: Answered | undefined;
  /** A task, or work of a chart, was under way when it was disturbed. */
  isInterrupted = false;
  /** It is unknown how far a task has come that was not answered. */
  isUnclear = false;
  /** It has ended by itself, on purpose. */
  hasEndedItself = false;

  private constructor(options: StageOptions) {
    this.#options = options;
    this.#subject = options.subject;
    this.#faults = options.subject.faults;
    this.#faults.clear();
    this.#definition =
      options.isolation === 'in-process' ? options.subject.faulty : options.subject.definition;
  }

  static async open(options: StageOptions): Promise<Stage> {
    const stage = new Stage(options);
    await stage.#boot();
    const { system } = stage.#program;
    const { url, options: subject } = options.subject;
    const module = options.isolation === 'in-process' ? stage.#definition : (url as URL);
    const spec = {
      ...subject.spec,
      id: ID,
      module,
      isolation: options.isolation,
      ...(subject.initArgs === undefined ? {} : { initArgs: subject.initArgs }),
      restart: { policy: 'immediate', delayMs: RESTART_MS, maxRestarts: 100_000, withinMs: 1 },
      shutdownMs: SHUTDOWN_MS,
      health: { intervalMs: Infinity, timeoutMs: 5_000, failuresBeforeKill: 3 },
    } as unknown as AgentSpec;
    await stage.#until(system.agents.register(spec));
    if (options.restored === undefined) return stage;
    const state = { json: options.restored, stateVersion: options.subject.manifest.stateVersion };
    void stage.#kept.append({ events: [], states: new Map([[ID, state]]) });
    stage.#program.host.told = state;
    return stage;
  }

  /** What was done so far, and what came of it. */
  get done(): readonly Done[] {
    return this.#done;
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** What was answered so far, in the order in which it was asked. */
  get answers(): readonly Answered[] {
    return this.#calls.flatMap(({ task, input, outcome }) =>
      outcome && 'output' in outcome ? [{ task, input, output: outcome.output }] : [],
    );
  }

  /** Epoch ms, simulated. */
  get now(): number {
    return this.#program.clock.now();
  }

  /** Tasks that the agent has taken, and those that it has answered. */
  get taken(): readonly { readonly task: string; readonly isAnswered: boolean }[] {
    const refused = new Set([
      'TASK_INCOMPATIBLE',
      'TASK_INPUT_INVALID',
      'AGENT_NOT_RUNNING',
      'SYSTEM_CLOSED',
    ]);
    return this.#calls
      .filter(
        ({ outcome }) => outcome === undefined || 'output' in outcome || !refused.has(outcome.error.code),
      )
      .map(({ task, outcome }) => ({
        task,
        isAnswered: outcome !== undefined && ('output' in outcome || outcome.error.code === 'TASK_FAILED'),
      }));
  }

  /** Whether the agent waits for a time of its own. */
  get awaitsTime(): boolean {
    return this.#program.clock.pending().length > 0;
  }

  get place(): Place {
    if (this.#isForgotten) return 'gone';
    const { status, restartAt } = this.#program.system.agents.get(ID);
    const holds = this.#program.host.body?.holds ?? false;
    const isOpen = this.#calls.some(({ isHeld, outcome }) => isHeld && outcome === undefined);
    switch (status) {
      case 'registered':
        return 'registered';
      case 'stopped':
      case 'completed':
        return 'stopped';
      case 'stopping':
        return 'stopping';
      case 'crashed':
        return restartAt === undefined ? 'down' : 'waiting';
      default:
        return holds ? (isOpen ? 'busy' : 'overdue') : 'idle';
    }
  }

  /** The newest state that was saved, as JSON. */
  get saved(): string | undefined {
    return this.#program.host.told?.json;
  }

  /** @returns whether it was possible. @throws LawBroken */
  async perform(move: Move): Promise<boolean> {
    const before = this.place;
    if (!this.#isPossible(move, before)) return false;
    const { clock } = this.#program;
    const startedAt = clock.now();
    const calls = this.#calls.length;
    this.#isExcused = false;
    const done: { move: Move; result?: string } = { move };
    this.#done.push(done);
    if (isDisturbing(move) && this.#isUnderWay()) {
      this.isInterrupted = true;
      // A crash loses what was not answered; any other end may keep it.
      if (move.move !== 'crash' && move.move !== 'kill' && move.move !== 'lose') this.isUnclear = true;
    }
    const result = await this.#perform(move, before);
    if (result !== undefined) done.result = result;
    await this.#quiet();
    this.#steps.push({
      move,
      elapsedMs: this.#program.clock.now() - startedAt,
      calls: this.#calls.slice(calls),
    });
    await this.#judge(move, before, done);
    return true;
  }

  /** Lets time go on, as in a run that was disturbed meanwhile. */
  async advance(ms: number): Promise<void> {
    await this.#program.clock.advance(ms);
    await this.#quiet();
  }

  /** Ends it all. @throws LawBroken for what is left */
  async leave(): Promise<void> {
    const { system, clock, host } = this.#program;
    for (const body of host.bodies) body.release();
    await this.#quiet();
    const closing = system.close({ timeoutMs: 0 });
    // A close waits by this clock; bodies in other programs end in real time.
    await this.#until(closing, 200_000);
    await settled();
    const left = clock.pending().length;
    if (left > 0) {
      this.#break(
        'nothing is left',
        `${left} timers are still armed after the end of the agent and its system`,
      );
    }
    this.#expectBodies(0);
  }

  /** Ends it, in any state. */
  async abandon(): Promise<void> {
    await this.#program.host.die();
    this.#program.store.isDead = true;
  }

  #isPossible(move: Move, place: Place): boolean {
    if (move.move === 'pass') return place === 'idle' && this.awaitsTime;
    if (move.move === 'arrange') return this.#subject.isChart && place !== 'gone';
    const kind = lifeMoveOf(move)!;
    if (life[place][kind] === undefined) return false;
    if (move.move === 'cancel' || move.move === 'expire') return this.#held() !== undefined;
    return true;
  }

  async #perform(move: Move, place: Place): Promise<string | undefined> {
    const { system, clock, host } = this.#program;
    const { agents } = system;
    switch (move.move) {
      case 'start': {
        const refused = await this.#errorOf(agents.start(ID), 31_000);
        if (refused) this.#break('it starts', reasonOf(refused), refused);
        return undefined;
      }
      case 'task':
        return this.#task(move.task, move.input);
      case 'begin':
        host.holdNext = move.held;
        this.#submit(move.task, move.input, true);
        await this.#quiet();
        host.holdNext = undefined;
        return undefined;
      case 'release':
        host.body?.release();
        await this.#quiet();
        return undefined;
      case 'cancel':
        this.#held()!.controller.abort(new Error('given up'));
        await this.#quiet();
        return this.#letGo();
      case 'expire':
        await clock.advance(TASK_MS);
        return this.#letGo();
      case 'crash':
        host.body?.lose('out_of_memory');
        await this.#quiet();
        return undefined;
      case 'kill':
        await this.#errorOf(agents.kill(ID), SHUTDOWN_MS);
        return undefined;
      case 'stop': {
        await this.#errorOf(agents.stop(ID), place === 'idle' ? SHUTDOWN_MS : 0);
        await this.#quiet();
        if (place !== 'idle') return undefined;
        const { reason } = agents.get(ID);
        if (reason !== 'shutdown')
          this.#break('it ends in order', `idle, it was stopped, and ended as ${inWords(reason)}`);
        return undefined;
      }
      case 'wait':
        await clock.advance(place === 'waiting' ? RESTART_MS : SHUTDOWN_MS);
        return undefined;
      case 'lose':
        await this.#lose();
        return undefined;
      case 'reboot': {
        await this.#until(system.close({ timeoutMs: SHUTDOWN_MS }), SHUTDOWN_MS + 5_000);
        this.#program.store.isDead = true;
        await this.#boot(clock.now());
        return undefined;
      }
      case 'forget':
        await this.#errorOf(agents.forget(ID));
        this.#isForgotten = true;
        return undefined;
      case 'health': {
        const report = await this.#until(agents.checkHealth(ID), 5_000);
        if (report.status !== 'healthy') {
          this.#break('its health is told', `a check says ${report.status}: ${inWords(report)}`);
        }
        return undefined;
      }
      case 'variable': {
        await this.#until(system.variables.set(move.name, move.value), ROUND_MS);
        return undefined;
      }
      case 'propose':
        return this.#propose(move.name, move.value);
      case 'pass':
        await clock.runNext();
        return undefined;
      case 'arrange':
        this.#faults.arrange(move.work, move.as);
    }
    return undefined;
  }

  async #task(task: string, input: unknown): Promise<string | undefined> {
    const { clock } = this.#program;
    const call = this.#submit(task, input, false);
    await this.#quiet();
    // A chart may answer much later; an agent of functions is at work until it does.
    if (!this.#subject.isChart && this.place === 'idle') {
      for (let n = 0; n < MAX_TIMERS && call.outcome === undefined && this.awaitsTime; n++) {
        await clock.runNext();
        await this.#quiet();
      }
      if (call.outcome === undefined && this.#program.system.agents.get(ID).status === 'running') {
        this.#break('a task ends', `${task} does not, and waits for nothing that will come`);
      }
    }
    if (call.outcome === undefined) return 'not answered yet';
    return 'output' in call.outcome ? `gives ${inWords(call.outcome.output)}` : call.outcome.error.code;
  }

  #submit(task: string, input: unknown, isHeld: boolean): Call {
    const controller = new AbortController();
    const call: Call = { task, input, controller, isHeld, at: this.#done.length - 1 };
    this.#calls.push(call);
    const { agents } = this.#program.system;
    agents
      .execute(ID, {
        type: task,
        input: structuredClone(input),
        signal: controller.signal,
        ...(isHeld ? { timeoutMs: TASK_MS } : {}),
      })
      .then(
        (output) => {
          call.outcome = { output };
          this.#last = { task, input, output };
        },
        (error: AgentSystemError) => {
          call.outcome = { error };
        },
      );
    return call;
  }

  /** The task that is held and that somebody waits for. */
  #held(): Call | undefined {
    return this.#calls.find(({ isHeld, outcome }) => isHeld && outcome === undefined);
  }

  /** What a body still works on after it was told to let go. */
  #letGo(): undefined {
    const open = this.#program.host.body?.openTasks ?? [];
    if (open.length > 0) {
      this.#break(
        'a cancelled task lets go',
        'its signal has fired, and it works on: nothing else can be done',
      );
    }
    return undefined;
  }

  async #propose(name: string, value: unknown): Promise<string> {
    const { consensus } = this.#program.system;
    const from = this.#events.length;
    const deciding = consensus.propose({ variable: name, value, deadlineMs: ROUND_MS });
    const { outcome } = await this.#until(deciding, ROUND_MS);
    for (const event of this.#events.slice(from)) {
      if (event.type === 'round.voted' && event.error) this.#break('a vote is a vote', event.error.message);
    }
    return outcome;
  }

  // Programs, one after the other.

  async #boot(startAt?: number): Promise<void> {
    const clock = simulatedClock(startAt === undefined ? {} : { startAt });
    const { isolation, observe } = this.#options;
    const { manifests, options } = this.#subject;
    const described = manifests.get(isolation) ?? new Map();
    manifests.set(isolation, described);
    const host = new InterposedHost(innerHost(isolation, clock, observe), described);
    host.told = this.#program?.host.told;
    const store = dying(this.#kept);
    const creating = createAgentSystem({
      store,
      clock,
      random: () => 0,
      logger: silent,
      // What lives elsewhere is bound by the place of its module, and keeps the one that it has.
      agents: isolation === 'in-process' ? [this.#definition] : [],
      hosts: { [isolation]: host },
    });
    const system = await creating;
    this.#program = { system, clock, host, store };
    system.events.subscribe((event) => this.#events.push(event));
    for (const name of this.#subject.values.keys()) {
      await this.#until(system.variables.define(name, options.variables![name]!));
    }
    // Those that ran in the program before are started again as soon as time goes on.
    await clock.advance(0);
    await this.#quiet();
  }

  async #lose(): Promise<void> {
    const { clock, host, store } = this.#program;
    store.isDead = true;
    await host.die();
    await settled();
    const lost = new AgentSystemError('SYSTEM_CLOSED', 'its program is lost');
    for (const call of this.#calls) call.outcome ??= { error: lost };
    await this.#boot(clock.now());
  }

  // Quiet.

  /**
   * Until nothing moves any more. What goes by no clock of ours (another program, a timer of Node) is given real
   * time, once: what has not answered by then waits for something that is not under way.
   */
  async #quiet(): Promise<void> {
    const { patienceMs, isolation } = this.#options;
    const patience = isolation === 'in-process' ? patienceMs : patienceMs * CHILD_PATIENCE;
    for (let left = patience, before = -1; ; left -= STEP_MS) {
      await settled();
      const open = this.#program.host.unanswered.filter((one) => !this.#waiting.has(one));
      if (open.length === 0) return;
      if (open.length !== before) left = patience;
      before = open.length;
      if (left <= 0) {
        for (const one of open) this.#waiting.add(one);
        return;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, STEP_MS);
      });
    }
  }

  /** What a promise comes to, the clock going on by `withinMs` at the most. @throws what it rejects with */
  async #until<Value>(promise: Promise<Value>, withinMs = 0): Promise<Value> {
    const { clock } = this.#program;
    const seen = { isSettled: false };
    const settle = () => {
      seen.isSettled = true;
    };
    promise.then(settle, settle);
    await this.#quiet();
    const until = clock.now() + withinMs;
    while (!seen.isSettled) {
      const [next] = clock.pending();
      if (next === undefined || next.dueAt > until) break;
      await clock.runNext();
      await this.#quiet();
    }
    for (let waited = 0; !seen.isSettled && waited < 10_000; waited += STEP_MS) {
      await new Promise((resolve) => {
        setTimeout(resolve, STEP_MS);
      });
    }
    if (!seen.isSettled)
      this.#break('its life is as the pages say', 'a command of its life was never answered');
    return promise;
  }

  async #errorOf(promise: Promise<unknown>, withinMs = 0): Promise<AgentSystemError | undefined> {
    let refused: AgentSystemError | undefined;
    const caught = promise.then(
      () => undefined,
      (error: AgentSystemError) => {
        refused = error;
      },
    );
    if (withinMs === 0) return undefined;
    await this.#until(caught, withinMs);
    return refused;
  }

  // The judge.

  async #judge(move: Move, before: Place, done: { result?: string }): Promise<void> {
    this.#judgeOwnEnds(move);
    this.#judgeTasks();
    this.#judgeLife(move, before, done);
    await this.#judgeState(move, before);
  }

  /** Ends that nothing but the agent brought about, and what its functions threw where nobody waited. */
  #judgeOwnEnds(move: Move): void {
    const { host } = this.#program;
    const [complaint] = host.complaints.splice(0);
    if (complaint?.startsWith('terminate')) this.#break('it ends in order', complaint);
    else if (complaint !== undefined) this.#break('what is answered is kept', complaint);
    const ends = host.ownEnds.splice(0);
    const failures = this.#faults.failed;
    this.#faults.failed = 0;
    if (host.isFinished) {
      host.isFinished = false;
      this.#isExcused = true;
      this.hasEndedItself = true;
    }
    const [end] = ends;
    if (end === undefined) return;
    this.#isExcused = true;
    this.hasEndedItself = true;
    const mayEnd = failures > 0 || this.#calls.some(({ task }) => this.#subject.planOf(task).mayEnd === true);
    if (mayEnd) return;
    const why =
      typeof end.reason === 'object' && 'error' in end.reason
        ? end.reason.error.message
        : inWords(end.reason);
    if (before(move, 'start', 'wait', 'lose', 'reboot') && this.place !== 'idle') {
      this.#break('it starts', why);
    }
    this.#break(move.move === 'variable' ? 'a variable is borne' : 'it does not break', why);
  }

  #judgeTasks(): void {
    const ends = new Map<string, number>();
    for (const event of this.#events) {
      if (!('taskId' in event)) continue;
      const { type, taskId } = event;
      if (type === 'task.accepted') ends.set(taskId, 0);
      else if (type !== 'task.started') ends.set(taskId, (ends.get(taskId) ?? 0) + 1);
    }
    for (const [taskId, count] of ends) {
      if (count > 1) this.#break('a task ends once', `${taskId} has ${count} ends in the event stream`);
    }
    for (const { task, outcome } of this.#calls) {
      if (outcome === undefined || 'output' in outcome || outcome.error.code !== 'TASK_FAILED') continue;
      const { mayFail = false } = this.#subject.planOf(task);
      const cause = outcome.error.cause instanceof Error ? outcome.error.cause : outcome.error;
      const isMeant =
        this.#wasMadeToFail(cause) || (typeof mayFail === 'function' ? mayFail(cause) : mayFail);
      if (!isMeant) this.#break('a valid input is done', reasonOf(outcome.error), outcome.error);
    }
  }

  #wasMadeToFail(error: Error): boolean {
    return error.message.endsWith('was made to fail') || ('code' in error && error.code === 'INTERRUPTED');
  }

  #judgeLife(move: Move, before: Place, done: { result?: string }): void {
    const place = this.place;
    const status: AgentStatus | 'gone' = this.#isForgotten
      ? 'gone'
      : this.#program.system.agents.get(ID).status;
    const isAlive = status !== 'gone' && hasBody(status);
    this.#expectBodies(isAlive ? 1 : 0);
    const kind = lifeMoveOf(move);
    const expected = kind === undefined ? before : life[before][kind];
    if (this.#isExcused || expected === place) return;
    // A chart may leave a task open for as long as it likes, and a stop then waits for it.
    if (this.#subject.isChart && place === 'stopping') return;
    // Of several tasks that are open one alone has moved.
    if (this.#calls.filter(({ outcome }) => outcome === undefined).length > 1) return;
    const law: AgentLaw = place === 'stopping' ? 'it ends in order' : 'its life is as the pages say';
    if (expected === 'idle' && (place === 'waiting' || place === 'down')) {
      const { reason } = this.#program.system.agents.get(ID);
      this.#break('it starts', `it is ${status}, for ${inWords(reason)}`);
    }
    this.#break(law, `after ${done.result ?? move.move} it is ${place} (${status}), expected ${expected}`);
  }

  #expectBodies(count: number): void {
    const { size } = this.#program.host.bodies;
    if (size !== count) this.#break('one body at the most', `${size} bodies live, expected ${count}`);
  }

  async #judgeState(move: Move, before: Place): Promise<void> {
    const { host } = this.#program;
    const kept = this.#isForgotten ? undefined : await this.#kept.state(ID);
    if (!this.#isForgotten && kept?.json !== host.told?.json) {
      const problem = `the store has ${inWords(kept?.json)}, its body has told ${inWords(host.told?.json)}`;
      this.#break('what is answered is kept', problem);
    }
    const place = this.place;
    const isQuiet = place === 'idle' || place === 'busy' || place === 'overdue';
    let json = kept?.json;
    if (isQuiet) {
      const asked = host.body!.state();
      await this.#quiet();
      try {
        json = (await asked)?.json;
      } catch (thrown) {
        this.#break('what is answered is kept', errorInfoOf(thrown).message, thrown);
      }
    }
    // A chart goes on by itself as soon as it is restored.
    if (place === 'idle' && isRestart(before, move) && !this.#subject.isChart && kept && json !== undefined) {
      const [then, now] = [JSON.parse(kept.json) as unknown, JSON.parse(json) as unknown];
      if (!isDeepStrictEqual(then, now)) {
        this.#break('what is restored is what was saved', `it was ${inWords(then)}, and is ${inWords(now)}`);
      }
    }
    await this.#judgeInvariants(json, isQuiet);
  }

  async #judgeInvariants(json: string | undefined, isAlive: boolean): Promise<void> {
    const { invariants = {} } = this.#subject.options;
    if (json === undefined || this.#isForgotten) return;
    const whole = JSON.parse(json) as { readonly snapshot?: unknown };
    for (const [name, holds] of Object.entries(invariants)) {
      const state: unknown = this.#subject.isChart ? whole.snapshot : structuredClone(whole);
      const seen: Seen = { state, isAlive, last: this.#last };
      let problem: string | undefined;
      let cause: unknown;
      try {
        if ((await holds(seen)) === false) problem = `does not hold of ${inWords(state)}`;
      } catch (thrown) {
        problem = errorInfoOf(thrown).message;
        cause = thrown;
      }
      if (problem !== undefined) this.#break(`invariant ${name}`, problem, cause);
    }
  }

  /** Whether a chart, or a task, is at something that a loss of the body would interrupt. */
  #isUnderWay(): boolean {
    const { body } = this.#program.host;
    if (body === undefined) return false;
    if (this.#calls.some(({ outcome }) => outcome === undefined)) return true;
    if (!this.#subject.isChart || this.saved === undefined) return false;
    const { snapshot } = JSON.parse(this.saved) as { readonly snapshot?: { readonly children?: object } };
    return Object.keys(snapshot?.children ?? {}).length > 0;
  }

  #break(law: LawName, problem: string, cause?: unknown): void {
    if (!law.startsWith('invariant ') && !this.#subject.isHeldTo(law as AgentLaw)) return;
    throw new LawBroken(law, problem, [...this.#done], cause);
  }
}

function before(move: Move, ...kinds: readonly Move['move'][]): boolean {
  return kinds.includes(move.move);
}

function isDisturbing({ move }: Move): boolean {
  return ['crash', 'kill', 'lose', 'reboot', 'stop', 'cancel', 'expire'].includes(move);
}

/** Whether the move has begun a life that goes on from what was saved, where anything was. */
function isRestart(place: Place, { move }: Move): boolean {
  return move === 'start' || move === 'lose' || (move === 'wait' && place === 'waiting');
}

function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error && !message.includes(cause.message)
    ? `${message} (${cause.message})`
    : message;
}

function innerHost(
  isolation: Isolation,
  clock: SimulatedClock,
  observe: ((event: InspectionEvent) => void) | undefined,
): Host {
  if (isolation === 'in-process') return inProcessHost({ clock, observe });
  return isolation === 'thread' ? threadHost() : processHost();
}

/** A store of which a program that has died keeps nothing more. */
function dying(kept: Store): Store & { isDead: boolean } {
  return {
    isDead: false,
    isDurable: kept.isDurable,
    recover: () => kept.recover(),
    append(batch) {
      if (!this.isDead) void kept.append(batch);
    },
    read: (query) => kept.read(query),
    state(agentId) {
      return this.isDead ? undefined : kept.state(agentId);
    },
    close: () => undefined,
  };
}
