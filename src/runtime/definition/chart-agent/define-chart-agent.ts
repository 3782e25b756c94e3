/**
 * An agent whose behaviour is a statechart: `defineChartAgent`, and the events between the agent and its machine.
 *
 * A task arrives in the machine as an event of its name and is answered by an event that the machine emits. The
 * result is an ordinary definition: it runs in every host.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AnyMachineSnapshot, AnyStateMachine, EmittedFrom, EventFromLogic, InputFrom } from 'xstate';
import { z } from 'zod';
import type { ExitReason } from '../../../machines/index.ts';
import { AgentSystemError, inWords } from '../../values/errors.ts';
import { parseInput } from '../../values/malformed.ts';
import { type AnySchema, isSchema } from '../../values/schema.ts';
import type {
  AgentLog,
  ConnectContext,
  InitContext,
  NamedValue,
  Proposal,
  TaskContext,
  VariableContext,
  Vote,
  VoteContext,
} from '../contexts.ts';
import { type AgentDefinition, type AnyAgentDefinition, type ChartFacet, sealed } from '../define-agent.ts';
import { type TaskKind, taskKindFields } from '../task-kind.ts';
import { type ValuesOf, variableName, type VariableRef, type VariableValues } from '../variable-handle.ts';
import { isMachine } from '../../engine/interpreted-counts.ts';
import { chartIdentity, hasEvent } from './chart-shape.ts';
import { outlineOf } from './chart-outline.ts';
import { ChartRun } from './chart-run.ts';
import { type ChartMigration, fittedChart, type SavedChart } from './saved-chart.ts';

/** One kind of task of a chart. */
export interface ChartTask extends TaskKind {
  readonly input?: AnySchema;
  readonly output?: AnySchema;
  /**
   * What answers it: an event that the machine emits (`emitted`, the default), or that the machine has taken its
   * event and settled (`taken`); its output is `undefined` then.
   */
  readonly answer?: 'emitted' | 'taken';
}

export type ChartTasks = Readonly<Record<string, ChartTask>>;

type Name<Tasks> = keyof Tasks & string;
/** What callers send and get, and what the machine gets and gives. */
type Sent<Task> = Task extends { readonly input: StandardSchemaV1<infer In, infer _Out> } ? In : unknown;
type Given<Task> = Task extends { readonly input: StandardSchemaV1<infer _In, infer Out> } ? Out : unknown;
type Raw<Task> = Task extends { readonly output: StandardSchemaV1<infer In, infer _Out> } ? In : unknown;
type Got<Task> = Task extends { readonly answer: 'taken' }
  ? undefined
  : Task extends { readonly output: StandardSchemaV1<infer _In, infer Out> }
    ? Out
    : unknown;

/** The events by which tasks arrive in a machine: `{ type: 'draft', input, taskId }`. */
export type TaskEvent<Tasks extends ChartTasks> = {
  [Task in Name<Tasks>]: {
    readonly type: Task;
    readonly input: Given<Tasks[Task]>;
    readonly taskId: string;
  };
}[Name<Tasks>];

/** The events that a machine emits as answers: `{ type: 'draft.done', output }`, `{ type: 'draft.failed', error }`. */
export type TaskAnswer<Tasks extends ChartTasks> = {
  [Task in Name<Tasks>]:
    | ({
        readonly type: `${Task}.done`;
        /** Which one, where several of a name may be open; default the one that was taken last. */
        readonly taskId?: string;
      } & (unknown extends Raw<Tasks[Task]>
        ? { readonly output?: unknown }
        : { readonly output: Raw<Tasks[Task]> }))
    | { readonly type: `${Task}.failed`; readonly taskId?: string; readonly error: unknown };
}[Name<Tasks>];

/** What else an agent tells its machine, where that has a transition for it. */
export type AgentEvent<Values = VariableValues> =
  /** A task's caller has cancelled it, or its time is up, or the agent ends: it is answered already. */
  | {
      readonly type: 'task.cancelled';
      readonly task: string;
      readonly taskId: string;
      readonly reason: string;
    }
  /** It goes on where an earlier incarnation was. */
  | {
      readonly type: 'agent.restored';
      readonly incarnation: number;
      readonly previousStop: ExitReason | undefined;
      /** What it had begun and not answered: nobody waits for these any more, unless they are asked for again. */
      readonly tasks: readonly { readonly taskId: string; readonly task: string }[];
    }
  /** A declared variable has a new value; after a restore also one that changed meanwhile. */
  | ({ readonly type: 'variable.changed'; readonly version: number } & NamedValue<Values>)
  /** Answered by emitting `vote.cast`. */
  | { readonly type: 'vote.asked'; readonly proposal: Proposal<Values> };

/** A vote, as a machine emits it; without a `roundId` it is for the newest question. */
export interface VoteCast {
  readonly type: 'vote.cast';
  readonly vote: Vote;
  readonly roundId?: string;
}

/**
 * For `setup({ types: { events: {} as ChartEvent<typeof tasks> } })`.
 *
 * @typeParam Ref the handles of its variables, `typeof rate | typeof size`, by which their values are typed
 */
export type ChartEvent<Tasks extends ChartTasks, Ref extends VariableRef = string> =
  | TaskEvent<Tasks>
  | AgentEvent<ValuesOf<Ref>>;
/** For `setup({ types: { emitted: {} as ChartAnswer<typeof tasks> } })`. */
export type ChartAnswer<Tasks extends ChartTasks> = TaskAnswer<Tasks> | VoteCast;

/** What a machine is given as its input, unless the definition says otherwise. */
export interface ChartInput<Args = unknown, Values = VariableValues> {
  /** The id of the agent. */
  readonly agentId: string;
  /** Which life this is: 1, 2, 3 … */
  readonly incarnation: number;
  /** Its `initArgs`, as their schema returns them. */
  readonly initArgs: Args;
  /** Current values of the variables that the definition lists, by name. */
  readonly variables: Values;
}

/** Whether interrupted work is done again, or told to the chart as failed (`xstate.error.actor.*`, its `onError`). */
export type Interruption = 'rerun' | 'fail';

interface Options<
  Machine extends AnyStateMachine,
  Tasks extends ChartTasks,
  SentArgs,
  Args,
  Ref extends VariableRef,
> {
  /** The name of the definition: a later program finds its code by it. */
  readonly type: string;
  /** The behaviour: any machine of XState 5. */
  readonly machine: Machine;
  /** Its tasks, by name: each arrives as an event of that name, and is answered by an event that the machine emits. */
  readonly tasks: Tasks;
  /** Schema of the `initArgs` in specs: any Standard Schema. */
  readonly initArgs?: StandardSchemaV1<SentArgs, Args>;
  /** What it can do, for tasks that require it; default nothing. */
  readonly capabilities?: readonly string[];
  /** The variables that it hears of: their handles, by which their values are typed, or their names. */
  readonly variables?: readonly Ref[];
  /**
   * Makes what a life needs and a snapshot cannot keep: clients, pools, handles. Actors and actions find it as
   * `agentOf(system).resources`. It is made anew at each life, before the machine starts; a throw is a failed start.
   */
  readonly connect?: (context: ConnectContext<Args>) => unknown;
  /** Closes what `connect` gave, at every end that the body lives to see; what it throws is logged. */
  readonly disconnect?: (context: { readonly resources: never; readonly log: AgentLog }) => unknown;
  /** The machine's input; default a `ChartInput`. */
  readonly input?: (context: ChartInput<Args, ValuesOf<Ref>>) => InputFrom<Machine>;
  /** What becomes of invoked work that a crash interrupted, for all of it or by the name it is invoked by. */
  readonly onRestore?: Interruption | Readonly<Record<string, Interruption>>;
  /** Version of what is kept in the machine's context, from 1. */
  readonly stateVersion?: number;
  /** How a snapshot of an earlier version, or of a chart with other states, becomes one of today's. */
  readonly migrate?: ChartMigration;
  /** A check of its health: what it returns is kept as detail; default where its chart stands. */
  readonly health?: (context: { readonly snapshot: AnyMachineSnapshot }) => unknown;
}

/** A machine that cannot take every task's event, or not every answer of which is one, is refused by the compiler. */
type Fitting<Machine, Tasks extends ChartTasks> = Machine extends AnyStateMachine
  ? TaskEvent<Tasks> extends EventFromLogic<Machine>
    ? Extract<EmittedFrom<Machine>, { type: `${Name<Tasks>}.${'done' | 'failed'}` }> extends TaskAnswer<Tasks>
      ? unknown
      : { readonly machine: 'the machine emits answers that are not as its tasks say' }
    : { readonly machine: 'the machine does not take the events of its tasks' }
  : never;

/** What `defineChartAgent` is given: a machine, and the tasks that it takes and answers. */
export type DefineChartAgentOptions<
  Machine extends AnyStateMachine,
  Tasks extends ChartTasks,
  SentArgs = unknown,
  Args = unknown,
  Ref extends VariableRef = string,
> = Options<Machine, Tasks, SentArgs, Args, Ref> & Fitting<Machine, Tasks>;

const text = z.string().min(1);
const aFunction = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', {
  error: 'expected a function',
});
const schema = z.custom<AnySchema>(isSchema, {
  error: 'expected a Standard Schema (zod, valibot, arktype, …)',
});
const interruption = z.enum(['rerun', 'fail']);
/** Names that events of other kinds have. */
const TAKEN_NAMES = /^(xstate\..*|.*\*.*|task\.cancelled|agent\.restored|variable\.changed|vote\.asked)$/;
const optionsSchema = z.strictObject({
  type: text,
  machine: z.custom<AnyStateMachine>(isMachine, { error: 'expected an XState machine' }),
  tasks: z
    .record(
      text,
      z
        .strictObject({
          ...taskKindFields,
          input: schema.optional(),
          output: schema.optional(),
          answer: z.enum(['emitted', 'taken']).default('emitted'),
        })
        .refine(({ answer, output }) => answer === 'emitted' || output === undefined, {
          path: ['output'],
          error: 'expected none of a task that is answered when it is taken',
        }),
    )
    .default({}),
  initArgs: schema.optional(),
  capabilities: z.array(text).default([]),
  variables: z.array(variableName).default([]),
  connect: aFunction.optional(),
  disconnect: aFunction.optional(),
  input: aFunction.optional(),
  onRestore: z
    .union([interruption, z.record(z.string(), interruption)], {
      error: 'expected "rerun", "fail", or one of these by state',
    })
    .default('rerun'),
  stateVersion: z.int().min(1).default(1),
  migrate: z.union([z.literal('keep'), aFunction], { error: 'expected "keep" or a function' }).optional(),
  health: aFunction.optional(),
});

/**
 * Defines a type of agent whose behaviour is an XState machine.
 *
 * `machine` may be any: it is run by XState's own interpreter, in the agent's body. Its snapshot is the agent's
 * saved state, kept after every settled step, and a later incarnation goes on from it: delayed events are due when
 * they were due, invoked work follows `onRestore`, children come back.
 *
 * A task whose event the machine does not take as it stands is refused with `TASK_INCOMPATIBLE`. A machine that
 * errors crashes its agent, one that reaches its top final state completes it.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field that was not as expected
 */
export function defineChartAgent<
  Machine extends AnyStateMachine,
  const Tasks extends ChartTasks,
  SentArgs = unknown,
  Args = unknown,
  Ref extends VariableRef = string,
>(
  options: DefineChartAgentOptions<Machine, Tasks, SentArgs, Args, Ref>,
): AgentDefinition<
  SentArgs,
  { [Task in Name<Tasks>]: { input: Sent<Tasks[Task]>; output: Got<Tasks[Task]> } }
> {
  const parsed = parseInput(optionsSchema, options, { what: 'defineChartAgent' });
  // A record's schema leaves out `__proto__` without a word.
  for (const name of Object.keys(options.tasks)) {
    if (name !== '__proto__' && !TAKEN_NAMES.test(name)) continue;
    const problem = `tasks: ${inWords(name)} cannot name a task, expected an event that has no other meaning`;
    throw new AgentSystemError('AGENT_SPEC_INVALID', `defineChartAgent: ${problem}`);
  }
  return sealed(definitionOf(parsed)) as never;
}

function definitionOf(options: z.output<typeof optionsSchema>): AnyAgentDefinition {
  const { type, machine, tasks, initArgs, capabilities, variables, stateVersion, health } = options;
  const { connect, disconnect } = options;
  const identity = chartIdentity(machine);
  const migrate = options.migrate as ChartMigration | undefined;
  const chart: ChartFacet = {
    identity,
    source: {
      machine: machine.definition,
      implementations: machine.implementations,
      input: options.input,
      migrate,
    },
    withMachine: (change) => sealed(definitionOf({ ...options, machine: change(machine) })),
    fitted: (saved, fromVersion) =>
      fittedChart(saved, fromVersion, { type, machine, identity, stateVersion, migrate }),
    outline: () => outlineOf(machine),
    offer: (state, task) => (state as ChartRun).offer(task),
  };
  const run = runOptionsOf(options, identity);
  return {
    type,
    ...(initArgs ? { initArgs } : {}),
    ...(connect ? { connect } : {}),
    ...(disconnect ? { disconnect } : {}),
    capabilities,
    variables,
    stateVersion,
    chart,
    init: (context: InitContext<unknown>) =>
      new ChartRun(run, context, context.restored as SavedChart | undefined),
    tasks: Object.fromEntries(
      Object.entries(tasks).map(([name, { answer: _, ...task }]) => [
        name,
        { ...task, run: (context: TaskContext<ChartRun, unknown>) => context.state.run(name, context) },
      ]),
    ),
    onVariable: ({ state, ...change }: VariableContext<ChartRun>) => state.variableChanged(change),
    ...(hasEvent(machine, 'vote.asked')
      ? { vote: ({ state, proposal }: VoteContext<ChartRun>) => state.vote(proposal) }
      : {}),
    health: ({ state }: { readonly state: ChartRun }) =>
      health
        ? (health as (context: object) => unknown)({ snapshot: state.snapshot })
        : { state: state.snapshot.value },
    save: ({ state }: { readonly state: ChartRun }) => state.saved(),
  } as unknown as AnyAgentDefinition;
}

function runOptionsOf(
  { machine, tasks, input, onRestore }: z.output<typeof optionsSchema>,
  identity: string,
) {
  const known = typeof onRestore === 'string' ? {} : onRestore;
  const others = typeof onRestore === 'string' ? onRestore : 'rerun';
  return {
    machine,
    identity,
    tasks: new Map(
      Object.entries(tasks).map(([name, { answer }]) => [name, { isTaken: answer === 'taken' }]),
    ),
    isRepeated: (src: string) => (Object.hasOwn(known, src) ? known[src] : others) === 'rerun',
    inputOf: ({ agentId, incarnation, initArgs, variables }: InitContext<unknown>) => {
      const given: ChartInput = { agentId, incarnation, initArgs, variables: { ...variables } };
      return input ? (input as (context: ChartInput) => unknown)(given) : given;
    },
  };
}
