/**
 * Callers that wait for the same thing, an agent's start or its end: each is told once, in the order of asking.
 */
import type { AgentSystemError } from '../values/errors.ts';

interface Caller<Told> {
  readonly answer: (told: Told) => unknown;
  readonly waiting: PromiseWithResolvers<unknown>;
}

export class Callers<Told> {
  /** The first caller; there is rarely another. */
  private first: Caller<Told> | undefined = undefined;
  private others: Caller<Told>[] | undefined = undefined;

  /** Resolves with the result of `answer`. */
  wait<Value>(answer: (told: Told) => Value): Promise<Value> {
    const waiting = Promise.withResolvers<unknown>();
    if (this.first === undefined) this.first = { answer, waiting };
    else (this.others ??= []).push({ answer, waiting });
    return waiting.promise as Promise<Value>;
  }

  tell(told: Told): void {
    this.first?.waiting.resolve(this.first.answer(told));
    if (this.others) for (const { answer, waiting } of this.others) waiting.resolve(answer(told));
  }

  refuse(error: AgentSystemError): void {
    this.first?.waiting.reject(error);
    if (this.others) for (const { waiting } of this.others) waiting.reject(error);
  }
}
