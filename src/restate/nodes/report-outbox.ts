/**
 * The reports of one body on their way to the agent's object: in order, and in batches.
 *
 * I1  One batch is on its way at a time; later reports go with the next.
 * I2  A batch that was not acknowledged is sent again, under the same numbers: the agent takes it once.
 * I3  Once the body was given a task a batch is sent within `TOLD_WITHIN_MS`, if need be an empty one: what the agent
 *     holds back until then goes out with it (agent-performer.ts).
 */
import type { Usage } from '../../runtime/hosting/host.ts';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import type { NodeReport, RequestAnswer } from '../agent/agent-acts.ts';
import { toAgent } from '../engine/calls.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import type { ReportAnswer, ReportBatch } from '../engine/names.ts';

/** Of one batch. */
const MAX_REPORTS = 200;
/** How long the events of a task that has begun may wait for company, ms. */
const TOLD_WITHIN_MS = 100;

export interface OutboxOptions {
  readonly engine: EngineClient;
  readonly agentId: string;
  readonly incarnation: number;
  readonly node: string;
  readonly clock: SteadyClock;
  readonly usage: () => Usage | undefined;
  /** Its health is to be checked. */
  readonly watched: () => void;
  /** What tasks had asked with it. */
  readonly answered: (answer: RequestAnswer) => void;
  /** The agent no longer has this incarnation. */
  readonly disowned: () => void;
  readonly failed: (thrown: unknown) => void;
}

export class ReportOutbox {
  readonly #options: OutboxOptions;
  #waiting: NodeReport[] = [];
  #told = 0;
  #isSending = false;
  #isClosed = false;
  #idle: (() => void)[] = [];
  #expected: unknown;
  #isDue = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  tell(report: NodeReport): void {
    if (this.#isClosed) return;
    this.#waiting.push(report);
    if (!this.#isSending) void this.#send();
  }

  /** The body was given a task. */
  expect(): void {
    if (this.#isClosed) return;
    this.#expected ??= this.#options.clock.setTimeout(() => {
      this.#expected = undefined;
      this.#isDue = true;
      if (!this.#isSending) void this.#send();
    }, TOLD_WITHIN_MS);
  }

  /** Sends nothing more: reports of this node are no longer taken. */
  close(): void {
    this.#isClosed = true;
    this.#options.clock.clearTimeout(this.#expected);
    this.#waiting = [];
  }

  /** Resolves once all reports are taken. */
  async settled(): Promise<void> {
    if (!this.#isSending) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #send(): Promise<void> {
    const { engine, agentId, incarnation, node, clock, usage, failed } = this.#options;
    this.#isSending = true;
    while (this.#isDue || this.#waiting.length > 0) {
      clock.clearTimeout(this.#expected);
      this.#expected = undefined;
      this.#isDue = false;
      const reports = this.#waiting.splice(0, MAX_REPORTS);
      const batch = {
        node,
        incarnation,
        first: this.#told + 1,
        reports,
        usage: usage(),
      };
      this.#told += reports.length;
      try {
        // By the fleet's time: this machine's may be wrong.
        const told: ReportBatch = { ...batch, at: await engine.now() };
        this.#answered(await engine.call<ReportAnswer>(toAgent(agentId, 'report'), told, REPEATABLE));
      } catch (thrown) {
        failed(thrown);
      }
    }
    this.#isSending = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #answered({ isAlive, isWatched, answers }: ReportAnswer): void {
    const { answered, watched, disowned } = this.#options;
    for (const answer of answers) answered(answer);
    if (!isAlive) disowned();
    else if (isWatched) watched();
  }
}
