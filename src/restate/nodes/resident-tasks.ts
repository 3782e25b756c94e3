/**
 * The tasks that one body works on, as far as its node has to know them: their requests, streams and progress.
 *
 * Owns their open requests and streams. The state of a task is with its agent.
 *
 * I1  A request is answered once, unless its task has ended, or no longer waits.
 * I2  A task that has streamed to its reader is not begun again: chunks that were read cannot be revoked.
 */
import { type RequestHandlers, type RequestingTask, Requests } from '../../runtime/agent/requests.ts';
import { ProgressWatch } from '../../runtime/agent/progress-watch.ts';
import type { AskArgs } from '../../runtime/agent/question-acts.ts';
import type { AgentManifest, TaskManifest } from '../../runtime/definition/manifest.ts';
import type { BodyReport, BodyRequest } from '../../runtime/hosting/host.ts';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { AgentSystemError, errorFrom } from '../../runtime/values/errors.ts';
import type { BodyMessage, NodeReport, RequestAnswer, TaskTerms } from '../agent/agent-acts.ts';
import { waitCircle } from '../tasks/wait-circle.ts';

/** A task that asks for something. */
export interface AskingTask extends RequestingTask {
  /** The tasks that wait for it, and it last. */
  readonly chain: readonly string[];
  /** Watches a call that was accepted: the task that it waits for may come to wait for this one. */
  watchCircle(called: string): CircleWatch;
  /** The same for all that one task at work asks. */
  readonly work: object;
  /** The data without secrets of its agent; the same object if it has none. */
  hide<Data>(data: Data): Data;
  /** Asks its agent; resolves once that is kept. */
  askAgent(name: string, args: unknown): Promise<unknown>;
  /** Asks a person, by its agent; its time stands still until it is answered, unless it says otherwise. */
  askPerson(args: AskArgs, signal: AbortSignal): Promise<unknown>;
}

/** A call, until it is over. */
export interface CircleWatch {
  /** Rejects with `WAIT_CIRCLE` once its task would wait for itself. */
  readonly closed: Promise<never>;
  readonly end: () => void;
}

interface Asked {
  readonly requestId: number;
  readonly promise: Promise<unknown>;
}

export interface ResidentTasksOwner {
  readonly agentId: string;
  readonly incarnation: number;
  readonly clock: SteadyClock;
  readonly requests: RequestHandlers<AskingTask>;
  hide<Data>(data: Data): Data;
  post(request: BodyRequest): void;
  tell(report: NodeReport): void;
  /** For the caller that follows a task. */
  show(callId: string, what: 'progress' | 'chunk', value: unknown): void;
}

type Run = Extract<BodyMessage, { readonly type: 'task.run' }>;

interface Known {
  readonly task: string;
  readonly input: unknown;
  terms: TaskTerms;
  /** Told whenever others wait for it. */
  readonly watching: Set<() => void>;
  /** When its time is over, epoch ms; what was left of it, ms, while that stands still, and for how many requests. */
  endsAt: number | undefined;
  heldMs: number | undefined;
  held: number;
  /** Watches its progress. */
  readonly observe: () => ProgressWatch | undefined;
  watch: ProgressWatch | undefined;
  chunks: number;
  taken: number;
}

export class ResidentTasks {
  readonly #owner: ResidentTasksOwner;
  readonly #known = new Map<string, Known>();
  readonly #requests: Requests<AskingTask>;
  /** What was asked of the agent. */
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  #lastAsked = 0;

  constructor(owner: ResidentTasksOwner) {
    this.#owner = owner;
    const { agentId: id, clock, requests } = owner;
    this.#requests = new Requests<AskingTask>(
      {
        id,
        clock,
        requestingTask: (taskId) => this.#asking(taskId),
        post: (request) => owner.post(request),
        bodyDropped: () => owner.tell({ type: 'dropped' }),
      },
      requests,
    );
  }

  /** Its work begins. Gives what its body is told. */
  begin({ terms = {}, ...run }: Run, manifest: AgentManifest): BodyRequest {
    const { taskId, task, input } = run;
    const stall = Object.hasOwn(manifest.tasks, task) ? manifest.tasks[task]?.stall : undefined;
    const observe = (): ProgressWatch | undefined => this.#observe(taskId, stall);
    this.#known.set(taskId, {
      task,
      input,
      terms,
      watching: new Set(),
      endsAt: terms.endsAt,
      heldMs: undefined,
      held: 0,
      observe,
      watch: observe(),
      chunks: 0,
      taken: 0,
    });
    // Whatever becomes of it, its output crosses machines as JSON.
    return { ...run, isKept: true, trace: terms.trace };
  }

  #observe(taskId: string, stall: TaskManifest['stall']): ProgressWatch | undefined {
    if (stall === undefined) return undefined;
    const say = (what: 'stalled' | 'progressed' | 'abort' | 'crash') => () =>
      this.#owner.tell({ type: 'task.progress_watched', taskId, what });
    return new ProgressWatch(
      stall,
      { stalled: say('stalled'), progressed: say('progressed'), abort: say('abort'), crash: say('crash') },
      { clock: this.#owner.clock, onBug: () => undefined, driver: undefined },
    );
  }

  /** Nobody waits for it any more, or for this attempt; its work may go on. */
  cancelled(taskId: string): void {
    const known = this.#known.get(taskId);
    known?.watch?.end();
    this.#requests.taskEnded(taskId);
  }

  /** Others wait for it than before. */
  awaited({ taskId, chain }: Extract<BodyMessage, { readonly type: 'task.awaited' }>): void {
    const known = this.#known.get(taskId);
    if (known === undefined) return;
    known.terms = { ...known.terms, chain };
    for (const look of known.watching) look();
  }

  progressed(taskId: string, value: unknown): void {
    const known = this.#known.get(taskId);
    known?.watch?.progressed();
    if (known?.terms.callId !== undefined) this.#owner.show(known.terms.callId, 'progress', value);
  }

  /** One that nobody reads goes on as if it had been read. */
  chunk(taskId: string, chunk: unknown): void {
    const known = this.#known.get(taskId);
    if (known === undefined) return;
    known.watch?.progressed();
    known.chunks += 1;
    const { callId, isStreamed } = known.terms;
    if (callId !== undefined && isStreamed) return this.#owner.show(callId, 'chunk', chunk);
    this.#taken(taskId, known, known.chunks);
  }

  /** The reader of a call has taken so many. */
  chunksTaken(callId: string, taken: number): void {
    for (const [taskId, known] of this.#known) {
      if (known.terms.callId === callId) this.#taken(taskId, known, taken);
    }
  }

  #taken(taskId: string, known: Known, taken: number): void {
    if (taken <= known.taken) return;
    known.taken = Math.min(taken, known.chunks);
    this.#owner.post({ type: 'task.chunks_taken', taskId, taken: known.taken });
  }

  /** Its work has ended. Gives what its agent is told. */
  ended(report: Extract<BodyReport, { type: 'task.completed' | 'task.failed' | 'task.parked' }>): NodeReport {
    const { taskId } = report;
    const known = this.#known.get(taskId);
    this.#known.delete(taskId);
    known?.watch?.end();
    this.#requests.taskEnded(taskId);
    const hasStreamed = known !== undefined && known.terms.isStreamed === true && known.chunks > 0;
    if (report.type === 'task.completed') return report;
    if (report.type === 'task.failed') return hasStreamed ? { ...report, retry: false } : report;
    const { error = { name: 'Park', message: report.why }, ...parked } = report;
    if (!hasStreamed) return { ...parked, input: known?.input };
    return { type: 'task.failed', taskId, code: 'TASK_FAILED', error };
  }

  requested(report: Extract<BodyReport, { type: 'request.made' | 'request.withdrawn' }>): void {
    if (report.type === 'request.made') this.#requests.made(report);
    else this.#requests.withdrawn(report);
  }

  /** What the agent answers to one of its tasks. */
  answered(answer: RequestAnswer): void {
    const asked = this.#asked.get(answer.requestId);
    if (asked === undefined) return;
    this.#asked.delete(answer.requestId);
    if (answer.type === 'request.answered') return asked.resolve(answer.value);
    const { code, error } = answer;
    const { agentId } = this.#owner;
    const cause = error.cause && errorFrom(error.cause);
    const { data: details } = error;
    asked.reject(new AgentSystemError(code, error.message, { agentId, cause, details }));
  }

  /** The body has ended. */
  clear(): void {
    for (const { watch } of this.#known.values()) watch?.end();
    this.#known.clear();
    const ended = (): Error => new Error(`agent ${this.#owner.agentId} has ended`);
    for (const { promise, reject } of this.#asked.values()) {
      promise.catch(() => undefined);
      reject(ended());
    }
    this.#asked.clear();
    this.#requests.clear(ended);
  }

  #asking(taskId: string): AskingTask | undefined {
    const known = this.#known.get(taskId);
    if (known === undefined) return undefined;
    const { agentId, incarnation, clock } = this.#owner;
    const { chain = [] } = known.terms;
    return {
      agentId,
      incarnation,
      taskId,
      task: known.task,
      trace: known.terms.trace,
      chain: [...chain, taskId],
      watchCircle: (called) => watchCircle(taskId, known, called),
      work: known,
      leftMs: () =>
        known.heldMs ?? (known.endsAt === undefined ? undefined : Math.max(0, known.endsAt - clock.now())),
      hide: (data) => this.#owner.hide(data),
      askAgent: (name, args) => this.#askAgent(taskId, name, args).promise,
      askPerson: (args, signal) => this.#askPerson(taskId, known, args, signal),
    };
  }

  #askAgent(taskId: string, name: string, args: unknown): Asked {
    this.#lastAsked += 1;
    const requestId = this.#lastAsked;
    const asked = Promise.withResolvers<unknown>();
    this.#asked.set(requestId, asked);
    this.#owner.tell({ type: 'request.made', requestId, taskId, name, args });
    return { requestId, promise: asked.promise };
  }

  async #askPerson(taskId: string, known: Known, args: AskArgs, signal: AbortSignal): Promise<unknown> {
    const input = this.#owner.hide(known.input);
    const { requestId, promise } = this.#askAgent(taskId, 'task.ask', { args, input });
    const withdraw = (): void => {
      if (!this.#asked.delete(requestId) || this.#known.get(taskId) !== known) return;
      this.#owner.tell({ type: 'request.withdrawn', requestId, taskId });
    };
    signal.addEventListener('abort', withdraw, { once: true });
    if (!args.countsTime) this.#hold(known);
    try {
      return await Promise.race([promise, aborted(signal)]);
    } finally {
      signal.removeEventListener('abort', withdraw);
      if (!args.countsTime) this.#goOn(taskId, known);
    }
  }

  /** Its time stands still, and its progress is not watched. */
  #hold(known: Known): void {
    known.held += 1;
    if (known.held > 1) return;
    known.watch?.end();
    known.watch = undefined;
    known.heldMs =
      known.endsAt === undefined ? undefined : Math.max(0, known.endsAt - this.#owner.clock.now());
  }

  #goOn(taskId: string, known: Known): void {
    known.held -= 1;
    if (known.held > 0 || this.#known.get(taskId) !== known) return;
    if (known.heldMs !== undefined) known.endsAt = this.#owner.clock.now() + known.heldMs;
    known.heldMs = undefined;
    known.watch = known.observe();
  }
}

function watchCircle(taskId: string, known: Known, called: string): CircleWatch {
  const { promise: closed, reject } = Promise.withResolvers<never>();
  const look = (): void => {
    const { chain = [] } = known.terms;
    if (chain.includes(called)) reject(waitCircle([...chain, taskId], called));
  };
  known.watching.add(look);
  look();
  return { closed, end: () => known.watching.delete(look) };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const refuse = (): void => reject(signal.reason as Error);
    if (signal.aborted) refuse();
    else signal.addEventListener('abort', refuse, { once: true });
  });
}
