/**
 * Runs one definition: its init, tasks, votes, saves and end. The same code in every host.
 *
 * Owns the abort signals of the agent's work; who has which state to work on is said by its BodyState. Knows no queue, deadline, store or fleet: what it is
 * asked comes in as requests, what happens goes out as reports.
 *
 * I1  It reports as `Host` promises: `ready` once, `exited` once, nothing after.
 * I2  Every `task.run` is answered exactly once, unless the body exits first.
 * I3  A synchronous definition is run synchronously: no promise is made for it.
 * I4  What is asked of it before it is ready waits until it is, but for its end.
 * I5  What its `connect` gave is given to `disconnect` once, however it ends, also where it came too late. An end
 *     that was asked for, and a start that failed, wait for that.
 * I6  Of a task that failed, or was cancelled before its work was done, nothing stays in the state; with
 *     `keepStateOnFailure`, a `save` of its own, or a chart, all of it does.
 * I7  A state that has changed by itself is never told before the answers that are part of it.
 */
import type { ExitReason } from '../../machines/index.ts';
import {
  type AgentSelf,
  isPending,
  isTaskRefusal,
  type Offer,
  whenSettled,
} from '../definition/agent-self.ts';
import type {
  AgentLog,
  AnyAgentDefinition,
  ConnectContext,
  InitContext,
  Proposal,
  TaskContext,
  TaskDefinition,
  Vote,
} from '../definition/define-agent.ts';
import { manifestOf } from '../definition/manifest.ts';
import { errorFrom, errorInfoOf, inWords } from '../values/errors.ts';
import type { Body, BodyListener, BodyRequest, BodyStart, TraceParent, VariableState } from './host.ts';
import { BodyState, type StateUser } from './body-state.ts';
import { BodyLog, type TellLine } from './body-log.ts';
import { migratedState, type SavedState } from '../definition/saved-state.ts';
import { type Clock, steadyClock, systemClock } from '../time/clock.ts';
import { judge, type Verdict } from '../values/schema.ts';
import { assertKept, stateJson } from '../values/state-json.ts';
import { withinTrace } from './trace-parent.ts';
import { OpenTasks } from '../values/open-tasks.ts';
import { ignoreRejection, isThenable } from '../values/thenable.ts';

/** `leaving`: it ends before it was ready. */
type Phase = 'loading' | 'initializing' | 'leaving' | 'serving' | 'terminating' | 'gone';
type Task = TaskDefinition<unknown, unknown, unknown>;
/** A definition whose functions may be called: what they are given is made here, to their types. */
type Callable = Omit<
  AnyAgentDefinition,
  'connect' | 'disconnect' | 'init' | 'tasks' | 'onVariable' | 'vote' | 'health' | 'save' | 'terminate'
> & {
  connect?(context: ConnectContext<unknown>): unknown;
  disconnect?(context: object): unknown;
  init(context: InitContext<unknown>): unknown;
  readonly tasks: Readonly<Record<string, Task>>;
  onVariable?(context: object): unknown;
  vote?(context: object): unknown;
  health?(context: object): unknown;
  save?(context: object): unknown;
  terminate?(context: object): unknown;
};

/** What a body finds where it lives. */
export interface Surroundings {
  /** Default the machine's time. */
  readonly clock?: Clock | undefined;
  readonly observe?: AgentSelf['observe'];
}

/** One variable whose change is being answered. */
interface Answer extends StateUser {
  readonly name: string;
  readonly version: number;
  /** The newest version that has come meanwhile. */
  newer: VariableState | undefined;
  other: Answer | undefined;
}

const VOTES: readonly unknown[] = ['accept', 'reject', 'abstain'] satisfies Vote[];

export class AgentBody implements Body {
  readonly #start: BodyStart;
  readonly #listener: BodyListener;
  readonly #surroundings: Surroundings;
  readonly #variables: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  readonly #running = new OpenTasks<RunningTask>();
  /** Variables whose change the agent is answering: nearly always none, or one. */
  #answering: Answer | undefined = undefined;
  #definition!: Callable;
  #phase: Phase = 'loading';
  #life: AbortController | undefined = undefined;
  #log: AgentLog | undefined = undefined;
  #state = new BodyState(undefined, false);
  #resources: unknown = undefined;
  /** There are resources that have to be given back. */
  #isConnected = false;
  #isExitTold = false;
  #lastSaved: string | undefined;
  /** Whether JSON gives the state that was looked at last back as it is. */
  #isPlain = false;
  #early: BodyRequest[] | undefined = undefined;
  /** Tasks whose result is there and is being judged. */
  #judging = 0;
  /** The state has changed by itself, and that was not told yet. */
  #isChanged = false;
  /** It asked for its end before it was ready. */
  #isFinished = false;

  constructor(start: BodyStart, listener: BodyListener, surroundings: Surroundings = {}) {
    this.#start = start;
    this.#listener = listener;
    this.#surroundings = surroundings;
    this.#lastSaved = start.restored?.json;
    for (const variable of start.variables) this.#variables[variable.name] = variable.value;
  }

  /** Runs the definition's init; to be called once, when the module is there. */
  run(definition: AnyAgentDefinition): void {
    if (this.#phase !== 'loading') return;
    this.#phase = 'initializing';
    this.#definition = definition;
    const verdict = judge(definition.initArgs, this.#start.initArgs);
    if (verdict instanceof Promise) void verdict.then((given) => this.#begin(given));
    else this.#begin(verdict);
  }

  /** The module could not be had. */
  fail(reason: ExitReason): void {
    this.#exit(reason);
  }

  post(request: BodyRequest): void {
    if (this.#phase === 'gone' || this.#phase === 'leaving') return;
    if ((this.#phase === 'loading' || this.#phase === 'initializing') && request.type !== 'terminate') {
      (this.#early ??= []).push(request);
      return;
    }
    switch (request.type) {
      case 'task.run':
        return this.#run(request);
      case 'task.cancel':
        return this.#running.get(request.taskId)?.abort(reasonOf(request));
      case 'health.check':
        return this.#answerHealth(request.checkId);
      case 'state.save':
        return this.#answerSave();
      case 'variable.changed':
        return this.#takeVariable(request.variable);
      case 'vote.asked':
        return this.#vote(request.proposal);
      case 'offer.asked':
        return this.#answerOffer(request);
      case 'terminate':
        return this.#terminate();
    }
  }

  kill(): void {
    this.#exit('killed');
  }

  /** The last state that it told was lost on its way: the next one counts as changed. */
  forgetSaved(): void {
    this.#lastSaved = undefined;
  }

  #begin(args: Verdict): void {
    if (this.#phase !== 'initializing') return;
    if ('problem' in args) {
      return this.#exit({ error: { name: 'TypeError', message: `initArgs: ${args.problem}` } });
    }
    if (this.#definition.connect === undefined) return this.#initialize(args.value);
    settle(
      () => this.#connect(args.value),
      (resources) => this.#connected(resources, args.value),
      (thrown) => this.#crash(thrown),
    );
  }

  #connect(initArgs: unknown): unknown {
    const { agentId, incarnation } = this.#start;
    const { signal } = this;
    return this.#definition.connect?.({
      agentId,
      incarnation,
      initArgs,
      signal,
      env: process.env,
      log: this.#logger(),
    });
  }

  #connected(resources: unknown, initArgs: unknown): void {
    this.#resources = resources;
    this.#isConnected = true;
    if (this.#phase === 'initializing') this.#initialize(initArgs);
    else this.#disconnect(() => undefined);
  }

  #initialize(initArgs: unknown): void {
    settle(
      () => this.#init(initArgs),
      (state) => this.#ready(state),
      (thrown) => this.#crash(thrown),
    );
  }

  #init(initArgs: unknown): unknown {
    const { restored } = this.#start;
    const state = restored === undefined ? undefined : migratedState(this.#definition, restored);
    return this.#definition.init(
      new BodyInitContext(
        this,
        this.#start,
        initArgs,
        state,
        this.#variables,
        this.#resources,
        this.#logger(),
      ),
    );
  }

  /** For the definition's init: fires at the end of its life, or when that is cancelled. */
  get signal(): AbortSignal {
    return (this.#life ??= new AbortController()).signal;
  }

  /** For a definition that lives of its own accord. */
  get self(): AgentSelf {
    const { clock = systemClock(), observe } = this.#surroundings;
    return {
      clock: steadyClock(clock),
      observe,
      versions: new Map(this.#start.variables.map(({ name, version }) => [name, version])),
      changed: () => {
        this.#isChanged = true;
        this.#tellChanged();
      },
      complete: () => {
        if (this.#phase === 'serving') this.#tell({ type: 'finished' });
        else this.#isFinished = true;
      },
      crash: (thrown) => this.#crash(thrown),
    };
  }

  #ready(state: unknown): void {
    if (this.#phase !== 'initializing') return;
    const definition = this.#definition;
    const isRebuilt = definition.save !== undefined || definition.chart !== undefined;
    this.#state = new BodyState(state, !isRebuilt && definition.keepStateOnFailure !== true);
    this.#phase = 'serving';
    this.#listener.report({
      type: 'ready',
      manifest: manifestOf(this.#definition as unknown as AnyAgentDefinition),
    });
    const early = this.#early;
    this.#early = undefined;
    if (early) for (const request of early) this.post(request);
    this.#tellChanged();
    if (this.#isFinished) this.#tell({ type: 'finished' });
  }

  #run({ taskId, task: name, input, trace }: Extract<BodyRequest, { type: 'task.run' }>): void {
    const task = Object.hasOwn(this.#definition.tasks, name) ? this.#definition.tasks[name] : undefined;
    if (task === undefined) {
      const error = { name: 'TypeError', message: `${this.#definition.type} has no task ${inWords(name)}` };
      return this.#listener.report({ type: 'task.failed', taskId, code: 'TASK_INCOMPATIBLE', error });
    }
    if (this.#phase !== 'serving') {
      const error = { name: 'Error', message: `${this.#definition.type} is ending` };
      return this.#listener.report({ type: 'task.failed', taskId, code: 'AGENT_NOT_RUNNING', error });
    }
    const running = new RunningTask(taskId, name, trace);
    this.#running.add(running);
    if (task.input === undefined) return this.#beginTask(running, task, input);
    const verdict = judge(task.input, input);
    if (verdict instanceof Promise) void verdict.then((judged) => this.#judged(running, task, judged));
    else this.#judged(running, task, verdict);
  }

  #judged(running: RunningTask, task: Task, verdict: Verdict): void {
    if ('problem' in verdict) this.#refuseInput(running, verdict.problem);
    else this.#beginTask(running, task, verdict.value);
  }

  #beginTask(running: RunningTask, task: Task, input: unknown): void {
    const { trace } = running;
    this.#state.begin(running);
    const context = this.#contextOf(running, input);
    settle(
      () => (trace === undefined ? task.run(context) : withinTrace(trace, () => task.run(context))),
      (output) => this.#judgeOutput(running, task, output),
      (thrown) => this.#failTask(running, thrown),
    );
  }

  #judgeOutput(running: RunningTask, task: Task, output: unknown): void {
    if (task.output === undefined) {
      this.#completeTask(running, output);
      return this.#tellChanged();
    }
    this.#judging += 1;
    const verdict = judge(task.output, output);
    if (verdict instanceof Promise) void verdict.then((judged) => this.#outputJudged(running, judged));
    else this.#outputJudged(running, verdict);
  }

  #outputJudged(running: RunningTask, verdict: Verdict): void {
    this.#judging -= 1;
    if ('problem' in verdict) {
      const message = `the output of ${running.name} is not as defined: ${verdict.problem}`;
      this.#failTask(running, new TypeError(message));
    } else this.#completeTask(running, verdict.value);
    this.#tellChanged();
  }

  /** What a task's `run` is given: plain fields, for a getter costs more than all of them. */
  #contextOf(task: RunningTask, input: unknown): TaskContext<unknown, unknown> {
    const { taskId, signal, trace } = task;
    return {
      taskId,
      input,
      state: task.state,
      variables: this.#variables,
      resources: this.#resources,
      signal,
      log: new BodyLog(this.#tellLine, taskId, trace),
      progress: (value) => {
        if (this.#running.get(taskId) === task) this.#tell({ type: 'task.progress', taskId, value });
      },
      complete: () => {
        task.isLast = true;
      },
      transfer: (...buffers) => {
        task.given = [...(task.given ?? []), ...buffers];
      },
    };
  }

  #completeTask(task: RunningTask, output: unknown): void {
    if (!this.#settled(task)) return;
    let state: SavedState | undefined;
    try {
      // Of one that was cancelled, its caller has been told that it was not done.
      if (task.signal.aborted && this.#state.takesBack(task)) this.#state.drop(task);
      else state = this.#commit(task);
    } catch (thrown) {
      this.#state.drop(task);
      this.#reportFailure(task, thrown);
      return this.#finishIfLast(task);
    }
    this.#listener.report({
      type: 'task.completed',
      taskId: task.taskId,
      output,
      state,
      ...(task.given ? { transfer: task.given } : {}),
    });
    this.#finishIfLast(task);
  }

  #failTask(task: RunningTask, thrown: unknown): void {
    if (!this.#settled(task)) return;
    this.#state.drop(task);
    this.#reportFailure(task, thrown);
    // A task that was cancelled has already been answered for: what it throws then is how it obeys.
    const isCrash = this.#definition.onTaskError === 'crash' && !isTaskRefusal(thrown);
    if (isCrash && !task.signal.aborted) this.#crash(thrown);
    else this.#finishIfLast(task);
  }

  /** The agent's own end, asked for by a task; one that was cancelled has nothing to say any more. */
  #finishIfLast(task: RunningTask): void {
    if (task.isLast && !task.signal.aborted) this.#tell({ type: 'finished' });
  }

  #reportFailure({ taskId }: RunningTask, thrown: unknown): void {
    const error = errorInfoOf(thrown);
    if (isTaskRefusal(thrown)) {
      const { expected } = thrown;
      return this.#listener.report({
        type: 'task.failed',
        taskId,
        code: 'TASK_INCOMPATIBLE',
        error,
        expected,
      });
    }
    this.#listener.report({ type: 'task.failed', taskId, code: 'TASK_FAILED', error, cause: thrown });
  }

  #refuseInput(task: RunningTask, problem: string): void {
    if (!this.#settled(task)) return;
    const error = { name: 'TypeError', message: problem };
    this.#listener.report({ type: 'task.failed', taskId: task.taskId, code: 'TASK_INPUT_INVALID', error });
  }

  /** Whether the task's end is still of interest; it is so once. */
  #settled(task: RunningTask): boolean {
    if (this.#running.get(task.taskId) !== task) return false;
    this.#running.remove(task);
    return this.#phase !== 'gone';
  }

  #answerHealth(checkId: number): void {
    if (this.#definition.health !== undefined) this.#state.touch();
    settle(
      () => this.#definition.health?.({ state: this.#state.current, resources: this.#resources }),
      (detail) => this.#tell({ type: 'health.answered', checkId, detail }),
      (thrown) => this.#tell({ type: 'health.failed', checkId, error: errorInfoOf(thrown) }),
    );
  }

  #answerSave(): void {
    try {
      const json = this.#state.committedBeside;
      const { stateVersion = 1 } = this.#definition;
      const state =
        json === undefined ? this.#stateOtherThan(undefined, this.#state.current)! : { json, stateVersion };
      this.#listener.report({ type: 'state.saved', state });
    } catch (thrown) {
      this.#listener.report({ type: 'state.save_failed', error: errorInfoOf(thrown) });
    }
  }

  /** What changed by itself is told, unless an answer is under way, with which it goes. */
  #tellChanged(): void {
    if (!this.#isChanged || this.#phase !== 'serving' || this.#judging > 0) return;
    try {
      const state = this.#changedState();
      if (state) this.#listener.report({ type: 'state.changed', state });
    } catch (thrown) {
      this.#logger().error('its state was not saved', { error: errorInfoOf(thrown) });
    }
  }

  /** A definition of functions takes every task that it has. */
  #answerOffer({ questionId, task }: Extract<BodyRequest, { type: 'offer.asked' }>): void {
    const { tasks, chart } = this.#definition;
    const told = (offer: Offer) => this.#tell({ type: 'offer.told', questionId, offer });
    const next = chart ? chart.offer(this.#state.current) : { next: Object.keys(tasks) };
    if (task === undefined) return told(next);
    const known = Object.hasOwn(tasks, task.type) ? tasks[task.type] : undefined;
    const refused = () => told({ ...next, can: false });
    if (known === undefined) return refused();
    settle(
      () => judge(known.input, task.input),
      (verdict: Verdict) => {
        if ('problem' in verdict) return refused();
        const asked = { type: task.type, input: verdict.value };
        told(chart ? chart.offer(this.#state.current, asked) : { ...next, can: true });
      },
      refused,
    );
  }

  #changedState(given = this.#state.current): SavedState | undefined {
    this.#isChanged = false;
    const state = this.#stateOtherThan(this.#lastSaved, given);
    if (state) this.#lastSaved = state.json;
    return state;
  }

  /** What the task made of the state is the state; gives it where it has changed. */
  #commit(task: RunningTask): SavedState | undefined {
    const state = this.#changedState(task.state);
    this.#state.commit(task, this.#lastSaved, state && this.#isPlain);
    return state;
  }

  /** The state as it is to be kept; `undefined` when that is this very text. */
  #stateOtherThan(known: string | undefined, given: unknown): SavedState | undefined {
    const definition = this.#definition;
    const { stateVersion = 1 } = definition;
    try {
      const resources = this.#resources;
      const data = definition.save === undefined ? given : definition.save({ state: given, resources });
      if (isThenable(data)) {
        ignoreRejection(data);
        throw new TypeError('got a promise, which save may not give');
      }
      const json = stateJson(data);
      if (json === known) return undefined;
      this.#isPlain = assertKept(data);
      return { json, stateVersion };
    } catch (thrown) {
      const { message } = errorInfoOf(thrown);
      throw new TypeError(`its state cannot be saved, expected JSON data: ${message}`, { cause: thrown });
    }
  }

  /** An agent answers one version of a variable at a time: of those that come meanwhile the newest is next. */
  #takeVariable(variable: VariableState): void {
    const { name, value } = variable;
    this.#variables[name] = value;
    for (let answer = this.#answering; answer !== undefined; answer = answer.other) {
      if (answer.name !== name) continue;
      answer.newer = variable;
      return;
    }
    this.#answerVariable(variable);
  }

  #answerVariable({ name, value, version }: VariableState): void {
    const definition = this.#definition;
    if (definition.onVariable === undefined) return this.#acknowledge(name, version);
    const answer: Answer = {
      name,
      version,
      newer: undefined,
      other: this.#answering,
      state: undefined,
      base: undefined,
    };
    this.#state.begin(answer);
    this.#answering = answer;
    let answered: unknown;
    let isPromised: boolean;
    try {
      answered = definition.onVariable({
        name,
        value,
        version,
        state: answer.state,
        variables: this.#variables,
        resources: this.#resources,
        log: this.#logger(),
      });
      isPromised = isThenable(answered);
    } catch (thrown) {
      return this.#crash(thrown);
    }
    if (!isPromised) return this.#hasAnswered(answer);
    Promise.resolve(answered).then(
      () => this.#hasAnswered(answer),
      (thrown: unknown) => this.#crash(thrown),
    );
  }

  #hasAnswered(answer: Answer): void {
    const { name, version, newer, other } = answer;
    this.#state.commit(answer);
    if (this.#answering?.name === name) this.#answering = other;
    else {
      for (let before = this.#answering; before?.other !== undefined; before = before.other) {
        if (before.other.name === name) before.other = other;
      }
    }
    this.#acknowledge(name, version);
    if (newer && this.#phase !== 'gone') this.#answerVariable(newer);
  }

  #acknowledge(name: string, version: number): void {
    this.#tell({ type: 'variable.acknowledged', name, version });
  }

  #vote(proposal: Proposal): void {
    const { roundId } = proposal;
    const definition = this.#definition;
    let vote: unknown = 'abstain';
    let isPromised: boolean;
    const voter: StateUser = { state: undefined, base: undefined };
    this.#state.begin(voter);
    try {
      if (definition.vote !== undefined) {
        vote = definition.vote({
          proposal,
          state: voter.state,
          variables: this.#variables,
          resources: this.#resources,
          log: this.#logger(),
        });
      }
      isPromised = isThenable(vote);
    } catch (thrown) {
      this.#state.commit(voter);
      return this.#failVote(roundId, thrown);
    }
    const pending = isPending(vote) ? vote : undefined;
    const cast = (came: unknown) => {
      this.#state.commit(voter);
      this.#cast(roundId, came);
    };
    const failed = (thrown: unknown) => {
      this.#state.commit(voter);
      this.#failVote(roundId, thrown);
    };
    if (!isPromised && pending === undefined) return cast(vote);
    if (pending) whenSettled(pending, cast, failed);
    else Promise.resolve(vote).then(cast, failed);
  }

  #cast(roundId: string, vote: unknown): void {
    if (VOTES.includes(vote)) this.#tell({ type: 'vote.cast', roundId, vote: vote as Vote });
    else {
      const expected = `expected a vote of accept, reject or abstain, got ${inWords(vote)}`;
      this.#failVote(roundId, new TypeError(expected));
    }
  }

  #failVote(roundId: string, thrown: unknown): void {
    this.#tell({ type: 'vote.cast', roundId, vote: 'abstain', error: errorInfoOf(thrown) });
  }

  #terminate(): void {
    if (this.#phase === 'terminating') return;
    const wasServing = this.#phase === 'serving';
    this.#phase = wasServing ? 'terminating' : 'leaving';
    this.#life?.abort(new Error('the agent is terminating'));
    const done = () => this.#disconnect(() => this.#exit('shutdown'));
    if (!wasServing) return done();
    settle(
      () =>
        this.#definition.terminate?.({
          state: this.#state.current,
          resources: this.#resources,
          log: this.#logger(),
        }),
      done,
      (thrown) => {
        this.#logger().error('terminate threw', { error: errorInfoOf(thrown) });
        done();
      },
    );
  }

  #crash(thrown: unknown): void {
    const reason = { error: errorInfoOf(thrown) };
    if (this.#phase === 'leaving') return;
    if (this.#phase !== 'initializing' || !this.#isConnected) return this.#exit(reason, thrown);
    // The caller of the start waits, and `startTimeoutMs` is over all of it.
    this.#phase = 'leaving';
    this.#life?.abort(new Error('the start has failed'));
    this.#disconnect(() => this.#exit(reason, thrown));
  }

  /** Once, and at once where there is nothing to give back. */
  #disconnect(done: () => void): void {
    if (!this.#isConnected) return done();
    this.#isConnected = false;
    settle(
      () => this.#definition.disconnect?.({ resources: this.#resources, log: this.#logger() }),
      done,
      (thrown) => {
        this.#logger().error('disconnect threw', { error: errorInfoOf(thrown) });
        done();
      },
    );
  }

  #exit(reason: ExitReason, thrown?: unknown): void {
    if (this.#phase === 'gone') return;
    this.#phase = 'gone';
    if (this.#life !== undefined || this.#running.size > 0) {
      const error = new Error('the agent has ended');
      this.#life?.abort(error);
      for (const task of this.#running) task.abort(error);
      this.#running.clear();
    }
    this.#disconnect(() => undefined);
    this.#isExitTold = true;
    this.#listener.exited(reason, thrown);
  }

  #tell(report: Parameters<BodyListener['report']>[0]): void {
    if (this.#phase !== 'gone') this.#listener.report(report);
  }

  #logger(): AgentLog {
    return (this.#log ??= new BodyLog(this.#tellLine));
  }

  readonly #tellLine: TellLine = (level, message, fields) => {
    if (!this.#isExitTold)
      this.#listener.report({ type: 'log', level, message, ...(fields ? { fields } : {}) });
  };
}

/** What a definition's init is given; what few ask for is made when they do. */
class BodyInitContext implements InitContext<unknown> {
  readonly agentId: string;
  readonly incarnation: number;
  readonly initArgs: unknown;
  readonly restored: unknown;
  readonly previousStop: ExitReason | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly resources: unknown;
  readonly log: AgentLog;
  readonly #body: AgentBody;

  constructor(
    body: AgentBody,
    { agentId, incarnation, previousStop }: BodyStart,
    initArgs: unknown,
    restored: unknown,
    variables: Readonly<Record<string, unknown>>,
    resources: unknown,
    log: AgentLog,
  ) {
    this.agentId = agentId;
    this.incarnation = incarnation;
    this.initArgs = initArgs;
    this.restored = restored;
    this.previousStop = previousStop;
    this.variables = variables;
    this.resources = resources;
    this.log = log;
    this.#body = body;
  }

  get signal(): AbortSignal {
    return this.#body.signal;
  }

  get self(): AgentSelf {
    return this.#body.self;
  }
}

/** A task under way: its signal, and what it has said of its end. */
class RunningTask implements StateUser {
  readonly taskId: string;
  readonly name: string;
  readonly trace: TraceParent | undefined;
  /** It called `complete`. */
  isLast = false;
  /** Buffers of the output that the agent gave away. */
  given: ArrayBuffer[] | undefined = undefined;
  state: unknown = undefined;
  base: string | undefined = undefined;
  readonly #controller = new AbortController();

  constructor(taskId: string, name: string, trace: TraceParent | undefined) {
    this.taskId = taskId;
    this.name = name;
    this.trace = trace;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }
}

/** What the signal of a cancelled task says: as its caller has put it, where a caller did. */
function reasonOf(request: Extract<BodyRequest, { type: 'task.cancel' }>): unknown {
  if ('cause' in request) return request.cause;
  return request.error ? errorFrom(request.error) : new Error(request.reason);
}

/** Runs `work`, then one of the two: at once when it did not give a promise. */
function settle<Value>(
  work: () => Value | PromiseLike<Value>,
  done: (value: Value) => void,
  failed: (thrown: unknown) => void,
): void {
  let result: Value | PromiseLike<Value>;
  let isPromised: boolean;
  try {
    result = work();
    if (isPending(result)) return whenSettled(result, done as (output: unknown) => void, failed);
    isPromised = isThenable(result);
  } catch (thrown) {
    return failed(thrown);
  }
  // Resolving guards against foreign thenables: those that answer twice, at once, or throw.
  if (isPromised) Promise.resolve(result).then(done, failed);
  else done(result as Value);
}
