/**
 * Calls between agents: the implementation of `context.agents`.
 *
 * Owns nothing that outlives a call: the tasks themselves hold which task waits for which.
 *
 * I1  A call takes no longer than what is left of its caller's time, ends with its caller, and has its trace.
 * I2  A call that could be served only after its caller has ended is refused before it is accepted.
 * I3  A child that could not be started is removed again.
 * I4  A call with a key is a submitted task, and outlives its caller's attempt or program: a caller that runs again waits
 *     for the same task. It ends with the tasks of its callers.
 * I5  What the store will have of a call, or of a child, holds no secret of the caller.
 */
import type { z } from 'zod';
import type { Agent } from '../agent/agent.ts';
import {
  type MadeRequest,
  type MailboxTask,
  type RequestHandler,
  requestHandler,
} from '../agent/requests.ts';
import type { GivenTask } from '../agent/task-request.ts';
import type { ChunkReader } from '../agent/task-stream.ts';
import type { Places, Wait, WaitingTask, WaitTarget } from '../agent/wait.ts';
import { type AgentManifest, withTimeout } from '../definition/manifest.ts';
import { withinTrace } from '../hosting/trace-parent.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import type { SecretNet } from '../values/secret-net.ts';
import type { Agents } from './agents.ts';
import { type ExecuteArgs, executeArgs, spawnArgs, stopArgs } from './call-args.ts';
import { keptOfChild, refuseSecrets } from './call-secrets.ts';
import { CalledStreams } from './called-streams.ts';
import type { Families } from './families.ts';
import { checkTask } from './task-check.ts';
import { hasTaskMissed, type TaskRecord } from './task-record.ts';
import type { TaskTarget } from './task-submission.ts';
import type { Tasks } from './tasks.ts';
import { circleClosedBy, type CircleStep } from './wait-circle.ts';

/** What a call needs to know of a pool. */
export interface CalledPool {
  readonly manifest: AgentManifest;
  /** Its members, looked up one by one as they are asked for. */
  readonly members: Iterable<Agent>;
  /** Whether members may be added, or come back. */
  readonly mayGrow: boolean;
}

export interface AgentCallsOptions {
  readonly agents: Agents;
  readonly tasks: Tasks;
  readonly families: Families;
  readonly secrets: SecretNet;
  /** @throws AgentSystemError `POOL_UNKNOWN` */
  readonly pool: (name: string) => CalledPool;
  readonly runInPool: (name: string, task: GivenTask) => Promise<unknown>;
  /** Throws `SYSTEM_CLOSED` once the system closes. */
  readonly assertOpen: () => void;
}

export class AgentCalls {
  readonly #options: AgentCallsOptions;
  /** What tasks read goes with them. */
  readonly streams: CalledStreams<MailboxTask>;

  constructor(options: AgentCallsOptions) {
    this.#options = options;
    this.streams = new CalledStreams({
      execute: (args, request, reader) => this.#execute(args, request, reader),
      keyOf: ({ entry }) => entry,
    });
  }

  /** Answers `agents.execute` with the output of the task. */
  get execute(): RequestHandler {
    return requestHandler(executeArgs, (args, request) => this.#execute(args, request));
  }

  /** Answers `agents.spawn` with the id of the child. */
  get spawn(): RequestHandler {
    return requestHandler(spawnArgs, (args, request) => this.#spawn(args, request));
  }

  /** Answers `agents.stop` when the child has ended. */
  get stop(): RequestHandler {
    return requestHandler(stopArgs, async ({ id, ...options }, { agentId }) => {
      const { agents } = this.#options;
      if (agents.find(id).spec.parent?.id !== agentId) {
        const message = `agents.stop: id: expected a child of agent ${agentId}, got ${inWords(id)}`;
        throw new AgentSystemError('REQUEST_INVALID', message, { agentId });
      }
      await agents.stop(id, options);
    });
  }

  async #spawn(
    { spec, module, parent: rule }: z.output<typeof spawnArgs>,
    { agentId }: MadeRequest,
  ): Promise<string> {
    const { agents, families } = this.#options;
    this.#refuseSecrets('agents.spawn', keptOfChild(spec), agentId);
    const code = 'url' in module ? new URL(module.url) : module;
    const { agent, isNew } = await agents.registerChild({ ...spec, module: code }, { id: agentId, rule });
    const { id } = agent;
    families.admit(agent);
    // The parent may have ended during the registration.
    if (rule !== 'detach' && families.hasEnded(agentId)) {
      if (isNew) await agents.forget(id);
      throw new AgentSystemError('AGENT_NOT_RUNNING', `agent ${agentId} has ended`, { agentId });
    }
    if (!agent.position.legal.has('start')) return id;
    try {
      await agents.start(id);
    } catch (thrown) {
      if (isNew && agent.position.legal.has('forget')) await agents.forget(id);
      throw thrown;
    }
    return id;
  }

  async #execute(
    { target, task }: ExecuteArgs,
    request: MadeRequest,
    reader?: ChunkReader,
  ): Promise<unknown> {
    const { agents, runInPool, assertOpen } = this.#options;
    assertOpen();
    const { idempotencyKey } = task;
    if (idempotencyKey !== undefined) return this.#executeOnce({ target, task }, idempotencyKey, request);
    if (typeof target === 'object' && 'pool' in target) {
      const { pool } = target;
      const { manifest } = this.#options.pool(pool);
      this.#check(task, manifest, request);
      return this.#wait(request, this.#poolTarget(pool), (call) =>
        runInPool(pool, givenOf(task, manifest, request, call, reader)),
      );
    }
    const { whenDown = 'refuse' } = task;
    const agent =
      typeof target === 'string'
        ? agents.asked(target, whenDown === 'wait' ? 'if it comes back' : 'never')
        : agents.leastLoaded(target.type, whenDown);
    this.#check(task, agent.manifest, request, agent.id);
    return this.#wait(request, new AgentTarget(agent), (call) =>
      agents.run(agent, givenOf(task, agent.manifest, request, call, reader)),
    );
  }

  /** Waits for the task of that key, which is submitted where there is none yet. */
  async #executeOnce(
    { target, task: { idempotencyKey: _, whenDown: __, ...task } }: ExecuteArgs,
    idempotencyKey: string,
    request: MadeRequest,
  ): Promise<unknown> {
    const { agents, tasks } = this.#options;
    this.#refuseSecrets('agents.execute', { idempotencyKey, input: task.input }, request.agentId);
    let known = tasks.keyed(idempotencyKey);
    if (known !== undefined && target !== known.agentId && this.#isOrphan(known)) {
      // It cannot be done again: another agent gets a new one.
      await tasks.forget(known.id);
      known = undefined;
    }
    if (known?.status === 'done') return tasks.result(known.id);
    // It stays with the agent that has it, and waits for its pool to be there again.
    if (known !== undefined && !hasTaskMissed(known)) {
      const { id, pool, agentId } = known;
      const holder = pool === undefined ? new AgentTarget(agents.find(agentId)) : this.#poolTarget(pool);
      return this.#wait(request, new JoinedTarget(id, holder), () => tasks.outputFor(id, request));
    }
    const submitted = async (to: TaskTarget, manifest: AgentManifest, call: Call): Promise<unknown> => {
      const { timeoutMs, begins } = givenOf(task, manifest, request, call, undefined);
      const limit = timeoutMs === undefined ? {} : { timeoutMs };
      const asked = { ...task, ...limit, idempotencyKey };
      const id = await tasks.submitAgain(to, asked, { id: request.taskId, begins });
      // Another caller may have submitted it in the same moment, and has heard that it begins.
      call.target = new JoinedTarget(id, call.target);
      return tasks.outputFor(id, request);
    };
    if (typeof target === 'object' && 'pool' in target) {
      const { manifest } = this.#options.pool(target.pool);
      return this.#wait(request, this.#poolTarget(target.pool), (call) => submitted(target, manifest, call));
    }
    const id =
      known?.agentId ?? (typeof target === 'string' ? target : agents.leastLoaded(target.type, 'wait').id);
    const agent = agents.find(id);
    if (!agent.position.comesBack) agent.refuseUnless('execute');
    return this.#wait(request, new AgentTarget(agent), (call) => submitted(id, agent.manifest, call));
  }

  /** The store has the input of a task that may be repeated. */
  #check(task: ExecuteArgs['task'], manifest: AgentManifest, request: MadeRequest, agentId?: string): void {
    checkTask(task, manifest, agentId);
    if (manifest.tasks[task.type]?.retry) this.#refuseSecrets('agents.execute', task.input, request.agentId);
  }

  /** @param kept what the store will have of it */
  #refuseSecrets(what: string, kept: unknown, agentId: string): void {
    refuseSecrets(what, kept, (data) => this.#options.secrets.hide(data, agentId), agentId);
  }

  /** It ended without an output, and its agent is no more. */
  #isOrphan(task: TaskRecord): boolean {
    return hasTaskMissed(task) && task.pool === undefined && !this.#options.agents.has(task.agentId);
  }

  #poolTarget(name: string): PoolTarget {
    return new PoolTarget(name, this.#options.pool);
  }

  async #wait(
    { entry, trace }: MadeRequest,
    target: WaitTarget,
    run: (call: Call) => Promise<unknown>,
  ): Promise<unknown> {
    const circle = circleClosedBy(entry, target);
    if (circle !== undefined) throw waitCircle(circle);
    const call = new Call(target);
    entry.waits.add(call);
    try {
      return await entry.caller.runInAsyncScope(() => withinTrace(trace, () => run(call)));
    } finally {
      entry.waits.delete(call);
    }
  }
}

/** A wait, from its beginning to the end of the called task. */
class Call implements Wait {
  target: WaitTarget;
  task: WaitingTask | undefined = undefined;

  constructor(target: WaitTarget) {
    this.target = target;
  }
}

class AgentTarget implements WaitTarget {
  readonly mayGrow = false;
  readonly #agent: Agent;

  constructor(agent: Agent) {
    this.#agent = agent;
  }

  get name(): string {
    return this.#agent.id;
  }

  places(): readonly Places[] {
    return [this.#agent.places];
  }
}

class PoolTarget implements WaitTarget {
  readonly #pool: string;
  readonly #look: (name: string) => CalledPool;

  constructor(pool: string, look: (name: string) => CalledPool) {
    this.#pool = pool;
    this.#look = look;
  }

  get name(): string {
    return `pool ${this.#pool}`;
  }

  get mayGrow(): boolean {
    return this.#seen?.mayGrow ?? true;
  }

  *places(): Generator<Places, void, undefined> {
    for (const agent of this.#seen?.members ?? []) yield agent.places;
  }

  /** `undefined` for a closed pool: calls that wait for it are about to be refused. */
  get #seen(): CalledPool | undefined {
    try {
      return this.#look(this.#pool);
    } catch {
      return undefined;
    }
  }
}

/** A task that was asked for before: its place, once it has one. */
class JoinedTarget implements WaitTarget {
  readonly #taskId: string;
  readonly #holder: WaitTarget;

  constructor(taskId: string, holder: WaitTarget) {
    this.#taskId = taskId;
    this.#holder = holder;
  }

  get name(): string {
    return this.#holder.name;
  }

  get mayGrow(): boolean {
    return this.#begun === undefined && this.#holder.mayGrow;
  }

  places(): Iterable<Places> {
    const begun = this.#begun;
    return begun === undefined ? this.#holder.places() : [{ isFree: false, holders: [begun] }];
  }

  get #begun(): WaitingTask | undefined {
    for (const { holders } of this.#holder.places())
      for (const task of holders) if (task.taskId === this.#taskId) return task;
    return undefined;
  }
}

function givenOf(
  asked: ExecuteArgs['task'],
  manifest: AgentManifest,
  request: MadeRequest,
  call: Call,
  reader: ChunkReader | undefined,
): GivenTask {
  const { timeoutMs = Infinity, ...task } = withTimeout<GivenTask>(asked, manifest.tasks[asked.type]);
  const limit = Math.min(timeoutMs, request.leftMs() ?? Infinity);
  return {
    ...task,
    signal: request.signal,
    ...(reader === undefined ? {} : { reader }),
    ...(limit === Infinity ? {} : { timeoutMs: limit }),
    begins: (entry) => {
      call.task = entry;
    },
  };
}

function waitCircle(circle: readonly CircleStep[]): AgentSystemError {
  const way = [circle[0]!.agentId, ...circle.map(({ waitsFor }) => waitsFor)];
  const last = circle.at(-1)!;
  // The caller of a pool waits for one of its members.
  if (last.waitsFor !== circle[0]!.agentId) way.push(circle[0]!.agentId);
  const { agentId } = circle[0]!;
  return new AgentSystemError('WAIT_CIRCLE', `agent ${agentId} would wait for itself: ${way.join(' → ')}`, {
    agentId,
    details: { circle: way, tasks: circle.map(({ taskId }) => taskId) },
  });
}
