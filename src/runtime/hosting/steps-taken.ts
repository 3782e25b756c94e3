/** The steps of one run of a task: those that an earlier run kept, and those of its own. */
import { AgentSystemError, inWords } from '../values/errors.ts';
import { isThenable } from '../values/thenable.ts';

export class StepsTaken {
  /** Results by key. A task may read them, and is not given ours. */
  readonly kept: Map<string, unknown>;
  readonly #taking = new Map<string, Promise<unknown>>();

  constructor(before: readonly (readonly [key: string, value: unknown])[] = []) {
    this.kept = new Map(before);
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
    if (this.kept.has(key)) return Promise.resolve(this.kept.get(key));
    let taking = this.#taking.get(key);
    if (taking === undefined) {
      taking = this.#take(key, work, keep).finally(() => this.#taking.delete(key));
      this.#taking.set(key, taking);
    }
    return taking;
  }

  async #take(
    key: string,
    work: () => unknown,
    keep: (key: string, value: unknown) => Promise<unknown>,
  ): Promise<unknown> {
    const result = work();
    const value: unknown = isThenable(result) ? await result : result;
    await keep(key, value);
    this.kept.set(key, value);
    return value;
  }
}
