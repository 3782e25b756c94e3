/** Callers that wait for an agent's start, for its end, and for it to be paused or resumed: their tokens, kept with it. */
import type { ExitReason } from '../../machines/index.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import { startFailure } from '../../runtime/agent/life-messages.ts';
import { type Answer, refusalOf } from '../engine/call-answer.ts';
import type { AgentState } from './agent-state.ts';

export interface AgentCallersOwner {
  readonly state: AgentState;
  readonly record: AgentRecord;
  answer(token: string, answer: Answer): void;
}

export class AgentCallers {
  readonly #owner: AgentCallersOwner;
  /** Callers of pause and resume: answered with the agent's record at the end of the step. */
  #held: readonly string[] = [];

  constructor(owner: AgentCallersOwner) {
    this.#owner = owner;
  }

  forStart(token: string | undefined): void {
    if (token !== undefined) this.#owner.state.starting.push(token);
  }

  forEnd(token: string | undefined): void {
    if (token !== undefined) this.#owner.state.ending.push(token);
  }

  forHold(token: string | undefined): void {
    if (token !== undefined) this.#owner.state.holding.push(token);
  }

  /** @param failure why the start failed, if it did */
  answerStart(failure?: ExitReason): void {
    const { life, spec } = this.#owner.state;
    const answer: Answer =
      failure === undefined
        ? { value: life.context.incarnation }
        : { refusal: refusalOf(startFailure(spec, failure, undefined)) };
    this.#answerStarting(answer);
  }

  /** Answers them with the current record. */
  answerEnd(): void {
    const { state } = this.#owner;
    if (state.ending.length === 0) return;
    const { ending } = state;
    const answer = { value: this.#owner.record };
    state.ending = [];
    this.#answer(ending, answer);
  }

  /** Callers of forget wait like those of start. */
  answerForgotten(): void {
    this.#answerStarting({ value: undefined });
  }

  /** It was paused, or resumed: its callers are answered at the end of the step. */
  heldOrResumed(): void {
    const { state } = this.#owner;
    this.#held = [...this.#held, ...state.holding];
    state.holding = [];
  }

  stepEnded(): void {
    const held = this.#held;
    this.#held = [];
    for (const token of held) this.#owner.answer(token, { value: this.#owner.record });
  }

  #answerStarting(answer: Answer): void {
    const { state } = this.#owner;
    const { starting } = state;
    state.starting = [];
    this.#answer(starting, answer);
  }

  #answer(tokens: readonly string[], answer: Answer): void {
    for (const token of tokens) this.#owner.answer(token, answer);
  }
}
