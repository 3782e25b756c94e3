/**
 * One agent's tasks: those in its mailbox, and those that wait for it to run again.
 *
 * Owns both, and what they have asked of their system. The mailbox is there from the first task on, and for all
 * incarnations.
 */
import type { MailboxCommand } from '../../machines/index.ts';
import { type AgentManifest, withTimeout } from '../definition/manifest.ts';
import type { BodyReport, BodyRequest, TraceParent } from '../hosting/host.ts';
import { type CarriedTask, type CarriedTaskOwner, CarriedTasks } from './carried-tasks.ts';
import { Mailbox, type MailboxOwner } from './mailbox.ts';
import { type RequestHandlers, type RequestingTask, Requests, type RequestsOwner } from './requests.ts';
import { noTasks, type TasksAtWork } from './task-figures.ts';
import type { GivenTask } from './task-request.ts';
import type { Places } from './wait.ts';

export interface AgentTasksOwner extends MailboxOwner, Pick<CarriedTaskOwner, 'journal' | 'isServing'> {
  readonly manifest: AgentManifest;
  readonly spec: { readonly tasks: ConstructorParameters<typeof Mailbox>[1] };
  /** Whether its body is being opened, or has not said yet that it is ready. */
  readonly isStarting: boolean;
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

export class AgentTasks implements CarriedTaskOwner, RequestsOwner {
  readonly #owner: AgentTasksOwner;
  #mailbox: Mailbox | undefined = undefined;
  #carried: CarriedTasks | undefined = undefined;
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
    const retry = manifest.tasks[request.type]?.retry ?? false;
    return this.#mail().accept(withTimeout(request, manifest), retry, trace);
  }

  /** Cancels a task that it has; whether there was one that had not ended. */
  cancel(taskId: string, why: string): boolean {
    return this.#mailbox?.cancel(taskId, why) ?? false;
  }

  /** Tasks that an earlier program left: they are done again when the agent runs. */
  carry(tasks: readonly CarriedTask[]): void {
    if (tasks.length > 0) this.#carried = new CarriedTasks(this, tasks);
  }

  /** Does a task again that has ended, under its id: now, or once the agent runs. */
  doAgain(task: CarriedTask): void {
    this.#carried ??= new CarriedTasks(this, []);
    this.#carried.add(task);
    this.#carried.repeat();
  }

  /** Gives up a task that waits for the agent to run again; whether there was one. */
  withdraw(taskId: string): boolean {
    return this.#carried?.withdraw(taskId) ?? false;
  }

  /** Nobody does those any more that wait for the agent to run again. */
  giveUpCarried(): void {
    this.#carried?.giveUp();
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
    this.#carried?.repeat();
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

  /** Nobody waits for a task any more. */
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
    const { incarnation, trace, request, dueAt } = entry;
    const leftMs = () => (dueAt === Infinity ? undefined : Math.max(0, dueAt - clock.elapsed()));
    return { agentId, incarnation, taskId, task: request.type, leftMs, trace, entry };
  }

  post(request: BodyRequest): void {
    this.#owner.post(request);
  }

  bodyDropped(): void {
    this.#owner.bodyDropped();
  }

  // For the carried ones.

  get journal(): AgentTasksOwner['journal'] {
    return this.#owner.journal;
  }

  get isServing(): boolean {
    return this.#owner.isServing;
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
    // Of one that was submitted all is known: no time means without end.
    const given = submission === undefined ? withTimeout(request, this.#owner.manifest) : request;
    this.#mail()
      .accept(given, retry, undefined, before)
      .catch((error: unknown) => {
        if (!isCarried && submission === undefined)
          this.#owner.reportFault('a task that was repeated after the loss of its host failed', error);
      });
  }

  #mail(): Mailbox {
    if (this.#mailbox === undefined) {
      this.#mailbox = new Mailbox(this.#owner, this.#owner.spec.tasks);
      if (!this.#owner.isStarting) this.#mailbox.open(this.#owner.isHeldBack);
    }
    return this.#mailbox;
  }
}
