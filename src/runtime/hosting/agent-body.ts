/**
 * Runs one definition: its connect and init, its answers, its end. The same code in every host.
 *
 * Owns the phases of its life. body-tasks.ts runs its tasks, body-state.ts keeps the state that they work on,
 * and state-saves.ts decides what is saved. It knows no queue, deadline, store or fleet: requests come in,
 * and reports go out.
 *
 * I1  It reports as `Host` promises: `ready` once, `exited` once, nothing after.
 * I2  A synchronous definition is run synchronously: no promise is made for it.
 * I3  Requests before it is ready wait until it is, except for its end.
 * I4  The result of `connect` is given to `disconnect` once, at every end, also if it came too late. An end
 *     that was asked for, and a start that failed, wait for that.
 * I5  A state that has changed by itself is reported after the answers that are part of it.
 */
import type { ErrorInfo, ExitReason } from '../../machines/index.ts';
import { type AgentSelf, isPending, type Offer } from '../definition/agent-self.ts';
import type { AgentLog } from '../definition/contexts.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import { manifestOf } from '../definition/manifest.ts';
import { migratedState } from '../definition/saved-state.ts';
import { countHere } from '../engine/agent-counts.ts';
import { type Clock, type SteadyClock, steadyClock, systemClock } from '../time/clock.ts';
import { errorInfoOf } from '../values/errors.ts';
import { judge, type Verdict } from '../values/schema.ts';
import { isThenable } from '../values/thenable.ts';
import { BodyLog, type LineTeller } from './body-log.ts';
import { BodyState } from './body-state.ts';
import { BodyTasks } from './body-tasks.ts';
import { settle } from './body-work.ts';
import type { CallableDefinition } from './callable-definition.ts';
import type { Body, BodyListener, BodyRequest, BodyStart, LogLevel, VariableState } from './host.ts';
import { type ToldDetail, toldDetailOf } from './health-detail.ts';
import { BodyInitContext, type InitOwner } from './init-context.ts';
import { StateSaves } from './state-saves.ts';
import { VariableAnswers } from './variable-answers.ts';
import { type KnownVariables, knownVariables, learn } from './variables.ts';
import { voteOn } from './voting.ts';

/** `leaving`: it ends before it was ready. */
type Phase = 'loading' | 'initializing' | 'leaving' | 'serving' | 'terminating' | 'gone';

/** What the host gives a body. */
export interface Surroundings {
  /** Default the machine's time. */
  readonly clock?: Clock | undefined;
  readonly observe?: AgentSelf['observe'];
}

const NOTHING_KNOWN = { restored: undefined, initArgs: undefined, secrets: undefined };

const ignore = (): void => {};

/** Of a body that has not got that far: nothing works on it. */
const noState = new BodyState(undefined, false);

/** The clock of bodies that are given none, which have a thread or a process of their own. */
let ownClock: SteadyClock | undefined;

export class AgentBody implements Body, InitOwner, LineTeller {
  // What each task, vote and variable needs comes first, side by side: in a large fleet none of it is in a cache.
  definition!: CallableDefinition;
  private phase: Phase = 'loading';
  state = noState;
  private readonly listener: BodyListener;
  private variablesSoFar: KnownVariables | undefined = undefined;
  private variableAnswers: VariableAnswers | undefined = undefined;
  private tasks: BodyTasks | undefined = undefined;
  private savesSoFar: StateSaves | undefined = undefined;
  resources: unknown = undefined;
  /** Until its init has been given all of it: the body keeps none. */
  private start: BodyStart | undefined;
  /** The variables that it began with, until somebody asks for them. */
  private firstVariables: readonly VariableState[] | undefined;
  private readonly surroundings: Surroundings;
  private life: AbortController | undefined = undefined;
  private logSoFar: AgentLog | undefined = undefined;
  /** `connect` gave resources that `disconnect` has to get. */
  private isConnected = false;
  private isExitTold = false;
  private early: BodyRequest[] | undefined = undefined;
  /** It asked to end before it was ready. */
  private isFinished = false;

  constructor(start: BodyStart, listener: BodyListener, surroundings: Surroundings = {}) {
    this.start = start;
    this.firstVariables = start.variables;
    this.listener = listener;
    this.surroundings = surroundings;
    if (start.restored !== undefined || start.secrets !== undefined)
      this.savesSoFar = new StateSaves(this, start);
  }

  /** Runs the definition's init; to be called once, when the module is there. */
  run(definition: AnyAgentDefinition): void {
    if (this.phase !== 'loading') return;
    this.phase = 'initializing';
    this.definition = definition;
    const verdict = judge(definition.initArgs, this.start!.initArgs);
    if (verdict instanceof Promise) void verdict.then((given) => this.begin(given));
    else this.begin(verdict);
  }

  /** The module could not be loaded. */
  fail(reason: ExitReason): void {
    this.exit(reason);
  }

  post(request: BodyRequest): void {
    if (this.phase === 'gone' || this.phase === 'leaving') return;
    if ((this.phase === 'loading' || this.phase === 'initializing') && request.type !== 'terminate') {
      (this.early ??= []).push(request);
      return;
    }
    switch (request.type) {
      case 'task.run':
        return (this.tasks ??= new BodyTasks(this)).run(request);
      case 'task.cancel':
        return this.tasks?.cancel(request);
      case 'task.chunks_taken':
        return this.tasks?.chunksTaken(request);
      case 'health.check':
        return this.answerHealth(request.checkId);
      case 'state.save':
        return this.answerSave();
      case 'variable.changed':
        return this.takeVariable(request.variable);
      case 'vote.asked':
        return voteOn(request.proposal, this);
      case 'offer.asked':
        return this.answerOffer(request);
      case 'request.answered':
      case 'request.refused':
        return this.tasks?.answered(request);
      case 'terminate':
        return this.terminate();
    }
  }

  kill(): void {
    this.exit('killed');
  }

  /** The last reported state was lost: the next one counts as changed. */
  forgetSaved(): void {
    this.savesSoFar?.forget();
  }

  /** A report of a task was lost: the task fails. */
  breakTask(taskId: string, error: ErrorInfo): void {
    this.tasks?.breakOne(taskId, error);
  }

  private begin(args: Verdict): void {
    if (this.phase !== 'initializing') return;
    if ('problem' in args) {
      return this.exit({ error: { name: 'TypeError', message: `initArgs: ${args.problem}` } });
    }
    if (this.definition.connect === undefined) return this.initialize(args.value);
    settle(
      () => this.connect(args.value),
      (resources) => this.connected(resources, args.value),
      (thrown) => this.crash(thrown),
    );
  }

  private connect(initArgs: unknown): unknown {
    const { agentId, incarnation } = this.start!;
    const { signal } = this;
    return this.definition.connect?.({
      agentId,
      incarnation,
      initArgs,
      signal,
      env: process.env,
      log: this.log,
    });
  }

  private connected(resources: unknown, initArgs: unknown): void {
    this.resources = resources;
    this.isConnected = true;
    if (this.phase === 'initializing') this.initialize(initArgs);
    else this.disconnect(ignore);
  }

  private initialize(initArgs: unknown): void {
    let state: unknown;
    try {
      state = this.init(initArgs);
      if (isPending(state) || isThenable(state)) return this.awaitState(state);
    } catch (thrown) {
      return this.crash(thrown);
    }
    this.ready(state);
  }

  /** Apart, for what is written here costs every body that is opened through it. */
  private awaitState(work: unknown): void {
    settle(
      () => work,
      (state) => this.ready(state),
      (thrown) => this.crash(thrown),
    );
  }

  private init(initArgs: unknown): unknown {
    const start = this.start!;
    this.start = undefined;
    const { restored } = start;
    const state = restored === undefined ? undefined : migratedState(this.definition, restored);
    return this.definition.init(new BodyInitContext(this, start, initArgs, state));
  }

  get clock(): SteadyClock {
    return steadyClock(this.surroundings.clock ?? (ownClock ??= systemClock()));
  }

  get signal(): AbortSignal {
    return (this.life ??= new AbortController()).signal;
  }

  /** Made for the first who asks: of a large fleet most agents have nothing to do yet. */
  get variables(): KnownVariables {
    if (this.variablesSoFar === undefined) {
      this.variablesSoFar = knownVariables(this.definition.variables, this.firstVariables!);
      this.firstVariables = undefined;
    }
    return this.variablesSoFar;
  }

  selfOf({ variables }: BodyStart): AgentSelf {
    return {
      clock: this.clock,
      observe: this.surroundings.observe,
      count: countHere,
      versions: new Map(variables.map(({ name, version }) => [name, version])),
      changed: () => {
        this.saves.isChanged = true;
        this.tellChanged();
      },
      complete: () => {
        if (this.phase === 'serving') this.tell({ type: 'finished' });
        else this.isFinished = true;
      },
      crash: (thrown) => this.crash(thrown),
    };
  }

  private ready(state: unknown): void {
    if (this.phase !== 'initializing') return;
    const definition = this.definition;
    // A chart has gone on by what failed.
    const isTakenBack = definition.chart === undefined && definition.keepStateOnFailure !== true;
    this.state = new BodyState(state, isTakenBack);
    this.phase = 'serving';
    this.listener.report({
      type: 'ready',
      manifest: manifestOf(this.definition as unknown as AnyAgentDefinition),
    });
    const early = this.early;
    this.early = undefined;
    if (early) for (const request of early) this.post(request);
    this.tellChanged();
    if (this.isFinished) this.tell({ type: 'finished' });
  }

  private answerHealth(checkId: number): void {
    if (this.definition.health !== undefined) this.state.touch();
    settle(
      () => this.definition.health?.({ state: this.state.current, resources: this.resources }),
      (detail) => this.tellHealth(checkId, toldDetailOf(detail)),
      (thrown) => this.tell({ type: 'health.failed', checkId, error: errorInfoOf(thrown) }),
    );
  }

  private tellHealth(checkId: number, told: ToldDetail): void {
    if ('problem' in told) this.log.warn(`the detail of a health check is left out: ${told.problem}`);
    this.tell({ type: 'health.answered', checkId, detail: 'detail' in told ? told.detail : undefined });
  }

  private answerSave(): void {
    try {
      this.tell({ type: 'state.saved', state: this.saves.whole() });
    } catch (thrown) {
      this.tell({ type: 'state.save_failed', error: errorInfoOf(thrown) });
    }
  }

  tellChanged(): void {
    if (this.savesSoFar?.isChanged !== true || this.phase !== 'serving' || this.tasks?.isJudging) return;
    try {
      const state = this.savesSoFar.changed();
      if (state) this.tell({ type: 'state.changed', state });
    } catch (thrown) {
      this.log.error('its state was not saved', { error: errorInfoOf(thrown) });
    }
  }

  /** A definition of functions takes every task that it has. */
  private answerOffer({ questionId, task, isOutlined }: Extract<BodyRequest, { type: 'offer.asked' }>): void {
    const { tasks, chart } = this.definition;
    const told = (offer: Offer) => this.tell({ type: 'offer.told', questionId, offer });
    const next = chart ? chart.offer(this.state.current) : { next: Object.keys(tasks) };
    if (task === undefined) {
      return told(isOutlined && chart ? { ...next, outline: chart.outline() } : next);
    }
    const known = Object.hasOwn(tasks, task.type) ? tasks[task.type] : undefined;
    const refused = () => told({ ...next, can: false });
    if (known === undefined) return refused();
    settle(
      () => judge(known.input, task.input),
      (verdict: Verdict) => {
        if ('problem' in verdict) return refused();
        const asked = { type: task.type, input: verdict.value };
        told(chart ? chart.offer(this.state.current, asked) : { ...next, can: true });
      },
      refused,
    );
  }

  private takeVariable(variable: VariableState): void {
    const { name, version } = variable;
    learn(this.variables, variable);
    if (this.definition.onVariable === undefined) {
      this.tell({ type: 'variable.acknowledged', name, version });
    } else (this.variableAnswers ??= new VariableAnswers(this)).take(variable);
  }

  private terminate(): void {
    if (this.phase === 'terminating') return;
    const wasServing = this.phase === 'serving';
    this.phase = wasServing ? 'terminating' : 'leaving';
    this.life?.abort(new Error('the agent is terminating'));
    const done = () => this.disconnect(() => this.exit('shutdown'));
    if (!wasServing) return done();
    settle(
      () =>
        this.definition.terminate?.({
          state: this.state.current,
          resources: this.resources,
          log: this.log,
        }),
      done,
      (thrown) => {
        this.log.error('terminate threw', { error: errorInfoOf(thrown) });
        done();
      },
    );
  }

  crash(thrown: unknown): void {
    const reason = { error: errorInfoOf(thrown) };
    if (this.phase === 'leaving') return;
    if (this.phase !== 'initializing' || !this.isConnected) return this.exit(reason, thrown);
    // The caller of the start waits, and `startTimeoutMs` is over all of it.
    this.phase = 'leaving';
    this.life?.abort(new Error('the start has failed'));
    this.disconnect(() => this.exit(reason, thrown));
  }

  /** Once, and at once where there is nothing to give back. */
  private disconnect(done: () => void): void {
    if (!this.isConnected) return done();
    this.isConnected = false;
    settle(
      () => this.definition.disconnect?.({ resources: this.resources, log: this.log }),
      done,
      (thrown) => {
        this.log.error('disconnect threw', { error: errorInfoOf(thrown) });
        done();
      },
    );
  }

  private exit(reason: ExitReason, thrown?: unknown): void {
    if (this.phase === 'gone') return;
    this.phase = 'gone';
    this.life?.abort(new Error('the agent has ended'));
    this.tasks?.abortAll();
    this.disconnect(ignore);
    this.isExitTold = true;
    this.listener.exited(reason, thrown);
  }

  tell(report: Parameters<BodyListener['report']>[0]): void {
    if (this.phase !== 'gone') this.listener.report(report);
  }

  /** Of a body that begins with nothing to know of it is made with the first state that it saves. */
  get saves(): StateSaves {
    return (this.savesSoFar ??= new StateSaves(this, NOTHING_KNOWN));
  }

  get log(): AgentLog {
    return (this.logSoFar ??= new BodyLog(this));
  }

  get isServing(): boolean {
    return this.phase === 'serving';
  }

  get isGone(): boolean {
    return this.phase === 'gone';
  }

  tellLine(level: LogLevel, message: string, fields: object | undefined): void {
    if (!this.isExitTold)
      this.listener.report({ type: 'log', level, message, ...(fields ? { fields } : {}) });
  }
}
