/**
 * The stream of a task that another agent does for this one, as the task that reads it sees it.
 *
 * Asks its system for each chunk: what is not asked for stays there, and holds the other task back.
 *
 * I1  Chunks are given in order, each once, all of them before the end: `done` after an output, a throw after a failure.
 * I2  `return`, as a `break` of a loop calls it, cancels the task, and resolves once that is over.
 */
import type { TaskStream } from '../definition/task-stream.ts';
import type { AskSystem } from './ask-system.ts';

type Step = IteratorResult<unknown, undefined>;

const DONE: Step = Object.freeze({ done: true, value: undefined });

export class CalledStream implements TaskStream {
  readonly output: Promise<unknown>;
  readonly #system: AskSystem;
  readonly #id: number;
  /** Reads are answered one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #isOver = false;

  /** @param id no other stream of its task has it */
  constructor(system: AskSystem, id: number, call: object, signal: AbortSignal | undefined) {
    this.#system = system;
    this.#id = id;
    this.output = system.ask('agents.stream', { id, ...call }, signal);
    // The reader gets the error, too.
    this.output.catch(() => undefined);
  }

  next(): Promise<Step> {
    const step = this.#last.then(() => this.#read());
    this.#last = step.catch(() => undefined);
    return step;
  }

  async #read(): Promise<Step> {
    if (this.#isOver) return DONE;
    const read = (await this.#system.ask('agents.stream.read', { id: this.#id })) as {
      readonly chunk?: unknown;
      readonly isOver?: true;
    };
    if (!read.isOver) return { done: false, value: read.chunk };
    if (this.#isOver) return DONE;
    this.#isOver = true;
    // A failure is thrown once.
    await this.output;
    return DONE;
  }

  async return(): Promise<Step> {
    this.#isOver = true;
    await this.#system.ask('agents.stream.close', { id: this.#id });
    await this.output.catch(() => undefined);
    return DONE;
  }

  async throw(thrown?: unknown): Promise<Step> {
    await this.return();
    throw thrown;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
