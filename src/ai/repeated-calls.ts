/**
 * How often a model has called a tool with the same input in a run of a task.
 *
 * I1  A call beyond the limit is not made: the model is told so, `WARNINGS` times. With the next one its work is aborted.
 * I2  A call that is none, of an unknown tool or with input that is not as its schema says, counts, too: the model is told
 *     what is wrong with each by the SDK.
 */

const WARNINGS = 2;

export class RepeatedCalls {
  readonly #max: number;
  readonly #error: (message: string) => Error;
  readonly #breakOff: (thrown: unknown) => void;
  readonly #times = new Map<string, number>();

  constructor(options: {
    readonly max: number;
    readonly error: (message: string) => Error;
    /** The error that the task ends with. */
    readonly breakOff: (thrown: unknown) => void;
  }) {
    this.#max = options.max;
    this.#error = options.error;
    this.#breakOff = options.breakOff;
  }

  /** @throws Error for one call too many: the model reads it, and may still do something else */
  count(toolName: string, input: unknown): void {
    const error = this.#counted(toolName, input, 'gives the same');
    if (error !== undefined) throw error;
  }

  countInvalid(toolName: string, input: unknown): void {
    this.#counted(toolName, input, 'is no valid call');
  }

  #counted(toolName: string, input: unknown, why: string): Error | undefined {
    const key = `${toolName} ${JSON.stringify(input)}`;
    const time = (this.#times.get(key) ?? 0) + 1;
    this.#times.set(key, time);
    if (time <= this.#max) return undefined;
    const what = `${toolName} was called ${time} times with the same input, and ${why}`;
    const error = this.#error(`${what}: expected an answer, or something else`);
    if (time > this.#max + WARNINGS) this.#breakOff(error);
    return error;
  }
}
