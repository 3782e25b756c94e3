/**
 * Tasks that are executed, and waited for: with their progress, their chunks, and their end by a signal.
 *
 * I1  What is malformed is refused here, before anything is sent.
 * I2  A task whose caller has gone is cancelled.
 */
import { z } from 'zod';
import type { GivenTask, TaskRequest } from '../../runtime/agent/task-request.ts';
import type { ChunkReader } from '../../runtime/agent/task-stream.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import { checkTask } from '../../runtime/fleet/task-check.ts';
import { STREAM_WINDOW } from '../../runtime/hosting/stream-window.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { jsonProblemOf } from '../../runtime/values/json-survey.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { assertId, type FleetCommands } from './fleet-commands.ts';
import type { Command, PoolCommand } from '../engine/names.ts';
import type { ProgressPage } from '../tasks/progress-buffer.ts';

/** How long a look at progress waits for some to come, ms. */
const PROGRESS_WAIT_MS = 1_000;
/** Between two looks, where there is nothing to look at, ms. */
const PROGRESS_PAUSE_MS = 50;

const taskSchema = z.looseObject({ type: z.string() });

/** A call besides what is asked for. */
export interface CallOptions {
  /** For that incarnation alone. */
  readonly incarnation?: number | undefined;
  /** Who reads its chunks. */
  readonly reader?: ChunkReader | undefined;
  /** Agents whose tasks wait for it. */
  readonly chain?: readonly string[] | undefined;
}

export class FleetCalls {
  readonly #commands: FleetCommands;
  readonly #reportFault: (message: string, thrown: unknown) => void;

  constructor(commands: FleetCommands, reportFault: (message: string, thrown: unknown) => void) {
    this.#commands = commands;
    this.#reportFault = reportFault;
  }

  /** Has an agent do a task. Resolves with its output. */
  async execute(
    id: string,
    task: TaskRequest,
    { incarnation, reader, chain }: CallOptions = {},
  ): Promise<unknown> {
    assertId(id);
    assertTask(task, id);
    const { type, input, timeoutMs, signal, onProgress, priority, whenDown } = task as GivenTask;
    const callId = crypto.randomUUID();
    const isFollowed = onProgress !== undefined || reader !== undefined;
    const terms = {
      ...(isFollowed || signal !== undefined ? { callId } : {}),
      ...(reader === undefined ? {} : { isStreamed: true as const }),
      ...(chain === undefined ? {} : { chain }),
    };
    const work = { type, input, timeoutMs, priority, whenDown, submitted: false, terms };
    const over = new AbortController();
    const follow = (): Promise<void> | undefined =>
      isFollowed ? this.#follow({ id, callId, onProgress, reader }, over.signal) : undefined;
    const give = (command: Command): Promise<unknown> => this.#commands.give(id, command);
    let followed: Promise<void> | undefined;
    try {
      return await this.#cancellable({ type, signal, callId, agentId: id }, give, () => {
        followed = follow();
        return give({ type: 'execute', work, incarnation });
      });
    } finally {
      over.abort();
      await followed;
    }
  }

  /** Gives a task to a target by `give`, for example a pool. Its progress is not followed. */
  executeBy(
    give: (command: PoolCommand) => Promise<unknown>,
    task: TaskRequest,
    chain?: readonly string[],
  ): Promise<unknown> {
    assertTask(task, undefined);
    const { type, input, timeoutMs, signal, onProgress, priority } = task;
    if (onProgress !== undefined) {
      const message = 'pools.execute: onProgress: a pool of a fleet tells no progress';
      throw new AgentSystemError('TASK_INPUT_INVALID', message);
    }
    const callId = crypto.randomUUID();
    const terms = { callId, ...(chain === undefined ? {} : { chain }) };
    const work = { type, input, timeoutMs, priority, submitted: false, terms };
    return this.#cancellable({ type, signal, callId, agentId: undefined }, give, () =>
      give({ type: 'execute', work }),
    );
  }

  async #cancellable(
    { type, signal, callId, agentId }: Cancellable,
    give: (command: { readonly type: 'cancelCall'; readonly callId: string }) => Promise<unknown>,
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    if (signal?.aborted) throw cancelled(agentId, type, signal);
    const cancel = (): void => {
      give({ type: 'cancelCall', callId }).catch((thrown: unknown) =>
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

  /** Fetches what a task tells of its progress, and streams, until it is over and all has been fetched. */
  async #follow({ id, callId, onProgress, reader }: Followed, over: AbortSignal): Promise<void> {
    let seen = 0;
    let node: string | undefined;
    const taken = reader && new Taken((count) => this.#tellTaken(id, callId, node, count));
    try {
      for (let isLast = false; !isLast; ) {
        isLast = over.aborted;
        node = (await this.#commands.look(id)).placement?.node ?? node;
        if (node === undefined) {
          await Promise.race([pause(PROGRESS_PAUSE_MS), ended(over)]);
          continue;
        }
        const waitMs = isLast ? 0 : PROGRESS_WAIT_MS;
        const asked = this.#commands.serve<ProgressPage>(node, 'progress', { callId, seen, waitMs });
        const page = isLast ? await asked : await Promise.race([asked, ended(over)]);
        if (page === undefined) continue;
        seen = page.count;
        for (const value of page.values) {
          if ('chunk' in value) reader?.take(value.chunk, () => taken?.one());
          else if (onProgress !== undefined) this.#tellProgress(onProgress, value.progress);
        }
      }
    } catch (thrown) {
      this.#reportFault('the progress of a task could not be followed', thrown);
    }
  }

  #tellTaken(id: string, callId: string, node: string | undefined, count: number): void {
    if (node === undefined) return;
    this.#commands
      .serve(node, 'taken', { agentId: id, callId, count })
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

interface Cancellable {
  readonly type: string;
  readonly signal: AbortSignal | undefined;
  readonly callId: string;
  readonly agentId: string | undefined;
}

interface Followed {
  readonly id: string;
  readonly callId: string;
  readonly onProgress: ((value: unknown) => void) | undefined;
  readonly reader: ChunkReader | undefined;
}

/** What a reader has taken: told now and then, its task goes on by itself while there is room. */
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

/** What is malformed beyond its name is refused as in one program. @throws AgentSystemError `TASK_INPUT_INVALID` */
function assertTask(task: TaskRequest, agentId: string | undefined): void {
  parseInput(taskSchema, task, { what: 'execute', code: 'TASK_INPUT_INVALID', agentId });
  checkTask(task, anyManifest(task.type), agentId);
  const { type, input, transfer } = task;
  assertJson(type, input, agentId);
  if (transfer === undefined) return;
  const message = 'execute: transfer: a fleet moves no buffers between machines';
  throw new AgentSystemError('TASK_INPUT_INVALID', message, { agentId });
}

/** @throws AgentSystemError `TASK_INPUT_INVALID` */
export function assertJson(task: string, input: unknown, agentId?: string): void {
  const problem = jsonProblemOf(input);
  if (problem === undefined) return;
  const message = `the input of ${inWords(task)}, which crosses machines: ${problem}, expected JSON data`;
  throw new AgentSystemError('TASK_INPUT_INVALID', message, { agentId });
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

/** Of an agent whose tasks nobody here knows: it takes the one that is asked for. */
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

async function ended(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
