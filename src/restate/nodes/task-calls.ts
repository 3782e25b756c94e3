/**
 * What tasks of a fleet may ask of it, answered by the node that they run on: `context.agents`, `context.step`,
 * `context.ask`, `context.budget`.
 *
 * I1  A call takes no longer than what is left of its caller's time, and ends with its caller.
 * I2  A call says who waits for it: one whose answer could come only after its caller has ended is refused, also where
 *     that comes about once it was accepted under its key.
 * I3  A child that could not be started is removed again.
 * I4  A call with a key is a submitted task: a caller that runs again, on another node too, waits for the same task. It
 *     ends with the last of its callers (tasks/task-callers.ts).
 * I5  No key of a call, and no spec of a child, holds a secret of the caller: the engine would have it.
 */
import { z } from 'zod';
import { positionAt } from '../../machines/index.ts';
import {
  type MadeRequest,
  type RequestHandler,
  type RequestHandlers,
  requestHandler,
} from '../../runtime/agent/requests.ts';
import { askArgs, shownArgs } from '../../runtime/agent/question-acts.ts';
import { reserveArgs, settleArgs } from '../../runtime/limits/budget-rules.ts';
import { type ExecuteArgs, executeArgs, spawnArgs, stopArgs } from '../../runtime/fleet/call-args.ts';
import { keptOfChild, refuseSecrets } from '../../runtime/fleet/call-secrets.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import type { ChunkReader } from '../../runtime/agent/task-stream.ts';
import { withinTrace } from '../../runtime/hosting/trace-parent.ts';
import { CalledStreams } from '../../runtime/fleet/called-streams.ts';
import type { CalledRecord } from '../tasks/task-record-of.ts';
import type { FleetAgents } from '../client/fleet-agents.ts';
import type { FleetCommands } from '../client/fleet-commands.ts';
import type { FleetPools } from '../client/fleet-pools.ts';
import { placedSpec } from '../client/fleet-specs.ts';
import type { FleetTasks } from '../client/fleet-tasks.ts';
import type { AskingTask } from './resident-tasks.ts';

type Request = MadeRequest<AskingTask>;

export interface TaskCallsOptions {
  readonly agents: FleetAgents;
  readonly commands: FleetCommands;
  readonly pools: FleetPools;
  readonly tasks: Pick<FleetTasks, 'submitFor' | 'result' | 'leave'>;
  /** The least loaded agent of a type that takes tasks. */
  readonly leastLoaded: (type: string) => Promise<string>;
}

/** By name. */
export function taskCalls(options: TaskCallsOptions): RequestHandlers<AskingTask> {
  const calls = new CallsAtWork();
  const streams = new CalledStreams<AskingTask>({
    execute: (args, request, reader) =>
      withinTrace(request.trace, () => execute(options, calls, args, request, reader)),
    keyOf: ({ work }) => work,
  });
  return new Map<string, RequestHandler<AskingTask>>([
    [
      'agents.execute',
      requestHandler(executeArgs, (args, request: Request) =>
        withinTrace(request.trace, () => execute(options, calls, args, request)),
      ),
    ],
    ['agents.stream', streams.stream],
    ['agents.stream.read', streams.read],
    ['agents.stream.close', streams.close],
    ['agents.spawn', requestHandler(spawnArgs, (args, request: Request) => spawn(options, args, request))],
    ['agents.stop', requestHandler(stopArgs, (args, request: Request) => stop(options, args, request))],
    ['task.step', requestHandler(anything, (args, request: Request) => keepStep(args, request))],
    [
      'task.ask',
      requestHandler(askArgs, async (args, request: Request) =>
        request.askPerson(
          shownArgs(args, request.agentId, (data) => request.hide(data)),
          request.signal,
        ),
      ),
    ],
    ['budget.reserve', ofAgent('budget.reserve', reserveArgs)],
    ['budget.settle', ofAgent('budget.settle', settleArgs)],
  ]);
}

const anything = z.record(z.string(), z.unknown());

/** Its own agent answers. */
function ofAgent(name: string, args: z.ZodType): RequestHandler<AskingTask> {
  return requestHandler(args, (given, request: Request) => request.askAgent(name, given));
}

/** Steps are kept in the engine: one that holds a secret is refused, like a state. */
function keepStep(args: z.output<typeof anything>, request: Request): Promise<unknown> {
  const shown = request.hide(args);
  if (shown === args) return request.askAgent('task.step', args);
  const { agentId, task } = request;
  const message = `step ${String(shown['key'])} of task ${task}: it holds a secret of the initArgs, and steps are kept in the engine`;
  throw new AgentSystemError('REQUEST_INVALID', message, { agentId });
}

async function execute(
  { agents, pools, tasks, leastLoaded }: TaskCallsOptions,
  calls: CallsAtWork,
  { target, task: { idempotencyKey, ...task } }: ExecuteArgs,
  request: Request,
  reader?: ChunkReader,
): Promise<unknown> {
  const { chain, signal } = request;
  const timeoutMs = Math.min(task.timeoutMs ?? Infinity, request.leftMs() ?? Infinity);
  const timed = { ...task, ...(timeoutMs === Infinity ? {} : { timeoutMs }) };
  if (idempotencyKey !== undefined) {
    refuseSecrets('agents.execute', { idempotencyKey }, (data) => request.hide(data), request.agentId);
    const key = JSON.stringify([target, idempotencyKey]);
    const open = calls.of(request.work, key);
    const close = open.begin();
    const end = (): void => {
      close();
      const left = open.takeLeft();
      if (open.isOver) calls.drop(request.work, key, open);
      // It may have ended meanwhile.
      if (left !== undefined) tasks.leave(left.id, request.taskId, left.joined).catch(() => undefined);
    };
    try {
      const called = await tasks.submitFor(target, { ...timed, idempotencyKey }, request);
      open.joined(called);
      return await outputOf(tasks, called, request, (isGivenUp) => {
        open.aborted(isGivenUp);
        end();
      });
    } finally {
      end();
    }
  }
  const given = { ...timed, signal };
  if (typeof target === 'object' && 'pool' in target) {
    return pools.executeFor(target.pool, given, { chain, reader });
  }
  const id = typeof target === 'string' ? target : await leastLoaded(target.type);
  return agents.executeFor(id, given, chain, reader);
}

/**
 * The output of a task with a key.
 *
 * @param aborted the call was given up, or its caller's attempt is over
 * @throws AgentSystemError `WAIT_CIRCLE` once that task waits for the caller, by calls that were accepted meanwhile
 */
async function outputOf(
  tasks: TaskCallsOptions['tasks'],
  { id }: CalledRecord,
  request: Request,
  aborted: (isGivenUp: boolean) => void,
): Promise<unknown> {
  const { signal } = request;
  const abort = (): void => aborted(request.isWithdrawn());
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  const circle = request.watchCircle(id);
  circle.closed.catch(() => aborted(true));
  try {
    return await Promise.race([tasks.result(id), circle.closed]);
  } finally {
    circle.end();
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Calls that one task at work has made under one key, and still waits for. It leaves the called task once it has given up
 * the last of them; where it has ended, its own agent tells that.
 */
class OpenCalls {
  #count = 0;
  /** The newest that was accepted. */
  #newest: CalledRecord | undefined;
  #isGivenUp = false;

  /** @returns ends the call, once */
  begin(): () => void {
    this.#count += 1;
    let isOpen = true;
    return () => {
      if (isOpen) this.#count -= 1;
      isOpen = false;
    };
  }

  /** None is open. */
  get isOver(): boolean {
    return this.#count === 0;
  }

  /** One was accepted: its task waits for this one. */
  joined(called: CalledRecord): void {
    const isNewer = this.#newest?.id !== called.id || (this.#newest.joined ?? 0) < (called.joined ?? 0);
    if (isNewer) this.#newest = called;
    this.#isGivenUp = false;
  }

  /** One that was accepted was given up, or its task is cut off, and may make it again. */
  aborted(isGivenUp: boolean): void {
    this.#isGivenUp = isGivenUp;
  }

  /** The task to leave, and up to which call, if there is one; once. */
  takeLeft(): CalledRecord | undefined {
    if (this.#count > 0 || !this.#isGivenUp) return undefined;
    this.#isGivenUp = false;
    return this.#newest;
  }
}

/** Those of all tasks at work, by their keys. A task may make any number of them, one after the other. */
class CallsAtWork {
  readonly #of = new WeakMap<object, Map<string, OpenCalls>>();

  of(work: object, key: string): OpenCalls {
    const calls = this.#of.get(work) ?? new Map<string, OpenCalls>();
    this.#of.set(work, calls);
    const open = calls.get(key) ?? new OpenCalls();
    calls.set(key, open);
    return open;
  }

  /** All of them are over; those that were begun since are others. */
  drop(work: object, key: string, open: OpenCalls): void {
    const calls = this.#of.get(work);
    if (calls?.get(key) === open) calls.delete(key);
  }
}

async function spawn(
  { agents, commands }: TaskCallsOptions,
  { spec, module, parent: rule }: z.output<typeof spawnArgs>,
  request: Request,
): Promise<string> {
  const { agentId } = request;
  refuseSecrets('agents.spawn', keptOfChild(spec), (data) => request.hide(data), agentId);
  const code = 'url' in module ? new URL(module.url) : module;
  const placed = placedSpec({ ...spec, module: code });
  const read = { ...placed.read, parent: { id: agentId, rule } };
  const child = { ...placed, read };
  const { id: asked } = read;
  let isNew = true;
  const id = await agents.registerRead(child).catch(async (thrown: unknown) => {
    if (!(thrown instanceof AgentSystemError) || thrown.code !== 'AGENT_EXISTS' || asked === undefined)
      throw thrown;
    await agents.assertSame(asked, child);
    isNew = false;
    return asked;
  });
  const adopt = (): Promise<boolean> => commands.give(agentId, { type: 'adopt', child: { id, rule } });
  const discard = async (): Promise<void> => {
    if (isNew && positionAt((await agents.get(id)).state).legal.has('forget')) await agents.forget(id);
  };
  const isKept = rule === 'detach' || (await adopt());
  if (isKept) {
    if (!positionAt((await agents.get(id)).state).legal.has('start')) return id;
    try {
      await agents.start(id);
    } catch (thrown) {
      await discard();
      throw thrown;
    }
    // Its parent may have ended while it started: then nobody has told it.
    if (rule === 'detach' || (await adopt())) return id;
    await agents.stop(id);
  }
  await discard();
  throw new AgentSystemError('AGENT_NOT_RUNNING', `agent ${agentId} has ended`, { agentId });
}

async function stop(
  { agents }: TaskCallsOptions,
  { id, ...options }: z.output<typeof stopArgs>,
  { agentId }: Request,
): Promise<void> {
  const { spec } = await agents.get(id);
  if (spec.parent?.id !== agentId) {
    const message = `agents.stop: id: expected a child of agent ${agentId}, got ${inWords(id)}`;
    throw new AgentSystemError('REQUEST_INVALID', message, { agentId });
  }
  await agents.stop(id, options);
}
