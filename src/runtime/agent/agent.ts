/**
 * One agent: its chart, what can be asked of it, and what its chart asks for.
 *
 * Owns the chart, and the parts that do its work: the incarnation that lives, tasks, health checks, saved states and
 * those who wait for its start or end. Decides nothing of its life: reports become events of the chart, the chart's
 * effects become acts.
 *
 * I1  Where the agent stands is read from its chart, never kept beside it.
 * I2  What an earlier incarnation says is dropped, and counted.
 * I3  Whoever waits is answered after the event that answers was committed.
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
  describeExit,
  type ErrorInfo,
  type ExitReason,
  type Isolation,
  type Parked,
  type ParsedAgentSpec,
  type ProgressInput,
  type PermitCommand,
  positionAt,
} from '../../machines/index.ts';
import type { AskedTask, Offer } from '../definition/agent-self.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import { MAX_WHY, type ParkRequest } from '../definition/parking.ts';
import type { SavedState } from '../definition/saved-state.ts';
import {
  type Chart,
  type ChartEffect,
  type ChartOptions,
  type ChildInvocation,
  type ChildReport,
  createChart,
} from '../engine/create-chart.ts';
import type { BodyReport, BodyRequest, Host, TraceParent } from '../hosting/host.ts';
import type { CommitListener, Journal } from '../journal/journal.ts';
import type { Quota, QuotaMember } from '../limits/quotas.ts';
import type { SteadyClock } from '../time/clock.ts';
import { cut } from '../values/error-data.ts';
import { dataCopy, frozenData } from '../values/data-copy.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import { noSecrets, type SecretValues } from '../values/secret-paths.ts';
import { type AgentRecord, ShownRecord } from './agent-record.ts';
import type { AgentOptions, AgentServices, AgentTerms, KeptSpec, Participation } from './agent-services.ts';
import { AgentSecrets } from './agent-secrets.ts';
import { AgentTasks, type AgentTasksOwner } from './agent-tasks.ts';
import { commandRefusal } from './command-refusal.ts';
import { Incarnation, type IncarnationOwner } from './incarnation.ts';
import { LifeCallers } from './life-callers.ts';
import { type Announcement, lifeEventOf } from './life-event.ts';
import { alertText, startFailure } from './life-words.ts';
import { type HealthReport, Liveness, type LivenessOwner, notRunning } from './liveness.ts';
import { Offers, type OffersOwner } from './offers.ts';
import { ProgressWatch, type ProgressWatcher } from './progress-watch.ts';
import { pendingFields } from './pending-fields.ts';
import { StateKeeper } from './state-keeper.ts';
import type { GivenTask, RestoredTask } from './task-request.ts';
import type { KeptSteps } from './task-steps.ts';
import type { Places } from './wait.ts';

/** What the next body is made by, where that is not what the living one was made by. */
interface NextBody {
  readonly manifest: AgentManifest;
  readonly pending: readonly string[];
}

const NOTHING_PENDING: readonly string[] = Object.freeze([]);

export class Agent
  implements ChartOptions, IncarnationOwner, AgentTasksOwner, LivenessOwner, OffersOwner, QuotaMember
{
  readonly id: string;
  readonly order: number;
  /** Agents of one kind wait for each other when too many are to restart: those of one pool, or of one type. */
  readonly kind: string;
  /** What it lives by; a body that was opened before that changed keeps some of what was (`pending`). */
  spec: KeptSpec;
  /** Told when its life may have moved on, or a task may have left it: by the pool that it is a member of. */
  observer: (() => void) | undefined = undefined;
  /** Why its code is not there, when it is not: it is listed, and cannot be started. */
  missing: string | undefined;
  /** Sequence of its `agent.registered`. */
  registered = 0;
  readonly services: AgentServices;
  host: Host;
  module: AnyAgentDefinition | URL;
  readonly #chart: Chart<typeof agentMachine>;
  readonly #callers = new LifeCallers();
  readonly #tasks: AgentTasks;
  #manifest: AgentManifest;
  #living: Incarnation | undefined = undefined;
  /** It has ended, and nobody was told yet. */
  #leaving: Incarnation | undefined = undefined;
  #liveness: Liveness | undefined = undefined;
  #offers: Offers | undefined = undefined;
  #lastExit: ExitReason | undefined = undefined;
  /** What ended the last body, as it was thrown, where the body lived in this thread. */
  #lastThrown: unknown = undefined;
  /** What it works under, where it shares a limit or ran into one. */
  #quota: Quota | undefined = undefined;
  #states: StateKeeper | undefined = undefined;
  /** The life that is just being gone on with. */
  #resumed: AgentLife | undefined = undefined;
  #dropped = 0;
  #shown: ShownRecord | undefined = undefined;
  #fullSpec: ParsedAgentSpec | undefined = undefined;
  #secrets: AgentSecrets | undefined = undefined;
  /** It is due to restart, and waits for its secrets. */
  #isPermitWithheld = false;
  /** What the next body is made by, where the one that lives was not. */
  #next: NextBody | undefined = undefined;

  constructor(options: AgentOptions, services: AgentServices) {
    this.id = options.id;
    this.order = options.order;
    this.spec = options.spec;
    this.missing = options.missing;
    this.#manifest = options.manifest;
    const { pool } = options.spec;
    this.kind = pool === undefined ? options.manifest.type : `pool ${pool}`;
    this.host = options.host;
    this.module = options.module;
    this.services = services;
    this.#tasks = new AgentTasks(this);
    if (options.spec.secrets !== undefined) this.#takeSecrets(options.given ?? noSecrets);
    this.#chart = createChart(
      agentMachine,
      { id: options.id, policy: options.policy },
      this,
      services.watch.driver,
    );
  }

  /** What its definition says of itself; of a module elsewhere, as it last said it. */
  get manifest(): AgentManifest {
    return this.#manifest;
  }

  /** As `manifest`, but of the body that is made next. */
  get nextManifest(): AgentManifest {
    return this.#next?.manifest ?? this.#manifest;
  }

  get isolation(): Isolation {
    return (this.#living ?? this).host.isolation;
  }

  /** Fields of the spec that the living body was not made by: they are in force from the next one on. */
  get pending(): readonly string[] {
    return this.#next?.pending ?? NOTHING_PENDING;
  }

  get position(): AgentPosition {
    return positionAt(this.#chart.path, this.#context.paused !== undefined);
  }

  get incarnation(): number {
    return this.#context.incarnation;
  }

  get #context(): AgentContext {
    return this.#chart.context;
  }

  /** Tasks that wait or run. */
  get load(): number {
    return this.#tasks.load;
  }

  /** Who holds its places, and whether one is free. */
  get places(): Places {
    return this.#tasks.places;
  }

  /** The limit that it shares with others. */
  get quota(): string | undefined {
    return this.spec.quota ?? this.#manifest.quota;
  }

  /** Whether nothing may begin, as it stands. */
  get isHeldBack(): boolean {
    const { paused, parked } = this.#context;
    return paused !== undefined || parked !== undefined || this.#quota?.holds(this) === true;
  }

  /** Whether what it is given now is begun: it runs, and is neither paused nor parked. */
  get takesWork(): boolean {
    return this.position.status === 'running' && !this.isHeldBack;
  }

  /** Whether it takes tasks now. */
  get isServing(): boolean {
    const { status } = this.position;
    return status === 'running' || status === 'unresponsive';
  }

  random(): number {
    return this.services.random();
  }

  /** Why its last body ended. */
  get previousStop(): ExitReason | undefined {
    return this.#context.reason;
  }

  /** Whether its chart knows coordination to be there. */
  get isCoordinated(): boolean {
    return this.#context.isCoordinated;
  }

  stepsOf(taskId: string): KeptSteps | undefined {
    return this.services.steps.of(taskId);
  }

  get mayComeBack(): boolean {
    const { path, isAlive } = this.position;
    if (isAlive) return this.#context.ordered?.forGood !== true;
    return path === 'crashed.waiting' || path === 'crashed.queued';
  }

  get isClosing(): boolean {
    return this.services.isClosing();
  }

  get leavesTasks(): boolean {
    return this.services.leavesTasks();
  }

  get clock(): SteadyClock {
    return this.services.clock;
  }

  get journal(): Journal {
    return this.services.journal;
  }

  get health(): HealthReport {
    return this.#liveness?.newest ?? notRunning;
  }

  /** The spec with its module in it, for records. */
  get fullSpec(): ParsedAgentSpec {
    return (this.#fullSpec ??= Object.freeze({ ...this.spec, module: this.module }));
  }

  record(): AgentRecord {
    const { context, path } = this.#chart;
    const usage = this.#living?.usage();
    const shown = this.#shown;
    if (shown?.context === context && shown.path === path && shown.usage === usage) return shown.record;
    this.#shown = new ShownRecord(this, {
      context,
      position: positionAt(path, context.paused !== undefined),
      manifest: this.#manifest,
      health: this.health,
      tasks: this.#tasks.atWork,
      usage,
      dropped: this.#dropped,
    });
    return this.#shown.record;
  }

  /** Something of the record may have changed beside its chart. */
  changed(): void {
    this.#shown = undefined;
  }

  // Commands.

  /** Refuses a command that the agent's state does not allow. */
  refuseUnless(command: AgentCommand): void {
    const { position } = this;
    if (!position.legal.has(command)) throw commandRefusal(this.id, command, position);
  }

  /** Resolves with what `answer` makes of the incarnation that runs. */
  start<Value>(
    command: 'agent.start' | 'agent.restart',
    answer: (incarnation: number) => Value,
    by?: string,
  ): Promise<Value> {
    const missing = this.missing ?? this.#secrets?.missing;
    if (missing !== undefined) {
      return Promise.reject(new AgentSystemError('AGENT_START_FAILED', missing, { agentId: this.id }));
    }
    const refusal = this.services.admission.refusal(this.id, this.spec.resources);
    if (refusal) return Promise.reject(refusal);
    const started = this.#callers.forStart(answer);
    const at = this.clock.now();
    this.#chart.send(by === undefined ? { type: command, at } : { type: command, at, by });
    return started;
  }

  /** Resolves with the record at its end. */
  end(event: Extract<AgentEvent, { type: 'agent.stop' | 'agent.kill' }>): Promise<AgentRecord> {
    const ended = this.#callers.forEnd();
    this.#chart.send(event);
    return ended;
  }

  /** Pauses or resumes it. Resolves with the record once that is durable. */
  hold(command: 'agent.pause' | 'agent.resume', by: string | undefined): Promise<AgentRecord> {
    const held = this.#callers.forHold();
    const at = this.clock.now();
    this.#chart.send(by === undefined ? { type: command, at } : { type: command, at, by });
    return held;
  }

  forget(by?: string): Promise<void> {
    const forgotten = this.#callers.forStart(() => undefined);
    const at = this.clock.now();
    this.#chart.send(by === undefined ? { type: 'agent.forget', at } : { type: 'agent.forget', at, by });
    return forgotten;
  }

  execute(request: GivenTask, trace?: TraceParent): Promise<unknown> {
    return this.#tasks.execute(request, trace);
  }

  /** Cancels a task that it has; whether there was one that had not ended. */
  cancelTask(taskId: string, why: string): boolean {
    return this.#tasks.cancel(taskId, why);
  }

  /** Goes on with tasks that an earlier program accepted: at once, or when it runs again. */
  restoreTasks(tasks: readonly RestoredTask[]): void {
    this.#tasks.restore(tasks);
  }

  checkHealth(): Promise<HealthReport> {
    return this.#liveness?.check() ?? Promise.resolve(this.health);
  }

  /** What it takes as it stands, as it says itself. */
  offer(task?: AskedTask, isOutlined = false): Promise<Offer> {
    if (!this.#living?.isOpen) {
      const message = `agent ${this.id} has no body that could say what it takes`;
      return Promise.reject(new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: this.id }));
    }
    this.#offers ??= new Offers(this, this.spec.health);
    return this.#offers.ask(task, isOutlined);
  }

  post(request: BodyRequest): void {
    this.#living?.post(request);
  }

  /** Sends an event to the chart; only for events that no promise depends on. */
  send(event: AgentEvent): void {
    this.#chart.send(event);
  }

  /** The secrets of its `initArgs`, if it has any. */
  get secrets(): AgentSecrets | undefined {
    return this.#secrets;
  }

  /** Its program gives it secrets of the spec that it has. */
  give(given: SecretValues): void {
    if (this.spec.secrets === undefined || given.size === 0) return;
    this.#takeSecrets(new Map([...(this.#secrets?.given ?? noSecrets), ...given]));
  }

  /** Its spec is another: what needs no new body is in force at once, the rest from the next one on. */
  follow({ spec, policy, host, manifest, module, given = noSecrets }: AgentTerms): void {
    const living = this.#living;
    if (living) {
      const isRekeyed = [...given].some(([path, value]) => this.#secrets?.differs(path, value));
      const body = { spec: living.spec, manifest: this.#manifest };
      const pending = pendingFields(body, { spec, manifest }, isRekeyed);
      this.#next = pending.length === 0 ? undefined : { manifest, pending };
    } else this.#manifest = manifest;
    if (this.missing !== undefined && module !== this.module) {
      this.missing = undefined;
      this.services.alerts.clear('definition_missing', this.id);
    }
    this.spec = spec;
    this.#takeSecrets(given);
    this.host = host;
    this.module = module;
    this.#fullSpec = undefined;
    this.#chart.send({ type: 'policy.changed', policy });
    this.#tasks.follow(spec.tasks);
    this.#liveness?.follow(spec.health);
    this.#offers?.follow(spec.health);
    living?.followCoordination();
    this.changed();
    this.observer?.();
  }

  /** It has a permit to restart. */
  permitGranted(): void {
    this.#chart.send({ type: 'permit.granted', at: this.clock.now() });
  }

  /** Goes on with a life that another program began. */
  resume(life: AgentLife): void {
    if (life.parked) this.services.quotas.restore(this, life.parked);
    this.#resumed = life;
    this.#chart.send({ type: 'life.resumed', at: this.clock.now(), tick: this.clock.elapsed(), life });
    this.#resumed = undefined;
  }

  /**
   * Takes it out of the fleet: its registration was not kept, or its system has closed. Whoever still waits for it
   * is refused with `why`, and a body that is left is killed.
   */
  discard(why: AgentSystemError): void {
    this.#chart.stop();
    this.#liveness?.unwatch();
    this.#tasks.discard('the system has closed');
    const living = this.#living;
    this.#living = undefined;
    living?.discard();
    this.#offers?.giveUp();
    this.#tasks.giveUpRequests(() => why);
    this.#callers.refuse(why);
  }

  // What the chart asks for.

  get observe(): ChartOptions['observe'] {
    return this.services.watch.observe;
  }

  get xstateInspect(): ChartOptions['xstateInspect'] {
    return this.services.watch.xstateInspect;
  }

  onObserverFault(thrown: unknown): void {
    this.services.watch.onObserverFault(thrown);
  }

  onBug(error: unknown): void {
    this.reportFault('a bug in the chart of an agent', error);
    this.#left();
  }

  perform(given: ChartEffect): void {
    const effect = given as AgentEffect;
    switch (effect.type) {
      case 'announce':
        return this.#announce(effect.params);
      case 'commandBody':
        return this.#living?.command(effect.params.command);
      case 'commandMailbox':
        return this.#tasks.command(effect.params.command);
      case 'watchHealth':
        return this.#watchHealth(effect.params.command);
      case 'handlePermit':
        return this.#handlePermit(effect.params.command);
      case 'raiseAlert':
        return this.#raiseAlert(effect.params.alert, effect.params.error);
      case 'clearAlerts':
        return this.services.alerts.clearAll(this.id);
    }
  }

  /** Opens a body: the chart's only child. */
  child(_invocation: ChildInvocation, report: ChildReport): Incarnation {
    const living = new Incarnation(this, this.incarnation, report);
    this.#living = living;
    this.#tasks.hold();
    living.open();
    return living;
  }

  /** The end of its body was told: what follows for others comes after that in the event stream. */
  #left(): void {
    const left = this.#leaving;
    this.#leaving = undefined;
    left?.retire();
  }

  #announce(said: Announcement): void {
    this.#tell(said);
    const { status, isAlive, comesBack } = this.position;
    if (!isAlive && !comesBack) this.#tasks.endWaits(`the agent is ${status}`);
  }

  #tell(said: Announcement): void {
    this.observer?.();
    const { event, life, reason = 'killed' } = said;
    const told = lifeEventOf(said, this.id, this.#tasks.abandoned, this.clock);
    switch (event) {
      case 'agent.started':
        this.journal.emit(told, this.#callers.answerStart(life.incarnation));
        // First what it missed of its variables, then its tasks.
        this.#living?.participate();
        this.#quota = this.services.quotas.join(this, this.#context.parked);
        return this.#tasks.begin();
      case 'agent.start_failed':
      case 'agent.stopped':
      case 'agent.completed':
      case 'agent.crashed': {
        const started = this.#callers.answerStart(life.incarnation, () =>
          startFailure(this.spec, reason, this.#lastThrown),
        );
        const ended = this.#callers.answerEnd(() => this.record());
        this.journal.emit(told, bothOf(started, ended));
        return this.#left();
      }
      case 'agent.stopping':
        this.journal.emit(told);
        return this.#living?.retire();
      case 'agent.pausing':
      case 'agent.paused':
      case 'agent.resumed':
        this.journal.emit(
          told,
          this.#callers.answerHold(() => this.record()),
        );
        return;
      case 'agent.forgotten':
        this.services.quotas.forget(this);
        this.services.forgotten(this);
        this.#tasks.discard('the agent was forgotten');
        this.journal.emit(told, this.#callers.answerStart(life.incarnation), null);
        return;
      default:
    }
    this.journal.emit(told);
  }

  /** One whose secrets nobody has given yet does not restart before they are. */
  #handlePermit(command: PermitCommand): void {
    const missing = command === 'request' ? this.#secrets?.missing : undefined;
    if (missing !== undefined) {
      this.#isPermitWithheld = true;
      return this.services.alerts.raise('secrets_missing', missing, this.id);
    }
    if (command === 'withdraw' && this.#isPermitWithheld) {
      this.#isPermitWithheld = false;
      return this.services.alerts.clear('secrets_missing', this.id);
    }
    this.services.permits[command](this);
  }

  #takeSecrets(given: SecretValues): void {
    const { secrets: paths } = this.spec;
    const before = this.#secrets;
    if (paths === undefined) {
      this.#secrets = undefined;
    } else {
      const of = { agentId: this.id, type: this.#manifest.type };
      this.#secrets = new AgentSecrets(this.services.secrets, of, paths, given);
      this.#secrets.used = before?.used;
    }
    if (!this.#isPermitWithheld || this.#secrets?.missing !== undefined) return;
    this.#isPermitWithheld = false;
    this.services.alerts.clear('secrets_missing', this.id);
    this.services.permits.request(this);
  }

  #watchHealth(command: 'watch' | 'unwatch'): void {
    if (command === 'unwatch') return this.#liveness?.unwatch();
    this.#liveness ??= new Liveness(this, this.spec.health);
    this.#liveness.watch();
  }

  #raiseAlert(alert: AlertKind, error: ErrorInfo | undefined): void {
    const why = this.#lastExit ?? this.#context.reason ?? 'killed';
    const message = alertText(this.spec, alert, why, error);
    const { alerts } = this.services;
    const rested = this.#resumed;
    const wasRaised = rested?.at === 'awaitingOperator' || rested?.at === 'gaveUp';
    if (wasRaised) alerts.restore(alert, message, rested.endedAt ?? this.clock.now(), this.id);
    else alerts.raise(alert, message, this.id);
  }

  // What the incarnation that lives needs, and tells.

  join(): Participation | undefined {
    return this.services.coordination.join(this);
  }

  joined(participation: Participation | undefined): Participation | undefined {
    return this.services.coordination.started(this, participation);
  }

  initArgsOf({ initArgs }: KeptSpec): unknown {
    return this.#secrets === undefined ? dataCopy(initArgs) : this.#secrets.fill(initArgs);
  }

  partChanged(participation: Participation | undefined): Participation | undefined {
    return this.services.coordination.changed(this, participation);
  }

  strayed(incarnation: number, report: BodyReport): void {
    this.services.coordination.strayed(this, incarnation, report);
  }

  restored(state: SavedState, isKept: boolean): void {
    (this.#states ??= new StateKeeper()).restored(isKept ? state : undefined);
  }

  bodyReported(living: Incarnation, told: BodyReport): void {
    const report = this.#secrets === undefined ? told : this.#withoutSecrets(told);
    switch (report.type) {
      case 'ready':
        if (report.manifest !== this.#manifest) {
          this.#manifest = frozenData(report.manifest);
          this.changed();
        }
        return this.#chart.send({ type: 'body.ready', at: this.clock.now(), tick: this.clock.elapsed() });
      case 'finished':
        return this.#chart.send({ type: 'body.finished', at: this.clock.now() });
      case 'task.completed':
        if (report.state) this.#keepState(living, report.state);
        return this.#tasks.reported(report);
      case 'task.failed':
      case 'task.parked':
      case 'task.progress':
      case 'task.chunk':
        return this.#tasks.reported(report);
      case 'health.answered':
      case 'health.failed':
        return this.#liveness?.answered(report);
      case 'offer.told':
        return this.#offers?.answered(report);
      case 'request.made':
      case 'request.withdrawn':
        return this.#tasks.requested(report);
      case 'state.changed':
        return this.#keepState(living, report.state);
      case 'state.saved':
        return this.#keepState(living, report.state, (error) => this.#stateKept(living, error));
      case 'state.save_failed':
        return this.#chart.send({ type: 'body.save_failed', at: this.clock.now(), error: report.error });
      case 'log':
        this.#logger()[report.level](report.fields ?? {}, report.message);
        return;
      default:
        living.tellCoordination(report);
    }
  }

  bodyEnded(ended: ExitReason, thrown: unknown): ExitReason {
    const reason = this.#hidden(ended);
    this.#leaving = this.#living;
    this.#living = undefined;
    // Of a chart that a bug has ended nobody will be told.
    if (this.#chart.status !== 'active') this.#left();
    if (this.#next) {
      this.#manifest = this.#next.manifest;
      this.#next = undefined;
    }
    this.#lastExit = typeof reason === 'object' ? frozenData(reason) : reason;
    // What was thrown is shown itself, unless it holds a secret.
    this.#lastThrown = reason === ended ? thrown : undefined;
    this.#offers?.giveUp();
    this.#quota?.part(this);
    this.#tasks.giveUpRequests(() => new Error(`agent ${this.id} has ended`));
    this.services.alerts.clear('body_not_ending', this.id);
    return reason;
  }

  bodyDropped(): void {
    this.#dropped += 1;
    this.changed();
  }

  bodyStuck(): void {
    const message = `agent ${this.id} was killed, and its ${this.isolation} host cannot end it: it runs on, past its limits, and may keep the program from exiting`;
    this.services.alerts.raise('body_not_ending', message, this.id);
    // Nobody can say when it ends, if ever: those who wait for it are told how it stands.
    const answer = this.#callers.answerEnd(() => this.record());
    if (answer) void this.journal.settled().then(() => answer());
  }

  #hidden<Data>(data: Data): Data {
    return this.#secrets === undefined ? data : this.services.secrets.net.hide(data, this.id);
  }

  /** What the body says of itself, and what it threw, without its secrets. Outputs are its callers' own. */
  #withoutSecrets(report: BodyReport): BodyReport {
    switch (report.type) {
      case 'task.failed': {
        const { cause: _, ...rest } = report;
        const shown = this.#hidden(rest);
        return shown === rest ? report : shown;
      }
      case 'task.parked':
      case 'health.answered':
      case 'health.failed':
      case 'state.save_failed':
      case 'vote.cast':
      case 'log':
        return this.#hidden(report);
      default:
        return report;
    }
  }

  #keepState({ number: incarnation }: Incarnation, state: SavedState, kept?: CommitListener): void {
    const states = (this.#states ??= new StateKeeper());
    states.keep(this.journal, { agentId: this.id, incarnation, state, kept });
  }

  #stateKept(living: Incarnation, error: AgentSystemError | undefined): void {
    if (living !== this.#living) return;
    const at = this.clock.now();
    if (error) this.#chart.send({ type: 'body.save_failed', at, error: errorInfoOf(error) });
    else this.#chart.send({ type: 'body.saved', at });
  }

  // What its tasks and the health checks tell.

  becameBusy(): void {
    this.#chart.send(BUSY);
  }

  becameIdle(): void {
    this.#chart.send(IDLE);
  }

  becameRested(): void {
    this.#chart.send(RESTED);
  }

  limitReached({ until, afterMs, why }: ParkRequest, told: (parked: Parked) => void): void {
    const resetAt = afterMs === undefined ? until : this.clock.now() + afterMs;
    this.#quota = this.services.quotas.limited(this, { until: resetAt, why: cut(why, MAX_WHY) }, told);
  }

  taskPassed(): void {
    this.#quota?.passed();
  }

  watchProgress(policy: ProgressInput, watcher: ProgressWatcher): ProgressWatch {
    const { watch } = this.services;
    const onBug = (error: unknown) => this.reportFault('a bug in the chart of a task’s progress', error);
    return new ProgressWatch(policy, watcher, { ...watch, clock: this.clock, onBug });
  }

  crashForStall(taskId: string): void {
    this.#chart.send({ type: 'agent.kill', at: this.clock.now(), by: `the stall of ${taskId}` });
  }

  quotaParked(parked: Parked): void {
    this.#chart.send({ type: 'quota.parked', at: this.clock.now(), parked });
  }

  quotaReleased(): void {
    this.#chart.send({ type: 'quota.released', at: this.clock.now() });
  }

  loadFell(): void {
    this.observer?.();
  }

  taskAnswered(taskId: string): void {
    this.#tasks.answered(taskId);
    this.services.budgets.taskEnded(taskId);
  }

  whyNothingBegins(): string {
    const { ordered, paused } = this.#context;
    if (ordered?.reason === 'normal') return 'the agent has completed';
    return `the agent is ending, and is ${paused === undefined ? 'parked' : 'paused'}`;
  }

  whyEnded(): string {
    return `the agent has ended (${describeExit(this.#lastExit ?? 'killed')})`;
  }

  askHealth(checkId: number): void {
    this.post({ type: 'health.check', checkId });
  }

  healthPassed(): void {
    if (this.position.status !== 'unresponsive') return;
    this.#chart.send({ type: 'health.passed', at: this.clock.now(), busy: this.#tasks.isBusy });
  }

  healthMissed(): void {
    this.#chart.send({ type: 'health.missed', at: this.clock.now() });
  }

  reportFault(message: string, thrown: unknown): void {
    const info = this.#secrets && errorInfoOf(thrown);
    const err = info === undefined || this.#hidden(info) === info ? thrown : this.#hidden(info);
    this.#logger().error({ err }, message);
  }

  #logger(): Logger {
    return this.services.logger.child({ agentId: this.id, incarnation: this.incarnation });
  }
}

const BUSY = Object.freeze({ type: 'mailbox.busy' });
const IDLE = Object.freeze({ type: 'mailbox.idle' });
const RESTED = Object.freeze({ type: 'mailbox.rested' });

function bothOf(
  first: CommitListener | undefined,
  second: CommitListener | undefined,
): CommitListener | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return (error) => {
    first(error);
    second(error);
  };
}
