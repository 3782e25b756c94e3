/**
 * Where an agent is tried: moves are made on it, in one program after the other, and every law is judged after each.
 *
 * I1  A move that is not possible where the agent stands does nothing, and is not part of the path.
 * I2  A stage that was left has nothing running.
 */
import type { InspectionEvent } from 'xstate';
import type { Isolation } from '../../machines/index.ts';
import type { AnyAgentDefinition } from '../../runtime/definition/define-agent.ts';
import { pathOf } from '../../runtime/engine/state-path.ts';
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import { memoryStore } from '../../runtime/journal/stores/memory.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { inWords } from '../../runtime/values/errors.ts';
import { settled } from '../simulated-clock.ts';
import { type Answered, type Call, Calls } from './calls.ts';
import { Judge, type Judged, messageWithCause } from './judge.ts';
import { type AgentLaw, type Done, LawBroken, type LawName } from './laws.ts';
import { life, type Place } from './life-model.ts';
import { lifeMoveOf, type Move } from './moves.ts';
import { Program } from './program.ts';
import type { Subject } from './subject.ts';

const RESTART_MS = 1_000;
const SHUTDOWN_MS = 5_000;
/** What a held task is given. */
const TASK_MS = 10_000;
const ROUND_MS = 1_000;
const ID = 'agent';
/** Timers of the agent's own that a task may wait for, one after the other. */
const MAX_TIMERS = 100;

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

/** One move, and what a run without disturbances needs to know of it. */
export interface Step {
  readonly move: Move;
  readonly elapsedMs: number;
  /** Tasks that it began, as they ended. */
  readonly calls: readonly Call[];
}

/** Of what is saved of a chart: its work, its delays, and the tasks that it has not answered. */
interface SavedChart {
  readonly snapshot?: { readonly value?: unknown; readonly children?: object };
  readonly delayed?: readonly unknown[];
  readonly tasks?: readonly { readonly task: string; readonly incarnation: number }[];
}

export class Stage implements Judged {
  readonly agentId = ID;
  readonly subject: Subject;
  readonly calls = new Calls(ID);
  readonly store = memoryStore();
  readonly events: SystemEvent[] = [];
  readonly #options: StageOptions;
  readonly #definition: AnyAgentDefinition;
  readonly #judge: Judge;
  readonly #steps: Step[] = [];
  readonly #done: Done[] = [];
  #program!: Program;
  #isForgotten = false;
  /** A task, or work of a chart, was under way when it was disturbed. */
  isInterrupted = false;
  /** It is unknown how far a task has come that was not answered. */
  isUnclear = false;

  private constructor(options: StageOptions) {
    this.#options = options;
    this.subject = options.subject;
    this.subject.faults.clear();
    this.#definition =
      options.isolation === 'in-process' ? options.subject.faulty : options.subject.definition;
    this.#judge = new Judge(this);
  }

  static async open(options: StageOptions): Promise<Stage> {
    const stage = new Stage(options);
    await stage.#boot();
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
    await stage.program.until(stage.program.system.agents.register(spec));
    if (options.restored === undefined) return stage;
    const state = { json: options.restored, stateVersion: options.subject.manifest.stateVersion };
    void stage.store.append({ events: [], states: new Map([[ID, state]]) });
    stage.program.host.told = state;
    return stage;
  }

  /** The program that runs now. */
  get program(): Program {
    return this.#program;
  }

  /** What was done so far, and what came of it. */
  get done(): readonly Done[] {
    return this.#done;
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  get answers(): readonly Answered[] {
    return this.calls.answers;
  }

  get taken(): Calls['taken'] {
    return this.calls.taken;
  }

  get hasEndedItself(): boolean {
    return this.#judge.hasEndedItself;
  }

  /** Epoch ms, simulated. */
  get now(): number {
    return this.program.clock.now();
  }

  /** Whether the agent waits for a time of its own. */
  get awaitsTime(): boolean {
    return this.program.clock.pending().length > 0;
  }

  get place(): Place {
    if (this.#isForgotten) return 'gone';
    const { status, restartAt } = this.program.system.agents.get(ID);
    const holds = this.program.host.body?.holds ?? false;
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
        return holds ? (this.calls.held ? 'busy' : 'overdue') : 'idle';
    }
  }

  /** The newest state that was saved, as JSON. */
  get saved(): string | undefined {
    return this.program.host.told?.json;
  }

  /** @returns whether it was possible. @throws LawBroken */
  async perform(move: Move): Promise<boolean> {
    const before = this.place;
    if (!this.#isPossible(move, before)) return false;
    const startedAt = this.now;
    const calls = this.calls.all.length;
    const done: { move: Move; result?: string; state?: string } = { move };
    const stateBefore = this.#chartState;
    this.#done.push(done);
    if (isDisturbing(move) && this.#isUnderWay()) {
      this.isInterrupted = true;
      // A crash loses what was not answered; any other end may keep it.
      if (move.move !== 'crash' && move.move !== 'kill' && move.move !== 'lose') this.isUnclear = true;
    }
    const result = await this.#perform(move, before);
    if (result !== undefined) done.result = result;
    await this.program.quiet();
    const state = this.#chartState;
    if (state !== undefined && state !== stateBefore) done.state = state;
    this.#expectAnswerable();
    this.#steps.push({ move, elapsedMs: this.now - startedAt, calls: this.calls.all.slice(calls) });
    await this.#judge.judge(move, before, result);
    return true;
  }

  /** Lets time go on, as in a run that was disturbed meanwhile. */
  async advance(ms: number): Promise<void> {
    await this.program.clock.advance(ms);
    await this.program.quiet();
  }

  /** Ends it all. @throws LawBroken for what is left */
  async leave(): Promise<void> {
    const { program } = this;
    for (const body of program.host.bodies) body.release();
    await program.quiet();
    const closing = program.system.close({ timeoutMs: 0 });
    // A close waits by this clock; bodies in other programs end in real time.
    await program.until(closing, 200_000);
    await settled();
    const left = program.clock.pending().length;
    if (left > 0) {
      this.break(
        'nothing is left',
        `${left} timers are still armed after the end of the agent and its system`,
      );
    }
    this.#judge.expectBodies(0);
  }

  /** Ends it, in any state. */
  async abandon(): Promise<void> {
    await this.program.die();
  }

  /** Ends the path here, unless its agent is not held to that law. @throws LawBroken */
  break(law: LawName, problem: string, cause?: unknown): void {
    if (!law.startsWith('invariant ') && !this.subject.isHeldTo(law as AgentLaw)) return;
    throw new LawBroken(law, problem, [...this.#done], cause);
  }

  #isPossible(move: Move, place: Place): boolean {
    if (move.move === 'pass') return place === 'idle' && this.awaitsTime;
    if (move.move === 'arrange') return this.subject.isChart && place !== 'gone';
    const kind = lifeMoveOf(move)!;
    if (life[place][kind] === undefined) return false;
    if (move.move === 'cancel' || move.move === 'expire') return this.calls.held !== undefined;
    return true;
  }

  /** Whether a chart, or a task, is at something that a loss of the body would interrupt. */
  #isUnderWay(): boolean {
    if (this.program.host.body === undefined) return false;
    return this.calls.open.length > 0 || this.#hasChildren;
  }

  /** What a chart was when it settled last. */
  get #chart(): SavedChart | undefined {
    return this.subject.isChart && this.saved !== undefined ? JSON.parse(this.saved) : undefined;
  }

  get #chartState(): string | undefined {
    const { machine } = this.subject;
    const value = this.#chart?.snapshot?.value;
    return machine === undefined || value === undefined ? undefined : pathOf(machine.root, value);
  }

  get #hasChildren(): boolean {
    return Object.keys(this.#chart?.snapshot?.children ?? {}).length > 0;
  }

  /** A chart may answer much later, but not once nothing reaches it any more: its open tasks keep all others out. */
  #expectAnswerable(): void {
    if (!this.subject.isChart || this.#isForgotten) return;
    const { status, spec, incarnation } = this.program.system.agents.get(ID);
    const { tasks = [], delayed = [] } = this.#chart ?? {};
    const open = tasks.filter((task) => task.incarnation === incarnation);
    const [oldest] = open;
    if (status !== 'running' || oldest === undefined) return;
    const { definition } = this.subject;
    const mayHear =
      open.length < (spec.tasks?.concurrency ?? 1) ||
      delayed.length > 0 ||
      this.#hasChildren ||
      definition.variables.length > 0 ||
      open.some(({ task }) => definition.tasks[task]?.timeoutMs !== undefined);
    if (mayHear) return;
    this.break(
      'a task ends',
      `${oldest.task} has no answer, and never gets one: its chart waits for no work and no delay, and takes no other task meanwhile`,
    );
  }

  async #perform(move: Move, place: Place): Promise<string | undefined> {
    const { program } = this;
    const { system, clock, host } = program;
    const { agents } = system;
    switch (move.move) {
      case 'start': {
        const refused = await program.errorOf(agents.start(ID), 31_000);
        if (refused) this.break('it starts', messageWithCause(refused), refused);
        return undefined;
      }
      case 'task':
        return this.#task(move.task, move.input);
      case 'begin':
        host.holdNext = move.held;
        this.calls.submit(agents, move.task, move.input, TASK_MS);
        await program.quiet();
        host.holdNext = undefined;
        return undefined;
      case 'release':
        host.body?.release();
        await program.quiet();
        return undefined;
      case 'cancel':
        this.calls.held!.controller.abort(new Error('given up'));
        await program.quiet();
        return this.#expectLetGo();
      case 'expire':
        await clock.advance(TASK_MS);
        return this.#expectLetGo();
      case 'crash':
        host.body?.lose('out_of_memory');
        await program.quiet();
        return undefined;
      case 'kill':
        await program.errorOf(agents.kill(ID), SHUTDOWN_MS);
        return undefined;
      case 'stop': {
        await program.errorOf(agents.stop(ID), place === 'idle' ? SHUTDOWN_MS : 0);
        await program.quiet();
        if (place !== 'idle') return undefined;
        const { reason } = agents.get(ID);
        if (reason !== 'shutdown')
          this.break('it ends in order', `idle, it was stopped, and ended as ${inWords(reason)}`);
        return undefined;
      }
      case 'wait':
        await clock.advance(place === 'waiting' ? RESTART_MS : SHUTDOWN_MS);
        return undefined;
      case 'lose':
        await program.die();
        await settled();
        this.calls.lose();
        await this.#boot(clock.now());
        return undefined;
      case 'reboot':
        await program.until(system.close({ timeoutMs: SHUTDOWN_MS }), SHUTDOWN_MS + 5_000);
        program.end();
        await this.#boot(clock.now());
        return undefined;
      case 'forget':
        await program.errorOf(agents.forget(ID));
        this.#isForgotten = true;
        return undefined;
      case 'health': {
        const report = await program.until(agents.checkHealth(ID), 5_000);
        if (report.status !== 'healthy') {
          this.break('its health is told', `a check says ${report.status}: ${inWords(report)}`);
        }
        return undefined;
      }
      case 'variable':
        await program.until(system.variables.set(move.name, move.value), ROUND_MS);
        return undefined;
      case 'propose':
        return this.#propose(move.name, move.value);
      case 'pass':
        await clock.runNext();
        return undefined;
      case 'arrange':
        this.subject.faults.arrange(move.work, move.as);
    }
    return undefined;
  }

  async #task(task: string, input: unknown): Promise<string | undefined> {
    const { program } = this;
    const { agents } = program.system;
    const call = this.calls.submit(agents, task, input);
    await program.quiet();
    // A chart may answer much later; an agent of functions is at work until it does.
    if (!this.subject.isChart && this.place === 'idle') {
      for (let n = 0; n < MAX_TIMERS && call.outcome === undefined && this.awaitsTime; n++) {
        await program.clock.runNext();
        await program.quiet();
      }
      if (call.outcome === undefined && agents.get(ID).status === 'running') {
        this.break('a task ends', `${task} does not, and waits for nothing that will come`);
      }
    }
    if (call.outcome === undefined) return 'not answered yet';
    return 'output' in call.outcome ? `gives ${inWords(call.outcome.output)}` : call.outcome.error.code;
  }

  /** A body works on nothing more of a task that was cancelled. */
  #expectLetGo(): undefined {
    const open = this.program.host.body?.openTasks ?? [];
    // A chart has others open as long as it likes.
    if (open.length > (this.subject.isChart ? this.calls.open.length : 0)) {
      this.break(
        'a cancelled task lets go',
        'its signal has fired, and it works on: nothing else can be done',
      );
    }
    return undefined;
  }

  async #propose(name: string, value: unknown): Promise<string> {
    const { consensus } = this.program.system;
    const from = this.events.length;
    const deciding = consensus.propose({ variable: name, value, deadlineMs: ROUND_MS });
    const { outcome } = await this.program.until(deciding, ROUND_MS);
    for (const event of this.events.slice(from)) {
      if (event.type === 'round.voted' && event.error) this.break('a vote is a vote', event.error.message);
    }
    return outcome;
  }

  /** Begins the next program, over what the store has. */
  async #boot(startAt?: number): Promise<void> {
    const { isolation, patienceMs, observe } = this.#options;
    const { manifests, options } = this.subject;
    const described = manifests.get(isolation) ?? new Map();
    manifests.set(isolation, described);
    const program = await Program.start({
      isolation,
      patienceMs,
      store: this.store,
      // What lives elsewhere is bound by the place of its module, and keeps the one that it has.
      agents: isolation === 'in-process' ? [this.#definition] : [],
      manifests: described,
      told: this.#program?.host.told,
      startAt,
      observe,
      onHang: () => {
        const law = 'its life is as the pages say';
        throw new LawBroken(law, 'a command of its life was never answered', [...this.#done]);
      },
    });
    this.#program = program;
    program.system.events.subscribe((event) => this.events.push(event));
    for (const name of this.subject.values.keys()) {
      await program.until(program.system.variables.define(name, options.variables![name]!));
    }
    // Those that ran in the program before are started again as soon as time goes on.
    await program.clock.advance(0);
    await program.quiet();
  }
}

function isDisturbing({ move }: Move): boolean {
  return ['crash', 'kill', 'lose', 'reboot', 'stop', 'cancel', 'expire'].includes(move);
}
