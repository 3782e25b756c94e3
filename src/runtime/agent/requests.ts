/**
 * Open requests of the tasks of one incarnation: the system's end of the request channel.
 *
 * Owns the open requests, and checks who may ask: a running task that was not answered yet. It does not know the
 * handlers: they are given (`system/task-requests.ts` has the list).
 *
 * I1  A request is answered once, or its task has ended, and the work for it is told to end.
 * I2  A request of an ended task, a repeated one, or one past `MAX_REQUESTS` is dropped, and counted.
 * I3  What a handler throws answers that one request. An answer that comes too late is dropped.
 */
import type { z } from 'zod';
import type { BodyReport, BodyRequest, TraceParent } from '../hosting/host.ts';
import { MAX_REQUESTS } from '../hosting/request-bounds.ts';
import type { SteadyClock } from '../time/clock.ts';
import { owedTurn } from '../time/loop-turn.ts';
import { AgentSystemError, errorFrom, errorInfoOf, inWords } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';
import type { TaskEntry } from './task-entry.ts';

/** A running task that asks for something. */
export interface RequestingTask {
  readonly agentId: string;
  readonly incarnation: number;
  readonly taskId: string;
  /** Its name in the definition. */
  readonly task: string;
  /** What is left of its time, in whole ms; `undefined` without a limit. */
  leftMs(): number | undefined;
  /** The span of the task. */
  readonly trace: TraceParent | undefined;
}

/** Its entry in the mailbox. */
export interface MailboxTask extends RequestingTask {
  readonly entry: TaskEntry;
}

/** One request, as its handler gets it. */
export type MadeRequest<Task extends RequestingTask = MailboxTask> = Task & {
  /** Fires when the answer is no longer needed; its reason says why. */
  readonly signal: AbortSignal;
  /** Whether that is because the task itself gave the request up, or was told to end: its work has not just ended. */
  readonly isWithdrawn: () => boolean;
};

/** The handler of one kind of request: all that a new kind needs. */
export interface RequestHandler<Task extends RequestingTask = MailboxTask> {
  /** Schema of the arguments; others are refused with `REQUEST_INVALID`. */
  readonly args: z.ZodType;
  /** Returns the answer, or throws the refusal. */
  answer(args: never, request: MadeRequest<Task>): unknown;
}

/** By name. */
export type RequestHandlers<Task extends RequestingTask = MailboxTask> = ReadonlyMap<
  string,
  RequestHandler<Task>
>;

/** A handler whose arguments are typed by its schema. */
export function requestHandler<Args extends z.ZodType, Task extends RequestingTask = MailboxTask>(
  args: Args,
  answer: (args: z.output<Args>, request: MadeRequest<Task>) => unknown,
): RequestHandler<Task> {
  return { args, answer };
}

/** The agent whose tasks ask. */
export interface RequestsOwner<Task extends RequestingTask = MailboxTask> {
  readonly id: string;
  readonly clock: SteadyClock;
  /** A task that runs in this incarnation, and is waited for. */
  requestingTask(taskId: string): Task | undefined;
  post(request: BodyRequest): void;
  bodyDropped(): void;
}

interface OpenRequest {
  readonly taskId: string;
  readonly controller: AbortController;
  isWithdrawn: boolean;
}

type Made = Extract<BodyReport, { type: 'request.made' }>;

export class Requests<Task extends RequestingTask = MailboxTask> {
  readonly #owner: RequestsOwner<Task>;
  readonly #handlers: RequestHandlers<Task>;
  readonly #open = new Map<number, OpenRequest>();
  #lastId = 0;

  constructor(owner: RequestsOwner<Task>, handlers: RequestHandlers<Task>) {
    this.#owner = owner;
    this.#handlers = handlers;
  }

  made(made: Made): void {
    const { requestId, taskId } = made;
    const task = this.#owner.requestingTask(taskId);
    if (task === undefined || requestId <= this.#lastId || this.#open.size >= MAX_REQUESTS) {
      return this.#owner.bodyDropped();
    }
    this.#lastId = requestId;
    const open = { taskId, controller: new AbortController(), isWithdrawn: false };
    this.#open.set(requestId, open);
    void this.#answer(made, task, open);
  }

  withdrawn({ requestId, taskId, error, cause }: Extract<BodyReport, { type: 'request.withdrawn' }>): void {
    const open = this.#open.get(requestId);
    // It may have been answered meanwhile, which is no fault.
    if (open?.taskId !== taskId) return;
    this.#open.delete(requestId);
    open.isWithdrawn = true;
    open.controller.abort(cause ?? errorFrom(error));
  }

  /** The task was answered, or has ended. */
  taskEnded(taskId: string): void {
    for (const [requestId, open] of this.#open) {
      if (open.taskId !== taskId) continue;
      this.#open.delete(requestId);
      open.controller.abort(new Error('the task that asked has ended'));
    }
  }

  /** The incarnation has ended; the next one numbers its requests anew. */
  clear(why: () => Error): void {
    this.#lastId = 0;
    if (this.#open.size === 0) return;
    const reason = why();
    for (const [requestId, open] of this.#open) {
      this.#open.delete(requestId);
      open.controller.abort(reason);
    }
  }

  async #answer(made: Made, task: Task, open: OpenRequest): Promise<void> {
    const { requestId, taskId } = made;
    let answer: BodyRequest;
    try {
      const value = await this.#handle(made, task, open);
      answer = { type: 'request.answered', requestId, taskId, value };
    } catch (thrown) {
      const cause = refusalOf(made.name, thrown);
      const error = errorInfoOf(cause);
      answer = { type: 'request.refused', requestId, taskId, code: cause.code, error, cause };
    }
    await owedTurn(this.#owner.clock);
    if (this.#open.get(requestId) !== open) return;
    this.#open.delete(requestId);
    this.#owner.post(answer);
  }

  #handle({ name, args: given }: Made, task: Task, open: OpenRequest): unknown {
    const handler = this.#handlers.get(name);
    if (handler === undefined) {
      const expected = [...this.#handlers.keys()];
      const message = `expected a request of ${expected.join(', ')}, got ${inWords(name)}`;
      throw new AgentSystemError('REQUEST_INVALID', message, { agentId: this.#owner.id });
    }
    const args = parseInput(handler.args, given, {
      what: name,
      code: 'REQUEST_INVALID',
      agentId: this.#owner.id,
    });
    return handler.answer(args as never, {
      ...task,
      leftMs: () => task.leftMs(),
      signal: open.controller.signal,
      isWithdrawn: () => open.isWithdrawn,
    });
  }
}

/** The refusal that a handler threw; anything else is a fault of the handler, and reported as such. */
function refusalOf(name: string, thrown: unknown): AgentSystemError {
  if (thrown instanceof AgentSystemError) return thrown;
  const { message } = errorInfoOf(thrown);
  return new AgentSystemError('REQUEST_INVALID', `${name} failed: ${message}`, { cause: thrown });
}
