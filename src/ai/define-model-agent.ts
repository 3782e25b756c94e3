/**
 * An agent whose work is done by a language model: `defineModelAgent`.
 *
 * It gives an ordinary definition, which runs in every host. Each call of the model or of a tool is a step of its task
 * (model-run.ts); its conversations are its saved state.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { asSchema } from 'ai';
import type { FlexibleSchema, Instructions, LanguageModel, ModelMessage, StopCondition, ToolSet } from 'ai';
import { z } from 'zod';
import {
  type AgentDefinition,
  type AgentLog,
  type ConnectContext,
  defineAgent,
  type InitContext,
  type TaskContext,
  type VariableValues,
} from '../agent.ts';
import type { ValuesOf, VariableRef } from '../runtime/definition/variable-handle.ts';
import { type AnyAgentDefinition, sealed } from '../runtime/definition/define-agent.ts';
import { AgentSystemError, errorInfoOf } from '../runtime/values/errors.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { callPrices, type CallPrices } from './call-cost.ts';
import { type ConversationOptions, messagesOf, type ModelAgentState, remember } from './conversation.ts';
import { assertTools } from './durable-tools.ts';
import { type ModelRunOptions, type ModelSettings, runModel } from './model-run.ts';
import type { ToolSource } from './server-tools.ts';
import { toldWithoutTools } from './told-messages.ts';
import type { ToolApproval } from './tool-approval.ts';

type MaybePromise<Value> = Value | Promise<Value>;
type Types = Record<string, unknown>;
// oxlint-disable-next-line typescript/no-explicit-any -- the side of a schema that is not looked at may be anything
type Either = any;

/** What a prompt is made from. */
export interface PromptContext<Input, Resources = unknown, Args = unknown, Values = VariableValues> {
  /** The id of the agent. */
  readonly agentId: string;
  /** The id of the task. */
  readonly taskId: string;
  /** What the caller sent, as its schema returns it. */
  readonly input: Input;
  /** The `initArgs` of the agent, as their schema returns them. */
  readonly initArgs: Args;
  /** Current values of the variables that the definition lists, by name. */
  readonly variables: Values;
  /** What `connect` returned for this life. */
  readonly resources: Resources;
  /** Lines for the system's log. */
  readonly log: AgentLog;
}

type Tools = ToolSet | ToolSource | readonly (ToolSet | ToolSource)[];

/** What makes the model and the tools of one life. */
export interface LifeContext<Resources = unknown, Args = unknown> {
  /** The id of the agent. */
  readonly agentId: string;
  /** Its `initArgs`, as their schema returns them. */
  readonly initArgs: Args;
  /** The environment of the process that the agent lives in. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What `connect` gave this life. */
  readonly resources: Resources;
  /** Fires when the start is cancelled, timed out or stopped, and at the end of the agent's life. */
  readonly signal: AbortSignal;
  /** Lines for the system's log. */
  readonly log: AgentLog;
}

/** Options of a task as in `defineAgent`, without `input`, `output` and `run`. */
type TaskOptions = Omit<AnyAgentDefinition['tasks'][string], 'input' | 'output' | 'run'>;

/** One kind of task of a model agent. */
export interface ModelTask<Input, Output, Resources, Args, Values = VariableValues> extends TaskOptions {
  /** The prompt: a text by the user, or messages. */
  prompt(
    context: PromptContext<Input, Resources, Args, Values>,
  ): MaybePromise<string | readonly ModelMessage[]>;
  /** Schema of the answer, which is then an object; without it the answer is text. */
  readonly output?: FlexibleSchema<Output>;
  /** How often the model is asked again, within the task, if its object does not fit `output`; default 1. */
  readonly repairs?: number;
  /** Whether the text is given to `agents.stream` as it comes; default false. */
  readonly stream?: boolean;
  /** Instructions of this kind of task, in place of the agent's. */
  readonly instructions?:
    | Instructions
    | ((context: PromptContext<Input, Resources, Args, Values>) => Instructions);
  /** Whether it takes part in the agent's conversation; default true where the agent has one. */
  readonly conversation?: boolean;
}

/** What `defineModelAgent` is given: a model, its instructions, its tools, and the tasks that it does. */
export interface DefineModelAgentOptions<
  SentArgs,
  Args,
  Sent extends Types,
  In extends Types,
  Out extends Types,
  Asked extends Types,
  Resources,
  Ref extends VariableRef = string,
> {
  /** The name of the definition: a later program finds its code by it. */
  readonly type: string;
  /** Makes what a life needs and JSON cannot keep, as in `defineAgent`. Write it first: other options use its type. */
  connect?(context: ConnectContext<Args>): MaybePromise<Resources>;
  /** Closes what `connect` made, at every orderly end. Write it after `connect`. */
  disconnect?(context: { readonly resources: Resources; readonly log: AgentLog }): MaybePromise<void>;
  /** Schema of the `initArgs` in specs: any Standard Schema. */
  readonly initArgs?: StandardSchemaV1<SentArgs, Args>;
  /** A model of the AI SDK, its name at the SDK's default provider, or what makes one at the beginning of a life. */
  readonly model: LanguageModel | ((context: LifeContext<Resources, Args>) => MaybePromise<LanguageModel>);
  /**
   * The system prompt: a text, a system message or several, whose `providerOptions` may have the provider cache them, or a
   * function of a task's context; a task may have its own.
   */
  readonly instructions?:
    | Instructions
    | ((context: PromptContext<unknown, Resources, Args, ValuesOf<Ref>>) => Instructions);
  /** Tools of the AI SDK by name; `agentTool` makes one of another agent, `serverTools` those of an MCP server. */
  readonly tools?: Tools | ((context: LifeContext<Resources, Args>) => MaybePromise<Tools>);
  /**
   * Which calls of tools a person has to approve, as the SDK has it: statuses by the tools' names, or a function of the
   * call. A `user-approval` is a question of the task, answered with `{ approved, reason?, input? }`; the model gets the
   * reason of a denial, and is told of an `input` that the call is made with in place of its own. A tool's own
   * `needsApproval` counts if there is no status by its name; where this is a function of every call, that judges alone.
   */
  readonly toolApproval?: ToolApproval;
  /** Name of a limit of the provider's that agents share: they park together. */
  readonly quota?: string;
  /** Whether a task whose provider says that a limit is reached parks until the reset (`park`, the default), or fails. */
  readonly onLimit?: 'park' | 'fail';
  /**
   * Each call of the model is paid from the budgets that cover its task: reserved before it, by its prompt and the longest
   * possible answer, and settled by what the provider reports. With prices also in money.
   */
  readonly budget?: true | CallPrices;
  /** What it can do, for tasks that require it; default nothing. */
  readonly capabilities?: readonly string[];
  /** The variables that its prompts read: their handles, by which values are typed, or their names. */
  readonly variables?: readonly Ref[];
  /** Settings of each call, as the SDK has them. */
  readonly settings?: ModelSettings;
  /** When the loop of model and tools ends; default after 20 steps. */
  readonly stopWhen?: StopCondition<ToolSet> | readonly StopCondition<ToolSet>[];
  /**
   * How often, in a run of a task, a tool may be called with the same input; default 5. Beyond that the tool is not
   * called: the model is told so twice, and then its task fails.
   */
  readonly maxRepeats?: number;
  /** What it remembers from task to task; default nothing: each task begins anew. */
  readonly conversation?: true | ConversationOptions<Either>;
  /** Its tasks, by name. */
  readonly tasks: {
    readonly [Name in keyof In]: Omit<
      ModelTask<In[Name], unknown, Resources, Args, ValuesOf<Ref>>,
      'output'
    > & {
      readonly input?: StandardSchemaV1<Either, In[Name]>;
    };
  } & { readonly [Name in keyof Sent]: { readonly input?: StandardSchemaV1<Sent[Name], Either> } } & {
    readonly [Name in keyof Out]: { readonly output?: FlexibleSchema<Out[Name]> };
  } & { readonly [Name in keyof Asked]: { prompt(context: never): MaybePromise<Asked[Name]> } };
}

/** What `connect` of the underlying definition gives. */
interface Life {
  readonly agentId: string;
  readonly model: LanguageModel;
  readonly tools: readonly (ToolSet | ToolSource)[];
  readonly initArgs: unknown;
  readonly resources: unknown;
}

type ErasedTask = ModelTask<unknown, unknown, unknown, unknown> & { readonly input?: unknown };
type Erased = Omit<
  DefineModelAgentOptions<unknown, unknown, Types, Types, Types, Types, unknown>,
  'tasks'
> & {
  readonly tasks: Readonly<Record<string, ErasedTask>>;
};

const MAX_REPEATS = 5;
/** To repeat a task pays for no call twice. */
const RETRY = 'on_host_loss';
/** The options of a task that `defineAgent` does not have. */
const OURS = new Set(['prompt', 'output', 'repairs', 'stream', 'instructions', 'conversation']);
const aFunction = z.custom((value) => typeof value === 'function', { error: 'expected a function' });
const modelSchema = z.custom(
  (value) =>
    typeof value === 'function' ||
    (typeof value === 'string' && value !== '') ||
    (typeof value === 'object' && value !== null && 'doGenerate' in value),
  { error: 'expected a language model of the AI SDK, the name of one, or a function that gives one' },
);
const systemMessage = z.looseObject({ role: z.literal('system'), content: z.string() });
const instructionsSchema = z.union([z.string(), systemMessage, z.array(systemMessage), aFunction], {
  error: 'expected a text, system messages or a function',
});
/** The other fields are checked by `defineAgent`. */
const optionsSchema = z.strictObject({
  type: z.string().min(1),
  connect: z.unknown().optional(),
  disconnect: z.unknown().optional(),
  initArgs: z.unknown().optional(),
  budget: z.union([z.literal(true), callPrices], { error: 'expected true or prices' }).optional(),
  capabilities: z.unknown().optional(),
  quota: z.unknown().optional(),
  onLimit: z.unknown().optional(),
  variables: z.unknown().optional(),
  model: modelSchema,
  instructions: instructionsSchema.optional(),
  tools: z
    .custom((value) => typeof value === 'function' || (typeof value === 'object' && value !== null), {
      error: 'expected tools by name, or a function that gives them',
    })
    .optional(),
  toolApproval: z
    .custom((value) => typeof value === 'function' || (typeof value === 'object' && value !== null), {
      error: 'expected statuses by the names of tools, or a function that gives them',
    })
    .optional(),
  maxRepeats: z.int().min(1).optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
  stopWhen: z.union([aFunction, z.array(aFunction)]).optional(),
  conversation: z
    .union([z.literal(true), z.strictObject({ of: aFunction.optional(), trim: aFunction.optional() })], {
      error: 'expected true or { of?, trim? }',
    })
    .optional(),
  tasks: z.record(
    z.string(),
    z.looseObject({
      prompt: aFunction,
      repairs: z.int().min(0).optional(),
      stream: z.boolean().optional(),
      instructions: instructionsSchema.optional(),
      conversation: z.boolean().optional(),
    }),
  ),
});

/**
 * Defines a type of agent whose tasks are done by a language model of the AI SDK (`ai`).
 *
 * The result of each call of the model, and of each call of a tool, is kept before it is used. After a crash, a wait
 * for a quota or a restart of the program the task goes on after the last of them: no answered call is paid twice.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field that was not as expected
 */
export function defineModelAgent<
  Sent extends Types,
  In extends Types,
  Out extends Types,
  Asked extends Types,
  SentArgs = unknown,
  Args = unknown,
  Resources = undefined,
  Ref extends VariableRef = string,
>(
  options: DefineModelAgentOptions<SentArgs, Args, Sent, In, Out, Asked, Resources, Ref>,
): AgentDefinition<
  SentArgs,
  {
    [Name in keyof Asked & string]: {
      input: Name extends keyof Sent ? Sent[Name] : unknown;
      output: Name extends keyof Out ? (unknown extends Out[Name] ? string : Out[Name]) : string;
      chunk: string;
    };
  }
> {
  parseInput(optionsSchema, options, { what: 'defineModelAgent' });
  const given = options as unknown as Erased;
  const { type, initArgs, capabilities, variables, quota, onLimit, tasks } = given;
  for (const [name, { output }] of Object.entries(tasks)) assertOutput(name, output);
  const definition = defineAgent({
    type,
    ...(initArgs ? { initArgs } : {}),
    ...(capabilities ? { capabilities } : {}),
    ...(variables ? { variables } : {}),
    ...(quota === undefined ? {} : { quota }),
    ...(onLimit === undefined ? {} : { onLimit }),
    connect: (context: ConnectContext<unknown>) => lifeOf(given, context),
    disconnect: ({ resources, log }: { readonly resources: Life; readonly log: AgentLog }) =>
      given.disconnect?.({ resources: resources.resources, log }),
    init: ({ restored }: InitContext<unknown, Life>): ModelAgentState => ({
      conversations: (restored as ModelAgentState | undefined)?.conversations ?? {},
    }),
    tasks: Object.fromEntries(
      Object.entries(tasks).map(([name, task]) => {
        const rest = Object.fromEntries(Object.entries(task).filter(([field]) => !OURS.has(field)));
        const run = (context: TaskContext<ModelAgentState, unknown, Life>) => runTask(given, task, context);
        return [name, { ...rest, retry: task.retry ?? RETRY, run }];
      }),
    ) as never,
  } as never) as unknown as AnyAgentDefinition;
  // What the functions above close over is part of the definition's identity.
  return sealed({ ...definition, source: sourceOf(given) } as AnyAgentDefinition) as never;
}

/**
 * A model is told by JSON Schema what to answer. One that is only made when it is needed is not made here.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID`
 */
function assertOutput(task: string, output: FlexibleSchema<unknown> | undefined): void {
  if (typeof output === 'function' && !('~standard' in output)) return;
  try {
    // It may be a promise: what that fails with is told by the task.
    Promise.resolve(asSchema(output).jsonSchema).catch(() => undefined);
  } catch (thrown) {
    const message = `defineModelAgent: tasks.${task}.output: expected a schema with a JSON Schema, for the model: ${errorInfoOf(thrown).message}`;
    throw new AgentSystemError('AGENT_SPEC_INVALID', message, { cause: thrown });
  }
}

async function lifeOf(options: Erased, context: ConnectContext<unknown>): Promise<Life> {
  const { agentId, initArgs, env, signal, log } = context;
  const resources = await options.connect?.(context);
  try {
    const life: LifeContext = { agentId, initArgs, env, resources, signal, log };
    const model = typeof options.model === 'function' ? await options.model(life) : options.model;
    const tools = typeof options.tools === 'function' ? await options.tools(life) : (options.tools ?? {});
    const sources = Array.isArray(tools) ? (tools as readonly (ToolSet | ToolSource)[]) : [tools as ToolSet];
    for (const source of sources) assertTools(source);
    return { agentId, model, tools: sources, initArgs, resources };
  } catch (thrown) {
    await options.disconnect?.({ resources, log });
    throw thrown;
  }
}

async function runTask(
  options: Erased,
  task: ErasedTask,
  context: TaskContext<ModelAgentState, unknown, Life>,
): Promise<unknown> {
  const { input, state, variables, log, taskId } = context;
  const { agentId, model, tools, initArgs, resources } = context.resources;
  const given: PromptContext<unknown> = { agentId, taskId, input, initArgs, variables, resources, log };
  const prompt = await task.prompt(given);
  const asked = messagesFrom(prompt);
  const conversation = conversationOf(options, task);
  const key = conversation?.of?.(input) ?? '';
  const before = conversation === undefined ? [] : messagesOf(state, key);
  const instructions = task.instructions ?? options.instructions;
  const asks: ModelRunOptions = {
    model,
    instructions: typeof instructions === 'function' ? instructions(given) : instructions,
    messages: [...before, ...asked],
    tools: await toolsFor(context, tools),
    settings: options.settings ?? {},
    stopWhen: options.stopWhen,
    output: task.output,
    repairs: task.repairs ?? 1,
    toolApproval: options.toolApproval,
    maxRepeats: options.maxRepeats ?? MAX_REPEATS,
    isStreamed: task.stream === true,
    budget: options.budget === true ? {} : options.budget,
    onLimit: options.onLimit ?? 'park',
  };
  const answer = await runModel(context, asks);
  if (conversation !== undefined) {
    let asides = 0;
    const ask = async (aside: string | readonly ModelMessage[]): Promise<string> => {
      const beside = `trim:${(asides += 1)}:`;
      const { toolChoice: _, ...settings } = asks.settings;
      const plain = { tools: {}, settings, output: undefined, instructions: undefined, isStreamed: false };
      const { output } = await runModel(context, {
        ...asks,
        ...plain,
        beside,
        messages: toldWithoutTools(messagesFrom(aside)),
      });
      return output as string;
    };
    await remember(state, key, [...before, ...asked, ...answer.messages], conversation, { ask });
  }
  return answer.output;
}

function messagesFrom(prompt: string | readonly ModelMessage[]): ModelMessage[] {
  return typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : [...prompt];
}

async function toolsFor(
  task: TaskContext<unknown, unknown>,
  sources: readonly (ToolSet | ToolSource)[],
): Promise<ToolSet> {
  const tools: ToolSet = {};
  for (const source of sources) {
    const isSource = typeof (source as ToolSource).toolsFor === 'function';
    Object.assign(tools, isSource ? await (source as ToolSource).toolsFor(task) : source);
  }
  return tools;
}

function conversationOf({ conversation }: Erased, task: ErasedTask): ConversationOptions | undefined {
  if (conversation === undefined || task.conversation === false) return undefined;
  return conversation === true ? {} : conversation;
}

/** What tells versions of a model agent apart, besides the visible definition. */
function sourceOf(options: Erased): unknown {
  const { instructions, tools, toolApproval, settings, stopWhen, conversation, tasks, model } = options;
  const name = typeof model === 'object' ? `${model.provider}/${model.modelId}` : model;
  const kinds = Object.entries(tasks).map(([kind, { input: _input, ...task }]) => [kind, task]);
  const shown = typeof tools === 'object' ? Object.keys(tools) : tools;
  return {
    model: name,
    instructions,
    tools: shown,
    toolApproval,
    settings,
    stopWhen,
    conversation,
    tasks: kinds,
  };
}
