/**
 * One agent's tasks: its mailbox, which is there from the first task on, and for all incarnations, and what its tasks
 * have asked of their system.
 */
import type { MailboxCommand } from '../../machines/index.ts';
import { type AgentManifest, withTimeout } from '../definition/manifest.ts';
import type { BodyReport, BodyRequest, TraceParent } from '../hosting/host.ts';
import { Mailbox } from './mailbox.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import { type RequestHandlers, type RequestingTask, Requests, type RequestsOwner } from './requests.ts';
import { noTasks, type TasksAtWork } from './task-figures.ts';
import { AgentSystemError } from '../values/errors.ts';
import type { GivenTask, RestoredTask } from './task-request.ts';
import type { Places } from './wait.ts';

export interface AgentTasksOwner extends MailboxOwner {
  readonly manifest: AgentManifest;
  /** Whether it takes tasks now. */
  readonly isServing: boolean;
  readonly spec: { readonly tasks: ConstructorParameters<typeof Mailbox>[1] };
  /** Whether nothing new may begin, as it stands: it is paused, or parked. */
  readonly isHeldBack: boolean;
  /** In words; of one that ends, and begins nothing more. */
  whyNothingBegins(): string;
  /** In words; of one that has ended. */
  whyEnded(): string;
  /** What tasks may ask for. */
  readonly services: { readonly requests: RequestHandlers };
}

const FREE: Places = Object.freeze({ isFree: true, holders: [] });

export class AgentTasks implements RequestsOwner {
  readonly #owner: AgentTasksOwner;
  #mailbox: Mailbox | undefined = undefined;
  #requests: Requests | undefined = undefined;

  constructor(owner: AgentTasksOwner) {
    this.#owner = owner;
  }

  /** Tasks that wait or run. */
  get load(): number {
    return this.#mailbox?.load ?? 0;
  }

  get isBusy(): boolean {
    return this.#mailbox?.isBusy ?? false;
  }

  /** What is to be seen of them. */
  get atWork(): TasksAtWork {
    return this.#mailbox?.atWork ?? noTasks;
  }

  /** Ids of the tasks that the last end left undone. */
  get abandoned(): readonly string[] {
    return this.#mailbox?.abandonedTasks ?? noTasks.abandoned;
  }

  /** Who holds the agent's places, and whether one is free. */
  get places(): Places {
    return this.#mailbox?.places ?? FREE;
  }

  execute(request: GivenTask, trace?: TraceParent): Promise<unknown> {
    const { manifest } = this.#owner;
    return this.#mail().accept(withTimeout(request, manifest), manifest.tasks[request.type], trace);
  }

  /** Cancels a task that it has; whether there was one that had not ended. */
  cancel(taskId: string, why: string): boolean {
    return this.#mailbox?.cancel(taskId, why) ?? false;
  }

  /** Goes on with tasks that an earlier program accepted: at once, or when the agent runs again. */
  restore(tasks: readonly RestoredTask[]): void {
    const { manifest } = this.#owner;
    for (const task of tasks) {
      const output = this.#mail().restore(task, manifest.tasks[task.task]);
      output.catch((error: unknown) => this.#reportLost(task, error));
    }
  }

  /** The agent does not come back by itself. */
  endWaits(why: string): void {
    this.#mailbox?.endWaits(why);
  }

  /** Nobody does those any more that wait. */
  discard(why: string): void {
    this.#mailbox?.discard(why);
  }

  /** Their limits are others. */
  follow(limits: AgentTasksOwner['spec']['tasks']): void {
    this.#mailbox?.follow(limits);
  }

  // Where the agent stands.

  /** A body opens. */
  hold(): void {
    this.#mailbox?.hold();
  }

  /** It is ready. */
  begin(): void {
    this.#mailbox?.open(this.#owner.isHeldBack);
  }

  command(command: MailboxCommand): void {
    const mailbox = this.#mailbox;
    if (command === 'abandon') return mailbox?.abandonAll(() => this.#owner.whyEnded());
    if (mailbox && command === 'finish') return mailbox.finish(this.#owner.whyNothingBegins());
    if (mailbox) return mailbox[command as Exclude<MailboxCommand, 'abandon' | 'finish'>]();
    if (command === 'rest') this.#owner.becameRested();
    else if (command !== 'resume') this.#owner.becameIdle();
  }

  reported(report: Extract<BodyReport, { type: `task.${string}` }>): void {
    if (report.type === 'task.progress') this.#mailbox?.progress(report.taskId, report.value);
    else if (report.type === 'task.parked') this.#mailbox?.park(report);
    else if (report.type === 'task.chunk') {
      if (this.#mailbox === undefined) this.bodyDropped();
      else this.#mailbox.chunk(report.taskId, report.chunk);
    } else this.#mailbox?.settle(report);
  }

  // What they ask of their system.

  requested(report: Extract<BodyReport, { type: `request.${string}` }>): void {
    if (report.type === 'request.withdrawn') return this.#requests?.withdrawn(report);
    this.#requests ??= new Requests(this, this.#owner.services.requests);
    this.#requests.made(report);
  }

  /** Nobody waits for a task, or for this attempt of it, any more. */
  answered(taskId: string): void {
    this.#requests?.taskEnded(taskId);
  }

  /** The body has ended, or its agent is gone. `why` is made where it is needed: most tasks ask for nothing. */
  giveUpRequests(why: () => Error): void {
    this.#requests?.clear(why);
  }

  get id(): string {
    return this.#owner.id;
  }

  requestingTask(taskId: string): RequestingTask | undefined {
    const entry = this.#mailbox?.running(taskId);
    if (entry === undefined) return undefined;
    const { clock, id: agentId } = this.#owner;
    const { incarnation, trace, request } = entry;
    const leftMs = () =>
      entry.timesOutAt === Infinity ? undefined : Math.max(0, entry.timesOutAt - clock.elapsed());
    return { agentId, incarnation, taskId, task: request.type, leftMs, trace, entry };
  }

  post(request: BodyRequest): void {
    this.#owner.post(request);
  }

  bodyDropped(): void {
    this.#owner.bodyDropped();
  }

  /** Nobody waits for one that was executed in another program; the record of one that was submitted says how it ended. */
  #reportLost({ submission }: RestoredTask, error: unknown): void {
    const isLeft = error instanceof AgentSystemError && error.code === 'SYSTEM_CLOSED';
    if (isLeft || submission !== undefined) return;
    this.#owner.reportFault('a task that was repeated after the loss of its host failed', error);
  }

  #mail(): Mailbox {
    if (this.#mailbox === undefined) {
      this.#mailbox = new Mailbox(this.#owner, this.#owner.spec.tasks);
      if (this.#owner.isServing) this.#mailbox.open(this.#owner.isHeldBack);
    }
    return this.#mailbox;
  }
}
