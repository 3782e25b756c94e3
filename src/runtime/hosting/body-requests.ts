/**
 * Open requests of the tasks of one body: the body's end of the request channel.
 *
 * Owns the open requests of one incarnation. Knows no name of a request and no argument: those who ask do
 * (task-abilities.ts), and those who answer (agent/requests.ts).
 *
 * I1  Every request is settled once: by its answer, by a refusal, by its own signal, or with its task.
 * I2  An answer to a request that is not open is ignored.
 * I3  A body has at the most `MAX_REQUESTS` open: what is asked beyond that is refused here, and goes nowhere.
 */
import type { SteadyClock } from '../time/clock.ts';
import { refused } from '../time/loop-turn.ts';
import { AgentSystemError, type ErrorCode, errorFrom, errorInfoOf } from '../values/errors.ts';
import type { BodyListener, BodyRequest } from './host.ts';
import { MAX_REQUESTS } from './request-bounds.ts';

/** The task that asks. */
export interface Asker {
  readonly taskId: string;
  /** Fires when nobody waits for the task any more. */
  readonly signal: AbortSignal;
}

type Answer = Extract<BodyRequest, { type: 'request.answered' | 'request.refused' }>;

export class BodyRequests {
  readonly #report: BodyListener['report'];
  readonly #clock: SteadyClock;
  readonly #open = new Map<number, OpenRequest>();
  #lastId = 0;

  constructor(report: BodyListener['report'], clock: SteadyClock) {
    this.#report = report;
    this.#clock = clock;
  }

  /**
   * Asks the system. Resolves with its answer.
   *
   * @param signal of the one who asks: when it fires the request is withdrawn, and rejects with its reason
   * @throws AgentSystemError `REQUEST_INVALID` for more than may be open, or what cannot be sent; and whatever the
   * answer is refused with. Once the task has been cancelled or has ended, the reason of that.
   */
  ask(asker: Asker, name: string, args: unknown, signal?: AbortSignal): Promise<unknown> {
    if (asker.signal.aborted) return refused(this.#clock, asker.signal.reason);
    if (signal?.aborted) return refused(this.#clock, signal.reason);
    if (this.#open.size >= MAX_REQUESTS) {
      const message = `${name}: the agent waits for ${MAX_REQUESTS} answers already, expected no more at once`;
      return refused(this.#clock, new AgentSystemError('REQUEST_INVALID', message));
    }
    this.#lastId += 1;
    const requestId = this.#lastId;
    const request = new OpenRequest(requestId, asker, signal, (reason) => this.#withdraw(request, reason));
    this.#open.set(requestId, request);
    this.#report({ type: 'request.made', requestId, taskId: asker.taskId, name, args });
    return request.answer.promise;
  }

  answered(answer: Answer): void {
    const request = this.#open.get(answer.requestId);
    if (request === undefined || request.asker.taskId !== answer.taskId) return;
    this.#close(request);
    if (answer.type === 'request.answered') request.answer.resolve(answer.value);
    else request.answer.reject(refusalFrom(answer));
  }

  /** Its task has ended: its open requests are withdrawn. */
  ended(asker: Asker): void {
    if (this.#open.size === 0) return;
    for (const request of this.#open.values()) {
      if (request.asker !== asker) continue;
      this.#close(request);
      request.giveUp(taskHasEnded());
    }
  }

  #withdraw(request: OpenRequest, reason: unknown): void {
    const { requestId, asker } = request;
    this.#close(request);
    request.giveUp(reason);
    this.#report({
      type: 'request.withdrawn',
      requestId,
      taskId: asker.taskId,
      error: errorInfoOf(reason),
      cause: reason,
    });
  }

  #close(request: OpenRequest): void {
    this.#open.delete(request.requestId);
    request.unlisten();
  }
}

export function taskHasEnded(): Error {
  return new Error('the task that asked has ended');
}

/** One request that is not answered yet. It listens to the signals of its task and of its own. */
class OpenRequest {
  readonly requestId: number;
  readonly asker: Asker;
  readonly answer: PromiseWithResolvers<unknown> = Promise.withResolvers<unknown>();
  readonly #signal: AbortSignal | undefined;
  readonly #withdraw: (reason: unknown) => void;

  constructor(
    requestId: number,
    asker: Asker,
    signal: AbortSignal | undefined,
    withdraw: (reason: unknown) => void,
  ) {
    this.requestId = requestId;
    this.asker = asker;
    this.#signal = signal;
    this.#withdraw = withdraw;
    asker.signal.addEventListener('abort', this);
    signal?.addEventListener('abort', this);
  }

  handleEvent({ target }: Event): void {
    this.#withdraw((target as AbortSignal).reason);
  }

  /** The caller may not await it: its rejection is then no unhandled one. */
  giveUp(reason: unknown): void {
    this.answer.promise.catch(() => undefined);
    this.answer.reject(reason);
  }

  unlisten(): void {
    this.asker.signal.removeEventListener('abort', this);
    this.#signal?.removeEventListener('abort', this);
  }
}

/** The system's refusal, with its code, agent and details. */
function refusalFrom({ code, error, cause }: Extract<Answer, { type: 'request.refused' }>): Error {
  if (cause instanceof Error) return cause;
  const { agentId, details } = (error.data ?? {}) as {
    readonly agentId?: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
  return new AgentSystemError(code satisfies ErrorCode, error.message, {
    agentId,
    details,
    cause: error.cause && errorFrom(error.cause),
  });
}
