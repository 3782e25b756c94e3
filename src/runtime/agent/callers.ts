/**
 * Callers that wait for the same thing, an agent's start or its end: each is told once, in the order of asking, when the
 * event that tells of it was committed.
 */
import type { CommitObserver } from '../journal/journal.ts';
import type { AgentSystemError } from '../values/errors.ts';

interface Caller<Told> {
  /** Makes what it gets of what all are told; without it, it gets that. */
  readonly answer: ((told: Told) => unknown) | undefined;
  readonly waiting: PromiseWithResolvers<unknown>;
}

export class Callers<Told> implements CommitObserver {
  /** The first caller; there is rarely another. */
  private first: Caller<Told> | undefined = undefined;
  private others: Caller<Told>[] | undefined = undefined;
  private told: Told | undefined = undefined;
  private failure: AgentSystemError | undefined = undefined;

  /** Resolves with the result of `answer`, or else with what all are told. */
  wait<Value = Told>(answer?: (told: Told) => Value): Promise<Value> {
    const waiting = Promise.withResolvers<unknown>();
    if (this.first === undefined) this.first = { answer, waiting };
    else (this.others ??= []).push({ answer, waiting });
    return waiting.promise as Promise<Value>;
  }

  /** At the commit they are told this, or refused if it failed. */
  toTell(told: Told, failure?: AgentSystemError): this {
    this.told = told;
    this.failure = failure;
    return this;
  }

  committed(error?: AgentSystemError): void {
    const refusal = this.failure ?? error;
    if (refusal !== undefined) return this.refuse(refusal);
    const told = this.told as Told;
    if (this.first !== undefined) tell(this.first, told);
    if (this.others !== undefined) for (const caller of this.others) tell(caller, told);
  }

  refuse(error: AgentSystemError): void {
    this.first?.waiting.reject(error);
    if (this.others !== undefined) for (const { waiting } of this.others) waiting.reject(error);
  }
}

function tell<Told>({ answer, waiting }: Caller<Told>, told: Told): void {
  waiting.resolve(answer === undefined ? told : answer(told));
}
