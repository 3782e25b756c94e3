/**
 * One agent's tasks: its mailbox, what its tasks have asked of their system, and the limit that they share.
 *
 * Owns the mailbox, which is there while the agent lives or comes back and from its first task on, the answers and
 * figures of its tasks, which stay, and the agent's part in its quota. It decides nothing: reports of the mailbox become
 * events of the agent's chart.
 */
import {
  type AgentEvent,
  type BudgetAmount,
  describeExit,
  type ExitReason,
  type MailboxCommand,
  type Parked,
  type ProgressInput,
} from '../../machines/index.ts';
import { type AgentManifest, withTimeout } from '../definition/manifest.ts';
import { MAX_WHY, type ParkRequest } from '../definition/parking.ts';
import type { BodyReport, BodyRequest, TraceParent } from '../hosting/host.ts';
import type { Journal } from '../journal/journal.ts';
import type { Quota, QuotaMember } from '../limits/quotas.ts';
import type { SteadyClock } from '../time/clock.ts';
import { cut } from '../values/cut-text.ts';
import { AgentSystemError } from '../values/errors.ts';
import type { AgentServices } from './agent-services.ts';
import type { KeptSpec } from './agent-terms.ts';
import { type EndReport, Mailbox } from './mailbox.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import { ProgressWatch, type ProgressWatcher } from './progress-watch.ts';
import { type MailboxTask, Requests, type RequestsOwner } from './requests.ts';
import { TaskAnswers } from './task-answers.ts';
import { noTasks, type TasksAtWork } from './task-figures.ts';
import type { GivenTask, RestoredTask, TaskCancel } from './task-request.ts';
import type { KeptSteps } from './task-steps.ts';
import type { Places } from './wait.ts';

const FREE: Places = Object.freeze({ isFree: true, holders: [] });

/** The agent whose tasks they are. */
export interface TasksOwner extends QuotaMember {
  readonly incarnation: number;
  readonly services: AgentServices;
  readonly spec: KeptSpec;
  readonly manifest: AgentManifest;
  /** Whether it takes tasks now. */
  readonly isServing: boolean;
  /** Whether no task may begin now. */
  readonly isHeldBack: boolean;
  readonly mayComeBack: boolean;
  /** Why its last body ended, known before the chart has taken that step. */
  readonly lastExit: ExitReason | undefined;
  /** Says why no task begins while it ends. */
  whyNothingBegins(): string;
  send(event: AgentEvent): void;
  post(request: BodyRequest): void;
  /** Something in the record other than the chart's state may have changed. */
  changed(): void;
  /** A task has left. */
  loadFell(): void;
  /** A report was malformed, or came too late. */
  bodyDropped(): void;
  reportFault(message: string, thrown: unknown): void;
}

export class AgentTasks implements MailboxOwner, RequestsOwner {
  private readonly agent: TasksOwner;
  private mailbox: Mailbox | undefined = undefined;
  /** From the first task on. */
  private answers: TaskAnswers | undefined = undefined;
  private requests: Requests | undefined = undefined;
  /** The quota that the agent works under, if it shares a limit or ran into one. */
  private quota: Quota | undefined = undefined;

  constructor(agent: TasksOwner) {
    this.agent = agent;
  }

  /** Whether nothing may begin before a limit is reset. */
  get isHeldByQuota(): boolean {
    return this.quota?.holds(this.agent) === true;
  }

  /** Whether it was given a task since it last rested. */
  get isInUse(): boolean {
    return this.mailbox !== undefined;
  }

  /** Tasks that wait or run. */
  get load(): number {
    return this.mailbox?.load ?? 0;
  }

  get isBusy(): boolean {
    return this.mailbox?.isBusy ?? false;
  }

  /** @param amount what a task spent of budgets, in whole numbers */
  spend(amount: BudgetAmount): void {
    this.answers?.spend(amount);
  }

  /** Figures of the tasks, for the record. */
  get atWork(): TasksAtWork {
    return this.mailbox?.atWork ?? this.answers?.atWork(0, 0) ?? noTasks;
  }

  /** Ids of the tasks that the last end left undone. */
  get abandoned(): readonly string[] {
    return this.answers?.abandonedTasks ?? noTasks.abandoned;
  }

  /** Who holds the agent's places, and whether one is free. */
  get places(): Places {
    return this.mailbox?.places ?? FREE;
  }

  execute(request: GivenTask, trace?: TraceParent): Promise<unknown> {
    const kind = this.agent.manifest.tasks[request.type];
    return this.mail().accept(withTimeout(request, kind), kind, trace);
  }

  /** Cancels a task. Returns whether there was one that had not ended. */
  cancel(taskId: string, cancel: TaskCancel): boolean {
    return this.mailbox?.cancel(taskId, cancel) ?? false;
  }

  /** Goes on with tasks that an earlier program accepted: at once, or when the agent runs again. */
  restore(tasks: readonly RestoredTask[]): void {
    const { manifest } = this.agent;
    for (const task of tasks) {
      const output = this.mail().restore(task, manifest.tasks[task.task]);
      output.catch((error: unknown) => this.reportLost(task, error));
    }
  }

  /** The agent does not come back by itself. Most stay listed: a mailbox that has nothing in it is not kept for them. */
  endWaits(why: string): void {
    this.mailbox?.endWaits(why);
    if (this.mailbox?.isEmpty) this.mailbox = undefined;
  }

  /** Gives up the tasks that wait. */
  discard(why: string): void {
    this.mailbox?.discard(why);
  }

  /** The limits of the queue have changed. */
  follow(limits: KeptSpec['tasks']): void {
    this.mailbox?.follow(limits);
  }

  // Where the agent stands.

  /** A body opens. */
  hold(): void {
    this.answers?.beginLife();
    this.mailbox?.hold();
  }

  /** An earlier program was waiting for a limit. */
  restorePark(parked: Parked): void {
    this.quota = this.agent.services.quotas.restore(this.agent, parked);
  }

  /** It is ready. @param parked what the agent waits for since an earlier life */
  begin(parked: Parked | undefined): void {
    this.joinQuota(parked);
    this.mailbox?.open(this.agent.isHeldBack);
  }

  bodyEnded(): void {
    this.quota?.part(this.agent);
    this.giveUpRequests(() => new Error(`agent ${this.id} has ended`));
  }

  command(command: MailboxCommand): void {
    const mailbox = this.mailbox;
    if (command === 'abandon') return mailbox?.abandonAll(() => this.whyEnded());
    if (mailbox && command === 'finish') return mailbox.finish(this.agent.whyNothingBegins());
    if (mailbox) return mailbox[command as Exclude<MailboxCommand, 'abandon' | 'finish'>]();
    if (command === 'rest') this.becameRested();
    else if (command !== 'resume') this.becameIdle();
  }

  /** @param at when it was, epoch ms, where that is known */
  ended(report: EndReport, at?: number): void {
    this.mailbox?.settle(report, at);
  }

  reported(report: Exclude<Extract<BodyReport, { type: `task.${string}` }>, EndReport>): void {
    if (report.type === 'task.progress') this.mailbox?.progress(report.taskId, report.value);
    else if (report.type === 'task.parked') this.mailbox?.park(report);
    else if (this.mailbox === undefined) this.bodyDropped();
    else this.mailbox.chunk(report.taskId, report.chunk);
  }

  // What they ask of their system.

  requested(report: Extract<BodyReport, { type: `request.${string}` }>): void {
    if (report.type === 'request.withdrawn') return this.requests?.withdrawn(report);
    this.requests ??= new Requests(this, this.agent.services.requests);
    this.requests.made(report);
  }

  /** The body has ended, or its agent is gone. `why` is called only if a request is open: most tasks have none. */
  giveUpRequests(why: () => Error): void {
    this.requests?.clear(why);
  }

  requestingTask(taskId: string): MailboxTask | undefined {
    const entry = this.mailbox?.running(taskId);
    if (entry === undefined) return undefined;
    const { clock, id: agentId } = this;
    const { incarnation, trace, request } = entry;
    // In whole ms, as messages show it. Rounded up: what it calls ends no sooner than it does itself.
    const leftMs = () =>
      entry.timesOutAt === Infinity ? undefined : Math.max(0, Math.ceil(entry.timesOutAt - clock.elapsed()));
    return { agentId, incarnation, taskId, task: request.type, leftMs, trace, entry };
  }

  // What the mailbox needs and reports.

  get id(): string {
    return this.agent.id;
  }

  get incarnation(): number {
    return this.agent.incarnation;
  }

  get clock(): SteadyClock {
    return this.agent.services.clock;
  }

  get journal(): Journal {
    return this.agent.services.journal;
  }

  get isClosing(): boolean {
    return this.agent.services.isClosing();
  }

  get leavesTasks(): boolean {
    return this.agent.services.leavesTasks();
  }

  get mayComeBack(): boolean {
    return this.agent.mayComeBack;
  }

  newTaskId(): string {
    return this.agent.services.taskIds.next();
  }

  stepsOf(taskId: string): KeptSteps | undefined {
    return this.agent.services.steps.of(taskId);
  }

  random(): number {
    return this.agent.services.random();
  }

  post(request: BodyRequest): void {
    this.agent.post(request);
  }

  becameBusy(): void {
    this.agent.send(BUSY);
  }

  becameIdle(): void {
    this.agent.send(IDLE);
  }

  becameRested(): void {
    this.agent.send(RESTED);
  }

  limitReached({ until, afterMs, why }: ParkRequest, told: (parked: Parked) => void): void {
    const at = this.clock.now();
    const reset =
      afterMs === undefined ? { until, named: true as const } : { until: at + Math.ceil(afterMs) };
    const limit = { at, ...reset, why: cut(why, MAX_WHY) };
    this.worksUnder(this.agent.services.quotas.limited(this.agent, limit, told));
  }

  /** @param parked what the agent waits for, if anything */
  joinQuota(parked: Parked | undefined): void {
    this.worksUnder(this.agent.services.quotas.join(this.agent, parked));
  }

  /** It has worked under another until now, or, where there is none, will work no more. */
  worksUnder(quota: Quota | undefined): void {
    if (this.quota !== quota) this.quota?.forget(this.agent);
    this.quota = quota;
  }

  taskPassed(): void {
    this.quota?.passed();
  }

  loadFell(): void {
    this.agent.loadFell();
  }

  changed(): void {
    this.agent.changed();
  }

  taskAnswered(taskId: string): void {
    this.requests?.taskEnded(taskId);
    this.agent.services.budgets.taskEnded(taskId);
  }

  watchProgress(policy: ProgressInput, watcher: ProgressWatcher): ProgressWatch {
    const { watch } = this.agent.services;
    const onBug = (error: unknown) => this.reportFault('a bug in the chart of a task’s progress', error);
    return new ProgressWatch(policy, watcher, { ...watch, clock: this.clock, onBug });
  }

  crashForStall(taskId: string): void {
    this.agent.send({ type: 'agent.kill', at: this.clock.now(), by: `the stall of ${taskId}` });
  }

  bodyDropped(): void {
    this.agent.bodyDropped();
  }

  reportFault(message: string, thrown: unknown): void {
    this.agent.reportFault(message, thrown);
  }

  private whyEnded(): string {
    return `the agent has ended (${describeExit(this.agent.lastExit ?? 'killed')})`;
  }

  /** No caller waits for a task of another program; the record of a submitted task says how it ended. */
  private reportLost({ submission }: RestoredTask, error: unknown): void {
    const isLeft = error instanceof AgentSystemError && error.code === 'SYSTEM_CLOSED';
    if (isLeft || submission !== undefined) return;
    this.reportFault('a task that was repeated after the loss of its host failed', error);
  }

  private mail(): Mailbox {
    if (this.mailbox === undefined) {
      this.answers ??= new TaskAnswers(this);
      this.mailbox = new Mailbox(this, this.answers, this.agent.spec.tasks);
      if (this.agent.isServing) this.mailbox.open(this.agent.isHeldBack);
    }
    return this.mailbox;
  }
}

const BUSY = Object.freeze({ type: 'mailbox.busy' });
const IDLE = Object.freeze({ type: 'mailbox.idle' });
const RESTED = Object.freeze({ type: 'mailbox.rested' });
