/**
 * Questions to one agent's body: which tasks does it take now?
 *
 * Owns the callers that wait for an answer, and their deadlines. Answers are not cached.
 *
 * I1  Every question is settled: with the body's answer, at its deadline, or when the body is gone.
 */
import type { HealthPolicy } from '../../machines/index.ts';
import type { AskedTask, Offer } from '../definition/agent-self.ts';
import type { BodyReport, BodyRequest } from '../hosting/host.ts';
import type { SteadyClock } from '../time/clock.ts';
import { AgentSystemError } from '../values/errors.ts';

/** The agent that is asked. */
export interface OffersOwner {
  readonly id: string;
  readonly clock: SteadyClock;
  post(request: BodyRequest): void;
}

interface Question {
  readonly resolve: (offer: Offer) => void;
  readonly reject: (error: AgentSystemError) => void;
  readonly timer: unknown;
}

export class Offers {
  readonly #owner: OffersOwner;
  #timeoutMs: number;
  readonly #open = new Map<number, Question>();
  #asked = 0;

  constructor(owner: OffersOwner, { timeoutMs }: Pick<HealthPolicy, 'timeoutMs'>) {
    this.#owner = owner;
    this.#timeoutMs = timeoutMs;
  }

  /** Changes the deadline of later questions. */
  follow({ timeoutMs }: Pick<HealthPolicy, 'timeoutMs'>): void {
    this.#timeoutMs = timeoutMs;
  }

  /** @throws AgentSystemError `TASK_TIMED_OUT` for a body that does not answer, `AGENT_NOT_RUNNING` for one that ends */
  ask(task: AskedTask | undefined, isOutlined = false): Promise<Offer> {
    const { promise, resolve, reject } = Promise.withResolvers<Offer>();
    const { id, clock } = this.#owner;
    this.#asked += 1;
    const questionId = this.#asked;
    const timeoutMs = this.#timeoutMs;
    const timer = clock.setTimeout(() => {
      this.#open.delete(questionId);
      const message = `agent ${id} did not say within ${timeoutMs} ms what it takes`;
      reject(new AgentSystemError('TASK_TIMED_OUT', message, { agentId: id }));
    }, timeoutMs);
    this.#open.set(questionId, { resolve, reject, timer });
    const what = { ...(task ? { task } : {}), ...(isOutlined ? { isOutlined } : {}) };
    this.#owner.post({ type: 'offer.asked', questionId, ...what });
    return promise;
  }

  /** A late answer is dropped. */
  answered({ questionId, offer }: Extract<BodyReport, { type: 'offer.told' }>): void {
    const question = this.#open.get(questionId);
    if (question === undefined) return;
    this.#open.delete(questionId);
    this.#owner.clock.clearTimeout(question.timer);
    question.resolve(offer);
  }

  /** The body is gone. */
  giveUp(): void {
    for (const { reject, timer } of this.#open.values()) {
      this.#owner.clock.clearTimeout(timer);
      const message = `agent ${this.#owner.id} has ended before it said what it takes`;
      reject(new AgentSystemError('AGENT_NOT_RUNNING', message, { agentId: this.#owner.id }));
    }
    this.#open.clear();
  }
}
