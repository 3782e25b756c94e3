/**
 * One agent at work: its chart, and what the chart asks for.
 *
 * Owns the agent's body, mailbox and health lane, and the promises of those who wait for its start or end.
 * Decides nothing of its life: reports become events of the chart, the chart's effects become acts.
 *
 * I1  Where the agent stands is read from its chart, never kept beside it.
 * I2  What an earlier incarnation says is dropped, and counted.
 * I3  Whoever waits is answered after the event that answers him was committed.
 */
import type { Logger } from 'pino';
import {
  type AlertKind,
  type agentMachine,
  type AgentCommand,
  type AgentEffect,
  type AgentLife,
  type AgentPosition,
  type AgentStatus,
  type BodyExit,
  type BodyRef,
  describeExit,
  type EffectParams,
  type ErrorInfo,
  type ExitReason,
  type Isolation,
  type LifePolicy,
  type MailboxCommand,
  type ParsedAgentSpec,
  positionOf,
} from '../../machines/index.ts';
import type { Admission } from '../limits/admission.ts';
import type { Alerts } from '../observability/alerts.ts';
import { type Chart, type ChartOptions, createChart } from '../engine/chart.ts';
import type { Clock } from '../time/clock.ts';
import type { AskedTask, Offer } from '../definition/agent-self.ts';
import type { AgentManifest, AnyAgentDefinition } from '../definition/define-agent.ts';
import type { SavedState } from '../definition/saved-state.ts';
import { AgentSystemError, errorFrom, errorInfoOf } from '../values/errors.ts';
import { HealthLane, type HealthReport } from './liveness.ts';
import type {
  Body,
  BodyListener,
  BodyReport,
  BodyRequest,
  Host,
  TraceParent,
  Usage,
  VariableState,
} from '../hosting/host.ts';
import type { CommitListener, Journal } from '../journal/journal.ts';
import { type GivenTask, Mailbox, type TaskMetrics } from './mailbox.ts';
import { Offers } from './offers.ts';
import type { RestartPermits } from '../limits/restart-permits.ts';
import type { Store } from '../journal/store.ts';
import type { EventBody } from '../journal/system-event.ts';
import { isThenable } from '../values/thenable.ts';
import type { Telemetry } from '../observability/telemetry.ts';

/** All that is known of an agent at one moment. Times are epoch ms. */
export interface AgentRecord {
  readonly id: string;
  readonly type: string;
  readonly status: AgentStatus;
  /** Dotted path of the chart's active state, as in `alive.serving.running.coordinated.idle`. */
  readonly state: string;
  /** 1, 2, 3 … per start; 0 before the first. */
  readonly incarnation: number;
  readonly isolation: Isolation;
  readonly capabilities: readonly string[];
  /** Automatic restarts so far. */
  readonly restarts: number;
  readonly health: HealthReport;
  /** Why the last body ended. */
  readonly reason?: ExitReason;
  /** When a waiting restart is due. */
  readonly restartAt?: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Ids of the tasks that the last end left undone. */
  readonly abandoned: readonly string[];
  readonly metrics: AgentMetrics;
  /** The spec with every default in it. */
  readonly spec: ParsedAgentSpec;
}

export interface AgentMetrics extends TaskMetrics {
  /** As its host last measured it, where the host measures. */
  readonly memoryBytes?: number;
  readonly cpuMs?: number;
  /** Reports of earlier incarnations that came too late, and what its child said that was no report. */
  readonly dropped: number;
}

/** What coordination is told of an agent, and asked for it. */
export interface AgentCoordination {
  /** A body opens: the variables it begins with, and from then on hears of. */
  bodyOpened(agent: Agent): readonly VariableState[];
  started(agent: Agent): void;
  /** The body has ended, or begins to: told once or twice. */
  ended(agent: Agent): void;
  reported(agent: Agent, incarnation: number, report: BodyReport): void;
}

/** What all agents of a system share. */
export interface AgentServices {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly journal: Journal;
  readonly store: Store;
  readonly alerts: Alerts;
  readonly admission: Admission;
  readonly permits: RestartPermits;
  readonly coordination: AgentCoordination;
  readonly telemetry: Telemetry;
  readonly chartOptions: Omit<ChartOptions, 'onBug'>;
  /** The agent chart with its effects provided: once a system, for all agents. */
  readonly logic: typeof agentMachine;
  forgotten(agent: Agent): void;
}

export interface AgentOptions {
  readonly id: string;
  /** Position in the order of registration. */
  readonly order: number;
  readonly spec: ParsedAgentSpec;
  readonly policy: LifePolicy;
  readonly manifest: AgentManifest;
  readonly module: AnyAgentDefinition | URL;
  readonly host: Host;
  /** Why its code is not there, when it is not. */
  readonly missing?: string | undefined;
}

/** A task of an earlier program that is to be done again, under the id it had. */
export interface CarriedTask {
  readonly taskId: string;
  readonly task: string;
  readonly input: unknown;
}

type Announcement = EffectParams<AgentEffect, 'announce'>;
type AgentEventOf = Parameters<Chart<typeof agentMachine>['send']>[0];

interface Waiter<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: AgentSystemError) => void;
}

const NONE: readonly never[] = [];

export class Agent {
  readonly id: string;
  readonly order: number;
  readonly spec: ParsedAgentSpec;
  /** Told when its life may have moved on, or a task may have left it: by the pool that it is a member of. */
  watcher: (() => void) | undefined;
  /** Why its code is not there, when it is not: it is listed, and cannot be started. */
  readonly missing: string | undefined;
  readonly #services: AgentServices;
  readonly #host: Host;
  readonly #module: AnyAgentDefinition | URL;
  readonly #chart: Chart<typeof agentMachine>;
  #manifest: AgentManifest;
  #link: BodyLink | undefined;
  #mailbox: Mailbox | undefined;
  #health: HealthLane | undefined;
  #offers: Offers | undefined;
  #starting: Waiter<number>[] = [];
  #ending: Waiter<AgentRecord>[] = [];
  #lastExit: ExitReason | undefined;
  /** What ended the last body, as it was thrown, where the body lived in this thread. */
  #lastThrown: unknown;
  #carried: readonly CarriedTask[] | undefined;
  /** The life that is just being gone on with. */
  #resumed: AgentLife | undefined;
  #dropped = 0;

  constructor(options: AgentOptions, services: AgentServices) {
    this.id = options.id;
    this.order = options.order;
    this.#manifest = options.manifest;
    this.spec = options.spec;
    this.missing = options.missing;
    this.#host = options.host;
    this.#module = options.module;
    this.#services = services;
    this.#chart = createChart(
      services.logic,
      { id: options.id, policy: options.policy },
      {
        ...services.chartOptions,
        onBug: (error) => this.reportFault('a bug in the chart of an agent', error),
      },
    );
  }

  /** What its definition says of itself; of a module elsewhere, as it last said it. */
  get manifest(): AgentManifest {
    return this.#manifest;
  }

  get position(): AgentPosition {
    return positionOf(this.#chart.snapshot().value);
  }

  get incarnation(): number {
    return this.#chart.snapshot().context.incarnation;
  }

  /** Tasks that wait or run. */
  get load(): number {
    return this.#mailbox?.load ?? 0;
  }

  /** Whether its chart knows coordination to be there. */
  get isCoordinated(): boolean {
    return this.#chart.snapshot().context.isCoordinated;
  }

  get clock(): Clock {
    return this.#services.clock;
  }

  get journal(): Journal {
    return this.#services.journal;
  }

  record(): AgentRecord {
    const { context } = this.#chart.snapshot();
    const { path, status, isAlive } = this.position;
    const { reason, restartAt, startedAt, endedAt } = context;
    const usage = this.#link?.usage();
    return {
      id: this.id,
      type: this.manifest.type,
      status,
      state: path,
      incarnation: context.incarnation,
      isolation: this.#host.isolation,
      capabilities: this.manifest.capabilities,
      restarts: context.restarts,
      health: this.health,
      ...(reason === undefined || isAlive ? {} : { reason }),
      ...(restartAt === undefined || status !== 'crashed' ? {} : { restartAt }),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(endedAt === undefined || isAlive ? {} : { endedAt }),
      abandoned: this.#mailbox?.abandonedTasks.slice() ?? NONE,
      metrics: { ...(this.#mailbox?.metrics() ?? NO_TASKS), ...usage, dropped: this.#dropped },
      spec: this.spec,
    };
  }

  get health(): HealthReport {
    return this.#health?.newest ?? { status: 'not_running', misses: 0 };
  }

  /** Sends an event to the chart; only for events that no promise depends on. */
  send(event: AgentEventOf): void {
    this.#chart.send(event);
  }

  /** Goes on with a life that another program began; `tasks` it left are done again when the agent runs. */
  resume(life: AgentLife, tasks: readonly CarriedTask[]): void {
    if (tasks.length > 0) this.#carried = tasks;
    this.#resumed = life;
    this.#chart.send({ type: 'life.resumed', at: this.clock.now(), life });
    this.#resumed = undefined;
  }

  /**
   * Takes it out of the fleet: its registration was not kept, or its system has closed. Whoever still waits for it
   * is refused with `why`, and a body that is left is killed.
   */
  discard(why: AgentSystemError): void {
    this.#chart.stop();
    this.#health?.unwatch();
    const link = this.#link;
    this.#link = undefined;
    if (link) {
      this.#services.admission.release(this.id);
      this.#services.coordination.ended(this);
      link.kill();
    }
    this.#offers?.giveUp();
    for (const { reject } of this.#starting.splice(0)) reject(why);
    for (const { reject } of this.#ending.splice(0)) reject(why);
  }

  /** Resolves with the incarnation that runs. */
  start(command: 'agent.start' | 'agent.restart'): Promise<number> {
    const { missing } = this;
    if (missing !== undefined) {
      return Promise.reject(new AgentSystemError('AGENT_START_FAILED', missing, { agentId: this.id }));
    }
    const refusal = this.#services.admission.refusal(this.id, this.spec.resources);
    if (refusal) return Promise.reject(refusal);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#starting.push({ resolve, reject });
    this.#chart.send({ type: command, at: this.clock.now() });
    return promise;
  }

  /** Resolves with the record at its end. */
  end(event: Extract<AgentEventOf, { type: 'agent.stop' | 'agent.kill' }>): Promise<AgentRecord> {
    const { promise, resolve, reject } = Promise.withResolvers<AgentRecord>();
    this.#ending.push({ resolve, reject });
    this.#chart.send(event);
    return promise;
  }

  forget(): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#starting.push({ resolve, reject });
    this.#chart.send({ type: 'agent.forget', at: this.clock.now() });
    return promise;
  }

  execute(request: GivenTask, trace?: TraceParent): Promise<unknown> {
    const { retry = false } = this.manifest.tasks[request.type] ?? {};
    return this.#mail().accept(request, retry, undefined, trace);
  }

  checkHealth(): Promise<HealthReport> {
    return this.#health?.check() ?? Promise.resolve(this.health);
  }

  /** What it takes as it stands, by its own word. */
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

  /** Refuses a command that the agent's state does not allow. */
  refuseUnless(command: AgentCommand): void {
    const { legal, status, path, isAlive } = this.position;
    if (legal.has(command)) return;
    const isFinal = !isAlive && (command === 'stop' || command === 'kill' || command === 'execute');
    const isAgain = command === 'start' || command === 'restart';
    const code =
      isFinal || command === 'execute'
        ? 'AGENT_NOT_RUNNING'
        : isAgain && isAlive && status !== 'stopping'
          ? 'AGENT_ALREADY_RUNNING'
          : 'AGENT_ILLEGAL_COMMAND';
    const allowed = [...legal].join(', ') || 'nothing';
    throw new AgentSystemError(
      code,
      `agent ${this.id} is ${status} (${path}): ${command} is not allowed there, but ${allowed}`,
      {
        agentId: this.id,
        details: { status, state: path, command, legal: [...legal] },
      },
    );
  }

  // What the chart asks for.

  /** The body actor has begun: opens a body for it. */
  openBody(incarnation: number, actor: BodyRef): void {
    const { admission, store } = this.#services;
    const link = new BodyLink(this, incarnation, actor);
    this.#link = link;
    this.#mailbox?.hold();
    const refusal = admission.refusal(this.id, this.spec.resources);
    if (refusal) return this.bodyExited(link, { error: errorInfoOf(refusal) });
    admission.reserve(this.id, this.spec.resources);
    let saved: SavedState | undefined | Promise<SavedState | undefined>;
    try {
      saved = store.state(this.id);
    } catch (thrown) {
      return this.bodyExited(link, { error: errorInfoOf(thrown) });
    }
    if (!isThenable(saved)) return this.#open(link, saved);
    Promise.resolve(saved).then(
      (state) => this.#open(link, state),
      (thrown: unknown) => this.bodyExited(link, { error: errorInfoOf(thrown) }),
    );
  }

  announce({ event, life, misses, reason }: Announcement): void {
    this.watcher?.();
    const of = { agentId: this.id, incarnation: life.incarnation };
    const because = reason ?? 'killed';
    switch (event) {
      case 'agent.started':
        this.#tell({ type: event, ...of, life }, this.#takeStarting(life.incarnation));
        // First what it missed of its variables, then its tasks.
        this.#services.coordination.started(this);
        this.#mailbox?.open();
        return this.#repeatCarried();
      case 'agent.start_failed':
        return this.#tell(
          { type: event, ...of, life, reason: because },
          this.#takeStarting(life.incarnation, because),
          this.#takeEnding(),
        );
      case 'agent.stopped':
      case 'agent.completed':
      case 'agent.crashed': {
        const abandoned = this.#mailbox?.abandonedTasks ?? NONE;
        return this.#tell(
          { type: event, ...of, life, reason: because, abandoned },
          this.#takeStarting(life.incarnation, because),
          this.#takeEnding(),
        );
      }
      case 'agent.stopping':
        this.#services.coordination.ended(this);
        return this.#tell({ type: event, ...of, life });
      case 'agent.unresponsive':
        return this.#tell({ type: event, ...of, life, misses });
      case 'agent.restart_scheduled': {
        const restartAt = life.restartAt ?? this.clock.now();
        const delayMs = Math.max(0, restartAt - this.clock.now());
        return this.#tell({ type: event, ...of, life, restartAt, delayMs });
      }
      case 'agent.gave_up':
        return this.#tell({ type: event, ...of, life, reason: because });
      case 'agent.forgotten':
        this.#services.forgotten(this);
        this.journal.emit({ type: event, ...of }, settleAll(this.#takeStarting(life.incarnation)), null);
        return;
      default:
        return this.#tell({ type: event, ...of, life });
    }
  }

  commandBody(command: 'terminate' | 'kill' | 'save'): void {
    const link = this.#link;
    if (link === undefined) return;
    // Until its saved state has been read there is no body, and now there never will be.
    if (!link.isOpen) return this.bodyExited(link, command === 'kill' ? 'killed' : 'shutdown');
    if (command === 'kill') link.kill();
    else link.post({ type: command === 'save' ? 'state.save' : 'terminate' });
  }

  commandMailbox(command: MailboxCommand): void {
    if (command === 'abandon') {
      this.#mailbox?.abandonAll(`the agent has ended (${describeExit(this.#lastExit ?? 'killed')})`);
    } else if (this.#mailbox) this.#mailbox[command]();
    else this.becameIdle();
  }

  watchHealth(command: 'watch' | 'unwatch'): void {
    if (command === 'unwatch') return this.#health?.unwatch();
    this.#health ??= new HealthLane(this, this.spec.health);
    this.#health.watch();
  }

  handlePermit(command: 'request' | 'release' | 'withdraw'): void {
    this.#services.permits[command](this.id);
  }

  raiseAlert(alert: AlertKind, error: ErrorInfo | undefined): void {
    const message = `agent ${this.id} ${this.#alertText(alert, error)}`;
    const { alerts } = this.#services;
    const rested = this.#resumed;
    const wasRaised = rested?.at === 'awaitingOperator' || rested?.at === 'gaveUp';
    if (wasRaised) alerts.restore(alert, message, rested.endedAt ?? this.clock.now(), this.id);
    else alerts.raise(alert, message, this.id);
  }

  clearAlerts(): void {
    this.#services.alerts.clearAll(this.id);
  }

  // What the body tells, through its link.

  bodyReported(link: BodyLink, report: BodyReport): void {
    if (link !== this.#link) {
      this.#dropped += 1;
      // A vote is refused by its round, which says so in the event stream.
      if (report.type === 'vote.cast') this.#services.coordination.reported(this, link.incarnation, report);
      return;
    }
    switch (report.type) {
      case 'ready':
        this.#manifest = report.manifest;
        return this.#chart.send({ type: 'body.ready', at: this.clock.now() });
      case 'finished':
        return this.#chart.send({ type: 'body.finished', at: this.clock.now() });
      case 'task.completed':
        if (report.state) this.#noteSaved(report.state);
        return this.#mailbox?.settle(report);
      case 'task.failed':
        return this.#mailbox?.settle(report);
      case 'task.progress':
        return this.#mailbox?.progress(report.taskId, report.value);
      case 'health.answered':
      case 'health.failed':
        return this.#health?.answered(report);
      case 'offer.told':
        return this.#offers?.answered(report);
      case 'state.changed':
        return this.#noteSaved(report.state);
      case 'state.saved':
        return this.#keepState(link, report.state);
      case 'state.save_failed':
        return this.#chart.send({ type: 'body.save_failed', at: this.clock.now(), error: report.error });
      case 'log':
        this.#logger()[report.level](report.fields ?? {}, report.message);
        return;
      default:
        this.#services.coordination.reported(this, link.incarnation, report);
    }
  }

  bodyExited(link: BodyLink, reason: ExitReason, thrown?: unknown): void {
    if (link !== this.#link) {
      this.#dropped += 1;
      return;
    }
    this.#link = undefined;
    this.#lastExit = reason;
    this.#lastThrown = thrown;
    this.#offers?.giveUp();
    this.#services.admission.release(this.id);
    this.#services.alerts.clear('body_not_ending', this.id);
    this.#services.coordination.ended(this);
    const exit: BodyExit = { reason, at: this.clock.now(), chance: this.#services.random() };
    // After a bug the chart has let go of the body, and waits for nothing.
    if (link.actor.getSnapshot().status === 'active') link.actor.send({ type: 'body.exited', exit });
  }

  bodyDropped(): void {
    this.#dropped += 1;
  }

  bodyStuck(link: BodyLink): void {
    if (link !== this.#link) return;
    const message = `agent ${this.id} was killed, and its ${this.#host.isolation} host cannot end it: it runs on, past its limits, and may keep the program from exiting`;
    this.#services.alerts.raise('body_not_ending', message, this.id);
    // Nobody can say when it ends, if ever: those who wait for it are told how it stands.
    const answer = this.#takeEnding();
    if (answer) void this.journal.settled().then(() => answer());
  }

  // What the mailbox and the health lane tell.

  becameBusy(): void {
    this.#chart.send({ type: 'mailbox.busy', at: this.clock.now() });
  }

  becameIdle(): void {
    this.#chart.send({ type: 'mailbox.idle', at: this.clock.now() });
  }

  loadFell(): void {
    this.watcher?.();
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

  reportFault(message: string, thrown: unknown): void {
    this.#logger().error({ err: thrown }, message);
  }

  #open(link: BodyLink, restored: SavedState | undefined): void {
    if (link !== this.#link) return;
    const { context } = this.#chart.snapshot();
    let body: Body;
    try {
      body = this.#host.open(
        {
          agentId: this.id,
          incarnation: link.incarnation,
          module: this.#module,
          initArgs: this.spec.initArgs,
          restored,
          previousStop: context.reason,
          variables: this.#services.coordination.bodyOpened(this),
          resources: this.spec.resources,
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

  #noteSaved(state: SavedState): void {
    const { json, stateVersion } = state;
    this.journal.emit(
      {
        type: 'agent.state_saved',
        agentId: this.id,
        incarnation: this.incarnation,
        bytes: Buffer.byteLength(json),
        stateVersion,
      },
      undefined,
      state,
    );
  }

  #keepState(link: BodyLink, state: SavedState): void {
    const of = { agentId: this.id, incarnation: link.incarnation };
    const { json, stateVersion } = state;
    this.journal.emit(
      { type: 'agent.state_saved', ...of, bytes: Buffer.byteLength(json), stateVersion },
      (error) => {
        if (link !== this.#link) return;
        const at = this.clock.now();
        if (error) this.#chart.send({ type: 'body.save_failed', at, error: errorInfoOf(error) });
        else this.#chart.send({ type: 'body.saved', at });
      },
      state,
    );
  }

  #repeatCarried(): void {
    const carried = this.#carried;
    if (carried === undefined) return;
    this.#carried = undefined;
    const mailbox = this.#mail();
    for (const { taskId, task, input } of carried) {
      mailbox
        .accept({ type: task, input }, true, taskId)
        .catch((error: unknown) =>
          this.reportFault('a task that was repeated after the loss of its host failed', error),
        );
    }
    mailbox.open();
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
    const why = describeExit(this.#lastExit ?? this.record().reason ?? 'killed');
    if (alert === 'restart_required') {
      return `crashed, and its restart policy is manual: start it when its cause is known (${why})`;
    }
    const { maxRestarts, withinMs } = this.spec.restart;
    return `crashed more than ${maxRestarts} times within ${withinMs} ms (${why})`;
  }

  #tell(event: EventBody, ...answers: (CommitListener | undefined)[]): void {
    this.journal.emit(event, settleAll(...answers));
  }

  /** Answers those who wait for the start; with a reason, it is why the start failed. */
  #takeStarting(incarnation: number, failure?: ExitReason): CommitListener | undefined {
    const starting = this.#starting;
    if (starting.length === 0) return undefined;
    this.#starting = [];
    const failed = failure === undefined ? undefined : this.#startFailure(failure);
    return (error) => {
      const refusal = failed ?? error;
      for (const { resolve, reject } of starting) {
        if (refusal) reject(refusal);
        else resolve(incarnation);
      }
    };
  }

  #takeEnding(): CommitListener | undefined {
    const ending = this.#ending;
    if (ending.length === 0) return undefined;
    this.#ending = [];
    // Taken once the chart has made its step; a commit may take longer, and by then the agent may run again.
    let record: AgentRecord | undefined;
    queueMicrotask(() => {
      record ??= this.record();
    });
    return (error) => {
      record ??= this.record();
      for (const { resolve, reject } of ending) {
        if (error) reject(error);
        else resolve(record);
      }
    };
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

/**
 * One incarnation's way to its agent. What the body says before its host has handed it over waits until then. A host
 * that throws has lost its body: the agent's end, and no bug of its chart.
 */
class BodyLink implements BodyListener {
  readonly incarnation: number;
  readonly actor: BodyRef;
  readonly #agent: Agent;
  #body: Body | undefined;
  #early: (() => void)[] | undefined;

  constructor(agent: Agent, incarnation: number, actor: BodyRef) {
    this.#agent = agent;
    this.incarnation = incarnation;
    this.actor = actor;
  }

  get isOpen(): boolean {
    return this.#body !== undefined;
  }

  opened(body: Body): void {
    this.#body = body;
    const early = this.#early;
    this.#early = undefined;
    if (early) for (const tell of early) tell();
  }

  report(report: BodyReport): void {
    if (this.#body) this.#agent.bodyReported(this, report);
    else (this.#early ??= []).push(() => this.#agent.bodyReported(this, report));
  }

  exited(reason: ExitReason, thrown?: unknown): void {
    if (this.#body) this.#agent.bodyExited(this, reason, thrown);
    else (this.#early ??= []).push(() => this.#agent.bodyExited(this, reason, thrown));
  }

  stuck(): void {
    this.#agent.bodyStuck(this);
  }

  dropped(): void {
    this.#agent.bodyDropped();
  }

  post(request: BodyRequest): void {
    try {
      this.#body?.post(request);
    } catch (thrown) {
      this.kill();
      this.#agent.bodyExited(this, { error: errorInfoOf(thrown) });
    }
  }

  kill(): void {
    try {
      this.#body?.kill();
    } catch (thrown) {
      this.#agent.bodyExited(this, { error: errorInfoOf(thrown) });
    }
  }

  usage(): Usage | undefined {
    try {
      return this.#body?.usage?.();
    } catch {
      return undefined;
    }
  }
}

const NO_TASKS: TaskMetrics = Object.freeze({
  done: 0,
  failed: 0,
  timedOut: 0,
  abandoned: 0,
  waiting: 0,
  running: 0,
  latencyMs: Object.freeze({ last: 0, mean: 0, max: 0 }),
});

function settleAll(...answers: (CommitListener | undefined)[]): CommitListener | undefined {
  const given = answers.filter((answer) => answer !== undefined);
  if (given.length === 0) return undefined;
  return given.length === 1 ? given[0] : (error) => given.forEach((answer) => answer(error));
}
