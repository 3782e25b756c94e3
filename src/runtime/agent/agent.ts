/**
 * One agent: its chart, the commands that callers give it, and the effects of its chart.
 *
 * Owns the chart, its secrets, and the parts that do its work: `AgentBodies`, `AgentTasks`, health checks, and the
 * callers that wait for its start or end. It decides nothing: reports become events of the chart, and effects of the
 * chart become calls of the parts. It is long because everything of an agent is asked here and nothing is done here:
 * most members are one line that names the part.
 *
 * I1  The agent's state is read from its chart, and kept nowhere else.
 * I2  Reports of an earlier incarnation are dropped, and counted.
 * I3  A caller is answered after the event that answers it was committed.
 */
import type { Logger } from 'pino';
import {
  type AgentCommand,
  type AgentContext,
  type AgentEffect,
  type AgentEvent,
  type AgentLife,
  agentMachine,
  type AgentPosition,
  type AlertKind,
  type BudgetAmount,
  type ErrorInfo,
  type ExitReason,
  type Isolation,
  type Parked,
  type ParsedAgentSpec,
  type PermitCommand,
  positionAt,
} from '../../machines/index.ts';
import type { AskedTask, Offer } from '../definition/agent-self.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import {
  type Chart,
  type ChartEffect,
  type ChartOptions,
  type Child,
  type ChildInvocation,
  type ChildReport,
  createChart,
} from '../engine/chart.ts';
import type { BodyReport, BodyRequest, Host, TraceParent, Usage } from '../hosting/host.ts';
import type { CommitListener, CommitObserver, Journal } from '../journal/journal.ts';
import type { EventDraft } from '../journal/system-event.ts';
import type { SteadyClock } from '../time/clock.ts';
import { refused } from '../time/loop-turn.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import { noSecrets, type SecretValues } from '../values/secret-paths.ts';
import { AgentBodies, type BodiesOwner } from './agent-bodies.ts';
import { type AgentRecord, agentRecordOf } from './agent-record.ts';
import type { AgentServices } from './agent-services.ts';
import type { AgentOptions, AgentTerms, KeptSpec } from './agent-terms.ts';
import { AgentSecrets } from './agent-secrets.ts';
import { AgentTasks, type TasksOwner } from './agent-tasks.ts';
import { commandRefusal } from './command-refusal.ts';
import { LifeCallers } from './life-callers.ts';
import { type Announcement, lifeEventOf } from './life-event.ts';
import { alertText, startFailure, whyNothingBegins } from './life-messages.ts';
import { type HealthReport, Liveness, type LivenessOwner, notRunning } from './liveness.ts';
import type { GivenTask, RestoredTask, TaskCancel } from './task-request.ts';
import type { Places } from './wait.ts';

/** An agent's place among those of its type, by how soon each would begin a task. */
export interface AgentRank {
  /** It may begin one sooner than before. */
  look(): void;
  /** It is no more. */
  leave(): void;
}

export class Agent implements ChartOptions, BodiesOwner, TasksOwner, LivenessOwner {
  // What each task, vote and variable needs comes first, side by side: in a large fleet none of it is in a cache.
  readonly id: string;
  private readonly bodies: AgentBodies;
  private secretsOfSpec: AgentSecrets | undefined = undefined;
  private readonly tasks: AgentTasks;
  private readonly chart: Chart<typeof agentMachine>;
  readonly services: AgentServices;
  /** Its record, as long as nothing in it has changed. */
  private shown: AgentRecord | undefined = undefined;
  /** Its record, where a host measures it: until that has measured anew. */
  private measured: { readonly usage: Usage | undefined; readonly record: AgentRecord } | undefined =
    undefined;
  /** Set by the pool that it is a member of: called when its state may have changed, or a task may have ended. */
  observer: (() => void) | undefined = undefined;
  /** Set once a task was sent to any agent of its type. */
  rank: AgentRank | undefined = undefined;
  readonly order: number;
  /** Agents of one kind wait for each other when too many are to restart: those of one pool, or of one type. */
  readonly kind: string;
  /** The newest spec; the living body may have been made from an earlier one (`pending`). */
  spec: KeptSpec;
  /** Why its code is missing, if it is: the agent is listed, and cannot be started. */
  missing: string | undefined;
  /** It would have come back by itself after the loss of its program, and rests because its code was missing. */
  isWithoutCode = false;
  /** Sequence of its `agent.registered`. */
  registered = 0;
  host: Host;
  module: AnyAgentDefinition | URL;
  /** Of most agents nobody waits for anything: they hold none. */
  private waiting: LifeCallers | undefined = undefined;
  private liveness: Liveness | undefined = undefined;
  /** Set while a life of an earlier program is being resumed. */
  private resumed: AgentLife | undefined = undefined;
  private fullSpecSoFar: ParsedAgentSpec | undefined = undefined;
  /** A restart is due and waits for the agent's secrets. */
  private isPermitWithheld = false;
  permitPeriod: number | undefined = undefined;
  // Of the services, once more: the chart and its parts ask for them again and again.
  readonly clock: SteadyClock;
  readonly observe: ChartOptions['observe'];

  constructor(options: AgentOptions, services: AgentServices) {
    this.id = options.id;
    this.order = options.order;
    this.spec = options.spec;
    this.missing = options.missing;
    const { pool } = options.spec;
    this.kind = pool === undefined ? options.manifest.type : `pool ${pool}`;
    this.host = options.host;
    this.module = options.module;
    this.services = services;
    this.clock = services.clock;
    this.observe = services.watch.observe;
    this.tasks = new AgentTasks(this);
    this.bodies = new AgentBodies(this, this.tasks, options.manifest);
    if (options.spec.secrets !== undefined) this.takeSecrets(options.given ?? noSecrets);
    this.chart = createChart(
      agentMachine,
      { id: options.id, policy: options.policy },
      this,
      services.watch.driver,
    );
  }

  /** The manifest of its definition; for a module in another process or thread, as last reported. */
  get manifest(): AgentManifest {
    return this.bodies.manifest;
  }

  /** The manifest of the next body. */
  get nextManifest(): AgentManifest {
    return this.bodies.nextManifest;
  }

  get isolation(): Isolation {
    return this.bodies.isolation;
  }

  /** Fields of the spec that changed after the living body was made: in force from the next body on. */
  get pending(): readonly string[] {
    return this.bodies.pending;
  }

  get position(): AgentPosition {
    const { path, context } = this.chart;
    return positionAt(path, context.paused !== undefined);
  }

  get incarnation(): number {
    return this.chart.context.incarnation;
  }

  private get context(): AgentContext {
    return this.chart.context;
  }

  /** Tasks that wait or run. */
  get load(): number {
    return this.tasks.load;
  }

  /** @param amount what a task of it spent of budgets, in whole numbers */
  spend(amount: BudgetAmount): void {
    this.tasks.spend(amount);
  }

  /** Who holds its places, and whether one is free. */
  get places(): Places {
    return this.tasks.places;
  }

  /** Name of the limit that it shares with other agents. */
  get quota(): string | undefined {
    return this.spec.quota ?? this.manifest.quota;
  }

  /** Whether no task may begin now: it is paused, parked, or its quota holds it back. */
  get isHeldBack(): boolean {
    const { paused, parked } = this.context;
    return paused !== undefined || parked !== undefined || this.tasks.isHeldByQuota;
  }

  /** Whether a task that it gets now may begin: it runs, and is neither paused nor parked. */
  get takesWork(): boolean {
    return this.position.status === 'running' && !this.isHeldBack;
  }

  /** Whether it takes tasks now. */
  get isServing(): boolean {
    const { status } = this.position;
    return status === 'running' || status === 'unresponsive';
  }

  /** Why its last body ended. */
  get previousStop(): ExitReason | undefined {
    return this.context.reason;
  }

  /** Why its last body ended, known before the chart has taken that step. */
  get lastExit(): ExitReason | undefined {
    return this.bodies.lastExit;
  }

  /** Whether coordination is available, as far as its chart knows. */
  get isCoordinated(): boolean {
    return this.context.isCoordinated;
  }

  get mayComeBack(): boolean {
    const { path, isAlive } = this.position;
    if (isAlive) return this.context.ordered?.forGood !== true;
    return path === 'crashed.waiting' || path === 'crashed.queued';
  }

  get journal(): Journal {
    return this.services.journal;
  }

  get health(): HealthReport {
    return this.liveness?.newest ?? notRunning;
  }

  /** The spec with its module in it, for records. */
  get fullSpec(): ParsedAgentSpec {
    return (this.fullSpecSoFar ??= Object.freeze({ ...this.spec, module: this.module }));
  }

  /** Its record, frozen: the same object as long as nothing in it has changed. */
  record(): AgentRecord {
    return this.shown ?? this.show();
  }

  private show(): AgentRecord {
    const { isMeasured, usage, dropped } = this.bodies;
    const { measured } = this;
    if (measured !== undefined && measured.usage === usage) return measured.record;
    const record = agentRecordOf(this, {
      context: this.context,
      position: this.position,
      manifest: this.manifest,
      health: this.health,
      tasks: this.tasks.atWork,
      usage,
      dropped,
    });
    if (isMeasured) this.measured = { usage, record };
    else this.shown = record;
    return record;
  }

  /** For who waits for its end. It is not kept: few look again at an agent that has ended, and most stay listed. */
  private lastRecord(): AgentRecord {
    const record = this.record();
    this.changed();
    this.fullSpecSoFar = undefined;
    return record;
  }

  /** Something in the record may have changed. */
  changed(): void {
    this.shown = undefined;
    this.measured = undefined;
  }

  // Commands.

  /** Refuses a command that the agent's state does not allow. */
  refuseUnless(command: AgentCommand): void {
    const { position } = this;
    if (!position.legal.has(command)) throw commandRefusal(this.id, command, position);
  }

  private get callers(): LifeCallers {
    return (this.waiting ??= new LifeCallers());
  }

  /** Starts it. Resolves with the result of `answer`, which gets the running incarnation. */
  start<Value>(
    command: 'agent.start' | 'agent.restart',
    answer: (incarnation: number) => Value,
    by?: string,
  ): Promise<Value> {
    const missing = this.missing ?? this.secretsOfSpec?.missing;
    if (missing !== undefined) {
      return refused(this.clock, new AgentSystemError('AGENT_START_FAILED', missing, { agentId: this.id }));
    }
    const refusal = this.services.admission.refusal(this.id, this.spec.resources);
    if (refusal) return refused(this.clock, refusal);
    this.isWithoutCode = false;
    const started = this.callers.forStart(answer);
    const at = this.clock.now();
    this.chart.send(by === undefined ? { type: command, at } : { type: command, at, by });
    return started;
  }

  /** Resolves once the start that is under way has succeeded, whoever has asked for it. */
  started(): Promise<void> {
    return this.callers.forStart(() => undefined);
  }

  /** Ends it. Resolves with the record at its end. */
  end(event: Extract<AgentEvent, { type: 'agent.stop' | 'agent.kill' }>): Promise<AgentRecord> {
    const ended = this.ended();
    this.chart.send(event);
    return ended;
  }

  /** Resolves with the record at the end of the life that it has now, whoever ends it. */
  ended(): Promise<AgentRecord> {
    return this.callers.forEnd();
  }

  /** Pauses or resumes it. Resolves with the record once the event is durable. */
  hold(command: 'agent.pause' | 'agent.resume', by: string | undefined): Promise<AgentRecord> {
    const held = this.callers.forHold(() => this.record());
    const at = this.clock.now();
    this.chart.send(by === undefined ? { type: command, at } : { type: command, at, by });
    return held;
  }

  forget(by?: string): Promise<void> {
    const forgotten = this.callers.forStart(() => undefined);
    const at = this.clock.now();
    this.chart.send(by === undefined ? { type: 'agent.forget', at } : { type: 'agent.forget', at, by });
    return forgotten;
  }

  execute(request: GivenTask, trace?: TraceParent): Promise<unknown> {
    return this.tasks.execute(request, trace);
  }

  /** Cancels a task. Returns whether there was one that had not ended. */
  cancelTask(taskId: string, cancel: TaskCancel): boolean {
    return this.tasks.cancel(taskId, cancel);
  }

  /** Goes on with tasks that an earlier program accepted: at once, or when it runs again. */
  restoreTasks(tasks: readonly RestoredTask[]): void {
    this.tasks.restore(tasks);
  }

  checkHealth(): Promise<HealthReport> {
    return this.liveness?.check() ?? Promise.resolve(this.health);
  }

  /** Asks its body which tasks it takes now. */
  offer(task?: AskedTask, isOutlined = false): Promise<Offer> {
    return this.bodies.offer(task, isOutlined);
  }

  post(request: BodyRequest): void {
    this.bodies.post(request);
  }

  /** Sends an event to the chart; only for events that no caller waits for. */
  send(event: AgentEvent): void {
    this.chart.send(event);
  }

  /** The secrets of its `initArgs`, if it has any. */
  get secrets(): AgentSecrets | undefined {
    return this.secretsOfSpec;
  }

  /** Takes secrets of its spec from the program. */
  give(given: SecretValues): void {
    if (this.spec.secrets === undefined || given.size === 0) return;
    this.takeSecrets(new Map([...(this.secretsOfSpec?.given ?? noSecrets), ...given]));
  }

  /** Takes a changed spec: what needs no new body is in force at once, the rest from the next body on. */
  follow({ spec, policy, host, manifest, module, given = noSecrets }: AgentTerms): void {
    this.bodies.follow(spec, manifest, given);
    if (this.missing !== undefined && module !== this.module) {
      this.missing = undefined;
      this.services.alerts.clear('definition_missing', this.id);
    }
    const movesOn = spec.quota !== this.spec.quota && this.isServing;
    this.spec = spec;
    this.takeSecrets(given);
    this.host = host;
    this.module = module;
    this.fullSpecSoFar = undefined;
    this.chart.send({ type: 'policy.changed', policy });
    if (movesOn) this.tasks.joinQuota(this.context.parked);
    this.tasks.follow(spec.tasks);
    this.liveness?.follow(spec.health);
    this.bodies.followCoordination();
    this.changed();
    this.observer?.();
  }

  /** It may restart now. */
  permitGranted(): void {
    this.chart.send({ type: 'permit.granted', at: this.clock.now() });
  }

  /** Resumes a life that an earlier program began. */
  resume(life: AgentLife): void {
    if (life.parked) this.tasks.restorePark(life.parked);
    this.resumed = life;
    this.chart.send({ type: 'life.resumed', at: this.clock.now(), tick: this.clock.elapsed(), life });
    this.resumed = undefined;
  }

  /**
   * Takes it out of the fleet: its registration was not kept, or its system has closed. Callers that still wait are
   * refused with `why`, and a body that is left is killed.
   */
  discard(why: AgentSystemError): void {
    this.chart.stop();
    this.liveness?.unwatch();
    this.tasks.discard('the system has closed');
    this.bodies.discard();
    this.tasks.giveUpRequests(() => why);
    this.waiting?.refuse(why);
  }

  // Effects of the chart.

  get xstateInspect(): ChartOptions['xstateInspect'] {
    return this.services.watch.xstateInspect;
  }

  onObserverFault(thrown: unknown): void {
    this.services.watch.onObserverFault(thrown);
  }

  onBug(error: unknown): void {
    this.reportFault('a bug in the chart of an agent', error);
    this.bodies.left();
  }

  perform(given: ChartEffect): void {
    // No state in which it takes tasks, or will, is entered without an effect.
    this.rank?.look();
    const effect = given as AgentEffect;
    switch (effect.type) {
      case 'announce':
        return this.announce(effect.params);
      case 'commandBody':
        return this.bodies.command(effect.params.command);
      case 'commandMailbox':
        return this.tasks.command(effect.params.command);
      case 'watchHealth':
        return this.watchHealth(effect.params.command);
      case 'handlePermit':
        return this.handlePermit(effect.params.command);
      case 'raiseAlert':
        return this.raiseAlert(effect.params.alert, effect.params.error);
      case 'clearAlerts':
        return this.services.alerts.clearAll(this.id);
    }
  }

  /** Opens a body: the chart's only child. */
  child(_invocation: ChildInvocation, report: ChildReport): Child {
    return this.bodies.open(this.incarnation, report);
  }

  private announce(said: Announcement): void {
    this.tell(said);
    if (!this.tasks.isInUse) return;
    const { status, isAlive, comesBack } = this.position;
    if (!isAlive && !comesBack) this.tasks.endWaits(`the agent is ${status}`);
  }

  private tell(said: Announcement): void {
    this.observer?.();
    const { event, life } = said;
    const told = lifeEventOf(said, this.id, this.tasks, this.clock);
    switch (event) {
      case 'agent.started':
        this.journal.emit(told, this.waiting?.answerStart(life.incarnation));
        this.letGoOfCallers();
        // It gets the changes of variables that it missed before its tasks.
        this.bodies.participate();
        return this.tasks.begin(this.context.parked);
      case 'agent.start_failed':
      case 'agent.stopped':
      case 'agent.completed':
      case 'agent.crashed':
        return this.tellEnd(told, said);
      case 'agent.stopping':
        this.journal.emit(told);
        return this.bodies.retire();
      case 'agent.pausing':
      case 'agent.paused':
      case 'agent.resumed':
        this.journal.emit(told, this.waiting?.answerHold());
        return;
      case 'agent.forgotten':
        this.tasks.worksUnder(undefined);
        this.services.forgotten(this);
        this.tasks.discard('the agent was forgotten');
        this.services.budgets.agentForgotten(this.id, life.incarnation);
        this.journal.emit(told, this.waiting?.answerStart(life.incarnation), null);
        return;
      default:
    }
    this.journal.emit(told);
  }

  private tellEnd(told: EventDraft, { life, reason = 'killed' }: Announcement): void {
    const { waiting, bodies } = this;
    const failure = waiting?.isStartAwaited ? startFailure(this.spec, reason, bodies.lastThrown) : undefined;
    const started = waiting?.answerStart(life.incarnation, failure);
    const ended = waiting?.isEndAwaited ? waiting.answerEnd(this.lastRecord()) : undefined;
    this.letGoOfCallers();
    this.journal.emit(told, bothOf(started, ended));
    bodies.left();
  }

  private letGoOfCallers(): void {
    if (this.waiting?.isEmpty) this.waiting = undefined;
  }

  /** An agent with a missing secret does not restart before it is given. */
  private handlePermit(command: PermitCommand): void {
    const missing = command === 'request' ? this.secretsOfSpec?.missing : undefined;
    if (missing !== undefined) {
      this.isPermitWithheld = true;
      return this.services.alerts.raise('secrets_missing', missing, this.id);
    }
    if (command === 'withdraw' && this.isPermitWithheld) {
      this.isPermitWithheld = false;
      return this.services.alerts.clear('secrets_missing', this.id);
    }
    const { permits } = this.services;
    // By name: V8 looks for a computed one anew each time.
    if (command === 'request') permits.request(this);
    else if (command === 'release') permits.release(this);
    else permits.withdraw(this);
  }

  private takeSecrets(given: SecretValues): void {
    const { secrets: paths } = this.spec;
    const before = this.secretsOfSpec;
    if (paths === undefined) {
      this.secretsOfSpec = undefined;
    } else {
      const of = { agentId: this.id, type: this.manifest.type };
      this.secretsOfSpec = new AgentSecrets(this.services.secrets, of, paths, given);
      this.secretsOfSpec.used = before?.used;
    }
    if (!this.isPermitWithheld || this.secretsOfSpec?.missing !== undefined) return;
    this.isPermitWithheld = false;
    this.services.alerts.clear('secrets_missing', this.id);
    this.services.permits.request(this);
  }

  private watchHealth(command: 'watch' | 'unwatch'): void {
    if (command === 'unwatch') return this.liveness?.unwatch();
    this.liveness ??= new Liveness(this, this.spec.health);
    this.liveness.watch();
  }

  private raiseAlert(alert: AlertKind, error: ErrorInfo | undefined): void {
    const why = this.lastExit ?? this.context.reason ?? 'killed';
    const message = alertText(this.spec, alert, why, error);
    const { alerts } = this.services;
    const rested = this.resumed;
    const wasRaised = rested?.at === 'awaitingOperator' || rested?.at === 'gaveUp';
    if (wasRaised) alerts.restore(alert, message, rested.endedAt ?? this.clock.now(), this.id);
    else alerts.raise(alert, message, this.id);
  }

  // Reports of its bodies, its tasks, its quota and the health checks.

  /** Whether its chart still runs: no bug has ended it, and the agent is still in the fleet. */
  get isActive(): boolean {
    return this.chart.status === 'active';
  }

  /** A report was malformed, or came too late. */
  bodyDropped(): void {
    this.bodies.bodyDropped();
  }

  healthAnswered(report: Extract<BodyReport, { type: `health.${string}` }>): void {
    this.liveness?.answered(report);
  }

  loadFell(): void {
    this.observer?.();
    this.rank?.look();
  }

  /** Its body may never end: callers that wait for the end get the record as it is now. */
  answerEndEarly(): void {
    const { waiting } = this;
    const ended = waiting?.isEndAwaited ? waiting.answerEnd(this.record()) : undefined;
    if (ended) void this.journal.settled().then(() => ended.committed());
  }

  quotaParked(parked: Parked): void {
    this.chart.send({ type: 'quota.parked', at: this.clock.now(), parked });
  }

  quotaReleased(): void {
    this.chart.send({ type: 'quota.released', at: this.clock.now() });
  }

  whyNothingBegins(): string {
    return whyNothingBegins(this.context);
  }

  askHealth(checkId: number): void {
    this.post({ type: 'health.check', checkId });
  }

  healthPassed(): void {
    if (this.position.status !== 'unresponsive') return;
    this.chart.send({ type: 'health.passed', at: this.clock.now(), busy: this.tasks.isBusy });
  }

  healthMissed(): void {
    this.chart.send({ type: 'health.missed', at: this.clock.now() });
  }

  reportFault(message: string, thrown: unknown): void {
    const info = this.secretsOfSpec && errorInfoOf(thrown);
    const hidden = info && this.secretsOfSpec?.hide(info);
    this.logger().error({ err: hidden === info ? thrown : hidden }, message);
  }

  logger(): Logger {
    return this.services.logger.child({ agentId: this.id, incarnation: this.incarnation });
  }
}

function bothOf(
  first: CommitObserver | undefined,
  second: CommitObserver | undefined,
): CommitListener | CommitObserver | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return (error) => {
    first.committed(error);
    second.committed(error);
  };
}
