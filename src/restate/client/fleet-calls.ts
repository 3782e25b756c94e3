/**
 * Tasks that a caller executes and waits for, with their progress, their chunks, and cancellation by a signal.
 *
 * I1  A malformed request is refused here, before anything is sent.
 * I2  A task whose caller has gone is cancelled.
 * I3  What is sent is what was checked, whatever its caller does to the task meanwhile.
 */
import { z } from 'zod';
import type { TaskRequest } from '../../runtime/agent/task-request.ts';
import type { ChunkReader } from '../../runtime/agent/task-stream.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import { checkTask } from '../../runtime/fleet/task-check.ts';
import type { TraceParent } from '../../runtime/hosting/host.ts';
import { activeTrace } from '../../runtime/hosting/trace-parent.ts';
import type { Telemetry } from '../../runtime/observability/telemetry.ts';
import { type SteadyClock, steadyClock, systemClock } from '../../runtime/time/clock.ts';
import { STREAM_WINDOW } from '../../runtime/hosting/stream-window.ts';
import { dataCopy } from '../../runtime/values/data-copy.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { hasFields } from '../../runtime/values/instances.ts';
import { jsonProblemOf } from '../../runtime/values/json-survey.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { assertId, type FleetCommands } from './fleet-commands.ts';
import type { Command, PoolCommand } from '../engine/names.ts';
import { abortReasonOf } from '../tasks/abort-reason.ts';
import type { ProgressPage } from '../tasks/progress-buffer.ts';

/** How long a request for progress waits for some, ms. */
const PROGRESS_WAIT_MS = 1_000;
/** Between two requests, while there is nothing to read, ms. */
const PROGRESS_PAUSE_MS = 50;
/** More time for each page that did not come in time: it may be large, ms. */
const LARGE_PAGE_MS = 10_000;
/** After so many the chunks of a task that is done are given up. */
const MAX_MISSES = 4;
/** Why a task is over that has an output. */
const DONE = Symbol('done');

const taskSchema = z.looseObject({ type: z.string() });

/** Terms of a call besides its task. */
export interface CallOptions {
  /** For that incarnation alone. */
  readonly incarnation?: number | undefined;
  /** Who reads its chunks. */
  readonly reader?: ChunkReader | undefined;
  /** Tasks that wait for it. */
  readonly chain?: readonly string[] | undefined;
}

export class FleetCalls {
  readonly #commands: FleetCommands;
  readonly #reportFault: (message: string, thrown: unknown) => void;
  readonly #telemetry: Telemetry;
  readonly #clock: SteadyClock = steadyClock(systemClock());

  constructor(
    commands: FleetCommands,
    reportFault: (message: string, thrown: unknown) => void,
    telemetry: Telemetry,
  ) {
    this.#commands = commands;
    this.#reportFault = reportFault;
    this.#telemetry = telemetry;
  }

  /** Has an agent do a task. Resolves with its output. */
  async execute(id: string, asked: TaskRequest, options: CallOptions = {}): Promise<unknown> {
    this.#commands.assertOpen();
    assertId(id);
    const task = readTask(asked, id);
    if (!this.#telemetry.isTracing) return this.#execute(id, task, options, undefined);
    const { incarnation } = options;
    const span = { agentId: id, task: task.type, ...(incarnation === undefined ? {} : { incarnation }) };
    return this.#telemetry.task(span, (trace) => this.#execute(id, task, options, trace));
  }

  #execute(
    id: string,
    task: TaskRequest,
    { incarnation, reader, chain }: CallOptions,
    trace: TraceParent | undefined,
  ): Promise<unknown> {
    const { type, whenDown } = task;
    const { callId, work, signal, follow } = this.#call(task, { reader, chain, trace });
    const give = (command: Command): Promise<unknown> => this.#commands.give(id, command);
    return follow(
      () => Promise.resolve(id),
      (begun) =>
        this.#cancellable({ type, signal, callId, agentId: id }, give, () => {
          begun();
          return give({ type: 'execute', work: { ...work, whenDown }, incarnation });
        }),
    );
  }

  /** Has a pool do a task, by `give`. Resolves with its output. */
  executeBy(
    pool: string,
    give: (command: PoolCommand) => Promise<unknown>,
    asked: TaskRequest,
    options: Pick<CallOptions, 'reader' | 'chain'> = {},
  ): Promise<unknown> {
    this.#commands.assertOpen();
    const task = readTask(asked, undefined);
    const span = { pool, task: task.type, clock: this.#clock };
    return this.#telemetry.poolTask(span, () => this.#executeBy(give, task, options));
  }

  #executeBy(
    give: (command: PoolCommand) => Promise<unknown>,
    task: TaskRequest,
    { reader, chain }: Pick<CallOptions, 'reader' | 'chain'>,
  ): Promise<unknown> {
    const { type } = task;
    const { callId, work, signal, follow } = this.#call(task, { reader, chain, trace: activeTrace() });
    const locate = () => give({ type: 'locate', callId }) as Promise<string | null>;
    return follow(inPool(locate), (begun) =>
      this.#cancellable({ type, signal, callId, agentId: undefined }, give, () => {
        begun();
        return give({ type: 'execute', work });
      }),
    );
  }

  /** One call: its task, and who follows it. */
  #call(
    task: TaskRequest,
    {
      reader,
      chain,
      trace,
    }: Pick<CallOptions, 'reader' | 'chain'> & { readonly trace: TraceParent | undefined },
  ) {
    const { type, input, timeoutMs, onProgress, priority } = task;
    const callId = crypto.randomUUID();
    const isFollowed = onProgress !== undefined || reader !== undefined;
    const broken = new AbortController();
    const signal = reader === undefined ? task.signal : eitherOf(broken.signal, task.signal);
    const terms = {
      ...(isFollowed || signal !== undefined ? { callId } : {}),
      ...(isFollowed ? { isFollowed: true as const } : {}),
      ...(reader === undefined ? {} : { isStreamed: true as const }),
      ...(chain === undefined ? {} : { chain }),
      ...(trace === undefined ? {} : { trace }),
    };
    const work = { type, input, timeoutMs, priority, submitted: false, terms };
    /** Follows it from its begin until it is over. */
    const follow = async (holder: Holder, run: (begun: () => void) => Promise<unknown>): Promise<unknown> => {
      if (!isFollowed) return run(() => undefined);
      const over = new AbortController();
      let followed: Promise<boolean> | undefined;
      try {
        const output = await run(() => {
          followed = this.#follow({ holder, callId, onProgress, reader }, over.signal, (why) =>
            broken.abort(brokenStream(type, `a chunk cannot be sent: ${why}`)),
          );
        });
        over.abort(DONE);
        if ((await followed) === false && reader !== undefined)
          throw brokenStream(type, 'its node has not given its last chunks');
        return output;
      } finally {
        over.abort();
        await followed;
        broken.signal.throwIfAborted();
      }
    };
    return { callId, work, signal, follow };
  }

  async #cancellable(
    { type, signal, callId, agentId }: Cancellable,
    give: (command: Cancelling) => Promise<unknown>,
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    if (signal?.aborted) throw cancelled(agentId, type, signal);
    const cancel = (): void => {
      give({ type: 'cancelCall', callId, reason: abortReasonOf(signal) }).catch((thrown: unknown) =>
        this.#reportFault('a task could not be cancelled', thrown),
      );
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await run();
    } catch (thrown) {
      const isCancelled =
        signal?.aborted === true && thrown instanceof AgentSystemError && thrown.code === 'TASK_ABANDONED';
      throw isCancelled ? cancelled(thrown.agentId ?? agentId, type, signal, thrown.details) : thrown;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /**
   * Fetches a task's progress and chunks until it is over and all have been fetched.
   *
   * @param broken told why a chunk cannot be sent: there is none after that
   * @returns whether all have been fetched
   */
  async #follow(
    { holder, callId, onProgress, reader }: Followed,
    over: AbortSignal,
    broken: (why: string) => void,
  ): Promise<boolean> {
    let seen = 0;
    let id: string | undefined;
    let node: string | undefined;
    let isQuiet = false;
    let misses = 0;
    let isWhole = false;
    const taken = reader && new Taken((count) => this.#tellTaken(id, callId, node, count));
    try {
      for (let isLast = false; !isLast; ) {
        isLast = over.aborted;
        id = await holder(over, isQuiet);
        const next = id === undefined ? node : ((await this.#nodeOf(id)) ?? node);
        // A new node has nothing to read yet.
        if (next !== node) seen = misses = 0;
        node = next;
        if (node === undefined) {
          await unlessOver(pause(PROGRESS_PAUSE_MS), over);
          continue;
        }
        const waitMs = isLast ? 0 : PROGRESS_WAIT_MS;
        // Whoever waits for a task that has failed is told soon, also where its node is gone.
        const hasFailed = isLast && over.reason !== DONE;
        const moreMs = hasFailed ? 0 : LARGE_PAGE_MS * Math.min(misses, MAX_MISSES - 1);
        const asked = this.#progressAt(node, { callId, seen, waitMs }, moreMs);
        const page = isLast ? await asked : await unlessOver(asked, over);
        if (page === undefined) continue;
        if (page === 'unreachable') {
          // Its agent may be elsewhere by now.
          isQuiet = true;
          misses += 1;
          // Chunks are not left out as long as the node may only be slow.
          if (isLast && !hasFailed && reader !== undefined && misses < MAX_MISSES) isLast = false;
          await unlessOver(pause(PROGRESS_PAUSE_MS), over);
          continue;
        }
        misses = 0;
        seen = page.count;
        isQuiet = page.values.length === 0;
        if (page.isMore) isLast = false;
        isWhole = isLast;
        for (const value of page.values) {
          if ('unsendable' in value) {
            broken(value.unsendable);
            return false;
          }
          if ('chunk' in value) reader?.take(value.chunk, () => taken?.one());
          else if (onProgress !== undefined) this.#tellProgress(onProgress, value.progress);
        }
      }
    } catch (thrown) {
      this.#reportFault('the progress of a task could not be followed', thrown);
      return false;
    }
    return isWhole;
  }

  async #progressAt(
    node: string,
    asked: { readonly callId: string; readonly seen: number; readonly waitMs: number },
    moreMs: number,
  ): Promise<ProgressPage | 'unreachable'> {
    try {
      return await this.#commands.serve<ProgressPage>(node, 'progress', asked, asked.waitMs + moreMs);
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'NODE_UNREACHABLE') return 'unreachable';
      throw thrown;
    }
  }

  /** The node of its body, or the last one; a member of a pool may be gone by now. */
  async #nodeOf(id: string): Promise<string | undefined> {
    try {
      return (await this.#commands.look(id)).placement?.node;
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_FOUND') return undefined;
      throw thrown;
    }
  }

  #tellTaken(id: string | undefined, callId: string, node: string | undefined, count: number): void {
    if (id === undefined || node === undefined) return;
    this.#commands
      .serve(node, 'taken', { agentId: id, callId, count }, 0)
      .catch((thrown: unknown) => this.#reportFault('a reader could not say what it has read', thrown));
  }

  #tellProgress(onProgress: (value: unknown) => void, value: unknown): void {
    try {
      onProgress(value);
    } catch (thrown) {
      this.#reportFault('a listener of progress threw', thrown);
    }
  }
}

type Cancelling = Extract<PoolCommand, { readonly type: 'cancelCall' }>;

interface Cancellable {
  readonly type: string;
  readonly signal: AbortSignal | undefined;
  readonly callId: string;
  readonly agentId: string | undefined;
}

/**
 * Which agent has a task, once one has it; `undefined` where nobody knows.
 *
 * @param isQuiet it has told nothing for a while: another may have it by now
 */
type Holder = (over: AbortSignal, isQuiet: boolean) => Promise<string | undefined>;

/** A task of a pool: asks the pool which member has it, and again once that member has sent nothing for a while. */
function inPool(locate: () => Promise<string | null>): Holder {
  let known: string | undefined;
  let sought: Promise<string | null> | undefined;
  return async (over, isQuiet) => {
    const isLast = over.aborted;
    if (known !== undefined && (isLast || !isQuiet)) return known;
    sought ??= locate();
    const told = isLast ? await sought : await unlessOver(sought, over);
    if (told === undefined) return known;
    sought = undefined;
    known = told ?? known;
    return known;
  };
}

interface Followed {
  readonly holder: Holder;
  readonly callId: string;
  readonly onProgress: ((value: unknown) => void) | undefined;
  readonly reader: ChunkReader | undefined;
}

/** How much a reader has taken. It is sent from time to time; the task goes on by itself while there is room. */
class Taken {
  readonly #tell: (count: number) => void;
  #count = 0;

  constructor(tell: (count: number) => void) {
    this.#tell = tell;
  }

  one(): void {
    this.#count += 1;
    if (this.#count % (STREAM_WINDOW / 2) === 0) this.#tell(this.#count);
  }
}

/**
 * A request as it was checked: an object of our own. Its input is a copy, for it leaves only after other calls.
 *
 * @throws AgentSystemError `TASK_INPUT_INVALID`, as in one program
 */
function readTask(asked: TaskRequest, agentId: string | undefined): TaskRequest {
  const { type: named } = parseInput(taskSchema, asked, {
    what: 'execute',
    code: 'TASK_INPUT_INVALID',
    agentId,
  });
  const task = checkTask(asked, anyManifest(named), agentId);
  const { type, input, transfer } = task;
  assertJson(type, input, agentId);
  if (transfer === undefined) return { ...task, input: dataCopy(input) };
  const message = 'execute: transfer: a fleet moves no buffers between machines';
  throw new AgentSystemError('TASK_INPUT_INVALID', message, { agentId });
}

/** A task that is also cancelled once its reader has gone. What has no fields goes as it came, and is refused. */
export function untilGone(task: TaskRequest, gone: AbortSignal): TaskRequest {
  if (!hasFields(task)) return task;
  return { ...task, signal: eitherOf(gone, task.signal) };
}

/** @throws AgentSystemError `TASK_INPUT_INVALID` */
export function assertJson(task: string, input: unknown, agentId?: string): void {
  const problem = jsonProblemOf(input);
  if (problem === undefined) return;
  const message = `the input of ${inWords(task)}, which crosses machines: ${problem}, expected JSON data`;
  throw new AgentSystemError('TASK_INPUT_INVALID', message, { agentId });
}

function eitherOf(one: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? one : AbortSignal.any([one, other]);
}

function brokenStream(task: string, why: string): AgentSystemError {
  return new AgentSystemError('TASK_FAILED', `task ${task}: ${why}`);
}

function cancelled(
  agentId: string | undefined,
  task: string,
  { reason: cause }: AbortSignal,
  details?: Readonly<Record<string, unknown>>,
): AgentSystemError {
  const whose = agentId === undefined ? '' : ` of agent ${agentId}`;
  const message = `task ${task}${whose} was abandoned: cancelled by its caller`;
  return new AgentSystemError('TASK_ABANDONED', message, { agentId, cause, details });
}

/** A manifest for an agent whose tasks are unknown here: it takes the requested one. */
function anyManifest(task: string): AgentManifest {
  return {
    type: '',
    capabilities: [],
    variables: [],
    votes: false,
    stateVersion: 1,
    hash: '',
    tasks: { [task]: { requires: [], retry: false } },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What comes of some work, or nothing once it is over; it leaves no listener, for a task may tell for days. */
async function unlessOver<T>(work: Promise<T>, over: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const end = (): void => resolve(undefined);
  if (over.aborted) end();
  over.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    over.removeEventListener('abort', end);
  }
}
