/**
 * What an agent is, in code: `defineAgent`, and the types of what it takes and gives.
 *
 * A definition is inert data and functions; agent-body.ts runs it the same way in every host. contexts.ts has what its
 * functions are given.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { z } from 'zod';
import type { AnyStateMachine } from 'xstate';
import { frozenData } from '../values/data-copy.ts';
import { AgentSystemError } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';
import type { AskedTask, Offer } from './agent-self.ts';
import type { ChartOutline } from './chart-agent/chart-outline.ts';
import type {
  AgentLog,
  ConnectContext,
  InitContext,
  TaskContext,
  VariableContext,
  Vote,
  VoteContext,
} from './contexts.ts';
import type { DefinedAgent } from './defined-agent.ts';
import { type AnySchema, isSchema, type Schema } from '../values/schema.ts';
import { type TaskKind, taskKindFields } from './task-kind.ts';
import { type ValuesOf, variableName, type VariableRef, type VariableValues } from './variable-handle.ts';

type MaybePromise<Value> = Value | Promise<Value>;
// oxlint-disable-next-line typescript/no-explicit-any -- the side of a schema that is not looked at may be anything
type Either = any;

/** One kind of task. */
export interface TaskDefinition<State, Input, Output, Resources = unknown, Values = VariableValues>
  extends TaskKind {
  /** Schema of its input: one that does not fit is refused with `TASK_INPUT_INVALID`. */
  readonly input?: AnySchema;
  /** Schema of its output: a task whose output does not fit fails. */
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

/** The part of a definition whose behaviour is a chart. */
export interface ChartFacet {
  /** Hash of the chart's shape: snapshots fit only charts with the same one. */
  readonly identity: string;
  /** The readable text of the chart, for the definition's hash. */
  readonly source: unknown;
  /** Makes the same definition of a machine that differs in its implementations, for tests. */
  readonly withMachine: (change: (machine: AnyStateMachine) => AnyStateMachine) => AnyAgentDefinition;
  /** What is restored of a saved state. Pure. @throws Error that names the state and what does not fit */
  fitted(saved: unknown, fromVersion: number): unknown;
  /** The chart as people see it. */
  outline(): ChartOutline;
  /** @param task one whose input is as its schema wants it */
  offer(state: unknown, task?: AskedTask): Offer;
}

/** A definition as the runtime sees it: its types are erased. */
export interface AnyAgentDefinition extends DefinedAgent, Behaviour<never, never, never> {
  readonly initArgs?: AnySchema | undefined;
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
  /** The name of the definition: a later program finds its code by it. */
  readonly type: string;
  /** Schema of the `initArgs` in specs: any Standard Schema. */
  readonly initArgs?: Schema<SentArgs, Args>;
  /** What it can do, for tasks that require it; default nothing. */
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
  /** Returns the state at the start of a life: `restored`, the state that was saved, or a first one. */
  init(context: InitContext<Args, Resources, ValuesOf<Ref>>): MaybePromise<State>;
  /** Its tasks, by name: each has a `run`, and may have schemas, `timeoutMs`, `retry`, `priority` and more. */
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
      z.strictObject(
        {
          ...taskKindFields,
          input: schema.optional(),
          output: schema.optional(),
          chunk: schema.optional(),
          run,
        },
        { error: ({ code }) => (code === 'invalid_type' ? 'expected an object, { run }' : undefined) },
      ),
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

/** What is taken for a definition from then on: agents live by it, and nobody changes it. */
export function sealed<Definition extends AnyAgentDefinition>(parsed: Definition): Definition {
  frozenData([parsed.capabilities, parsed.variables]);
  for (const kind of Object.values(Object.freeze(parsed.tasks))) {
    // Schemas are their owner's.
    const { input: _, output: __, chunk: ___, ...own } = Object.freeze(kind);
    frozenData(own);
  }
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
