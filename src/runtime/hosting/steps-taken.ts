/**
 * The steps of one run of a task: those that an earlier run kept, and those of its own.
 *
 * I1  Questions that a step asks without a key are numbered apart from those of the task, as a later run skips the step
 *     with all that it asked.
 * I2  Each call is given a result of its own, which its task may change.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { isThenable } from '../values/thenable.ts';

/** The step whose work goes on: a task may ask beside its steps, and a step may call agents of the same program. */
const working = new AsyncLocalStorage<{ readonly steps: StepsTaken; readonly key: string }>();

export class StepsTaken {
  /** Results by key: none of them is handed out. */
  readonly #kept: Map<string, unknown>;
  readonly #taking = new Map<string, Promise<unknown>>();
  /** How many questions without a key each has asked, in all its tries. */
  readonly #asked = new Map<string, number>();

  constructor(before: readonly (readonly [key: string, value: unknown])[] = []) {
    this.#kept = new Map(before);
  }

  /**
   * @param keep makes a result durable
   * @throws AgentSystemError `REQUEST_INVALID` for what is no step
   */
  take(
    key: string,
    work: () => unknown,
    keep: (key: string, value: unknown) => Promise<unknown>,
  ): Promise<unknown> {
    if (typeof key !== 'string' || key === '' || typeof work !== 'function') {
      const message = `step: expected a key and a function, got ${inWords(key)} and ${inWords(work)}`;
      return Promise.reject(new AgentSystemError('REQUEST_INVALID', message));
    }
    if (this.#kept.has(key)) return Promise.resolve(dataCopy(this.#kept.get(key)));
    const underWay = this.#taking.get(key);
    if (underWay) return underWay.then(() => dataCopy(this.#kept.get(key)));
    const taking = this.#take(key, work, keep).finally(() => this.#taking.delete(key));
    this.#taking.set(key, taking);
    return taking;
  }

  /** A key for a question that has none, if it is a step that asks. */
  nextQuestion(): string | undefined {
    const step = working.getStore();
    if (step?.steps !== this) return undefined;
    const asked = (this.#asked.get(step.key) ?? 0) + 1;
    this.#asked.set(step.key, asked);
    return `${step.key}:${asked}`;
  }

  async #take(
    key: string,
    work: () => unknown,
    keep: (key: string, value: unknown) => Promise<unknown>,
  ): Promise<unknown> {
    const result = working.run({ steps: this, key }, work);
    const value: unknown = isThenable(result) ? await result : result;
    await keep(key, value);
    this.#kept.set(key, dataCopy(value));
    return value;
  }
}
