/**
 * What an agent is, in code: `defineAgent`, and the contexts that its functions are given.
 *
 * A definition is inert data and functions; agent-body.ts runs it the same way in every host.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { z } from 'zod';
import type { ExitReason } from '../../machines/index.ts';
import { AgentSystemError } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';
import type { AgentSelf, ChartFacet } from './agent-self.ts';
import type { ParkOptions } from './parking.ts';
import type { AgentCalls, AskedQuestion, TaskBudget } from './task-abilities.ts';
import { type AnySchema, isSchema, type Schema } from '../values/schema.ts';
import { type TaskKind, taskKindFields } from './task-kind.ts';
import { type ValuesOf, variableName, type VariableRef, type VariableValues } from './variable-handle.ts';

type MaybePromise<Value> = Value | Promise<Value>;
/** Lines of an agent's own; they arrive in the system's logger with its id and incarnation. */
export interface AgentLog {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** A state that was saved earlier, as JSON gave it back. No type can be known: annotate what `init` returns. */
// oxlint-disable-next-line typescript/no-explicit-any -- `unknown` would make every inferred state `{}`
export type Restored = any;

// oxlint-disable-next-line typescript/no-explicit-any -- the side of a schema that is not looked at may be anything
type Either = any;

/** What `connect` is given. */
export interface ConnectContext<Args> {
  readonly agentId: string;
  readonly incarnation: number;
  readonly initArgs: Args;
  /** Fires when the start is cancelled, timed out or stopped, and at the end of the agent's life. */
  readonly signal: AbortSignal;
  /** The environment of the process that the agent lives in. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: AgentLog;
}

export interface InitContext<Args, Resources = unknown, Values = VariableValues> {
  readonly agentId: string;
  readonly incarnation: number;
  readonly initArgs: Args;
  /** The saved state of an earlier incarnation, or `undefined`. */
  readonly restored: Restored;
  /** Why the last incarnation ended, `host_lost` when its whole program did; `undefined` at the first start. */
  readonly previousStop: ExitReason | undefined;
  /** Current values of the variables that the agent declared, by name; typed where it declared them by their handles. */
  readonly variables: Values;
  /** What `connect` gave this life. */
  readonly resources: Resources;
  /** Fires when the start is cancelled, timed out or stopped, and at the end of the agent's life. */
  readonly signal: AbortSignal;
  readonly log: AgentLog;
  /** @internal */
  readonly self: AgentSelf;
}

export interface TaskContext<State, Input, Resources = unknown, Chunk = unknown, Values = VariableValues> {
  readonly taskId: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  readonly input: Input;
  readonly state: State;
  readonly variables: Values;
  /** What `connect` gave this life. */
  readonly resources: Resources;
  /** Fires when the task is cancelled, timed out or abandoned: work that ends then frees its agent. */
  readonly signal: AbortSignal;
  readonly log: AgentLog;
  /** Tells the caller's `onProgress`. */
  readonly progress: (value: unknown) => void;
  /**
   * Emits a part of the output to the reader of the stream; without a reader it is dropped. Resolves when there is room
   * for the next: a slow reader is waited for. Rejects once the task is cancelled or has ended, and for a chunk that
   * does not fit `chunk` of the definition.
   */
  readonly emit: (chunk: Chunk) => Promise<void>;
  /**
   * Asks a person, and resolves with the answer. The task is `waiting_for_input` meanwhile, and `system.questions` lists
   * the question. Question and answer outlive this body and the whole program: the task then runs again from its
   * begin, and the same question is answered at once.
   *
   * @throws AgentSystemError `QUESTION_EXPIRED` past `deadlineMs` without an `otherwise`, `REQUEST_INVALID`
   */
  readonly ask: <Answer = unknown>(question: AskedQuestion<Answer>) => Promise<Answer>;
  /** Other agents of the fleet: tasks that they do for this one. */
  readonly agents: AgentCalls;
  /**
   * Tells that it is about to do this, a tool of that name with these arguments say. Gives how often this task has,
   * this time included; more often than `maxRepeats` of its kind throws `TASK_REPEATED`.
   *
   * @throws AgentSystemError `TASK_REPEATED`, `REQUEST_INVALID` for arguments that are no JSON data
   */
  readonly repeated: (name: string, args?: unknown) => number;
  /** What it may spend: reserved before a call, settled after it. */
  readonly budget: TaskBudget;
  /**
   * A piece of the work whose result is kept: a task that runs again, after a crash, a wait or the loss of its program,
   * is given what it kept and does the work once only. Resolves with the result once that is durable. Work that throws
   * keeps nothing.
   *
   * @param key names the piece, once in a task; 512 characters at the most
   * @param work gives JSON data
   * @throws AgentSystemError `REQUEST_INVALID` for a result that is no JSON data, `STORE_FAILED`; and what `work` throws
   */
  readonly step: <Value>(key: string, work: () => Value | PromiseLike<Value>) => Promise<Value>;
  /** What earlier runs of this task kept, by key. */
  readonly steps: ReadonlyMap<string, unknown>;
  /**
   * Leaves the task because a limit is reached: it goes back to the head of its queue and is begun anew once that is
   * reset. It counts as no attempt. Throws, and what it throws is not to be caught; nothing of the state stays.
   *
   * @param options `until` (epoch ms, or a Date) or `afterMs`, and `why`
   */
  readonly park: (options: ParkOptions) => never;
  /** Ends the agent normally once this task is done: `completed`, and never restarted. */
  readonly complete: () => void;
  /**
   * Gives buffers of the output away: a thread moves them to the caller instead of copying, and they are then
   * empty here. Never give one away that the state still needs. Other hosts copy, or share, as always.
   */
  readonly transfer: (...buffers: ArrayBuffer[]) => void;
}

/** A variable and its value, each name with its own. */
export type NamedValue<Values> = {
  [Name in keyof Values & string]: { readonly name: Name; readonly value: Values[Name] };
}[keyof Values & string];

export type VariableContext<State, Resources = unknown, Values = VariableValues> = NamedValue<Values> & {
  readonly version: number;
  readonly state: State;
  readonly variables: Values;
  readonly resources: Resources;
  readonly log: AgentLog;
};

export type Vote = 'accept' | 'reject' | 'abstain';

/** The value that a variable is to take in place of its current one, each name with its own. */
type ProposedValue<Values> = {
  [Name in keyof Values & string]: {
    readonly variable: Name;
    readonly value: Values[Name];
    readonly current: Values[Name];
  };
}[keyof Values & string];

/** What a round asks its voters. */
export type Proposal<Values = VariableValues> = ProposedValue<Values> & {
  readonly roundId: string;
  readonly deadlineAt: number;
  /** As what the agent is asked: as one of the electorate, or as the leader, whose word then decides alone. */
  readonly as: 'voter' | 'leader';
};

export interface VoteContext<State, Resources = unknown, Values = VariableValues> {
  readonly proposal: Proposal<Values>;
  readonly state: State;
  readonly variables: Values;
  readonly resources: Resources;
  readonly log: AgentLog;
}

/** One kind of task. */
export interface TaskDefinition<State, Input, Output, Resources = unknown, Values = VariableValues>
  extends TaskKind {
  readonly input?: AnySchema;
  readonly output?: AnySchema;
  /** What `emit`, or a generator's `yield`, gives to those who read the task as a stream. */
  readonly chunk?: AnySchema;
  /** An async generator streams what it yields; what it returns is the output. */
  run(
    context: TaskContext<State, Input, Resources, unknown, Values>,
  ): MaybePromise<Output> | AsyncGenerator<unknown, Output>;
}

interface Behaviour<State, Resources, Values> {
  /**
   * Closes what `connect` gave, at every end that the body lives to see, after `terminate` and after an `init` that
   * failed; what it throws is logged. Nobody waits for it after a crash or a kill.
   */
  disconnect?(context: { readonly resources: Resources; readonly log: AgentLog }): MaybePromise<void>;
  /** Whether a task that throws fails alone (`fail`, the default) or takes its agent down. */
  readonly onTaskError?: 'fail' | 'crash';
  /**
   * What happens to a task whose error says that a limit is reached, by a reset time, by status 429,
   * 503 or 529, or by `isRetryable: true`: it parks until the reset (`park`, the default), or fails like any other. A chart's fails.
   */
  readonly onLimit?: 'park' | 'fail';
  /** Name of a limit that agents share: they park together. The spec's own comes before it. */
  readonly quota?: string;
  /**
   * Whether what a task has changed of the state stays when it fails or is cancelled; by default the state is then as
   * it was at the last commit. A state that cannot be copied (it holds a function, or an instance of a class) stays in
   * any case. What is not JSON data in the state, or a `save`, costs a copy of the state for each task.
   */
  readonly keepStateOnFailure?: boolean;
  /**
   * Told of every change of a declared variable; the version is acknowledged once this has returned. A throw is a
   * crash of the agent.
   */
  onVariable?(context: VariableContext<State, Resources, Values>): MaybePromise<void>;
  /** One vote in a round. Without it the agent abstains; one that throws is a failed vote, which counts for nothing. */
  vote?(context: VoteContext<State, Resources, Values>): MaybePromise<Vote>;
  /** Its health check: the result is kept as detail, a throw is a missed check. */
  health?(context: { readonly state: State; readonly resources: Resources }): MaybePromise<unknown>;
  /** Returns the state to save, as JSON data; by default the state itself. */
  save?(context: { readonly state: State; readonly resources: Resources }): unknown;
  /** Version of the shape of the saved state, from 1; raised together with a `migrate`. */
  readonly stateVersion?: number;
  /** Turns a state that was saved by an earlier `stateVersion` into one of today's. Pure; a promise, or nothing, is refused. */
  migrate?(saved: unknown, fromVersion: number): unknown;
  /** Called last in a graceful end. */
  terminate?(context: {
    readonly state: State;
    readonly resources: Resources;
    readonly log: AgentLog;
  }): MaybePromise<void>;
}

/** A definition as the runtime sees it: its types are erased. */
export interface AnyAgentDefinition extends Behaviour<never, never, never> {
  readonly type: string;
  readonly initArgs?: AnySchema | undefined;
  readonly capabilities: readonly string[];
  readonly variables: readonly string[];
  connect?(context: ConnectContext<never>): unknown;
  init(context: InitContext<never, never, never>): unknown;
  readonly tasks: Readonly<Record<string, TaskDefinition<never, never, unknown, never, never>>>;
  /** @internal What is more where its behaviour is a chart. */
  readonly chart?: ChartFacet | undefined;
}

/** The tasks of an agent: for each kind its input, its output, and its chunks. */
export type TaskTypes = Record<
  string,
  { readonly input: unknown; readonly output: unknown; readonly chunk?: unknown }
>;

declare const types: unique symbol;
/** An agent definition; `Args` and `Tasks` are for the compiler alone. */
export interface AgentDefinition<Args = unknown, Tasks extends TaskTypes = TaskTypes>
  extends AnyAgentDefinition {
  readonly [types]?: { readonly args: Args; readonly tasks: Tasks };
}

type Types = Record<string, unknown>;
/** What callers get: what the `output` schema makes of the result, or the result itself where there is none. */
type Results<Out extends Types, Returned extends Types> = {
  [Name in keyof Returned]: Name extends keyof Out
    ? unknown extends Out[Name]
      ? Yielded<Returned[Name]>['output']
      : Out[Name]
    : Yielded<Returned[Name]>['output'];
};
/** What an async generator streams and returns; anything else is the output itself. */
type Yielded<Returned> =
  Returned extends AsyncGenerator<infer Chunk, infer Output>
    ? { readonly chunk: Chunk; readonly output: Output }
    : { readonly chunk: unknown; readonly output: Returned };

/**
 * What `defineAgent` is given. The types of each task are read off one aspect at a time: what callers send and
 * `run` gets, what `run` returns and callers get.
 */
export type DefineAgentOptions<
  State,
  SentArgs,
  Args,
  Sent extends Types,
  In extends Types,
  Raw extends Types,
  Out extends Types,
  Returned extends Types,
  Resources = undefined,
  Chunks extends Types = Types,
  Ref extends VariableRef = string,
> = Behaviour<State, Resources, ValuesOf<Ref>> & {
  readonly type: string;
  readonly initArgs?: Schema<SentArgs, Args>;
  readonly capabilities?: readonly string[];
  /**
   * The variables it listens to: their handles (`defineVariable`), by which their values are typed in every context, or
   * their names.
   */
  readonly variables?: readonly Ref[];
  /**
   * Makes what a life needs and JSON cannot keep: clients, pools, handles. It is `resources` in every context, is
   * never saved, and is made anew at each life, before `init`. A throw is a failed start. Written before `init`, its
   * type flows into all of them.
   */
  connect?(context: ConnectContext<Args>): MaybePromise<Resources>;
  init(context: InitContext<Args, Resources, ValuesOf<Ref>>): MaybePromise<State>;
  readonly tasks: {
    readonly [Name in keyof In]: TaskKind & {
      readonly input?: StandardSchemaV1<Either, In[Name]>;
      run(
        context: TaskContext<
          State,
          In[Name],
          Resources,
          Name extends keyof Chunks ? Chunks[Name] : unknown,
          ValuesOf<Ref>
        >,
      ): unknown;
    };
  } & { readonly [Name in keyof Sent]: { readonly input?: StandardSchemaV1<Sent[Name], Either> } } & {
    readonly [Name in keyof Out]: { readonly output?: StandardSchemaV1<Either, Out[Name]> };
  } & {
    readonly [Name in keyof Raw]: {
      readonly output?: StandardSchemaV1<Raw[Name], Either>;
      run(context: never): MaybePromise<NoInfer<Raw[Name]>> | AsyncGenerator<unknown, NoInfer<Raw[Name]>>;
    };
  } & {
    readonly [Name in keyof Chunks]: { readonly chunk?: StandardSchemaV1<Either, Chunks[Name]> };
  } & { readonly [Name in keyof Returned]: { run(context: never): MaybePromise<Returned[Name]> } };
};

const text = z.string().min(1);
const run = z.custom((value) => typeof value === 'function', { error: 'expected a function' });
const schema = z.custom(isSchema, { error: 'expected a Standard Schema (zod, valibot, arktype, …)' });
const definitionSchema = z.strictObject({
  type: text,
  initArgs: schema.optional(),
  capabilities: z.array(text).default([]),
  variables: z.array(variableName).default([]),
  connect: run.optional(),
  disconnect: run.optional(),
  init: run,
  tasks: z
    .record(
      text,
      z.strictObject({
        ...taskKindFields,
        input: schema.optional(),
        output: schema.optional(),
        chunk: schema.optional(),
        run,
      }),
    )
    .default({}),
  onTaskError: z.enum(['fail', 'crash']).optional(),
  onLimit: z.enum(['park', 'fail']).optional(),
  quota: text.max(256).optional(),
  keepStateOnFailure: z.boolean().optional(),
  onVariable: run.optional(),
  vote: run.optional(),
  health: run.optional(),
  save: run.optional(),
  stateVersion: z.int().min(1).optional(),
  migrate: run.optional(),
  terminate: run.optional(),
});

const defined = new WeakSet<object>();
/** Definitions of another copy of this package (a child's, say) carry it too. */
const MARK = Symbol.for('mabeam.agent');

/**
 * Defines a type of agent.
 *
 * `init` returns the state, which `tasks` may change in place. Anything that is a Standard Schema serves as
 * `initArgs`, `input` and `output`.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field that was not as expected
 */
export function defineAgent<
  State,
  Sent extends Types,
  In extends Types,
  Raw extends Types,
  Out extends Types,
  Returned extends Types,
  SentArgs = unknown,
  Args = unknown,
  Resources = undefined,
  Chunks extends Types = Types,
  Ref extends VariableRef = string,
>(
  options: DefineAgentOptions<State, SentArgs, Args, Sent, In, Raw, Out, Returned, Resources, Chunks, Ref>,
): AgentDefinition<
  SentArgs,
  {
    [Name in keyof Returned & string]: {
      input: Name extends keyof Sent ? Sent[Name] : unknown;
      output: Results<Out, Returned>[Name];
      chunk: Name extends keyof Chunks
        ? unknown extends Chunks[Name]
          ? Yielded<Returned[Name]>['chunk']
          : Chunks[Name]
        : Yielded<Returned[Name]>['chunk'];
    };
  }
> {
  const parsed = parseInput(definitionSchema, options, { what: 'defineAgent' });
  // A record's schema leaves this key out without a word.
  if (Object.hasOwn(options.tasks ?? {}, '__proto__')) {
    throw new AgentSystemError('AGENT_SPEC_INVALID', 'defineAgent: tasks: "__proto__" cannot name a task');
  }
  return sealed(parsed as unknown as AnyAgentDefinition) as never;
}

/** What is taken for a definition from then on. */
export function sealed<Definition extends AnyAgentDefinition>(parsed: Definition): Definition {
  // Not enumerable: a spread of a definition is none, until it has been through here.
  const definition = Object.freeze(Object.defineProperty(parsed, MARK, { value: true }));
  defined.add(definition);
  return definition;
}

/** Whether a value came from `defineAgent`. */
export function isAgentDefinition(value: unknown): value is AnyAgentDefinition {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return defined.has(value) || MARK in value;
  } catch {
    return false;
  }
}

export type { Schema };
