/**
 * Those who wait for the same thing of an agent, its start or its end: each is told once, in the order of asking.
 */
import type { AgentSystemError } from '../values/errors.ts';

interface Caller<Told> {
  readonly answer: (told: Told) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: AgentSystemError) => void;
}

export class Callers<Told> {
  readonly #waiting: Caller<Told>[] = [];

  /** Resolves with what `answer` makes of what is told. */
  wait<Value>(answer: (told: Told) => Value): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ answer, resolve, reject });
    return promise as Promise<Value>;
  }

  tell(told: Told): void {
    for (const { answer, resolve } of this.#waiting) resolve(answer(told));
  }

  refuse(error: AgentSystemError): void {
    for (const { reject } of this.#waiting) reject(error);
  }
}
