/** One incarnation of an agent, to work with. A handle outlives its incarnation and is refused from then on. */
import type { Agent } from '../agent/agent.ts';
import type { AgentRecord } from '../agent/agent-record.ts';
import type { AgentDefinition, AnyAgentDefinition, TaskTypes } from '../definition/define-agent.ts';
import type { HealthReport } from '../agent/liveness.ts';
import type { TaskRequest } from '../agent/task-request.ts';
import { TaskChunks, type TaskStream } from '../agent/task-stream.ts';
import { answered, refused } from '../time/loop-turn.ts';
import type { ActOptions } from '../values/act.ts';
import { AgentSystemError } from '../values/errors.ts';

/** A plain string, and for the compiler the id of an agent with such tasks. */
export type TypedId<Tasks extends TaskTypes> = string & { readonly [agentTasks]?: Tasks };
declare const agentTasks: unique symbol;

/** A plain string, and for the compiler the name of a pool whose members have such tasks. */
export type TypedPoolName<Tasks extends TaskTypes> = string & { readonly [poolTasks]?: Tasks };
declare const poolTasks: unique symbol;

/** The tasks of a definition; tasks themselves as they are. */
export type TasksOf<Of extends TaskTypes | AnyAgentDefinition> =
  Of extends AgentDefinition<infer _Args, infer Tasks> ? Tasks : Of extends TaskTypes ? Of : never;

/**
 * An agent's id: a plain string, and for the compiler the tasks of the agent behind it. `register` gives one; of an
 * agent in a module it is `AgentId<typeof module>`, with `import type module from './worker.ts'`.
 */
export type AgentId<Of extends TaskTypes | AnyAgentDefinition = TaskTypes> = TypedId<TasksOf<Of>>;

/** A pool's name: a plain string, and for the compiler the tasks of its members, as in `AgentId`. */
export type PoolName<Of extends TaskTypes | AnyAgentDefinition = TaskTypes> = TypedPoolName<TasksOf<Of>>;

/** One kind of task of an agent whose type is known. */
export type TaskOf<Tasks extends TaskTypes, Name extends keyof Tasks> = Omit<TaskRequest, 'type' | 'input'> &
  AskedTaskOf<Tasks, Name>;

/** Its name, and what it takes. */
export type AskedTaskOf<Tasks extends TaskTypes, Name extends keyof Tasks> = {
  readonly type: Name;
} & (undefined extends Tasks[Name]['input']
  ? { readonly input?: Tasks[Name]['input'] }
  : { readonly input: Tasks[Name]['input'] });

/** Who stops it, and how long that may take. */
export interface StopOptions extends ActOptions {
  /** Grace in ms; default the spec's `shutdownMs`. */
  readonly timeoutMs?: number | undefined;
}

// oxlint-disable-next-line typescript/no-explicit-any -- nothing else takes every handle: its tasks are both given and received
export type AnyTasks = any;

/** What a task of a handle gives; unknown where the handle's tasks are. */
type Given<Tasks extends TaskTypes, Name extends keyof Tasks, What extends 'output' | 'chunk'> = 0 extends 1 &
  Tasks
  ? unknown
  : Tasks[Name][What];

/**
 * Every method throws `AGENT_NOT_RUNNING` once the incarnation has ended. Without a type argument it is a handle of any
 * agent: each fits it, and what its tasks give is unknown.
 */
export interface AgentHandle<Tasks extends TaskTypes = AnyTasks> {
  /** The id of the agent. */
  readonly id: string;
  /** The life that this is a handle of. */
  readonly incarnation: number;
  /** Gives it a task, as `agents.execute` does; refused once this incarnation has ended. */
  execute<Name extends keyof Tasks & string>(
    task: TaskOf<Tasks, Name>,
  ): Promise<Given<Tasks, Name, 'output'>>;
  /** The parts of a task's output as they come. */
  stream<Name extends keyof Tasks & string>(
    task: TaskOf<Tasks, Name>,
  ): TaskStream<Given<Tasks, Name, 'chunk'>, Given<Tasks, Name, 'output'>>;
  /** @param options.timeoutMs grace in ms; default the spec's `shutdownMs` */
  stop(options?: StopOptions): Promise<AgentRecord>;
  /** Ends it at once: a crash, which its restart policy answers. */
  kill(options?: ActOptions): Promise<AgentRecord>;
  /** One health check, now. */
  health(): Promise<HealthReport>;
}

/** The commands that a handle passes on. */
export interface HandleCommands {
  execute(id: string, task: TaskRequest): Promise<unknown>;
  stream(id: string, task: TaskRequest): TaskStream;
  stop(id: string, options?: StopOptions): Promise<AgentRecord>;
  kill(id: string, options?: ActOptions): Promise<AgentRecord>;
}

/** Its methods are bound: `const { execute } = handle` works. */
export class IncarnationHandle implements AgentHandle {
  readonly id: string;
  readonly incarnation: number;
  readonly #agent: Agent;
  readonly #commands: HandleCommands;

  constructor(agent: Agent, incarnation: number, commands: HandleCommands) {
    this.id = agent.id;
    this.incarnation = incarnation;
    this.#agent = agent;
    this.#commands = commands;
    Object.freeze(this);
  }

  get execute() {
    return (task: TaskRequest): Promise<never> =>
      this.#whileAlive(() => this.#commands.execute(this.id, task)) as Promise<never>;
  }

  get stream() {
    return (task: TaskRequest): TaskStream<never, never> => {
      const refusal = this.#refusal();
      const stream =
        refusal === undefined
          ? this.#commands.stream(this.id, task)
          : new TaskChunks(() => Promise.reject(refusal));
      return stream as TaskStream<never, never>;
    };
  }

  get stop() {
    return (options?: StopOptions): Promise<AgentRecord> =>
      this.#whileAlive(() => this.#commands.stop(this.id, options));
  }

  get kill() {
    return (options?: ActOptions): Promise<AgentRecord> =>
      this.#whileAlive(() => this.#commands.kill(this.id, options));
  }

  get health() {
    return (): Promise<HealthReport> =>
      this.#whileAlive(() => answered(this.#agent.clock, () => this.#agent.checkHealth()));
  }

  #whileAlive<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    const refusal = this.#refusal();
    return refusal === undefined ? command() : refused(this.#agent.clock, refusal);
  }

  /** Why its commands are refused, once its incarnation has ended. */
  #refusal(): AgentSystemError | undefined {
    const { incarnation: newest, position } = this.#agent;
    if (newest === this.incarnation && position.isAlive) return undefined;
    const message = `incarnation ${this.incarnation} of agent ${this.id} has ended`;
    const details = { incarnation: this.incarnation, newest, status: position.status };
    return new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: this.id, details });
  }
}
