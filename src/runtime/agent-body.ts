/**
 * Runs one definition: its init, tasks, votes, saves and end. The same code in every host.
 *
 * Owns the agent's state and the abort signals of its work. Knows no queue, deadline, store or fleet: what it is
 * asked comes in as requests, what happens goes out as reports.
 *
 * I1  It reports as `Host` promises: `ready` once, `exited` once, nothing after.
 * I2  Every `task.run` is answered exactly once, unless the body exits first.
 * I3  A synchronous definition is run synchronously: no promise is made for it.
 * I4  What is asked of it before it is ready waits until it is, but for its end.
 */
import type { ExitReason } from '../machines/index.ts';
import {
  type AgentLog,
  type AnyAgentDefinition,
  type InitContext,
  manifestOf,
  type TaskContext,
  type TaskDefinition,
  type Vote,
} from './define-agent.ts';
import { errorInfoOf, inWords } from './errors.ts';
import type {
  Body,
  BodyListener,
  BodyRequest,
  BodyStart,
  LogLevel,
  SavedState,
  TraceParent,
  VariableState,
} from './host.ts';
import { migratedState } from './saved-state.ts';
import { judge, type Verdict } from './schema.ts';
import { withinTrace } from './trace-parent.ts';
import { isThenable } from './thenable.ts';

type Phase = 'loading' | 'initializing' | 'serving' | 'terminating' | 'gone';
type Task = TaskDefinition<unknown, unknown, unknown>;
/** A definition whose functions may be called: what they are given is made here, to their types. */
type Callable = Omit<
  AnyAgentDefinition,
  'init' | 'tasks' | 'onVariable' | 'vote' | 'health' | 'save' | 'terminate'
> & {
  init(context: InitContext<unknown>): unknown;
  readonly tasks: Readonly<Record<string, Task>>;
  onVariable?(context: object): unknown;
  vote?(context: object): unknown;
  health?(context: object): unknown;
  save?(context: object): unknown;
  terminate?(context: object): unknown;
};

const VOTES: readonly unknown[] = ['accept', 'reject', 'abstain'] satisfies Vote[];

export class AgentBody implements Body {
  readonly #start: BodyStart;
  readonly #listener: BodyListener;
  readonly #variables: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  readonly #running = new Map<string, RunningTask>();
  /** Variables whose change the agent is answering, with the newest version that came meanwhile. */
  #answering: Map<string, VariableState | undefined> | undefined;
  #definition!: Callable;
  #phase: Phase = 'loading';
  #life: AbortController | undefined;
  #log: AgentLog | undefined;
  #state: unknown;
  #lastSaved: string | undefined;
  #early: BodyRequest[] | undefined;

  constructor(start: BodyStart, listener: BodyListener) {
    this.#start = start;
    this.#listener = listener;
    this.#lastSaved = start.restored?.json;
    for (const variable of start.variables) this.#variables[variable.name] = variable.value;
  }

  /** Runs the definition's init; to be called once, when the module is there. */
  run(definition: AnyAgentDefinition): void {
    if (this.#phase !== 'loading') return;
    this.#phase = 'initializing';
    this.#definition = definition;
    settle(
      () => judge(definition.initArgs, this.#start.initArgs),
      (verdict: Verdict) => {
        if ('problem' in verdict)
          return this.#exit({ error: { name: 'TypeError', message: `initArgs: ${verdict.problem}` } });
        settle(
          () => this.#init(verdict.value),
          (state) => this.#ready(state),
          (thrown) => this.#crash(thrown),
        );
      },
      (thrown) => this.#crash(thrown),
    );
  }

  /** The module could not be had. */
  fail(reason: ExitReason): void {
    this.#exit(reason);
  }

  post(request: BodyRequest): void {
    if (this.#phase === 'gone') return;
    if ((this.#phase === 'loading' || this.#phase === 'initializing') && request.type !== 'terminate') {
      (this.#early ??= []).push(request);
      return;
    }
    switch (request.type) {
      case 'task.run':
        return this.#run(request);
      case 'task.cancel':
        return this.#running.get(request.taskId)?.abort(new Error(request.reason));
      case 'health.check':
        return this.#answerHealth(request.checkId);
      case 'state.save':
        return this.#answerSave();
      case 'variable.changed':
        return this.#takeVariable(request.variable);
      case 'vote.asked':
        return this.#vote(request.proposal);
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

  #init(initArgs: unknown): unknown {
    const { agentId, incarnation, previousStop } = this.#start;
    const signalOf = () => this.#signal();
    return this.#definition.init({
      agentId,
      incarnation,
      initArgs,
      restored: this.#restored(),
      previousStop,
      variables: this.#variables,
      get signal() {
        return signalOf();
      },
      log: this.#logger(),
    });
  }

  #restored(): unknown {
    const { restored } = this.#start;
    return restored === undefined ? undefined : migratedState(this.#definition, restored);
  }

  #ready(state: unknown): void {
    if (this.#phase !== 'initializing') return;
    this.#state = state;
    this.#phase = 'serving';
    this.#listener.report({
      type: 'ready',
      manifest: manifestOf(this.#definition as unknown as AnyAgentDefinition),
    });
    const early = this.#early;
    this.#early = undefined;
    if (early) for (const request of early) this.post(request);
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
    const running = new RunningTask(this, taskId, trace);
    this.#running.set(taskId, running);
    const failed = (thrown: unknown) => this.#failTask(running, thrown);
    settle(
      () => judge(task.input, input),
      (verdict: Verdict) => {
        if ('problem' in verdict) return this.#refuseInput(running, verdict.problem);
        running.input = verdict.value;
        settle(
          () => withinTrace(trace, () => task.run(running)),
          (output) =>
            settle(
              () => judge(task.output, output),
              (judged: Verdict) =>
                'problem' in judged
                  ? failed(new TypeError(`the output of ${name} is not as defined: ${judged.problem}`))
                  : this.#completeTask(running, judged.value),
              failed,
            ),
          failed,
        );
      },
      failed,
    );
  }

  #completeTask(task: RunningTask, output: unknown): void {
    if (!this.#settled(task)) return;
    let state: SavedState | undefined;
    try {
      state = this.#changedState();
    } catch (thrown) {
      return this.#reportFailure(task, thrown);
    }
    this.#listener.report({
      type: 'task.completed',
      taskId: task.taskId,
      output,
      state,
      ...(task.given ? { transfer: task.given } : {}),
    });
    if (task.isLast) this.#listener.report({ type: 'finished' });
  }

  #failTask(task: RunningTask, thrown: unknown): void {
    if (!this.#settled(task)) return;
    this.#reportFailure(task, thrown);
    // A task that was cancelled has already been answered for: what it throws then is how it obeys.
    if (this.#definition.onTaskError === 'crash' && !task.isAborted) this.#crash(thrown);
  }

  #reportFailure(task: RunningTask, thrown: unknown): void {
    const error = errorInfoOf(thrown);
    this.#listener.report({
      type: 'task.failed',
      taskId: task.taskId,
      code: 'TASK_FAILED',
      error,
      cause: thrown,
    });
    if (task.isLast) this.#listener.report({ type: 'finished' });
  }

  #refuseInput(task: RunningTask, problem: string): void {
    if (!this.#settled(task)) return;
    const error = { name: 'TypeError', message: problem };
    this.#listener.report({ type: 'task.failed', taskId: task.taskId, code: 'TASK_INPUT_INVALID', error });
  }

  /** Whether the task's end is still of interest; it is so once. */
  #settled(task: RunningTask): boolean {
    return this.#running.delete(task.taskId) && this.#phase !== 'gone';
  }

  #answerHealth(checkId: number): void {
    settle(
      () => this.#definition.health?.({ state: this.#state }),
      (detail) => this.#tell({ type: 'health.answered', checkId, detail }),
      (thrown) => this.#tell({ type: 'health.failed', checkId, error: errorInfoOf(thrown) }),
    );
  }

  #answerSave(): void {
    try {
      this.#listener.report({ type: 'state.saved', state: this.#currentState() });
    } catch (thrown) {
      this.#listener.report({ type: 'state.save_failed', error: errorInfoOf(thrown) });
    }
  }

  #changedState(): SavedState | undefined {
    const state = this.#currentState();
    if (state.json === this.#lastSaved) return undefined;
    this.#lastSaved = state.json;
    return state;
  }

  #currentState(): SavedState {
    const definition = this.#definition;
    const { stateVersion = 1 } = definition;
    try {
      const data = definition.save === undefined ? this.#state : definition.save({ state: this.#state });
      if (isThenable(data)) throw new TypeError('got a promise, which save may not give');
      // A state of `undefined` is one too, and JSON has no word for it.
      const json = JSON.stringify(data ?? null) as string | undefined;
      if (json === undefined) throw new TypeError(`got ${inWords(data)}`);
      return { json, stateVersion };
    } catch (thrown) {
      const { message } = errorInfoOf(thrown);
      throw new TypeError(`its state cannot be saved, expected JSON data: ${message}`, { cause: thrown });
    }
  }

  /** An agent answers one version at a time, so that the newest has the last word; what waits is overtaken. */
  #takeVariable(variable: VariableState): void {
    this.#variables[variable.name] = variable.value;
    if (this.#answering?.has(variable.name)) this.#answering.set(variable.name, variable);
    else this.#answerVariable(variable);
  }

  #answerVariable({ name, value, version }: VariableState): void {
    const answering = (this.#answering ??= new Map<string, VariableState | undefined>());
    answering.set(name, undefined);
    settle(
      () =>
        this.#definition.onVariable?.({
          name,
          value,
          version,
          state: this.#state,
          variables: this.#variables,
          log: this.#logger(),
        }),
      () => {
        const next = answering.get(name);
        answering.delete(name);
        this.#tell({ type: 'variable.acknowledged', name, version });
        if (next && this.#phase !== 'gone') this.#answerVariable(next);
      },
      (thrown) => this.#crash(thrown),
    );
  }

  #vote(proposal: Extract<BodyRequest, { type: 'vote.asked' }>['proposal']): void {
    const { roundId } = proposal;
    const abstain = (thrown: unknown) =>
      this.#tell({ type: 'vote.cast', roundId, vote: 'abstain', error: errorInfoOf(thrown) });
    settle(
      () =>
        this.#definition.vote === undefined
          ? 'abstain'
          : this.#definition.vote({
              proposal,
              state: this.#state,
              variables: this.#variables,
              log: this.#logger(),
            }),
      (vote) =>
        VOTES.includes(vote)
          ? this.#tell({ type: 'vote.cast', roundId, vote: vote as Vote })
          : abstain(new TypeError(`expected a vote of accept, reject or abstain, got ${inWords(vote)}`)),
      abstain,
    );
  }

  #terminate(): void {
    if (this.#phase === 'terminating') return;
    const wasServing = this.#phase === 'serving';
    this.#phase = 'terminating';
    this.#life?.abort(new Error('the agent is terminating'));
    const done = () => this.#exit('shutdown');
    if (!wasServing) return done();
    settle(
      () => this.#definition.terminate?.({ state: this.#state, log: this.#logger() }),
      done,
      (thrown) => {
        this.#logger().error('terminate threw', { error: errorInfoOf(thrown) });
        done();
      },
    );
  }

  #crash(thrown: unknown): void {
    this.#exit({ error: errorInfoOf(thrown) });
  }

  #exit(reason: ExitReason): void {
    if (this.#phase === 'gone') return;
    this.#phase = 'gone';
    if (this.#life !== undefined || this.#running.size > 0) {
      const error = new Error('the agent has ended');
      this.#life?.abort(error);
      for (const task of this.#running.values()) task.abort(error);
      this.#running.clear();
    }
    this.#listener.exited(reason);
  }

  #tell(report: Parameters<BodyListener['report']>[0]): void {
    if (this.#phase !== 'gone') this.#listener.report(report);
  }

  #signal(): AbortSignal {
    this.#life ??= new AbortController();
    return this.#life.signal;
  }

  #logger(): AgentLog {
    this.#log ??= this.#loggerWith(undefined);
    return this.#log;
  }

  /** A logger whose lines all carry these fields too. */
  #loggerWith(always: object | undefined): AgentLog {
    const at = (level: LogLevel) => (said: string, fields?: object) => {
      const message = typeof said === 'string' ? said : inWords(said);
      const all = always === undefined ? fields : { ...always, ...fields };
      this.#tell({ type: 'log', level, message, ...(all ? { fields: all } : {}) });
    };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  /** @internal What a running task may ask of its body. */
  static readonly forTask = {
    state: (body: AgentBody) => body.#state,
    variables: (body: AgentBody) => body.#variables,
    log: (body: AgentBody, taskId: string, trace: TraceParent | undefined) =>
      body.#loggerWith({
        taskId,
        ...(trace ? { trace_id: trace.traceId, span_id: trace.spanId } : {}),
      }),
    progress: (body: AgentBody, taskId: string, value: unknown) => {
      if (body.#running.has(taskId)) body.#tell({ type: 'task.progress', taskId, value });
    },
  };
}

/** The context of one task; its signal and its functions exist once they are asked for. */
class RunningTask implements TaskContext<unknown, unknown> {
  readonly taskId: string;
  input: unknown;
  isLast = false;
  /** Buffers of the output that the agent gave away. */
  given: ArrayBuffer[] | undefined;
  readonly #body: AgentBody;
  readonly #trace: TraceParent | undefined;
  #controller: AbortController | undefined;
  #abortedBy: unknown;

  constructor(body: AgentBody, taskId: string, trace: TraceParent | undefined) {
    this.#body = body;
    this.taskId = taskId;
    this.#trace = trace;
  }

  get state(): unknown {
    return AgentBody.forTask.state(this.#body);
  }

  get variables(): Readonly<Record<string, unknown>> {
    return AgentBody.forTask.variables(this.#body);
  }

  get log(): AgentLog {
    return AgentBody.forTask.log(this.#body, this.taskId, this.#trace);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.isAborted) this.#controller.abort(this.#abortedBy);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#abortedBy !== undefined;
  }

  get progress(): (value: unknown) => void {
    return (value) => AgentBody.forTask.progress(this.#body, this.taskId, value);
  }

  get complete(): () => void {
    return () => {
      this.isLast = true;
    };
  }

  get transfer(): (...buffers: ArrayBuffer[]) => void {
    return (...buffers) => {
      this.given = [...(this.given ?? []), ...buffers];
    };
  }

  abort(reason: Error): void {
    if (this.isAborted) return;
    this.#abortedBy = reason;
    this.#controller?.abort(reason);
  }
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
    isPromised = isThenable(result);
  } catch (thrown) {
    return failed(thrown);
  }
  // Resolving guards against foreign thenables: those that answer twice, at once, or throw.
  if (isPromised) Promise.resolve(result).then(done, failed);
  else done(result as Value);
}
