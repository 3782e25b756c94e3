/**
 * The reports of one body on their way to the agent's object: in order, and in batches.
 *
 * I1  One batch is on its way at a time; later reports go with the next.
 * I2  A batch that was not acknowledged is sent again, under the same numbers: the agent takes it once.
 * I3  Once the body was given a task a batch is sent within `TOLD_WITHIN_MS`, if need be an empty one: what the agent
 *     holds back until then goes out with it (agent-performer.ts).
 * I4  What is larger than the engine takes goes by itself, and where that is too large, a small one says so in its place:
 *     nobody waits for ever for what cannot be sent.
 * I5  What the code that answers for the agent cannot take comes again every `UNREAD_AGAIN_MS`.
 */
import type { Usage } from '../../runtime/hosting/host.ts';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { within } from '../../runtime/time/deadline.ts';
import type { NodeReport, RequestAnswer } from '../agent/agent-acts.ts';
import { UNREAD_AGAIN_MS } from '../agent/agent-commands.ts';
import { toAgent } from '../engine/calls.ts';
import { type EngineClient, isTooLarge, REPEATABLE } from '../engine/engine-client.ts';
import type { ReportAnswer, ReportBatch } from '../engine/names.ts';
import { smallReportOf, tooLarge } from './small-report.ts';

/** Of one batch. */
const MAX_REPORTS = 200;
/** How long the events of a task that has begun may wait for company, ms. */
const TOLD_WITHIN_MS = 100;

export interface ReportQueueOptions {
  readonly engine: EngineClient;
  readonly agentId: string;
  readonly incarnation: number;
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

export class ReportQueue {
  readonly #options: ReportQueueOptions;
  #waiting: NodeReport[] = [];
  #told = 0;
  #isSending = false;
  #isClosed = false;
  #idle: (() => void)[] = [];
  #expected: unknown;
  #isDue = false;
  /** Goes on with a batch that was not taken. */
  #again: (() => void) | undefined;

  constructor(options: ReportQueueOptions) {
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
    this.#again?.();
  }

  /** Resolves once all reports are taken. */
  async settled(): Promise<void> {
    if (!this.#isSending) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #send(): Promise<void> {
    const { clock } = this.#options;
    this.#isSending = true;
    while (this.#isDue || this.#waiting.length > 0) {
      clock.clearTimeout(this.#expected);
      this.#expected = undefined;
      this.#isDue = false;
      const reports = this.#waiting.splice(0, MAX_REPORTS);
      this.#told += reports.length;
      await this.#deliver(reports, this.#told - reports.length + 1);
    }
    this.#isSending = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /**
   * @param first number of the first
   * @param isSmall one that cannot be made smaller
   */
  async #deliver(reports: readonly NodeReport[], first: number, isSmall = false): Promise<void> {
    const { engine, agentId, incarnation, usage, failed } = this.#options;
    const batch = { incarnation, first, reports, usage: usage() };
    try {
      for (;;) {
        // By the fleet's time: this machine's may be wrong.
        const told: ReportBatch = { ...batch, at: await engine.now() };
        const answer = await engine.call<ReportAnswer>(toAgent(agentId, 'report'), told, REPEATABLE);
        if (answer.isUnread !== true) return this.#answered(answer);
        await this.#pause();
        if (this.#isClosed) return;
      }
    } catch (thrown) {
      if (!isTooLarge(thrown) || isSmall) return failed(thrown);
      if (reports.length > 1) {
        for (const [index, report] of reports.entries()) await this.#deliver([report], first + index);
        return;
      }
      await this.#deliverSmall(reports[0], first, thrown);
    }
  }

  /** Ends early with `close`. */
  async #pause(): Promise<void> {
    if (this.#isClosed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#again = resolve;
    await within(this.#options.clock, UNREAD_AGAIN_MS, promise, () => undefined);
    this.#again = undefined;
  }

  /** In place of one that is too large by itself. */
  async #deliverSmall(report: NodeReport | undefined, first: number, thrown: unknown): Promise<void> {
    const { answered, failed } = this.#options;
    failed(thrown);
    if (report === undefined) return;
    const small = smallReportOf(report);
    if (report.type === 'request.made') {
      const { requestId, taskId } = report;
      const error = tooLarge('what is asked for');
      answered({ type: 'request.refused', requestId, taskId, code: 'REQUEST_INVALID', error });
    }
    await this.#deliver([small], first, true);
  }

  #answered({ isAlive, isWatched, answers }: ReportAnswer): void {
    const { answered, watched, disowned } = this.#options;
    for (const answer of answers) answered(answer);
    if (!isAlive) disowned();
    else if (isWatched) watched();
  }
}
