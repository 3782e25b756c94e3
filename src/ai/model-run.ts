/**
 * One run of one task of a model agent: the loop of model and tools, each step kept as it is done.
 *
 * Owns the run's keys, its abort and what it spent. The loop itself is the SDK's.
 *
 * I1  A later run of the same task begins with what the earlier ones kept, in order, and makes only the calls after that.
 * I2  If an attempt's answer was invalid, the next attempt uses none of what that attempt kept.
 */
import {
  generateText,
  type Instructions,
  isStepCount,
  type LanguageModel,
  type ModelMessage,
  NoObjectGeneratedError,
  Output,
  type StopCondition,
  streamText,
  type FlexibleSchema,
  type ToolSet,
} from 'ai';
import type { TaskContext } from '../agent.ts';
import type { BudgetAmount } from '../machines/index.ts';
import type { Reservation } from '../runtime/definition/task-abilities.ts';
import { AgentSystemError } from '../runtime/values/errors.ts';
import { type CallPrices, didCost, figuresOf, mayCost } from './call-cost.ts';
import { type CallParams, type CallUsage, durableModel, type ModelCalls } from './durable-model.ts';
import { durableTools } from './durable-tools.ts';
import { isRefusedCall } from './model-error.ts';
import { RepeatedCalls } from './repeated-calls.ts';
import { isOfTask } from './task-end.ts';
import { approvalBy, type ToolApproval } from './tool-approval.ts';

type Settings = Parameters<typeof generateText>[0];

/** What the SDK's calls take besides what a model agent gives them. */
export type ModelSettings = Pick<
  Settings,
  | 'maxOutputTokens'
  | 'temperature'
  | 'topP'
  | 'topK'
  | 'presencePenalty'
  | 'frequencyPenalty'
  | 'stopSequences'
  | 'seed'
  | 'headers'
  | 'providerOptions'
  | 'toolChoice'
>;

export interface ModelRunOptions {
  /** Begins the keys of a run beside the task's own. */
  readonly beside?: string;
  readonly model: LanguageModel;
  readonly instructions: Instructions | undefined;
  readonly messages: ModelMessage[];
  readonly tools: ToolSet;
  readonly settings: ModelSettings;
  readonly stopWhen: StopCondition<ToolSet> | readonly StopCondition<ToolSet>[] | undefined;
  /** Of one that gives an object. */
  readonly output: FlexibleSchema<unknown> | undefined;
  /** How often the model is asked again for an object that was not as asked. */
  readonly repairs: number;
  /** Which calls of tools a person has to approve. */
  readonly toolApproval: ToolApproval | undefined;
  /** How often a tool may be called with the same input. */
  readonly maxRepeats: number;
  readonly isStreamed: boolean;
  /** How calls are paid from the task's budgets; `undefined`: they are not. */
  readonly budget: CallPrices | undefined;
  readonly onLimit: 'park' | 'fail';
}

/** What the SDK tells of the end of a step. */
interface StepEnd {
  readonly response: { readonly messages: readonly ModelMessage[] };
  readonly toolCalls: readonly {
    readonly toolName: string;
    readonly input: unknown;
    readonly invalid?: boolean | undefined;
  }[];
}

export interface ModelAnswer {
  readonly output: unknown;
  /** What the conversation goes on with: the model's and its tools' messages. */
  readonly messages: readonly ModelMessage[];
}

/** The model has ended its work without an answer, or its answer is not as asked. */
export class ModelAnswerError extends Error {
  override readonly name = 'ModelAnswerError';
  /** What it said instead. */
  readonly text: string | undefined;

  constructor(message: string, text: string | undefined) {
    super(message);
    this.text = text;
  }
}

const STEPS = 20;
/** What is wrong with an object that ends in the middle; the words of its parser would not say it. */
const CUT_OFF = 'it was cut off, for it is longer than an answer may be (finish reason: length)';
/** Reasons to finish after which the text so far is no answer. */
const NO_ANSWER: ReadonlySet<string> = new Set(['content-filter', 'error']);
/** How much of a model's text an error quotes. */
const MAX_TEXT = 1_000;

export async function runModel(
  context: TaskContext<unknown, unknown>,
  options: ModelRunOptions,
): Promise<ModelAnswer> {
  const run = new ModelRun(context, options);
  try {
    return await run.answer();
  } finally {
    run.end();
  }
}

class ModelRun {
  readonly #context: TaskContext<unknown, unknown>;
  readonly #options: ModelRunOptions;
  readonly #abort = new AbortController();
  readonly #approval: ReturnType<typeof approvalBy>;
  /** How many invalid answers this run has had in the task's attempts. */
  readonly #failed: number;
  #calls = 0;
  /** Inputs that people have given calls in place of the model's, by the place of the call. */
  readonly #changed = new Map<string, unknown>();
  /** An error that ends the task, and is not reported to the model. */
  #broken: { readonly thrown: unknown } | undefined;

  constructor(context: TaskContext<unknown, unknown>, options: ModelRunOptions) {
    this.#context = context;
    this.#options = options;
    this.#approval = approvalBy(options.toolApproval, context, {
      keyOf: (toolCallId) => `${this.#prefix}approve:${this.#calls}:${toolCallId}`,
      change: (toolCallId, input) => this.#changed.set(`${this.#calls}:${toolCallId}`, input),
    });
    this.#failed = [...context.steps.keys()].filter((key) => key.startsWith(this.#failures)).length;
    if (context.signal.aborted) this.#aborted();
    else context.signal.addEventListener('abort', this.#aborted, { once: true });
  }

  async answer(): Promise<ModelAnswer> {
    const { repairs, messages } = this.#options;
    const said: ModelMessage[] = [];
    for (let repair = 0; ; repair += 1) {
      const heard: ModelMessage[] = [];
      try {
        const { output, messages: answered } = await this.#ask([...messages, ...said], heard);
        return { output, messages: [...said, ...answered] };
      } catch (thrown) {
        if (!NoObjectGeneratedError.isInstance(thrown)) throw thrown;
        const { text = '', cause, finishReason } = thrown;
        const fault = cause instanceof Error ? cause.message : thrown.message;
        const why = finishReason === 'length' ? CUT_OFF : fault;
        if (repair >= repairs) throw await this.#noAnswer(`the model's answer is not as asked: ${why}`, text);
        // With the results of its tools, which are not called again.
        said.push(...heard);
        said.push({
          role: 'user',
          content: `That is not as asked: ${short(why)}\nAnswer again, with nothing but what was asked for.`,
        });
      }
    }
  }

  end(): void {
    this.#context.signal.removeEventListener('abort', this.#aborted);
  }

  /** @param heard what the model and its tools say on the way */
  async #ask(messages: ModelMessage[], heard: ModelMessage[]): Promise<ModelAnswer> {
    const { output: schema, stopWhen = isStepCount(STEPS), settings, instructions, tools } = this.#options;
    const repeated = new RepeatedCalls({
      max: this.#options.maxRepeats,
      error: (message) => new ModelAnswerError(message, undefined),
      breakOff: (thrown) => this.#breakOff(thrown),
    });
    const asked = {
      ...settings,
      ...(instructions === undefined ? {} : { instructions }),
      ...(schema === undefined ? {} : { output: Output.object({ schema }) }),
      model: durableModel(this.#options.model, this.#modelCalls()),
      messages,
      tools: durableTools(tools, {
        task: this.#context,
        prefix: this.#prefix,
        modelCall: () => this.#calls,
        changed: this.#changed,
        breakOff: (thrown) => this.#breakOff(thrown),
        repeated,
      }),
      toolApproval: this.#approval,
      stopWhen: stopWhen as StopCondition<ToolSet>,
      onStepEnd: ({ response, toolCalls }: StepEnd) => {
        heard.push(...response.messages);
        for (const { toolName, input, invalid } of toolCalls)
          if (invalid === true) repeated.countInvalid(toolName, input);
      },
      // The fleet waits and retries: there it is visible, and survives the program.
      maxRetries: 0,
      abortSignal: this.#abort.signal,
    };
    try {
      if (this.#options.isStreamed) return await this.#streamed(asked);
      const result = await generateText(asked as Settings);
      return await this.#answerOf(result.text, schema === undefined ? undefined : () => result.output, {
        finishReason: result.finishReason,
        messages: result.responseMessages,
        steps: result.steps.length,
      });
    } catch (thrown) {
      if (this.#broken !== undefined) throw this.#broken.thrown;
      this.#context.signal.throwIfAborted();
      throw thrown;
    }
  }

  async #streamed(asked: Parameters<typeof streamText>[0]): Promise<ModelAnswer> {
    const result = streamText({ ...asked, onError: () => undefined });
    for await (const part of result.stream) {
      if (part.type === 'error') throw part.error;
      if (part.type === 'text-delta') await this.#context.emit(part.text);
    }
    // A stream that was broken off may end without an error.
    if (this.#broken !== undefined) throw this.#broken.thrown;
    const [text, finishReason, messages, steps] = await Promise.all([
      result.text,
      result.finishReason,
      result.responseMessages,
      result.steps,
    ]);
    const isObject = this.#options.output !== undefined;
    const output = isObject ? await result.output : undefined;
    return this.#answerOf(text, isObject ? () => output : undefined, {
      finishReason,
      messages,
      steps: steps.length,
    });
  }

  async #answerOf(
    text: string,
    object: (() => unknown) | undefined,
    end: {
      readonly finishReason: string;
      readonly messages: readonly ModelMessage[];
      readonly steps: number;
    },
  ): Promise<ModelAnswer> {
    const { finishReason, messages, steps } = end;
    if (finishReason === 'tool-calls') {
      throw await this.#noAnswer(`the model was stopped after ${steps} steps without an answer`, text);
    }
    if (NO_ANSWER.has(finishReason) || (text === '' && finishReason !== 'stop')) {
      throw await this.#noAnswer(`the model gave no answer: ${finishReason}`, text);
    }
    if (object !== undefined) return { output: object(), messages };
    // It may be just what was wanted: its caller gets it.
    if (finishReason === 'length') this.#context.log.warn('the answer was cut off', { finishReason });
    return { output: text, messages };
  }

  async #noAnswer(message: string, text: string | undefined): Promise<ModelAnswerError> {
    await this.#context.step(`${this.#failures}${this.#failed}`, () => true);
    return new ModelAnswerError(short(message), text === undefined ? undefined : short(text));
  }

  get #prefix(): string {
    return `${this.#begin}${this.#failed}:`;
  }

  /** Begins the keys of invalid answers: a run beside the task's own counts its own alone. */
  get #failures(): string {
    return `${this.#begin}failed:`;
  }

  get #begin(): string {
    return `ai:${this.#options.beside ?? ''}`;
  }

  #modelCalls(): ModelCalls {
    const { steps } = this.#context;
    return {
      next: () => {
        const key = `${this.#prefix}model:${this.#calls}`;
        this.#calls += 1;
        if (steps.has(key)) return { kept: steps.get(key) };
        return {
          keep: async (value, usage) => {
            await this.#context.step(key, () => value);
            // Progress is reported also for tasks that stream nothing.
            this.#context.progress({ model: 'answered', call: this.#calls, usage: figuresOf(usage) });
          },
        };
      },
      paid: async (params, call, usageOf) => {
        try {
          return await this.#paid(params, call, usageOf);
        } catch (thrown) {
          // Left to itself the SDK would replace the error of a stream by its own.
          if (isOfTask(thrown)) this.#breakOff(thrown);
          throw thrown;
        }
      },
      progressed: (model) => this.#context.progress({ model }),
    };
  }

  async #paid<Result>(
    params: CallParams,
    call: () => PromiseLike<Result>,
    usageOf: (result: Result) => CallUsage | undefined,
  ): Promise<Result> {
    const { budget } = this.#options;
    if (budget === undefined) return call();
    const reservation = await this.#reserve(mayCost(params, budget));
    let result: Result;
    try {
      result = await call();
    } catch (thrown) {
      // A refused call costs nothing. The cost of any other failed call is unknown: its reservation counts as used.
      if (isRefusedCall(thrown)) await settled(reservation.release());
      throw thrown;
    }
    const usage = usageOf(result);
    // Where the provider does not say what it has cost, all that was reserved counts as used.
    const cost = usage && didCost(usage, budget);
    if (cost !== undefined) await settled(reservation.settle(cost));
    return result;
  }

  /** A budget that is spent is a limit, where it is known when it is refilled. */
  async #reserve(amount: BudgetAmount): Promise<Reservation> {
    try {
      return await this.#context.budget.reserve(amount);
    } catch (thrown) {
      if (!(thrown instanceof AgentSystemError) || thrown.code !== 'BUDGET_EXHAUSTED') throw thrown;
      const until = (thrown.details as { readonly refillAt?: number } | undefined)?.refillAt;
      if (until !== undefined && this.#options.onLimit === 'park')
        this.#context.park({ until, why: thrown.message });
      throw thrown;
    }
  }

  readonly #aborted = (): void => {
    this.#abort.abort(this.#context.signal.reason);
  };

  #breakOff(thrown: unknown): void {
    this.#broken ??= { thrown };
    this.#abort.abort(thrown);
  }
}

/** While the store fails a settlement is refused, and done all the same: what the call has come to counts for more. */
async function settled(settlement: Promise<void>): Promise<void> {
  try {
    await settlement;
  } catch (thrown) {
    if (!(thrown instanceof AgentSystemError) || thrown.code !== 'STORE_FAILED') throw thrown;
  }
}

function short(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}
