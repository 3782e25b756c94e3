/**
 * One agent at work: its chart, and what the chart asks for.
 *
 * Owns the agent's body, mailbox and health checks, and the promises of those who wait for its start or end. Decides
 * nothing of its life: reports become events of the chart, the chart's effects become acts.
 *
 * I1  Where the agent stands is read from its chart, never kept beside it.
 * I2  What an earlier incarnation says is dropped, and counted.
 * I3  Whoever waits is answered after the event that answers was committed.
 * I4  No body is given data that another one, or the record, holds: each has its own copy of `initArgs`.
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
  type BodyCommand,
  describeExit,
  type ErrorInfo,
  type ExitReason,
  type Isolation,
  type MailboxCommand,
  type ParsedAgentSpec,
  positionAt,
} from '../../machines/index.ts';
import type { AskedTask, Offer } from '../definition/agent-self.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import { type AgentManifest, withTimeout } from '../definition/manifest.ts';
import type { SavedState } from '../definition/saved-state.ts';
import {
  type Chart,
  type ChartEffect,
  type ChartOptions,
  type ChildInvocation,
  type ChildReport,
  createChart,
} from '../engine/create-chart.ts';
import type { Body, BodyReport, BodyRequest, Host, TraceParent, VariableState } from '../hosting/host.ts';
import type { CommitListener, Journal } from '../journal/journal.ts';
import type { SteadyClock } from '../time/clock.ts';
import { dataCopy, frozenData } from '../values/data-copy.ts';
import { AgentSystemError, errorFrom, errorInfoOf } from '../values/errors.ts';
import { isThenable } from '../values/thenable.ts';
import { type AgentRecord, ShownRecord } from './agent-record.ts';
import type { AgentOptions, AgentServices, KeptSpec } from './agent-services.ts';
import { BodyLink, type BodyOwner } from './body-link.ts';
import { Callers } from './callers.ts';
import { type CarriedTask, type CarriedTaskOwner, CarriedTasks } from './carried-tasks.ts';
import { commandRefusal } from './command-refusal.ts';
import { type Announcement, lifeEventOf } from './life-event.ts';
import { type HealthReport, Liveness, type LivenessOwner, notRunning } from './liveness.ts';
import { Mailbox, type MailboxOwner } from './mailbox.ts';
import { Offers, type OffersOwner } from './offers.ts';
import { StateKeeper } from './state-keeper.ts';
import { noTasks } from './task-figures.ts';
import type { GivenTask } from './task-request.ts';

type Waiting<Told> = Callers<Told> | undefined;

const NO_VARIABLES: readonly VariableState[] = Object.freeze([]);

export class Agent
  implements ChartOptions, BodyOwner, MailboxOwner, LivenessOwner, OffersOwner, CarriedTaskOwner
{
  readonly id: string;
  readonly order: number;
  /** Agents of one kind wait for each other when too many are to restart: those of one pool, or of one type. */
  readonly kind: string;
  /** What it lives by. */
  readonly spec: KeptSpec;
  /** Told when its life may have moved on, or a task may have left it: by the pool that it is a member of. */
  observer: (() => void) | undefined = undefined;
  /** Why its code is not there, when it is not: it is listed, and cannot be started. */
  readonly missing: string | undefined;
  readonly #services: AgentServices;
  readonly #host: Host;
  readonly #module: AnyAgentDefinition | URL;
  readonly #chart: Chart<typeof agentMachine>;
  #manifest: AgentManifest;
  #link: BodyLink | undefined = undefined;
  #mailbox: Mailbox | undefined = undefined;
  #liveness: Liveness | undefined = undefined;
  #offers: Offers | undefined = undefined;
  /** They are told the incarnation that runs. */
  #starting: Waiting<number> = undefined;
  /** They are told the record at the end. */
  #ending: Waiting<AgentRecord> = undefined;
  #lastExit: ExitReason | undefined = undefined;
  /** What ended the last body, as it was thrown, where the body lived in this thread. */
  #lastThrown: unknown = undefined;
  /** Whether it holds a place, and memory, of what the system may use. */
  #isAdmitted = false;
  #states: StateKeeper | undefined = undefined;
  #carried: CarriedTasks | undefined = undefined;
  /** The life that is just being gone on with. */
  #resumed: AgentLife | undefined = undefined;
  #dropped = 0;
  #shown: ShownRecord | undefined = undefined;
  #fullSpec: ParsedAgentSpec | undefined = undefined;

  constructor(options: AgentOptions, services: AgentServices) {
    this.id = options.id;
    this.order = options.order;
    this.spec = options.spec;
    this.missing = options.missing;
    this.#manifest = options.manifest;
    const { pool } = options.spec;
    this.kind = pool === undefined ? options.manifest.type : `pool ${pool}`;
    this.#host = options.host;
    this.#module = options.module;
    this.#services = services;
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

  get isolation(): Isolation {
    return this.#host.isolation;
  }

  get position(): AgentPosition {
    return positionAt(this.#chart.path);
  }

  get incarnation(): number {
    return this.#context.incarnation;
  }

  get #context(): AgentContext {
    return this.#chart.context;
  }

  /** Tasks that wait or run. */
  get load(): number {
    return this.#mailbox?.load ?? 0;
  }

  /** Whether it takes tasks now. */
  get isServing(): boolean {
    const { status } = this.position;
    return status === 'running' || status === 'unresponsive';
  }

  /** Whether its chart knows coordination to be there. */
  get isCoordinated(): boolean {
    return this.#context.isCoordinated;
  }

  get leavesTasks(): boolean {
    return this.#services.leavesTasks();
  }

  get clock(): SteadyClock {
    return this.#services.clock;
  }

  get journal(): Journal {
    return this.#services.journal;
  }

  get health(): HealthReport {
    return this.#liveness?.newest ?? notRunning;
  }

  /** The spec with its module in it, for records. */
  get fullSpec(): ParsedAgentSpec {
    return (this.#fullSpec ??= Object.freeze({ ...this.spec, module: this.#module }));
  }

  record(): AgentRecord {
    const { context, path } = this.#chart;
    const usage = this.#link?.usage();
    const shown = this.#shown;
    if (shown?.context === context && shown.path === path && shown.usage === usage) return shown.record;
    this.#shown = new ShownRecord(this, {
      context,
      position: positionAt(path),
      manifest: this.#manifest,
      health: this.health,
      tasks: this.#mailbox?.atWork ?? noTasks,
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
  ): Promise<Value> {
    const { missing } = this;
    if (missing !== undefined) {
      return Promise.reject(new AgentSystemError('AGENT_START_FAILED', missing, { agentId: this.id }));
    }
    const refusal = this.#services.admission.refusal(this.id, this.spec.resources);
    if (refusal) return Promise.reject(refusal);
    const started = (this.#starting ??= new Callers()).wait(answer);
    this.#chart.send({ type: command, at: this.clock.now() });
    return started;
  }

  /** Resolves with the record at its end. */
  end(event: Extract<AgentEvent, { type: 'agent.stop' | 'agent.kill' }>): Promise<AgentRecord> {
    const ended = (this.#ending ??= new Callers()).wait((record) => record);
    this.#chart.send(event);
    return ended;
  }

  forget(): Promise<void> {
    const forgotten = (this.#starting ??= new Callers()).wait(() => undefined);
    this.#chart.send({ type: 'agent.forget', at: this.clock.now() });
    return forgotten;
  }

  execute(request: GivenTask, trace?: TraceParent): Promise<unknown> {
    const manifest = this.#manifest;
    const retry = manifest.tasks[request.type]?.retry ?? false;
    return this.#mail().accept(withTimeout(request, manifest), retry, trace);
  }

  /** Cancels a task that it has; whether there was one that had not ended. */
  cancelTask(taskId: string, why: string): boolean {
    return this.#mailbox?.cancel(taskId, why) ?? false;
  }

  /** Does a task again that has ended, under its id: now, or once it runs. */
  repeatTask(task: CarriedTask): void {
    this.#carried ??= new CarriedTasks(this, []);
    this.#carried.add(task);
    this.#carried.repeat();
  }

  /** Gives up a task that waits for it to run again; whether there was one. */
  withdrawTask(taskId: string): boolean {
    return this.#carried?.withdraw(taskId) ?? false;
  }

  checkHealth(): Promise<HealthReport> {
    return this.#liveness?.check() ?? Promise.resolve(this.health);
  }

  /** What it takes as it stands, as it says itself. */
  offer(task?: AskedTask): Promise<Offer> {
    if (!this.#link?.isOpen) {
      const message = `agent ${this.id} has no body that could say what it takes`;
      return Promise.reject(new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: this.id }));
    }
    this.#offers ??= new Offers(this, this.spec.health.timeoutMs);
    return this.#offers.ask(task);
  }

  post(request: BodyRequest): void {
    this.#link?.post(request);
  }

  /** Sends an event to the chart; only for events that no promise depends on. */
  send(event: AgentEvent): void {
    this.#chart.send(event);
  }

  /** It has a permit to restart. */
  permitGranted(): void {
    this.#chart.send({ type: 'permit.granted', at: this.clock.now() });
  }

  /** Goes on with a life that another program began; `tasks` it left are done again when the agent runs. */
  resume(life: AgentLife, tasks: readonly CarriedTask[]): void {
    if (tasks.length > 0) this.#carried = new CarriedTasks(this, tasks);
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
    this.#carried?.giveUp();
    const link = this.#link;
    this.#link = undefined;
    if (link) {
      this.#leaveAdmission();
      link.participation?.ended();
      link.kill();
    }
    this.#offers?.giveUp();
    const [starting, ending] = [this.#starting, this.#ending];
    this.#starting = undefined;
    this.#ending = undefined;
    starting?.refuse(why);
    ending?.refuse(why);
  }

  // What the chart asks for.

  get observe(): ChartOptions['observe'] {
    return this.#services.watch.observe;
  }

  get xstateInspect(): ChartOptions['xstateInspect'] {
    return this.#services.watch.xstateInspect;
  }

  onObserverFault(thrown: unknown): void {
    this.#services.watch.onObserverFault(thrown);
  }

  onBug(error: unknown): void {
    this.reportFault('a bug in the chart of an agent', error);
  }

  perform(given: ChartEffect): void {
    const effect = given as AgentEffect;
    switch (effect.type) {
      case 'announce':
        return this.#announce(effect.params);
      case 'commandBody':
        return this.#commandBody(effect.params.command);
      case 'commandMailbox':
        return this.#commandMailbox(effect.params.command);
      case 'watchHealth':
        return this.#watchHealth(effect.params.command);
      case 'handlePermit':
        return this.#services.permits[effect.params.command](this);
      case 'raiseAlert':
        return this.#raiseAlert(effect.params.alert, effect.params.error);
      case 'clearAlerts':
        return this.#services.alerts.clearAll(this.id);
    }
  }

  /** Opens a body: the chart's only child. */
  child(_invocation: ChildInvocation, report: ChildReport): BodyLink {
    const { admission, store } = this.#services;
    const link = new BodyLink(this, this.incarnation, report);
    this.#link = link;
    this.#mailbox?.hold();
    const refusal = admission.refusal(this.id, this.spec.resources);
    if (refusal) {
      this.bodyExited(link, { error: errorInfoOf(refusal) });
      return link;
    }
    admission.reserve(this.spec.resources);
    this.#isAdmitted = true;
    const failed = (thrown: unknown): void => this.bodyExited(link, { error: errorInfoOf(thrown) });
    let saved: SavedState | undefined | Promise<SavedState | undefined>;
    try {
      saved = store.state(this.id);
    } catch (thrown) {
      failed(thrown);
      return link;
    }
    if (isThenable(saved)) Promise.resolve(saved).then((state) => this.#open(link, state), failed);
    else this.#open(link, saved);
    return link;
  }

  #leaveAdmission(): void {
    if (!this.#isAdmitted) return;
    this.#isAdmitted = false;
    this.#services.admission.release(this.spec.resources);
  }

  #open(link: BodyLink, restored: SavedState | undefined): void {
    if (link !== this.#link) return;
    const { spec } = this;
    if (restored) (this.#states ??= new StateKeeper()).restored(restored);
    let body: Body;
    try {
      link.participation = this.#services.coordination.join(this);
      body = this.#host.open(
        {
          agentId: this.id,
          incarnation: link.incarnation,
          module: this.#module,
          initArgs: dataCopy(spec.initArgs),
          restored,
          previousStop: this.#context.reason,
          variables: link.participation?.variables ?? NO_VARIABLES,
          resources: spec.resources,
        },
        link,
      );
    } catch (thrown) {
      return this.bodyExited(link, { error: errorInfoOf(thrown) });
    }
    // Its init may have had the agent killed meanwhile.
    if (link === this.#link) link.opened(body);
    else body.kill();
  }

  #announce(said: Announcement): void {
    this.observer?.();
    const { event, life, reason = 'killed' } = said;
    const abandoned = this.#mailbox?.abandonedTasks ?? noTasks.abandoned;
    const told = lifeEventOf(said, this.id, abandoned, this.clock);
    switch (event) {
      case 'agent.started':
        this.journal.emit(told, this.#answerStart(life.incarnation));
        // First what it missed of its variables, then its tasks.
        this.#participate();
        this.#mailbox?.open();
        return this.#carried?.repeat();
      case 'agent.start_failed':
      case 'agent.stopped':
      case 'agent.completed':
      case 'agent.crashed': {
        const started = this.#answerStart(life.incarnation, reason);
        const ended = this.#answerEnd();
        this.journal.emit(told, bothOf(started, ended));
        return;
      }
      case 'agent.stopping':
        this.journal.emit(told);
        return this.#link?.participation?.ended();
      case 'agent.forgotten':
        this.#services.forgotten(this);
        this.#carried?.giveUp();
        this.journal.emit(told, this.#answerStart(life.incarnation), null);
        return;
      default:
    }
    this.journal.emit(told);
  }

  #tellCoordination({ participation, incarnation }: BodyLink, report: BodyReport): void {
    if (participation) participation.reported(report);
    else this.#services.coordination.strayed(this, incarnation, report);
  }

  #participate(): void {
    const link = this.#link;
    if (link) link.participation = this.#services.coordination.started(this, link.participation);
  }

  #commandBody(command: BodyCommand): void {
    const link = this.#link;
    if (link === undefined) return;
    // Until its saved state has been read there is no body, and now there never will be.
    if (!link.isOpen) return this.bodyExited(link, command === 'kill' ? 'killed' : 'shutdown');
    if (command === 'kill') link.kill();
    else link.post({ type: command === 'save' ? 'state.save' : 'terminate' });
  }

  #commandMailbox(command: MailboxCommand): void {
    if (command === 'abandon') {
      this.#mailbox?.abandonAll(() => `the agent has ended (${describeExit(this.#lastExit ?? 'killed')})`);
    } else if (this.#mailbox) this.#mailbox[command]();
    else this.becameIdle();
  }

  #watchHealth(command: 'watch' | 'unwatch'): void {
    if (command === 'unwatch') return this.#liveness?.unwatch();
    this.#liveness ??= new Liveness(this, this.spec.health);
    this.#liveness.watch();
  }

  #raiseAlert(alert: AlertKind, error: ErrorInfo | undefined): void {
    const message = `agent ${this.id} ${this.#alertText(alert, error)}`;
    const { alerts } = this.#services;
    const rested = this.#resumed;
    const wasRaised = rested?.at === 'awaitingOperator' || rested?.at === 'gaveUp';
    if (wasRaised) alerts.restore(alert, message, rested.endedAt ?? this.clock.now(), this.id);
    else alerts.raise(alert, message, this.id);
  }

  // What the body tells, through its link.

  bodyReported(link: BodyLink, report: BodyReport): void {
    if (link !== this.#link) {
      this.bodyDropped();
      // A vote is refused by its round, which says so in the event stream.
      if (report.type === 'vote.cast') this.#tellCoordination(link, report);
      return;
    }
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
        if (report.state) this.#keepState(link, report.state);
        return this.#mailbox?.settle(report);
      case 'task.failed':
        return this.#mailbox?.settle(report);
      case 'task.progress':
        return this.#mailbox?.progress(report.taskId, report.value);
      case 'health.answered':
      case 'health.failed':
        return this.#liveness?.answered(report);
      case 'offer.told':
        return this.#offers?.answered(report);
      case 'state.changed':
        return this.#keepState(link, report.state);
      case 'state.saved':
        return this.#keepState(link, report.state, (error) => this.#stateKept(link, error));
      case 'state.save_failed':
        return this.#chart.send({ type: 'body.save_failed', at: this.clock.now(), error: report.error });
      case 'log':
        this.#logger()[report.level](report.fields ?? {}, report.message);
        return;
      default:
        this.#tellCoordination(link, report);
    }
  }

  bodyExited(link: BodyLink, reason: ExitReason, thrown?: unknown): void {
    if (link !== this.#link) return this.bodyDropped();
    this.#link = undefined;
    this.#lastExit = typeof reason === 'object' ? frozenData(reason) : reason;
    this.#lastThrown = thrown;
    this.#offers?.giveUp();
    this.#leaveAdmission();
    this.#services.alerts.clear('body_not_ending', this.id);
    const { clock, random } = this.#services;
    link.ended({ reason, at: clock.now(), tick: clock.elapsed(), chance: random() });
    // What follows for others comes after it in the event stream.
    link.participation?.ended();
  }

  bodyDropped(): void {
    this.#dropped += 1;
    this.changed();
  }

  bodyStuck(link: BodyLink): void {
    if (link !== this.#link) return;
    const message = `agent ${this.id} was killed, and its ${this.isolation} host cannot end it: it runs on, past its limits, and may keep the program from exiting`;
    this.#services.alerts.raise('body_not_ending', message, this.id);
    // Nobody can say when it ends, if ever: those who wait for it are told how it stands.
    const answer = this.#answerEnd();
    if (answer) void this.journal.settled().then(() => answer());
  }

  #keepState({ incarnation }: BodyLink, state: SavedState, kept?: CommitListener): void {
    const states = (this.#states ??= new StateKeeper());
    states.keep(this.journal, { agentId: this.id, incarnation, state, kept });
  }

  #stateKept(link: BodyLink, error: AgentSystemError | undefined): void {
    if (link !== this.#link) return;
    const at = this.clock.now();
    if (error) this.#chart.send({ type: 'body.save_failed', at, error: errorInfoOf(error) });
    else this.#chart.send({ type: 'body.saved', at });
  }

  // What the mailbox, the health checks and carried tasks tell.

  becameBusy(): void {
    this.#chart.send(BUSY);
  }

  becameIdle(): void {
    this.#chart.send(IDLE);
  }

  loadFell(): void {
    this.observer?.();
  }

  askHealth(checkId: number): void {
    this.post({ type: 'health.check', checkId });
  }

  healthPassed(): void {
    if (this.position.status !== 'unresponsive') return;
    this.#chart.send({ type: 'health.passed', at: this.clock.now(), busy: this.#mailbox?.isBusy ?? false });
  }

  healthMissed(): void {
    this.#chart.send({ type: 'health.missed', at: this.clock.now() });
  }

  repeat({ taskId, task, input, retry, timeoutMs, submission }: CarriedTask, notKept: () => void): void {
    let isCarried = false;
    const before = {
      taskId,
      notKept: () => {
        isCarried = true;
        notKept();
      },
    };
    const request = { type: task, input, ...(timeoutMs === undefined ? {} : { timeoutMs }), submission };
    this.#mail()
      .accept(
        // Of one that was submitted all is known: no time means without end.
        submission === undefined ? withTimeout(request, this.#manifest) : request,
        retry,
        undefined,
        before,
      )
      .catch((error: unknown) => {
        if (!isCarried && submission === undefined)
          this.reportFault('a task that was repeated after the loss of its host failed', error);
      });
  }

  reportFault(message: string, thrown: unknown): void {
    this.#logger().error({ err: thrown }, message);
  }

  /** Answers those who wait for the start; with a reason, it is why the start failed. */
  #answerStart(incarnation: number, failure?: ExitReason): CommitListener | undefined {
    const starting = this.#starting;
    if (starting === undefined) return undefined;
    this.#starting = undefined;
    const failed = failure === undefined ? undefined : this.#startFailure(failure);
    return (error) => {
      const refusal = failed ?? error;
      if (refusal) starting.refuse(refusal);
      else starting.tell(incarnation);
    };
  }

  /** Answers those who wait for the end with how the agent stands now: by the commit it may run again. */
  #answerEnd(): CommitListener | undefined {
    const ending = this.#ending;
    if (ending === undefined) return undefined;
    this.#ending = undefined;
    const record = this.record();
    return (error) => (error ? ending.refuse(error) : ending.tell(record));
  }

  #startFailure(reason: ExitReason): AgentSystemError {
    const isTimeout = reason === 'start_timed_out';
    const isError = typeof reason === 'object' && 'error' in reason;
    const cause = isError ? (this.#lastThrown ?? errorFrom(reason.error)) : undefined;
    const message = isTimeout
      ? `agent ${this.id} was not ready within ${this.spec.startTimeoutMs} ms`
      : `agent ${this.id} did not start: ${describeExit(reason)}`;
    return new AgentSystemError(isTimeout ? 'AGENT_START_TIMED_OUT' : 'AGENT_START_FAILED', message, {
      agentId: this.id,
      cause,
      details: { reason },
    });
  }

  #alertText(alert: AlertKind, error: ErrorInfo | undefined): string {
    if (alert === 'state_not_saved') return `ends, and its state was not saved: ${error?.message}`;
    const why = describeExit(this.#lastExit ?? this.#context.reason ?? 'killed');
    if (alert === 'restart_required') {
      return `crashed, and its restart policy is manual: start it when its cause is known (${why})`;
    }
    const { maxRestarts, withinMs } = this.spec.restart;
    return `crashed more than ${maxRestarts} times within ${withinMs} ms (${why})`;
  }

  #mail(): Mailbox {
    if (this.#mailbox === undefined) {
      this.#mailbox = new Mailbox(this, this.spec.tasks);
      if (this.position.status !== 'starting') this.#mailbox.open();
    }
    return this.#mailbox;
  }

  #logger(): Logger {
    return this.#services.logger.child({ agentId: this.id, incarnation: this.incarnation });
  }
}

const BUSY = Object.freeze({ type: 'mailbox.busy' });
const IDLE = Object.freeze({ type: 'mailbox.idle' });

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
