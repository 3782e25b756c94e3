/**
 * What a node tells of one body, on its way to the agent's object: in order, many at once where there are many.
 *
 * I1  One batch is on its way at a time; what is told meanwhile goes with the next.
 * I2  A batch that was not heard is told again, under the same numbers: the agent takes it once.
 */
import type { Usage } from '../runtime/hosting/host.ts';
import type { NodeReport } from './agent-turn.ts';
import { toAgent } from './calls.ts';
import type { EngineClient } from './engine-client.ts';
import type { ReportBatch } from './names.ts';

/** Of one batch. */
const MAX_REPORTS = 200;

export interface OutboxOptions {
  readonly engine: EngineClient;
  readonly agentId: string;
  readonly incarnation: number;
  readonly node: string;
  readonly now: () => number;
  readonly usage: () => Usage | undefined;
  /** The agent does not know this incarnation any more. */
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

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  tell(report: NodeReport): void {
    if (this.#isClosed) return;
    this.#waiting.push(report);
    if (!this.#isSending) void this.#send();
  }

  /** Nothing more is told: its node is no longer heard. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
  }

  /** Once all is told. */
  async settled(): Promise<void> {
    if (!this.#isSending) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #send(): Promise<void> {
    const { engine, agentId, incarnation, node, now, usage, disowned, failed } = this.#options;
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const reports = this.#waiting.splice(0, MAX_REPORTS);
      const batch: ReportBatch = {
        node,
        incarnation,
        first: this.#told + 1,
        reports,
        usage: usage(),
        at: now(),
      };
      this.#told += reports.length;
      const key = `${node} ${agentId} ${incarnation} ${batch.first} ${batch.at}`;
      try {
        const { isAlive } = await engine.call<{ isAlive: boolean }>(toAgent(agentId, 'report'), batch, {
          key,
        });
        if (!isAlive) disowned();
      } catch (thrown) {
        failed(thrown);
      }
    }
    this.#isSending = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
